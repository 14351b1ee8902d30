//! Damaged, truncated and foreign files: a typed error or a harmless answer, never a panic.

#![allow(
    clippy::unwrap_used,
    reason = "a failed expectation stops the test, in its helpers too"
)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use alike_indexes::{BuildSettings, Effort, IndexError, Kind, Metric, Request, RowSet, Scratch, VectorsView};
use support::{Random, check_shape, clustered};
use tempfile::TempDir;

const DIMENSION: usize = 12;
const ROWS: usize = 3_000;

/// Bytes of header and section table.
fn head(bytes: &[u8]) -> usize {
    64 + 48 * support::fixtures::sections(bytes).len()
}

/// A file of every kind, with every section there is.
fn written(folder: &TempDir) -> Vec<(PathBuf, Vec<u8>)> {
    let mut values = clustered(ROWS, DIMENSION, 9, 29, 1);
    values.copy_within(..DIMENSION * 5, DIMENSION * 100);
    let write = |kind: Kind| {
        let path = folder.path().join(kind.name());
        let settings = BuildSettings {
            m: 4,
            ef_construction: 40,
            ..BuildSettings::new(kind, Metric::L2)
        };
        alike_indexes::build(
            VectorsView::new(&values, DIMENSION).unwrap(),
            &settings,
            &|_| (),
            &path,
        )
        .unwrap();
        let bytes = fs::read(&path).unwrap();
        (path, bytes)
    };
    Kind::ALL.map(write).into_iter().collect()
}

/// Opens and uses a file; whatever it holds, this must not panic. Says whether it was refused.
fn refused(path: &Path) -> bool {
    let Ok(index) = alike_indexes::open(path) else {
        return true;
    };
    let damaged = alike_indexes::verify(path).is_err();
    let mut scratch = Scratch::new();
    let filter: RowSet = (0..index.len()).map(|row| row % 10 > 0).collect();
    for filter in [None, Some(&filter)] {
        let request = Request {
            k: 10,
            effort: Effort::Beam(10),
            filter,
        };
        index.search(&[0.3; DIMENSION], &request, &mut scratch).unwrap();
        assert!(scratch.neighbors().len() == 10);
        if !damaged {
            check_shape(index.as_ref(), &scratch, filter);
        }
    }
    damaged
}

#[test]
fn whole_files_open_and_verify() {
    let folder = TempDir::new().unwrap();
    for (path, bytes) in written(&folder) {
        assert!(!refused(&path));
        assert_eq!(alike_indexes::open(&path).unwrap().bytes(), bytes.len() as u64);
    }
}

#[test]
fn a_file_cut_anywhere_is_refused_when_opened() {
    let folder = TempDir::new().unwrap();
    for (path, bytes) in written(&folder) {
        let mut random = Random(1);
        let sampled = (0..60).map(|_| random.next() as usize % bytes.len());
        for len in (0..head(&bytes) + 70).chain(sampled).chain([bytes.len() - 1]) {
            fs::write(&path, &bytes[..len]).unwrap();
            let error = alike_indexes::open(&path).expect_err("a cut file");
            let named = matches!(error, IndexError::NotAnIndex { .. } | IndexError::Damaged { .. });
            assert!(
                named && error.to_string().contains(&path.display().to_string()),
                "{len}: {error}"
            );
        }
        fs::write(&path, [&bytes[..], &[0]].concat()).unwrap();
        assert!(alike_indexes::open(&path).is_err(), "a longer file");
    }
}

#[test]
fn a_flipped_bit_in_the_head_is_refused_when_opened() {
    let folder = TempDir::new().unwrap();
    for (path, bytes) in written(&folder) {
        for bit in 0..head(&bytes) * 8 {
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, &damaged).unwrap();
            assert!(alike_indexes::open(&path).is_err(), "bit {bit} of the head");
        }
    }
}

#[test]
fn a_flipped_bit_in_a_section_is_found_and_never_panics() {
    let folder = TempDir::new().unwrap();
    for (path, bytes) in written(&folder) {
        let mut random = Random(2);
        for _ in 0..400 {
            let bit = random.next() as usize % (bytes.len() * 8);
            let mut damaged = bytes.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, &damaged).unwrap();
            assert!(refused(&path), "bit {bit}");
        }
    }
}

/// Whole sections of nonsense, which only `verify` sees: searches stay inside the file and end.
#[test]
fn nonsense_in_sections_gives_bad_answers_but_no_panic() {
    let folder = TempDir::new().unwrap();
    let (path, bytes) = written(&folder).remove(1);
    for (seed, start) in [(1, 4096), (2, bytes.len() / 2), (3, head(&bytes) + 1_500)] {
        let mut random = Random(seed);
        for mask in [0, 0x0f0f_0f0f, u64::MAX] {
            let mut damaged = bytes.clone();
            for word in damaged[start & !3..].chunks_exact_mut(4) {
                let value = if mask == 0 {
                    random.next() % ROWS as u64
                } else {
                    random.next() & mask
                };
                word.copy_from_slice(&(value as u32).to_le_bytes());
            }
            fs::write(&path, &damaged).unwrap();
            assert!(alike_indexes::verify(&path).is_err());
            refused(&path);
        }
    }
}

#[test]
fn other_files_are_told_apart() {
    let folder = TempDir::new().unwrap();
    let (path, bytes) = written(&folder).remove(0);
    let error = |content: &[u8]| {
        fs::write(&path, content).unwrap();
        alike_indexes::open(&path).unwrap_err()
    };
    assert!(matches!(error(b""), IndexError::NotAnIndex { .. }));
    assert!(matches!(
        error(b"PK\x03\x04 something else entirely, long enough to be a header"),
        IndexError::NotAnIndex { .. }
    ));
    let mut newer = bytes.clone();
    newer[8] = 9;
    assert!(matches!(
        error(&newer),
        IndexError::Version {
            found: 9,
            expected: 2,
            ..
        }
    ));
    assert!(matches!(
        alike_indexes::open(folder.path()).unwrap_err(),
        IndexError::NotAnIndex { .. } | IndexError::Io { .. }
    ));
    let missing = alike_indexes::open(&folder.path().join("missing")).unwrap_err();
    assert!(matches!(missing, IndexError::Io { .. }) && missing.to_string().contains("could not open"));
}

#[test]
fn a_build_replaces_a_file_whole_and_a_failed_one_leaves_it() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("index");
    let settings = BuildSettings::new(Kind::Flat, Metric::Cosine);
    let build = |values: &[f32]| {
        alike_indexes::build(VectorsView::new(values, 2).unwrap(), &settings, &|_| (), &path)
    };
    build(&[1.0, 0.0]).unwrap();
    let old = alike_indexes::open(&path).unwrap();
    assert!(build(&[0.0, 0.0]).is_err());
    build(&[1.0, 0.0, 0.0, 1.0]).unwrap();
    assert_eq!(
        (old.len(), alike_indexes::open(&path).unwrap().len()),
        (1, 2),
        "an open map keeps the old file"
    );
    let nowhere = folder.path().join("missing").join("index");
    let error =
        alike_indexes::build(VectorsView::new(&[1.0], 1).unwrap(), &settings, &|_| (), &nowhere).unwrap_err();
    assert!(error.to_string().contains("could not create"), "{error}");
}

//! Files: what was put in comes back, builds repeat, damage is found.

use std::fs;
use std::path::Path;

use alike_indexes::{
    BuildSettings, Effort, Index, IndexError, Kind, Metric, Request, RowId, Scratch, VectorsView,
};
use tempfile::TempDir;

use super::data::{Set, build, cases, settings};

#[test]
fn vectors_come_back() {
    for (kind, metric) in cases() {
        let set = Set::mixed(300, 17, metric, 3);
        let built = build(&set, kind, metric);
        for (row, vector) in set.base.chunks(set.dimension).enumerate() {
            let stored = built.index.vector(RowId(row as u32)).unwrap();
            let length = vector
                .iter()
                .map(|value| f64::from(*value).powi(2))
                .sum::<f64>()
                .sqrt();
            let scale = if metric == Metric::Cosine {
                1.0 / length
            } else {
                1.0
            };
            assert_eq!(stored.len(), vector.len());
            for (stored, value) in stored.iter().zip(vector) {
                assert_eq!(
                    *stored,
                    (f64::from(*value) * scale) as f32,
                    "{kind} {metric}: row {row}"
                );
            }
        }
        assert_eq!(built.index.vector(RowId(300)), None);
        assert_eq!(built.index.vector(RowId(u32::MAX)), None);
        let shape = (
            built.index.kind(),
            built.index.metric(),
            built.index.len(),
            built.index.dimension(),
        );
        assert_eq!(shape, (kind, metric, 300, 17));
        assert_eq!(built.index.bytes(), built.path.metadata().unwrap().len());
    }
}

/// Whether a kind promises the same file for the same vectors, settings and seed, whatever the number of threads.
/// `hnsw` inserts from all threads at once, and so does Faiss.
fn repeats(kind: Kind) -> bool {
    !matches!(kind, Kind::Hnsw | Kind::Faiss)
}

#[test]
fn builds_repeat_whatever_the_number_of_threads() {
    let set = Set::plain(3_000, 17, 4);
    let folder = TempDir::new().unwrap();
    for (kind, metric) in cases().filter(|(kind, _)| repeats(*kind)) {
        let bytes = |threads: usize| {
            let path = folder.path().join(format!("{kind}-{metric}-{threads}"));
            let settings = BuildSettings {
                threads: Some(threads),
                seed: 9,
                ..settings(kind, metric)
            };
            alike_indexes::build(set.view(), &settings, &|_| (), &path).unwrap();
            fs::read(path).unwrap()
        };
        let one = bytes(1);
        assert!(one == bytes(3), "{kind} {metric}: another file from 3 threads");
        assert!(one == bytes(1), "{kind} {metric}: another file the second time");
    }
}

/// Where each section of a file starts and ends (`FORMAT.md`), in file order.
fn sections(bytes: &[u8]) -> Vec<(u32, usize, usize)> {
    let u32_at = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let u64_at = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
    let entries = (0..u32_at(16) as usize).map(|entry| 64 + 48 * entry);
    entries
        .map(|at| (u32_at(at), u64_at(at + 8), u64_at(at + 8) + u64_at(at + 16)))
        .collect()
}

/// Opens and reads a file to the end, and asks it something if it opens: the error of `open` or of `verify`.
fn read(path: &Path, query: &[f32]) -> Result<(), IndexError> {
    let index = alike_indexes::open(path)?;
    let verified = alike_indexes::verify(path);
    ask(index.as_ref(), query);
    verified
}

/// What it answers does not matter here, only that it does.
fn ask(index: &dyn Index, query: &[f32]) {
    let mut scratch = Scratch::new();
    for effort in [Effort::Default, Effort::Beam(20), Effort::Exact] {
        let request = Request {
            effort,
            ..Request::default()
        };
        index.search(query, &request, &mut scratch).unwrap();
    }
}

/// A file of each kind over enough rows that the index itself is searched, not its rows one by one.
fn written(folder: &TempDir) -> (Set, Vec<(Kind, std::path::PathBuf, Vec<u8>)>) {
    let mut set = Set::plain(2_500, 17, 5);
    set.base.copy_within(0..17 * 50, 17 * 1_000);
    let write = |kind: Kind| {
        let path = folder.path().join(kind.name());
        let view = VectorsView::new(&set.base, 17).unwrap();
        alike_indexes::build(view, &settings(kind, Metric::L2), &|_| (), &path).unwrap();
        let bytes = fs::read(&path).unwrap();
        (kind, path, bytes)
    };
    let files = Kind::ALL.into_iter().map(write).collect();
    (set, files)
}

fn assert_damage(error: &IndexError, path: &Path, what: &str) {
    let typed = matches!(error, IndexError::Damaged { .. } | IndexError::NotAnIndex { .. });
    let named = error.to_string().contains(&path.display().to_string());
    assert!(typed && named, "{what}: {error}");
}

#[test]
fn files_cut_at_section_borders_are_refused_when_opened() {
    let folder = TempDir::new().unwrap();
    let (_, files) = written(&folder);
    for (kind, path, bytes) in files {
        let borders = sections(&bytes)
            .into_iter()
            .flat_map(|(_, start, end)| [start, end]);
        let lengths: Vec<usize> = borders
            .flat_map(|border| [border - 1, border, border + 1])
            .collect();
        for len in lengths
            .into_iter()
            .chain([0, 1, 63, 64])
            .filter(|&len| len < bytes.len())
        {
            fs::write(&path, &bytes[..len]).unwrap();
            let error = alike_indexes::open(&path).expect_err("a cut file");
            assert_damage(&error, &path, &format!("{kind} cut to {len} bytes"));
            let error = alike_indexes::verify(&path).expect_err("a cut file");
            assert_damage(&error, &path, &format!("{kind} cut to {len} bytes"));
        }
    }
}

#[test]
fn flipped_bits_in_every_section_are_found() {
    let folder = TempDir::new().unwrap();
    let (set, files) = written(&folder);
    for (kind, path, mut bytes) in files {
        let sections = sections(&bytes);
        assert!(
            sections.iter().all(|(_, start, end)| start < end),
            "{kind}: nothing to damage"
        );
        for (tag, start, end) in sections {
            let places = (0..8).map(|eighth| start + (end - 1 - start) * eighth / 7);
            for (place, bit) in places.zip([0, 7, 3, 1, 6, 2, 5, 4]) {
                bytes[place] ^= 1 << bit;
                fs::write(&path, &bytes).unwrap();
                let error = read(&path, set.row(7)).expect_err("a flipped bit");
                assert_damage(
                    &error,
                    &path,
                    &format!("{kind}, section {tag}, bit {bit} of byte {place}"),
                );
                bytes[place] ^= 1 << bit;
            }
        }
        fs::write(&path, &bytes).unwrap();
        read(&path, set.row(7)).unwrap();
    }
}

/// A program without the feature says so, in a setting and for a file.
#[cfg(not(feature = "faiss"))]
#[test]
fn the_kind_faiss_is_named_where_it_was_not_built_in() {
    let set = Set::plain(20, 3, 6);
    let built = build(&set, Kind::Flat, Metric::L2);
    let mut bytes = fs::read(&built.path).unwrap();
    let head = 64 + 48 * sections(&bytes).len();
    bytes[12] = 4;
    bytes[32..48].fill(0);
    let checksum = blake3::hash(&bytes[..head]);
    bytes[32..48].copy_from_slice(&checksum.as_bytes()[..16]);
    fs::write(&built.path, bytes).unwrap();
    let errors = [
        alike_indexes::open(&built.path).unwrap_err(),
        alike_indexes::verify(&built.path).unwrap_err(),
        "faiss".parse::<Kind>().unwrap_err(),
        settings(Kind::Faiss, Metric::L2).check().unwrap_err(),
        alike_indexes::build(
            set.view(),
            &settings(Kind::Faiss, Metric::L2),
            &|_| (),
            &built.path,
        )
        .unwrap_err(),
    ];
    for error in errors {
        assert!(matches!(error, IndexError::WithoutFaiss { .. }), "{error}");
        assert!(
            error.to_string().ends_with("rebuild with --features faiss"),
            "{error}"
        );
    }
}

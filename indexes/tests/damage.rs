//! Files that are cut or altered in every section: an error from `open` or `verify`, and searches of what still opens stay
//! inside the file, end, and give rows.

#![allow(
    clippy::unwrap_used,
    reason = "a failed expectation stops the test, in its helpers too"
)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};

use alike_indexes::{Effort, IndexError, Plan, Request, RowId, RowSet, Scratch, VectorsView};
use support::Random;
use support::fixtures::{Section, fixture, names, sections, sign, u32_at};
use tempfile::TempDir;

/// A copy of a fixture that may be damaged.
struct Copy {
    name: &'static str,
    path: PathBuf,
    bytes: Vec<u8>,
    sections: Vec<Section>,
    _folder: TempDir,
}

impl Copy {
    fn of(name: &'static str) -> Self {
        let folder = TempDir::new().unwrap();
        let bytes = fs::read(fixture(name)).unwrap();
        Self {
            name,
            path: folder.path().join("index"),
            sections: sections(&bytes),
            bytes,
            _folder: folder,
        }
    }

    fn all() -> impl Iterator<Item = Self> {
        names().map(Self::of)
    }

    /// The version that has everything.
    fn graphs() -> impl Iterator<Item = Self> {
        names().filter(|name| name.contains("graph")).map(Self::of)
    }

    fn section(&self, tag: u32) -> Option<Section> {
        self.sections.iter().copied().find(|section| section.tag == tag)
    }

    /// Writes the file with some other content of a section, checksums and all; gives what reading it says.
    fn with_words(&self, tag: u32, change: impl Fn(usize, u32) -> u32) -> Result<(), IndexError> {
        let section = self.section(tag).unwrap();
        let mut bytes = self.bytes.clone();
        let words = bytes[section.start..section.end].as_chunks_mut::<4>().0;
        for (place, word) in words.iter_mut().enumerate() {
            *word = change(place, u32::from_le_bytes(*word)).to_le_bytes();
        }
        sign(&mut bytes);
        fs::write(&self.path, bytes).unwrap();
        read(&self.path)
    }
}

fn assert_typed(error: &IndexError, path: &Path, what: &str) {
    let typed = matches!(
        error,
        IndexError::Damaged { .. } | IndexError::NotAnIndex { .. } | IndexError::Version { .. }
    );
    let named = error.to_string().contains(&path.display().to_string());
    assert!(typed && named, "{what}: {error}");
}

/// Opens a file, asks it all kinds of things, and verifies it. What is found may be wrong, but there is as much of it as
/// there is to find, and nothing but rows.
fn read(path: &Path) -> Result<(), IndexError> {
    let index = alike_indexes::open(path)?;
    let rows = index.len();
    let filters: [Option<RowSet>; 4] = [
        None,
        Some((0..rows).map(|row| row % 10 > 0).collect()),
        Some((0..rows).map(|row| row % 2 == 0).collect()),
        Some((0..rows).map(|row| row == rows / 3).collect()),
    ];
    let mut query = vec![0.3; index.dimension()];
    query[0] = -0.9;
    let mut scratch = Scratch::new();
    for filter in &filters {
        let filter = filter.as_ref();
        for effort in [
            Effort::Default,
            Effort::Recall(0.9),
            Effort::Recall(0.999),
            Effort::Beam(1),
            Effort::Beam(4),
            Effort::Beam(64),
            Effort::Exact,
        ] {
            let request = Request {
                k: 10,
                effort,
                filter,
            };
            index.search(&query, &request, &mut scratch).unwrap();
            let expected = filter.map_or(rows, RowSet::count).min(10);
            assert_eq!(scratch.neighbors().len(), expected, "{effort:?}");
            for neighbor in scratch.neighbors() {
                assert!(neighbor.row.index() < rows, "no row {}", neighbor.row.0);
                assert!(filter.is_none_or(|filter| filter.contains(neighbor.row)));
            }
        }
    }
    let queries = VectorsView::new(&query, query.len()).unwrap();
    index.search_batch(queries, &Request::default()).unwrap();
    alike_indexes::verify(path)
}

#[test]
fn whole_files_are_read_and_walked() {
    for copy in Copy::all() {
        fs::write(&copy.path, &copy.bytes).unwrap();
        read(&copy.path).unwrap();
    }
    for copy in Copy::graphs() {
        fs::write(&copy.path, &copy.bytes).unwrap();
        let index = alike_indexes::open(&copy.path).unwrap();
        let request = Request {
            effort: Effort::Beam(4),
            ..Request::default()
        };
        let query = vec![0.5; index.dimension()];
        let report = index.search(&query, &request, &mut Scratch::new()).unwrap();
        assert_eq!(
            report.plan,
            Plan::Graph,
            "{}: these tests are about walks",
            copy.name
        );
    }
}

#[test]
fn files_cut_at_every_border_are_refused_when_opened() {
    for copy in Copy::all() {
        let entries = (0..=copy.sections.len()).map(|entry| 64 + 48 * entry);
        let borders = copy
            .sections
            .iter()
            .flat_map(|section| [section.start, section.end]);
        let around = |border: usize| border.saturating_sub(2)..=border + 2;
        let lengths = entries
            .chain(borders)
            .flat_map(around)
            .filter(|&len| len < copy.bytes.len());
        for len in lengths.chain([0, 1, 7, 8, 9, 12, 63]) {
            fs::write(&copy.path, &copy.bytes[..len]).unwrap();
            for error in [
                alike_indexes::open(&copy.path).expect_err("a cut file"),
                alike_indexes::verify(&copy.path).expect_err("a cut file"),
            ] {
                assert_typed(&error, &copy.path, &format!("{} cut to {len} bytes", copy.name));
            }
        }
    }
}

/// Every byte of head, gaps and small sections, samples of the large ones.
#[test]
fn a_flipped_bit_anywhere_is_found() {
    for mut copy in Copy::all() {
        let mut random = Random(4);
        let mut places: Vec<usize> = Vec::new();
        let mut end = 0;
        for section in copy.sections.clone() {
            places.extend(end..section.start);
            end = section.end;
            let len = section.end - section.start;
            match len <= 1_100 {
                true => places.extend(section.start..section.end),
                false => {
                    places.extend((0..48).map(|_| section.start + random.next() as usize % len));
                    places.extend([section.start, section.end - 1]);
                }
            }
        }
        for place in places {
            let bit = 1 << (random.next() % 8);
            copy.bytes[place] ^= bit;
            fs::write(&copy.path, &copy.bytes).unwrap();
            let error = match alike_indexes::open(&copy.path) {
                Ok(_) => alike_indexes::verify(&copy.path).expect_err("a flipped bit"),
                Err(error) => error,
            };
            assert_typed(&error, &copy.path, &format!("{}, byte {place}", copy.name));
            copy.bytes[place] ^= bit;
        }
    }
}

/// Nonsense in one section after the other, once with the old checksums and once with right ones, so that it gets past
/// `open`: walks must cope.
#[test]
fn nonsense_in_any_section_neither_panics_nor_leads_outside() {
    for copy in Copy::all() {
        let rows = alike_indexes::open(&fixture(copy.name)).unwrap().len() as u64;
        for section in copy.sections.iter().filter(|section| section.tag != 1) {
            let mut random = Random(u64::from(section.tag));
            for nonsense in 0..6 {
                let mut bytes = copy.bytes.clone();
                for word in bytes[section.start..section.end].as_chunks_mut::<4>().0 {
                    let value = match nonsense {
                        0 => random.next() as u32,
                        1 => (random.next() % rows) as u32,
                        2 => (random.next() % (2 * rows)) as u32,
                        3 => u32::MAX,
                        4 => 0,
                        _ => u32::from_le_bytes(*word) ^ 1 << (random.next() % 32),
                    };
                    *word = value.to_le_bytes();
                }
                let what = format!("{}, section {}, nonsense {nonsense}", copy.name, section.tag);
                fs::write(&copy.path, &bytes).unwrap();
                if bytes != copy.bytes {
                    assert_typed(&read(&copy.path).expect_err(&what), &copy.path, &what);
                }
                sign(&mut bytes);
                fs::write(&copy.path, &bytes).unwrap();
                if let Err(error) = read(&copy.path) {
                    assert_typed(&error, &copy.path, &what);
                }
            }
        }
    }
}

/// Any single word of the description altered (of its lists the first ones), with right checksums.
#[test]
fn nonsense_in_the_description_is_an_error_or_harmless() {
    for copy in Copy::all() {
        let words = copy
            .section(1)
            .map_or(0, |section| (section.end - section.start) / 4);
        for place in 0..words.min(28) {
            for value in [
                0,
                1,
                2,
                3,
                4,
                8,
                31,
                255,
                65_536,
                1 << 31,
                u32::MAX - 1,
                u32::MAX,
                f32::NAN.to_bits(),
            ] {
                let set = |other: usize, word: u32| if other == place { value } else { word };
                if let Err(error) = copy.with_words(1, set) {
                    assert_typed(
                        &error,
                        &copy.path,
                        &format!("{}, word {place}: {value}", copy.name),
                    );
                }
            }
        }
    }
}

/// What checksums cannot say: `open` or `verify` says it.
#[test]
fn wrong_content_with_right_checksums_is_named() {
    let (nan, infinite) = (f32::NAN.to_bits(), f32::INFINITY.to_bits());
    let minus = (-1.0_f32).to_bits();
    let at =
        |wanted: usize, value: u32| move |place: usize, word: u32| if place == wanted { value } else { word };
    for copy in Copy::graphs() {
        let rows = alike_indexes::open(&fixture(copy.name)).unwrap().len() as u32;
        let expect = |tag: u32, part: &str, change: &dyn Fn(usize, u32) -> u32| {
            let error = copy.with_words(tag, change).expect_err(part);
            assert_typed(&error, &copy.path, part);
            assert!(error.to_string().contains(part), "{}, {part}: {error}", copy.name);
        };
        expect(1, "code error", &at(13, nan));
        expect(1, "code error", &at(13, minus));
        expect(1, "far error", &at(14, infinite));
        expect(1, "longest vector", &at(15, nan));
        expect(1, "code bits", &at(12, 5));
        expect(2, "vectors", &at(3, nan));
        expect(3, "links", &at(0, rows));
        expect(3, "links", &at(0, u32::MAX));
        for value in [nan, infinite, minus] {
            expect(7, "scales", &at(9, value));
        }
        expect(9, "mean", &at(2, nan));
        expect(9, "mean", &at(0, infinite));
        expect(11, "entries", &at(0, rows));
        expect(11, "entries", &at(1, 0));
        expect(11, "entries", &at(2, u32::MAX));
        expect(12, "followers", &at(1, rows));
        expect(12, "followers", &at(1, 0));
        expect(12, "followers", &at(0, rows - 1));
        expect(12, "followers", &|_, _| 7);
        if copy.section(8).is_some() {
            expect(8, "lengths", &at(5, infinite));
        }
    }
}

/// Only `verify` sees it, and yet no answer holds a row that does not exist.
#[test]
fn followers_that_are_no_rows_are_not_found() {
    for copy in Copy::graphs() {
        let whole = alike_indexes::open(&fixture(copy.name)).unwrap();
        let rows = whole.len();
        let section = copy.section(12).unwrap();
        let nodes: Vec<u32> = (section.start..section.end)
            .step_by(8)
            .map(|at| u32_at(&copy.bytes, at))
            .collect();
        for beyond in [rows as u32, u32::MAX - 1, u32::MAX] {
            let set = |place: usize, word: u32| if place % 2 == 1 { beyond } else { word };
            copy.with_words(12, set)
                .expect_err("followers beyond the last row");
            let index = alike_indexes::open(&copy.path).unwrap();
            let mut scratch = Scratch::new();
            let mut met = 0;
            for &node in &nodes {
                let query = whole.vector(RowId(node)).unwrap();
                let request = Request {
                    effort: Effort::Beam(4),
                    ..Request::default()
                };
                let report = index.search(query, &request, &mut scratch).unwrap();
                assert_eq!(report.plan, Plan::Graph, "{}", copy.name);
                let found: Vec<usize> = scratch
                    .neighbors()
                    .iter()
                    .map(|neighbor| neighbor.row.index())
                    .collect();
                assert!(
                    found.len() == 10 && found.iter().all(|&row| row < rows),
                    "{}: {found:?}",
                    copy.name
                );
                met += usize::from(found.contains(&(node as usize)));
            }
            assert!(
                met * 10 >= nodes.len() * 9,
                "{}: {met} of {} nodes met",
                copy.name,
                nodes.len()
            );
        }
    }
}

/// Settings that ask for four billion candidates and claim to cost nothing: walks take room for as many as there are rows.
#[test]
fn settings_out_of_all_proportion_take_no_more_room_than_rows() {
    for copy in Copy::graphs() {
        let set = |place: usize, word: u32| match place {
            17.. if place % 4 == 1 => u32::MAX,
            17.. if place.is_multiple_of(4) => 1e-6_f32.to_bits(),
            _ => word,
        };
        copy.with_words(1, set).unwrap();
        let index = alike_indexes::open(&copy.path).unwrap();
        let setting = index.description().calibration[0];
        assert!(setting.beam == u32::MAX && setting.distances < 1e-5);
        let query = vec![0.5; index.dimension()];
        let report = index
            .search(&query, &Request::default(), &mut Scratch::new())
            .unwrap();
        assert_eq!((report.plan, report.beam), (Plan::Graph, index.len()));
    }
}

/// Sections moved, repeated or of another length.
#[test]
fn wrong_tables_are_refused_when_opened() {
    for copy in Copy::all() {
        for entry in 0..copy.sections.len() {
            for field in [0, 8, 16] {
                for value in [0_u64, 1, 2, 63, 64, 1 << 20, 1 << 40, u64::MAX - 63, u64::MAX] {
                    let mut bytes = copy.bytes.clone();
                    let at = 64 + 48 * entry + field;
                    let len = if field == 0 { 4 } else { 8 };
                    if bytes[at..at + len] == value.to_le_bytes()[..len] {
                        continue;
                    }
                    bytes[at..at + len].copy_from_slice(&value.to_le_bytes()[..len]);
                    bytes[32..48].fill(0);
                    let sum = blake3::hash(&bytes[..64 + 48 * copy.sections.len()]);
                    bytes[32..48].copy_from_slice(&sum.as_bytes()[..16]);
                    fs::write(&copy.path, &bytes).unwrap();
                    let what = format!("{}, entry {entry}, field at {field}: {value}", copy.name);
                    assert_typed(&read(&copy.path).expect_err(&what), &copy.path, &what);
                }
            }
        }
    }
}

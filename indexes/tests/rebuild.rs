//! Building on a previous graph index: recall as that of a fresh build, whatever changed, and the same bytes every time.

#![allow(
    clippy::unwrap_used,
    reason = "a failed expectation stops the test, in its helpers too"
)]

mod support;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use alike_indexes::recall::{exact_neighbors, recall};
use alike_indexes::{
    BuildReport, BuildSettings, Effort, IndexError, Kind, Metric, Phase, Plan, Progress, Request, RowId,
    RowSet, Scratch, VectorsView,
};
use support::{Random, clustered, rows};
use tempfile::TempDir;

const DIMENSION: usize = 32;
const CLUSTERS: u64 = 40;
/// Rows per cluster.
const SIZE: usize = 250;

/// Files of one test.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }
}

fn view(values: &[f32]) -> VectorsView<'_> {
    VectorsView::new(values, DIMENSION).unwrap()
}

fn settings(metric: Metric) -> BuildSettings {
    BuildSettings {
        m: 8,
        ef_construction: 60,
        held_out: 300,
        ..BuildSettings::new(Kind::Graph, metric)
    }
}

fn build(values: &[f32], settings: &BuildSettings, path: &Path) -> BuildReport {
    alike_indexes::build(view(values), settings, &|_| (), path).unwrap()
}

fn rebuild(values: &[f32], previous: &Path, settings: &BuildSettings, path: &Path) -> BuildReport {
    let report = alike_indexes::rebuild(view(values), previous, settings, &|_| (), path).unwrap();
    assert_eq!(
        report.kept + report.healed + report.inserted,
        report.rows - report.duplicates,
        "{report:?}"
    );
    alike_indexes::verify(path).unwrap();
    report
}

/// `SIZE` rows of each of these clusters; another seed, other rows.
fn clusters(numbers: std::ops::Range<u64>, size: usize, seed: u64) -> Vec<f32> {
    numbers
        .flat_map(|number| clustered(size, DIMENSION, 1, 1_000 + number, seed))
        .collect()
}

/// Replaces about one row in `one_in` by one of another seed.
fn change(values: &mut [f32], one_in: u64, seed: u64) -> usize {
    let fresh = clusters(0..CLUSTERS, values.len() / DIMENSION / CLUSTERS as usize, seed);
    let mut random = Random(seed);
    let mut changed = 0;
    for (row, new) in values
        .chunks_exact_mut(DIMENSION)
        .zip(fresh.chunks_exact(DIMENSION))
    {
        if random.next().is_multiple_of(one_in) {
            row.copy_from_slice(new);
            changed += 1;
        }
    }
    changed
}

/// Mean recall@10 of an index over `values` at an effort, for queries that it does not hold.
fn recall_of(path: &Path, values: &[f32], queries: &[f32], effort: Effort) -> f64 {
    let index = alike_indexes::open(path).unwrap();
    let truth = exact_neighbors(view(values), view(queries), index.metric(), 10).unwrap();
    let request = Request {
        effort,
        ..Request::default()
    };
    let mut scratch = Scratch::new();
    let shares = view(queries).rows().zip(&truth).map(|(query, truth)| {
        index.search(query, &request, &mut scratch).unwrap();
        recall(&rows(&scratch), truth)
    });
    shares.sum::<f64>() / truth.len() as f64
}

/// Fails if the rebuilt file finds less than a fresh one, or less than it says.
fn as_good_as_fresh(
    values: &[f32],
    rebuilt: &Path,
    settings: &BuildSettings,
    clusters_there: std::ops::Range<u64>,
) {
    let folder = Folder::new();
    let fresh = folder.file("fresh");
    build(values, settings, &fresh);
    let queries = clusters(clusters_there, 25, 77);
    for beam in [20, 32, 64] {
        let of = |path: &Path| recall_of(path, values, &queries, Effort::Beam(beam));
        let (ours, theirs) = (of(rebuilt), of(&fresh));
        assert!(
            ours > theirs - 0.01,
            "beam {beam}: {ours} rebuilt, {theirs} fresh"
        );
    }
    let index = alike_indexes::open(rebuilt).unwrap();
    let said = f64::from(index.description().recall().unwrap());
    let measured = recall_of(rebuilt, values, &queries, Effort::Default);
    assert!(
        (said - measured).abs() < 0.015,
        "{said} said, {measured} measured"
    );
}

#[test]
fn scattered_changes() {
    for metric in Metric::ALL {
        let folder = Folder::new();
        let mut values = clusters(0..CLUSTERS, SIZE, 1);
        let settings = settings(metric);
        build(&values, &settings, &folder.file("old"));
        let changed = change(&mut values, 5, 2);
        let report = rebuild(&values, &folder.file("old"), &settings, &folder.file("new"));
        assert!(
            report.inserted >= changed && report.inserted <= changed + 300 + 300,
            "{report:?}"
        );
        as_good_as_fresh(&values, &folder.file("new"), &settings, 0..CLUSTERS);
    }
}

#[test]
fn clusters_that_go_and_come() {
    let folder = Folder::new();
    let settings = settings(Metric::Cosine);
    build(&clusters(0..CLUSTERS, SIZE, 1), &settings, &folder.file("old"));
    // The first fifth is gone, as many new clusters are there.
    let values = clusters(8..CLUSTERS + 8, SIZE, 1);
    let report = rebuild(&values, &folder.file("old"), &settings, &folder.file("new"));
    assert!(report.kept + report.healed > 7_000, "{report:?}");
    as_good_as_fresh(&values, &folder.file("new"), &settings, 8..CLUSTERS + 8);
}

#[test]
fn generations_do_not_wear_out() {
    let folder = Folder::new();
    let mut values = clusters(0..CLUSTERS, SIZE, 1);
    let settings = settings(Metric::L2);
    let path = folder.file("index");
    build(&values, &settings, &path);
    for generation in 2..7 {
        change(&mut values, 10, generation);
        // Onto itself: the old file stays mapped until the new one has its name.
        let report = rebuild(&values, &path, &settings, &path);
        assert!(report.kept + report.healed > 8_000, "{report:?}");
    }
    as_good_as_fresh(&values, &path, &settings, 0..CLUSTERS);
}

#[test]
fn most_rows_go() {
    let folder = Folder::new();
    let settings = settings(Metric::L2);
    let old = clusters(0..CLUSTERS, SIZE, 1);
    build(&old, &settings, &folder.file("old"));
    let values: Vec<f32> = old
        .chunks_exact(DIMENSION)
        .step_by(5)
        .flatten()
        .copied()
        .collect();
    let report = rebuild(&values, &folder.file("old"), &settings, &folder.file("new"));
    assert!(
        report.kept + report.healed < 1_000,
        "most lost most of their links: {report:?}"
    );
    as_good_as_fresh(&values, &folder.file("new"), &settings, 0..CLUSTERS);
}

#[test]
fn the_same_bytes_for_any_number_of_threads() {
    let folder = Folder::new();
    let mut values = clusters(0..CLUSTERS, 60, 1);
    let settings = settings(Metric::Dot);
    build(&values, &settings, &folder.file("old"));
    change(&mut values, 4, 2);
    values.extend(clusters(CLUSTERS..CLUSTERS + 2, 60, 1));
    let bytes = [1, 3].map(|threads| {
        let settings = BuildSettings {
            threads: Some(threads),
            ..settings.clone()
        };
        rebuild(&values, &folder.file("old"), &settings, &folder.file("new"));
        fs::read(folder.file("new")).unwrap()
    });
    assert!(bytes[0] == bytes[1]);
}

#[test]
fn nothing_changed() {
    let folder = Folder::new();
    let values = clusters(0..CLUSTERS, 60, 1);
    for metric in Metric::ALL {
        let settings = BuildSettings {
            held_out: 0,
            ..settings(metric)
        };
        build(&values, &settings, &folder.file("old"));
        let report = rebuild(&values, &folder.file("old"), &settings, &folder.file("new"));
        assert_eq!(
            (report.kept, report.healed, report.inserted),
            (values.len() / DIMENSION, 0, 0)
        );
        // Links that were added to reach a row come last in a fresh file and are in their place from then on.
        rebuild(&values, &folder.file("new"), &settings, &folder.file("newer"));
        let [old, new, newer] = ["old", "new", "newer"].map(|name| fs::read(folder.file(name)).unwrap());
        assert!(new == newer, "{metric}");
        let differing = old.iter().zip(&new).filter(|(old, new)| old != new).count();
        assert!(
            old.len() == new.len() && differing < old.len() / 100,
            "{metric}: {differing} bytes"
        );

        // What the index stores is as good as what it was made from, and the order does not matter.
        let index = alike_indexes::open(&folder.file("old")).unwrap();
        let stored: Vec<f32> = (0..index.len() as u32)
            .rev()
            .flat_map(|row| index.vector(RowId(row)).unwrap().to_vec())
            .collect();
        let report = rebuild(&stored, &folder.file("old"), &settings, &folder.file("new"));
        assert_eq!(report.kept, index.len(), "{metric}");
    }
}

#[test]
fn nothing_in_common() {
    let folder = Folder::new();
    let values = clusters(0..CLUSTERS, 30, 1);
    let settings = settings(Metric::L2);
    build(&values, &settings, &folder.file("fresh"));
    let fresh = fs::read(folder.file("fresh")).unwrap();
    for (old, name) in [(Vec::new(), "none"), (clusters(0..CLUSTERS, 10, 2), "others")] {
        let built = build(&old, &settings, &folder.file(name));
        assert_eq!(
            (built.kept, built.healed, built.inserted),
            (0, 0, old.len() / DIMENSION)
        );
        let report = rebuild(&values, &folder.file(name), &settings, &folder.file("new"));
        assert_eq!((report.kept, report.healed, report.inserted), (0, 0, 1_200));
        assert!(
            fs::read(folder.file("new")).unwrap() == fresh,
            "as if built from {name}"
        );
    }
    let report = rebuild(&[], &folder.file("fresh"), &settings, &folder.file("new"));
    assert_eq!((report.rows, report.inserted), (0, 0));
}

#[test]
fn other_settings_and_sizes() {
    let folder = Folder::new();
    let (file, fresh) = (folder.file("file"), folder.file("fresh"));
    let all = clusters(0..CLUSTERS, 60, 1);
    let found =
        |path: &Path, values: &[f32]| recall_of(path, values, &all[..64 * DIMENSION], Effort::Beam(32));
    for (m, old_m) in [(4, 12), (12, 4)] {
        let with = |m, seed| BuildSettings {
            m,
            seed,
            ..settings(Metric::Cosine)
        };
        for rows in [1, 2, 40, 1_200] {
            let some = &all[..rows * DIMENSION];
            // From much to little, then back.
            build(&all, &with(old_m, 9), &file);
            rebuild(some, &file, &with(m, 1), &file);
            build(some, &with(m, 1), &fresh);
            let (ours, theirs) = (found(&file, some), found(&fresh, some));
            assert!(
                ours > theirs - 0.01,
                "{rows} rows, m {m} after {old_m}: {ours}, fresh {theirs}"
            );
            rebuild(&all, &file, &with(old_m, 9), &file);
            build(&all, &with(old_m, 9), &fresh);
            let (ours, theirs) = (found(&file, &all), found(&fresh, &all));
            assert!(
                ours > theirs - 0.01,
                "from {rows} rows, m {old_m} after {m}: {ours}, fresh {theirs}"
            );
        }
    }
}

#[test]
fn rows_left_alone_are_linked_anew() {
    let folder = Folder::new();
    let settings = settings(Metric::L2);
    build(&clusters(0..CLUSTERS, SIZE, 1), &settings, &folder.file("old"));
    // Of one cluster two rows that may be far from each other; elsewhere all is new.
    let cluster = clusters(3..4, SIZE, 1);
    let mut values = clusters(CLUSTERS..CLUSTERS + 20, 100, 1);
    values.splice(
        ..0,
        cluster[..DIMENSION]
            .iter()
            .chain(&cluster[cluster.len() - DIMENSION..])
            .copied(),
    );
    let report = rebuild(&values, &folder.file("old"), &settings, &folder.file("new"));
    assert_eq!(report.kept, 0);
    let index = alike_indexes::open(&folder.file("new")).unwrap();
    let mut scratch = Scratch::new();
    let filter: RowSet = (0..index.len()).map(|row| row % 10 < 2).collect();
    for filter in [Some(&filter), None] {
        let request = Request {
            k: 1,
            effort: Effort::Beam(40),
            filter,
        };
        for row in [0, 1] {
            let query = &values[row as usize * DIMENSION..][..DIMENSION];
            let report = index.search(query, &request, &mut scratch).unwrap();
            assert_eq!(rows(&scratch), [row]);
            assert!(filter.is_some() || report.plan == Plan::Graph, "{report:?}");
        }
    }
}

#[test]
fn recall_is_measured_on_all_rows_not_on_the_new_ones() {
    let folder = Folder::new();
    let settings = settings(Metric::L2);
    let mut values = clusters(0..CLUSTERS, SIZE, 1);
    build(&values, &settings, &folder.file("old"));
    // More new rows than are held out, near each other: they are found with less effort than others.
    let mut random = Random(4);
    values.extend((0..600 * DIMENSION).map(|_| 0.05 * random.normal()));
    rebuild(&values, &folder.file("old"), &settings, &folder.file("new"));
    as_good_as_fresh(&values, &folder.file("new"), &settings, 0..CLUSTERS);
}

#[test]
fn equal_vectors_are_one_node_on_both_sides() {
    let folder = Folder::new();
    let settings = BuildSettings {
        held_out: 0,
        ..settings(Metric::Cosine)
    };
    let distinct = clusters(0..CLUSTERS, 20, 1);
    let repeated = |times: usize| distinct.repeat(times);
    build(&repeated(3), &settings, &folder.file("old"));
    let report = rebuild(&repeated(2), &folder.file("old"), &settings, &folder.file("new"));
    assert_eq!((report.rows, report.duplicates, report.kept), (1_600, 800, 800));
    let index = alike_indexes::open(&folder.file("new")).unwrap();
    let mut scratch = Scratch::new();
    let request = Request {
        k: 2,
        effort: Effort::Beam(32),
        ..Request::default()
    };
    index
        .search(&distinct[..DIMENSION], &request, &mut scratch)
        .unwrap();
    assert_eq!(rows(&scratch), [0, 800]);
}

#[test]
fn progress_tells_how_far_it_is() {
    let folder = Folder::new();
    let mut values = clusters(0..CLUSTERS, 60, 1);
    let settings = settings(Metric::L2);
    build(&values, &settings, &folder.file("old"));
    change(&mut values, 10, 2);
    let seen: Mutex<Vec<Progress>> = Mutex::default();
    let progress = |progress: Progress| seen.lock().unwrap().push(progress);
    alike_indexes::rebuild(
        view(&values),
        &folder.file("old"),
        &settings,
        &progress,
        &folder.file("new"),
    )
    .unwrap();
    let seen = seen.into_inner().unwrap();
    let of = |phase| seen.iter().filter(move |one| one.phase == phase);
    assert!(of(Phase::Insert).all(|one| one.total == 2_400));
    let done: Vec<u64> = of(Phase::Insert).map(|one| one.done).collect();
    assert!(
        done.is_sorted() && done[0] > 1_500 && *done.last().unwrap() == 2_400,
        "{done:?}"
    );
    for phase in [Phase::Prepare, Phase::Calibrate, Phase::Write] {
        assert!(of(phase).next_back().is_some_and(|one| one.done == one.total));
    }
}

#[test]
fn unsuitable_files_are_refused() {
    let folder = Folder::new();
    let values = clusters(0..CLUSTERS, 10, 1);
    let graph = settings(Metric::Cosine);
    let (old, new) = (folder.file("old"), folder.file("new"));
    build(&values, &graph, &old);
    let refusal = |settings: &BuildSettings, previous: &Path, dimension: usize| {
        let vectors = VectorsView::new(&values, dimension).unwrap();
        let refusal = alike_indexes::rebuild(vectors, previous, settings, &|_| (), &new).unwrap_err();
        assert!(!new.exists());
        refusal
    };
    let hnsw = BuildSettings::new(Kind::Hnsw, Metric::Cosine);
    assert!(matches!(
        refusal(&hnsw, &old, DIMENSION),
        IndexError::Setting { name: "kind", .. }
    ));
    let text = refusal(&settings(Metric::Dot), &old, DIMENSION).to_string();
    assert!(text.contains("found metric cosine, expected dot; name"), "{text}");
    let text = refusal(&graph, &old, 16).to_string();
    assert!(text.contains("found dimension 32, expected 16; name"), "{text}");
    build(&values, &hnsw, &folder.file("hnsw"));
    let text = refusal(&graph, &folder.file("hnsw"), DIMENSION).to_string();
    assert!(text.contains("found kind hnsw, expected graph; name"), "{text}");
    assert!(matches!(
        refusal(&graph, &folder.file("nowhere"), DIMENSION),
        IndexError::Io { .. }
    ));
}

#[test]
fn damaged_links_are_not_taken_over() {
    let folder = Folder::new();
    let values = clusters(0..CLUSTERS, 10, 1);
    let settings = settings(Metric::L2);
    let (old, new) = (folder.file("old"), folder.file("new"));
    build(&values, &settings, &old);
    let mut bytes = fs::read(&old).unwrap();
    // The section table: tag, reserved, offset, length of each entry. Links have tag 3.
    let entry = (64..).step_by(48).find(|&at| bytes[at] == 3).unwrap();
    let offset = u64::from_le_bytes(bytes[entry + 8..entry + 16].try_into().unwrap()) as usize;
    bytes[offset + 5] ^= 1;
    fs::write(&old, bytes).unwrap();
    let refusal = alike_indexes::rebuild(view(&values), &old, &settings, &|_| (), &new).unwrap_err();
    assert!(matches!(refusal, IndexError::Damaged { .. }), "{refusal}");
    assert!(!new.exists());
}

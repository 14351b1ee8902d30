//! Search against brute force: every kind, metric, filter and size.

#![allow(
    clippy::unwrap_used,
    reason = "a failed expectation stops the test, in its helpers too"
)]

mod support;

use std::path::Path;
use std::sync::Mutex;

use alike_indexes::recall::{exact_neighbors, recall};
use alike_indexes::{
    BuildSettings, Effort, Index, IndexError, Kind, Metric, Phase, Plan, Request, RowId, RowSet, Scratch,
    VectorsView,
};
use proptest::prelude::*;
use support::{Random, best_scores, check_shape, clustered, rows};
use tempfile::TempDir;

/// An index of each kind over the same vectors.
struct Fixture {
    _folder: TempDir,
    indexes: Vec<Box<dyn Index>>,
}

fn small(kind: Kind, metric: Metric) -> BuildSettings {
    BuildSettings {
        ef_construction: 60,
        ..BuildSettings::new(kind, metric)
    }
}

fn build(
    path: &Path,
    values: &[f32],
    dimension: usize,
    settings: &BuildSettings,
) -> Result<Box<dyn Index>, IndexError> {
    alike_indexes::build(VectorsView::new(values, dimension)?, settings, &|_| (), path)?;
    alike_indexes::verify(path)?;
    alike_indexes::open(path)
}

fn fixture(values: &[f32], dimension: usize, metric: Metric) -> Fixture {
    let folder = TempDir::new().unwrap();
    let make = |kind: Kind| {
        build(
            &folder.path().join(kind.name()),
            values,
            dimension,
            &small(kind, metric),
        )
        .unwrap()
    };
    let indexes = Kind::ALL.map(make).into_iter().collect();
    Fixture {
        _folder: folder,
        indexes,
    }
}

fn search(index: &dyn Index, query: &[f32], request: &Request<'_>, scratch: &mut Scratch) -> Plan {
    let report = index.search(query, request, scratch).unwrap();
    check_shape(index, scratch, request.filter);
    assert!(!report.partial);
    report.plan
}

/// Scores of an exact answer are those of brute force, up to rounding.
fn assert_exact(scratch: &Scratch, expected: &[f64]) {
    assert_eq!(scratch.neighbors().len(), expected.len());
    for (neighbor, expected) in scratch.neighbors().iter().zip(expected) {
        let slack = 1e-4 * expected.abs().max(1.0);
        assert!(
            (f64::from(neighbor.score) - expected).abs() < slack,
            "{} for {expected}",
            neighbor.score
        );
    }
}

fn random_set(len: usize, keep_of_1000: u64, seed: u64) -> RowSet {
    let mut random = Random(seed);
    (0..len).map(|_| random.next() % 1000 < keep_of_1000).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn any_size_filter_and_k_gives_what_there_is(
        len in 0_usize..400, dimension in 1_usize..40, k in 0_usize..500, beam in 0_usize..40, keep in 0_u64..1001,
        seed in any::<u32>(), metric in prop::sample::select(&Metric::ALL[..]), exact: bool,
    ) {
        let values = clustered(len, dimension, 5, 7, seed.into());
        let query = clustered(1, dimension, 5, 7, u64::from(seed) + 1);
        let filter = random_set(len, keep, seed.into());
        let mut scratch = Scratch::new();
        for index in fixture(&values, dimension, metric).indexes {
            for filter in [None, Some(&filter)] {
                let effort = if exact { Effort::Exact } else { Effort::Beam(beam) };
                let request = Request { k, effort, filter };
                let plan = search(index.as_ref(), &query, &request, &mut scratch);
                let expected = best_scores(metric, &values, &query, k, filter);
                prop_assert_eq!(scratch.neighbors().len(), expected.len());
                if plan == Plan::Exact {
                    assert_exact(&scratch, &expected);
                }
            }
        }
    }
}

#[test]
fn graph_plans_reach_the_calibrated_recall_on_clustered_data() {
    let (rows_in, dimension) = (12_000, 48);
    let (base, queries) = (
        clustered(rows_in, dimension, 60, 11, 1),
        clustered(200, dimension, 60, 11, 2),
    );
    let view = |values| VectorsView::new(values, dimension).unwrap();
    for metric in Metric::ALL {
        let folder = TempDir::new().unwrap();
        let settings = BuildSettings {
            ef_construction: 100,
            ..BuildSettings::new(Kind::Hnsw, metric)
        };
        let index = build(&folder.path().join("index"), &base, dimension, &settings).unwrap();
        let truth = exact_neighbors(view(&base), view(&queries), metric, 10).unwrap();
        let mut scratch = Scratch::new();
        let mut mean = 0.0;
        for (query, truth) in queries.chunks(dimension).zip(&truth) {
            let plan = search(index.as_ref(), query, &Request::default(), &mut scratch);
            assert_eq!(plan, Plan::Graph, "{metric} {:?}", index.description());
            mean += recall(&rows(&scratch), truth) / 200.0;
        }
        println!(
            "{metric}: recall {mean:.4}, measured when built {:?}",
            index.description().recall()
        );
        assert!(mean >= 0.98, "{metric}: {mean}");
    }
}

#[test]
fn filtered_plans_find_what_brute_force_finds() {
    let (len, dimension) = (12_000, 32);
    let (base, queries) = (
        clustered(len, dimension, 60, 13, 1),
        clustered(60, dimension, 60, 13, 2),
    );
    for metric in Metric::ALL {
        let fixture = fixture(&base, dimension, metric);
        let graph = &fixture.indexes[1];
        let mut scratch = Scratch::new();
        let mut plans = Vec::new();
        for keep in [0, 1, 10, 100, 300, 500, 900, 1000] {
            let filter = random_set(len, keep, keep);
            let mut mean = 0.0;
            for query in queries.chunks(dimension) {
                let exact = Request {
                    filter: Some(&filter),
                    effort: Effort::Exact,
                    ..Request::default()
                };
                search(graph.as_ref(), query, &exact, &mut scratch);
                let truth = rows(&scratch);
                let request = Request {
                    effort: Effort::Beam(32),
                    ..exact
                };
                plans.push(search(graph.as_ref(), query, &request, &mut scratch));
                assert_eq!(scratch.neighbors().len(), truth.len(), "{metric} {keep}");
                mean += recall(&rows(&scratch), &truth) / 60.0;
            }
            assert!(
                mean > 0.9,
                "{metric}: recall {mean} with {} admitted",
                filter.count()
            );
        }
        for plan in [Plan::Exact, Plan::Graph, Plan::FilteredGraph] {
            assert!(
                plans.contains(&plan),
                "{metric}: no query was answered by {plan:?}"
            );
        }
    }
}

/// The filter admits only rows far from the query: the hardest case for a walk.
#[test]
fn a_filter_against_the_query_still_fills_the_answer() {
    let (len, dimension) = (12_000, 16);
    let base = clustered(len, dimension, 2, 17, 1);
    let query = &base[..dimension];
    let fixture = fixture(&base, dimension, Metric::L2);
    let mut order: Vec<usize> = (0..len).collect();
    let distance = |row: usize| -support::score(Metric::L2, query, &base[row * dimension..][..dimension]);
    order.sort_by(|&a, &b| distance(b).total_cmp(&distance(a)));
    let mut filter = RowSet::new(len);
    order[..len / 2].iter().for_each(|&row| {
        filter.insert(RowId(row as u32));
    });
    let request = Request {
        k: 100,
        effort: Effort::Beam(100),
        filter: Some(&filter),
    };
    let mut scratch = Scratch::new();
    search(fixture.indexes[1].as_ref(), query, &request, &mut scratch);
    assert_eq!(scratch.neighbors().len(), 100);
}

#[test]
fn thousands_of_identical_vectors_are_all_found() {
    let dimension = 8;
    let mut base = clustered(9_000, dimension, 20, 19, 1);
    let twin = base[..dimension].to_vec();
    for vector in base.chunks_mut(dimension).skip(2_000).take(5_000) {
        vector.copy_from_slice(&twin);
    }
    for metric in Metric::ALL {
        let fixture = fixture(&base, dimension, metric);
        let graph = &fixture.indexes[1];
        assert_eq!(graph.description().duplicates, 5_000);
        let mut scratch = Scratch::new();
        let expected: Vec<u32> = [0].into_iter().chain(2_000..2_049).collect();
        let admitted = random_set(9_000, 800, 3);
        for (filter, k) in [(None, 50), (Some(&admitted), 50)] {
            let request = Request {
                k,
                effort: Effort::Beam(50),
                filter,
            };
            search(graph.as_ref(), &twin, &request, &mut scratch);
            assert_eq!(scratch.neighbors().len(), k);
            if filter.is_none() && metric != Metric::Dot {
                assert_eq!(rows(&scratch), expected, "{metric}");
            }
        }
    }
}

#[test]
fn nothing_one_and_two_rows() {
    for metric in Metric::ALL {
        for len in 0..3 {
            let base = &[1.0, 2.0, 2.0, 1.0][..2 * len];
            for index in fixture(base, 2, metric).indexes {
                let mut scratch = Scratch::new();
                search(index.as_ref(), &[1.0, 0.5], &Request::default(), &mut scratch);
                assert_eq!(scratch.neighbors().len(), len);
                assert_eq!((index.len(), index.dimension(), index.metric()), (len, 2, metric));
                assert_eq!(index.vector(RowId(len as u32)), None);
            }
        }
    }
}

#[test]
fn stored_vectors_come_back() {
    let base = [3.0, 4.0, 0.0, -2.0];
    for (metric, expected) in [
        (Metric::Dot, [3.0, 4.0]),
        (Metric::L2, [3.0, 4.0]),
        (Metric::Cosine, [0.6, 0.8]),
    ] {
        for index in fixture(&base, 2, metric).indexes {
            assert_eq!(index.vector(RowId(0)), Some(&expected[..]));
        }
    }
}

#[test]
fn unusable_questions_and_rows_are_named() {
    let fixture = fixture(&[1.0, 2.0, 3.0, 4.0], 2, Metric::Cosine);
    let mut scratch = Scratch::new();
    let other = RowSet::full(3);
    for index in &fixture.indexes {
        let mut text = |query: &[f32], filter| {
            let request = Request {
                filter,
                ..Request::default()
            };
            let error = index
                .search(query, &request, &mut scratch)
                .unwrap_err()
                .to_string();
            assert!(scratch.neighbors().is_empty());
            error
        };
        assert!(text(&[1.0], None).starts_with("query: found dimension 1, expected 2"));
        assert!(text(&[1.0, f32::INFINITY], None).starts_with("query: found inf at position 1"));
        assert!(text(&[0.0, 0.0], None).starts_with("query: found all zeros"));
        assert!(text(&[1.0, 0.0], Some(&other)).starts_with("filter: found a set over 3 rows, expected 2"));
    }
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("index");
    for kind in Kind::ALL {
        let error = |values: &[f32]| {
            build(&path, values, 2, &small(kind, Metric::Cosine))
                .unwrap_err()
                .to_string()
        };
        assert!(error(&[1.0, 2.0, 0.0, 0.0]).starts_with("row 1: found all zeros"));
        assert!(error(&[1.0, 2.0, 3.0, f32::NAN]).starts_with("row 1: found NaN at position 1"));
        let wide = BuildSettings {
            m: 300,
            ..small(kind, Metric::L2)
        };
        assert!(
            build(&path, &[1.0], 1, &wide)
                .unwrap_err()
                .to_string()
                .contains("m: found \"300\"")
        );
    }
    assert!(!path.exists(), "a failed build publishes nothing");
    assert_eq!(
        std::fs::read_dir(folder.path()).unwrap().count(),
        0,
        "and leaves nothing behind"
    );
}

#[test]
fn a_build_reports_progress_and_what_it_measured() {
    let folder = TempDir::new().unwrap();
    let base = clustered(3_000, 16, 10, 23, 1);
    let seen = Mutex::new(Vec::new());
    let settings = BuildSettings {
        recall_target: 0.9,
        threads: Some(2),
        ..small(Kind::Hnsw, Metric::Cosine)
    };
    let vectors = VectorsView::new(&base, 16).unwrap();
    let progress = |progress| seen.lock().unwrap().push(progress);
    let path = folder.path().join("index");
    let report = alike_indexes::build(vectors, &settings, &progress, &path).unwrap();
    let seen = seen.into_inner().unwrap();
    for phase in [Phase::Prepare, Phase::Insert, Phase::Calibrate, Phase::Write] {
        let last = seen.iter().rfind(|progress| progress.phase == phase).unwrap();
        assert_eq!(last.done, last.total, "{phase:?} ends complete");
    }
    assert_eq!(
        (report.rows, report.held_out, report.bytes),
        (3_000, 300, path.metadata().unwrap().len())
    );
    let chosen = report
        .calibration
        .iter()
        .find(|entry| entry.recall >= 0.9)
        .unwrap();
    assert_eq!(report.beam, chosen.beam as usize);
    assert!(
        report
            .calibration
            .is_sorted_by(|a, b| a.beam < b.beam && a.recall <= b.recall + 0.01)
    );
    let index = alike_indexes::open(&path).unwrap();
    assert_eq!(index.description().calibration, report.calibration);
    assert_eq!(
        (index.description().beam as usize, index.description().recall()),
        (report.beam, report.recall)
    );
}

//! What a request asks for: efforts, batches, and what the report says.

#![allow(
    clippy::unwrap_used,
    reason = "a failed expectation stops the test, in its helpers too"
)]

mod support;

use alike_indexes::{
    Answer, BuildSettings, Effort, Index, Kind, Metric, Plan, Request, RowSet, Scratch, VectorsView,
};
use support::{Random, clustered};
use tempfile::TempDir;

const DIMENSION: usize = 24;
const ROWS: usize = 9_000;

fn view(values: &[f32]) -> VectorsView<'_> {
    VectorsView::new(values, DIMENSION).unwrap()
}

/// An index of each kind over the same clustered vectors.
fn indexes(folder: &TempDir) -> Vec<Box<dyn Index>> {
    let base = clustered(ROWS, DIMENSION, 60, 31, 1);
    let make = |kind: Kind| {
        let path = folder.path().join(kind.name());
        let settings = BuildSettings {
            ef_construction: 60,
            ..BuildSettings::new(kind, Metric::L2)
        };
        alike_indexes::build(view(&base), &settings, &|_| (), &path).unwrap();
        alike_indexes::open(&path).unwrap()
    };
    Kind::ALL.map(make).into_iter().collect()
}

fn filters() -> [Option<RowSet>; 4] {
    let admit = |of_1000: u64| {
        let mut random = Random(of_1000);
        (0..ROWS)
            .map(|_| random.next() % 1000 < of_1000)
            .collect::<RowSet>()
    };
    [None, Some(admit(700)), Some(admit(10)), Some(RowSet::new(ROWS))]
}

#[test]
fn a_batch_answers_what_single_searches_answer() {
    let folder = TempDir::new().unwrap();
    let queries = clustered(75, DIMENSION, 60, 31, 2);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(3).build().unwrap();
    for index in indexes(&folder) {
        for filter in filters() {
            for effort in [Effort::Default, Effort::Beam(20), Effort::Exact] {
                let request = Request {
                    k: 7,
                    effort,
                    filter: filter.as_ref(),
                };
                let mut scratch = Scratch::new();
                let single = |query: &[f32]| {
                    let report = index.search(query, &request, &mut scratch).unwrap();
                    Answer {
                        neighbors: scratch.neighbors().to_vec(),
                        report,
                    }
                };
                let singles: Vec<Answer> = view(&queries).rows().map(single).collect();
                let batch = pool
                    .install(|| index.search_batch(view(&queries), &request))
                    .unwrap();
                assert_eq!(batch, singles, "{} {effort:?}", index.kind());
            }
        }
        let none = index.search_batch(view(&[]), &Request::default()).unwrap();
        assert!(none.is_empty());
    }
}

#[test]
fn a_batch_names_the_first_query_that_cannot_be_compared() {
    let folder = TempDir::new().unwrap();
    let mut queries = clustered(40, DIMENSION, 60, 31, 2);
    queries[11 * DIMENSION + 3] = f32::NAN;
    queries[30 * DIMENSION] = f32::INFINITY;
    let other = RowSet::full(3);
    for index in indexes(&folder) {
        let error = |queries: VectorsView<'_>, filter, effort| {
            let request = Request {
                filter,
                effort,
                ..Request::default()
            };
            index.search_batch(queries, &request).unwrap_err().to_string()
        };
        for effort in [Effort::Default, Effort::Exact] {
            let text = error(view(&queries), None, effort);
            assert!(
                text.starts_with("query row 11: found NaN at position 3"),
                "{text}"
            );
            let text = error(VectorsView::new(&queries, 5).unwrap(), None, effort);
            assert!(
                text.starts_with("queries: found dimension 5, expected 24"),
                "{text}"
            );
            let text = error(view(&[]), Some(&other), effort);
            assert!(text.starts_with("filter: found a set over 3 rows"), "{text}");
        }
    }
}

#[test]
fn a_recall_target_takes_the_cheapest_setting_that_reached_it() {
    let folder = TempDir::new().unwrap();
    let query = clustered(1, DIMENSION, 60, 31, 2);
    let indexes = indexes(&folder);
    let index = indexes.iter().find(|index| index.kind() == Kind::Hnsw).unwrap();
    let description = index.description();
    let mut scratch = Scratch::new();
    let mut report = |effort| {
        let request = Request {
            effort,
            ..Request::default()
        };
        index.search(&query, &request, &mut scratch).unwrap()
    };
    for recall in [0.1, 0.5, 0.9, 0.95, 0.99] {
        let cheapest = description
            .calibration
            .iter()
            .find(|entry| entry.recall >= recall)
            .unwrap();
        assert_eq!(description.setting_for(recall), Some(*cheapest));
        assert_eq!(
            report(Effort::Recall(recall)),
            report(Effort::Beam(cheapest.beam as usize))
        );
    }
    let target = Effort::Recall(description.recall_target);
    assert_eq!(report(Effort::Default), report(target));
    for exact in [Effort::Recall(1.0), Effort::Recall(7.0), Effort::Exact] {
        assert_eq!(report(exact).plan, Plan::Exact, "{exact:?}");
    }
    let widest = description.setting_for(f32::NAN).unwrap();
    let most = description
        .calibration
        .iter()
        .map(|entry| entry.recall)
        .fold(0.0, f32::max);
    assert!(
        widest.recall.to_bits() == most.to_bits(),
        "nothing reaches NaN: {widest:?}"
    );
}

#[test]
fn reports_count_what_was_read() {
    let folder = TempDir::new().unwrap();
    let query = clustered(1, DIMENSION, 60, 31, 2);
    let row = 4 * DIMENSION.next_multiple_of(16) as u64;
    let mut scratch = Scratch::new();
    for index in indexes(&folder) {
        for filter in filters() {
            let mut report = |effort| {
                let request = Request {
                    effort,
                    filter: filter.as_ref(),
                    ..Request::default()
                };
                index.search(&query, &request, &mut scratch).unwrap()
            };
            let admissible = filter.as_ref().map_or(ROWS, RowSet::count) as u64;
            let exact = report(Effort::Exact);
            assert_eq!(exact.distances, admissible, "{}", index.kind());
            assert_eq!(exact.hops, 0);
            if matches!(index.kind(), Kind::Flat | Kind::Hnsw) {
                assert_eq!(exact.bytes, admissible * row);
                let walked = report(Effort::Beam(20));
                let links = walked.bytes - walked.distances * row;
                let lists = 4 * 2 * u64::from(index.description().m) * u64::from(walked.hops);
                assert!(
                    (lists..=lists + 4 * walked.distances).contains(&links),
                    "{walked:?}"
                );
            }
        }
    }
}

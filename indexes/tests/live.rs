//! What a live catalog counts on: every row can be reached, deleted rows cost little, recall of an opened index.

#![allow(
    clippy::unwrap_used,
    reason = "a failed expectation stops the test, in its helpers too"
)]

mod support;

use std::path::Path;

use alike_indexes::recall::{measure, recall};
use alike_indexes::{
    Block, BuildSettings, Effort, Index, Kind, Metric, Plan, Request, RowId, RowSet, Scratch, VectorsView,
    build, open, rebuild, verify,
};
use proptest::prelude::*;
use support::{Random, check_shape, clustered, rows};
use tempfile::TempDir;

/// Rows in clumps so tight that a list of links has no room for anything outside, some of them equal.
fn clumps(len: usize, dimension: usize, tightness: f32, seed: u64) -> Vec<f32> {
    let centers = clustered(8, dimension, 8, 1 + seed % 3, 1);
    let mut random = Random(seed);
    let mut values = Vec::with_capacity(len * dimension);
    for row in 0..len {
        if row > 0 && random.next().is_multiple_of(8) {
            let from = random.next() as usize % row * dimension;
            values.extend_from_within(from..from + dimension);
            continue;
        }
        let center = random.next() as usize % 8 * dimension;
        values.extend(
            centers[center..center + dimension]
                .iter()
                .map(|center| center + tightness * random.normal()),
        );
    }
    values
}

fn view(values: &[f32], dimension: usize) -> VectorsView<'_> {
    VectorsView::new(values, dimension).unwrap()
}

fn all_reachable(path: &Path, len: usize) {
    verify(path).unwrap();
    let index = open(path).unwrap();
    assert_eq!((index.len(), index.unreachable()), (len, 0), "{}", index.kind());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Also after a third of the rows was deleted (at random, or a run of them) and as many came.
    #[test]
    fn every_row_is_reached(
        metric in proptest::sample::select(&Metric::ALL),
        len in 0_usize..900,
        dimension in prop_oneof![1_usize..4, Just(24)],
        tightness in prop_oneof![Just(1e-4_f32), Just(0.05), Just(0.6)],
        m in 2_usize..9,
        held_out in prop_oneof![Just(0_usize), Just(60)],
        scattered in any::<bool>(),
        seed in any::<u64>(),
    ) {
        let folder = TempDir::new().unwrap();
        let [previous, path] = ["previous", "next"].map(|name| folder.path().join(name));
        let mut settings = BuildSettings { m, ef_construction: 2 * m, held_out, durable: false, ..BuildSettings::new(Kind::Graph, metric) };
        let mut values = clumps(len, dimension, tightness, seed);
        build(view(&values, dimension), &settings, &|_| (), &previous).unwrap();
        all_reachable(&previous, len);

        for generation in 1..3 {
            let gone = values.len() / dimension * 3 / 10;
            let mut random = Random(seed ^ generation);
            for _ in 0..gone {
                let left = values.len() / dimension;
                let at = if scattered { random.next() as usize % left } else { left / 3 };
                values.drain(at * dimension..(at + 1) * dimension);
            }
            values.extend(clumps(gone, dimension, tightness, seed ^ (generation << 40)));
            rebuild(view(&values, dimension), &previous, &settings, &|_| (), &path).unwrap();
            all_reachable(&path, values.len() / dimension);
            std::fs::rename(&path, &previous).unwrap();
        }

        settings.kind = Kind::Hnsw;
        build(view(&values, dimension), &settings, &|_| (), &path).unwrap();
        all_reachable(&path, values.len() / dimension);
    }
}

/// Vectors, and an index of each kind over them.
fn indexes(folder: &Path, values: &[f32], dimension: usize, metric: Metric) -> Vec<Box<dyn Index>> {
    let view = view(values, dimension);
    let built = Kind::ALL.map(|kind| {
        let path = folder.join(kind.name());
        let settings = BuildSettings {
            m: 8,
            ef_construction: 60,
            held_out: 300,
            ..BuildSettings::new(kind, metric)
        };
        build(view, &settings, &|_| (), &path).unwrap();
        open(&path).unwrap()
    });
    let block: Box<dyn Index> = Box::new(Block::new(view, metric).unwrap());
    built.into_iter().chain([block]).collect()
}

/// Mean recall@10 and distances of all queries.
fn ask(index: &dyn Index, queries: VectorsView<'_>, filter: Option<&RowSet>) -> (f64, f64, Plan) {
    let mut scratch = Scratch::new();
    let (mut shares, mut distances, mut plan) = (0.0, 0, Plan::Exact);
    for query in queries.rows() {
        let exact = Request {
            effort: Effort::Exact,
            filter,
            ..Request::default()
        };
        index.search(query, &exact, &mut scratch).unwrap();
        let truth = rows(&scratch);
        let request = Request {
            effort: Effort::Default,
            ..exact
        };
        let report = index.search(query, &request, &mut scratch).unwrap();
        check_shape(index, &scratch, filter);
        assert_eq!(scratch.neighbors().len(), truth.len());
        shares += recall(&rows(&scratch), &truth);
        distances += report.distances;
        plan = report.plan;
    }
    let count = queries.len() as f64;
    (shares / count, distances as f64 / count, plan)
}

#[test]
fn deleted_rows_cost_little() {
    let folder = TempDir::new().unwrap();
    let (len, dimension) = (20_000, 32);
    for metric in Metric::ALL {
        let values = clustered(len, dimension, 400, 8, 1);
        let queries = clustered(200, dimension, 400, 8, 2);
        let queries = VectorsView::new(&queries, dimension).unwrap();
        for index in indexes(folder.path(), &values, dimension, metric) {
            let (all, cost, _) = ask(&*index, queries, None);
            for (share, dearer) in [(999, 1.15), (990, 1.15), (900, 1.6)] {
                let mut random = Random(share);
                let alive: RowSet = (0..len).map(|_| random.next() % 1_000 < share).collect();
                let (found, filtered_cost, plan) = ask(&*index, queries, Some(&alive));
                let what = format!("{} {metric}, {share} of 1,000: {plan:?}", index.kind());
                assert!(found > all - 0.01, "{what}: recall {found}, {all} of all rows");
                assert!(
                    filtered_cost < dearer * cost,
                    "{what}: {filtered_cost} distances, {cost}"
                );
            }
        }
    }
}

/// Where all rows near a query are deleted, nearly all of the nearest others are found, though they lie in other clusters
/// than the query, for which no setting was measured.
#[test]
fn neighborhoods_that_are_deleted() {
    let folder = TempDir::new().unwrap();
    let (len, dimension) = (20_000, 32);
    let values = clustered(len, dimension, 400, 9, 1);
    let queries = clustered(40, dimension, 400, 9, 2);
    let queries = VectorsView::new(&queries, dimension).unwrap();
    for index in indexes(folder.path(), &values, dimension, Metric::Cosine) {
        for deleted in [5, 11, 40, 300] {
            let mut alive = RowSet::full(len);
            let mut scratch = Scratch::new();
            for query in queries.rows() {
                let request = Request {
                    k: deleted,
                    effort: Effort::Exact,
                    filter: None,
                };
                index.search(query, &request, &mut scratch).unwrap();
                scratch.neighbors().iter().for_each(|found| {
                    alive.remove(RowId(found.row.0));
                });
            }
            let (found, ..) = ask(&*index, queries, Some(&alive));
            assert!(
                found > 0.94,
                "{}, {deleted} deleted: recall {found}",
                index.kind()
            );
        }
    }
}

#[test]
fn recall_of_an_opened_index() {
    let folder = TempDir::new().unwrap();
    let (len, dimension) = (8_000, 24);
    let values = clustered(len, dimension, 100, 10, 1);
    let most: RowSet = (0..len).map(|row| row % 3 > 0).collect();
    for index in indexes(folder.path(), &values, dimension, Metric::L2) {
        for filter in [None, Some(&most)] {
            let of = |effort| {
                let request = Request {
                    effort,
                    filter,
                    ..Request::default()
                };
                measure(&*index, 300, 7, &request).unwrap()
            };
            let kind = index.kind();
            let (exact, usual) = (of(Effort::Exact), of(Effort::Default));
            assert_eq!(
                (exact.queries, exact.recall, exact.least),
                (300, 1.0, 1.0),
                "{kind}"
            );
            assert!(
                usual.recall > 0.97 && usual.least <= usual.recall,
                "{kind}: {usual:?}"
            );
            assert_eq!(usual, of(Effort::Default), "{kind}: the same rows for a seed");
        }
        let wrong = RowSet::full(3);
        let request = Request {
            filter: Some(&wrong),
            ..Request::default()
        };
        assert!(measure(&*index, 300, 7, &request).is_err());
        let all = measure(&*index, len + 1, 7, &Request::default()).unwrap();
        assert_eq!(all.queries, len);
    }
    let none = Block::new(VectorsView::new(&[], 3).unwrap(), Metric::Dot).unwrap();
    let measured = measure(&none, 10, 1, &Request::default()).unwrap();
    assert_eq!((measured.queries, measured.recall), (0, 1.0));
}

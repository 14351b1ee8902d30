//! Built graphs from inside: what their lists, entry points, codes and measurements keep, and walks without the plan that
//! would spare small sets from them.

use std::fs;
use std::path::Path;

use proptest::prelude::*;
use tempfile::TempDir;

use super::calibrate::{Pairs, code_error};
use super::codes::RowCodes;
use super::mapped::GraphIndex;
use super::prune::PruneScratch;
use super::quantizer::{CodeBits, CodedQuery, Quantizer};
use super::rotation::Rotation;
use super::walk::{Limits, WalkScratch};
use crate::build::{BuildReport, BuildSettings, build};
use crate::description::BeamRecall;
use crate::file::MappedFile;
use crate::index::{Index, Kind};
use crate::kernel::Kernels;
use crate::metric::Metric;
use crate::prepare::{NO_ROW, prepare_rows};
use crate::random::SplitMix;
use crate::row::RowId;
use crate::row_set::RowSet;
use crate::search::{Effort, Plan, Request, Scratch};
use crate::vectors::{AlignedRows, VectorsView};

const DIMENSION: usize = 20;

/// Roughly normal.
fn normal(random: &mut SplitMix) -> f32 {
    (0..4)
        .map(|_| (random.next() >> 40) as f32 / (1 << 24) as f32 - 0.5)
        .sum()
}

/// Clusters around the same 30 centers for every seed.
fn clustered(len: usize, seed: u64) -> Vec<f32> {
    let mut centers = SplitMix(99);
    let centers: Vec<f32> = (0..30 * DIMENSION).map(|_| 1.5 * normal(&mut centers)).collect();
    let mut random = SplitMix(seed);
    let mut values = Vec::with_capacity(len * DIMENSION);
    for _ in 0..len {
        let center = random.below(30) * DIMENSION;
        let around = centers[center..center + DIMENSION].iter();
        values.extend(around.map(|center| center + normal(&mut random)));
    }
    values
}

/// As [`clustered`], with every fifth row a copy of an earlier one and one vector fifty times.
fn repeated(len: usize, seed: u64) -> Vec<f32> {
    let mut values = clustered(len, seed);
    let mut random = SplitMix(seed);
    for row in (5..len).step_by(5) {
        let from = random.below(row) * DIMENSION;
        values.copy_within(from..from + DIMENSION, row * DIMENSION);
    }
    for row in (0..len).step_by((len / 50).max(1)) {
        values.copy_within(..DIMENSION, row * DIMENSION);
    }
    values
}

fn settings(metric: Metric) -> BuildSettings {
    BuildSettings {
        m: 8,
        ef_construction: 80,
        ..BuildSettings::new(Kind::Graph, metric)
    }
}

fn write(values: &[f32], settings: &BuildSettings, path: &Path) -> BuildReport {
    let vectors = VectorsView::new(values, DIMENSION).unwrap();
    build(vectors, settings, &|_| (), path).unwrap()
}

/// Built, verified and opened.
fn built(values: &[f32], settings: &BuildSettings) -> GraphIndex {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("index");
    write(values, settings, &path);
    crate::index::verify(&path).unwrap();
    GraphIndex::from_file(MappedFile::open(&path).unwrap()).unwrap()
}

fn row_codes(rows: &AlignedRows, metric: Metric) -> RowCodes {
    let rows = rows.as_rows();
    let kernels = Kernels::detect().unwrap();
    let rotation = Rotation::seeded(DIMENSION, 5);
    let quantizer = Quantizer::new(metric, vec![0.01; DIMENSION], rotation, 1.0, kernels);
    RowCodes::of(&rows, DIMENSION, &quantizer, metric, kernels)
}

/// Distances between a row and others as building sees them.
fn distances(codes: &RowCodes, row: u32, others: &[u32]) -> Vec<f32> {
    let (mut query, mut dots, mut out) = (CodedQuery::default(), Vec::new(), Vec::new());
    codes.as_query(row, &mut query);
    codes.distances(row, &query, others, &mut dots, &mut out);
    out
}

/// Rows that are nodes.
fn nodes(index: &GraphIndex) -> Vec<u32> {
    let followers = index.followers.as_deref().unwrap_or(&[]);
    let followers: Vec<u32> = followers.as_chunks::<2>().0.iter().map(|pair| pair[1]).collect();
    (0..index.len() as u32)
        .filter(|row| !followers.contains(row))
        .collect()
}

/// The nearest nodes of a walk, nearest first.
fn walked(index: &GraphIndex, query: &[f32], limits: &Limits, filter: Option<&RowSet>) -> Vec<(u32, f32)> {
    let mut scratch = WalkScratch::default();
    index.quantizer.code_query(query, &mut scratch.query);
    match filter {
        None => {
            index.graph().walk(limits, &mut scratch);
        }
        Some(filter) => {
            index
                .graph()
                .walk_filtered(limits, filter, u64::MAX, &mut scratch)
                .or_else(|_| {
                    let rows = filter.iter().map(|row| row.0);
                    Ok::<_, ()>(index.graph().scan(limits, rows, &mut scratch))
                })
                .unwrap();
        }
    }
    scratch.pool.iter().collect()
}

/// The same by comparing all codes.
fn scanned(index: &GraphIndex, query: &[f32], limits: &Limits, filter: Option<&RowSet>) -> Vec<(u32, f32)> {
    let mut scratch = WalkScratch::default();
    index.quantizer.code_query(query, &mut scratch.query);
    let rows = (0..index.len() as u32).filter(|&row| filter.is_none_or(|filter| filter.contains(RowId(row))));
    index.graph().scan(limits, rows, &mut scratch);
    scratch.pool.iter().collect()
}

fn wide(beam: usize) -> Limits {
    Limits {
        k: 10,
        ..Limits::of_beam(beam)
    }
}

fn prepared(index: &GraphIndex, query: &[f32]) -> Vec<f32> {
    let rows = prepare_rows(VectorsView::new(query, DIMENSION).unwrap(), index.metric()).unwrap();
    rows.as_rows().get(0).unwrap()[..DIMENSION].to_vec()
}

#[test]
fn any_number_of_threads_writes_the_same_bytes() {
    let folder = TempDir::new().unwrap();
    let values = repeated(1_500, 1);
    for metric in Metric::ALL {
        for codes in [None, Some(CodeBits::Eight)] {
            let bytes = |threads: usize| {
                let path = folder.path().join("index");
                let settings = BuildSettings {
                    threads: Some(threads),
                    codes,
                    ..settings(metric)
                };
                write(&values, &settings, &path);
                fs::read(&path).unwrap()
            };
            let one = bytes(1);
            assert!(
                one == bytes(2) && one == bytes(4),
                "{metric}, {codes:?}: another file from more threads"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn pruning_keeps_relative_neighbors(
        seed in any::<u64>(), degree in 1_usize..20, many in 0_usize..120, alpha in 1.0_f32..1.4,
        metric in prop::sample::select(&Metric::ALL[..]),
    ) {
        // Equal rows too, though a graph has none: ties.
        let values = repeated(150, seed);
        let rows = prepare_rows(VectorsView::new(&values, DIMENSION).unwrap(), metric).unwrap();
        let codes = row_codes(&rows, metric);
        let mut random = SplitMix(seed);
        let row = random.below(150) as u32;
        let mut candidates: Vec<u32> = (0..many).map(|_| random.below(150) as u32).collect();
        candidates.push(row);

        let mut scratch = PruneScratch::default();
        scratch.prune(&codes, row, &candidates, degree, alpha);
        let chosen = scratch.chosen.clone();
        random.shuffle(&mut candidates);
        scratch.prune(&codes, row, &candidates, degree, alpha);
        prop_assert_eq!(&scratch.chosen, &chosen, "the order of candidates does not matter");

        prop_assert!(chosen.len() <= degree);
        prop_assert!(chosen.iter().all(|link| *link != row && candidates.contains(link)));
        let to_row = distances(&codes, row, &chosen);
        let keys: Vec<(f32, u32)> = to_row.iter().copied().zip(chosen.iter().copied()).collect();
        prop_assert!(keys.is_sorted_by(|a, b| a < b), "nearest first, none twice: {:?}", keys);
        let hidden = |by: u32, other: u32, distance: f32| distances(&codes, by, &[other])[0] * alpha < distance;
        for (place, &(distance, link)) in keys.iter().enumerate() {
            prop_assert!(!chosen[..place].iter().any(|&by| hidden(by, link, distance)));
        }
        if chosen.len() < degree {
            for &other in candidates.iter().filter(|other| **other != row && !chosen.contains(other)) {
                let distance = distances(&codes, row, &[other])[0];
                prop_assert!(chosen.iter().any(|&by| hidden(by, other, distance)), "{} was left out for nothing", other);
            }
        }
        scratch.sort(&codes, row, &candidates);
        let sorted = distances(&codes, row, &scratch.chosen);
        prop_assert!(sorted.is_sorted() && chosen.iter().all(|link| scratch.chosen.contains(link)));
    }
}

#[test]
fn lists_lead_from_the_entries_to_every_node() {
    for metric in Metric::ALL {
        for len in [1, 2, 17, 200, 1_500] {
            let index = built(&repeated(len, 3), &settings(metric));
            let graph = index.graph();
            let mut open = graph.entries.nodes.clone();
            let mut seen = RowSet::new(len);
            while let Some(node) = open.pop() {
                if seen.insert(RowId(node)) {
                    let list = graph.list(node);
                    let links = &list[..list.iter().take_while(|&&link| link != NO_ROW).count()];
                    let mut distinct = links.to_vec();
                    distinct.sort_unstable();
                    distinct.dedup();
                    assert!(distinct.len() == links.len() && !links.contains(&node));
                    assert!(links.len() <= 16 && list.len() == 16);
                    open.extend(links);
                }
            }
            let reached: Vec<u32> = seen.iter().map(|row| row.0).collect();
            assert_eq!(reached, nodes(&index), "{metric}, {len} rows");
        }
    }
}

#[test]
fn entries_are_distinct_nodes_from_all_over() {
    for (len, least) in [(0, 0), (1, 1), (40, 1), (1_500, 50)] {
        let index = built(&repeated(len, 4), &settings(Metric::L2));
        let entries = index.graph().entries.nodes.clone();
        assert!(entries.len() >= least && entries.len() <= len.min(super::entries::MOST));
        assert_eq!(entries.len(), index.description.entries as usize);
        assert!(entries.is_sorted_by(|a, b| a < b));
        let nodes = nodes(&index);
        assert!(entries.iter().all(|entry| nodes.contains(entry)));
    }
    // Each of the clusters that all rows lie in has one near it: nearer than another cluster is.
    let index = built(&clustered(1_500, 4), &settings(Metric::L2));
    let near = |row: u32| {
        let mut distances = vec![0.0; index.graph().entries.nodes.len()];
        let row = index.vectors.rows().get(row).unwrap();
        index
            .space()
            .distances(row, &index.graph().entries.nodes, &mut distances);
        distances.iter().copied().fold(f32::INFINITY, f32::min)
    };
    let mut nearest: Vec<f32> = (0..1_500).map(near).collect();
    nearest.sort_unstable_by(f32::total_cmp);
    // Rows of one cluster are 2·20/3 apart on average, of two clusters 2.25 times that and more.
    assert!(
        nearest[1_425] < 2.0 * DIMENSION as f32 / 3.0,
        "{}",
        nearest[1_425]
    );
}

#[test]
fn a_walk_that_keeps_everything_sees_everything() {
    for metric in Metric::ALL {
        let index = built(&repeated(300, 5), &settings(metric));
        for query in clustered(20, 6).chunks(DIMENSION) {
            let query = prepared(&index, query);
            let found = walked(&index, &query, &wide(300), None);
            assert_eq!(found, scanned(&index, &query, &wide(300), None), "{metric}");
            assert_eq!(found.len(), nodes(&index).len());
        }
    }
}

#[test]
fn a_slack_and_a_beam_limit_what_is_kept() {
    let index = built(&clustered(1_500, 7), &settings(Metric::L2));
    for query in clustered(20, 8).chunks(DIMENSION) {
        let all = walked(&index, query, &wide(1_500), None);
        for (beam, slack) in [(12, f32::INFINITY), (1_500, 2.0), (1_500, 0.0), (40, 1.0)] {
            let limits = Limits { slack, ..wide(beam) };
            let found = walked(&index, query, &limits, None);
            let mut coded = CodedQuery::default();
            index.quantizer.code_query(query, &mut coded);
            let bound = |kth: &(u32, f32)| match slack.is_finite() {
                true => kth.1 + (slack * (kth.1 + coded.origin)).max(0.0),
                false => f32::INFINITY,
            };
            let bound = found.get(9).map_or(f32::INFINITY, bound);
            assert!(found.len() <= beam && found.iter().all(|one| one.1 <= bound));
            assert!(found.iter().all(|one| all.contains(one)), "the same distances");
        }
    }
}

#[test]
fn filtered_walks_find_admissible_nodes_only() {
    for metric in Metric::ALL {
        let index = built(&clustered(1_500, 9), &settings(metric));
        for (keep, least) in [(900, 0.95), (500, 0.95), (100, 0.9)] {
            let mut random = SplitMix(keep);
            let filter: RowSet = (0..1_500).map(|_| random.next() % 1_000 < keep).collect();
            let (mut right, mut wanted) = (0_usize, 0);
            for query in clustered(40, 10).chunks(DIMENSION) {
                let query = prepared(&index, query);
                let found = walked(&index, &query, &wide(100), Some(&filter));
                assert!(found.iter().all(|&(node, _)| filter.contains(RowId(node))));
                let truth = scanned(&index, &query, &wide(10), Some(&filter));
                wanted += truth.len();
                right += truth.iter().filter(|one| found.contains(one)).count();
            }
            let share = right as f64 / wanted as f64;
            assert!(share >= least, "{metric}, {keep} of 1000: {share}");
        }
    }
}

#[test]
fn a_walk_over_budget_says_what_it_took() {
    let index = built(&clustered(1_500, 9), &settings(Metric::L2));
    let filter: RowSet = (0..1_500).map(|row| row % 2 == 0).collect();
    let mut scratch = WalkScratch::default();
    index.quantizer.code_query(&clustered(1, 10), &mut scratch.query);
    let spent = index
        .graph()
        .walk_filtered(&wide(200), &filter, 100, &mut scratch)
        .unwrap_err();
    assert!(spent.distances > 100 && spent.distances < 400, "{spent:?}");
}

/// Rows with equal vectors are one node; a filter that admits only a later one still finds it.
#[test]
fn later_rows_of_a_vector_are_found_for_its_node() {
    for metric in Metric::ALL {
        let values = repeated(1_500, 11);
        let index = built(&values, &settings(metric));
        let nodes = nodes(&index);
        let followers: RowSet = (0..1_500).map(|row| !nodes.contains(&row)).collect();
        assert!(followers.count() > 250);
        let mut more = followers.clone();
        (0..1_500).step_by(3).for_each(|row| {
            more.insert(RowId(row));
        });
        let mut scratch = Scratch::new();
        for filter in [None, Some(&followers), Some(&more)] {
            let mut right = 0;
            for query in clustered(30, 12).chunks(DIMENSION) {
                let ask = |effort: Effort, scratch: &mut Scratch| {
                    let request = Request {
                        k: 20,
                        effort,
                        filter,
                    };
                    let plan = index.search(query, &request, scratch).unwrap().plan;
                    assert!(scratch.neighbors().is_sorted() && scratch.neighbors().len() == 20);
                    (plan, scratch.neighbors().to_vec())
                };
                let (_, truth) = ask(Effort::Exact, &mut scratch);
                let (plan, found) = ask(Effort::Beam(64), &mut scratch);
                assert_ne!(plan, Plan::Exact, "{metric}: this is about walks");
                let admitted = |row| filter.is_none_or(|filter| filter.contains(row));
                assert!(found.iter().all(|neighbor| admitted(neighbor.row)));
                right += truth.iter().filter(|row| found.contains(row)).count();
            }
            assert!(right >= 570, "{metric}: {right} of 600");
        }
    }
}

#[test]
fn the_stated_error_is_that_of_the_codes() {
    for metric in Metric::ALL {
        let values = clustered(1_500, 13);
        let [four, eight] = CodeBits::ALL.map(|bits| {
            let codes = Some(bits);
            let index = built(
                &values,
                &BuildSettings {
                    codes,
                    ..settings(metric)
                },
            );
            let measured = code_error(
                &index.space(),
                &index.quantizer,
                &index.graph(),
                &nodes(&index),
                Pairs::Linked,
            );
            let stated = index.description.code_error;
            assert!(
                (measured - stated).abs() < 0.1 * stated,
                "{metric}: {measured} for {stated}"
            );
            stated
        });
        assert!(
            eight > 0.0 && eight < four / 4.0,
            "{metric}: {eight} with 8 bits, {four} with 4"
        );
        assert!(four < 0.5, "{metric}: {four}");
    }
}

#[test]
fn wider_settings_find_more_and_cost_more() {
    for metric in Metric::ALL {
        for codes in CodeBits::ALL.map(Some) {
            let index = built(
                &clustered(3_000, 14),
                &BuildSettings {
                    codes,
                    ..settings(metric)
                },
            );
            let points = &index.description.calibration;
            let (beams, slacks): (Vec<BeamRecall>, Vec<_>) =
                points.iter().copied().partition(|point| point.slack.is_none());
            assert!(!beams.is_empty() && !slacks.is_empty());
            assert!(beams.is_sorted_by(|a, b| a.beam < b.beam));
            assert!(slacks.is_sorted_by(|a, b| a.slack < b.slack));
            for points in [&beams, &slacks] {
                for (one, next) in points.iter().zip(&points[1..]) {
                    assert!(
                        next.recall >= one.recall - 0.01,
                        "{metric}: {one:?}, then {next:?}"
                    );
                    assert!(
                        next.distances >= one.distances,
                        "{metric}: {one:?}, then {next:?}"
                    );
                }
                let last = points.last().unwrap();
                assert!(last.recall > 0.98 && last.recall <= 1.0, "{metric}: {last:?}");
            }
        }
    }
}

/// Recall@10 of walks with a recall target, against exact answers.
fn recall(index: &GraphIndex, effort: Effort) -> f64 {
    let mut scratch = Scratch::new();
    let (mut right, mut walks) = (0, 0);
    for query in clustered(100, 16).chunks(DIMENSION) {
        let mut ask = |effort: Effort| {
            let request = Request {
                effort,
                ..Request::default()
            };
            let plan = index.search(query, &request, &mut scratch).unwrap().plan;
            walks += usize::from(plan == Plan::Graph);
            scratch.neighbors().to_vec()
        };
        let (truth, found) = (ask(Effort::Exact), ask(effort));
        right += truth.iter().filter(|row| found.contains(row)).count();
    }
    assert!(walks == 100, "{walks} of 100 were walks");
    right as f64 / 1_000.0
}

/// Lengths over four orders of magnitude: a dot product prefers the long ones, which few links lead to by distance.
#[test]
fn long_and_short_vectors_are_found_by_dot_product() {
    let mut values = clustered(3_000, 15);
    let mut random = SplitMix(2);
    for row in values.chunks_mut(DIMENSION) {
        let length = 10.0_f32.powf(-2.0 + 4.0 * (random.below(1_000) as f32 / 1_000.0));
        row.iter_mut().for_each(|value| *value *= length);
    }
    let index = built(&values, &settings(Metric::Dot));
    let found = recall(&index, Effort::Recall(0.95));
    assert!(found >= 0.93, "{found}");
}

#[test]
fn recall_targets_are_met_under_every_metric() {
    for metric in Metric::ALL {
        let index = built(&clustered(5_000, 15), &settings(metric));
        for target in [0.9, 0.95] {
            let found = recall(&index, Effort::Recall(target));
            assert!(found >= f64::from(target) - 0.02, "{metric}, {target}: {found}");
        }
    }
}

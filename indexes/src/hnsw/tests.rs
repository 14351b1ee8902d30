//! The frozen graph against `hnsw_rs` itself, and the nodes that it cuts off.

use super::freeze::Frozen;
use super::insert::GraphBuilder;
use crate::build::BuildSettings;
use crate::index::Kind;
use crate::kernel::{Kernels, Rows};
use crate::metric::Metric;
use crate::prepare::{NO_ROW, prepare_rows};
use crate::recall;
use crate::search::{Scratch, Space};
use crate::vectors::{AlignedRows, VectorsView};

const DIMENSION: usize = 24;
const ROWS: usize = 4_000;
const QUERIES: usize = 400;

/// Seeded points in clusters.
fn clustered(len: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let mut random = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 24) as f32 - 0.5
    };
    let centers: Vec<f32> = (0..40 * DIMENSION).map(|_| random()).collect();
    let point = |index: usize| {
        let center = index % 40 * DIMENSION;
        let noise: Vec<f32> = (0..DIMENSION).map(|_| random() * 0.7).collect();
        centers[center..center + DIMENSION]
            .iter()
            .zip(noise)
            .map(|(center, noise)| center + noise)
            .collect::<Vec<_>>()
    };
    (0..len).flat_map(point).collect()
}

fn all(len: usize) -> Vec<u32> {
    (0..len as u32).collect()
}

fn rows_of(values: &[f32], metric: Metric) -> AlignedRows {
    prepare_rows(VectorsView::new(values, DIMENSION).unwrap(), metric).unwrap()
}

fn grown<'a>(rows: Rows<'a>, metric: Metric) -> (GraphBuilder<'a>, Space<'a>) {
    let settings = BuildSettings::new(Kind::Hnsw, metric);
    let kernels = Kernels::detect().unwrap();
    let mut builder = GraphBuilder::new(rows, &settings, kernels);
    builder.insert(&all(rows.len()), |_| ());
    (
        builder,
        Space {
            rows,
            metric,
            kernels,
        },
    )
}

fn walk(frozen: &Frozen, space: &Space<'_>, query: &[f32], beam: usize, scratch: &mut Scratch) -> Vec<u32> {
    scratch.set_query(query, space.metric).unwrap();
    frozen.graph(&[]).walk(space, beam, scratch);
    scratch.pool.iter().map(|(row, _)| row).take(10).collect()
}

/// Same graph, same beam: the same ten rows in the same order. Not on every query, because `hnsw_rs` takes one step per
/// upper layer from its own (private) entry point, and ours goes on to a local minimum, so the two can enter level 0 at
/// different nodes.
#[test]
fn frozen_answers_are_those_of_hnsw_rs() {
    for metric in [Metric::L2, Metric::Cosine] {
        let (base, queries) = (
            rows_of(&clustered(ROWS, 1), metric),
            rows_of(&clustered(QUERIES, 2), metric),
        );
        let (mut builder, space) = grown(base.as_rows(), metric);
        builder.hnsw.set_searching_mode(true);
        let frozen = Frozen::of(&builder, ROWS, 16);
        let queries: Vec<&[f32]> = (0..QUERIES as u32)
            .map(|row| queries.as_rows().get(row).unwrap())
            .collect();
        let truth = recall::exact_rows(&space, &queries, 10, None);
        let mut scratch = Scratch::new();
        let (mut equal, mut ours, mut theirs) = (0, 0.0, 0.0);
        for (query, truth) in queries.iter().zip(&truth) {
            let found = walk(&frozen, &space, &query[..DIMENSION], 48, &mut scratch);
            let answer = builder.hnsw.search(query, 10, 48);
            let expected: Vec<u32> = answer.iter().map(|neighbor| neighbor.d_id as u32).collect();
            equal += usize::from(found == expected);
            ours += recall::recall(&found, truth) / QUERIES as f64;
            theirs += recall::recall(&expected, truth) / QUERIES as f64;
        }
        println!("{metric}: {equal} of {QUERIES} answers equal, recall {ours:.4} against {theirs:.4}");
        assert!(
            equal * 100 >= QUERIES * 97,
            "{metric}: only {equal} of {QUERIES} answers are equal"
        );
        assert!(
            (ours - theirs).abs() < 0.005,
            "{metric}: recall {ours} against {theirs}"
        );
    }
}

/// Every link of the frozen graph is one that `hnsw_rs` holds, on every level.
#[test]
fn frozen_links_are_those_of_hnsw_rs() {
    let base = rows_of(&clustered(1_500, 3), Metric::L2);
    let (builder, space) = grown(base.as_rows(), Metric::L2);
    let frozen = Frozen::of(&builder, 1_500, 16);
    let graph = frozen.graph(&[]);
    let mut links = 0;
    for point in builder.hnsw.get_point_indexation() {
        let row = point.get_origin_id() as u32;
        let list = &point.get_neighborhood_id()[0];
        let expected: Vec<u32> = list
            .iter()
            .map(|to| to.get_origin_id() as u32)
            .filter(|&to| to != row)
            .collect();
        assert_eq!(graph.targets(row, space.len()).collect::<Vec<_>>(), expected);
        links += expected.len();
    }
    assert!(links > 1_500 * 8, "{links} links");
    let upper: usize = graph.upper().map(|layer| layer.rows.len()).sum();
    assert!(upper > 1_500 / 32, "{upper} nodes on upper layers");
}

/// Takes every link to each tenth node away (as `hnsw_rs` does to some nodes when it drops the farthest link of a full
/// list), and has them linked in again.
#[test]
fn every_node_is_reachable_after_connecting() {
    let base = rows_of(&clustered(3_000, 4), Metric::L2);
    let (builder, space) = grown(base.as_rows(), Metric::L2);
    let mut frozen = Frozen::of(&builder, 3_000, 16);
    let entry = frozen.entry;
    for list in frozen.links.chunks_mut(32) {
        let kept: Vec<u32> = list
            .iter()
            .copied()
            .filter(|&to| to % 10 != 0 || to == entry)
            .collect();
        list.fill(NO_ROW);
        list[..kept.len()].copy_from_slice(&kept);
    }
    let before = reachable(&frozen, 3_000);
    let added = frozen.connect(&space, &all(3_000), 200);
    assert_eq!((reachable(&frozen, 3_000), before + added), (3_000, 3_000));
    assert!((250..=300).contains(&added), "{added} links added");
    assert_eq!(frozen.connect(&space, &all(3_000), 200), 0);
}

/// The same where every list is full, so that links must give way: none that a node's reachability hangs on does.
#[test]
fn connecting_full_lists_cuts_nobody_off() {
    let base = rows_of(&clustered(400, 6), Metric::L2);
    let (builder, space) = grown(base.as_rows(), Metric::L2);
    let mut frozen = Frozen::of(&builder, 400, 16);
    for (row, list) in frozen.links.chunks_mut(32).enumerate() {
        let others = (1..400_u32)
            .map(|step| (row as u32 + step * 3) % 400)
            .filter(|to| to % 4 > 0);
        list.iter_mut().zip(others).for_each(|(link, to)| *link = to);
    }
    assert!(reachable(&frozen, 400) < 400);
    let added = frozen.connect(&space, &all(400), 64);
    assert_eq!(reachable(&frozen, 400), 400, "{added} links added");
}

fn reachable(frozen: &Frozen, rows: usize) -> usize {
    let mut seen = vec![false; rows];
    let mut open = vec![frozen.entry];
    seen[frozen.entry as usize] = true;
    while let Some(node) = open.pop() {
        for to in frozen.graph(&[]).targets(node, rows) {
            if !std::mem::replace(&mut seen[to as usize], true) {
                open.push(to);
            }
        }
    }
    seen.iter().filter(|seen| **seen).count()
}

#[test]
fn lists_end_with_no_row() {
    let base = rows_of(&clustered(50, 5), Metric::Dot);
    let (builder, _) = grown(base.as_rows(), Metric::Dot);
    let frozen = Frozen::of(&builder, 60, 16);
    assert!(frozen.links[50 * 32..].iter().all(|&link| link == NO_ROW));
    assert!(
        frozen
            .links
            .chunks(32)
            .take(50)
            .all(|list| list[0] != NO_ROW && list.is_sorted_by_key(|&link| link == NO_ROW))
    );
}

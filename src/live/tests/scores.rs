//! The same item has the same score live and in a snapshot.

use super::support::{item, snapshot};
use crate::live::{Asked, Live, Place, Step};
use crate::log::Position;
use alike_indexes::{Effort, Kind, Metric, Scratch};
use std::collections::BTreeMap;

const DIMENSION: usize = 48;

/// Vectors of very different lengths.
fn vectors(count: usize) -> Vec<Vec<f32>> {
    let mut state = 9_u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1_u64 << 24) as f32 - 0.5
    };
    let vector = |n: usize| -> Vec<f32> { (0..DIMENSION).map(|_| next() * (1 + n % 9) as f32).collect() };
    (0..count).map(vector).collect()
}

fn scores(live: &Live, query: &[f32], effort: Effort) -> BTreeMap<String, f32> {
    let (mut scratch, mut found) = (Scratch::new(), Vec::new());
    let asked = Asked { k: 1_000, effort };
    live.search(query, asked, &live.select(None), &mut scratch, &mut found)
        .unwrap();
    assert!(found.is_sorted_by(|a, b| a.score > b.score || (a.score == b.score && a.place < b.place)));
    let id = |place: Place| live.item(place).unwrap().unwrap().id.to_owned();
    found
        .into_iter()
        .map(|candidate| (id(candidate.place), candidate.score))
        .collect()
}

#[test]
fn live_and_frozen_scores_agree() {
    let all = vectors(400);
    for metric in Metric::ALL {
        let (_whole, frozen) = snapshot(&all, Kind::Graph, metric);
        let (_half, half) = snapshot(&all[..150], Kind::Graph, metric);
        let (frozen, mut live) = (Live::new(frozen), Live::new(half));
        for (n, vector) in all.iter().enumerate().skip(150) {
            let mut item = item(&format!("b{n}"), n as i32);
            item.vector = vector.as_slice().into();
            live.apply([(Position(n as u64), Step::Put(item.into()))]);
        }
        // An update of the document keeps the vector, however often.
        for round in 0..50 {
            let step = super::update("b399", round);
            live.apply([(Position(1_000 + round as u64), step)]);
        }
        for query in [&all[3], &all[210], &all[399]] {
            for effort in [Effort::Exact, Effort::Recall(1.0)] {
                let (expected, found) = (scores(&frozen, query, effort), scores(&live, query, effort));
                assert_eq!(expected.len(), 400);
                assert_eq!(expected.len(), found.len());
                for (id, score) in expected {
                    let bound = 1e-5 * score.abs().max(1.0);
                    assert!(
                        (found[&id] - score).abs() <= bound,
                        "{metric} {id}: {score} became {}",
                        found[&id]
                    );
                }
            }
        }
    }
}

//! From candidates with estimated distances to the answer: the nearest of them are compared by their full rows.

use crate::row::{Neighbor, RowId};
use crate::search::{Batch, Space, Top};

/// How many errors of an estimate two candidates may differ by and still change places. Errors of estimates are close
/// to Gaussian; of two estimates one exceeds this less than once in a hundred.
const ERRORS: f32 = 3.0;

/// How much farther than the `k`-th a candidate may seem and still be compared in full. `error` is per unit of the
/// query's length.
pub(super) fn margin(error: f32, query_norm: f32) -> f32 {
    ERRORS * error * query_norm
}

/// Compares those of the candidates (nearest first) whose estimate is within `margin` of the `k`-th in full and offers
/// them to `top`; gives how many there were.
pub(super) fn rank(
    space: &Space<'_>,
    query: &[f32],
    (k, margin): (usize, f32),
    candidates: impl Iterator<Item = (u32, f32)>,
    batch: &mut Batch,
    top: &mut Top,
) -> u64 {
    batch.ids.clear();
    let mut bound = f32::INFINITY;
    for (node, distance) in candidates {
        if distance > bound {
            break;
        }
        batch.ids.push(node);
        if batch.ids.len() == k.max(1) {
            bound = distance + margin;
        }
    }
    let compared = batch.ids.len() as u64;
    top.reset(k);
    for (node, distance) in batch.score(space, query) {
        top.offer(Neighbor {
            row: RowId(node),
            score: -distance,
        });
    }
    compared
}

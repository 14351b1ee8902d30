//! Comparing a query with every row of a list.

use super::space::Space;
use super::top::Top;
use crate::row::{Neighbor, RowId};

/// Rows scored per kernel call.
const CHUNK: usize = 64;

/// Row numbers and their distances, filled and scored together.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) ids: Vec<u32>,
    distances: Vec<f32>,
}

impl Batch {
    /// Scores what is in `ids`.
    #[inline]
    pub(crate) fn score(
        &mut self,
        space: &Space<'_>,
        query: &[f32],
    ) -> impl Iterator<Item = (u32, f32)> + '_ {
        if self.distances.len() < self.ids.len() {
            self.distances.resize(self.ids.len(), 0.0);
        }
        space.distances(query, &self.ids, &mut self.distances);
        self.ids.iter().copied().zip(self.distances.iter().copied())
    }
}

/// Offers every row of `rows` to `top`; gives how many there were.
pub(crate) fn scan(
    space: &Space<'_>,
    query: &[f32],
    rows: impl Iterator<Item = RowId>,
    batch: &mut Batch,
    top: &mut Top,
) -> u64 {
    let mut rows = rows.peekable();
    let mut scanned = 0;
    while rows.peek().is_some() {
        batch.ids.clear();
        batch.ids.extend(rows.by_ref().take(CHUNK).map(|row| row.0));
        scanned += batch.ids.len() as u64;
        for (row, distance) in batch.score(space, query) {
            top.offer(Neighbor {
                row: RowId(row),
                score: -distance,
            });
        }
    }
    scanned
}

//! From the nodes that Faiss found to rows with exact scores.

use crate::prepare::NO_ROW;
use crate::row::{Neighbor, RowId};
use crate::row_set::RowSet;
use crate::search::{Scratch, Space};

/// What the nodes of a Faiss index stand for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Nodes<'a> {
    /// Per node its first row.
    pub(super) rows: &'a [u32],
    /// Per row the next one with the same vector; empty where all differ.
    pub(super) next: &'a [u32],
}

impl<'a> Nodes<'a> {
    /// A row and those after it with the same vector. Ends even where the file is damaged.
    pub(super) fn equals(&self, row: u32) -> impl Iterator<Item = RowId> + use<'a> {
        let next = self.next;
        let later = move |&row: &u32| {
            let later = next.get(row as usize).copied();
            later.filter(|&later| later != NO_ROW && later > row)
        };
        std::iter::successors(Some(row), later).map(RowId)
    }

    /// Whether a filter admits any row of a node.
    pub(super) fn admitted(&self, node: u32, filter: &RowSet) -> bool {
        let first = self.rows.get(node as usize);
        first.is_some_and(|&row| self.equals(row).any(|row| filter.contains(row)))
    }

    /// The best `k` admitted rows of the nodes found, into the scratch's neighbors; gives the scores computed.
    pub(super) fn rank(
        &self,
        space: &Space<'_>,
        found: &[u32],
        k: usize,
        filter: Option<&RowSet>,
        scratch: &mut Scratch,
    ) -> u64 {
        let Scratch {
            query,
            batch,
            top,
            neighbors,
            ..
        } = scratch;
        let rows = found.iter().filter_map(|&node| self.rows.get(node as usize));
        batch.ids.clear();
        batch
            .ids
            .extend(rows.copied().filter(|&row| (row as usize) < space.len()));
        top.reset(k);
        for (row, distance) in batch.score(space, query.as_slice()) {
            let admitted =
                |row: &RowId| row.index() < space.len() && filter.is_none_or(|filter| filter.contains(*row));
            let score = -distance;
            for row in self.equals(row).filter(admitted).take(k) {
                top.offer(Neighbor { row, score });
            }
        }
        top.drain_into(neighbors);
        batch.ids.len() as u64
    }
}

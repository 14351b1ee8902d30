//! The best `k` of what is offered.

use std::collections::BinaryHeap;

use crate::row::{Neighbor, RowId};

/// Keeps the best `k` neighbors offered; the worst of them is at hand.
#[derive(Debug, Default)]
pub(crate) struct Top {
    /// Neighbors order best first, so the heap's greatest is the worst.
    heap: BinaryHeap<Neighbor>,
    k: usize,
}

impl Top {
    /// An empty one.
    pub(crate) fn new(k: usize) -> Self {
        Self {
            heap: BinaryHeap::with_capacity(k),
            k,
        }
    }

    /// Moves the neighbors out, best first.
    pub(crate) fn neighbors(&mut self) -> Vec<Neighbor> {
        let mut neighbors = Vec::new();
        self.drain_into(&mut neighbors);
        neighbors
    }

    /// Empties it.
    pub(crate) fn reset(&mut self, k: usize) {
        self.heap.clear();
        self.heap.reserve(k);
        self.k = k;
    }

    /// Takes a neighbor in if it is among the best `k` so far.
    #[inline]
    pub(crate) fn offer(&mut self, neighbor: Neighbor) {
        if self.heap.len() < self.k {
            self.heap.push(neighbor);
        } else if let Some(mut worst) = self.heap.peek_mut()
            && neighbor < *worst
        {
            *worst = neighbor;
        }
    }

    /// Whether something this good would be taken in, or already is in.
    #[inline]
    pub(crate) fn reaches(&self, neighbor: Neighbor) -> bool {
        self.worst().is_none_or(|worst| neighbor <= worst)
    }

    /// The worst neighbor, once there are `k`.
    #[inline]
    pub(crate) fn worst(&self) -> Option<Neighbor> {
        self.heap.peek().copied().filter(|_| self.heap.len() >= self.k)
    }

    /// As [`Self::neighbors`], into memory that is there already.
    pub(crate) fn drain_into(&mut self, out: &mut Vec<Neighbor>) {
        out.clear();
        out.extend(self.heap.drain());
        out.sort_unstable();
    }
}

/// Replaces each node by the rows that it stands for, at most `k` in all, best first.
pub(crate) fn expand<I: Iterator<Item = RowId>>(
    neighbors: &mut Vec<Neighbor>,
    k: usize,
    rows_of: impl Fn(RowId) -> I,
) {
    let nodes = neighbors.len();
    for place in 0..nodes {
        let Neighbor { row, score } = neighbors[place];
        let missing = k.saturating_sub(neighbors.len() - nodes);
        neighbors.extend(rows_of(row).take(missing).map(|row| Neighbor { row, score }));
    }
    neighbors.drain(..nodes);
    neighbors.sort_unstable();
}

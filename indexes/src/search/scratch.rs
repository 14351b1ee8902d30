//! Memory that one thread reuses from query to query.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::{Batch, Pool, Space, Top, Visited, scan};
use crate::description::Description;
use crate::error::{IndexError, Place};
use crate::graph::WalkScratch;
use crate::metric::Metric;
use crate::prepare::prepare;
use crate::row::{Neighbor, RowId};
use crate::row_set::RowSet;
use crate::search::Request;
use crate::vectors::{AlignedValues, stride_of};

/// Per-thread memory for searches, and the last answer. Grows to what the largest index and beam need, then no search
/// allocates. One scratch may be used with any number of indexes.
#[derive(Debug, Default)]
pub struct Scratch {
    pub(crate) query: AlignedValues,
    pub(crate) batch: Batch,
    pub(crate) pool: Pool,
    pub(crate) visited: Visited,
    pub(crate) top: Top,
    pub(crate) frontier: BinaryHeap<Reverse<Neighbor>>,
    pub(crate) walk: WalkScratch,
    pub(crate) neighbors: Vec<Neighbor>,
}

impl Scratch {
    /// An empty scratch.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The last answer, best first; empty after an error.
    #[must_use]
    pub fn neighbors(&self) -> &[Neighbor] {
        &self.neighbors
    }

    /// Takes a query in: checked against the index it is for, normalized if need be, padded.
    pub(crate) fn admit(
        &mut self,
        description: &Description,
        query: &[f32],
        request: &Request<'_>,
    ) -> Result<(), IndexError> {
        self.neighbors.clear();
        description.check_query("query", query.len(), request)?;
        self.set_query(query, description.metric)
    }

    /// Prepares the query without any other check.
    pub(crate) fn set_query(&mut self, query: &[f32], metric: Metric) -> Result<(), IndexError> {
        self.query.reset(stride_of(query.len()));
        prepare(Place::Query, query, metric, self.query.as_mut_slice())
    }

    /// Answers the query taken in by comparing all admissible rows; gives how many.
    pub(crate) fn scan(&mut self, space: &Space<'_>, k: usize, filter: Option<&RowSet>) -> u64 {
        self.top.reset(k.min(space.len()));
        let query = self.query.as_slice();
        let scanned = match filter {
            Some(filter) => scan(space, query, filter.iter(), &mut self.batch, &mut self.top),
            None => scan(
                space,
                query,
                (0..space.len() as u32).map(RowId),
                &mut self.batch,
                &mut self.top,
            ),
        };
        self.top.drain_into(&mut self.neighbors);
        scanned
    }
}

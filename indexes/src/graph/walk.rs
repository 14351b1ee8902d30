//! Walking the graph, with and without a filter.

use super::codes::{Codes, Scores};
use super::entries::Entries;
use super::quantizer::CodedQuery;
use crate::kernel::prefetch;
use crate::prepare::NO_ROW;
use crate::row::RowId;
use crate::row_set::RowSet;
use crate::search::{Pool, Visited};

/// A graph as it lies in memory or in a file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Graph<'a> {
    /// Per node `width` links, nearest first, [`NO_ROW`] behind the last.
    pub(super) links: &'a [u32],
    pub(super) width: usize,
    pub(super) codes: Codes<'a>,
    pub(super) entries: &'a Entries,
}

/// How far a walk goes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Limits {
    /// Candidates kept, at most.
    pub(super) beam: usize,
    /// Neighbors wanted.
    pub(super) k: usize,
    /// How much farther than the `k`-th nearest a candidate may be, in estimated distance.
    pub(super) slack: f32,
}

/// What a walk took.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spent {
    pub(crate) hops: u32,
    pub(crate) distances: u64,
    /// Lists of links read.
    pub(crate) lists: u64,
}

/// Memory that walks reuse.
#[derive(Debug, Default)]
pub(crate) struct WalkScratch {
    pub(crate) query: CodedQuery,
    pub(crate) pool: Pool,
    visited: Visited,
    /// Nodes that are scored next.
    fresh: Vec<u32>,
    /// Neighbors that the filter leaves out: their own neighbors are looked at instead.
    detours: Vec<u32>,
    pub(crate) scores: Scores,
}

/// A filtered walk looks at neighbors of neighbors until it has this many admissible ones of a node.
const ENOUGH: usize = 24;

/// Admissible rows that a filtered walk starts from besides the entry points.
const FILTER_STARTS: usize = 32;

impl<'a> Graph<'a> {
    /// The links of a node.
    #[inline]
    pub(super) fn list(&self, node: u32) -> &'a [u32] {
        let start = node as usize * self.width;
        self.links.get(start..start + self.width).unwrap_or(&[])
    }

    /// Number of nodes.
    pub(super) fn len(&self) -> usize {
        self.links.len() / self.width.max(1)
    }

    /// Finds the nodes nearest to the query in the scratch; they end up in its pool.
    pub(super) fn walk(&self, limits: &Limits, scratch: &mut WalkScratch) -> Spent {
        let mut spent = self.start(limits, None, scratch);
        while let Some(node) = scratch.pool.expand_next() {
            spent.hops += 1;
            let WalkScratch { visited, fresh, .. } = scratch;
            fresh.clear();
            visited.insert_all(self.list(node), fresh);
            spent.distances += self.score_fresh(scratch);
        }
        spent.lists = u64::from(spent.hops);
        spent
    }

    /// As [`Self::walk`], over admissible nodes only: where a node has few admissible neighbors, theirs are looked at
    /// too (ACORN, arXiv 2403.04871). `Err` with what it took once more than `budget` distances were computed.
    pub(super) fn walk_filtered(
        &self,
        limits: &Limits,
        filter: &RowSet,
        budget: u64,
        scratch: &mut WalkScratch,
    ) -> Result<Spent, Spent> {
        let mut spent = self.start(limits, Some(filter), scratch);
        while let Some(node) = scratch.pool.expand_next() {
            spent.hops += 1;
            spent.lists += self.gather_admissible(node, filter, scratch);
            spent.distances += self.score_fresh(scratch);
            if spent.distances > budget {
                return Err(spent);
            }
        }
        Ok(spent)
    }

    /// Scores the entry points, and with a filter some admissible rows from all over.
    fn start(&self, limits: &Limits, filter: Option<&RowSet>, scratch: &mut WalkScratch) -> Spent {
        scratch.visited.reset(self.len());
        scratch.pool.reset_within(limits.beam, limits.k, limits.slack);
        let WalkScratch {
            query,
            scores,
            pool,
            visited,
            fresh,
            ..
        } = scratch;
        self.entries
            .codes(&self.codes)
            .score(query, &self.entries.places, scores);
        for (&node, &distance) in self.entries.nodes.iter().zip(&scores.distances) {
            let admitted = filter.is_none_or(|filter| filter.contains(RowId(node)));
            if admitted && pool.insert(node, distance) {
                visited.insert(node);
            }
        }
        let mut distances = self.entries.nodes.len() as u64;
        if let Some(filter) = filter {
            fresh.clear();
            fresh.extend(
                filter
                    .spaced(FILTER_STARTS)
                    .map(|row| row.0)
                    .filter(|&row| self.is_node(row) && visited.insert(row)),
            );
            distances += self.score_fresh(scratch);
        }
        Spent {
            distances,
            ..Spent::default()
        }
    }

    /// Rows whose vector an earlier row has are no nodes: they have no links.
    fn is_node(&self, row: u32) -> bool {
        self.list(row).first().is_some_and(|&link| link != NO_ROW)
    }

    /// Puts the admissible neighbors of a node into `fresh`, then neighbors of the others until there are enough. Gives
    /// the number of lists read.
    fn gather_admissible(&self, node: u32, filter: &RowSet, scratch: &mut WalkScratch) -> u64 {
        let WalkScratch {
            visited,
            fresh,
            detours,
            ..
        } = scratch;
        fresh.clear();
        detours.clear();
        let mut admissible = 0;
        for &link in self.list(node) {
            if filter.contains(RowId(link)) {
                admissible += 1;
                if visited.insert(link) {
                    fresh.push(link);
                }
            } else if admissible < ENOUGH && visited.insert(link) {
                detours.push(link);
                prefetch(self.list(link));
            }
        }
        let mut lists = 1;
        for &detour in detours.iter() {
            if admissible >= ENOUGH {
                break;
            }
            lists += 1;
            for &link in self.list(detour) {
                if filter.contains(RowId(link)) && visited.insert(link) {
                    admissible += 1;
                    fresh.push(link);
                }
            }
        }
        lists
    }

    /// Scores the fresh nodes and offers them to the pool; gives how many there were.
    #[inline]
    fn score_fresh(&self, scratch: &mut WalkScratch) -> u64 {
        let WalkScratch {
            query,
            scores,
            pool,
            fresh,
            ..
        } = scratch;
        self.codes.score(query, fresh, scores);
        for (&node, &distance) in fresh.iter().zip(&scores.distances) {
            // Nearly all that the pool takes in are expanded sooner or later.
            if pool.insert(node, distance) {
                prefetch(self.list(node));
            }
        }
        fresh.len() as u64
    }

    /// Scores every admissible node (all of them without a filter) into the pool.
    pub(super) fn scan(
        &self,
        limits: &Limits,
        rows: impl Iterator<Item = u32>,
        scratch: &mut WalkScratch,
    ) -> Spent {
        scratch.pool.reset_within(limits.beam, limits.k, limits.slack);
        let mut rows = rows.filter(|&row| self.is_node(row)).peekable();
        let mut spent = Spent::default();
        while rows.peek().is_some() {
            scratch.fresh.clear();
            scratch.fresh.extend(rows.by_ref().take(SCANNED));
            let WalkScratch {
                query,
                scores,
                pool,
                fresh,
                ..
            } = &mut *scratch;
            self.codes.score(query, fresh, scores);
            for (&node, &distance) in fresh.iter().zip(&scores.distances) {
                pool.insert(node, distance);
            }
            spent.distances += fresh.len() as u64;
        }
        spent
    }
}

/// Rows scored per kernel call of a scan.
const SCANNED: usize = 256;

//! Walking the graph, with and without a filter.

use super::codes::{Codes, Scores};
use super::entries::Entries;
use super::quantizer::CodedQuery;
use super::rank::margin;
use crate::kernel::prefetch;
use crate::prepare::NO_ROW;
use crate::row::RowId;
use crate::row_set::RowSet;
use crate::search::{Pool, Slack, Visited};

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
    /// How much farther than the `k`-th nearest a candidate may be, as a share of its distance; infinite: any.
    pub(super) slack: f32,
    /// Error of estimated distances per unit of the query's length.
    pub(super) error: f32,
}

impl Limits {
    /// Only the beam limits the walk.
    pub(super) fn of_beam(beam: usize) -> Self {
        Self {
            beam,
            k: 1,
            slack: f32::INFINITY,
            error: 0.0,
        }
    }

    /// The limits of a scan: whatever may be among the nearest by its estimate is kept, nothing is followed.
    pub(super) fn for_scan(&self) -> Self {
        Self {
            beam: SCAN_BEAM.max(4 * self.k),
            slack: 0.0,
            error: FAR_SPREAD * self.error,
            ..*self
        }
    }

    /// The limits of a walk for one query. What estimates cannot tell from the `k`-th nearest is never too far.
    fn for_query(&self, query: &CodedQuery) -> Slack {
        match self.slack.is_finite() {
            true => Slack {
                share: self.slack,
                origin: query.origin,
                least: margin(self.error, query.norm),
            },
            false => Slack::default(),
        }
    }
}

/// What a walk took.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spent {
    pub(crate) hops: u32,
    pub(crate) distances: u64,
    /// Lists of links read.
    pub(crate) lists: u64,
}

impl Spent {
    /// Both together.
    pub(super) fn and(self, other: Self) -> Self {
        Self {
            hops: self.hops + other.hops,
            distances: self.distances + other.distances,
            lists: self.lists + other.lists,
        }
    }
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
    /// Admissible nodes that the walk ahead found, with their distances; of a block, rows that may be among the nearest.
    pub(crate) near: Vec<(u32, f32)>,
    pub(crate) scores: Scores,
}

/// A filtered walk looks at neighbors of neighbors until it has this many admissible ones of a node.
const ENOUGH: usize = 24;

/// Beam of the walk that goes ahead of a filtered one.
const AHEAD_BEAM: usize = 32;

/// A filter goes against the query when this many times fewer of the nodes near it are admissible than of all.
const FEWER: usize = 4;

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
        let mut spent = self.start(limits, scratch);
        while let Some(node) = scratch.pool.expand_next() {
            spent.hops += 1;
            let WalkScratch { visited, fresh, .. } = scratch;
            fresh.clear();
            visited.insert_all(self.list(node), fresh);
            spent.distances += self.score_fresh(scratch, |taken| prefetch(self.list(taken)));
        }
        spent.lists = u64::from(spent.hops);
        spent
    }

    /// As [`Self::walk`], over admissible nodes only: where a node has few admissible neighbors, theirs are looked at
    /// too (ACORN, arXiv 2403.04871). A short walk over all nodes goes ahead: what is admissible of the nodes nearest to
    /// the query is where this one starts. `Err` with what it took when hardly any is (the filter goes against the
    /// query, so that the nearest admissible nodes lie far apart), or once more than `budget` distances were computed.
    pub(super) fn walk_filtered(
        &self,
        limits: &Limits,
        filter: &RowSet,
        budget: u64,
        scratch: &mut WalkScratch,
    ) -> Result<Spent, Spent> {
        let mut spent = self.walk(&Limits::of_beam(AHEAD_BEAM), scratch);
        let WalkScratch {
            query,
            pool,
            visited,
            near,
            ..
        } = &mut *scratch;
        near.clear();
        near.extend(pool.iter().filter(|&(node, _)| filter.contains(RowId(node))));
        let expected = AHEAD_BEAM * filter.count() / self.len().max(1);
        if near.is_empty() || near.len() * FEWER < expected {
            return Err(spent);
        }
        visited.reset(self.len());
        pool.reset_within(limits.beam, limits.k, limits.for_query(query));
        for &(node, distance) in near.iter() {
            visited.insert(node);
            pool.insert(node, distance);
        }
        while let Some(node) = scratch.pool.expand_next() {
            spent.hops += 1;
            spent.lists += self.gather_admissible(node, filter, scratch);
            spent.distances += self.score_fresh(scratch, |taken| prefetch(self.list(taken)));
            if spent.distances > budget {
                return Err(spent);
            }
        }
        Ok(spent)
    }

    /// Scores the entry points.
    fn start(&self, limits: &Limits, scratch: &mut WalkScratch) -> Spent {
        let WalkScratch {
            query,
            scores,
            pool,
            visited,
            ..
        } = scratch;
        visited.reset(self.len());
        pool.reset_within(limits.beam, limits.k, limits.for_query(query));
        let codes = self.entries.codes(&self.codes);
        codes.score(query, &self.entries.places, scores);
        for (&node, &distance) in self.entries.nodes.iter().zip(&scores.distances) {
            if pool.insert(node, distance) {
                visited.insert(node);
            }
        }
        Spent {
            distances: self.entries.nodes.len() as u64,
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

    /// Scores the fresh nodes and offers them to the pool; gives how many there were. A walk asks for the links of those
    /// that were `taken` in: nearly all of them are expanded sooner or later.
    #[inline]
    fn score_fresh(&self, scratch: &mut WalkScratch, taken: impl Fn(u32)) -> u64 {
        let WalkScratch {
            query,
            scores,
            pool,
            fresh,
            ..
        } = scratch;
        self.codes.score(query, fresh, scores);
        for (&node, &distance) in fresh.iter().zip(&scores.distances) {
            if pool.insert(node, distance) {
                taken(node);
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
        let slack = limits.for_query(&scratch.query);
        scratch.pool.reset_within(limits.beam, limits.k, slack);
        let mut rows = rows.filter(|&row| self.is_node(row)).peekable();
        let mut spent = Spent::default();
        while rows.peek().is_some() {
            scratch.fresh.clear();
            scratch.fresh.extend(rows.by_ref().take(SCANNED));
            spent.distances += self.score_fresh(scratch, |_| ());
        }
        spent
    }
}

/// Candidates that a scan keeps at least.
const SCAN_BEAM: usize = 384;

/// What a scan's candidates may be wrong by, in errors between any two rows: a filter may admit just those rows that are
/// longer than most, and errors grow with length.
const FAR_SPREAD: f32 = 1.6;

/// Rows scored per kernel call of a scan.
const SCANNED: usize = 256;

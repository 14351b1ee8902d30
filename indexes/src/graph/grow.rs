//! Building the graph: rows come in batches; each row of a batch is searched for in the graph as it was before the
//! batch, linked to what pruning leaves of what was found, and linked back.
//!
//! Code distances are sums of integers, batches do not see each other, and links are put down in the order of rows, so
//! the graph is the same for any number of threads and any instruction set.

use rayon::prelude::*;

use super::codes::RowCodes;
use super::entries::{Entries, spaced};
use super::prune::PruneScratch;
use super::walk::{Graph, Limits, WalkScratch};
use crate::connect::used;
use crate::prepare::NO_ROW;

/// How a graph is built.
#[derive(Debug, Clone, Copy)]
pub(super) struct GrowSettings {
    /// Links per node.
    pub(super) degree: usize,
    /// Candidates kept while a row is searched for.
    pub(super) beam: usize,
}

/// See [`PruneScratch::prune`]; on squared distances.
pub(super) const ALPHA: f32 = 1.02;
/// A batch is at most this share of the rows before it, and never more than [`MOST_IN_BATCH`].
const BATCH_SHARE: usize = 12;
const MOST_IN_BATCH: usize = 8192;
/// Entry points of walks while the graph grows.
const STARTS: usize = 64;

/// A graph under construction. Lists are longer than the finished ones, so that not every link back needs pruning.
pub(super) struct Growth<'a> {
    pub(super) codes: &'a RowCodes,
    pub(super) settings: GrowSettings,
    width: usize,
    links: Vec<u32>,
    /// Rows that are in the graph.
    pub(super) nodes: Vec<u32>,
    /// How many of them came with their links.
    adopted: usize,
}

/// Memory of one thread.
#[derive(Debug, Default)]
struct Work {
    walk: WalkScratch,
    prune: PruneScratch,
    found: Vec<u32>,
}

impl<'a> Growth<'a> {
    pub(super) fn new(codes: &'a RowCodes, settings: GrowSettings) -> Self {
        let width = settings.degree + settings.degree / 2;
        Self {
            codes,
            settings,
            width,
            links: vec![NO_ROW; codes.len() * width],
            nodes: Vec::new(),
            adopted: 0,
        }
    }

    /// Puts a row whose links are set into the graph.
    pub(super) fn adopt(&mut self, row: u32) {
        self.nodes.push(row);
        self.adopted += 1;
    }

    /// Inserts rows that are not in the graph yet, in this order; calls `done` with the number of rows so far. Links that
    /// are set for them are candidates. Adopted rows don't make batches longer: the new ones may lie where no adopted
    /// ones are, and must find each other.
    pub(super) fn insert(&mut self, rows: &[u32], done: impl Fn(usize)) {
        let mut rest = rows;
        while !rest.is_empty() {
            let len = ((self.nodes.len() - self.adopted) / BATCH_SHARE)
                .clamp(1, MOST_IN_BATCH)
                .min(rest.len());
            let (batch, later) = rest.split_at(len);
            self.insert_batch(batch);
            rest = later;
            done(self.nodes.len());
        }
    }

    fn insert_batch(&mut self, batch: &[u32]) {
        let starts = spaced(&self.nodes, STARTS);
        let entries = Entries::of(&starts, &self.codes.built());
        let lists: Vec<Vec<u32>> = batch
            .par_iter()
            .map_init(Work::default, |work, &row| self.links_for(row, &entries, work))
            .collect();
        for (&row, list) in batch.iter().zip(&lists) {
            self.set(row, list);
        }
        self.link_back(batch, &lists);
        self.nodes.extend_from_slice(batch);
    }

    /// What a new row is linked to.
    fn links_for(&self, row: u32, entries: &Entries, work: &mut Work) -> Vec<u32> {
        let GrowSettings { degree, beam } = self.settings;
        self.codes.as_query(row, &mut work.walk.query);
        let limits = Limits::of_beam(beam);
        self.graph(entries).walk(&limits, &mut work.walk);
        work.found.clear();
        work.found.extend_from_slice(self.list(row));
        work.found.extend(work.walk.pool.iter().map(|(node, _)| node));
        work.prune.prune(self.codes, row, &work.found, degree, ALPHA);
        work.prune.chosen.clone()
    }

    /// Links every target of the new lists back to the rows they belong to.
    pub(super) fn link_back(&mut self, batch: &[u32], lists: &[Vec<u32>]) {
        let mut pairs: Vec<(u32, u32)> = batch
            .iter()
            .zip(lists)
            .flat_map(|(&row, list)| list.iter().map(move |&target| (target, row)))
            .collect();
        pairs.par_sort_unstable();
        let mut full: Vec<(u32, Vec<u32>)> = Vec::new();
        for group in pairs.chunk_by(|a, b| a.0 == b.0) {
            let target = group[0].0;
            let old = self.list(target);
            if old.len() + group.len() <= self.width {
                let start = target as usize * self.width + old.len();
                let free = self.links[start..].iter_mut();
                free.zip(group).for_each(|(slot, &(_, row))| *slot = row);
            } else {
                let sources = group.iter().map(|&(_, row)| row);
                full.push((target, old.iter().copied().chain(sources).collect()));
            }
        }
        let pruned: Vec<Vec<u32>> = full
            .par_iter()
            .map_init(PruneScratch::default, |scratch, (target, candidates)| {
                scratch.prune(self.codes, *target, candidates, self.settings.degree, ALPHA);
                scratch.chosen.clone()
            })
            .collect();
        for ((target, _), list) in full.iter().zip(&pruned) {
            self.set(*target, list);
        }
    }

    /// The links of a row so far.
    pub(super) fn list(&self, row: u32) -> &[u32] {
        let start = row as usize * self.width;
        used(&self.links[start..start + self.width])
    }

    /// Replaces the links of a row.
    pub(super) fn set(&mut self, row: u32, list: &[u32]) {
        let start = row as usize * self.width;
        let slots = &mut self.links[start..start + self.width];
        slots.fill(NO_ROW);
        slots.iter_mut().zip(list).for_each(|(slot, &link)| *slot = link);
    }

    fn graph<'b>(&'b self, entries: &'b Entries) -> Graph<'b> {
        Graph {
            links: &self.links,
            width: self.width,
            codes: self.codes.built(),
            entries,
        }
    }

    /// The finished lists: of `degree` links, nearest first.
    pub(super) fn finish(&self) -> Vec<u32> {
        let degree = self.settings.degree;
        let mut links = vec![NO_ROW; self.codes.len() * degree];
        links.par_chunks_exact_mut(degree).enumerate().for_each_init(
            PruneScratch::default,
            |scratch, (row, slots)| {
                let list = self.list(row as u32);
                match list.len() > degree {
                    true => scratch.prune(self.codes, row as u32, list, degree, ALPHA),
                    false => scratch.sort(self.codes, row as u32, list),
                }
                slots
                    .iter_mut()
                    .zip(&scratch.chosen)
                    .for_each(|(slot, &link)| *slot = link);
            },
        );
        links
    }
}

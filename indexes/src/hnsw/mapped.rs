//! The opened file.

use super::graph::{Graph, Spent};
use crate::description::Description;
use crate::error::IndexError;
use crate::file::{Mapped, MappedFile, tag};
use crate::flat::StoredVectors;
use crate::index::{Index, check_lists, describe, search_each};
use crate::kernel::Kernels;
use crate::prepare::NO_ROW;
use crate::row::{Neighbor, RowId};
use crate::row_set::RowSet;
use crate::search::{Answer, Plan, Report, Request, Scratch, Space, choose_plan, expand, scan_batch};
use crate::vectors::VectorsView;

/// A mapped graph index.
#[derive(Debug)]
pub(crate) struct HnswIndex {
    file: MappedFile,
    description: Description,
    vectors: StoredVectors,
    links: Mapped<u32>,
    layers: Mapped<u32>,
    next: Option<Mapped<u32>>,
    kernels: &'static Kernels,
}

impl HnswIndex {
    /// Maps the sections and checks their lengths.
    pub(crate) fn from_file(file: MappedFile) -> Result<Self, IndexError> {
        let description = describe(&file)?;
        let (rows, m) = (description.rows, description.m as usize);
        let words = description
            .layers
            .iter()
            .map(|&count| count as usize * (2 + m))
            .sum();
        let next = (description.duplicates > 0)
            .then(|| file.numbers(tag::DUPLICATES, rows))
            .transpose()?;
        Ok(Self {
            vectors: StoredVectors::map(&file, &description)?,
            links: file.numbers(tag::LINKS, rows * 2 * m)?,
            layers: file.numbers(tag::LAYERS, words)?,
            next,
            kernels: Kernels::detect()?,
            description,
            file,
        })
    }

    fn space(&self) -> Space<'_> {
        Space {
            rows: self.vectors.rows(),
            metric: self.description.metric,
            kernels: self.kernels,
        }
    }

    fn graph(&self) -> Graph<'_> {
        Graph {
            m: self.description.m as usize,
            links: &self.links,
            layers: &self.layers,
            counts: &self.description.layers,
            entry: self.description.entry,
            next: self.next.as_deref().unwrap_or(&[]),
        }
    }

    fn walk(&self, k: usize, beam: usize, scratch: &mut Scratch) -> Report {
        let graph = self.graph();
        let spent = graph.walk(&self.space(), beam, scratch);
        let Scratch { pool, neighbors, .. } = scratch;
        for (node, distance) in pool.iter() {
            if neighbors.len() >= k {
                break;
            }
            neighbors.extend(
                graph
                    .equals(node)
                    .map(|row| Neighbor {
                        row,
                        score: -distance,
                    })
                    .take(k - neighbors.len()),
            );
        }
        neighbors.sort_unstable();
        self.report(Plan::Graph, beam, spent)
    }

    /// Walks with a filter; falls back to the scan when the walk costs more, or finds less than there is.
    fn walk_filtered(&self, k: usize, beam: usize, filter: &RowSet, scratch: &mut Scratch) -> Report {
        let (graph, budget) = (self.graph(), filter.count() as u64);
        let walked = graph.walk_filtered(&self.space(), beam, filter, budget, scratch);
        let Scratch {
            top,
            neighbors,
            pool: _,
            ..
        } = scratch;
        let spent = match walked {
            Ok(spent) => spent,
            Err(spent) => return self.scan(k, Some(filter), spent, scratch),
        };
        top.drain_into(neighbors);
        self.expand_groups(&graph, k, filter, neighbors);
        self.report(Plan::FilteredGraph, beam, spent)
    }

    /// Replaces each node by the admitted rows with its vector, at most `k` in all.
    fn expand_groups(&self, graph: &Graph<'_>, k: usize, filter: &RowSet, neighbors: &mut Vec<Neighbor>) {
        if self.next.is_some() {
            expand(neighbors, k, |node| {
                graph.equals(node.0).filter(|&row| filter.contains(row))
            });
        }
        neighbors.truncate(k);
    }

    fn scan(&self, k: usize, filter: Option<&RowSet>, spent: Spent, scratch: &mut Scratch) -> Report {
        let distances = spent.distances + scratch.scan(&self.space(), k, filter);
        self.report(Plan::Exact, 0, Spent { distances, ..spent })
    }

    fn report(&self, plan: Plan, beam: usize, spent: Spent) -> Report {
        Report {
            plan,
            beam,
            hops: spent.hops,
            distances: spent.distances,
            bytes: spent.distances * self.space().row_bytes() + 4 * spent.links,
            partial: false,
        }
    }

    /// How a request is answered at first: the plan, the beam, and the filter unless it admits every row.
    fn plan<'a>(&self, request: &Request<'a>) -> (Plan, usize, Option<&'a RowSet>) {
        let rows = self.description.rows;
        let filter = request.filter.filter(|filter| filter.count() < rows);
        let Some(beam) = self.description.beam_for(request.effort) else {
            return (Plan::Exact, 0, filter);
        };
        let beam = beam.max(request.k.min(rows)).clamp(1, rows.max(1));
        let matches = filter.map_or(rows, RowSet::count);
        let links = 2 * self.description.m as usize;
        (choose_plan(matches, rows, beam, links), beam, filter)
    }

    /// Checks what the checksums cannot: finite rows, links that lead to rows and layers.
    pub(crate) fn verify(&self) -> Result<(), IndexError> {
        self.vectors.verify(&self.file)?;
        let graph = self.graph();
        check_lists(
            &self.file,
            "links",
            &self.links,
            2 * graph.m,
            self.description.rows,
        )?;
        let mut below = None;
        let layers: Vec<_> = graph.upper().collect();
        for layer in layers.iter().rev() {
            let ascending = layer.rows.is_sorted_by(|a, b| a < b);
            let in_range = layer
                .rows
                .last()
                .is_none_or(|&row| (row as usize) < self.description.rows);
            let of =
                |&down: &u32| below.map_or(Some(down), |below: &[u32]| below.get(down as usize).copied());
            let leads_down = layer.down.iter().map(of).eq(layer.rows.iter().copied().map(Some));
            if !(ascending && in_range && leads_down) || layer.rows.is_empty() {
                return Err(self.file.damaged(
                    "section layers",
                    "misplaced nodes",
                    "each on the layer below too",
                ));
            }
            check_lists(&self.file, "layers", layer.links, graph.m, layer.rows.len())?;
            below = Some(layer.rows);
        }
        self.verify_duplicates()
    }

    fn verify_duplicates(&self) -> Result<(), IndexError> {
        let next = self.next.as_deref().unwrap_or(&[]);
        let forward = |(row, &later): (usize, &u32)| {
            later == NO_ROW || (later as usize > row && (later as usize) < next.len())
        };
        match next.iter().enumerate().all(forward) {
            true => Ok(()),
            false => {
                Err(self
                    .file
                    .damaged("section duplicates", "a chain that does not ascend", "later rows"))
            }
        }
    }
}

impl Index for HnswIndex {
    fn description(&self) -> &Description {
        &self.description
    }

    fn bytes(&self) -> u64 {
        self.file.len()
    }

    /// At level 0, from the entry point alone.
    fn unreachable(&self) -> usize {
        let graph = self.graph();
        let rows = self.description.rows;
        let lists = (graph.links, 2 * graph.m);
        crate::connect::unreached(lists, &[graph.entry], rows, |node| graph.equals(node))
    }

    fn vector(&self, row: RowId) -> Option<&[f32]> {
        self.vectors.get(row)
    }

    fn search(
        &self,
        query: &[f32],
        request: &Request<'_>,
        scratch: &mut Scratch,
    ) -> Result<Report, IndexError> {
        scratch.admit(&self.description, query, request)?;
        let k = request.k.min(self.description.rows);
        let (plan, beam, filter) = self.plan(request);
        let matches = filter.map_or(self.description.rows, RowSet::count);
        let report = match (plan, filter) {
            (Plan::Exact, _) => self.scan(k, filter, Spent::default(), scratch),
            (_, None) => self.walk(k, beam, scratch),
            (_, Some(filter)) => self.walk_filtered(k, beam, filter, scratch),
        };
        if scratch.neighbors.len() >= k.min(matches) {
            return Ok(report);
        }
        let Report {
            hops,
            distances,
            bytes,
            ..
        } = report;
        let scanned = self.scan(k, filter, Spent::default(), scratch);
        Ok(Report {
            hops,
            distances: distances + scanned.distances,
            bytes: bytes + scanned.bytes,
            ..scanned
        })
    }

    fn search_batch(
        &self,
        queries: VectorsView<'_>,
        request: &Request<'_>,
    ) -> Result<Vec<Answer>, IndexError> {
        match self.plan(request) {
            (Plan::Exact, ..) => scan_batch(&self.space(), &self.description, queries, request),
            _ => search_each(self, queries, request),
        }
    }
}

//! The opened file.

use super::codes::Codes;
use super::course::Course;
use super::entries::Entries;
use super::inspect::check_small;
use super::quantizer::{CodeBits, Quantizer};
use super::rank::{margin, rank};
use super::rotation::{Rotation, sign_words};
use super::walk::{Graph, Spent};
use crate::description::Description;
use crate::error::IndexError;
use crate::file::{Mapped, MappedFile, tag};
use crate::flat::StoredVectors;
use crate::index::{Index, describe, search_each};
use crate::kernel::{Kernels, Rows};
use crate::metric::Metric;
use crate::row::RowId;
use crate::row_set::RowSet;
use crate::search::{Answer, Plan, Report, Request, Scratch, Space, expand, scan_batch};
use crate::vectors::VectorsView;

/// A mapped graph index.
#[derive(Debug)]
pub(crate) struct GraphIndex {
    pub(super) file: MappedFile,
    pub(super) description: Description,
    pub(super) vectors: StoredVectors,
    pub(super) links: Mapped<u32>,
    pub(super) codes: Mapped<u8>,
    pub(super) scales: Mapped<f32>,
    pub(super) lengths: Option<Mapped<f32>>,
    /// Pairs of a node and a later row with its vector, sorted.
    pub(super) followers: Option<Mapped<u32>>,
    bits: CodeBits,
    pub(super) quantizer: Quantizer,
    entries: Entries,
    kernels: &'static Kernels,
}

impl GraphIndex {
    /// Maps the sections, checks their lengths and all of the small ones, and copies the codes of the entry points.
    pub(crate) fn from_file(file: MappedFile) -> Result<Self, IndexError> {
        let description = describe(&file)?;
        let (rows, dimension) = (description.rows, description.dimension);
        let bits = CodeBits::ALL
            .into_iter()
            .find(|bits| bits.bits() == description.code_bits);
        let bits = bits
            .ok_or_else(|| file.damaged("section description, code bits", description.code_bits, "4 or 8"))?;
        let is_l2 = description.metric == Metric::L2;
        let lengths = is_l2.then(|| file.numbers(tag::LENGTHS, rows)).transpose()?;
        let followers = (description.duplicates > 0)
            .then(|| file.numbers(tag::FOLLOWERS, 2 * description.duplicates as usize))
            .transpose()?;
        let signs: Mapped<u32> = file.numbers(tag::SIGNS, sign_words(dimension))?;
        let mean: Mapped<f32> = file.numbers(tag::MEAN, dimension)?;
        let starts: Mapped<u32> = file.numbers(tag::ENTRIES, description.entries as usize)?;
        check_small(&file, &description, &mean, &starts)?;
        let rotation = Rotation::of(dimension, signs.to_vec());
        let mut index = Self {
            vectors: StoredVectors::map(&file, &description)?,
            links: file.numbers(tag::LINKS, rows * 2 * description.m as usize)?,
            codes: file.numbers(tag::CODES, rows * bits.row_bytes(dimension))?,
            scales: file.numbers(tag::SCALES, rows)?,
            lengths,
            followers,
            bits,
            quantizer: Quantizer::new(
                description.metric,
                mean.to_vec(),
                rotation,
                description.longest,
                Kernels::detect()?,
            ),
            entries: Entries::default(),
            kernels: Kernels::detect()?,
            description,
            file,
        };
        index.entries = Entries::of(&starts, &index.codes());
        Ok(index)
    }

    pub(super) fn space(&self) -> Space<'_> {
        Space {
            rows: self.vectors.rows(),
            metric: self.description.metric,
            kernels: self.kernels,
        }
    }

    fn codes(&self) -> Codes<'_> {
        Codes {
            bits: self.bits,
            rows: Rows::new(&self.codes, self.bits.row_bytes(self.description.dimension)),
            scales: &self.scales,
            biases: self.lengths.as_deref().unwrap_or(&[]),
            squared: self.description.metric == Metric::L2,
            kernels: self.kernels,
        }
    }

    /// Links per node.
    pub(super) fn width(&self) -> usize {
        2 * self.description.m as usize
    }

    pub(super) fn graph(&self) -> Graph<'_> {
        Graph {
            links: &self.links,
            width: self.width(),
            codes: self.codes(),
            entries: &self.entries,
        }
    }

    /// Compares the candidates in full and puts the best rows into the scratch.
    fn rank(&self, k: usize, error: f32, filter: Option<&RowSet>, scratch: &mut Scratch) -> u64 {
        let Scratch {
            query,
            walk,
            batch,
            top,
            neighbors,
            ..
        } = scratch;
        let margin = margin(error, walk.query.norm);
        let admits = |node| filter.is_none_or(|filter| self.admits(filter, node));
        let admitted = walk.pool.iter().filter(|&(node, _)| admits(node));
        let (space, query) = (self.space(), query.as_slice());
        let compared = rank(&space, query, (k, margin), admitted, batch, top);
        top.drain_into(neighbors);
        if self.followers.is_some() {
            let rows_of = |row| {
                let rows = std::iter::once(row).chain(self.followers_of(row));
                rows.filter(|&row| filter.is_none_or(|filter| filter.contains(row)))
            };
            expand(neighbors, k, rows_of);
        }
        compared
    }

    /// Pairs of node and follower.
    fn pairs(&self) -> &[[u32; 2]] {
        self.followers.as_deref().unwrap_or(&[]).as_chunks().0
    }

    /// The later rows with the vector of a node, ascending. Whatever a damaged file says, they are rows.
    fn followers_of(&self, node: RowId) -> impl Iterator<Item = RowId> + '_ {
        let (pairs, rows) = (self.pairs(), self.description.rows);
        let first = pairs.partition_point(|pair| pair[0] < node.0);
        let own = pairs[first..].iter().take_while(move |pair| pair[0] == node.0);
        own.map(|pair| RowId(pair[1]))
            .filter(move |row| row.index() < rows)
    }

    /// The nodes that stand for the rows of a filter: a node is admissible when any row with its vector is.
    fn nodes_of(&self, filter: &RowSet) -> Option<RowSet> {
        let followers = self.pairs().iter().filter(|pair| filter.contains(RowId(pair[1])));
        let mut nodes: Option<RowSet> = None;
        for pair in followers {
            nodes.get_or_insert_with(|| filter.clone()).insert(RowId(pair[0]));
        }
        nodes
    }

    /// Follows the course; where a filtered walk leads nowhere, or costs more than a scan, the codes are scanned. `None`
    /// where so many rows are nearly as near as the nearest that codes do not tell which.
    fn follow(
        &self,
        course: &Course,
        k: usize,
        filter: Option<&RowSet>,
        scratch: &mut Scratch,
    ) -> Option<Report> {
        let (graph, limits) = (self.graph(), &course.limits);
        self.quantizer
            .code_query(scratch.query.as_slice(), &mut scratch.walk.query);
        let sifted = match filter.filter(|_| course.sifts) {
            Some(filter) => self.sift(limits, filter, &mut scratch.walk),
            None => Err(Spent::default()),
        };
        let before = match sifted {
            Ok((spent, error)) => {
                let compared = self.rank(k, error, filter, scratch);
                return Some(self.report(course.plan, limits.beam, spent, compared));
            }
            Err(spent) => spent,
        };
        let nodes = filter.and_then(|filter| self.nodes_of(filter));
        let nodes = nodes.as_ref().or(filter);
        let walk = &mut scratch.walk;
        let walked = match (course.plan, nodes) {
            (Plan::Scan, _) => Err(Spent::default()),
            (_, None) => Ok(graph.walk(limits, walk)),
            (_, Some(nodes)) => graph.walk_filtered(limits, nodes, nodes.count() as u64 / 2, walk),
        };
        let (plan, spent, error) = match walked {
            Ok(spent) => (course.plan, spent, limits.error),
            Err(spent) => {
                let limits = limits.for_scan();
                let scanned = match nodes {
                    Some(nodes) => graph.scan(&limits, nodes.iter().map(|row| row.0), walk),
                    None => graph.scan(&limits, 0..self.description.rows as u32, walk),
                };
                if walk.pool.is_full() {
                    return None;
                }
                (Plan::Scan, spent.and(scanned), limits.error)
            }
        };
        let compared = self.rank(k, error, filter, scratch);
        Some(self.report(plan, limits.beam, before.and(spent), compared))
    }

    /// Whether a filter admits a node: its row, or a later one with the same vector.
    pub(super) fn admits(&self, filter: &RowSet, node: u32) -> bool {
        let mut followers = self.followers_of(RowId(node));
        filter.contains(RowId(node)) || followers.any(|row| filter.contains(row))
    }

    fn report(&self, plan: Plan, beam: usize, spent: Spent, compared: u64) -> Report {
        let codes = self.codes().row_bytes() * spent.distances;
        let lists = spent.lists * (self.width() * size_of::<u32>()) as u64;
        Report {
            plan,
            beam,
            hops: spent.hops,
            distances: spent.distances + compared,
            bytes: codes + lists + compared * self.space().row_bytes(),
            partial: false,
        }
    }

    fn exact(&self, k: usize, filter: Option<&RowSet>, scratch: &mut Scratch) -> Report {
        let distances = scratch.scan(&self.space(), k, filter);
        Report::of_scan(distances, &self.space())
    }
}

impl Index for GraphIndex {
    fn description(&self) -> &Description {
        &self.description
    }

    fn bytes(&self) -> u64 {
        self.file.len()
    }

    /// Codes, their scales and the links: what a walk reads.
    fn hot_bytes(&self) -> u64 {
        let per_row = self.codes().row_bytes() + (self.width() * size_of::<u32>()) as u64;
        per_row * self.description.rows as u64
    }

    fn unreachable(&self) -> usize {
        let lists = (&*self.links, self.width());
        crate::connect::unreached(lists, &self.entries.nodes, self.description.rows, |node| {
            std::iter::once(RowId(node)).chain(self.followers_of(RowId(node)))
        })
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
        let rows = self.description.rows;
        let filter = request.filter.filter(|filter| filter.count() < rows);
        let wanted = request.k.min(filter.map_or(rows, RowSet::count));
        let course = self.course(request);
        if course.plan != Plan::Exact
            && let Some(report) = self.follow(&course, request.k.min(rows), filter, scratch)
            && scratch.neighbors.len() >= wanted
        {
            return Ok(report);
        }
        Ok(self.exact(request.k.min(rows), filter, scratch))
    }

    fn search_batch(
        &self,
        queries: VectorsView<'_>,
        request: &Request<'_>,
    ) -> Result<Vec<Answer>, IndexError> {
        match self.course(request).plan {
            Plan::Exact => scan_batch(&self.space(), &self.description, queries, request),
            _ => search_each(self, queries, request),
        }
    }
}

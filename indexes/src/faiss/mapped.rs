//! The opened file.
#![allow(
    unsafe_code,
    reason = "hands mapped bytes to Faiss; the block says why it is sound"
)]

use super::candidates::Nodes;
use super::native::{Filter, Found, OpenIndex};
use crate::description::Description;
use crate::error::IndexError;
use crate::file::{Mapped, MappedFile, tag};
use crate::flat::StoredVectors;
use crate::index::{Index, describe, search_each};
use crate::kernel::Kernels;
use crate::row::RowId;
use crate::row_set::RowSet;
use crate::search::{Answer, Plan, Report, Request, Scratch, Space, choose_plan, scan_batch};
use crate::vectors::VectorsView;

/// Links per node that the choice between scan and search assumes.
const LINKS: usize = 32;

/// A mapped Faiss index.
#[derive(Debug)]
pub(crate) struct FaissIndex {
    /// Reads from the map of `file`, so it comes first: fields are dropped in order.
    native: OpenIndex,
    file: MappedFile,
    description: Description,
    vectors: StoredVectors,
    rows: Mapped<u32>,
    next: Option<Mapped<u32>>,
    kernels: &'static Kernels,
}

impl FaissIndex {
    /// Checks the bytes that Faiss is about to believe, and hands them over.
    pub(crate) fn from_file(file: MappedFile) -> Result<Self, IndexError> {
        let mut description = describe(&file)?;
        let factory = String::from_utf8_lossy(file.checked_bytes(tag::FACTORY)?);
        description.factory = Some(factory.into_owned());
        let next = (description.duplicates > 0)
            .then(|| file.numbers(tag::DUPLICATES, description.rows))
            .transpose()?;
        let nodes = description.rows - description.duplicates as usize;
        let bytes = file.checked_bytes(tag::FAISS)?;
        // SAFETY: the map never moves or changes and lives as long as `file`, which is dropped after the result.
        let native = unsafe { OpenIndex::open(bytes) };
        let native =
            native.map_err(|message| file.damaged("section faiss", message, "an index that Faiss reads"))?;
        let shape = (native.searcher().len(), native.searcher().dimension());
        if shape != (nodes, description.dimension) {
            let text = |(nodes, dimension)| format!("{nodes} nodes of dimension {dimension}");
            let expected = text((nodes, description.dimension));
            return Err(file.damaged("section faiss", text(shape), expected));
        }
        Ok(Self {
            native,
            vectors: StoredVectors::map(&file, &description)?,
            rows: file.numbers(tag::NODES, nodes)?,
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

    fn nodes(&self) -> Nodes<'_> {
        Nodes {
            rows: &self.rows,
            next: self.next.as_deref().unwrap_or(&[]),
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
        (choose_plan(matches, rows, beam, LINKS), beam, filter)
    }

    /// The answer from Faiss's candidates; `None` where only a scan can tell: Faiss found too little, or admits far
    /// fewer rows near the query than the filter does elsewhere, or failed.
    fn approximate(
        &self,
        k: usize,
        beam: usize,
        filter: Option<&RowSet>,
        scratch: &mut Scratch,
    ) -> Option<Report> {
        let found = match filter {
            None => self.search(beam, beam, None, scratch),
            Some(filter) => self.search_filtered(beam, filter, scratch),
        }?;
        let distances = self.nodes().rank(&self.space(), &found.nodes, k, filter, scratch);
        let enough = k.min(filter.map_or(self.description.rows, RowSet::count));
        (scratch.neighbors.len() >= enough).then_some(Report {
            plan: filter.map_or(Plan::Graph, |_| Plan::FilteredGraph),
            beam,
            hops: 0,
            distances,
            bytes: distances * self.space().row_bytes(),
            partial: false,
        })
    }

    fn search(
        &self,
        count: usize,
        effort: usize,
        filter: Option<&Filter<'_>>,
        scratch: &Scratch,
    ) -> Option<Found> {
        let searched = self
            .native
            .searcher()
            .search(scratch.query.as_slice(), count, effort, filter);
        searched.ok()
    }

    /// As many admitted candidates as an unfiltered search has candidates: it looks that much further. Types that go
    /// through rows one by one are given the filter. A graph is not: it would stop where the unfiltered walk stops, and
    /// give rows it passed on the way for the nearest ones.
    fn search_filtered(&self, beam: usize, filter: &RowSet, scratch: &Scratch) -> Option<Found> {
        let (nodes, matches) = (self.nodes(), filter.count().max(1));
        let rows = self.description.rows;
        let wide = (beam as u64 * rows as u64).div_ceil(matches as u64) as usize;
        let wide = wide.min(self.rows.len());
        let (found, seen, admitted) = if self.native.searcher().selects() {
            let selector = Filter {
                admitted: filter,
                rows: nodes.rows,
                next: nodes.next,
            };
            let found = self.search(beam, wide, Some(&selector), scratch)?;
            let tested = found.tested;
            (found, tested.nodes, tested.admitted)
        } else {
            let mut found = self.search(wide, wide, None, scratch)?;
            let seen = found.nodes.len() as u64;
            found.nodes.retain(|&node| nodes.admitted(node, filter));
            let admitted = found.nodes.len() as u64;
            (found, seen, admitted)
        };
        let everything = seen >= self.rows.len() as u64;
        let expected = seen as f64 * matches as f64 / rows as f64;
        (everything || admitted as f64 >= 0.5 * expected).then_some(found)
    }

    /// Checks what the checksums cannot: finite rows, and that the nodes stand for each row once.
    pub(crate) fn verify(&self) -> Result<(), IndexError> {
        self.vectors.verify(&self.file)?;
        let (nodes, mut seen) = (self.nodes(), RowSet::new(self.description.rows));
        for &first in nodes.rows {
            if !nodes.equals(first).all(|row| seen.insert(row)) {
                return Err(self.file.damaged(
                    "section nodes",
                    format!("row {first} twice"),
                    "every row once",
                ));
            }
        }
        match seen.count() == self.description.rows {
            true => Ok(()),
            false => {
                let missing = self.description.rows - seen.count();
                Err(self.file.damaged(
                    "section nodes",
                    format!("{missing} rows missing"),
                    "every row once",
                ))
            }
        }
    }
}

impl Index for FaissIndex {
    fn description(&self) -> &Description {
        &self.description
    }

    fn bytes(&self) -> u64 {
        self.file.len()
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
        let (plan, beam, filter) = self.plan(request);
        let k = request.k.min(self.description.rows);
        let approximate = (plan != Plan::Exact).then(|| self.approximate(k, beam, filter, scratch));
        if let Some(report) = approximate.flatten() {
            return Ok(report);
        }
        let space = self.space();
        let distances = scratch.scan(&space, k, filter);
        Ok(Report::of_scan(distances, &space))
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

//! From prepared rows to a published file: group, hold out, train, add, measure, add the rest, write.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use ::faiss::Index as _;
use ::faiss::index::IndexImpl;

use super::candidates::Nodes;
use super::native::{self, Searcher};
use super::{DEFAULT_FACTORY, make, wrong_factory};
use crate::build::{BuildSettings, Phase, Progress};
use crate::description::Description;
use crate::error::IndexError;
use crate::file::{FileWriter, folder_of, tag};
use crate::hnsw::{calibrate, choose_beam};
use crate::kernel::{Kernels, Rows};
use crate::prepare::Groups;
use crate::random::SplitMix;
use crate::search::{Scratch, Space};
use crate::vectors::AlignedRows;

/// Rows that Faiss trains with, at most.
const TRAINING_ROWS: usize = 1 << 18;
/// Rows handed to Faiss at a time, to a type that takes them in steps.
const CHUNK: usize = 1 << 13;

/// Writes a Faiss index of prepared rows; completes `description` and gives the file's length in bytes.
pub(crate) fn write(
    path: &Path,
    description: &mut Description,
    rows: &AlignedRows,
    settings: &BuildSettings,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<u64, IndexError> {
    let factory = settings.factory.as_deref().unwrap_or(DEFAULT_FACTORY);
    let groups = Groups::find(&rows.as_rows());
    description.factory = Some(factory.to_owned());
    description.ef_construction = settings.ef_construction as u32;
    description.recall_target = settings.recall_target;
    description.duplicates = (rows.as_rows().len() - groups.first.len()) as u32;
    let mut growth = Growth {
        index: make(factory, description.dimension, description.metric)?,
        nodes: Vec::with_capacity(groups.first.len()),
        rows: rows.as_rows(),
        dimension: description.dimension,
        factory,
        progress,
        total: groups.first.len() as u64,
    };
    growth.grow(description, groups.first, settings)?;
    description.beam = choose_beam(description);
    let report = |done| {
        progress(Progress {
            phase: Phase::Write,
            done,
            total: 1,
        });
    };
    report(0);
    let Growth { index, nodes, .. } = growth;
    let native = serialized(index, path)?;
    let planned = 5 + usize::from(!groups.next.is_empty());
    let mut writer = FileWriter::create(path, description.kind.code(), planned, settings.durable)?;
    writer.section(tag::DESCRIPTION, &description.encode())?;
    writer.section(tag::FACTORY, factory.as_bytes())?;
    writer.section(tag::NODES, &nodes)?;
    if !groups.next.is_empty() {
        writer.section(tag::DUPLICATES, &groups.next)?;
    }
    writer.section(tag::FAISS, &native)?;
    writer.section(tag::VECTORS, rows.as_rows().values())?;
    let bytes = writer.publish()?;
    report(1);
    Ok(bytes)
}

/// Faiss's own bytes. They go through a nameless file beside the target and the index is freed before they are read
/// back, so that memory never holds both.
fn serialized(index: IndexImpl, path: &Path) -> Result<Vec<u8>, IndexError> {
    let io = |action| IndexError::io(path, action);
    let mut file: File =
        tempfile::tempfile_in(folder_of(path)).map_err(io("create a temporary file beside it"))?;
    native::write(&index, &file)
        .map_err(std::io::Error::other)
        .map_err(io("write a temporary file beside it"))?;
    drop(index);
    let mut bytes = Vec::new();
    let read = file
        .seek(SeekFrom::Start(0))
        .and_then(|_| file.read_to_end(&mut bytes));
    read.map_err(io("read a temporary file beside it"))?;
    Ok(bytes)
}

/// A Faiss index that grows.
struct Growth<'a> {
    index: IndexImpl,
    /// The rows that its nodes stand for.
    nodes: Vec<u32>,
    rows: Rows<'a>,
    dimension: usize,
    factory: &'a str,
    progress: &'a (dyn Fn(Progress) + Sync),
    /// Nodes there will be.
    total: u64,
}

impl Growth<'_> {
    /// Trains, adds all rows of `first`, and measures on the way.
    fn grow(
        &mut self,
        description: &mut Description,
        mut first: Vec<u32>,
        settings: &BuildSettings,
    ) -> Result<(), IndexError> {
        if first.is_empty() {
            return Ok(());
        }
        native::set_threads(rayon::current_num_threads());
        native::set_ef_construction(&mut self.index, settings.ef_construction);
        SplitMix(settings.seed).shuffle(&mut first);
        // A type that takes no more vectors later (NSG) is not measured.
        let (grows, tenth) = (Searcher::of(&self.index).grows(), self.total as usize / 10);
        let (held_out, kept) = first.split_at_mut(if grows { settings.held_out.min(tenth) } else { 0 });
        // Rows that were neighbors in the catalog stay neighbors in memory.
        held_out.sort_unstable();
        kept.sort_unstable();
        self.train(kept)?;
        self.add(kept)?;
        if !held_out.is_empty() {
            self.measure(description, held_out)?;
            self.add(held_out)?;
        }
        Ok(())
    }

    fn measure(&self, description: &mut Description, held_out: &[u32]) -> Result<(), IndexError> {
        let space = Space {
            rows: self.rows,
            metric: description.metric,
            kernels: Kernels::detect()?,
        };
        let (searcher, nodes) = (
            Searcher::of(&self.index),
            Nodes {
                rows: &self.nodes,
                next: &[],
            },
        );
        let find = |scratch: &mut Scratch, beam: usize, k: usize| {
            let found = searcher.search(scratch.query.as_slice(), beam.max(k), beam, None);
            let found = found.map_err(|message| wrong_factory(self.factory, &message))?;
            nodes.rank(&space, &found.nodes, k, None, scratch);
            let rows = scratch.neighbors.iter().map(|neighbor| neighbor.row.0).collect();
            // Faiss does not say how much it compared.
            Ok((rows, 0))
        };
        description.calibration = calibrate(&space, &find, &self.nodes, held_out, self.progress)?;
        description.held_out = held_out.len() as u32;
        Ok(())
    }

    fn train(&mut self, rows: &[u32]) -> Result<(), IndexError> {
        if self.index.is_trained() {
            return Ok(());
        }
        let step = rows.len().div_ceil(TRAINING_ROWS).max(1);
        let sample = self.dense(rows.iter().step_by(step));
        let trained = self.index.train(&sample);
        self.or_wrong_factory(trained)
    }

    fn add(&mut self, rows: &[u32]) -> Result<(), IndexError> {
        let chunk = if Searcher::of(&self.index).grows() {
            CHUNK
        } else {
            rows.len().max(1)
        };
        for rows in rows.chunks(chunk) {
            let values = self.dense(rows.iter());
            let added = self.index.add(&values);
            self.or_wrong_factory(added)?;
            self.nodes.extend_from_slice(rows);
            (self.progress)(Progress {
                phase: Phase::Insert,
                done: self.nodes.len() as u64,
                total: self.total,
            });
        }
        Ok(())
    }

    fn or_wrong_factory<T>(&self, result: ::faiss::error::Result<T>) -> Result<T, IndexError> {
        result.map_err(|error| wrong_factory(self.factory, &native::plain(&error.to_string())))
    }

    /// Rows without the padding that Faiss knows nothing of.
    fn dense<'r>(&self, rows: impl Iterator<Item = &'r u32>) -> Vec<f32> {
        let values = rows.filter_map(|&row| self.rows.get(row)?.get(..self.dimension));
        values.flatten().copied().collect()
    }
}

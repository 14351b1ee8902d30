//! From prepared rows to a published file: group, hold out, insert, measure, insert the rest, freeze, write.

use std::path::Path;

use super::calibrate::{calibrate, choose_beam};
use super::freeze::Frozen;
use super::insert::GraphBuilder;
use crate::build::{BuildSettings, Phase, Progress};
use crate::description::Description;
use crate::error::IndexError;
use crate::file::{FileWriter, tag};
use crate::kernel::Kernels;
use crate::prepare::Groups;
use crate::random::SplitMix;
use crate::search::{Scratch, Space};
use crate::vectors::AlignedRows;

/// Writes a graph index of prepared rows; completes `description` and gives the file's length in bytes.
pub(crate) fn write(
    path: &Path,
    description: &mut Description,
    rows: &AlignedRows,
    settings: &BuildSettings,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<u64, IndexError> {
    let groups = Groups::find(&rows.as_rows());
    let frozen = grow(description, rows, &groups, settings, progress)?;
    description.m = settings.m as u32;
    description.ef_construction = settings.ef_construction as u32;
    description.recall_target = settings.recall_target;
    description.beam = choose_beam(description);
    description.duplicates = (rows.as_rows().len() - groups.first.len()) as u32;
    description.layers.clone_from(&frozen.counts);
    description.entry = frozen.entry;
    progress(Progress {
        phase: Phase::Write,
        done: 0,
        total: 1,
    });
    let planned = 4 + usize::from(!groups.next.is_empty());
    let mut writer = FileWriter::create(path, description.kind.code(), planned, settings.durable)?;
    writer.section(tag::DESCRIPTION, &description.encode())?;
    writer.section(tag::LAYERS, &frozen.layers)?;
    if !groups.next.is_empty() {
        writer.section(tag::DUPLICATES, &groups.next)?;
    }
    writer.section(tag::LINKS, &frozen.links)?;
    writer.section(tag::VECTORS, rows.as_rows().values())?;
    let bytes = writer.publish()?;
    progress(Progress {
        phase: Phase::Write,
        done: 1,
        total: 1,
    });
    Ok(bytes)
}

/// Builds the graph over the first row of each group, and measures it on the way.
fn grow(
    description: &mut Description,
    rows: &AlignedRows,
    groups: &Groups,
    settings: &BuildSettings,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Frozen, IndexError> {
    let rows = rows.as_rows();
    if rows.is_empty() {
        return Ok(Frozen::empty(0, settings.m));
    }
    let space = Space {
        rows,
        metric: description.metric,
        kernels: Kernels::detect()?,
    };
    let mut order = groups.first.clone();
    SplitMix(settings.seed).shuffle(&mut order);
    let (held_out, kept) = order.split_at(settings.held_out.min(order.len() / 10));
    let total = order.len() as u64;
    let inserted = |done: usize| {
        progress(Progress {
            phase: Phase::Insert,
            done: done as u64,
            total,
        });
    };

    let mut builder = GraphBuilder::new(rows, settings, space.kernels);
    builder.insert(kept, inserted);
    let freeze = |builder: &GraphBuilder<'_>, nodes: &[u32]| {
        let mut frozen = Frozen::of(builder, rows.len(), settings.m);
        frozen.connect(&space, nodes, settings.ef_construction);
        frozen
    };
    if !held_out.is_empty() {
        let frozen = freeze(&builder, kept);
        let graph = frozen.graph(&[]);
        let find = |scratch: &mut Scratch, beam, k| {
            let spent = graph.walk(&space, beam, scratch);
            let found = scratch.pool.iter().map(|(row, _)| row).take(k).collect();
            Ok((found, spent.distances))
        };
        description.calibration = calibrate(&space, &find, kept, held_out, progress)?;
        description.held_out = held_out.len() as u32;
        builder.insert(held_out, inserted);
    }
    Ok(freeze(&builder, &order))
}

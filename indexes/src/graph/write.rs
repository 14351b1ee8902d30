//! From prepared rows to a published file: group, hold out, code, grow, measure, insert the rest, write.

use std::path::Path;

use rayon::prelude::*;

use super::calibrate::{K, Pairs, Trial, code_error};
use super::codes::RowCodes;
use super::entries::{Entries, choose};
use super::grow::{GrowSettings, Growth};
use super::heal::{Inherited, Older};
use super::quantizer::{CodeBits, Quantizer};
use super::rotation::Rotation;
use super::walk::{Graph, Limits, WalkScratch};
use crate::build::{BuildSettings, Phase, Progress};
use crate::connect::Lists;
use crate::description::{BeamRecall, Description};
use crate::error::IndexError;
use crate::file::{FileWriter, tag};
use crate::kernel::{Kernels, Rows};
use crate::metric::Metric;
use crate::prepare::{Groups, squares};
use crate::random::SplitMix;
use crate::recall;
use crate::row::RowId;
use crate::row_set::RowSet;
use crate::search::Space;
use crate::vectors::AlignedRows;

/// Beam of an index with too few rows to measure anything.
const DEFAULT_BEAM: u32 = 64;
/// Cost of comparing 8-bit codes, in comparisons of 4-bit codes of as many dimensions.
const EIGHT_BIT_COST: f32 = 1.5;
/// Recall that 8-bit codes must add at the setting chosen for 4 bits to be looked at.
const WORTHWHILE: f32 = 0.003;
/// Candidates looked at first for a node that is cut off.
const CONNECT_BEAM: usize = 64;

/// Rows, their codes, and what is reported while they are linked.
struct Making<'a> {
    rows: Rows<'a>,
    space: Space<'a>,
    quantizer: Quantizer,
    codes: RowCodes,
    settings: &'a BuildSettings,
    progress: &'a (dyn Fn(Progress) + Sync),
}

/// What goes into the file besides rows and description.
struct Made {
    inherited: Inherited,
    links: Vec<u32>,
    entries: Vec<u32>,
    bits: CodeBits,
}

/// Writes a graph index of prepared rows, on what is left of an older graph if there is one; completes `description`
/// and gives the file's length in bytes and what was taken over.
pub(crate) fn write(
    path: &Path,
    description: &mut Description,
    rows: &AlignedRows,
    older: Option<Older<'_>>,
    settings: &BuildSettings,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<(u64, Inherited), IndexError> {
    let groups = Groups::find(&rows.as_rows());
    let making = Making::start(description, rows, settings, progress)?;
    description.m = settings.m as u32;
    description.ef_construction = settings.ef_construction as u32;
    description.recall_target = settings.recall_target;
    description.duplicates = (description.rows - groups.first.len()) as u32;
    let made = making.link(description, &groups.first, older);
    description.code_bits = made.bits.bits();
    description.longest = making.quantizer.longest();
    description.entries = made.entries.len() as u32;
    let setting = description.setting_for(description.recall_target);
    description.beam = setting.map_or(DEFAULT_BEAM, |setting| setting.beam);
    let bytes = making.publish(path, description, &made, &groups)?;
    Ok((bytes, made.inherited))
}

impl<'a> Making<'a> {
    /// Codes all rows.
    fn start(
        description: &Description,
        rows: &'a AlignedRows,
        settings: &'a BuildSettings,
        progress: &'a (dyn Fn(Progress) + Sync),
    ) -> Result<Self, IndexError> {
        let (rows, metric, dimension) = (rows.as_rows(), description.metric, description.dimension);
        let kernels = Kernels::detect()?;
        let rotation = Rotation::seeded(dimension, settings.seed);
        let quantizer = Quantizer::new(metric, mean(&rows, dimension), rotation, longest(&rows), kernels);
        let codes = RowCodes::of(&rows, dimension, &quantizer, metric, kernels);
        Ok(Self {
            rows,
            space: Space {
                rows,
                metric,
                kernels,
            },
            quantizer,
            codes,
            settings,
            progress,
        })
    }

    /// Builds the graph over `nodes`, and measures it before the held-out ones go in. Those are a sample of all nodes,
    /// also of what an older graph had: there they count as deleted until they are inserted again, so that no link leads
    /// to them while they are measured with.
    fn link(&self, description: &mut Description, nodes: &[u32], older: Option<Older<'_>>) -> Made {
        let settings = self.settings;
        let mut order = nodes.to_vec();
        SplitMix(settings.seed).shuffle(&mut order);
        let (held_out, kept) = order.split_at(settings.held_out.min(order.len() / 10));
        let mut growth = Growth::new(
            &self.codes,
            GrowSettings {
                degree: 2 * settings.m,
                beam: settings.ef_construction,
            },
        );
        let total = order.len() as u64;
        let inserted = |done: usize| self.report(Phase::Insert, done as u64, total);
        let (inherited, new) = match older {
            Some(mut older) => {
                older.leave_out(held_out);
                older.hand_over(&mut growth, kept, inserted)
            }
            None => (Inherited::default(), kept.to_vec()),
        };
        growth.insert(&new, inserted);
        let mut bits = settings.codes.unwrap_or(CodeBits::Four);
        if !held_out.is_empty() {
            bits = self.calibrate(description, &growth, kept, held_out);
            description.held_out = held_out.len() as u32;
            growth.insert(held_out, inserted);
        }
        let (links, entries) = self.finish(&growth);
        let error_of = |pairs| {
            self.with_graph(&links, &entries, bits, |graph| {
                code_error(&self.space, &self.quantizer, graph, &order, pairs)
            })
        };
        description.code_error = error_of(Pairs::Linked);
        description.far_error = error_of(Pairs::Any);
        Made {
            inherited,
            links,
            entries,
            bits,
        }
    }

    /// Finished lists from which every node is reached, and where walks start.
    fn finish(&self, growth: &Growth<'_>) -> (Vec<u32>, Vec<u32>) {
        let mut links = growth.finish();
        let entries = choose(&self.codes, &self.rows, &growth.nodes, self.settings.seed);
        let starts = Entries::of(&entries, &self.codes.built());
        let mut scratch = WalkScratch::default();
        let width = 2 * self.settings.m;
        let near = |links: &[u32], row: u32| {
            let graph = Graph {
                links,
                width,
                codes: self.codes.built(),
                entries: &starts,
            };
            self.codes.as_query(row, &mut scratch.query);
            let limits = Limits::of_beam(CONNECT_BEAM);
            graph.walk(&limits, &mut scratch);
            scratch.pool.iter().map(|(node, _)| node).collect()
        };
        let mut lists = Lists {
            links: &mut links,
            width,
        };
        lists.connect(&entries, &growth.nodes, near);
        (links, entries)
    }

    fn with_graph<T>(
        &self,
        links: &[u32],
        entries: &[u32],
        bits: CodeBits,
        then: impl FnOnce(&Graph<'_>) -> T,
    ) -> T {
        let codes = self.codes.searched(bits);
        let entries = Entries::of(entries, &codes);
        then(&Graph {
            links,
            width: 2 * self.settings.m,
            codes,
            entries: &entries,
        })
    }

    /// Measures the graph over `kept` with each width of codes and keeps the cheaper one's measurements.
    fn calibrate(
        &self,
        description: &mut Description,
        growth: &Growth<'_>,
        kept: &[u32],
        held_out: &[u32],
    ) -> CodeBits {
        self.report(Phase::Calibrate, 0, 3);
        let mut admitted = RowSet::new(self.rows.len());
        kept.iter().for_each(|&row| {
            admitted.insert(RowId(row));
        });
        let queries: Vec<&[f32]> = held_out.iter().filter_map(|&row| self.rows.get(row)).collect();
        let truth = recall::exact_rows(&self.space, &queries, K, Some(&admitted));
        self.report(Phase::Calibrate, 1, 3);
        let trial = Trial {
            space: &self.space,
            quantizer: &self.quantizer,
            queries,
            truth,
        };
        let (links, entries) = self.finish(growth);
        let mut best: Option<(f32, CodeBits)> = None;
        for bits in CodeBits::ALL {
            if self.settings.codes.is_some_and(|only| only != bits) {
                continue;
            }
            let chosen = description.setting_for(self.settings.recall_target);
            let points = self.with_graph(&links, &entries, bits, |graph| {
                let error = code_error(&self.space, &self.quantizer, graph, kept, Pairs::Linked);
                let better =
                    |setting: BeamRecall| trial.again(graph, error, &setting) > setting.recall + WORTHWHILE;
                // More bits cost more, so they are only measured in full where they find more.
                match chosen.is_none_or(better) {
                    true => trial.measure(graph, error),
                    false => Vec::new(),
                }
            });
            let cost = cost(&points, bits, self.settings.recall_target);
            if best.is_none_or(|(least, _)| cost < least) {
                best = Some((cost, bits));
                description.calibration = points;
            }
        }
        self.report(Phase::Calibrate, 3, 3);
        best.map_or(CodeBits::Four, |(_, bits)| bits)
    }

    fn publish(
        &self,
        path: &Path,
        description: &Description,
        made: &Made,
        groups: &Groups,
    ) -> Result<u64, IndexError> {
        self.report(Phase::Write, 0, 1);
        let table = self.codes.table(made.bits);
        let lengths = (description.metric == Metric::L2).then_some(self.codes.searched(made.bits).biases);
        let followers = groups.followers();
        let planned = 8 + usize::from(lengths.is_some()) + usize::from(!followers.is_empty());
        let mut writer = FileWriter::create(path, description.kind.code(), planned, self.settings.durable)?;
        writer.section(tag::DESCRIPTION, &description.encode())?;
        writer.section(tag::MEAN, self.quantizer.mean())?;
        writer.section(tag::SIGNS, self.quantizer.rotation().signs())?;
        writer.section(tag::ENTRIES, &made.entries)?;
        if !followers.is_empty() {
            writer.section(tag::FOLLOWERS, &followers)?;
        }
        writer.section(tag::SCALES, &table.scales)?;
        if let Some(lengths) = lengths {
            writer.section(tag::LENGTHS, lengths)?;
        }
        writer.section(tag::LINKS, &made.links)?;
        writer.section::<u8>(tag::CODES, &table.bytes)?;
        writer.section(tag::VECTORS, self.rows.values())?;
        let bytes = writer.publish()?;
        self.report(Phase::Write, 1, 1);
        Ok(bytes)
    }

    fn report(&self, phase: Phase, done: u64, total: u64) {
        (self.progress)(Progress { phase, done, total });
    }
}

/// What reaching the target costs, in comparisons of 4-bit codes; settings that don't reach it cost most.
fn cost(points: &[BeamRecall], bits: CodeBits, target: f32) -> f32 {
    let unit = match bits {
        CodeBits::Four => 1.0,
        CodeBits::Eight => EIGHT_BIT_COST,
    };
    let reached = points.iter().filter(|point| point.recall >= target);
    let least = reached.map(|point| point.distances * unit).min_by(f32::total_cmp);
    let most = points.iter().map(|point| point.recall).fold(0.0, f32::max);
    least.unwrap_or(1e9 * (2.0 - most))
}

/// The length of the longest row.
fn longest(rows: &Rows<'_>) -> f32 {
    let squares = |row: u32| squares(rows.get(row).unwrap_or(&[]));
    let squares = (0..rows.len() as u32).into_par_iter().map(squares);
    squares.reduce(|| 0.0, f64::max).sqrt() as f32
}

/// The mean of all rows, summed in their order.
fn mean(rows: &Rows<'_>, dimension: usize) -> Vec<f32> {
    let mut sums = vec![0.0_f64; dimension];
    for row in (0..rows.len() as u32).filter_map(|row| rows.get(row)) {
        sums.iter_mut()
            .zip(row)
            .for_each(|(sum, &value)| *sum += f64::from(value));
    }
    let count = rows.len().max(1) as f64;
    sums.iter().map(|sum| (sum / count) as f32).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cheaper_width_that_reaches_the_target_wins() {
        let point = |recall, distances| BeamRecall {
            beam: 1,
            recall,
            slack: None,
            distances,
        };
        let four = [point(0.8, 100.0), point(0.95, 500.0)];
        let eight = [point(0.85, 100.0), point(0.99, 300.0)];
        assert!(cost(&four, CodeBits::Four, 0.75) < cost(&eight, CodeBits::Eight, 0.75));
        assert!(cost(&four, CodeBits::Four, 0.95) > cost(&eight, CodeBits::Eight, 0.95));
        assert!(cost(&four, CodeBits::Four, 0.999) > cost(&eight, CodeBits::Eight, 0.999));
    }
}

//! Recall per beam, measured on rows that are not in the index yet.

use rayon::prelude::*;

use crate::build::{Phase, Progress};
use crate::description::{BeamRecall, Description};
use crate::error::IndexError;
use crate::recall;
use crate::row::RowId;
use crate::row_set::RowSet;
use crate::search::{Scratch, Space};

/// Beams that are measured.
const BEAMS: [u32; 12] = [10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512];
/// Neighbors that count.
const K: usize = 10;
/// Beam of an index with too few rows to measure anything.
const DEFAULT_BEAM: u32 = 64;

/// The rows, at most `k` and best first, that a search with this beam finds for the query in a scratch, and how many
/// distances it computed.
pub(crate) type Find<'a> =
    dyn Fn(&mut Scratch, usize, usize) -> Result<(Vec<u32>, u64), IndexError> + Sync + 'a;

/// Recall@10 and mean number of distances of the rows `held_out` against all rows of `inserted`, per beam.
pub(crate) fn calibrate(
    space: &Space<'_>,
    find: &Find<'_>,
    inserted: &[u32],
    held_out: &[u32],
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<Vec<BeamRecall>, IndexError> {
    if held_out.is_empty() || inserted.is_empty() {
        return Ok(Vec::new());
    }
    let steps = BEAMS.len() + 1;
    let report = |done: usize| {
        progress(Progress {
            phase: Phase::Calibrate,
            done: done as u64,
            total: steps as u64,
        });
    };
    report(0);
    let mut admitted = RowSet::new(space.len());
    inserted.iter().for_each(|&row| {
        admitted.insert(RowId(row));
    });
    let queries: Vec<&[f32]> = held_out.iter().filter_map(|&row| space.rows.get(row)).collect();
    let truth = recall::exact_rows(space, &queries, K, Some(&admitted));
    report(1);
    let measure = |(step, beam): (usize, u32)| {
        let (recall, distances) = measure(space, find, &queries, &truth, beam)?;
        report(step + 2);
        Ok(BeamRecall {
            beam,
            recall,
            slack: None,
            distances,
        })
    };
    BEAMS.into_iter().enumerate().map(measure).collect()
}

fn measure(
    space: &Space<'_>,
    find: &Find<'_>,
    queries: &[&[f32]],
    truth: &[Vec<u32>],
    beam: u32,
) -> Result<(f32, f32), IndexError> {
    let recall_of = |scratch: &mut Scratch, (query, truth): (&&[f32], &Vec<u32>)| {
        scratch.set_query(query, space.metric)?;
        let (found, distances) = find(scratch, beam as usize, K)?;
        Ok((recall::recall(&found, truth), distances as f64))
    };
    let measured: Vec<(f64, f64)> = queries
        .par_iter()
        .zip(truth)
        .map_init(Scratch::new, recall_of)
        .collect::<Result<_, IndexError>>()?;
    let mean =
        |of: fn(&(f64, f64)) -> f64| measured.iter().map(of).sum::<f64>() / measured.len().max(1) as f64;
    Ok((mean(|one| one.0) as f32, mean(|one| one.1) as f32))
}

/// The default beam: the smallest that reaches the target; the best there is if none does.
pub(crate) fn choose_beam(description: &Description) -> u32 {
    let setting = description.setting_for(description.recall_target);
    setting.map_or(DEFAULT_BEAM, |setting| setting.beam)
}

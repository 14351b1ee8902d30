//! Where walks start: rows in the middle of clusters, their codes side by side.

use rayon::prelude::*;

use super::codes::{CodeTable, Codes, RowCodes};
use crate::kernel::{Kernels, Rows};
use crate::random::SplitMix;

/// Most entry points.
pub(super) const MOST: usize = 128;
/// Rows per entry point that the clusters are made of.
const SAMPLE: usize = 32;
/// Rounds of Lloyd's algorithm.
const ROUNDS: usize = 4;

/// Entry points with their own copy of their codes: scoring them reads one block.
#[derive(Debug, Default)]
pub(super) struct Entries {
    pub(super) nodes: Vec<u32>,
    /// 0 to the number of entry points.
    pub(super) places: Vec<u32>,
    table: CodeTable,
    biases: Vec<f32>,
}

impl Entries {
    /// These nodes.
    pub(super) fn of(nodes: &[u32], codes: &Codes<'_>) -> Self {
        let bias = |&node: &u32| codes.biases.get(node as usize).copied();
        Self {
            nodes: nodes.to_vec(),
            places: (0..nodes.len() as u32).collect(),
            table: CodeTable::gather(codes, nodes),
            biases: nodes.iter().filter_map(bias).collect(),
        }
    }

    /// Their codes, to be scored as `codes` are.
    pub(super) fn codes<'a>(&'a self, codes: &Codes<'a>) -> Codes<'a> {
        Codes {
            rows: self.table.rows(),
            scales: &self.table.scales,
            biases: &self.biases,
            ..*codes
        }
    }
}

/// How many entry points this many nodes get: more where a walk would otherwise start far off.
fn count(nodes: usize) -> usize {
    (nodes / 16).clamp(1, MOST).min(nodes)
}

/// Evenly spaced nodes, for walks while the graph grows.
pub(super) fn spaced(nodes: &[u32], count: usize) -> Vec<u32> {
    let count = count.min(nodes.len());
    (0..count)
        .map(|place| nodes[place * nodes.len() / count])
        .collect()
}

/// The rows nearest to the centers of clusters (Lloyd's algorithm on a seeded sample), ascending.
pub(super) fn choose(codes: &RowCodes, rows: &Rows<'_>, nodes: &[u32], seed: u64) -> Vec<u32> {
    let count = count(nodes.len());
    let mut sample = nodes.to_vec();
    SplitMix(seed).shuffle(&mut sample);
    sample.truncate(count * SAMPLE);
    let mut centers: Vec<Vec<f32>> = spaced(&sample, count)
        .iter()
        .map(|&row| rows.get(row).unwrap_or(&[]).to_vec())
        .collect();
    for _ in 0..ROUNDS {
        let nearest: Vec<usize> = sample
            .par_iter()
            .map(|&row| nearest_center(codes.kernels, &centers, rows.get(row).unwrap_or(&[])))
            .collect();
        move_centers(&mut centers, rows, &sample, &nearest);
    }
    let nearest_row = |center: &Vec<f32>| {
        let distance = |row: u32| codes.kernels.squared_l2(center, rows.get(row).unwrap_or(&[]));
        let nearest = sample.iter().copied().map(|row| (distance(row), row));
        nearest
            .min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)))
            .map(|(_, row)| row)
    };
    let mut chosen: Vec<u32> = centers.par_iter().filter_map(nearest_row).collect();
    chosen.sort_unstable();
    chosen.dedup();
    chosen
}

fn nearest_center(kernels: &Kernels, centers: &[Vec<f32>], row: &[f32]) -> usize {
    let distances = centers
        .iter()
        .map(|center| kernels.squared_l2(center, row))
        .enumerate();
    distances
        .min_by(|a, b| a.1.total_cmp(&b.1))
        .map_or(0, |(center, _)| center)
}

/// Each center becomes the mean of its rows; one without rows stays.
fn move_centers(centers: &mut [Vec<f32>], rows: &Rows<'_>, sample: &[u32], nearest: &[usize]) {
    for (place, center) in centers.iter_mut().enumerate() {
        let members = sample
            .iter()
            .zip(nearest)
            .filter(|(_, nearest)| **nearest == place);
        let mut sum = vec![0.0_f32; center.len()];
        let mut count = 0.0_f32;
        for (&row, _) in members {
            let values = rows.get(row).unwrap_or(&[]);
            sum.iter_mut().zip(values).for_each(|(sum, value)| *sum += value);
            count += 1.0;
        }
        if count > 0.0 {
            center
                .iter_mut()
                .zip(&sum)
                .for_each(|(center, sum)| *center = sum / count);
        }
    }
}

//! Seeded data that looks like embeddings, and the brute force to compare with.
#![allow(dead_code, reason = "each test binary uses its own part")]

pub mod fixtures;

use alike_indexes::{Index, Metric, RowId, RowSet};

/// A small seeded generator (splitmix64).
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// Roughly normal: the sum of four uniform values.
    pub fn normal(&mut self) -> f32 {
        (0..4)
            .map(|_| (self.next() >> 40) as f32 / (1 << 24) as f32 - 0.5)
            .sum::<f32>()
            * 1.7
    }
}

/// `len` vectors around `clusters` centers; the same `world` shares centers between calls.
pub fn clustered(len: usize, dimension: usize, clusters: usize, world: u64, seed: u64) -> Vec<f32> {
    let mut centers = Random(world);
    let centers: Vec<f32> = (0..clusters * dimension).map(|_| centers.normal()).collect();
    let mut random = Random(world ^ (seed << 32));
    let mut values = Vec::with_capacity(len * dimension);
    for _ in 0..len {
        let center = (random.next() % clusters as u64) as usize * dimension;
        values.extend(
            centers[center..center + dimension]
                .iter()
                .map(|center| center + 0.6 * random.normal()),
        );
    }
    values
}

/// The score by definition, in 64-bit arithmetic.
pub fn score(metric: Metric, a: &[f32], b: &[f32]) -> f64 {
    let sum = |term: &dyn Fn(f64, f64) -> f64| -> f64 {
        a.iter()
            .zip(b)
            .map(|(&x, &y)| term(f64::from(x), f64::from(y)))
            .sum()
    };
    let dot = sum(&|x, y| x * y);
    match metric {
        Metric::Dot => dot,
        Metric::L2 => -sum(&|x, y| (x - y) * (x - y)),
        Metric::Cosine => dot / (sum(&|x, _| x * x) * sum(&|_, y| y * y)).sqrt(),
    }
}

/// Scores of the best `k` admitted rows by brute force over the original vectors.
pub fn best_scores(
    metric: Metric,
    base: &[f32],
    query: &[f32],
    k: usize,
    filter: Option<&RowSet>,
) -> Vec<f64> {
    let rows = base.chunks_exact(query.len()).zip(0_u32..);
    let admitted = rows.filter(|(_, row)| filter.is_none_or(|filter| filter.contains(RowId(*row))));
    let mut scores: Vec<f64> = admitted.map(|(vector, _)| score(metric, vector, query)).collect();
    scores.sort_by(|a, b| b.total_cmp(a));
    scores.truncate(k);
    scores
}

/// Rows of the last answer.
pub fn rows(scratch: &alike_indexes::Scratch) -> Vec<u32> {
    scratch
        .neighbors()
        .iter()
        .map(|neighbor| neighbor.row.0)
        .collect()
}

/// Fails on answers that break what every answer keeps: order, no row twice, only admitted rows.
pub fn check_shape(index: &dyn Index, scratch: &alike_indexes::Scratch, filter: Option<&RowSet>) {
    let neighbors = scratch.neighbors();
    assert!(neighbors.is_sorted(), "best first");
    let mut seen = RowSet::new(index.len());
    for neighbor in neighbors {
        assert!(
            seen.insert(neighbor.row),
            "row {} twice, or out of range",
            neighbor.row.0
        );
        assert!(
            filter.is_none_or(|filter| filter.contains(neighbor.row)),
            "row {} not admitted",
            neighbor.row.0
        );
    }
}

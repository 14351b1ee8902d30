//! The weights of features, fitted so that what users wanted next ranks first.
//!
//! A conditional logit: of a user's candidates, item `j` is wanted with probability `exp(b · f_j) / Σ exp(b · f_k)`;
//! `b` maximizes the mean log-probability of what was wanted, by Newton's method with a small ridge.

use super::dense::Square;
use alike_indexes::kernel::Kernels;
use rayon::prelude::*;

/// The ridge on weights of standardized features.
const RIDGE: f32 = 1e-4;
const ROUNDS: usize = 25;

/// One user's candidates.
#[derive(Debug, Clone, Default)]
pub(super) struct Query {
    /// Features, candidate by candidate.
    pub features: Vec<f32>,
    /// Which candidates were wanted; at least one.
    pub wanted: Vec<usize>,
}

/// First and second derivatives of the loss of a query.
#[derive(Clone)]
struct Slope {
    loss: f64,
    gradient: Vec<f64>,
    curvature: Vec<f64>,
}

/// Fits weights of `width` features; 0 for those that are the same everywhere. None where there is nothing to learn from.
pub(super) fn fit(queries: &[Query], width: usize, kernels: &Kernels) -> Option<Vec<f32>> {
    if queries.is_empty() {
        return None;
    }
    let scales = scales(queries, width);
    let shares = shares(queries);
    let mut weights = vec![0.0_f64; width];
    let mut here = slope(queries, &shares, &scales, &weights);
    for _ in 0..ROUNDS {
        let step = newton(&here, &weights, kernels)?;
        let mut factor = 1.0;
        let next = loop {
            let tried: Vec<f64> = weights.iter().zip(&step).map(|(w, s)| w - factor * s).collect();
            let found = slope(queries, &shares, &scales, &tried);
            if found.loss <= here.loss {
                break Some((tried, found));
            }
            factor *= 0.5;
            if factor < 1e-3 {
                break None;
            }
        };
        let Some((tried, found)) = next else { break };
        let gain = here.loss - found.loss;
        (weights, here) = (tried, found);
        if gain < 1e-7 {
            break;
        }
    }
    Some(
        weights
            .iter()
            .zip(&scales)
            .map(|(weight, scale)| (*weight * f64::from(*scale)) as f32)
            .collect(),
    )
}

/// One over the standard deviation of each feature within all candidates; 0 for constant ones.
fn scales(queries: &[Query], width: usize) -> Vec<f32> {
    let (mut sums, mut squares, mut count) = (vec![0.0_f64; width], vec![0.0_f64; width], 0_u64);
    for candidate in queries.iter().flat_map(|query| query.features.chunks(width)) {
        count += 1;
        for (at, value) in candidate.iter().enumerate() {
            sums[at] += f64::from(*value);
            squares[at] += f64::from(*value) * f64::from(*value);
        }
    }
    let count = count.max(1) as f64;
    let scale = |(sum, square): (f64, f64)| {
        let mean = sum / count;
        let deviation = (square / count - mean * mean).max(0.0).sqrt();
        if deviation > 1e-4 * (1.0 + mean.abs()) {
            (1.0 / deviation) as f32
        } else {
            0.0
        }
    };
    sums.into_iter().zip(squares).map(scale).collect()
}

/// What each query counts: the root of what was wanted, so that who bought much does not decide alone.
fn shares(queries: &[Query]) -> Vec<f64> {
    let shares: Vec<f64> = queries
        .iter()
        .map(|query| (query.wanted.len().min(20) as f64).sqrt())
        .collect();
    let sum: f64 = shares.iter().sum();
    shares.into_iter().map(|share| share / sum).collect()
}

/// Of all queries; added up in their order, so that the number of threads does not matter.
fn slope(queries: &[Query], shares: &[f64], scales: &[f32], weights: &[f64]) -> Slope {
    let scaled: Vec<f32> = weights
        .iter()
        .zip(scales)
        .map(|(w, s)| (*w * f64::from(*s)) as f32)
        .collect();
    let parts: Vec<Slope> = queries
        .par_chunks(64)
        .zip(shares.par_chunks(64))
        .map(|(queries, shares)| {
            let mut sum = Slope::zero(weights.len());
            for (query, share) in queries.iter().zip(shares) {
                sum.add_query(query, *share, &scaled, scales);
            }
            sum
        })
        .collect();
    let mut sum = Slope::zero(weights.len());
    for part in &parts {
        sum.add(part);
    }
    sum.loss += f64::from(RIDGE) * weights.iter().map(|weight| weight * weight).sum::<f64>();
    sum
}

impl Slope {
    fn zero(width: usize) -> Self {
        Self {
            loss: 0.0,
            gradient: vec![0.0; width],
            curvature: vec![0.0; width * width],
        }
    }

    fn add(&mut self, other: &Self) {
        self.loss += other.loss;
        let pairs = self.gradient.iter_mut().zip(&other.gradient);
        pairs.for_each(|(own, other)| *own += other);
        let pairs = self.curvature.iter_mut().zip(&other.curvature);
        pairs.for_each(|(own, other)| *own += other);
    }

    fn add_query(&mut self, query: &Query, share: f64, weights: &[f32], scales: &[f32]) {
        let width = weights.len();
        let scores: Vec<f64> = query.features.chunks(width).map(|f| score(f, weights)).collect();
        let best = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let total: f64 = scores.iter().map(|score| (score - best).exp()).sum();
        let each = share / query.wanted.len() as f64;
        let mut mean = vec![0.0_f64; width];
        let mut squares = vec![0.0_f64; width * width];
        for (candidate, score) in query.features.chunks(width).zip(&scores) {
            let chance = (score - best).exp() / total;
            for row in 0..width {
                let weighted = chance * f64::from(candidate[row] * scales[row]);
                mean[row] += weighted;
                for column in 0..=row {
                    squares[row * width + column] += weighted * f64::from(candidate[column] * scales[column]);
                }
            }
        }
        for &wanted in &query.wanted {
            self.loss -= each * (scores[wanted] - best - total.ln());
            for (at, value) in query.features[wanted * width..][..width].iter().enumerate() {
                self.gradient[at] -= each * f64::from(value * scales[at]);
            }
        }
        for row in 0..width {
            self.gradient[row] += share * mean[row];
            for column in 0..=row {
                let at = row * width + column;
                self.curvature[at] += share * (squares[at] - mean[row] * mean[column]);
            }
        }
    }
}

/// The score that weights give to a candidate.
pub(super) fn score(features: &[f32], weights: &[f32]) -> f64 {
    features.iter().zip(weights).map(|(f, w)| f64::from(f * w)).sum()
}

/// The step of Newton's method; none where the numbers are no numbers.
fn newton(slope: &Slope, weights: &[f64], kernels: &Kernels) -> Option<Vec<f64>> {
    let width = weights.len();
    let ridge = 2.0 * RIDGE;
    let mut matrix = Square::zeros(width);
    for row in 0..width {
        for column in 0..=row {
            matrix.row_mut(row)[column] = slope.curvature[row * width + column] as f32;
        }
        // A little more than the ridge: sums are in 32 bits.
        matrix.row_mut(row)[row] += ridge + 1e-5;
    }
    let gradient = slope.gradient.iter().zip(weights);
    let mut step: Vec<f32> = gradient.map(|(g, w)| (g + f64::from(ridge) * w) as f32).collect();
    if !matrix.factor(kernels) {
        return None;
    }
    matrix.solve(&mut step, kernels);
    Some(step.into_iter().map(f64::from).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten candidates each; the wanted one is drawn with the logit's own probabilities.
    fn queries(truth: &[f32; 3]) -> Vec<Query> {
        let mut state = 7_u64;
        let mut random = move || {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1_u64 << 24) as f32
        };
        let mut one = || {
            let mut features: Vec<f32> = (0..30).map(|_| random() * 4.0 - 2.0).collect();
            features
                .iter_mut()
                .skip(2)
                .step_by(3)
                .for_each(|constant| *constant = 1.0);
            let gains: Vec<f64> = features.chunks(3).map(|f| score(f, truth).exp()).collect();
            let mut left = f64::from(random()) * gains.iter().sum::<f64>();
            let drawn = gains.iter().position(|gain| {
                left -= gain;
                left <= 0.0
            });
            Query {
                features,
                wanted: vec![drawn.unwrap_or(9)],
            }
        };
        (0..4_000).map(|_| one()).collect()
    }

    #[test]
    fn the_weights_that_made_the_choices_are_found() {
        let kernels = Kernels::detect().unwrap();
        let found = fit(&queries(&[1.5, -0.7, 0.0]), 3, kernels).unwrap();
        assert!((found[0] - 1.5).abs() < 0.15, "{found:?}");
        assert!((found[1] + 0.7).abs() < 0.1, "{found:?}");
        assert_eq!(found[2], 0.0, "the same everywhere");
    }

    #[test]
    fn nothing_is_learned_from_nothing() {
        assert!(fit(&[], 3, Kernels::detect().unwrap()).is_none());
    }
}

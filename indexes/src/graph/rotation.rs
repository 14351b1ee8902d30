//! A seeded rotation: spreads what a vector says evenly over all dimensions, so that a few bits per dimension serve
//! any kind of data.

use crate::kernel::Kernels;

/// Random signs and Walsh–Hadamard transforms over a power of two of dimensions, thrice: the first dimensions, the
/// last ones, the first ones again. Orthonormal, so dot products and distances stay what they are.
#[derive(Debug, Clone)]
pub(crate) struct Rotation {
    padded: usize,
    block: usize,
    /// `ROUNDS * padded` bits; a set bit flips a sign.
    signs: Vec<u32>,
    /// The same as factors, to multiply with.
    factors: Vec<f32>,
}

/// Rounds of signs and transform.
const ROUNDS: usize = 3;

/// Dimensions are padded to a multiple of this.
const PADDING: usize = 64;

/// Values per code row for vectors of this dimension.
pub(super) fn padded(dimension: usize) -> usize {
    dimension.next_multiple_of(PADDING)
}

/// Words of sign bits for vectors of this dimension.
pub(super) fn sign_words(dimension: usize) -> usize {
    ROUNDS * padded(dimension) / 32
}

impl Rotation {
    /// The rotation that a seed decides.
    pub(crate) fn seeded(dimension: usize, seed: u64) -> Self {
        let mut random = crate::random::SplitMix(seed);
        let words = (0..sign_words(dimension)).map(|_| random.next() as u32).collect();
        Self::of(dimension, words)
    }

    /// The rotation with these sign bits, [`sign_words`] of them.
    pub(super) fn of(dimension: usize, signs: Vec<u32>) -> Self {
        let padded = padded(dimension);
        let block = if padded.is_power_of_two() {
            padded
        } else {
            padded.next_power_of_two() / 2
        };
        // Every transform scales by the root of the block, undone here.
        let unit = 1.0 / (block as f32).sqrt();
        let bit = |place: usize| {
            signs
                .get(place / 32)
                .is_some_and(|word| word >> (place % 32) & 1 == 1)
        };
        let factors = (0..ROUNDS * padded)
            .map(|place| {
                let (round, place_in) = (place / padded, place % padded);
                let start = Self::start(round, padded, block);
                let scale = if (start..start + block).contains(&place_in) {
                    unit
                } else {
                    1.0
                };
                if bit(place) { -scale } else { scale }
            })
            .collect();
        Self {
            padded,
            block,
            signs,
            factors,
        }
    }

    /// The sign bits, as they go into a file.
    pub(super) fn signs(&self) -> &[u32] {
        &self.signs
    }

    /// Values per rotated vector.
    pub(super) fn padded(&self) -> usize {
        self.padded
    }

    /// Rotates `values` ([`Self::padded`] of them, zeros behind the vector) in place.
    pub(super) fn apply(&self, kernels: &Kernels, values: &mut [f32]) {
        for (round, factors) in self.factors.chunks_exact(self.padded).enumerate() {
            values
                .iter_mut()
                .zip(factors)
                .for_each(|(value, factor)| *value *= factor);
            let start = Self::start(round, self.padded, self.block);
            if let Some(block) = values.get_mut(start..start + self.block) {
                kernels.hadamard(block);
            }
        }
    }

    /// Where the transform of a round starts.
    fn start(round: usize, padded: usize, block: usize) -> usize {
        if round == 1 { padded - block } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::Level;

    fn kernels() -> Kernels {
        Kernels::at(Level::Scalar).unwrap()
    }

    fn dot(a: &[f32], b: &[f32]) -> f64 {
        a.iter().zip(b).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum()
    }

    proptest! {
        #[test]
        fn keeps_dot_products(dimension in 1_usize..300, seed in any::<u64>(), values in proptest::collection::vec(-9.0_f32..9.0, 600)) {
            let (rotation, kernels) = (Rotation::seeded(dimension, seed), kernels());
            let (a, b) = (&values[..dimension], &values[300..300 + dimension]);
            let rotated = |vector: &[f32]| {
                let mut values = vector.to_vec();
                values.resize(rotation.padded(), 0.0);
                rotation.apply(&kernels, &mut values);
                values
            };
            let scale = (dot(a, a) * dot(b, b)).sqrt().max(1.0);
            prop_assert!((dot(&rotated(a), &rotated(b)) - dot(a, b)).abs() < 1e-5 * scale);
            let again = Rotation::of(dimension, rotation.signs().to_vec());
            prop_assert_eq!(again.factors, rotation.factors);
        }
    }

    #[test]
    fn spreads_one_dimension_over_all() {
        let kernels = kernels();
        for dimension in [64, 200, 384, 768] {
            for place in [0, dimension / 2, dimension - 1] {
                let rotation = Rotation::seeded(dimension, 1);
                let mut values = vec![0.0; rotation.padded()];
                values[place] = 1.0;
                rotation.apply(&kernels, &mut values);
                let greatest = values.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
                assert!(greatest < 0.3, "{dimension}, {place}: {greatest}");
            }
        }
    }
}

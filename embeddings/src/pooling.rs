//! From the graph's output to one vector per text.

use serde::{Deserialize, Serialize};

/// How a text's vector is made of the graph's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pooling {
    /// The graph's output is `[texts, dimension]` already.
    None,
    /// The output is `[texts, tokens, dimension]`: the mean over a text's own tokens, padding excluded.
    Mean,
    /// The output is `[texts, tokens, dimension]`: the state of the first token.
    Cls,
}

impl Pooling {
    /// Axes the graph's output must have.
    pub(crate) fn rank(self) -> usize {
        match self {
            Self::None => 2,
            Self::Mean | Self::Cls => 3,
        }
    }

    /// One vector per text, row-major. `output` is `[texts, dimension]` or `[texts, width, dimension]` as
    /// [`rank`](Self::rank) says; `lengths[i]` ≥ 1 is the number of tokens of text `i`, which stand before its padding.
    pub(crate) fn apply(self, output: &[f32], lengths: &[usize], dimension: usize) -> Vec<f32> {
        if self == Self::None || lengths.is_empty() {
            return output.to_vec();
        }
        let states = output.chunks_exact(output.len() / lengths.len());
        let mut vectors = Vec::with_capacity(lengths.len() * dimension);
        for (states, &length) in states.zip(lengths) {
            match self {
                Self::Mean => push_mean(&states[..length * dimension], dimension, &mut vectors),
                Self::Cls | Self::None => vectors.extend_from_slice(&states[..dimension]),
            }
        }
        vectors
    }
}

fn push_mean(states: &[f32], dimension: usize, vectors: &mut Vec<f32>) {
    let start = vectors.len();
    vectors.resize(start + dimension, 0.0);
    let mean = &mut vectors[start..];
    for state in states.chunks_exact(dimension) {
        for (sum, value) in mean.iter_mut().zip(state) {
            *sum += value;
        }
    }
    let scale = 1.0 / (states.len() / dimension) as f32;
    mean.iter_mut().for_each(|value| *value *= scale);
}

/// Scales `vector` to length 1. The sum runs in `f64`: squares of finite `f32` can't overflow it. A zero vector turns
/// into NaN, which the caller refuses.
pub(crate) fn normalize(vector: &mut [f32]) {
    let squares: f64 = vector
        .iter()
        .map(|&value| f64::from(value) * f64::from(value))
        .sum();
    let scale = squares.sqrt().recip();
    for value in vector {
        *value = (f64::from(*value) * scale) as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn mean_and_cls_ignore_padding() {
        // Two texts, width 3, dimension 2; the first has two tokens, its third state is padding.
        let output = [1.0, 2.0, 3.0, 4.0, 99.0, 99.0, 1.0, 1.0, 2.0, 2.0, 6.0, 9.0];
        assert_eq!(Pooling::Mean.apply(&output, &[2, 3], 2), [2.0, 3.0, 3.0, 4.0]);
        assert_eq!(Pooling::Cls.apply(&output, &[2, 3], 2), [1.0, 2.0, 1.0, 1.0]);
    }

    #[test]
    fn none_passes_vectors_through() {
        assert_eq!(
            Pooling::None.apply(&[1.0, 2.0, 3.0, 4.0], &[7, 1], 2),
            [1.0, 2.0, 3.0, 4.0]
        );
    }

    #[test]
    fn a_zero_vector_does_not_pass_for_a_direction() {
        let mut zero = [0.0; 4];
        normalize(&mut zero);
        assert!(zero.iter().all(|value| value.is_nan()));
    }

    #[test]
    fn normalizing_survives_the_extremes_of_f32() {
        for value in [f32::MAX, f32::MIN_POSITIVE] {
            let mut vector = [value, 0.0, -value];
            normalize(&mut vector);
            assert!((vector[0] - 0.5_f32.sqrt()).abs() < 1e-6, "{vector:?}");
        }
    }

    proptest! {
        #[test]
        fn mean_equals_the_plain_definition(
            (dimension, width, lengths, states) in (1_usize..6, 1_usize..7).prop_flat_map(|(dimension, width)| {
                prop::collection::vec(1..=width, 1..5).prop_flat_map(move |lengths| {
                    let len = lengths.len() * width * dimension;
                    (Just(dimension), Just(width), Just(lengths), prop::collection::vec(-9.0_f32..9.0, len))
                })
            })
        ) {
            let pooled = Pooling::Mean.apply(&states, &lengths, dimension);
            for (text, &length) in lengths.iter().enumerate() {
                for axis in 0..dimension {
                    let at = |token: usize| f64::from(states[(text * width + token) * dimension + axis]);
                    let mean = (0..length).map(at).sum::<f64>() / length as f64;
                    prop_assert!((f64::from(pooled[text * dimension + axis]) - mean).abs() < 1e-4);
                }
            }
        }
    }
}

//! Plain Rust: the oracle for the other files, and what runs where nothing better is there.

use std::convert::identity;
use std::ops::Neg;

use super::rows::score_rows;
use super::same_length;

/// Independent sums, so that rounding errors stay small and the compiler can use whatever lanes there are.
const LANES: usize = 8;

#[inline(always)]
fn sum_of(a: &[f32], b: &[f32], term: impl Fn(f32, f32) -> f32) -> f32 {
    let (a, b) = same_length(a, b);
    let (a_lanes, a_tail) = a.as_chunks::<LANES>();
    let (b_lanes, b_tail) = b.as_chunks::<LANES>();
    let mut sums = [0.0_f32; LANES];
    for (x, y) in a_lanes.iter().zip(b_lanes) {
        for lane in 0..LANES {
            sums[lane] += term(x[lane], y[lane]);
        }
    }
    let tail: f32 = a_tail.iter().zip(b_tail).map(|(&x, &y)| term(x, y)).sum();
    sums.iter().sum::<f32>() + tail
}

/// Dot product over the shorter length.
pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    sum_of(a, b, |x, y| x * y)
}

/// Squared Euclidean distance over the shorter length.
pub(super) fn squared_l2(a: &[f32], b: &[f32]) -> f32 {
    sum_of(a, b, |x, y| (x - y) * (x - y))
}

score_rows!(
    /// See [`super::Kernels::negative_dot_rows`].
    dot_rows, dot, Neg::neg
);
score_rows!(
    /// See [`super::Kernels::squared_l2_rows`].
    squared_l2_rows, squared_l2, identity
);

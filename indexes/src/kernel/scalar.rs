//! Plain Rust: the oracle for the other files, and what runs where nothing better is there.

use std::convert::identity;
use std::ops::Neg;

use super::rows::{score_codes, score_rows};
use super::{same_length, whole_groups};

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

#[inline(always)]
fn dot_codes(query: &[i8], codes: impl Iterator<Item = u8>) -> i32 {
    let products = query
        .iter()
        .zip(codes)
        .map(|(&value, code)| i32::from(value) * i32::from(code));
    products.fold(0, i32::wrapping_add)
}

/// See [`super::Kernels::dot_u8`].
#[inline]
pub(super) fn dot_u8(query: &[i8], codes: &[u8]) -> i32 {
    dot_codes(query, codes.iter().copied())
}

/// The low nibbles go with the first half of the query, the high ones with the second.
#[inline(always)]
fn dot_nibbles(query: &[i8], codes: &[u8]) -> i32 {
    let (first, second) = query.split_at(query.len() / 2);
    let low = dot_codes(first, codes.iter().map(|code| code & 15));
    low.wrapping_add(dot_codes(second, codes.iter().map(|code| code >> 4)))
}

/// See [`super::Kernels::dot_u4`].
#[inline]
pub(super) fn dot_u4(query: &[i8], codes: &[u8]) -> i32 {
    let (query, codes) = whole_groups(query, codes);
    let (query_blocks, query_rest) = query.as_chunks::<128>();
    let (code_blocks, code_rest) = codes.as_chunks::<64>();
    let blocks = query_blocks.iter().zip(code_blocks);
    blocks
        .map(|(query, codes)| dot_nibbles(query, codes))
        .fold(dot_nibbles(query_rest, code_rest), i32::wrapping_add)
}

score_codes!(
    /// See [`super::Kernels::dot_u8_rows`].
    dot_u8_rows, dot_u8, 1
);
score_codes!(
    /// See [`super::Kernels::dot_u4_rows`].
    dot_u4_rows, dot_u4, 2
);

/// See [`super::Kernels::hadamard`].
pub(super) fn hadamard(values: &mut [f32]) {
    super::transform::hadamard(values);
}

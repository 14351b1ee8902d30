//! AVX-512F: four independent sums of 16 lanes.

use std::arch::x86_64::{
    __m512, _mm512_add_ps, _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_maskz_loadu_ps, _mm512_reduce_add_ps,
    _mm512_setzero_ps, _mm512_sub_ps,
};

use std::convert::identity;
use std::ops::Neg;

use super::rows::score_rows;
use super::same_length;

const LANES: usize = 16;

#[inline]
#[target_feature(enable = "avx512f")]
fn load(values: &[f32; LANES]) -> __m512 {
    // SAFETY: the array holds exactly the 16 values read, and the load needs no alignment.
    unsafe { _mm512_loadu_ps(values.as_ptr()) }
}

/// Fewer than 16 values; zeros behind them.
#[inline]
#[target_feature(enable = "avx512f")]
fn load_partial(values: &[f32]) -> __m512 {
    let mask = (1_u32 << values.len().min(LANES)) - 1;
    // SAFETY: the mask has one bit per value of the slice (16 at most); masked-out lanes are not read.
    unsafe { _mm512_maskz_loadu_ps(mask as u16, values.as_ptr()) }
}

#[inline]
#[target_feature(enable = "avx512f")]
fn add_product(x: __m512, y: __m512, sum: __m512) -> __m512 {
    _mm512_fmadd_ps(x, y, sum)
}

#[inline]
#[target_feature(enable = "avx512f")]
fn add_squared_difference(x: __m512, y: __m512, sum: __m512) -> __m512 {
    let difference = _mm512_sub_ps(x, y);
    _mm512_fmadd_ps(difference, difference, sum)
}

macro_rules! sum_of {
    ($(#[$attribute:meta])* $name:ident, $add:ident) => {
        $(#[$attribute])*
        #[inline]
        #[target_feature(enable = "avx512f")]
        pub(super) fn $name(a: &[f32], b: &[f32]) -> f32 {
            let (a, b) = same_length(a, b);
            let ((a, a_tail), (b, b_tail)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
            let ((a_four, a_one), (b_four, b_one)) = (a.as_chunks::<4>(), b.as_chunks::<4>());
            let mut sums = [_mm512_setzero_ps(); 4];
            for (x, y) in a_four.iter().zip(b_four) {
                sums[0] = $add(load(&x[0]), load(&y[0]), sums[0]);
                sums[1] = $add(load(&x[1]), load(&y[1]), sums[1]);
                sums[2] = $add(load(&x[2]), load(&y[2]), sums[2]);
                sums[3] = $add(load(&x[3]), load(&y[3]), sums[3]);
            }
            for (x, y) in a_one.iter().zip(b_one) {
                sums[0] = $add(load(x), load(y), sums[0]);
            }
            if !a_tail.is_empty() {
                sums[1] = $add(load_partial(a_tail), load_partial(b_tail), sums[1]);
            }
            let pairs = (_mm512_add_ps(sums[0], sums[1]), _mm512_add_ps(sums[2], sums[3]));
            _mm512_reduce_add_ps(_mm512_add_ps(pairs.0, pairs.1))
        }
    };
}

sum_of!(
    /// Dot product over the shorter length.
    dot, add_product
);
sum_of!(
    /// Squared Euclidean distance over the shorter length.
    squared_l2, add_squared_difference
);
score_rows!(
    /// See [`super::Kernels::negative_dot_rows`].
    #[target_feature(enable = "avx512f")]
    dot_rows, dot, Neg::neg
);
score_rows!(
    /// See [`super::Kernels::squared_l2_rows`].
    #[target_feature(enable = "avx512f")]
    squared_l2_rows, squared_l2, identity
);

//! NEON: four independent sums of 4 lanes.

use std::arch::aarch64::{float32x4_t, vaddq_f32, vaddvq_f32, vdupq_n_f32, vfmaq_f32, vld1q_f32, vsubq_f32};

use std::convert::identity;
use std::ops::Neg;

use super::rows::score_rows;
use super::same_length;

const LANES: usize = 4;

#[inline]
#[target_feature(enable = "neon")]
fn load(values: &[f32; LANES]) -> float32x4_t {
    // SAFETY: the array holds exactly the 4 values read, and the load needs no alignment beyond a value's own.
    unsafe { vld1q_f32(values.as_ptr()) }
}

/// Fewer than 4 values; zeros behind them.
#[inline]
#[target_feature(enable = "neon")]
fn load_partial(values: &[f32]) -> float32x4_t {
    let mut lanes = [0.0; LANES];
    lanes
        .iter_mut()
        .zip(values)
        .for_each(|(lane, &value)| *lane = value);
    load(&lanes)
}

#[inline]
#[target_feature(enable = "neon")]
fn add_product(x: float32x4_t, y: float32x4_t, sum: float32x4_t) -> float32x4_t {
    vfmaq_f32(sum, x, y)
}

#[inline]
#[target_feature(enable = "neon")]
fn add_squared_difference(x: float32x4_t, y: float32x4_t, sum: float32x4_t) -> float32x4_t {
    let difference = vsubq_f32(x, y);
    vfmaq_f32(sum, difference, difference)
}

macro_rules! sum_of {
    ($(#[$attribute:meta])* $name:ident, $add:ident) => {
        $(#[$attribute])*
        #[inline]
        #[target_feature(enable = "neon")]
        pub(super) fn $name(a: &[f32], b: &[f32]) -> f32 {
            let (a, b) = same_length(a, b);
            let ((a, a_tail), (b, b_tail)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
            let ((a_four, a_one), (b_four, b_one)) = (a.as_chunks::<4>(), b.as_chunks::<4>());
            let mut sums = [vdupq_n_f32(0.0); 4];
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
            vaddvq_f32(vaddq_f32(vaddq_f32(sums[0], sums[1]), vaddq_f32(sums[2], sums[3])))
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
    #[target_feature(enable = "neon")]
    dot_rows, dot, Neg::neg
);
score_rows!(
    /// See [`super::Kernels::squared_l2_rows`].
    #[target_feature(enable = "neon")]
    squared_l2_rows, squared_l2, identity
);

//! NEON: four independent sums of 4 lanes. Codes need nothing newer than the baseline: no dot product instructions.

use std::arch::aarch64::{
    float32x4_t, int8x16_t, int16x8_t, int32x4_t, uint8x16_t, vaddq_f32, vaddq_s32, vaddvq_f32, vaddvq_s32,
    vandq_u8, vdupq_n_f32, vdupq_n_s32, vdupq_n_u8, vfmaq_f32, vget_low_s8, vget_low_s16, vget_low_u8,
    vld1q_f32, vld1q_s8, vld1q_u8, vmlal_high_s8, vmlal_high_s16, vmlal_s8, vmlal_s16, vmovl_high_s8,
    vmovl_high_u8, vmovl_s8, vmovl_u8, vmull_s8, vpadalq_s16, vreinterpretq_s8_u8, vreinterpretq_s16_u16,
    vshrq_n_u8, vsubq_f32,
};

use std::convert::identity;
use std::ops::Neg;

use super::rows::{score_codes, score_rows};
use super::{same_length, scalar, whole_groups};

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

/// Bytes of one register.
const BYTES: usize = 16;

#[inline]
#[target_feature(enable = "neon")]
fn load_query(values: &[i8; BYTES]) -> int8x16_t {
    // SAFETY: the array holds exactly the 16 bytes read, and the load needs no alignment.
    unsafe { vld1q_s8(values.as_ptr()) }
}

#[inline]
#[target_feature(enable = "neon")]
fn load_codes(codes: &[u8; BYTES]) -> uint8x16_t {
    // SAFETY: the array holds exactly the 16 bytes read, and the load needs no alignment.
    unsafe { vld1q_u8(codes.as_ptr()) }
}

/// Adds the products of 8 values and 8 codes, both widened to 16 bits.
#[inline]
#[target_feature(enable = "neon")]
fn add_wide(sums: [int32x4_t; 2], query: int16x8_t, codes: int16x8_t) -> [int32x4_t; 2] {
    [
        vmlal_s16(sums[0], vget_low_s16(query), vget_low_s16(codes)),
        vmlal_high_s16(sums[1], query, codes),
    ]
}

/// See [`super::Kernels::dot_u8`].
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn dot_u8(query: &[i8], codes: &[u8]) -> i32 {
    let (query, codes) = same_length(query, codes);
    let ((query, query_tail), (codes, code_tail)) = (query.as_chunks::<BYTES>(), codes.as_chunks::<BYTES>());
    let (mut low, mut high) = ([vdupq_n_s32(0); 2], [vdupq_n_s32(0); 2]);
    for (query, codes) in query.iter().zip(codes) {
        let (query, codes) = (load_query(query), load_codes(codes));
        let wide = vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(codes)));
        low = add_wide(low, vmovl_s8(vget_low_s8(query)), wide);
        high = add_wide(
            high,
            vmovl_high_s8(query),
            vreinterpretq_s16_u16(vmovl_high_u8(codes)),
        );
    }
    let sum = vaddq_s32(vaddq_s32(low[0], low[1]), vaddq_s32(high[0], high[1]));
    vaddvq_s32(sum).wrapping_add(scalar::dot_u8(query_tail, code_tail))
}

/// The low and the high nibble of each byte.
#[inline]
#[target_feature(enable = "neon")]
fn nibbles(codes: uint8x16_t) -> (int8x16_t, int8x16_t) {
    let low = vandq_u8(codes, vdupq_n_u8(15));
    (
        vreinterpretq_s8_u8(low),
        vreinterpretq_s8_u8(vshrq_n_u8::<4>(codes)),
    )
}

/// Adds the products of 16 bytes of codes with 16 values for the low nibbles and 16 for the high ones. Four products
/// are summed in 16 bits: 7,680 at most.
#[inline]
#[target_feature(enable = "neon")]
fn add_nibbles(sum: int32x4_t, codes: &[u8; BYTES], low: &[i8; BYTES], high: &[i8; BYTES]) -> int32x4_t {
    let ((low_codes, high_codes), low, high) =
        (nibbles(load_codes(codes)), load_query(low), load_query(high));
    let products = vmull_s8(vget_low_s8(low_codes), vget_low_s8(low));
    let products = vmlal_high_s8(products, low_codes, low);
    let products = vmlal_s8(products, vget_low_s8(high_codes), vget_low_s8(high));
    vpadalq_s16(sum, vmlal_high_s8(products, high_codes, high))
}

/// See [`super::Kernels::dot_u4`].
#[inline]
#[target_feature(enable = "neon")]
pub(super) fn dot_u4(query: &[i8], codes: &[u8]) -> i32 {
    let (query, codes) = whole_groups(query, codes);
    let ((query, _), (codes, _)) = (query.as_chunks::<BYTES>(), codes.as_chunks::<BYTES>());
    let ((query, query_rest), (codes, code_rest)) = (query.as_chunks::<8>(), codes.as_chunks::<4>());
    let mut sums = [vdupq_n_s32(0); 2];
    for (query, codes) in query.iter().zip(codes) {
        sums[0] = add_nibbles(sums[0], &codes[0], &query[0], &query[4]);
        sums[1] = add_nibbles(sums[1], &codes[1], &query[1], &query[5]);
        sums[0] = add_nibbles(sums[0], &codes[2], &query[2], &query[6]);
        sums[1] = add_nibbles(sums[1], &codes[3], &query[3], &query[7]);
    }
    if let ([q0, q1, q2, q3], [c0, c1]) = (query_rest, code_rest) {
        sums[0] = add_nibbles(sums[0], c0, q0, q2);
        sums[1] = add_nibbles(sums[1], c1, q1, q3);
    }
    vaddvq_s32(vaddq_s32(sums[0], sums[1]))
}

score_codes!(
    /// See [`super::Kernels::dot_u8_rows`].
    #[target_feature(enable = "neon")]
    dot_u8_rows, dot_u8, 1
);
score_codes!(
    /// See [`super::Kernels::dot_u4_rows`].
    #[target_feature(enable = "neon")]
    dot_u4_rows, dot_u4, 2
);

/// See [`super::Kernels::hadamard`].
#[target_feature(enable = "neon")]
pub(super) fn hadamard(values: &mut [f32]) {
    super::transform::hadamard(values);
}

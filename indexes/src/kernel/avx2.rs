//! AVX2 with FMA: four independent sums of 8 lanes. Codes go through 16-bit sums of products with 4-bit numbers.

use std::arch::x86_64::{
    __m256, __m256i, _mm_add_epi32, _mm_add_ps, _mm_add_ss, _mm_cvtsi128_si32, _mm_cvtss_f32,
    _mm_movehdup_ps, _mm_movehl_ps, _mm_shuffle_epi32, _mm256_add_epi16, _mm256_add_epi32, _mm256_add_ps,
    _mm256_and_si256, _mm256_castps256_ps128, _mm256_castsi256_si128, _mm256_extractf128_ps,
    _mm256_extracti128_si256, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_loadu_si256, _mm256_madd_epi16,
    _mm256_maddubs_epi16, _mm256_set1_epi8, _mm256_set1_epi16, _mm256_setzero_ps, _mm256_setzero_si256,
    _mm256_srli_epi16, _mm256_sub_ps,
};

use std::convert::identity;
use std::ops::Neg;

use super::rows::{score_codes, score_rows};
use super::{same_length, scalar, whole_groups};

const LANES: usize = 8;

#[inline]
#[target_feature(enable = "avx2,fma")]
fn load(values: &[f32; LANES]) -> __m256 {
    // SAFETY: the array holds exactly the 8 values read, and the load needs no alignment.
    unsafe { _mm256_loadu_ps(values.as_ptr()) }
}

/// Fewer than 8 values; zeros behind them.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn load_partial(values: &[f32]) -> __m256 {
    let mut lanes = [0.0; LANES];
    lanes
        .iter_mut()
        .zip(values)
        .for_each(|(lane, &value)| *lane = value);
    load(&lanes)
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn add_product(x: __m256, y: __m256, sum: __m256) -> __m256 {
    _mm256_fmadd_ps(x, y, sum)
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn add_squared_difference(x: __m256, y: __m256, sum: __m256) -> __m256 {
    let difference = _mm256_sub_ps(x, y);
    _mm256_fmadd_ps(difference, difference, sum)
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn total(sums: [__m256; 4]) -> f32 {
    let eight = _mm256_add_ps(_mm256_add_ps(sums[0], sums[1]), _mm256_add_ps(sums[2], sums[3]));
    let four = _mm_add_ps(_mm256_castps256_ps128(eight), _mm256_extractf128_ps::<1>(eight));
    let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)))
}

macro_rules! sum_of {
    ($(#[$attribute:meta])* $name:ident, $add:ident) => {
        $(#[$attribute])*
        #[inline]
        #[target_feature(enable = "avx2,fma")]
        pub(super) fn $name(a: &[f32], b: &[f32]) -> f32 {
            let (a, b) = same_length(a, b);
            let ((a, a_tail), (b, b_tail)) = (a.as_chunks::<LANES>(), b.as_chunks::<LANES>());
            let ((a_four, a_one), (b_four, b_one)) = (a.as_chunks::<4>(), b.as_chunks::<4>());
            let mut sums = [_mm256_setzero_ps(); 4];
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
            total(sums)
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
    #[target_feature(enable = "avx2,fma")]
    dot_rows, dot, Neg::neg
);
score_rows!(
    /// See [`super::Kernels::squared_l2_rows`].
    #[target_feature(enable = "avx2,fma")]
    squared_l2_rows, squared_l2, identity
);

/// Bytes of one register.
const BYTES: usize = 32;

/// Steps whose products with 4-bit numbers are summed in 16 bits: 8 · 2 · 15 · 128 is 30,720.
const STEPS: usize = 8;

#[inline]
#[target_feature(enable = "avx2,fma")]
fn load_bytes<T>(bytes: &[T; BYTES]) -> __m256i {
    const { assert!(size_of::<T>() == 1) };
    // SAFETY: the array holds exactly the 32 bytes read, and the load needs no alignment.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

/// The low and the high nibble of each byte.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn nibbles(codes: __m256i) -> (__m256i, __m256i) {
    let mask = _mm256_set1_epi8(15);
    let high = _mm256_srli_epi16::<4>(codes);
    (_mm256_and_si256(codes, mask), _mm256_and_si256(high, mask))
}

/// Sums of two products each, in 16 bits: 7,680 at most.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn nibble_products(codes: &[u8; BYTES], low: &[i8; BYTES], high: &[i8; BYTES]) -> __m256i {
    let (low_codes, high_codes) = nibbles(load_bytes(codes));
    let low = _mm256_maddubs_epi16(low_codes, load_bytes(low));
    _mm256_add_epi16(low, _mm256_maddubs_epi16(high_codes, load_bytes(high)))
}

/// Adds `factor` times pairs of 16-bit sums.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn widen(sum: __m256i, products: __m256i, factor: i16) -> __m256i {
    _mm256_add_epi32(sum, _mm256_madd_epi16(products, _mm256_set1_epi16(factor)))
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn total_i32(sums: __m256i) -> i32 {
    let four = _mm_add_epi32(_mm256_castsi256_si128(sums), _mm256_extracti128_si256::<1>(sums));
    let two = _mm_add_epi32(four, _mm_shuffle_epi32::<0b11_10>(four));
    _mm_cvtsi128_si32(_mm_add_epi32(two, _mm_shuffle_epi32::<0b01>(two)))
}

/// See [`super::Kernels::dot_u8`]. Both halves of a code are 4-bit numbers: products of whole codes would not fit.
#[inline]
#[target_feature(enable = "avx2,fma")]
pub(super) fn dot_u8(query: &[i8], codes: &[u8]) -> i32 {
    let (query, codes) = same_length(query, codes);
    let ((query, query_tail), (codes, code_tail)) = (query.as_chunks::<BYTES>(), codes.as_chunks::<BYTES>());
    let mut sum = _mm256_setzero_si256();
    for (query, codes) in query.chunks(STEPS).zip(codes.chunks(STEPS)) {
        let (mut low, mut high) = (_mm256_setzero_si256(), _mm256_setzero_si256());
        for (query, codes) in query.iter().zip(codes) {
            let (query, codes) = (load_bytes(query), nibbles(load_bytes(codes)));
            low = _mm256_add_epi16(low, _mm256_maddubs_epi16(codes.0, query));
            high = _mm256_add_epi16(high, _mm256_maddubs_epi16(codes.1, query));
        }
        sum = widen(widen(sum, low, 1), high, 16);
    }
    total_i32(sum).wrapping_add(scalar::dot_u8(query_tail, code_tail))
}

/// See [`super::Kernels::dot_u4`].
#[inline]
#[target_feature(enable = "avx2,fma")]
pub(super) fn dot_u4(query: &[i8], codes: &[u8]) -> i32 {
    let (query, codes) = whole_groups(query, codes);
    let ((query, _), (codes, _)) = (query.as_chunks::<BYTES>(), codes.as_chunks::<BYTES>());
    let ((query, query_rest), (codes, code_rest)) = (query.as_chunks::<4>(), codes.as_chunks::<2>());
    let mut sum = _mm256_setzero_si256();
    for (query, codes) in query.iter().zip(codes) {
        let first = nibble_products(&codes[0], &query[0], &query[2]);
        let second = nibble_products(&codes[1], &query[1], &query[3]);
        sum = widen(sum, _mm256_add_epi16(first, second), 1);
    }
    if let ([low, high], [codes]) = (query_rest, code_rest) {
        sum = widen(sum, nibble_products(codes, low, high), 1);
    }
    total_i32(sum)
}

score_codes!(
    /// See [`super::Kernels::dot_u8_rows`].
    #[target_feature(enable = "avx2,fma")]
    dot_u8_rows, dot_u8, 1
);
score_codes!(
    /// See [`super::Kernels::dot_u4_rows`].
    #[target_feature(enable = "avx2,fma")]
    dot_u4_rows, dot_u4, 2
);

/// See [`super::Kernels::hadamard`].
#[target_feature(enable = "avx2,fma")]
pub(super) fn hadamard(values: &mut [f32]) {
    super::transform::hadamard(values);
}

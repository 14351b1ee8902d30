//! AVX-512 F, BW and VL: four independent sums of 16 lanes. Codes go through 16-bit sums of products with 4-bit
//! numbers.

use std::arch::x86_64::{
    __m512, __m512i, _mm256_loadu_si256, _mm256_srli_epi16, _mm512_add_epi16, _mm512_add_epi32,
    _mm512_add_ps, _mm512_and_si512, _mm512_castsi256_si512, _mm512_fmadd_ps, _mm512_inserti64x4,
    _mm512_loadu_ps, _mm512_loadu_si512, _mm512_madd_epi16, _mm512_maddubs_epi16, _mm512_maskz_loadu_epi8,
    _mm512_maskz_loadu_ps, _mm512_reduce_add_epi32, _mm512_reduce_add_ps, _mm512_set1_epi8,
    _mm512_set1_epi16, _mm512_setzero_ps, _mm512_setzero_si512, _mm512_srli_epi16, _mm512_sub_ps,
};

use std::convert::identity;
use std::ops::Neg;

use super::rows::{score_codes, score_rows};
use super::{same_length, whole_groups};

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

/// Bytes of one register.
pub(super) const BYTES: usize = 64;

/// Steps whose products with 4-bit numbers are summed in 16 bits: 8 · 2 · 15 · 128 is 30,720.
const STEPS: usize = 8;

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
pub(super) fn load_bytes<T>(bytes: &[T; BYTES]) -> __m512i {
    const { assert!(size_of::<T>() == 1) };
    // SAFETY: the array holds exactly the 64 bytes read, and the load needs no alignment.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

/// Fewer than 64 bytes; zeros behind them.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
pub(super) fn load_partial_bytes<T>(bytes: &[T]) -> __m512i {
    const { assert!(size_of::<T>() == 1) };
    let mask = (1_u64 << bytes.len().min(BYTES - 1)) - 1;
    // SAFETY: the mask has one bit per byte of the slice (63 at most); masked-out lanes are not read.
    unsafe { _mm512_maskz_loadu_epi8(mask, bytes.as_ptr().cast()) }
}

/// The low and the high nibble of each byte.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
pub(super) fn nibbles(codes: __m512i) -> (__m512i, __m512i) {
    let mask = _mm512_set1_epi8(15);
    let high = _mm512_srli_epi16::<4>(codes);
    (_mm512_and_si512(codes, mask), _mm512_and_si512(high, mask))
}

/// The low nibbles of 32 bytes, then the high ones.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
pub(super) fn half_block(codes: &[u8; BYTES / 2]) -> __m512i {
    // SAFETY: the array holds exactly the 32 bytes read, and the load needs no alignment.
    let codes = unsafe { _mm256_loadu_si256(codes.as_ptr().cast()) };
    let (low, high) = (_mm512_castsi256_si512(codes), _mm256_srli_epi16::<4>(codes));
    _mm512_and_si512(_mm512_inserti64x4::<1>(low, high), _mm512_set1_epi8(15))
}

/// Adds `factor` times pairs of 16-bit sums.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn widen(sum: __m512i, products: __m512i, factor: i16) -> __m512i {
    _mm512_add_epi32(sum, _mm512_madd_epi16(products, _mm512_set1_epi16(factor)))
}

/// 16-bit sums of products: with the low nibbles of 8-bit codes and with the high ones.
#[derive(Clone, Copy)]
struct Halves {
    low: __m512i,
    high: __m512i,
}

impl Halves {
    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    fn zero() -> Self {
        let low = _mm512_setzero_si512();
        Self { low, high: low }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    fn add(self, query: __m512i, codes: __m512i) -> Self {
        let (low, high) = nibbles(codes);
        Self {
            low: _mm512_add_epi16(self.low, _mm512_maddubs_epi16(low, query)),
            high: _mm512_add_epi16(self.high, _mm512_maddubs_epi16(high, query)),
        }
    }

    #[inline]
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    fn widen(self, sum: __m512i) -> __m512i {
        widen(widen(sum, self.low, 1), self.high, 16)
    }
}

/// See [`super::Kernels::dot_u8`]. Both halves of a code are 4-bit numbers: products of whole codes would not fit.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
pub(super) fn dot_u8(query: &[i8], codes: &[u8]) -> i32 {
    let (query, codes) = same_length(query, codes);
    let ((query, query_tail), (codes, code_tail)) = (query.as_chunks::<BYTES>(), codes.as_chunks::<BYTES>());
    let mut sum = _mm512_setzero_si512();
    for (query, codes) in query.chunks(STEPS).zip(codes.chunks(STEPS)) {
        let mut halves = Halves::zero();
        for (query, codes) in query.iter().zip(codes) {
            halves = halves.add(load_bytes(query), load_bytes(codes));
        }
        sum = halves.widen(sum);
    }
    if !query_tail.is_empty() {
        let tail = Halves::zero().add(load_partial_bytes(query_tail), load_partial_bytes(code_tail));
        sum = tail.widen(sum);
    }
    _mm512_reduce_add_epi32(sum)
}

/// See [`super::Kernels::dot_u4`].
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
pub(super) fn dot_u4(query: &[i8], codes: &[u8]) -> i32 {
    let (query, codes) = whole_groups(query, codes);
    let ((query, _), (codes, code_rest)) = (query.as_chunks::<BYTES>(), codes.as_chunks::<BYTES>());
    let (query, query_rest) = query.as_chunks::<2>();
    let mut sum = _mm512_setzero_si512();
    for (query, codes) in query.iter().zip(codes) {
        let (low, high) = nibbles(load_bytes(codes));
        let low = _mm512_maddubs_epi16(low, load_bytes(&query[0]));
        let high = _mm512_maddubs_epi16(high, load_bytes(&query[1]));
        sum = widen(sum, _mm512_add_epi16(low, high), 1);
    }
    if let ([query], Some(codes)) = (query_rest, code_rest.first_chunk()) {
        sum = widen(sum, _mm512_maddubs_epi16(half_block(codes), load_bytes(query)), 1);
    }
    _mm512_reduce_add_epi32(sum)
}

score_codes!(
    /// See [`super::Kernels::dot_u8_rows`].
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    dot_u8_rows, dot_u8, 1
);
score_codes!(
    /// See [`super::Kernels::dot_u4_rows`].
    #[target_feature(enable = "avx512f,avx512bw,avx512vl")]
    dot_u4_rows, dot_u4, 2
);

/// See [`super::Kernels::hadamard`].
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
pub(super) fn hadamard(values: &mut [f32]) {
    super::transform::hadamard(values);
}

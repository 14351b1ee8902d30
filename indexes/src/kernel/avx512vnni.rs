//! AVX-512 with VNNI: one instruction multiplies 64 codes with 64 query values and adds the products, 4 to a 32-bit
//! lane. Functions of `f32` are those of plain AVX-512.

use std::arch::x86_64::{
    _mm512_add_epi32, _mm512_dpbusd_epi32, _mm512_reduce_add_epi32, _mm512_setzero_si512,
};

use super::avx512::{BYTES, half_block, load_bytes, load_partial_bytes, nibbles};
pub(super) use super::avx512::{dot, dot_rows, hadamard, squared_l2, squared_l2_rows};
use super::rows::score_codes;
use super::{same_length, whole_groups};

/// See [`super::Kernels::dot_u8`].
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(super) fn dot_u8(query: &[i8], codes: &[u8]) -> i32 {
    let (query, codes) = same_length(query, codes);
    let ((query, query_tail), (codes, code_tail)) = (query.as_chunks::<BYTES>(), codes.as_chunks::<BYTES>());
    let ((query_two, query_one), (code_two, code_one)) = (query.as_chunks::<2>(), codes.as_chunks::<2>());
    let mut sums = [_mm512_setzero_si512(); 2];
    for (query, codes) in query_two.iter().zip(code_two) {
        sums[0] = _mm512_dpbusd_epi32(sums[0], load_bytes(&codes[0]), load_bytes(&query[0]));
        sums[1] = _mm512_dpbusd_epi32(sums[1], load_bytes(&codes[1]), load_bytes(&query[1]));
    }
    if let ([query], [codes]) = (query_one, code_one) {
        sums[0] = _mm512_dpbusd_epi32(sums[0], load_bytes(codes), load_bytes(query));
    }
    if !query_tail.is_empty() {
        let (query, codes) = (load_partial_bytes(query_tail), load_partial_bytes(code_tail));
        sums[1] = _mm512_dpbusd_epi32(sums[1], codes, query);
    }
    _mm512_reduce_add_epi32(_mm512_add_epi32(sums[0], sums[1]))
}

/// See [`super::Kernels::dot_u4`].
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(super) fn dot_u4(query: &[i8], codes: &[u8]) -> i32 {
    let (query, codes) = whole_groups(query, codes);
    let ((query, _), (codes, code_rest)) = (query.as_chunks::<BYTES>(), codes.as_chunks::<BYTES>());
    let (query, query_rest) = query.as_chunks::<2>();
    let mut sums = [_mm512_setzero_si512(); 2];
    for (query, codes) in query.iter().zip(codes) {
        let (low, high) = nibbles(load_bytes(codes));
        sums[0] = _mm512_dpbusd_epi32(sums[0], low, load_bytes(&query[0]));
        sums[1] = _mm512_dpbusd_epi32(sums[1], high, load_bytes(&query[1]));
    }
    if let ([query], Some(codes)) = (query_rest, code_rest.first_chunk()) {
        sums[0] = _mm512_dpbusd_epi32(sums[0], half_block(codes), load_bytes(query));
    }
    _mm512_reduce_add_epi32(_mm512_add_epi32(sums[0], sums[1]))
}

score_codes!(
    /// See [`super::Kernels::dot_u8_rows`].
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    dot_u8_rows, dot_u8, 1
);
score_codes!(
    /// See [`super::Kernels::dot_u4_rows`].
    #[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
    dot_u4_rows, dot_u4, 2
);

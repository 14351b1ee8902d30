//! AVX2: bytes are widened to 16 bits, because their own product saturates there; tiles of 2 rows × 16 columns.

use std::arch::x86_64::*;

use crate::transformer::kernel::passes::tiles;
use crate::transformer::kernel::{Codes, PANEL, Panel};

/// Rows of a tile.
const ROWS: usize = 2;

#[target_feature(enable = "avx2,fma")]
pub(in crate::transformer::kernel) fn product(codes: Codes<'_>, panel: Panel<'_>, out: &mut [f32]) {
    for (first, rows) in tiles(out.len() / PANEL, ROWS) {
        for column in (0..PANEL).step_by(16) {
            match rows {
                1 => tile::<1>(codes, panel, first, column, out),
                _ => tile::<2>(codes, panel, first, column, out),
            }
        }
    }
}

#[target_feature(enable = "avx2,fma")]
fn tile<const R: usize>(codes: Codes<'_>, panel: Panel<'_>, first: usize, column: usize, out: &mut [f32]) {
    let inputs = panel.inputs();
    // Each holds two sums for each of four columns.
    let mut sums = [[_mm256_setzero_si256(); 4]; R];
    let weights = panel.weights.as_ptr();
    let rows = codes.codes[first * inputs..][..R * inputs].as_ptr();
    for step in 0..inputs / 4 {
        // SAFETY: step < inputs / 4; a panel holds inputs / 4 · 192 bytes, of which 64 begin at 4 · `column` ≤ 128, and
        // each of the R rows holds inputs bytes.
        unsafe {
            let weights = weights.add(step * 4 * PANEL + column * 4);
            let mut columns = [_mm256_setzero_si256(); 4];
            for (i, columns) in columns.iter_mut().enumerate() {
                *columns = _mm256_cvtepi8_epi16(_mm_loadu_si128(weights.add(16 * i).cast()));
            }
            for (r, sums) in sums.iter_mut().enumerate() {
                let four = _mm_set1_epi32(rows.add(r * inputs + 4 * step).cast::<i32>().read_unaligned());
                let four = _mm256_cvtepu8_epi16(four);
                for (sum, column) in sums.iter_mut().zip(columns) {
                    *sum = _mm256_add_epi32(*sum, _mm256_madd_epi16(four, column));
                }
            }
        }
    }
    for (r, sums) in sums.iter().enumerate() {
        for half in 0..2 {
            let pairs = _mm256_hadd_epi32(sums[2 * half], sums[2 * half + 1]);
            let sum = _mm256_permute4x64_epi64::<0b11_01_10_00>(pairs);
            finish(codes, panel, first + r, column / 8 + half, sum, out);
        }
    }
}

/// Stores eight sums of `row` as values: columns 8 · `group` and after.
#[target_feature(enable = "avx2,fma")]
pub(super) fn finish(
    codes: Codes<'_>,
    panel: Panel<'_>,
    row: usize,
    group: usize,
    sum: __m256i,
    out: &mut [f32],
) {
    let at = group * 8;
    let out = &mut out[row * PANEL + at..][..8];
    // SAFETY: every per-column slice holds 48 values (checked by the caller) and `group` is under 6; `out` has 8 values.
    unsafe {
        let total = _mm256_cvtps_epi32(_mm256_loadu_ps(panel.sums.as_ptr().add(at)));
        let shift = _mm256_mullo_epi32(total, _mm256_set1_epi32(codes.zeros[row]));
        let sum = _mm256_cvtepi32_ps(_mm256_sub_epi32(sum, shift));
        let scale = _mm256_loadu_ps(panel.scales.as_ptr().add(at));
        let scale = _mm256_mul_ps(_mm256_set1_ps(codes.scales[row]), scale);
        let bias = _mm256_loadu_ps(panel.bias.as_ptr().add(at));
        _mm256_storeu_ps(out.as_mut_ptr(), _mm256_fmadd_ps(sum, scale, bias));
    }
}

//! AVX-VNNI: tiles of 4 rows × 24 columns, 12 accumulators of the 16 registers.

use std::arch::x86_64::*;

use super::avx2::finish;
use crate::transformer::kernel::passes::tiles;
use crate::transformer::kernel::{Codes, PANEL, Panel};

/// Rows of a tile.
const ROWS: usize = 4;

/// Columns of a tile, in registers of eight.
const GROUPS: usize = 3;

#[target_feature(enable = "avx2,fma,avxvnni")]
pub(in crate::transformer::kernel) fn product(codes: Codes<'_>, panel: Panel<'_>, out: &mut [f32]) {
    for (first, rows) in tiles(out.len() / PANEL, ROWS) {
        for group in [0, GROUPS] {
            match rows {
                1 => tile::<1>(codes, panel, first, group, out),
                2 => tile::<2>(codes, panel, first, group, out),
                3 => tile::<3>(codes, panel, first, group, out),
                _ => tile::<4>(codes, panel, first, group, out),
            }
        }
    }
}

#[target_feature(enable = "avx2,fma,avxvnni")]
fn tile<const R: usize>(codes: Codes<'_>, panel: Panel<'_>, first: usize, group: usize, out: &mut [f32]) {
    let inputs = panel.inputs();
    let mut sums = [[_mm256_setzero_si256(); GROUPS]; R];
    let weights = panel.weights.as_ptr();
    let rows = codes.codes[first * inputs..][..R * inputs].as_ptr();
    for step in 0..inputs / 4 {
        // SAFETY: step < inputs / 4; a panel holds inputs / 4 · 192 bytes, of which groups of 32 begin at `group` ≤ 3,
        // and each of the R rows holds inputs bytes.
        unsafe {
            let weights = weights.add(step * 4 * PANEL + group * 32);
            let columns = [
                _mm256_loadu_si256(weights.cast()),
                _mm256_loadu_si256(weights.add(32).cast()),
                _mm256_loadu_si256(weights.add(64).cast()),
            ];
            for (r, sums) in sums.iter_mut().enumerate() {
                let four = _mm256_set1_epi32(rows.add(r * inputs + 4 * step).cast::<i32>().read_unaligned());
                for (sum, column) in sums.iter_mut().zip(columns) {
                    *sum = _mm256_dpbusd_avx_epi32(*sum, four, column);
                }
            }
        }
    }
    for (r, sums) in sums.iter().enumerate() {
        for (offset, &sum) in sums.iter().enumerate() {
            finish(codes, panel, first + r, group + offset, sum, out);
        }
    }
}

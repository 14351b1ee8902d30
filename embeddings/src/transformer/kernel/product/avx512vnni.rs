//! AVX-512 VNNI: tiles of 8 rows × 48 columns, 24 accumulators, 2,048 products in the shadow of 11 loads.

use std::arch::x86_64::*;

use crate::transformer::kernel::passes::tiles;
use crate::transformer::kernel::{Codes, PANEL, Panel};

/// Rows of a tile.
const ROWS: usize = 8;

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
pub(in crate::transformer::kernel) fn product(codes: Codes<'_>, panel: Panel<'_>, out: &mut [f32]) {
    for (first, rows) in tiles(out.len() / PANEL, ROWS) {
        match rows {
            1 => tile::<1>(codes, panel, first, out),
            2 => tile::<2>(codes, panel, first, out),
            3 => tile::<3>(codes, panel, first, out),
            4 => tile::<4>(codes, panel, first, out),
            5 => tile::<5>(codes, panel, first, out),
            6 => tile::<6>(codes, panel, first, out),
            7 => tile::<7>(codes, panel, first, out),
            _ => tile::<8>(codes, panel, first, out),
        }
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn tile<const R: usize>(codes: Codes<'_>, panel: Panel<'_>, first: usize, out: &mut [f32]) {
    let inputs = panel.inputs();
    let mut sums = [[_mm512_setzero_si512(); 3]; R];
    let weights = panel.weights.as_ptr();
    let rows = codes.codes[first * inputs..][..R * inputs].as_ptr();
    for step in 0..inputs / 4 {
        // SAFETY: step < inputs / 4; a panel holds inputs / 4 · 192 bytes, and each of the R rows inputs bytes.
        unsafe {
            let weights = weights.add(step * 4 * PANEL);
            let columns = [
                _mm512_loadu_si512(weights.cast()),
                _mm512_loadu_si512(weights.add(64).cast()),
                _mm512_loadu_si512(weights.add(128).cast()),
            ];
            for (r, sums) in sums.iter_mut().enumerate() {
                let four = _mm512_set1_epi32(rows.add(r * inputs + 4 * step).cast::<i32>().read_unaligned());
                for (sum, column) in sums.iter_mut().zip(columns) {
                    *sum = _mm512_dpbusd_epi32(*sum, four, column);
                }
            }
        }
    }
    for group in 0..3 {
        let at = group * 16;
        // SAFETY: every per-column slice holds 48 values (checked by the caller).
        let (scale, total, bias) = unsafe {
            (
                _mm512_loadu_ps(panel.scales.as_ptr().add(at)),
                _mm512_cvtps_epi32(_mm512_loadu_ps(panel.sums.as_ptr().add(at))),
                _mm512_loadu_ps(panel.bias.as_ptr().add(at)),
            )
        };
        for (r, sums) in sums.iter().enumerate() {
            let row = first + r;
            let shift = _mm512_mullo_epi32(total, _mm512_set1_epi32(codes.zeros[row]));
            let sum = _mm512_cvtepi32_ps(_mm512_sub_epi32(sums[group], shift));
            let scale = _mm512_mul_ps(_mm512_set1_ps(codes.scales[row]), scale);
            let out = &mut out[row * PANEL + at..][..16];
            // SAFETY: `out` has 16 values.
            unsafe { _mm512_storeu_ps(out.as_mut_ptr(), _mm512_fmadd_ps(sum, scale, bias)) };
        }
    }
}

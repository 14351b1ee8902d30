//! NEON: codes become signed by subtracting 128, products of bytes fit 16 bits; tiles of 1 row × 16 columns.

use std::arch::aarch64::*;

use crate::transformer::kernel::{Codes, PANEL, Panel};

#[target_feature(enable = "neon")]
pub(in crate::transformer::kernel) fn product(codes: Codes<'_>, panel: Panel<'_>, out: &mut [f32]) {
    for row in 0..out.len() / PANEL {
        for column in (0..PANEL).step_by(16) {
            tile(codes, panel, row, column, out);
        }
    }
}

#[target_feature(enable = "neon")]
fn tile(codes: Codes<'_>, panel: Panel<'_>, row: usize, column: usize, out: &mut [f32]) {
    let inputs = panel.inputs();
    // Each holds two sums for each of two columns.
    let mut sums = [vdupq_n_s32(0); 8];
    let weights = panel.weights.as_ptr();
    let codes_row = codes.codes[row * inputs..][..inputs].as_ptr();
    for step in 0..inputs / 4 {
        // SAFETY: step < inputs / 4; a panel holds inputs / 4 · 192 bytes, of which 64 begin at 4 · `column` ≤ 128, and
        // the row holds inputs bytes.
        unsafe {
            let four = codes_row.add(4 * step).cast::<u32>().read_unaligned() ^ 0x8080_8080;
            let four = vreinterpret_s8_u32(vdup_n_u32(four));
            let weights = weights.add(step * 4 * PANEL + column * 4).cast::<i8>();
            for (i, sum) in sums.iter_mut().enumerate() {
                *sum = vpadalq_s16(*sum, vmull_s8(four, vld1_s8(weights.add(8 * i))));
            }
        }
    }
    for group in 0..4 {
        let at = column + group * 4;
        let out = &mut out[row * PANEL + at..][..4];
        let sum = vpaddq_s32(sums[2 * group], sums[2 * group + 1]);
        // SAFETY: every per-column slice holds 48 values (checked by the caller) and `at` is at most 44; `out` has 4.
        unsafe {
            let total = vcvtnq_s32_f32(vld1q_f32(panel.sums.as_ptr().add(at)));
            let shift = vmulq_s32(total, vdupq_n_s32(codes.zeros[row] - 128));
            let sum = vcvtq_f32_s32(vsubq_s32(sum, shift));
            let scale = vmulq_n_f32(vld1q_f32(panel.scales.as_ptr().add(at)), codes.scales[row]);
            let bias = vld1q_f32(panel.bias.as_ptr().add(at));
            vst1q_f32(out.as_mut_ptr(), vfmaq_f32(bias, sum, scale));
        }
    }
}

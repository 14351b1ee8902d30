//! Plain Rust: the oracle of the other files.

use crate::transformer::kernel::{Codes, PANEL, Panel};

pub(in crate::transformer::kernel) fn product(codes: Codes<'_>, panel: Panel<'_>, out: &mut [f32]) {
    let inputs = panel.inputs();
    for (row, out) in out.chunks_exact_mut(PANEL).enumerate() {
        let codes_row = &codes.codes[row * inputs..][..inputs];
        let mut sums = [0_i32; PANEL];
        for (codes, weights) in codes_row
            .chunks_exact(4)
            .zip(panel.weights.chunks_exact(4 * PANEL))
        {
            for (sum, weights) in sums.iter_mut().zip(weights.chunks_exact(4)) {
                for (&code, &weight) in codes.iter().zip(weights) {
                    *sum += i32::from(code) * i32::from(weight as i8);
                }
            }
        }
        for (column, out) in out.iter_mut().enumerate() {
            let sum = sums[column] - codes.zeros[row] * panel.sums[column] as i32;
            *out = (sum as f32).mul_add(codes.scales[row] * panel.scales[column], panel.bias[column]);
        }
    }
}

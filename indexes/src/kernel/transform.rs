//! The Walsh–Hadamard transform: one piece of plain Rust, compiled once per instruction set. Every level does the same
//! additions in the same order, so all give the same bits.

/// Values transformed among themselves first.
const CHUNK: usize = 16;

/// Transforms a power of two of values in place, unscaled.
#[inline(always)]
pub(super) fn hadamard(values: &mut [f32]) {
    let (chunks, rest) = values.as_chunks_mut::<CHUNK>();
    for chunk in chunks {
        for half in [1, 2, 4, 8] {
            butterflies(chunk, half);
        }
    }
    let mut half = if rest.is_empty() { CHUNK } else { 1 };
    while half < values.len() {
        butterflies(values, half);
        half *= 2;
    }
}

/// Sums and differences of values `half` apart.
#[inline(always)]
fn butterflies(values: &mut [f32], half: usize) {
    for pair in values.chunks_exact_mut(2 * half) {
        let (low, high) = pair.split_at_mut(half);
        for (x, y) in low.iter_mut().zip(high) {
            (*x, *y) = (*x + *y, *x - *y);
        }
    }
}

//! Everything between the matrix products, written once for sixteen values at a time.
//!
//! # Safety
//! All functions: the processor has the instruction set of the vector `V`.

use std::ops::Range;

use super::vector::{LANES, Vector};
use super::{Activation, Blocks, PANEL};

/// Widest head that [`attend`] has room for.
pub(crate) const MOST_HEAD_WIDTH: usize = 128;

/// Rows that share a pass over the keys and values in [`attend`], at most.
pub(super) const TILE: usize = 8;

#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if a > b { a } else { b }
}

#[inline(always)]
fn smaller(a: f32, b: f32) -> f32 {
    if a < b { a } else { b }
}

#[inline(always)]
fn sum(a: f32, b: f32) -> f32 {
    a + b
}

/// Quantizes each row of `source`, times `smooth` per column, to `code = round(value / scale) + zero` in 0..=255, with a
/// scale and zero of the row's own. `codes` is row-major `[rows, inputs]`.
#[inline(always)]
pub(super) unsafe fn quantize<V: Vector>(
    source: Blocks<'_>,
    smooth: &[f32],
    codes: &mut [u8],
    scales: &mut [f32],
    zeros: &mut [i32],
) {
    for (row, codes) in codes.chunks_exact_mut(smooth.len()).enumerate() {
        // SAFETY: the caller's promise; so in every block of this file.
        unsafe {
            let (mut low, mut high) = (V::splat(0.0), V::splat(0.0));
            for (block, smooth) in smooth.chunks(source.columns).enumerate() {
                let values = source.row(block, row);
                for at in (0..smooth.len()).step_by(LANES) {
                    let value = V::load(&values[at..]).mul(V::load(&smooth[at..]));
                    low = low.min(value);
                    high = high.max(value);
                }
            }
            let (low, high) = (low.fold(smaller), high.fold(larger));
            let scale = larger((high - low) / 255.0, f32::MIN_POSITIVE);
            let inverse = 1.0 / scale;
            let zero = (-low * inverse).round_ties_even();
            let blocks = smooth
                .chunks(source.columns)
                .zip(codes.chunks_mut(source.columns));
            for (block, (smooth, codes)) in blocks.enumerate() {
                let values = source.row(block, row);
                for at in (0..smooth.len()).step_by(LANES) {
                    let value = V::load(&values[at..]).mul(V::load(&smooth[at..]));
                    let code = value.fused(V::splat(inverse), V::splat(zero)).round();
                    code.max(V::splat(0.0))
                        .min(V::splat(255.0))
                        .store_bytes(&mut codes[at..]);
                }
            }
            scales[row] = scale;
            zeros[row] = zero as i32;
        }
    }
}

/// Layer normalization of `states` + `change`, row by row, in place. Width = length of `gamma` and `beta`.
#[inline(always)]
pub(super) unsafe fn add_norm<V: Vector>(
    states: &mut [f32],
    change: Blocks<'_>,
    gamma: &[f32],
    beta: &[f32],
    epsilon: f32,
) {
    for (row, states) in states.chunks_exact_mut(gamma.len()).enumerate() {
        // SAFETY: as above.
        unsafe {
            let mut total = V::splat(0.0);
            for (block, states) in states.chunks_mut(change.columns).enumerate() {
                let changes = change.row(block, row);
                for at in (0..states.len()).step_by(LANES) {
                    let state = V::load(&states[at..]).add(V::load(&changes[at..]));
                    state.store(&mut states[at..]);
                    total = total.add(state);
                }
            }
            norm(states, total, gamma, beta, epsilon);
        }
    }
}

/// Layer normalization of one row whose lanes sum to `total`.
#[inline(always)]
unsafe fn norm<V: Vector>(states: &mut [f32], total: V, gamma: &[f32], beta: &[f32], epsilon: f32) {
    let width = gamma.len() as f32;
    // SAFETY: as above.
    unsafe {
        let mean = V::splat(total.fold(sum) / width);
        let mut squares = V::splat(0.0);
        for at in (0..states.len()).step_by(LANES) {
            let centered = V::load(&states[at..]).sub(mean);
            squares = centered.fused(centered, squares);
        }
        let inverse = V::splat(1.0 / (squares.fold(sum) / width + epsilon).sqrt());
        for at in (0..states.len()).step_by(LANES) {
            let scaled = V::load(&states[at..]).sub(mean).mul(inverse);
            scaled
                .fused(V::load(&gamma[at..]), V::load(&beta[at..]))
                .store(&mut states[at..]);
        }
    }
}

/// One token's word, position and type rows, summed and normalized.
#[inline(always)]
pub(super) unsafe fn embed<V: Vector>(
    [word, position, kind]: [&[f32]; 3],
    gamma: &[f32],
    beta: &[f32],
    epsilon: f32,
    state: &mut [f32],
) {
    // SAFETY: as above.
    unsafe {
        let mut total = V::splat(0.0);
        for at in (0..gamma.len()).step_by(LANES) {
            let value = V::load(&word[at..])
                .add(V::load(&kind[at..]))
                .add(V::load(&position[at..]));
            value.store(&mut state[at..]);
            total = total.add(value);
        }
        norm(state, total, gamma, beta, epsilon);
    }
}

/// The activation between the two products of a feed-forward layer, in place.
#[inline(always)]
pub(super) unsafe fn activate<V: Vector>(values: &mut [f32], activation: Activation) {
    for values in values.chunks_exact_mut(LANES) {
        // SAFETY: as above.
        unsafe {
            let value = V::load(values);
            let value = match activation {
                Activation::Gelu => gelu(value),
                Activation::GeluTanh => gelu_tanh(value),
                Activation::Relu => value.max(V::splat(0.0)),
            };
            value.store(values);
        }
    }
}

/// x/2 · (1 + erf(x/√2)). erf(x/√2)/x is a polynomial in x², fitted for the smallest error of the whole on |x| ≤ 4.6:
/// 3·10⁻⁵ at most, a thousandth of what quantizing the result to 8 bits loses.
#[inline(always)]
unsafe fn gelu<V: Vector>(x: V) -> V {
    const LIMIT: f32 = 4.6;
    const ERF: [f32; 10] = [
        -2.362_841e-12,
        2.972_106_4e-10,
        -1.666_199_4e-8,
        5.530_219_5e-7,
        -1.220_877_3e-5,
        1.914_429_6e-4,
        -2.224_112_2e-3,
        1.960_750_7e-2,
        -1.325_95e-1,
        7.977_314_6e-1,
    ];
    // SAFETY: as above.
    unsafe {
        let cut = x.max(V::splat(-LIMIT)).min(V::splat(LIMIT));
        let square = cut.mul(cut);
        let mut series = V::splat(ERF[0]);
        for term in &ERF[1..] {
            series = series.fused(square, V::splat(*term));
        }
        let erf = series.mul(cut).max(V::splat(-1.0)).min(V::splat(1.0));
        let half = x.mul(V::splat(0.5));
        half.fused(erf, half)
    }
}

/// x/2 · (1 + tanh(√(2/π)·(x + 0.044715·x³))) = x / (1 + e^(−2·…)).
#[inline(always)]
unsafe fn gelu_tanh<V: Vector>(x: V) -> V {
    // SAFETY: as above.
    unsafe {
        let one = V::splat(1.0);
        let inner = x.mul(x).fused(V::splat(0.044_715), one).mul(x);
        let power = inner.mul(V::splat(-1.595_769)).min(V::splat(80.0));
        x.div(exp(power).add(one))
    }
}

/// eˣ for x ≤ 88, within 2·10⁻⁷ of it; e⁻⁸⁷ below −87. 2ⁿ comes from the exponent's bits, 2^fraction from a polynomial
/// fitted for the smallest relative error on −½ to ½.
#[inline(always)]
unsafe fn exp<V: Vector>(x: V) -> V {
    const SERIES: [f32; 6] = [
        1.535_336_2e-4,
        1.339_887_5e-3,
        9.618_437e-3,
        5.550_332_4e-2,
        2.402_264_8e-1,
        std::f32::consts::LN_2,
    ];
    // SAFETY: as above. The whole part is within −126..=127, and NaN becomes −87.
    unsafe {
        let power = x.max(V::splat(-87.0)).mul(V::splat(std::f32::consts::LOG2_E));
        let whole = power.round();
        let fraction = power.sub(whole);
        let mut series = V::splat(SERIES[0]);
        for term in &SERIES[1..] {
            series = series.fused(fraction, V::splat(*term));
        }
        series.fused(fraction, V::splat(1.0)).mul(whole.power_of_two())
    }
}

/// Queries, keys and values of one head, side by side in panels.
#[derive(Clone, Copy)]
struct Head<'a> {
    values: &'a [f32],
    rows: usize,
    width: usize,
}

impl Head<'_> {
    /// 16 values of a row: column 0 begins the queries, `width` the keys, 2 · `width` the values.
    #[inline(always)]
    fn part(&self, row: usize, column: usize) -> &[f32] {
        &self.values[((column / PANEL) * self.rows + row) * PANEL + column % PANEL..][..LANES]
    }
}

/// Self-attention of one head: softmax(q · kᵀ / √width) · v within each span of tokens.
///
/// `projected` holds q, k and v side by side (3 · `width` columns in panels), `out` is row-major `[rows, width]`, `space`
/// is working memory: `width` + [`TILE`] times the longest span's tokens, rounded up to 16.
#[inline(always)]
pub(super) unsafe fn attend<V: Vector>(
    projected: &[f32],
    width: usize,
    spans: &[Range<usize>],
    space: &mut [f32],
    out: &mut [f32],
) {
    let rows = out.len() / width;
    let head = Head {
        values: projected,
        rows,
        width,
    };
    for span in spans {
        let padded = span.len().next_multiple_of(LANES);
        let (keys, scores) = space.split_at_mut(width * padded);
        transpose_keys(head, span.clone(), keys, padded);
        for (first, rows) in tiles(span.len(), TILE) {
            let row = span.start + first;
            // SAFETY: as above.
            unsafe {
                match rows {
                    1 => attend_rows::<V, 1>(head, span, row, keys, scores, out),
                    2 => attend_rows::<V, 2>(head, span, row, keys, scores, out),
                    3 => attend_rows::<V, 3>(head, span, row, keys, scores, out),
                    4 => attend_rows::<V, 4>(head, span, row, keys, scores, out),
                    5 => attend_rows::<V, 5>(head, span, row, keys, scores, out),
                    6 => attend_rows::<V, 6>(head, span, row, keys, scores, out),
                    7 => attend_rows::<V, 7>(head, span, row, keys, scores, out),
                    _ => attend_rows::<V, 8>(head, span, row, keys, scores, out),
                }
            }
        }
    }
}

/// Keys of a span as `[width, padded]`, zeros after the last token.
#[inline(always)]
fn transpose_keys(head: Head<'_>, span: Range<usize>, keys: &mut [f32], padded: usize) {
    for axis in (0..head.width).step_by(LANES) {
        for (token, row) in span.clone().enumerate() {
            for (l, value) in head.part(row, head.width + axis).iter().enumerate() {
                keys[(axis + l) * padded + token] = *value;
            }
        }
    }
    for row in keys[..head.width * padded].chunks_exact_mut(padded) {
        row[span.len()..].fill(0.0);
    }
}

/// Attention of `R` rows, from `row` on, to their span.
#[inline(always)]
unsafe fn attend_rows<V: Vector, const R: usize>(
    head: Head<'_>,
    span: &Range<usize>,
    row: usize,
    keys: &[f32],
    scores: &mut [f32],
    out: &mut [f32],
) {
    let padded = span.len().next_multiple_of(LANES);
    let pairs = padded / (2 * LANES) * 2 * LANES;
    let scale = 1.0 / (head.width as f32).sqrt();
    let mut inverse = [0.0; R];
    // SAFETY: as above.
    unsafe {
        for at in (0..pairs).step_by(2 * LANES) {
            score::<V, R, 2>(head, row, &keys[at..], padded, &mut scores[at..]);
        }
        if pairs < padded {
            score::<V, R, 1>(head, row, &keys[pairs..], padded, &mut scores[pairs..]);
        }
        for (r, inverse) in inverse.iter_mut().enumerate() {
            *inverse = soften::<V>(&mut scores[r * padded..][..padded], span.len(), scale);
        }
        let pairs = head.width / (2 * LANES) * 2 * LANES;
        for axis in (0..pairs).step_by(2 * LANES) {
            mix::<V, R, 2>(head, span, (row, axis), scores, &inverse, out);
        }
        if pairs < head.width {
            mix::<V, R, 1>(head, span, (row, pairs), scores, &inverse, out);
        }
    }
}

/// Products of the queries of `R` rows with 16 · `C` keys.
#[inline(always)]
unsafe fn score<V: Vector, const R: usize, const C: usize>(
    head: Head<'_>,
    row: usize,
    keys: &[f32],
    padded: usize,
    scores: &mut [f32],
) {
    // SAFETY: as above.
    unsafe {
        let mut sums = [[V::splat(0.0); C]; R];
        for axis in (0..head.width).step_by(LANES) {
            let queries: [&[f32]; R] = std::array::from_fn(|r| head.part(row + r, axis));
            for l in 0..LANES {
                let keys = &keys[(axis + l) * padded..][..C * LANES];
                let keys: [V; C] = std::array::from_fn(|c| V::load(&keys[c * LANES..]));
                for r in 0..R {
                    let query = V::splat(queries[r][l]);
                    for c in 0..C {
                        sums[r][c] = query.fused(keys[c], sums[r][c]);
                    }
                }
            }
        }
        for (r, sums) in sums.iter().enumerate() {
            for (c, sum) in sums.iter().enumerate() {
                sum.store(&mut scores[r * padded + c * LANES..]);
            }
        }
    }
}

/// e^(scale · (score − highest)) of the first `count` scores; returns 1 / their sum.
#[inline(always)]
unsafe fn soften<V: Vector>(scores: &mut [f32], count: usize, scale: f32) -> f32 {
    scores[count..].fill(f32::MIN);
    // SAFETY: as above.
    unsafe {
        let mut highest = V::splat(f32::MIN);
        for scores in scores.chunks_exact(LANES) {
            highest = highest.max(V::load(scores));
        }
        let highest = V::splat(highest.fold(larger));
        let mut total = V::splat(0.0);
        for scores in scores.chunks_exact_mut(LANES) {
            let share = exp(V::load(scores).sub(highest).mul(V::splat(scale)));
            share.store(scores);
            total = total.add(share);
        }
        1.0 / total.fold(sum)
    }
}

/// The span's values by the `R` rows' shares: 16 · `C` columns from `axis` on.
#[inline(always)]
unsafe fn mix<V: Vector, const R: usize, const C: usize>(
    head: Head<'_>,
    span: &Range<usize>,
    (row, axis): (usize, usize),
    scores: &[f32],
    inverse: &[f32; R],
    out: &mut [f32],
) {
    let padded = span.len().next_multiple_of(LANES);
    // SAFETY: as above.
    unsafe {
        let mut sums = [[V::splat(0.0); C]; R];
        for (token, source) in span.clone().enumerate() {
            let column = 2 * head.width + axis;
            let values: [V; C] = std::array::from_fn(|c| V::load(head.part(source, column + c * LANES)));
            for r in 0..R {
                let share = V::splat(scores[r * padded + token]);
                for c in 0..C {
                    sums[r][c] = share.fused(values[c], sums[r][c]);
                }
            }
        }
        for r in 0..R {
            for c in 0..C {
                let out = &mut out[(row + r) * head.width + axis + c * LANES..];
                sums[r][c].mul(V::splat(inverse[r])).store(out);
            }
        }
    }
}

/// Cuts `rows` into tiles of at most `most` rows that differ by one row at most: `(first row, rows)`.
#[inline(always)]
pub(super) fn tiles(rows: usize, most: usize) -> impl Iterator<Item = (usize, usize)> {
    let count = rows.div_ceil(most).max(1);
    let (least, larger) = (rows / count, rows % count);
    (0..count).map(move |tile| {
        (
            tile * least + tile.min(larger),
            least + usize::from(tile < larger),
        )
    })
}

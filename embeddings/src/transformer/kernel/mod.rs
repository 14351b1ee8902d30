//! The arithmetic of the transformer: 8-bit matrix products in instructions of each processor, everything else as plain
//! Rust compiled for each.
//!
//! The instruction set is chosen once ([`Level::detect`]; `ALIKE_CPU_LEVEL` forces one). Integer sums are exact and
//! `f32` sums have one order everywhere, so that every instruction set gives the same bits: a text's vector depends
//! neither on the processor nor on who shares its batch.
//!
//! Matrix products: a row of inputs is quantized to unsigned bytes with a scale and a zero of its own, a column of
//! weights to signed bytes with a scale of its own. Weights lie in panels of [`PANEL`] columns: `[inputs / 4][48][4]`.
#![allow(
    unsafe_code,
    reason = "vector instructions and calls of functions that need them; every block says why it is sound"
)]

mod level;
mod passes;
mod product;
mod team;
#[cfg(test)]
mod tests;
mod vector;

use std::ops::Range;

pub use level::Level;
pub(crate) use passes::MOST_HEAD_WIDTH;
pub(crate) use team::Team;
pub(crate) use vector::LANES;

/// Columns of a panel.
pub(crate) const PANEL: usize = 48;

/// The function between the two products of a feed-forward layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activation {
    /// x/2 · (1 + erf(x/√2)).
    Gelu,
    /// The same by way of tanh.
    GeluTanh,
    /// max(x, 0).
    Relu,
}

/// A matrix in blocks of columns: block b begins `rows · columns` values after the one before and is row-major.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Blocks<'a> {
    /// All blocks, one after the other.
    pub values: &'a [f32],
    /// Rows of every block.
    pub rows: usize,
    /// Columns of a block, a multiple of 16.
    pub columns: usize,
}

impl<'a> Blocks<'a> {
    /// The rows from `first` on.
    pub fn after(self, first: usize) -> Self {
        Self {
            values: &self.values[first * self.columns..],
            ..self
        }
    }

    /// One row of one block.
    #[inline(always)]
    fn row(&self, block: usize, row: usize) -> &'a [f32] {
        &self.values[(block * self.rows + row) * self.columns..][..self.columns]
    }
}

/// Rows quantized for a product: value = (code − zero) · scale.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Codes<'a> {
    /// Row-major, as many bytes per row as the matrix has inputs.
    pub codes: &'a [u8],
    /// Per row.
    pub scales: &'a [f32],
    /// Per row, 0..=255.
    pub zeros: &'a [i32],
}

/// 48 columns of a quantized matrix.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Panel<'a> {
    /// `[inputs / 4][48][4]` signed bytes.
    pub weights: &'a [u8],
    /// Per column: what one step of its bytes is worth.
    pub scales: &'a [f32],
    /// Per column: the sum of its bytes, a whole number.
    pub sums: &'a [f32],
    /// Per column.
    pub bias: &'a [f32],
}

impl Panel<'_> {
    /// Rows of the matrix; a multiple of 4.
    fn inputs(&self) -> usize {
        self.weights.len() / PANEL
    }
}

/// What all products check before they touch memory.
fn check(codes: &Codes<'_>, panel: &Panel<'_>, out: &[f32]) {
    let rows = out.len() / PANEL;
    assert_eq!(out.len(), rows * PANEL);
    assert_eq!(panel.weights.len() % (4 * PANEL), 0);
    assert_eq!(codes.codes.len(), rows * panel.inputs());
    assert!(codes.scales.len() >= rows && codes.zeros.len() >= rows);
    assert!(
        [panel.scales, panel.sums, panel.bias]
            .iter()
            .all(|values| values.len() == PANEL)
    );
}

type Quantize = unsafe fn(Blocks<'_>, &[f32], &mut [u8], &mut [f32], &mut [i32]);
type AddNorm = unsafe fn(&mut [f32], Blocks<'_>, &[f32], &[f32], f32);
type Embed = unsafe fn([&[f32]; 3], &[f32], &[f32], f32, &mut [f32]);
type Activate = unsafe fn(&mut [f32], Activation);
type Attend = unsafe fn(&[f32], usize, &[Range<usize>], &mut [f32], &mut [f32]);
type Product = unsafe fn(Codes<'_>, Panel<'_>, &mut [f32]);

/// The functions of one instruction set that this processor has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Kernels {
    level: Level,
    quantize: Quantize,
    add_norm: AddNorm,
    embed: Embed,
    activate: Activate,
    attend: Attend,
    product: Product,
}

/// The passes of `passes`, compiled for one instruction set.
macro_rules! compiled {
    ($name:ident, $vector:ty $(, $features:literal)?) => {
        mod $name {
            use super::{Activation, Blocks, Kernels, Level, Product, passes};
            use std::ops::Range;

            type V = $vector;

            $(#[target_feature(enable = $features)])?
            fn quantize(source: Blocks<'_>, smooth: &[f32], codes: &mut [u8], scales: &mut [f32], zeros: &mut [i32]) {
                // SAFETY: this function is compiled for the vector's instruction set; so are those below.
                unsafe { passes::quantize::<V>(source, smooth, codes, scales, zeros) }
            }

            $(#[target_feature(enable = $features)])?
            fn add_norm(states: &mut [f32], change: Blocks<'_>, gamma: &[f32], beta: &[f32], epsilon: f32) {
                // SAFETY: as above.
                unsafe { passes::add_norm::<V>(states, change, gamma, beta, epsilon) }
            }

            $(#[target_feature(enable = $features)])?
            fn embed(parts: [&[f32]; 3], gamma: &[f32], beta: &[f32], epsilon: f32, state: &mut [f32]) {
                // SAFETY: as above.
                unsafe { passes::embed::<V>(parts, gamma, beta, epsilon, state) }
            }

            $(#[target_feature(enable = $features)])?
            fn activate(values: &mut [f32], activation: Activation) {
                // SAFETY: as above.
                unsafe { passes::activate::<V>(values, activation) }
            }

            $(#[target_feature(enable = $features)])?
            fn attend(projected: &[f32], width: usize, spans: &[Range<usize>], space: &mut [f32], out: &mut [f32]) {
                // SAFETY: as above.
                unsafe { passes::attend::<V>(projected, width, spans, space, out) }
            }

            pub(super) fn kernels(level: Level, product: Product) -> Kernels {
                Kernels { level, quantize, add_norm, embed, activate, attend, product }
            }
        }
    };
}

compiled!(plain, [f32; super::LANES]);
#[cfg(target_arch = "x86_64")]
compiled!(avx2, super::vector::x86::Pair, "avx2,fma");
#[cfg(target_arch = "x86_64")]
compiled!(
    avx512,
    std::arch::x86_64::__m512,
    "avx2,fma,avx512f,avx512bw,avx512vl"
);

impl Kernels {
    /// The functions of `level`, or of plain Rust where this processor lacks it.
    pub fn of(level: Level) -> Self {
        match level {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512Vnni if level.is_available() => avx512::kernels(level, product::avx512vnni::product),
            #[cfg(target_arch = "x86_64")]
            Level::AvxVnni if level.is_available() => avx2::kernels(level, product::avxvnni::product),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 if level.is_available() => avx2::kernels(level, product::avx2::product),
            #[cfg(target_arch = "aarch64")]
            Level::Neon if level.is_available() => plain::kernels(level, product::neon::product),
            _ => plain::kernels(Level::Scalar, product::scalar::product),
        }
    }

    /// Which instruction set these are for.
    pub fn level(&self) -> Level {
        self.level
    }

    /// Quantizes each row of `source`, times `smooth` per column, to unsigned bytes (row-major, `smooth.len()` per row)
    /// with a scale and a zero of the row's own.
    pub fn quantize(
        &self,
        source: Blocks<'_>,
        smooth: &[f32],
        codes: &mut [u8],
        scales: &mut [f32],
        zeros: &mut [i32],
    ) {
        // SAFETY: `of` hands these functions out only where the processor has their instruction set; so below.
        unsafe { (self.quantize)(source, smooth, codes, scales, zeros) }
    }

    /// Layer normalization of `states` + `change`, row by row (rows of `gamma.len()` values), in place.
    pub fn add_norm(
        &self,
        states: &mut [f32],
        change: Blocks<'_>,
        gamma: &[f32],
        beta: &[f32],
        epsilon: f32,
    ) {
        // SAFETY: as in `quantize`.
        unsafe { (self.add_norm)(states, change, gamma, beta, epsilon) }
    }

    /// A token's word, position and type rows, summed and normalized.
    pub fn embed(&self, parts: [&[f32]; 3], gamma: &[f32], beta: &[f32], epsilon: f32, state: &mut [f32]) {
        // SAFETY: as in `quantize`.
        unsafe { (self.embed)(parts, gamma, beta, epsilon, state) }
    }

    /// The activation, in place.
    pub fn activate(&self, values: &mut [f32], activation: Activation) {
        // SAFETY: as in `quantize`.
        unsafe { (self.activate)(values, activation) }
    }

    /// Self-attention of one head within each span of tokens: `projected` holds q, k and v side by side (`width` columns
    /// each, in panels), `out` is row-major `[tokens, width]`, `space` holds [`attend_space`] values.
    pub fn attend(
        &self,
        projected: &[f32],
        width: usize,
        spans: &[Range<usize>],
        space: &mut [f32],
        out: &mut [f32],
    ) {
        // SAFETY: as in `quantize`.
        unsafe { (self.attend)(projected, width, spans, space, out) }
    }

    /// 48 columns of rows · matrix + bias; `out` is row-major `[rows, 48]`.
    pub fn product(&self, codes: Codes<'_>, panel: Panel<'_>, out: &mut [f32]) {
        check(&codes, &panel, out);
        // SAFETY: as in `quantize`; and the lengths were checked just above.
        unsafe { (self.product)(codes, panel, out) }
    }
}

/// Working memory of [`Kernels::attend`], in values, for spans of up to `longest` tokens.
pub(crate) fn attend_space(width: usize, longest: usize) -> usize {
    (width + passes::TILE) * longest.next_multiple_of(LANES)
}

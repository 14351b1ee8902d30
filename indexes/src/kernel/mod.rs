//! Distances between vectors: scalar code as the oracle; AVX2 with FMA, AVX-512, AVX-512 with VNNI, and NEON beside it.
//!
//! The instruction set is chosen once per process ([`Kernels::detect`]); the environment variable
//! `ALIKE_CPU_LEVEL=scalar|avx2|avx512|avx512vnni|neon` forces one that the processor has. Every file holds the same
//! functions of two slices, each with a `_rows` form that scores one query against many rows while the rows after that
//! are already on their way from memory:
//!
//! | function | query | row | result |
//! |---|---|---|---|
//! | `dot`, `squared_l2` | `f32` | `f32` | Σ a·b, Σ (a − b)², within rounding of 64-bit arithmetic |
//! | `dot_u8` | `i8`, one per dimension | one byte per dimension | Σ query·code, exact |
//! | `dot_u4` | `i8`, one per dimension, a multiple of 64 | half a byte per dimension | Σ query·code, exact |
//!
//! 4-bit rows hold 128 dimensions in 64 bytes: byte i has dimension i of the block in its low nibble and dimension
//! 64 + i in its high one. Where the dimension is an odd multiple of 64, the last 64 take 32 bytes: byte i has
//! dimension i (low) and 32 + i (high).
//!
//! Sums of codes are integers that wrap at 2³². Up to 65,536 dimensions they never do (255 · 128 · 65,536 < 2³¹), nor
//! do they reach `i32::MIN`, the score of a row that does not exist. All levels give the same.
#![allow(
    unsafe_code,
    reason = "vector instructions and prefetches; every block says why it is sound"
)]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "x86_64")]
mod avx512vnni;
#[cfg(test)]
mod code_tests;
mod level;
#[cfg(target_arch = "aarch64")]
mod neon;
mod rows;
mod scalar;
#[cfg(test)]
mod tests;
mod transform;

use std::sync::OnceLock;

pub use level::Level;
pub use rows::{CodeRows, Rows};

use crate::error::IndexError;

type Pair = unsafe fn(&[f32], &[f32]) -> f32;
type Batch = unsafe fn(&[f32], &Rows<'_>, &[u32], &mut [f32]);
type CodePair = unsafe fn(&[i8], &[u8]) -> i32;
type CodeBatch = unsafe fn(&[i8], &CodeRows<'_>, &[u32], &mut [i32]);

/// The distance functions of one instruction set that this processor has.
#[derive(Debug, Clone, Copy)]
pub struct Kernels {
    level: Level,
    dot: Pair,
    squared_l2: Pair,
    dot_rows: Batch,
    squared_l2_rows: Batch,
    dot_u8: CodePair,
    dot_u4: CodePair,
    dot_u8_rows: CodeBatch,
    dot_u4_rows: CodeBatch,
    hadamard: unsafe fn(&mut [f32]),
}

impl Kernels {
    /// The fastest set this processor has, or the one that `ALIKE_CPU_LEVEL` names. Decided once per process.
    ///
    /// # Errors
    /// [`IndexError::Setting`] when the variable names no level, or one that this processor lacks.
    pub fn detect() -> Result<&'static Self, IndexError> {
        static CHOSEN: OnceLock<Result<Kernels, String>> = OnceLock::new();
        let forced = || std::env::var_os("ALIKE_CPU_LEVEL").map(|value| value.to_string_lossy().into_owned());
        let choose = || {
            let forced = forced();
            level::choose(forced.as_deref())
                .map(Self::table)
                .ok_or_else(|| forced.unwrap_or_default())
        };
        CHOSEN
            .get_or_init(choose)
            .as_ref()
            .map_err(|found| IndexError::Setting {
                name: "ALIKE_CPU_LEVEL",
                found: found.clone(),
                expected: format!("one of {}", level::available_names()),
            })
    }

    /// The set for one level; `None` where the processor lacks it.
    #[must_use]
    pub fn at(level: Level) -> Option<Self> {
        level.is_available().then(|| Self::table(level))
    }

    /// Only for levels that are available: the functions are called without another check.
    fn table(level: Level) -> Self {
        macro_rules! table {
            ($module:ident) => {
                Self {
                    level,
                    dot: $module::dot,
                    squared_l2: $module::squared_l2,
                    dot_rows: $module::dot_rows,
                    squared_l2_rows: $module::squared_l2_rows,
                    dot_u8: $module::dot_u8,
                    dot_u4: $module::dot_u4,
                    dot_u8_rows: $module::dot_u8_rows,
                    dot_u4_rows: $module::dot_u4_rows,
                    hadamard: $module::hadamard,
                }
            };
        }
        match level {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512Vnni => table!(avx512vnni),
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => table!(avx512),
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => table!(avx2),
            #[cfg(target_arch = "aarch64")]
            Level::Neon => table!(neon),
            _ => table!(scalar),
        }
    }

    /// The instruction set in use.
    #[must_use]
    pub fn level(&self) -> Level {
        self.level
    }

    /// Dot product over the shorter length.
    #[inline]
    #[must_use]
    pub fn dot(&self, a: &[f32], b: &[f32]) -> f32 {
        // SAFETY: `table` is only reached for levels whose instructions this processor has.
        unsafe { (self.dot)(a, b) }
    }

    /// Squared Euclidean distance over the shorter length.
    #[inline]
    #[must_use]
    pub fn squared_l2(&self, a: &[f32], b: &[f32]) -> f32 {
        // SAFETY: `table` is only reached for levels whose instructions this processor has.
        unsafe { (self.squared_l2)(a, b) }
    }

    /// Minus the dot product of `query` and each row in `ids`, into `out` (as many as the shorter of the two). A row
    /// that does not exist is infinitely far.
    #[inline]
    pub fn negative_dot_rows(&self, query: &[f32], rows: &Rows<'_>, ids: &[u32], out: &mut [f32]) {
        // SAFETY: `table` is only reached for levels whose instructions this processor has.
        unsafe { (self.dot_rows)(query, rows, ids, out) }
    }

    /// Squared Euclidean distance of `query` and each row in `ids`, into `out` (as many as the shorter of the two). A
    /// row that does not exist is infinitely far.
    #[inline]
    pub fn squared_l2_rows(&self, query: &[f32], rows: &Rows<'_>, ids: &[u32], out: &mut [f32]) {
        // SAFETY: `table` is only reached for levels whose instructions this processor has.
        unsafe { (self.squared_l2_rows)(query, rows, ids, out) }
    }

    /// Dot product of a query and 8-bit codes (byte j is the code of dimension j), over the shorter length. Multiples
    /// of 64 take the fast path.
    #[inline]
    #[must_use]
    pub fn dot_u8(&self, query: &[i8], codes: &[u8]) -> i32 {
        // SAFETY: `table` is only reached for levels whose instructions this processor has.
        unsafe { (self.dot_u8)(query, codes) }
    }

    /// Dot product of a query of D values and 4-bit codes of D/2 bytes, laid out as the [module](self) says; D is a
    /// multiple of 64. Other lengths are cut: to the whole groups of 64 values and 32 bytes that both slices have, read
    /// as a row of that many dimensions. (So a code slice may be followed by anything, but must not be shorter.)
    #[inline]
    #[must_use]
    pub fn dot_u4(&self, query: &[i8], codes: &[u8]) -> i32 {
        // SAFETY: `table` is only reached for levels whose instructions this processor has.
        unsafe { (self.dot_u4)(query, codes) }
    }

    /// [`Self::dot_u8`] of `query` and each row in `ids`, into `out` (as many as the shorter of the two). A row that does
    /// not exist gets `i32::MIN`.
    #[inline]
    pub fn dot_u8_rows(&self, query: &[i8], rows: &CodeRows<'_>, ids: &[u32], out: &mut [i32]) {
        // SAFETY: `table` is only reached for levels whose instructions this processor has.
        unsafe { (self.dot_u8_rows)(query, rows, ids, out) }
    }

    /// [`Self::dot_u4`] of `query` and each row in `ids`, into `out` (as many as the shorter of the two). A row that does
    /// not exist gets `i32::MIN`.
    #[inline]
    pub fn dot_u4_rows(&self, query: &[i8], rows: &CodeRows<'_>, ids: &[u32], out: &mut [i32]) {
        // SAFETY: `table` is only reached for levels whose instructions this processor has.
        unsafe { (self.dot_u4_rows)(query, rows, ids, out) }
    }

    /// The Walsh–Hadamard transform of a power of two of values, in place and unscaled. All levels give the same bits.
    #[inline]
    pub fn hadamard(&self, values: &mut [f32]) {
        // SAFETY: `table` is only reached for levels whose instructions this processor has.
        unsafe { (self.hadamard)(values) }
    }
}

/// Cuts both slices to the shorter length.
#[inline(always)]
fn same_length<'a, A, B>(a: &'a [A], b: &'a [B]) -> (&'a [A], &'a [B]) {
    let len = a.len().min(b.len());
    (&a[..len], &b[..len])
}

/// Cuts a query and 4-bit codes to the groups of 64 dimensions that both have.
#[inline(always)]
fn whole_groups<'a>(query: &'a [i8], codes: &'a [u8]) -> (&'a [i8], &'a [u8]) {
    let (query, codes) = same_length(query.as_chunks::<64>().0, codes.as_chunks::<32>().0);
    (query.as_flattened(), codes.as_flattened())
}

/// Asks for all cache lines that `values` touches; a hint that never faults.
#[inline(always)]
pub(crate) fn prefetch<T>(values: &[T]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let start: *const i8 = values.as_ptr().cast();
        if start.addr().is_multiple_of(LINE) {
            for offset in (0..size_of_val(values)).step_by(LINE) {
                // SAFETY: SSE is part of the x86-64 baseline, and a prefetch never faults, whatever the address.
                unsafe { _mm_prefetch::<_MM_HINT_T0>(start.wrapping_add(offset)) };
            }
            return;
        }
        let before = start.addr() % LINE;
        for offset in (0..before + size_of_val(values)).step_by(LINE) {
            let line = start.wrapping_sub(before).wrapping_add(offset);
            // SAFETY: SSE is part of the x86-64 baseline, and a prefetch never faults, whatever the address.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(line) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = values;
}

/// Bytes of a cache line.
#[cfg(target_arch = "x86_64")]
const LINE: usize = 64;

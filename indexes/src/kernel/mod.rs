//! Distances between vectors: scalar code as the oracle, AVX2+FMA, AVX-512F and NEON beside it.
//!
//! The instruction set is chosen once per process ([`Kernels::detect`]); the environment variable
//! `ALIKE_CPU_LEVEL=scalar|avx2|avx512|neon` forces one that the processor has. Every file holds the same four
//! functions: `dot` and `squared_l2` of two slices (the longer one is cut), and their `_rows` forms, which write the
//! distances of one query to many rows while the rows after that are already on their way from memory.
#![allow(
    unsafe_code,
    reason = "vector instructions and prefetches; every block says why it is sound"
)]

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod level;
#[cfg(target_arch = "aarch64")]
mod neon;
mod rows;
mod scalar;
#[cfg(test)]
mod tests;

use std::sync::OnceLock;

pub use level::Level;
pub use rows::Rows;

use crate::error::IndexError;

type Pair = unsafe fn(&[f32], &[f32]) -> f32;
type Batch = unsafe fn(&[f32], &Rows<'_>, &[u32], &mut [f32]);

/// The distance functions of one instruction set that this processor has.
#[derive(Debug, Clone, Copy)]
pub struct Kernels {
    level: Level,
    dot: Pair,
    squared_l2: Pair,
    dot_rows: Batch,
    squared_l2_rows: Batch,
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
                }
            };
        }
        match level {
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
}

/// Cuts both slices to the shorter length.
#[inline(always)]
fn same_length<'a>(a: &'a [f32], b: &'a [f32]) -> (&'a [f32], &'a [f32]) {
    let len = a.len().min(b.len());
    (&a[..len], &b[..len])
}

/// Asks for the cache lines of `values`; a hint that never faults.
#[inline(always)]
pub(crate) fn prefetch<T>(values: &[T]) {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        let start: *const i8 = values.as_ptr().cast();
        for offset in (0..size_of_val(values)).step_by(64) {
            // SAFETY: SSE is part of the x86-64 baseline, and a prefetch never faults; `offset` stays inside `values`.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(start.add(offset)) };
        }
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = values;
}

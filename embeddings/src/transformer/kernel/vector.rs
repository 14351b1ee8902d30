//! Sixteen `f32` values at once: one register, two registers, or an array.
//!
//! The methods are inlined into functions that are compiled for the instruction set (`compiled!` in `mod.rs`); outside of
//! such a function they must not be called.

/// Values that are worked on together.
pub(crate) const LANES: usize = 16;

/// Sixteen `f32`. Each operation rounds every value once, so that all implementations give the same bits.
///
/// # Safety
/// All methods: the processor has the implementation's instruction set.
pub(super) trait Vector: Copy {
    /// Sixteen times the same value.
    unsafe fn splat(value: f32) -> Self;
    /// The first sixteen of `values`.
    unsafe fn load(values: &[f32]) -> Self;
    /// Into the first sixteen of `values`.
    unsafe fn store(self, values: &mut [f32]);
    /// self + other.
    unsafe fn add(self, other: Self) -> Self;
    /// self − other.
    unsafe fn sub(self, other: Self) -> Self;
    /// self · other.
    unsafe fn mul(self, other: Self) -> Self;
    /// self / other.
    unsafe fn div(self, other: Self) -> Self;
    /// self · factor + summand, rounded once.
    unsafe fn fused(self, factor: Self, summand: Self) -> Self;
    /// The smaller one; `other` where one is NaN.
    unsafe fn min(self, other: Self) -> Self;
    /// The larger one; `other` where one is NaN.
    unsafe fn max(self, other: Self) -> Self;
    /// To the nearest whole number, halves to the even one.
    unsafe fn round(self) -> Self;
    /// 2^self for whole numbers from −126 to 127.
    unsafe fn power_of_two(self) -> Self;
    /// Whole numbers from 0 to 255 into the first sixteen of `bytes`.
    unsafe fn store_bytes(self, bytes: &mut [u8]);

    /// Folds the sixteen values in halves: the same order everywhere.
    #[inline(always)]
    unsafe fn fold(self, f: impl Fn(f32, f32) -> f32) -> f32 {
        let mut values = [0.0; LANES];
        // SAFETY: the caller's promise.
        unsafe { self.store(&mut values) };
        let mut half = LANES / 2;
        while half > 0 {
            for l in 0..half {
                values[l] = f(values[l], values[l + half]);
            }
            half /= 2;
        }
        values[0]
    }
}

impl Vector for [f32; LANES] {
    #[inline(always)]
    unsafe fn splat(value: f32) -> Self {
        [value; LANES]
    }
    #[inline(always)]
    unsafe fn load(values: &[f32]) -> Self {
        std::array::from_fn(|l| values[..LANES][l])
    }
    #[inline(always)]
    unsafe fn store(self, values: &mut [f32]) {
        values[..LANES].copy_from_slice(&self);
    }
    #[inline(always)]
    unsafe fn add(self, other: Self) -> Self {
        std::array::from_fn(|l| self[l] + other[l])
    }
    #[inline(always)]
    unsafe fn sub(self, other: Self) -> Self {
        std::array::from_fn(|l| self[l] - other[l])
    }
    #[inline(always)]
    unsafe fn mul(self, other: Self) -> Self {
        std::array::from_fn(|l| self[l] * other[l])
    }
    #[inline(always)]
    unsafe fn div(self, other: Self) -> Self {
        std::array::from_fn(|l| self[l] / other[l])
    }
    #[inline(always)]
    unsafe fn fused(self, factor: Self, summand: Self) -> Self {
        std::array::from_fn(|l| self[l].mul_add(factor[l], summand[l]))
    }
    #[inline(always)]
    unsafe fn min(self, other: Self) -> Self {
        std::array::from_fn(|l| if self[l] < other[l] { self[l] } else { other[l] })
    }
    #[inline(always)]
    unsafe fn max(self, other: Self) -> Self {
        std::array::from_fn(|l| if self[l] > other[l] { self[l] } else { other[l] })
    }
    #[inline(always)]
    unsafe fn round(self) -> Self {
        self.map(f32::round_ties_even)
    }
    #[inline(always)]
    unsafe fn power_of_two(self) -> Self {
        self.map(|value| f32::from_bits(((value as i32 + 127) << 23) as u32))
    }
    #[inline(always)]
    unsafe fn store_bytes(self, bytes: &mut [u8]) {
        for (byte, value) in bytes[..LANES].iter_mut().zip(self) {
            *byte = value as u8;
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub(super) mod x86 {
    use super::{LANES, Vector};
    use std::arch::x86_64::*;

    impl Vector for __m512 {
        #[inline(always)]
        unsafe fn splat(value: f32) -> Self {
            // SAFETY: the trait's promise; so in every method below.
            unsafe { _mm512_set1_ps(value) }
        }
        #[inline(always)]
        unsafe fn load(values: &[f32]) -> Self {
            // SAFETY: the slice was cut to sixteen values.
            unsafe { _mm512_loadu_ps(values[..LANES].as_ptr()) }
        }
        #[inline(always)]
        unsafe fn store(self, values: &mut [f32]) {
            // SAFETY: the slice was cut to sixteen values.
            unsafe { _mm512_storeu_ps(values[..LANES].as_mut_ptr(), self) }
        }
        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            // SAFETY: as above.
            unsafe { _mm512_add_ps(self, other) }
        }
        #[inline(always)]
        unsafe fn sub(self, other: Self) -> Self {
            // SAFETY: as above.
            unsafe { _mm512_sub_ps(self, other) }
        }
        #[inline(always)]
        unsafe fn mul(self, other: Self) -> Self {
            // SAFETY: as above.
            unsafe { _mm512_mul_ps(self, other) }
        }
        #[inline(always)]
        unsafe fn div(self, other: Self) -> Self {
            // SAFETY: as above.
            unsafe { _mm512_div_ps(self, other) }
        }
        #[inline(always)]
        unsafe fn fused(self, factor: Self, summand: Self) -> Self {
            // SAFETY: as above.
            unsafe { _mm512_fmadd_ps(self, factor, summand) }
        }
        #[inline(always)]
        unsafe fn min(self, other: Self) -> Self {
            // SAFETY: as above.
            unsafe { _mm512_min_ps(self, other) }
        }
        #[inline(always)]
        unsafe fn max(self, other: Self) -> Self {
            // SAFETY: as above.
            unsafe { _mm512_max_ps(self, other) }
        }
        #[inline(always)]
        unsafe fn round(self) -> Self {
            // SAFETY: as above.
            unsafe { _mm512_roundscale_ps::<{ _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC }>(self) }
        }
        #[inline(always)]
        unsafe fn power_of_two(self) -> Self {
            // SAFETY: as above.
            unsafe {
                let exponent = _mm512_add_epi32(_mm512_cvtps_epi32(self), _mm512_set1_epi32(127));
                _mm512_castsi512_ps(_mm512_slli_epi32::<23>(exponent))
            }
        }
        #[inline(always)]
        unsafe fn store_bytes(self, bytes: &mut [u8]) {
            // SAFETY: as above; the slice was cut to sixteen bytes.
            unsafe {
                let packed = _mm512_cvtepi32_epi8(_mm512_cvtps_epi32(self));
                _mm_storeu_si128(bytes[..LANES].as_mut_ptr().cast(), packed);
            }
        }
    }

    /// The lower eight values and the upper eight.
    #[derive(Clone, Copy)]
    pub(in super::super) struct Pair(__m256, __m256);

    impl Vector for Pair {
        #[inline(always)]
        unsafe fn splat(value: f32) -> Self {
            // SAFETY: the trait's promise; so in every method below.
            unsafe { Self(_mm256_set1_ps(value), _mm256_set1_ps(value)) }
        }
        #[inline(always)]
        unsafe fn load(values: &[f32]) -> Self {
            let values = values[..LANES].as_ptr();
            // SAFETY: the slice was cut to sixteen values.
            unsafe { Self(_mm256_loadu_ps(values), _mm256_loadu_ps(values.add(8))) }
        }
        #[inline(always)]
        unsafe fn store(self, values: &mut [f32]) {
            let values = values[..LANES].as_mut_ptr();
            // SAFETY: the slice was cut to sixteen values.
            unsafe {
                _mm256_storeu_ps(values, self.0);
                _mm256_storeu_ps(values.add(8), self.1);
            }
        }
        #[inline(always)]
        unsafe fn add(self, other: Self) -> Self {
            // SAFETY: as above.
            unsafe { Self(_mm256_add_ps(self.0, other.0), _mm256_add_ps(self.1, other.1)) }
        }
        #[inline(always)]
        unsafe fn sub(self, other: Self) -> Self {
            // SAFETY: as above.
            unsafe { Self(_mm256_sub_ps(self.0, other.0), _mm256_sub_ps(self.1, other.1)) }
        }
        #[inline(always)]
        unsafe fn mul(self, other: Self) -> Self {
            // SAFETY: as above.
            unsafe { Self(_mm256_mul_ps(self.0, other.0), _mm256_mul_ps(self.1, other.1)) }
        }
        #[inline(always)]
        unsafe fn div(self, other: Self) -> Self {
            // SAFETY: as above.
            unsafe { Self(_mm256_div_ps(self.0, other.0), _mm256_div_ps(self.1, other.1)) }
        }
        #[inline(always)]
        unsafe fn fused(self, factor: Self, summand: Self) -> Self {
            // SAFETY: as above.
            unsafe {
                Self(
                    _mm256_fmadd_ps(self.0, factor.0, summand.0),
                    _mm256_fmadd_ps(self.1, factor.1, summand.1),
                )
            }
        }
        #[inline(always)]
        unsafe fn min(self, other: Self) -> Self {
            // SAFETY: as above.
            unsafe { Self(_mm256_min_ps(self.0, other.0), _mm256_min_ps(self.1, other.1)) }
        }
        #[inline(always)]
        unsafe fn max(self, other: Self) -> Self {
            // SAFETY: as above.
            unsafe { Self(_mm256_max_ps(self.0, other.0), _mm256_max_ps(self.1, other.1)) }
        }
        #[inline(always)]
        unsafe fn round(self) -> Self {
            const NEAREST: i32 = _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC;
            // SAFETY: as above.
            unsafe {
                Self(
                    _mm256_round_ps::<NEAREST>(self.0),
                    _mm256_round_ps::<NEAREST>(self.1),
                )
            }
        }
        #[inline(always)]
        unsafe fn power_of_two(self) -> Self {
            // SAFETY: as above.
            let power = |value| unsafe {
                let exponent = _mm256_add_epi32(_mm256_cvtps_epi32(value), _mm256_set1_epi32(127));
                _mm256_castsi256_ps(_mm256_slli_epi32::<23>(exponent))
            };
            Self(power(self.0), power(self.1))
        }
        #[inline(always)]
        unsafe fn store_bytes(self, bytes: &mut [u8]) {
            // SAFETY: as above; the slice was cut to sixteen bytes.
            unsafe {
                let words = _mm256_packs_epi32(_mm256_cvtps_epi32(self.0), _mm256_cvtps_epi32(self.1));
                let words = _mm256_permute4x64_epi64::<0b11_01_10_00>(words);
                let packed = _mm_packus_epi16(
                    _mm256_castsi256_si128(words),
                    _mm256_extracti128_si256::<1>(words),
                );
                _mm_storeu_si128(bytes[..LANES].as_mut_ptr().cast(), packed);
            }
        }
    }
}

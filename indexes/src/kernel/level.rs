//! Which instruction set to use.

use std::fmt;

/// An instruction set that there are kernels for, slowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Plain Rust; on every processor.
    Scalar,
    /// 128-bit NEON (aarch64).
    Neon,
    /// 256-bit AVX2 with FMA (`x86_64`).
    Avx2,
    /// 512-bit AVX-512 with byte and word instructions: F, BW and VL (`x86_64`).
    Avx512,
    /// AVX-512 as above with VNNI, which multiplies and sums bytes in one instruction (`x86_64`).
    Avx512Vnni,
}

impl Level {
    /// All levels, slowest first.
    pub const ALL: [Self; 5] = [
        Self::Scalar,
        Self::Neon,
        Self::Avx2,
        Self::Avx512,
        Self::Avx512Vnni,
    ];

    /// The name that `ALIKE_CPU_LEVEL` takes.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Neon => "neon",
            Self::Avx2 => "avx2",
            Self::Avx512 => "avx512",
            Self::Avx512Vnni => "avx512vnni",
        }
    }

    /// Whether this processor has it.
    #[must_use]
    pub fn is_available(self) -> bool {
        match self {
            Self::Scalar => true,
            #[cfg(target_arch = "aarch64")]
            Self::Neon => std::arch::is_aarch64_feature_detected!("neon"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx2 => is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512 => {
                is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512vl")
            }
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni => Self::Avx512.is_available() && is_x86_feature_detected!("avx512vnni"),
            _ => false,
        }
    }

    /// The levels this processor has, slowest first.
    pub fn available() -> impl DoubleEndedIterator<Item = Self> {
        Self::ALL.into_iter().filter(|level| level.is_available())
    }
}

impl fmt::Display for Level {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// The best level, or the forced one; `None` when the forced one is unknown or missing here.
pub(super) fn choose(forced: Option<&str>) -> Option<Level> {
    match forced {
        Some(name) => Level::available().find(|level| level.name() == name),
        None => Level::available().next_back(),
    }
}

/// For error messages.
pub(super) fn available_names() -> String {
    Level::available().map(Level::name).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_available_levels_can_be_forced() {
        for level in Level::ALL {
            assert_eq!(choose(Some(level.name())), level.is_available().then_some(level));
        }
        assert_eq!(choose(Some("mmx")), None);
        assert_eq!(choose(None), Level::available().max());
        assert!(available_names().starts_with("scalar"));
    }
}

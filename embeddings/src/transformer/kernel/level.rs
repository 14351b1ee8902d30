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
    /// AVX2 as above with AVX-VNNI, which multiplies and sums bytes in one instruction (`x86_64`).
    AvxVnni,
    /// AVX-512 (F, BW, VL) with VNNI (`x86_64`).
    Avx512Vnni,
}

impl Level {
    /// All levels, slowest first.
    pub const ALL: [Self; 5] = [
        Self::Scalar,
        Self::Neon,
        Self::Avx2,
        Self::AvxVnni,
        Self::Avx512Vnni,
    ];

    /// The name that `ALIKE_CPU_LEVEL` takes.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Scalar => "scalar",
            Self::Neon => "neon",
            Self::Avx2 => "avx2",
            Self::AvxVnni => "avxvnni",
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
            Self::AvxVnni => Self::Avx2.is_available() && is_x86_feature_detected!("avxvnni"),
            #[cfg(target_arch = "x86_64")]
            Self::Avx512Vnni => {
                Self::Avx2.is_available()
                    && is_x86_feature_detected!("avx512f")
                    && is_x86_feature_detected!("avx512bw")
                    && is_x86_feature_detected!("avx512vl")
                    && is_x86_feature_detected!("avx512vnni")
            }
            _ => false,
        }
    }

    /// The levels this processor has, slowest first.
    pub fn available() -> impl DoubleEndedIterator<Item = Self> {
        Self::ALL.into_iter().filter(|level| level.is_available())
    }

    /// The best level, or the one that `ALIKE_CPU_LEVEL` asks for. The variable is shared with the index library, which
    /// has more names: `avx512` without VNNI is AVX2 here. A name that this processor can't follow is the best level.
    #[must_use]
    pub fn detect() -> Self {
        choose(std::env::var("ALIKE_CPU_LEVEL").ok().as_deref())
    }
}

impl fmt::Display for Level {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

fn choose(forced: Option<&str>) -> Level {
    let forced = forced.map(|name| if name == "avx512" { "avx2" } else { name });
    Level::available()
        .find(|level| Some(level.name()) == forced)
        .or_else(|| Level::available().next_back())
        .unwrap_or(Level::Scalar)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_level_is_taken_unless_another_is_forced() {
        let best = Level::available().max().unwrap();
        assert_eq!(choose(None), best);
        assert_eq!(choose(Some("mmx")), best);
        assert_eq!(choose(Some("scalar")), Level::Scalar);
        for level in Level::available() {
            assert_eq!(choose(Some(level.name())), level);
        }
        assert_eq!(choose(Some("avx512")), choose(Some("avx2")));
    }
}

//! The statistics of reports: tail probabilities, intervals of rates and of their ratio, tests.
//!
//! * the interval of a rate: E. B. Wilson, "Probable inference, the law of succession, and statistical inference",
//!   J. Am. Stat. Assoc. 22 (1927);
//! * the interval of the ratio of two rates: D. Katz, J. Baptista, S. P. Azen, M. C. Pike, "Obtaining confidence intervals
//!   for the risk ratio in cohort studies", Biometrics 34 (1978): the logarithm of the ratio is close to normal;
//! * the test of two rates: the z-test with pooled variance, two-sided;
//! * units against weights: Pearson's chi-square test.

use std::f64::consts::PI;

/// What 97.5 % of a standard normal variable lies below.
const Z_95: f64 = 1.959_963_984_540_054;
/// Sums and fractions end when a step changes nothing any more.
const TINY: f64 = 1e-16;
/// More steps than any argument here takes.
const STEPS: u32 = 100_000;

/// How many of some units did something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Proportion {
    /// Those that did.
    pub hits: u64,
    /// All.
    pub of: u64,
}

impl Proportion {
    /// The share; none of no units.
    pub(super) fn share(self) -> Option<f64> {
        (self.of > 0).then(|| self.hits as f64 / self.of as f64)
    }
}

/// The logarithm of the gamma function at `halves`/2, from Γ(1/2) = √π and Γ(1) = 1 upwards.
fn ln_gamma_of_half(halves: u32) -> f64 {
    let (start, first) = if halves % 2 == 1 {
        (1, PI.ln() / 2.0)
    } else {
        (2, 0.0)
    };
    let below = (start..halves).step_by(2);
    first + below.map(|halves| (f64::from(halves) / 2.0).ln()).sum::<f64>()
}

/// The regularized upper incomplete gamma function Q(a, x) at a = `halves`/2: by its series below a + 1, by its continued
/// fraction (Lentz's method) above.
fn upper_gamma(halves: u32, x: f64) -> f64 {
    if x.is_nan() || x <= 0.0 {
        return 1.0;
    }
    if x.is_infinite() {
        return 0.0;
    }
    let a = f64::from(halves) / 2.0;
    let scale = (a * x.ln() - x - ln_gamma_of_half(halves)).exp();
    if x < a + 1.0 {
        1.0 - scale * series(a, x)
    } else {
        scale * fraction(a, x)
    }
}

fn series(a: f64, x: f64) -> f64 {
    let mut term = 1.0 / a;
    let mut sum = term;
    for step in 1..STEPS {
        term *= x / (a + f64::from(step));
        sum += term;
        if term < sum * TINY {
            break;
        }
    }
    sum
}

fn fraction(a: f64, x: f64) -> f64 {
    let mut b = x + 1.0 - a;
    let mut c = f64::MAX;
    let mut d = 1.0 / b;
    let mut whole = d;
    for step in 1..STEPS {
        let step = f64::from(step);
        let term = -step * (step - a);
        b += 2.0;
        d = 1.0 / (term * d + b);
        c = b + term / c;
        whole *= c * d;
        if (c * d - 1.0).abs() < TINY {
            break;
        }
    }
    whole
}

/// The probability that a chi-square variable with so many degrees of freedom is above `x`.
pub(super) fn chi_square_survival(x: f64, degrees: u32) -> f64 {
    upper_gamma(degrees, x / 2.0)
}

/// The probability that a standard normal variable is farther from 0 than `z`.
pub(super) fn two_sided(z: f64) -> f64 {
    upper_gamma(1, z * z / 2.0)
}

/// The probability that a standard normal variable is below `z`.
#[cfg(test)]
pub(super) fn normal_cdf(z: f64) -> f64 {
    let tail = two_sided(z) / 2.0;
    if z < 0.0 { tail } else { 1.0 - tail }
}

/// Wilson's 95 % interval of a rate; none of no units.
pub(super) fn wilson(rate: Proportion) -> Option<[f64; 2]> {
    let share = rate.share()?;
    let of = rate.of as f64;
    let square = Z_95 * Z_95;
    let middle = share + square / (2.0 * of);
    let reach = Z_95 * (share * (1.0 - share) / of + square / (4.0 * of * of)).sqrt();
    let scale = 1.0 + square / of;
    let bounds = [(middle - reach) / scale, (middle + reach) / scale];
    Some(bounds.map(|bound| bound.clamp(0.0, 1.0)))
}

/// By how much a rate exceeds another one, relative to that, and its 95 % interval after Katz: 0.1 is 10 % more. None
/// where nothing was hit on one side: the logarithm of the ratio has no interval then.
pub(super) fn lift(control: Proportion, other: Proportion) -> Option<(f64, [f64; 2])> {
    if control.hits == 0 || other.hits == 0 {
        return None;
    }
    let ratio = (other.share()? / control.share()?).ln();
    let variance = |rate: Proportion| 1.0 / rate.hits as f64 - 1.0 / rate.of as f64;
    let reach = Z_95 * (variance(control) + variance(other)).max(0.0).sqrt();
    let bounds = [(ratio - reach).exp() - 1.0, (ratio + reach).exp() - 1.0];
    Some((ratio.exp() - 1.0, bounds))
}

/// The two-sided p-value of the two rates being one; none where they cannot be told apart at all (no units, or all or none
/// of them hit).
pub(super) fn same_rate(control: Proportion, other: Proportion) -> Option<f64> {
    let difference = other.share()? - control.share()?;
    let both = Proportion {
        hits: control.hits + other.hits,
        of: control.of + other.of,
    };
    let pooled = both.share()?;
    let variance = pooled * (1.0 - pooled) * (1.0 / control.of as f64 + 1.0 / other.of as f64);
    (variance > 0.0).then(|| two_sided(difference / variance.sqrt()))
}

/// Pearson's statistic of counts against weights, and its p-value. Both without those of weight 0. None while a count is
/// expected to be below 5, where the test does not hold.
pub(super) fn against_weights(counts: &[u64], weights: &[f64]) -> Option<(f64, f64)> {
    let pairs = counts.iter().zip(weights).filter(|(_, weight)| **weight > 0.0);
    let (total, weight) = pairs.clone().fold((0, 0.0), |(total, sum), (count, weight)| {
        (total + count, sum + weight)
    });
    let mut statistic = 0.0;
    let mut cells = 0;
    for (&count, share) in pairs {
        let expected = total as f64 * share / weight;
        if expected < 5.0 {
            return None;
        }
        statistic += (count as f64 - expected).powi(2) / expected;
        cells += 1;
    }
    (cells > 1).then(|| (statistic, chi_square_survival(statistic, cells - 1)))
}

#[cfg(test)]
#[allow(
    clippy::excessive_precision,
    reason = "figures to compare with stand here with all of their digits"
)]
mod tests {
    use super::*;

    fn close(found: f64, expected: f64, relative: f64) {
        assert!(
            (found - expected).abs() <= relative * expected.abs(),
            "{found:e} instead of {expected:e}"
        );
    }

    #[test]
    fn tails_are_exact() {
        // Computed with 30 digits.
        for (x, degrees, expected) in [
            (3.841_458_820_694_124, 1, 0.050_000_000_000_000_057),
            (0.001, 1, 0.974_772_879_369_960_39),
            (1.0, 1, 0.317_310_507_862_914_1),
            (100.0, 1, 1.523_970_604_832_105_2e-23),
            (700.0, 1, 2.990_226_975_124_620_3e-154),
            (2.0, 2, 0.367_879_441_171_442_32),
            (10.0, 2, 0.006_737_946_999_085_467_1),
            (0.5, 3, 0.918_891_411_654_675_86),
            (7.8, 3, 0.050_331_097_859_853_355),
            (50.0, 3, 7.989_179_244_951_471_1e-11),
            (16.918_977_604_620_448, 9, 0.05),
            (3.0, 9, 0.964_294_972_685_089_13),
            (9.0, 9, 0.437_274_188_913_867_06),
            (30.0, 9, 0.000_438_721_770_979_479_49),
            (200.0, 9, 3.312_992_393_909_553_1e-38),
        ] {
            close(chi_square_survival(x, degrees), expected, 1e-12);
        }
        for (z, expected) in [
            (-8.0, 6.220_960_574_271_784_1e-16),
            (-3.0, 0.001_349_898_031_630_094_5),
            (-Z_95, 0.025),
            (-0.1, 0.460_172_162_722_971_02),
            (0.0, 0.5),
            (0.5, 0.691_462_461_274_013_1),
            (1.0, 0.841_344_746_068_542_95),
            (5.0, 0.999_999_713_348_428_12),
        ] {
            close(normal_cdf(z), expected, 1e-12);
        }
        assert_eq!((two_sided(0.0), chi_square_survival(0.0, 3)), (1.0, 1.0));
        assert!(two_sided(1e9).abs() < f64::MIN_POSITIVE && two_sided(f64::INFINITY).abs() < 1e-300);
    }

    fn of(hits: u64, of: u64) -> Proportion {
        Proportion { hits, of }
    }

    #[test]
    fn intervals_are_those_of_the_papers() {
        // 15 of 148, 0 of 20 and 81 of 263 are the examples of Newcombe, Statistics in Medicine 17 (1998).
        for (rate, low, high) in [
            (of(15, 148), 0.062_386_399_530_736_3, 0.160_487_241_723_308),
            (of(81, 263), 0.255_288_519_878_274, 0.366_209_576_982_8),
        ] {
            let [found_low, found_high] = wilson(rate).unwrap();
            close(found_low, low, 1e-12);
            close(found_high, high, 1e-12);
        }
        let [low, high] = wilson(of(0, 20)).unwrap();
        assert!(low.abs() < 1e-15);
        close(high, 0.161_125_158_052_819, 1e-12);
        assert_eq!(wilson(of(0, 0)), None);
        let (ratio, [low, high]) = lift(of(100, 1_000), of(130, 1_000)).unwrap();
        close(ratio, 0.3, 1e-12);
        close(low, 0.016_984_270_971_045_5, 1e-12);
        close(high, 0.661_775_947_022_602, 1e-12);
        assert_eq!(lift(of(0, 10), of(1, 10)), None);
        let (ratio, [low, high]) = lift(of(10, 10), of(10, 10)).unwrap();
        assert_eq!((ratio, low, high), (0.0, 0.0, 0.0));
    }

    #[test]
    fn tests_have_the_p_values_of_their_formulas() {
        close(
            same_rate(of(100, 1_000), of(130, 1_000)).unwrap(),
            0.035_488_450_466_474_7,
            1e-12,
        );
        assert_eq!(same_rate(of(0, 10), of(0, 10)), None);
        assert_eq!(same_rate(of(0, 0), of(1, 10)), None);
        let (statistic, p) = against_weights(&[5_100, 4_900], &[1.0, 1.0]).unwrap();
        close(statistic, 4.0, 1e-12);
        close(p, 0.045_500_263_896_358_414, 1e-12);
        assert_eq!(against_weights(&[4, 4], &[1.0, 1.0]), None, "too few");
        assert_eq!(
            against_weights(&[100, 0], &[1.0, 0.0]),
            None,
            "nothing to compare"
        );
        let (statistic, _) = against_weights(&[50, 7, 50], &[1.0, 0.0, 1.0]).unwrap();
        assert!(statistic.abs() < 1e-12);
    }
}

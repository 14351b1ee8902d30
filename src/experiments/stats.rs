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

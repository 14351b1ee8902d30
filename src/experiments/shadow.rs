//! How much two lists are alike, and what a report says of the variant in the shadow.

use super::Comparison;
use serde::Serialize;
use std::collections::HashSet;
use utoipa::ToSchema;

/// How far down rank-biased overlap looks: at 0.9 the first ten ranks have 86 % of the weight.
const PERSISTENCE: f64 = 0.9;

/// Sums over the calls for which the variant in the shadow was computed.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct ShadowSums {
    pub calls: u64,
    pub identical: u64,
    pub overlap: f64,
    pub rank_biased: f64,
    pub shown_ms: f64,
    pub other_ms: f64,
}

impl ShadowSums {
    /// Those of one call.
    pub(super) fn of(comparison: Comparison) -> Self {
        let Comparison {
            shown,
            other,
            shown_ms,
            other_ms,
        } = comparison;
        let (shown, other) = (distinct(shown), distinct(other));
        let finite = |ms: f64| if ms.is_finite() { ms.max(0.0) } else { 0.0 };
        Self {
            calls: 1,
            identical: u64::from(shown == other),
            overlap: jaccard(&shown, &other),
            rank_biased: rank_biased_overlap(&shown, &other),
            shown_ms: finite(shown_ms),
            other_ms: finite(other_ms),
        }
    }

    /// Adds those of other calls.
    pub(super) fn add(&mut self, more: &Self) {
        self.calls += more.calls;
        self.identical += more.identical;
        self.overlap += more.overlap;
        self.rank_biased += more.rank_biased;
        self.shown_ms += more.shown_ms;
        self.other_ms += more.other_ms;
    }
}

/// How the variant in the shadow would have answered, in the mean over its calls.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ShadowReport {
    /// The variant.
    pub variant: String,
    /// Calls for which it was computed beside what was shown.
    pub calls: u64,
    /// Items that both lists have, over items that either has (Jaccard), 0 to 1.
    pub overlap: Option<f64>,
    /// The share of calls for which both lists were the same, order included.
    pub identical: Option<f64>,
    /// Rank-biased overlap of the lists at p = 0.9, extrapolated (Webber, Moffat and Zobel, ACM TOIS 28, 2010): as
    /// overlap, but the first ranks count most; 0 to 1.
    pub rank_biased_overlap: Option<f64>,
    /// What making the list that was shown took, in milliseconds.
    pub shown_ms: Option<f64>,
    /// What making the list of the variant in the shadow took, in milliseconds.
    pub shadow_ms: Option<f64>,
}

impl ShadowReport {
    pub(super) fn new(variant: &str, sums: &ShadowSums) -> Self {
        let mean = |sum: f64| (sums.calls > 0).then(|| sum / sums.calls as f64);
        Self {
            variant: variant.to_owned(),
            calls: sums.calls,
            overlap: mean(sums.overlap),
            identical: mean(sums.identical as f64),
            rank_biased_overlap: mean(sums.rank_biased),
            shown_ms: mean(sums.shown_ms),
            shadow_ms: mean(sums.other_ms),
        }
    }
}

/// Every id where it first stands.
fn distinct(ids: Vec<String>) -> Vec<String> {
    let mut seen = HashSet::new();
    let first: Vec<bool> = ids.iter().map(|id| seen.insert(id.as_str())).collect();
    let kept = ids.into_iter().zip(first).filter(|(_, first)| *first);
    kept.map(|(id, _)| id).collect()
}

/// Two empty lists are alike.
fn jaccard(a: &[String], b: &[String]) -> f64 {
    let names: HashSet<&String> = a.iter().collect();
    let both = b.iter().filter(|id| names.contains(id)).count();
    match a.len() + b.len() - both {
        0 => 1.0,
        either => both as f64 / either as f64,
    }
}

/// Rank-biased overlap, extrapolated from what is seen of lists that may differ in length: formula 32 of the paper.
fn rank_biased_overlap(a: &[String], b: &[String]) -> f64 {
    let (short, long) = if a.len() < b.len() { (a, b) } else { (b, a) };
    if short.is_empty() {
        return if long.is_empty() { 1.0 } else { 0.0 };
    }
    let p = PERSISTENCE;
    let (s, l) = (short.len() as f64, long.len() as f64);
    let agreed = agreements(short, long);
    let at_short = agreed[short.len() - 1] as f64;
    let mut sum = 0.0;
    let mut weight = 1.0;
    for (at, &both) in agreed.iter().enumerate() {
        let depth = (at + 1) as f64;
        weight *= p;
        sum += both as f64 / depth * weight;
        if at >= short.len() {
            sum += at_short * (depth - s) / (s * depth) * weight;
        }
    }
    let at_long = agreed[long.len() - 1] as f64;
    let beyond = ((at_long - at_short) / l + at_short / s) * weight;
    ((1.0 - p) / p * sum + beyond).clamp(0.0, 1.0)
}

/// How many ids the first `depth` of both lists share, for every depth of the long one.
fn agreements(short: &[String], long: &[String]) -> Vec<usize> {
    let mut seen: HashSet<&str> = HashSet::new();
    let mut both = 0;
    let at_depth = |depth: usize| {
        for id in [short.get(depth), long.get(depth)].into_iter().flatten() {
            both += usize::from(!seen.insert(id));
        }
        both
    };
    (0..long.len()).map(at_depth).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(ids: &str) -> Vec<String> {
        ids.chars().map(|id| id.to_string()).collect()
    }

    fn rbo(a: &str, b: &str) -> f64 {
        rank_biased_overlap(&list(a), &list(b))
    }

    #[test]
    fn rank_biased_overlap_is_that_of_the_paper() {
        for (a, b, expected) in [
            ("abcdefg", "abcdefg", 1.0),
            ("abc", "xyz", 0.0),
            ("", "", 1.0),
            ("a", "", 0.0),
            ("a", "a", 1.0),
            // By hand: 0.1/0.9 · (0 + 2/2 · 0.81) + 2/2 · 0.81
            ("ab", "ba", 0.9),
            // By hand: 0.1/0.9 · (0.9 + 0.81 · (1/2 + 1/2)) + 1 · 0.81
            ("a", "ab", 1.0),
        ] {
            assert!((rbo(a, b) - expected).abs() < 1e-12, "{a} {b}: {}", rbo(a, b));
            assert!((rbo(b, a) - rbo(a, b)).abs() < 1e-12, "{a} {b}");
        }
        assert!(
            rbo("abcdef", "abcdfe") > rbo("abcdef", "bacdef"),
            "the top counts most"
        );
    }

    #[test]
    fn lists_are_compared_as_sets_and_in_order() {
        let compare = |shown: &str, other: &str| {
            ShadowSums::of(Comparison {
                shown: list(shown),
                other: list(other),
                shown_ms: 2.0,
                other_ms: f64::NAN,
            })
        };
        let same = compare("abca", "abc");
        assert_eq!((same.identical, same.overlap, same.rank_biased), (1, 1.0, 1.0));
        let swapped = compare("abc", "acb");
        assert_eq!((swapped.identical, swapped.overlap), (0, 1.0));
        assert!((compare("abc", "bcd").overlap - 0.5).abs() < 1e-12);
        assert_eq!((compare("", "").overlap, compare("a", "").overlap), (1.0, 0.0));
        let mut sums = same;
        sums.add(&swapped);
        let report = ShadowReport::new("b", &sums);
        assert_eq!((report.calls, report.identical), (2, Some(0.5)));
        assert_eq!((report.shown_ms, report.shadow_ms), (Some(2.0), Some(0.0)));
        assert_eq!(ShadowReport::new("b", &ShadowSums::default()).overlap, None);
    }
}

//! Recall, nDCG, MRR, coverage and popularity bias.

use serde::Serialize;
use std::collections::HashSet;
use std::time::Duration;

/// Recommendations per query.
pub const CUTOFF: usize = 20;

/// Measures of one query, 0 to 1.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Outcome {
    /// Recall.
    pub recall: f64,
    /// nDCG.
    pub ndcg: f64,
    /// One over the rank of the first item that was wanted.
    pub reciprocal_rank: f64,
}

impl Outcome {
    /// Of a ranking, best first, of which the first [`CUTOFF`] count. `wanted` is not empty; nothing is in the ranking twice.
    #[must_use]
    pub fn of(ranking: &[u32], wanted: &HashSet<u32>) -> Self {
        let hits = ranking.iter().take(CUTOFF).enumerate();
        let ranks: Vec<usize> = hits
            .filter(|(_, item)| wanted.contains(item))
            .map(|(at, _)| at)
            .collect();
        let most = wanted.len().min(CUTOFF);
        let gain = |at: usize| 1.0 / ((at + 2) as f64).log2();
        let best: f64 = (0..most).map(gain).sum();
        Self {
            recall: ranks.len() as f64 / most.max(1) as f64,
            ndcg: ranks.iter().copied().map(gain).sum::<f64>() / best.max(f64::MIN_POSITIVE),
            reciprocal_rank: ranks.first().map_or(0.0, |at| 1.0 / (at + 1) as f64),
        }
    }

    /// The mean of several.
    #[must_use]
    pub fn mean(of: &[Self]) -> Self {
        let count = of.len().max(1) as f64;
        let mean = |field: fn(&Self) -> f64| of.iter().map(field).sum::<f64>() / count;
        Self {
            recall: mean(|outcome| outcome.recall),
            ndcg: mean(|outcome| outcome.ndcg),
            reciprocal_rank: mean(|outcome| outcome.reciprocal_rank),
        }
    }
}

/// Measures over all queries.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Measures {
    /// Mean recall.
    #[serde(rename = "recall@20")]
    pub recall_at_20: f64,
    /// Mean nDCG.
    #[serde(rename = "ndcg@20")]
    pub ndcg_at_20: f64,
    /// Mean reciprocal rank.
    pub mrr: f64,
    /// Share of the catalog that was recommended to anybody.
    pub coverage: f64,
    /// Mean popularity percentile of what was recommended.
    pub popularity_bias: f64,
    /// Mean time of an answer in milliseconds.
    pub mean_ms: f64,
    /// 99th percentile of the time of an answer in milliseconds.
    pub p99_ms: f64,
    /// Queries.
    pub queries: usize,
}

/// Adds up answers.
pub(super) struct Tally<'a> {
    /// Popularity percentile per item; none for items that were not there.
    percentiles: &'a [Option<f64>],
    outcomes: Vec<Outcome>,
    shown: HashSet<u32>,
    bias: f64,
    answers: usize,
    times: Vec<f64>,
}

impl<'a> Tally<'a> {
    pub fn new(percentiles: &'a [Option<f64>]) -> Self {
        Self {
            percentiles,
            outcomes: Vec::new(),
            shown: HashSet::new(),
            bias: 0.0,
            answers: 0,
            times: Vec::new(),
        }
    }

    /// Counts an answer, and measures it.
    pub fn answer(&mut self, ranking: &[u32], wanted: &HashSet<u32>, took: Duration) -> Outcome {
        for item in ranking.iter().take(CUTOFF) {
            self.shown.insert(*item);
            self.bias += self
                .percentiles
                .get(*item as usize)
                .copied()
                .flatten()
                .unwrap_or(0.0);
            self.answers += 1;
        }
        self.times.push(took.as_secs_f64() * 1_000.0);
        Outcome::of(ranking, wanted)
    }

    /// Counts a query.
    pub fn query(&mut self, outcome: Outcome) {
        self.outcomes.push(outcome);
    }

    /// The means; none without queries.
    pub fn measures(mut self) -> Option<Measures> {
        if self.outcomes.is_empty() {
            return None;
        }
        let mean = Outcome::mean(&self.outcomes);
        let there = self.percentiles.iter().flatten().count();
        self.times.sort_unstable_by(f64::total_cmp);
        let last = self.times.len().saturating_sub(1);
        Some(Measures {
            recall_at_20: mean.recall,
            ndcg_at_20: mean.ndcg,
            mrr: mean.reciprocal_rank,
            coverage: self.shown.len() as f64 / there.max(1) as f64,
            popularity_bias: self.bias / self.answers.max(1) as f64,
            mean_ms: self.times.iter().sum::<f64>() / self.times.len().max(1) as f64,
            p99_ms: self.times.get(last * 99 / 100).copied().unwrap_or(0.0),
            queries: self.outcomes.len(),
        })
    }
}

/// The share of items that are less popular, ties counting half; none for items that are in nothing.
pub(super) fn percentiles(counts: &[u64]) -> Vec<Option<f64>> {
    let mut sorted: Vec<u64> = counts.iter().copied().filter(|count| *count > 0).collect();
    sorted.sort_unstable();
    let percentile = |count: &u64| {
        let below = sorted.partition_point(|other| other < count);
        let equal = sorted.partition_point(|other| other <= count) - below;
        (*count > 0).then(|| (below as f64 + equal as f64 / 2.0) / sorted.len() as f64)
    };
    counts.iter().map(percentile).collect()
}

//! Metrics of recommendations and of answers that are shared.

use super::register::{counters, histograms};
use crate::engine::{Outcome, Tried};
use prometheus::{HistogramVec, IntCounterVec, Registry};
use std::time::Duration;

const OUTCOMES: [Outcome; 3] = [Outcome::Hit, Outcome::Stale, Outcome::Miss];

#[derive(Debug)]
pub(super) struct RecommendMetrics {
    calls: IntCounterVec,
    fallbacks: IntCounterVec,
    duration: HistogramVec,
    trending_cache: IntCounterVec,
    placement_cache: IntCounterVec,
}

impl RecommendMetrics {
    pub(super) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let metrics = Self {
            calls: counters(
                registry,
                "alike_recommendations_total",
                "Recommendations, by the strategies asked for; a blend counts for each of its own.",
                &["collection", "strategy"],
            )?,
            fallbacks: counters(
                registry,
                "alike_recommendation_fallbacks_total",
                "Recommendations that a fallback filled up, by the strategy that had hits in them.",
                &["collection", "strategy"],
            )?,
            duration: histograms(
                registry,
                "alike_recommendation_duration_seconds",
                "Time to make one recommendation.",
                &["collection"],
            )?,
            trending_cache: counters(
                registry,
                "alike_trending_cache_requests_total",
                "Trending requests, by whether the cache had the answer.",
                &["outcome"],
            )?,
            placement_cache: counters(
                registry,
                "alike_placement_cache_requests_total",
                "Requests of placements that name nobody, by whether the cache had the answer.",
                &["outcome"],
            )?,
        };
        for outcome in OUTCOMES {
            metrics.trending_cache.with_label_values(&[outcome.name()]);
            metrics.placement_cache.with_label_values(&[outcome.name()]);
        }
        Ok(metrics)
    }

    pub(super) fn answered(
        &self,
        collection: &str,
        strategies: &[Tried],
        outcome: Option<Outcome>,
        took: Duration,
    ) {
        for tried in strategies {
            let labels = [collection, tried.strategy.name()];
            if !tried.fallback {
                self.calls.with_label_values(&labels).inc();
            } else if tried.used > 0 {
                self.fallbacks.with_label_values(&labels).inc();
            }
        }
        if let Some(outcome) = outcome {
            self.placement_asked(outcome);
        }
        self.duration
            .with_label_values(&[collection])
            .observe(took.as_secs_f64());
    }

    pub(super) fn trending_asked(&self, outcome: Outcome) {
        self.trending_cache.with_label_values(&[outcome.name()]).inc();
    }

    pub(super) fn placement_asked(&self, outcome: Outcome) {
        self.placement_cache.with_label_values(&[outcome.name()]).inc();
    }

    /// Takes the series of a collection back.
    pub(super) fn dropped(&self, collection: &str) {
        for strategy in crate::ranking::Strategy::ALL {
            let labels = [collection, strategy.name()];
            // An error says that there was no such series.
            let _ = self.calls.remove_label_values(&labels);
            let _ = self.fallbacks.remove_label_values(&labels);
        }
        let _ = self.duration.remove_label_values(&[collection]);
    }
}

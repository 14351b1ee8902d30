//! Metrics of experiments. Labels are names of experiments that are defined (there are 100 at most) and of their variants.

use super::register::counters;
use crate::experiments::OutcomeKind;
use prometheus::{IntCounterVec, Registry};

const KINDS: [OutcomeKind; 2] = [OutcomeKind::Click, OutcomeKind::Conversion];

#[derive(Debug)]
pub(super) struct ExperimentMetrics {
    exposures: IntCounterVec,
    outcomes: IntCounterVec,
    ignored: IntCounterVec,
}

impl ExperimentMetrics {
    pub(super) fn new(registry: &Registry) -> prometheus::Result<Self> {
        Ok(Self {
            exposures: counters(
                registry,
                "alike_experiment_exposures_total",
                "Answers given in an experiment, as they are counted for it.",
                &["experiment", "variant"],
            )?,
            outcomes: counters(
                registry,
                "alike_experiment_outcomes_total",
                "Clicks and conversions that count for an experiment.",
                &["experiment", "variant", "kind"],
            )?,
            ignored: counters(
                registry,
                "alike_outcomes_ignored_total",
                "Clicks and conversions that name a recommendation and count for no experiment, by why.",
                &["reason"],
            )?,
        })
    }

    pub(super) fn exposed(&self, experiment: &str, variant: &str) {
        self.exposures.with_label_values(&[experiment, variant]).inc();
    }

    pub(super) fn outcome(&self, experiment: &str, variant: &str, kind: OutcomeKind) {
        self.outcomes
            .with_label_values(&[experiment, variant, kind.name()])
            .inc();
    }

    pub(super) fn ignored(&self, reason: &str) {
        self.ignored.with_label_values(&[reason]).inc();
    }

    /// What was never set is as good as removed.
    pub(super) fn removed<'a>(&self, experiment: &str, variants: impl Iterator<Item = &'a str>) {
        for variant in variants {
            drop(self.exposures.remove_label_values(&[experiment, variant]));
            for kind in KINDS {
                drop(
                    self.outcomes
                        .remove_label_values(&[experiment, variant, kind.name()]),
                );
            }
        }
    }
}

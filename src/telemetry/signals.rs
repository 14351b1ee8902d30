//! Metrics of events and of what they have taught.

use super::register::{counters, int_gauges, to_i64};
use crate::signals::{EventType, Held, Recorded};
use prometheus::{IntCounterVec, IntGaugeVec, Registry};

#[derive(Debug)]
pub(super) struct SignalMetrics {
    accepted: IntCounterVec,
    rejected: IntCounterVec,
    /// Duplicates, events of unknown items, and what is ignored.
    beside: [(&'static str, IntCounterVec); 3],
    held: IntGaugeVec,
    bytes: IntGaugeVec,
    position: IntGaugeVec,
}

/// What is held, by what it is.
fn parts(held: &Held) -> [(&'static str, u64); 7] {
    [
        ("items", held.items as u64),
        ("users", held.users as u64),
        ("sessions", held.sessions as u64),
        ("baskets", held.baskets as u64),
        ("segments", held.segments as u64),
        ("remembered_events", held.remembered as u64),
        ("waiting_events", held.waiting as u64),
    ]
}

impl SignalMetrics {
    pub(super) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let counter = |name: &str, help: &str| counters(registry, name, help, &["collection"]);
        let gauge = |name: &str, help: &str| int_gauges(registry, name, help, &["collection"]);
        Ok(Self {
            accepted: counters(
                registry,
                "alike_events_total",
                "Events accepted.",
                &["collection", "type"],
            )?,
            rejected: counter(
                "alike_events_rejected_total",
                "Events refused; without a collection when it isn't served.",
            )?,
            beside: [
                (
                    "duplicate",
                    counter(
                        "alike_events_duplicate_total",
                        "Events accepted that had been taken before.",
                    )?,
                ),
                (
                    "unknown",
                    counter(
                        "alike_events_unknown_total",
                        "Events accepted whose item was not there.",
                    )?,
                ),
                (
                    "ignored",
                    counter("alike_events_ignored_total", "Documents that mean no event.")?,
                ),
            ],
            held: int_gauges(
                registry,
                "alike_signals_entries",
                "What events have taught, by what it is about.",
                &["collection", "kind"],
            )?,
            bytes: gauge(
                "alike_signals_bytes",
                "Memory that what events have taught takes, estimated.",
            )?,
            position: gauge(
                "alike_events_position",
                "The last event of the log that is counted.",
            )?,
        })
    }

    pub(super) fn accepted(&self, collection: &str, kind: &str, count: u64) {
        self.accepted.with_label_values(&[collection, kind]).inc_by(count);
    }

    pub(super) fn rejected(&self, collection: &str, count: u64) {
        self.rejected.with_label_values(&[collection]).inc_by(count);
    }

    pub(super) fn recorded(&self, collection: &str, recorded: &Recorded) {
        self.count(collection, "duplicate", recorded.duplicates);
        self.count(collection, "unknown", recorded.unknown);
    }

    pub(super) fn ignored(&self, collection: &str, count: usize) {
        self.count(collection, "ignored", count);
    }

    fn count(&self, collection: &str, what: &str, count: usize) {
        if let Some((_, counter)) = self.beside.iter().find(|(name, _)| *name == what) {
            counter.with_label_values(&[collection]).inc_by(count as u64);
        }
    }

    pub(super) fn hold(&self, collection: &str, held: &Held) {
        for (kind, count) in parts(held) {
            self.held
                .with_label_values(&[collection, kind])
                .set(to_i64(count));
        }
        self.bytes
            .with_label_values(&[collection])
            .set(to_i64(held.bytes as u64));
        self.position
            .with_label_values(&[collection])
            .set(to_i64(held.position.0));
    }

    /// A collection is served: counters start at 0.
    pub(super) fn opened(&self, collection: &str) {
        for kind in EventType::ALL {
            self.accepted.with_label_values(&[collection, kind.name()]);
        }
        self.rejected.with_label_values(&[collection]);
        for (_, counter) in &self.beside {
            counter.with_label_values(&[collection]);
        }
    }

    /// The collection is gone; its gauges go with it.
    pub(super) fn dropped(&self, collection: &str) {
        for (kind, _) in parts(&Held::default()) {
            // What was never set is as good as removed.
            drop(self.held.remove_label_values(&[collection, kind]));
        }
        for gauges in [&self.bytes, &self.position] {
            drop(gauges.remove_label_values(&[collection]));
        }
    }
}

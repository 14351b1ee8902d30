//! Metrics of changes and of what a collection holds in memory of them.

use super::register::{LATENCY_BUCKETS, counters, int_gauges, register, to_i64};
use crate::changes::Counts;
use crate::log::Position;
use prometheus::{HistogramOpts, HistogramVec, IntCounterVec, IntGaugeVec, Registry};
use std::time::Duration;

/// Upper bounds for counts of what shares a commit.
const SHARED_BUCKETS: [f64; 13] = [
    1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0, 512.0, 1024.0, 2048.0, 4096.0,
];

/// One commit.
#[derive(Debug, Clone, Copy)]
pub struct Committed<'a> {
    /// The collection.
    pub collection: &'a str,
    /// Calls that shared it, and its fsync.
    pub callers: usize,
    /// Their changes, by outcome.
    pub counts: Counts,
    /// What making it durable took.
    pub synced: Duration,
    /// What all of it took.
    pub took: Duration,
}

/// What a collection holds in memory, and where it is in its log.
#[derive(Debug, Clone, Copy)]
pub struct LiveState<'a> {
    /// The collection.
    pub collection: &'a str,
    /// Its items.
    pub items: usize,
    /// Items whose vectors are newer than the snapshot.
    pub live_rows: usize,
    /// Rows of the snapshot that were replaced or deleted since.
    pub dead_rows: usize,
    /// Rows of the snapshot with a newer document.
    pub patched_rows: usize,
    /// Memory that the live part takes.
    pub bytes: usize,
    /// The last record of the log that is served.
    pub position: Position,
    /// Bytes of the log, where this process writes it.
    pub log_bytes: Option<u64>,
}

#[derive(Debug)]
pub(super) struct WriteMetrics {
    changes: IntCounterVec,
    callers: HistogramVec,
    together: HistogramVec,
    commit: HistogramVec,
    sync: HistogramVec,
    waiting: IntGaugeVec,
    rows: IntGaugeVec,
    items: IntGaugeVec,
    bytes: IntGaugeVec,
    position: IntGaugeVec,
    log_bytes: IntGaugeVec,
}

impl WriteMetrics {
    pub(super) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let histogram = |name: &str, help: &str, buckets: &[f64]| {
            let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
            register(registry, HistogramVec::new(options, &["collection"])?)
        };
        let gauge = |name: &str, help: &str| int_gauges(registry, name, help, &["collection"]);
        let together = "Changes that shared a commit.";
        Ok(Self {
            changes: counters(
                registry,
                "alike_changes_total",
                "Changes of items, by outcome.",
                &["collection", "outcome"],
            )?,
            callers: histogram(
                "alike_commit_callers",
                "Calls that shared an fsync.",
                &SHARED_BUCKETS,
            )?,
            together: histogram("alike_commit_changes", together, &SHARED_BUCKETS)?,
            commit: histogram(
                "alike_commit_duration_seconds",
                "Time of a commit, from the first look at its changes until they are visible.",
                &LATENCY_BUCKETS,
            )?,
            sync: histogram(
                "alike_log_append_duration_seconds",
                "Time to write a commit to the log, fsync included.",
                &LATENCY_BUCKETS,
            )?,
            waiting: gauge("alike_changes_waiting", "Changes that wait to be written.")?,
            rows: int_gauges(
                registry,
                "alike_live_rows",
                "Rows of the live part: newer than the snapshot, replaced or deleted since, or with a newer document only.",
                &["collection", "kind"],
            )?,
            items: gauge(
                "alike_live_items",
                "Items that can be found, snapshot and live part together.",
            )?,
            bytes: gauge("alike_live_bytes", "Memory that the live part takes.")?,
            position: gauge("alike_log_position", "The last record of the log that is served.")?,
            log_bytes: gauge(
                "alike_log_bytes",
                "Bytes of the log on disk, where this process writes it.",
            )?,
        })
    }

    pub(super) fn committed(&self, commit: &Committed<'_>) {
        let collection = commit.collection;
        let counts = commit.counts;
        let by_outcome = [
            ("created", counts.created),
            ("updated", counts.updated),
            ("deleted", counts.deleted),
            ("missing", counts.missing),
            ("rejected", counts.rejected),
        ];
        let mut together = 0;
        for (outcome, count) in by_outcome {
            together += count;
            self.changes
                .with_label_values(&[collection, outcome])
                .inc_by(count as u64);
        }
        let observe = |histogram: &HistogramVec, value: f64| {
            histogram.with_label_values(&[collection]).observe(value);
        };
        if commit.callers > 0 {
            observe(&self.callers, commit.callers as f64);
            observe(&self.together, together as f64);
            observe(&self.commit, commit.took.as_secs_f64());
            observe(&self.sync, commit.synced.as_secs_f64());
        }
    }

    pub(super) fn waiting(&self, collection: &str, changes: usize) {
        self.waiting.with_label_values(&[collection]).set(changes as i64);
    }

    pub(super) fn live_state(&self, state: &LiveState<'_>) {
        let set = |gauge: &IntGaugeVec, value: u64| {
            gauge.with_label_values(&[state.collection]).set(to_i64(value));
        };
        for (kind, rows) in [
            ("new", state.live_rows),
            ("dead", state.dead_rows),
            ("patched", state.patched_rows),
        ] {
            let gauge = self.rows.with_label_values(&[state.collection, kind]);
            gauge.set(to_i64(rows as u64));
        }
        set(&self.items, state.items as u64);
        set(&self.bytes, state.bytes as u64);
        set(&self.position, state.position.0);
        if let Some(bytes) = state.log_bytes {
            set(&self.log_bytes, bytes);
        }
    }

    /// The collection is gone; its gauges go with it.
    pub(super) fn dropped(&self, collection: &str) {
        for gauges in [
            &self.waiting,
            &self.items,
            &self.bytes,
            &self.position,
            &self.log_bytes,
        ] {
            // What was never set is as good as removed.
            drop(gauges.remove_label_values(&[collection]));
        }
        for kind in ["new", "dead", "patched"] {
            drop(self.rows.remove_label_values(&[collection, kind]));
        }
    }
}

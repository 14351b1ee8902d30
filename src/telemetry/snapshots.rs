//! Metrics of the snapshots being served.

use super::register::{counters, gauges, int_gauges, register, to_i64};
use prometheus::{GaugeVec, IntCounterVec, IntGauge, IntGaugeVec, Registry};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// What is served of one collection.
#[derive(Debug, Clone, PartialEq)]
pub struct ServedSnapshot<'a> {
    /// The collection.
    pub collection: &'a str,
    /// The snapshot's id.
    pub snapshot: &'a str,
    /// The model's identity.
    pub model: &'a str,
    /// How many items it holds.
    pub items: u64,
    /// Its size on disk.
    pub bytes: u64,
    /// When it was published, in seconds since the Unix epoch.
    pub published_seconds: f64,
    /// Its recall@10 against exact search, where it was measured.
    pub recall: Option<f64>,
}

/// What a collection takes on the disk, in bytes, by what they are for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DiskUse {
    /// Snapshots.
    pub snapshots: u64,
    /// The log.
    pub log: u64,
    /// Builds under way, what dead ones left, and what is being removed.
    pub staging: u64,
    /// Events.
    pub events: u64,
}

#[derive(Debug)]
pub(super) struct SnapshotMetrics {
    items: IntGaugeVec,
    info: IntGaugeVec,
    published: GaugeVec,
    recall: GaugeVec,
    bytes: IntGaugeVec,
    opens: IntCounterVec,
    disk: IntGaugeVec,
    free: IntGauge,
    /// (snapshot, model) served by each collection, to take the old series back when they change.
    served: Mutex<HashMap<String, (String, String)>>,
}

impl SnapshotMetrics {
    pub(super) fn new(registry: &Registry) -> prometheus::Result<Self> {
        Ok(Self {
            items: int_gauges(
                registry,
                "alike_collection_items",
                "Items in the collection.",
                &["collection"],
            )?,
            info: int_gauges(
                registry,
                "alike_snapshot_info",
                "1 for the snapshot and model being served.",
                &["collection", "snapshot", "model"],
            )?,
            published: gauges(
                registry,
                "alike_snapshot_published_timestamp_seconds",
                "When the snapshot being served was published.",
            )?,
            recall: gauges(
                registry,
                "alike_snapshot_recall",
                "Recall@10 against exact search, measured when the snapshot was built.",
            )?,
            bytes: int_gauges(
                registry,
                "alike_snapshot_bytes",
                "The snapshot's size on disk.",
                &["collection"],
            )?,
            opens: counters(
                registry,
                "alike_snapshot_opens_total",
                "Snapshots opened, by outcome.",
                &["collection", "outcome"],
            )?,
            disk: int_gauges(
                registry,
                "alike_collection_disk_bytes",
                "Bytes on disk, by what they are for.",
                &["collection", "part"],
            )?,
            free: register(
                registry,
                IntGauge::new(
                    "alike_disk_free_bytes",
                    "Bytes that the disk of the data directory has left.",
                )?,
            )?,
            served: Mutex::default(),
        })
    }

    pub(super) fn opened(&self, served: &ServedSnapshot<'_>) {
        let collection = served.collection;
        self.opens.with_label_values(&[collection, "ok"]).inc();
        self.opens.with_label_values(&[collection, "refused"]);
        self.replace_info(served);
        self.items
            .with_label_values(&[collection])
            .set(to_i64(served.items));
        self.bytes
            .with_label_values(&[collection])
            .set(to_i64(served.bytes));
        self.published
            .with_label_values(&[collection])
            .set(served.published_seconds);
        match served.recall {
            Some(recall) => self.recall.with_label_values(&[collection]).set(recall),
            // Not there yet is as good as removed.
            None => drop(self.recall.remove_label_values(&[collection])),
        }
    }

    pub(super) fn refused(&self, collection: &str) {
        self.opens.with_label_values(&[collection, "refused"]).inc();
    }

    pub(super) fn disk_used(&self, collection: &str, used: &DiskUse) {
        for (part, bytes) in parts(used) {
            self.disk
                .with_label_values(&[collection, part])
                .set(to_i64(bytes));
        }
    }

    pub(super) fn disk_free(&self, bytes: u64) {
        self.free.set(to_i64(bytes));
    }

    /// The collection is gone; its series go with it.
    pub(super) fn dropped(&self, collection: &str) {
        let mut all = self.served.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((snapshot, model)) = all.remove(collection) {
            drop(self.info.remove_label_values(&[collection, &snapshot, &model]));
        }
        for (part, _) in parts(&DiskUse::default()) {
            drop(self.disk.remove_label_values(&[collection, part]));
        }
        for gauges in [&self.items, &self.bytes] {
            drop(gauges.remove_label_values(&[collection]));
        }
        for gauges in [&self.published, &self.recall] {
            drop(gauges.remove_label_values(&[collection]));
        }
    }

    fn replace_info(&self, served: &ServedSnapshot<'_>) {
        let mut all = self.served.lock().unwrap_or_else(PoisonError::into_inner);
        let now = (served.snapshot.to_owned(), served.model.to_owned());
        if let Some((snapshot, model)) = all.insert(served.collection.to_owned(), now) {
            drop(
                self.info
                    .remove_label_values(&[served.collection, &snapshot, &model]),
            );
        }
        self.info
            .with_label_values(&[served.collection, served.snapshot, served.model])
            .set(1);
    }
}

fn parts(used: &DiskUse) -> [(&'static str, u64); 4] {
    [
        ("snapshots", used.snapshots),
        ("log", used.log),
        ("staging", used.staging),
        ("events", used.events),
    ]
}

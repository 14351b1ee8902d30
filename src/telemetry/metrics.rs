//! Every metric, by what it counts.

use super::encoders::EncoderMetrics;
use super::experiments::ExperimentMetrics;
use super::recommend::RecommendMetrics;
use super::register::{counters, histograms, latency, register, register_build_info, register_process};
use super::signals::SignalMetrics;
use super::snapshots::{DiskUse, ServedSnapshot, SnapshotMetrics};
use super::writes::{Committed, LiveState, WriteMetrics};
use crate::engine::{Outcome, Tried};
use crate::experiments::OutcomeKind;
use crate::signals::{Held, Recorded};
use alike_embeddings::EncoderState;
use prometheus::{Histogram, HistogramVec, IntCounterVec, IntGauge, Registry, TextEncoder};
use std::time::Duration;

/// The `Content-Type` of [`Metrics::encode`].
pub const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;

const METHODS: [&str; 7] = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"];

/// Every metric of the service, in a registry of its own.
///
/// One per process, shared by reference; all methods are cheap and thread-safe.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    http: HttpMetrics,
    encode_duration: Histogram,
    search_duration: HistogramVec,
    searches: IntCounterVec,
    recommend: RecommendMetrics,
    signals: SignalMetrics,
    snapshots: SnapshotMetrics,
    writes: WriteMetrics,
    encoders: EncoderMetrics,
    experiments: ExperimentMetrics,
}

#[derive(Debug)]
struct HttpMetrics {
    requests: IntCounterVec,
    duration: HistogramVec,
    in_flight: IntGauge,
}

impl HttpMetrics {
    fn new(registry: &Registry) -> prometheus::Result<Self> {
        Ok(Self {
            requests: counters(
                registry,
                "alike_http_requests_total",
                "Requests answered.",
                &["method", "route", "status"],
            )?,
            duration: histograms(
                registry,
                "alike_http_request_duration_seconds",
                "Time from a request's head to its response's head.",
                &["method", "route"],
            )?,
            in_flight: register(
                registry,
                IntGauge::new("alike_http_requests_in_flight", "Requests being answered.")?,
            )?,
        })
    }
}

/// One request being answered; counts as in flight until dropped.
#[derive(Debug)]
pub struct InFlight(IntGauge);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    /// Registers everything; counters whose labels are known start at 0.
    ///
    /// # Errors
    /// When two metrics share a name, which only a mistake in this file can cause.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let metrics = Self {
            http: HttpMetrics::new(&registry)?,
            encode_duration: register(
                &registry,
                Histogram::with_opts(latency(
                    "alike_encode_duration_seconds",
                    "Time to encode one query.",
                ))?,
            )?,
            search_duration: histograms(
                &registry,
                "alike_search_duration_seconds",
                "Time in the index for one search, without encoding.",
                &["collection"],
            )?,
            searches: counters(
                &registry,
                "alike_searches_total",
                "Index searches, by how they were answered.",
                &["collection", "plan"],
            )?,
            recommend: RecommendMetrics::new(&registry)?,
            signals: SignalMetrics::new(&registry)?,
            snapshots: SnapshotMetrics::new(&registry)?,
            writes: WriteMetrics::new(&registry)?,
            encoders: EncoderMetrics::new(&registry)?,
            experiments: ExperimentMetrics::new(&registry)?,
            registry,
        };
        register_build_info(&metrics.registry)?;
        register_process(&metrics.registry)?;
        Ok(metrics)
    }

    /// Counts a request as in flight until the answer is dropped.
    pub fn request_started(&self) -> InFlight {
        self.http.in_flight.inc();
        InFlight(self.http.in_flight.clone())
    }

    /// Counts an answered request. `route` is the template that matched (`none` where none did).
    pub fn request_answered(&self, method: &str, route: &str, status: u16, took: Duration) {
        let method = METHODS
            .into_iter()
            .find(|known| *known == method)
            .unwrap_or("other");
        self.http
            .requests
            .with_label_values(&[method, route, &status.to_string()])
            .inc();
        self.http
            .duration
            .with_label_values(&[method, route])
            .observe(took.as_secs_f64());
    }

    /// Counts a query text and whether the cache had its vector.
    pub fn query_cached(&self, hit: bool) {
        self.encoders.cached(hit);
    }

    /// What the cache of query vectors holds.
    pub fn query_cache_holds(&self, entries: u64, bytes: u64) {
        self.encoders.cache_holds(entries, bytes);
    }

    /// Which models are loaded, by identity, and how each does, as `read` answers now; the series of others are taken
    /// back.
    pub fn models_loaded(&self, read: impl FnOnce() -> Vec<(String, EncoderState)>) {
        self.encoders.loaded(read);
    }

    /// Counts one encoded query.
    pub fn encoded(&self, took: Duration) {
        self.encode_duration.observe(took.as_secs_f64());
    }

    /// Counts one index search; `plan` is its name (`exact`, `scan`, `graph`, `filtered_graph`).
    pub fn searched(&self, collection: &str, plan: &str, took: Duration) {
        self.searches.with_label_values(&[collection, plan]).inc();
        self.search_duration
            .with_label_values(&[collection])
            .observe(took.as_secs_f64());
    }

    /// Counts accepted events; `kind` is the type's name.
    pub fn events_accepted(&self, collection: &str, kind: &str, count: u64) {
        self.signals.accepted(collection, kind, count);
    }

    /// Counts refused events; pass a collection only if it is served, so that callers can't invent label values.
    pub fn events_rejected(&self, collection: Option<&str>, count: u64) {
        self.signals.rejected(collection.unwrap_or_default(), count);
    }

    /// Counts what is special about accepted events.
    pub fn events_recorded(&self, collection: &str, recorded: &Recorded) {
        self.signals.recorded(collection, recorded);
    }

    /// Counts documents that mean no event.
    pub fn events_ignored(&self, collection: &str, count: usize) {
        self.signals.ignored(collection, count);
    }

    /// What events have taught about a collection now.
    pub fn signals_hold(&self, collection: &str, held: &Held) {
        self.signals.hold(collection, held);
    }

    /// Counts a trending request and whether the cache had its answer.
    pub fn trending_requested(&self, outcome: Outcome) {
        self.recommend.trending_asked(outcome);
    }

    /// Counts a request of a placement that names nobody, whose answer the cache had as it was sent before.
    pub fn placement_requested(&self, outcome: Outcome) {
        self.recommend.placement_asked(outcome);
    }

    /// Counts a recommendation, by what strategies contributed; `outcome`: whether a cache had it, where one was asked.
    pub fn recommended(
        &self,
        collection: &str,
        strategies: &[Tried],
        outcome: Option<Outcome>,
        took: Duration,
    ) {
        self.recommend.answered(collection, strategies, outcome, took);
    }

    /// Counts an answer given in an experiment.
    pub fn experiment_exposed(&self, experiment: &str, variant: &str) {
        self.experiments.exposed(experiment, variant);
    }

    /// Counts a click or conversion that counts for an experiment.
    pub fn experiment_outcome(&self, experiment: &str, variant: &str, kind: OutcomeKind) {
        self.experiments.outcome(experiment, variant, kind);
    }

    /// Counts a click or conversion that names a recommendation and counts for no experiment.
    pub fn outcome_ignored(&self, reason: &str) {
        self.experiments.ignored(reason);
    }

    /// An experiment is gone or begins anew; the series of its variants are taken back.
    pub fn experiment_removed<'a>(&self, experiment: &str, variants: impl Iterator<Item = &'a str>) {
        self.experiments.removed(experiment, variants);
    }

    /// A snapshot was opened and is served from now on, in place of the collection's previous one.
    pub fn snapshot_opened(&self, served: &ServedSnapshot<'_>) {
        self.snapshots.opened(served);
        self.signals.opened(served.collection);
    }

    /// A collection is no longer served; its snapshot's series are taken back.
    pub fn collection_dropped(&self, collection: &str) {
        self.snapshots.dropped(collection);
        self.writes.dropped(collection);
        self.recommend.dropped(collection);
        self.signals.dropped(collection);
    }

    /// Changes were made durable and visible.
    pub fn committed(&self, commit: &Committed<'_>) {
        self.writes.committed(commit);
    }

    /// How many changes of a collection wait to be written.
    pub fn writes_waiting(&self, collection: &str, changes: usize) {
        self.writes.waiting(collection, changes);
    }

    /// What a collection holds in memory now.
    pub fn live_state(&self, state: &LiveState<'_>) {
        self.writes.live_state(state);
    }

    /// What a collection takes on the disk.
    pub fn disk_used(&self, collection: &str, used: &DiskUse) {
        self.snapshots.disk_used(collection, used);
    }

    /// Bytes that the disk of the data directory has left.
    pub fn disk_free(&self, bytes: u64) {
        self.snapshots.disk_free(bytes);
    }

    /// A snapshot could not be opened; what was served before goes on.
    pub fn snapshot_refused(&self, collection: &str) {
        self.snapshots.refused(collection);
    }

    /// Everything in Prometheus's text format; see [`CONTENT_TYPE`].
    pub fn encode(&self) -> String {
        let mut text = String::new();
        if let Err(error) = TextEncoder::new().encode_utf8(&self.registry.gather(), &mut text) {
            tracing::error!(%error, "metrics are incomplete");
        }
        text
    }
}

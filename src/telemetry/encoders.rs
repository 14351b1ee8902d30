//! Metrics of the encoders and of the cache of query vectors.

use super::register::{counters, int_gauges, register, second_counters, to_i64};
use alike_embeddings::{Device, EncoderState, LaneState};
use prometheus::{CounterVec, IntCounterVec, IntGauge, IntGaugeVec, Registry};
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

const LANE: [&str; 2] = ["model", "lane"];

#[derive(Debug)]
pub(super) struct EncoderMetrics {
    info: IntGaugeVec,
    fallback: IntGaugeVec,
    batches: IntCounterVec,
    texts: IntCounterVec,
    tokens: IntCounterVec,
    waits: IntCounterVec,
    waited: CounterVec,
    overloads: IntCounterVec,
    waiting: IntGaugeVec,
    cache_requests: IntCounterVec,
    cache_entries: IntGauge,
    cache_bytes: IntGauge,
    /// What was told of each model last: encoders count since they were opened.
    told: Mutex<HashMap<String, EncoderState>>,
}

impl EncoderMetrics {
    pub(super) fn new(registry: &Registry) -> prometheus::Result<Self> {
        let lane_counters = |name: &str, help: &str| counters(registry, name, help, &LANE);
        let metrics = Self {
            info: int_gauges(
                registry,
                "alike_encoder_info",
                "1 for each model that is loaded, with how it runs.",
                &["model", "variant", "device", "kernels"],
            )?,
            fallback: int_gauges(
                registry,
                "alike_encoder_device_fallback",
                "1 where a model runs on the CPU because the device that was asked for does not work.",
                &["model"],
            )?,
            batches: lane_counters("alike_encoder_batches_total", "Batches that ran.")?,
            texts: lane_counters("alike_encoder_texts_total", "Texts in them.")?,
            tokens: lane_counters("alike_encoder_tokens_total", "Tokens in them, without padding.")?,
            waits: lane_counters(
                "alike_encoder_waits_total",
                "Calls that had to wait for their batch.",
            )?,
            waited: second_counters(
                registry,
                "alike_encoder_wait_seconds_total",
                "Time that they waited.",
                &LANE,
            )?,
            overloads: lane_counters(
                "alike_encoder_overloads_total",
                "Calls refused because the queue was full.",
            )?,
            waiting: int_gauges(
                registry,
                "alike_encoder_waiting_tokens",
                "Tokens that wait.",
                &LANE,
            )?,
            cache_requests: counters(
                registry,
                "alike_query_cache_requests_total",
                "Query texts, by whether the cache had their vector.",
                &["outcome"],
            )?,
            cache_entries: register(
                registry,
                IntGauge::new("alike_query_cache_entries", "Query texts in the cache.")?,
            )?,
            cache_bytes: register(
                registry,
                IntGauge::new("alike_query_cache_bytes", "Size of the cache of query texts.")?,
            )?,
            told: Mutex::default(),
        };
        for outcome in ["hit", "miss"] {
            metrics.cache_requests.with_label_values(&[outcome]);
        }
        Ok(metrics)
    }

    /// `read` answers with the models that are loaded now, and how each does. It is asked under a lock, so that counts
    /// arrive in the order in which they were read.
    pub(super) fn loaded(&self, read: impl FnOnce() -> Vec<(String, EncoderState)>) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let models = read();
        for (model, state) in &models {
            let before = told.insert(model.clone(), state.clone());
            if let Some(before) = &before {
                drop(self.info.remove_label_values(&info(model, before)));
            }
            self.info.with_label_values(&info(model, state)).set(1);
            self.fallback
                .with_label_values(&[model])
                .set(state.device_fallback.is_some().into());
            let (queries, documents) =
                before.map_or_else(Default::default, |state| (state.queries, state.documents));
            self.lane(&[model.as_str(), "queries"], queries, state.queries);
            self.lane(&[model.as_str(), "documents"], documents, state.documents);
        }
        told.retain(|model, state| {
            let stays = models.iter().any(|(loaded, _)| loaded == model);
            if !stays {
                self.gone(model, state);
            }
            stays
        });
    }

    /// Takes back what is true of loaded models only.
    fn gone(&self, model: &str, state: &EncoderState) {
        drop(self.info.remove_label_values(&info(model, state)));
        drop(self.fallback.remove_label_values(&[model]));
        for lane in ["queries", "documents"] {
            drop(self.waiting.remove_label_values(&[model, lane]));
        }
    }

    fn lane(&self, labels: &[&str; 2], before: LaneState, now: LaneState) {
        for (counter, before, now) in [
            (&self.batches, before.batches, now.batches),
            (&self.texts, before.texts, now.texts),
            (&self.tokens, before.tokens, now.tokens),
            (&self.waits, before.waits, now.waits),
            (&self.overloads, before.overloads, now.overloads),
        ] {
            counter
                .with_label_values(labels)
                .inc_by(now.saturating_sub(before));
        }
        let waited = now.waited.saturating_sub(before.waited);
        self.waited.with_label_values(labels).inc_by(waited.as_secs_f64());
        self.waiting
            .with_label_values(labels)
            .set(to_i64(now.waiting_tokens as u64));
    }

    pub(super) fn cached(&self, hit: bool) {
        self.cache_requests
            .with_label_values(&[if hit { "hit" } else { "miss" }])
            .inc();
    }

    pub(super) fn cache_holds(&self, entries: u64, bytes: u64) {
        self.cache_entries.set(to_i64(entries));
        self.cache_bytes.set(to_i64(bytes));
    }
}

fn info<'a>(model: &'a str, state: &'a EncoderState) -> [&'a str; 4] {
    let device = match state.device {
        Device::Cuda(_) => "cuda",
        Device::Auto | Device::Cpu => "cpu",
    };
    let kernels = state.kernel_level.unwrap_or("none");
    [model, state.variant.name(), device, kernels]
}

//! The engine: encode → search → rank, from one view, without HTTP.
//!
//! [`Engine`] holds, per collection, the view that is served. [`Engine::refresh`] looks at the store and swaps in what
//! was published since; requests that hold an older view finish on it. A snapshot that is refused (damaged, of another
//! version, made by another model) never replaces the one that serves.

mod answer;
mod collections;
mod error;
mod events;
mod experiments;
pub mod filter;
mod items;
#[cfg(test)]
mod live_tests;
mod models;
mod opening;
mod placements;
mod query;
mod query_cache;
pub(crate) mod recommend;
mod refresh;
mod reranking;
mod serving;
mod settings;
mod snapshots;
mod stage;
mod trending;
mod view;
mod writing;

#[cfg(test)]
mod tests;

pub use answer::{Answer, Hit, PlanReport};
pub use collections::NewCollection;
pub use error::EngineError;
pub use events::{checkpoints, new_events, read_signals, write_lessons};
pub use items::{Listed, Page, Scroll};
pub use models::{ModelPlace, ModelRun, cores};
pub use query::{MAX_EXAMPLES, MAX_LIMIT, MAX_TEXT_BYTES, Query, Search};
pub(crate) use recommend::cache::{Kept, Shared};
pub use recommend::{
    Ages, DEFAULT_LIMIT, Instead, MAX_NAMED, Outcome, Recommend, Recommended, Suggestion, Tried,
};
pub use settings::{Settings, WriteSettings};
pub(crate) use stage::Stage;
pub use trending::{Charted, TrendingQuery};
pub use view::View;

use crate::changes::Sealer;
use crate::experiments::Experiments;
use crate::placements::Placements;
use crate::signals::Signals;
use crate::snapshot::{Store, Verify};
use crate::telemetry::Metrics;
use alike_embeddings::{Encoder, Reranker};
use arc_swap::ArcSwap;
use collections::remove_dropped;
use models::Models;
use query_cache::QueryCache;
use recommend::Recommender;
use serde_json::value::RawValue;
use serving::{Serving, Slot};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use trending::TrendingCache;

/// Serves every collection of one data directory.
pub struct Engine {
    data: PathBuf,
    store: Store,
    models: Models,
    verify: Verify,
    record_events: bool,
    writes: WriteSettings,
    metrics: Arc<Metrics>,
    slots: ArcSwap<BTreeMap<String, Slot>>,
    /// Held while a collection is opened, created or dropped.
    looks: Mutex<BTreeMap<String, Arc<Mutex<()>>>>,
    sealer: Arc<Sealer>,
    signals: Mutex<BTreeMap<String, Arc<Signals>>>,
    placements: Mutex<BTreeMap<String, Arc<Placements>>>,
    trending: TrendingCache,
    recommender: Recommender,
    reranker: Option<Reranker>,
    queries: QueryCache,
    experiments: Experiments,
}

impl Engine {
    /// Opens the data directory and everything published in it.
    ///
    /// # Errors
    /// The directory cannot be read, or the reranker that is configured cannot be opened. A collection that is refused
    /// does not fail the others: see [`Engine::problems`].
    pub fn open(settings: Settings, metrics: Arc<Metrics>) -> Result<Self, EngineError> {
        if !settings.writes.read_only {
            remove_dropped(&settings.data);
        }
        let store = Store::open(&settings.data)?;
        let engine = Self {
            experiments: experiments::open(&settings, Arc::clone(&metrics))?,
            store,
            data: settings.data,
            reranker: settings.models.open_reranker(settings.encoder)?,
            models: Models::new(settings.models, settings.encoder),
            queries: QueryCache::new(settings.query_cache_bytes),
            verify: settings.verify,
            record_events: settings.record_events,
            writes: settings.writes,
            metrics,
            slots: ArcSwap::default(),
            looks: Mutex::default(),
            sealer: Arc::default(),
            signals: Mutex::default(),
            placements: Mutex::default(),
            trending: TrendingCache::new(settings.trending_ttl),
            recommender: Recommender::new(settings.trending_ttl),
        };
        engine.refresh()?;
        Ok(engine)
    }

    /// As [`Engine::open`], but taking no lock and writing nothing: a process beside the one that writes.
    ///
    /// # Errors
    /// As [`Engine::open`].
    pub fn open_read_only(mut settings: Settings, metrics: Arc<Metrics>) -> Result<Self, EngineError> {
        settings.writes.read_only = true;
        settings.record_events = false;
        Self::open(settings, metrics)
    }

    /// The view of a collection.
    ///
    /// # Errors
    /// No such collection, or its snapshot was refused.
    pub fn view(&self, name: &str) -> Result<Arc<View>, EngineError> {
        self.serving(name).map(|serving| serving.view())
    }

    fn serving(&self, name: &str) -> Result<Arc<Serving>, EngineError> {
        let slots = self.slots.load();
        let Some(slot) = slots.get(name) else {
            let served = slots.keys().cloned().collect();
            return Err(EngineError::NoCollection {
                name: name.chars().take(80).collect(),
                served,
            });
        };
        slot.serving.clone().ok_or_else(|| EngineError::Refused {
            name: name.to_owned(),
            reason: slot
                .refused
                .as_ref()
                .map_or_else(String::new, |refused| refused.reason.clone()),
        })
    }

    /// All views, by name of the collection.
    #[must_use]
    pub fn views(&self) -> Vec<Arc<View>> {
        let slots = self.slots.load();
        let served = slots.values().filter_map(|slot| slot.serving.as_ref());
        served.map(|serving| serving.view()).collect()
    }

    /// What keeps the engine from answering everything it should: refused snapshots and damaged logs, or nothing
    /// published.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let slots = self.slots.load();
        if slots.is_empty() {
            return vec!["no collection is published yet; `alike build` makes one".to_owned()];
        }
        let unserved = slots.iter().filter(|(_, slot)| slot.serving.is_none());
        unserved
            .map(|(name, slot)| {
                let reason = slot
                    .refused
                    .as_ref()
                    .map_or("not opened", |refused| refused.reason.as_str());
                format!("collection {name}: {reason}")
            })
            .collect()
    }

    /// Answers a search or recommendation from one view.
    ///
    /// # Errors
    /// The request is wrong, or a part of the engine fails.
    pub fn search(&self, view: &View, search: &Search) -> Result<Answer, EngineError> {
        answer::answer(view, search, &self.queries, &self.metrics)
    }

    /// Tells the metrics how the models, the cache of query vectors and the signals do.
    pub fn report(&self) {
        self.metrics.models_loaded(|| {
            let models = self.models.in_use();
            let told = |encoder: &Arc<Encoder>| (encoder.identity().to_string(), encoder.state());
            models.iter().map(told).collect()
        });
        let held = self.queries.held();
        self.metrics.query_cache_holds(held.entries, held.bytes);
        for view in self.views() {
            self.metrics
                .signals_hold(view.collection(), &view.signals().held());
        }
    }

    /// The fields of one item.
    ///
    /// # Errors
    /// No such item.
    pub fn item(&self, view: &View, id: &str) -> Result<Box<RawValue>, EngineError> {
        view.fields(&view.item(id)?, None)
    }

    /// The trending items of a collection, from the cache while they are not too old.
    ///
    /// # Errors
    /// The category cannot be looked up.
    pub fn trending(&self, view: &Arc<View>, query: &TrendingQuery) -> Result<Charted, EngineError> {
        self.trending.get(view, query, &self.metrics)
    }
}

//! The engine: encode → search → rank, from one view, without HTTP.
//!
//! [`Engine`] holds, per collection, the view that is served. [`Engine::refresh`] looks at the store and swaps in what
//! was published since; requests that hold an older view finish on it. A snapshot that is refused (damaged, of another
//! version, made by another model) never replaces the one that serves.

mod answer;
mod error;
pub mod filter;
mod items;
#[cfg(test)]
mod live_tests;
mod models;
mod query;
mod query_cache;
mod reranking;
mod trending;
mod view;

pub use answer::{Answer, Hit, PlanReport};
pub use error::EngineError;
pub use items::{Listed, Page, Scroll};
pub use models::{ModelPlace, ModelRun, cores};
pub use query::{MAX_EXAMPLES, MAX_LIMIT, MAX_TEXT_BYTES, Query, Search};
pub use trending::TrendingQuery;
pub use view::View;

use crate::live::Live;
use crate::signals::{Event, RecordError, Recorded, Signals};
use crate::snapshot::{Collection, Store, Verify};
use crate::telemetry::{Metrics, ServedSnapshot};
use alike_embeddings::{Encoder, EncoderSettings, Reranker};
use arc_swap::ArcSwap;
use models::Models;
use query_cache::QueryCache;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use trending::TrendingCache;

/// Where an engine finds its data and models.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The data directory.
    pub data: PathBuf,
    /// Where the model and ONNX Runtime are.
    pub models: ModelPlace,
    /// How the models' encoders share the machine.
    pub encoder: EncoderSettings,
    /// Most bytes of query texts and their vectors that are kept; 0: none.
    pub query_cache_bytes: u64,
    /// How much of a snapshot is checked before it is served.
    pub verify: Verify,
    /// Whether events are recorded; without, their journals are left alone.
    pub record_events: bool,
    /// How long a trending list may be reused.
    pub trending_ttl: Duration,
}

/// What one collection name stands for at the moment.
#[derive(Clone)]
struct Slot {
    view: Option<Arc<View>>,
    /// The snapshot that was refused last, and why.
    refused: Option<Refusal>,
}

#[derive(Clone)]
struct Refusal {
    snapshot: String,
    reason: String,
    /// Whether trying again is pointless: the files themselves are wrong.
    lasting: bool,
    since: Instant,
}

/// After this long, a snapshot that was refused for a reason that may pass (no memory, no model yet) is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(5);

impl Refusal {
    fn is_due(&self) -> bool {
        !self.lasting && self.since.elapsed() >= RETRY_AFTER
    }
}

/// Serves every collection of one data directory.
pub struct Engine {
    store: Store,
    models: Models,
    verify: Verify,
    record_events: bool,
    metrics: Arc<Metrics>,
    slots: ArcSwap<BTreeMap<String, Slot>>,
    signals: Mutex<BTreeMap<String, Arc<Signals>>>,
    trending: TrendingCache,
    reranker: Option<Reranker>,
    queries: QueryCache,
}

impl Engine {
    /// Opens the data directory and everything published in it.
    ///
    /// # Errors
    /// The directory cannot be read, or the reranker that is configured cannot be opened. A collection that is refused
    /// does not fail the others: see [`Engine::problems`].
    pub fn open(settings: Settings, metrics: Arc<Metrics>) -> Result<Self, EngineError> {
        let engine = Self {
            store: Store::open(&settings.data)?,
            reranker: settings.models.open_reranker(settings.encoder)?,
            models: Models::new(settings.models, settings.encoder),
            queries: QueryCache::new(settings.query_cache_bytes),
            verify: settings.verify,
            record_events: settings.record_events,
            metrics,
            slots: ArcSwap::default(),
            signals: Mutex::default(),
            trending: TrendingCache::new(settings.trending_ttl),
        };
        engine.refresh()?;
        Ok(engine)
    }

    /// Swaps in what was published since the last look.
    ///
    /// # Errors
    /// The store cannot be listed; what is served stays.
    pub fn refresh(&self) -> Result<(), EngineError> {
        let before = self.slots.load_full();
        let mut slots = BTreeMap::clone(&before);
        let published = self.store.collections()?;
        for collection in &published {
            if let Some(slot) = self.replacement(collection, before.get(collection.name())) {
                slots.insert(collection.name().to_owned(), slot);
            }
        }
        slots.retain(|name, _| published.iter().any(|collection| collection.name() == name));
        let mut signals = self.signals.lock().unwrap_or_else(PoisonError::into_inner);
        for gone in before.keys().filter(|name| !slots.contains_key(*name)) {
            self.metrics.collection_dropped(gone);
            signals.remove(gone);
        }
        drop(signals);
        self.slots.store(Arc::new(slots));
        drop(before);
        self.models.drop_unused();
        Ok(())
    }

    /// The new slot of a collection, or `None` where nothing is new.
    fn replacement(&self, collection: &Collection, old: Option<&Slot>) -> Option<Slot> {
        let view = old.and_then(|slot| slot.view.clone());
        let refused = old.and_then(|slot| slot.refused.as_ref());
        let current = match collection.current() {
            Ok(current) => current,
            Err(error) => return Some(self.refuse(collection, "CURRENT".to_owned(), &error.into(), old)),
        };
        if view.as_ref().is_some_and(|view| view.snapshot().id() == current) {
            return refused.map(|_| Slot { view, refused: None });
        }
        if refused.is_some_and(|refused| refused.snapshot == current && !refused.is_due()) {
            return None;
        }
        match self.open_view(collection, &current) {
            Ok(opened) => {
                let model = opened
                    .model()
                    .map_or_else(|| "none".to_owned(), ToString::to_string);
                self.metrics.snapshot_opened(&served(&opened, &model));
                tracing::info!(
                    collection = collection.name(),
                    snapshot = opened.snapshot().id(),
                    rows = opened.snapshot().rows(),
                    "serving snapshot"
                );
                Some(Slot {
                    view: Some(Arc::new(opened)),
                    refused: None,
                })
            }
            Err(error) => Some(self.refuse(collection, current, &error, old)),
        }
    }

    fn refuse(
        &self,
        collection: &Collection,
        snapshot: String,
        error: &EngineError,
        old: Option<&Slot>,
    ) -> Slot {
        let refusal = Refusal {
            snapshot,
            reason: error.to_string(),
            lasting: error.is_lasting(),
            since: Instant::now(),
        };
        let view = old.and_then(|slot| slot.view.clone());
        let known = old.and_then(|slot| slot.refused.as_ref());
        if !known.is_some_and(|known| known.snapshot == refusal.snapshot && known.reason == refusal.reason) {
            self.metrics.snapshot_refused(collection.name());
            tracing::error!(
                collection = collection.name(),
                snapshot = refusal.snapshot,
                reason = refusal.reason,
                still_serving = view.as_ref().map(|view| view.snapshot().id()),
                "snapshot refused"
            );
        }
        Slot {
            view,
            refused: Some(refusal),
        }
    }

    fn open_view(&self, collection: &Collection, id: &str) -> Result<View, EngineError> {
        let wanted = collection.manifest(id)?.model;
        // The model loads while the files are read and verified.
        let (snapshot, encoder) = rayon::join(
            || collection.open(id, self.verify),
            || {
                wanted
                    .as_ref()
                    .map(|wanted| self.models.wanted(wanted))
                    .transpose()
            },
        );
        let (snapshot, encoder) = (snapshot?, encoder?);
        let signals = self.signals_of(collection);
        let live = Live::new(Arc::new(snapshot));
        Ok(View::new(collection.name().into(), live, encoder, signals))
    }

    /// The signals of a collection, opened once. Search never depends on them: a journal that cannot be used costs
    /// the durability of events, which every call that records some then says.
    fn signals_of(&self, collection: &Collection) -> Arc<Signals> {
        let mut signals = self.signals.lock().unwrap_or_else(PoisonError::into_inner);
        let open = || {
            if !self.record_events {
                return Signals::in_memory();
            }
            let opened = Signals::open(&collection.events_dir()).unwrap_or_else(|error| {
                tracing::error!(collection = collection.name(), %error, "the event journal cannot be used");
                Signals::in_memory()
            });
            if !opened.durable() {
                let why = opened.durability();
                tracing::warn!(
                    collection = collection.name(),
                    ?why,
                    "events are kept in memory only"
                );
            }
            opened
        };
        let known = signals.entry(collection.name().to_owned());
        Arc::clone(known.or_insert_with(|| Arc::new(open())))
    }

    /// The view of a collection.
    ///
    /// # Errors
    /// No such collection, or its snapshot was refused.
    pub fn view(&self, name: &str) -> Result<Arc<View>, EngineError> {
        let slots = self.slots.load();
        let Some(slot) = slots.get(name) else {
            let served = slots.keys().cloned().collect();
            return Err(EngineError::NoCollection {
                name: name.chars().take(80).collect(),
                served,
            });
        };
        slot.view.clone().ok_or_else(|| EngineError::Refused {
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
        self.slots
            .load()
            .values()
            .filter_map(|slot| slot.view.clone())
            .collect()
    }

    /// What keeps the engine from answering everything it should: refused snapshots, or nothing published.
    #[must_use]
    pub fn problems(&self) -> Vec<String> {
        let slots = self.slots.load();
        if slots.is_empty() {
            return vec!["no collection is published yet; `alike build` makes one".to_owned()];
        }
        let unserved = slots.iter().filter(|(_, slot)| slot.view.is_none());
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

    /// Tells the metrics how the models and the cache of query vectors do.
    pub fn report(&self) {
        self.metrics.models_loaded(|| {
            let models = self.models.in_use();
            let told = |encoder: &Arc<Encoder>| (encoder.identity().to_string(), encoder.state());
            models.iter().map(told).collect()
        });
        let held = self.queries.held();
        self.metrics.query_cache_holds(held.entries, held.bytes);
    }

    /// The fields of one item.
    ///
    /// # Errors
    /// No such item.
    pub fn item(&self, view: &View, id: &str) -> Result<Box<RawValue>, EngineError> {
        view.fields(&view.item(id)?, None)
    }

    /// Takes events of one collection into its signals; returns after they are on disk (where they can be).
    ///
    /// # Errors
    /// They cannot be written; then none was taken.
    pub fn record(&self, view: &View, events: &[Event]) -> Result<Recorded, RecordError> {
        view.signals().record(events)
    }

    /// The trending items of a collection, from the cache when it is fresh.
    ///
    /// # Errors
    /// The category cannot be looked up.
    pub fn trending(&self, view: &View, query: &TrendingQuery) -> Result<Vec<Hit>, EngineError> {
        self.trending.get(view, query, &self.metrics)
    }
}

fn served<'a>(view: &'a View, model: &'a str) -> ServedSnapshot<'a> {
    let manifest = view.snapshot().manifest();
    ServedSnapshot {
        collection: view.collection(),
        snapshot: view.snapshot().id(),
        model,
        items: manifest.rows,
        bytes: manifest.bytes(),
        published_seconds: manifest.created_ms as f64 / 1e3,
        recall: manifest.build.recall_at_10.map(f64::from),
    }
}

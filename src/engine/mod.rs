//! The engine: encode → search → rank, from one view, without HTTP.
//!
//! [`Engine`] holds, per collection, the view that is served. [`Engine::refresh`] looks at the store and swaps in what
//! was published since; requests that hold an older view finish on it. A snapshot that is refused (damaged, of another
//! version, made by another model) never replaces the one that serves.

mod answer;
mod error;
pub mod filter;
mod models;
mod query;
mod trending;
mod view;

pub use answer::{Answer, Hit, PlanReport};
pub use error::EngineError;
pub use models::{ModelPlace, Models, cores};
pub use query::{MAX_EXAMPLES, MAX_LIMIT, MAX_TEXT_BYTES, Query, Search};
pub use trending::TrendingQuery;
pub use view::View;

use crate::signals::{Event, RecordError, Recorded, Signals};
use crate::snapshot::{Collection, Store, Verify};
use crate::telemetry::{Metrics, ServedSnapshot};
use arc_swap::ArcSwap;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use trending::TrendingCache;

/// Where an engine finds its data and models.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The data directory.
    pub data: PathBuf,
    /// Where the model and ONNX Runtime are.
    pub models: ModelPlace,
    /// How much of a snapshot is checked before it is served.
    pub verify: Verify,
    /// How long a trending list may be reused.
    pub trending_ttl: std::time::Duration,
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
}

/// Serves every collection of one data directory.
pub struct Engine {
    store: Store,
    models: Models,
    verify: Verify,
    metrics: Arc<Metrics>,
    slots: ArcSwap<BTreeMap<String, Slot>>,
    signals: Mutex<BTreeMap<String, Arc<Signals>>>,
    trending: TrendingCache,
}

impl Engine {
    /// Opens the data directory and everything published in it.
    ///
    /// # Errors
    /// The directory cannot be read. A collection that is refused does not fail the others: see [`Engine::problems`].
    pub fn open(settings: Settings, metrics: Arc<Metrics>) -> Result<Self, EngineError> {
        let engine = Self {
            store: Store::open(&settings.data)?,
            models: Models::new(settings.models),
            verify: settings.verify,
            metrics,
            slots: ArcSwap::default(),
            signals: Mutex::default(),
            trending: TrendingCache::new(settings.trending_ttl),
        };
        engine.refresh()?;
        Ok(engine)
    }

    /// Swaps in what was published since the last look; returns the names of the collections that changed.
    ///
    /// # Errors
    /// The store cannot be listed; what is served stays.
    pub fn refresh(&self) -> Result<Vec<String>, EngineError> {
        let before = self.slots.load_full();
        let (mut slots, mut changed) = (BTreeMap::new(), Vec::new());
        for collection in self.store.collections()? {
            let old = before.get(collection.name());
            let slot = match self.replacement(&collection, old) {
                Some(slot) => {
                    changed.push(collection.name().to_owned());
                    slot
                }
                None => old.cloned().unwrap_or(Slot {
                    view: None,
                    refused: None,
                }),
            };
            slots.insert(collection.name().to_owned(), slot);
        }
        let dropped: Vec<String> = before
            .keys()
            .filter(|name| !slots.contains_key(*name))
            .cloned()
            .collect();
        if !changed.is_empty() || !dropped.is_empty() {
            self.slots.store(Arc::new(slots));
        }
        dropped
            .iter()
            .for_each(|name| self.metrics.collection_dropped(name));
        changed.extend(dropped);
        Ok(changed)
    }

    /// The new slot of a collection, or `None` where nothing is new.
    fn replacement(&self, collection: &Collection, old: Option<&Slot>) -> Option<Slot> {
        let view = old.and_then(|slot| slot.view.clone());
        let refused = old.and_then(|slot| slot.refused.as_ref());
        let current = match collection.current() {
            Ok(current) => current,
            Err(error) => return self.refuse(collection, "CURRENT".to_owned(), &error.into(), old),
        };
        if view.as_ref().is_some_and(|view| view.snapshot().id() == current) {
            return refused.map(|_| Slot { view, refused: None });
        }
        if refused.is_some_and(|refused| refused.snapshot == current) {
            return None;
        }
        match self.open_view(collection) {
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
            Err(error) => self.refuse(collection, current, &error, old),
        }
    }

    fn refuse(
        &self,
        collection: &Collection,
        snapshot: String,
        error: &EngineError,
        old: Option<&Slot>,
    ) -> Option<Slot> {
        let reason = error.to_string();
        let known = old.and_then(|slot| slot.refused.as_ref());
        if known.is_some_and(|known| known.snapshot == snapshot && known.reason == reason) {
            return None;
        }
        let view = old.and_then(|slot| slot.view.clone());
        self.metrics.snapshot_refused(collection.name());
        tracing::error!(
            collection = collection.name(),
            snapshot,
            reason,
            still_serving = view.as_ref().map(|view| view.snapshot().id()),
            "snapshot refused"
        );
        Some(Slot {
            view,
            refused: Some(Refusal { snapshot, reason }),
        })
    }

    fn open_view(&self, collection: &Collection) -> Result<View, EngineError> {
        let needs_model = collection.current_manifest()?.model.is_some();
        // The model loads while the files are read and verified.
        let (snapshot, ()) = rayon::join(
            || collection.open_current(self.verify),
            || {
                if needs_model {
                    self.models.preload();
                }
            },
        );
        let snapshot = snapshot?;
        let encoder = match &snapshot.manifest().model {
            Some(model) => Some(self.models.encoder_for(model)?),
            None => None,
        };
        let signals = self.signals_of(collection)?;
        Ok(View::new(
            collection.name().to_owned(),
            snapshot,
            encoder,
            signals,
        ))
    }

    fn signals_of(&self, collection: &Collection) -> Result<Arc<Signals>, EngineError> {
        let mut signals = self.signals.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = signals.get(collection.name()) {
            return Ok(Arc::clone(known));
        }
        let opened = Arc::new(Signals::open(&collection.events_dir())?);
        signals.insert(collection.name().to_owned(), Arc::clone(&opened));
        Ok(opened)
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
        answer::answer(view, search, &self.metrics)
    }

    /// The fields of one item.
    ///
    /// # Errors
    /// No such item.
    pub fn item(&self, view: &View, id: &str) -> Result<Box<RawValue>, EngineError> {
        let row = view.snapshot().row_of(id).ok_or_else(|| EngineError::NoItem {
            field: "id".to_owned(),
            collection: view.collection().to_owned(),
            id: id.chars().take(100).collect(),
        })?;
        view.fields(row, None)
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

//! From what is published to what is served: opening beside, warming, catching up, swapping.

use super::opening::{Opened, clear_sealed};
use super::serving::{Refusal, Serving, Slot, Start};
use super::{Engine, EngineError, View};
use crate::changes::{Calls, Journal, Older};
use crate::log::Position;
use crate::snapshot::{Collection, SnapshotError};
use crate::telemetry::ServedSnapshot;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

impl Engine {
    /// Swaps in what was published since the last look, and takes in what other processes have written.
    ///
    /// # Errors
    /// The store cannot be listed; what is served stays.
    pub fn refresh(&self) -> Result<(), EngineError> {
        let published = self.store.collections()?;
        for collection in &published {
            self.alone(collection.name(), || self.look_at(collection));
        }
        let gone = |name: &&String| !published.iter().any(|collection| collection.name() == **name);
        let slots = self.slots.load_full();
        for name in slots.keys().filter(gone) {
            self.alone(name, || {
                let published = self.store.collection(name).and_then(|gone| gone.current());
                if matches!(published, Err(SnapshotError::NoCollection { .. })) {
                    self.forget(name);
                }
            });
        }
        self.models.drop_unused();
        self.settle_events();
        Ok(())
    }

    /// Looks at the published snapshot of one collection at once, and returns when it is served.
    ///
    /// # Errors
    /// It was refused; what was served goes on.
    pub fn adopt_now(&self, collection: &str) -> Result<Arc<View>, EngineError> {
        let found = self.store.collection(collection)?;
        let current = found.current()?;
        self.alone(collection, || {
            // Who asks for it now does not wait until it is due again.
            self.change(collection, |slot| slot.refused = None);
            self.look_at(&found);
        });
        let slots = self.slots.load();
        let refused = slots.get(collection).and_then(|slot| slot.refused.as_ref());
        if let Some(refused) = refused.filter(|refused| refused.snapshot == current) {
            return Err(EngineError::Refused {
                name: collection.to_owned(),
                reason: refused.reason.clone(),
            });
        }
        self.models.drop_unused();
        self.view(collection)
    }

    /// Runs `work` while nothing else opens, creates or drops the collection of that name.
    pub(super) fn alone<T>(&self, name: &str, work: impl FnOnce() -> T) -> T {
        let lock: Arc<Mutex<()>> = {
            let mut looks = self.looks.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(looks.entry(name.to_owned()).or_default())
        };
        let _alone = lock.lock().unwrap_or_else(PoisonError::into_inner);
        work()
    }

    /// Changes what a name stands for, where it is known.
    fn change(&self, name: &str, change: impl Fn(&mut Slot)) {
        self.slots.rcu(|slots| {
            let mut slots = BTreeMap::clone(slots);
            if let Some(slot) = slots.get_mut(name) {
                change(slot);
            }
            slots
        });
    }

    /// Takes a collection out of what is served, stops its writer, and gives up its log.
    pub(super) fn forget(&self, name: &str) {
        let gone = self.slots.load().get(name).cloned();
        if let Some(serving) = gone.and_then(|slot| slot.serving) {
            serving.writer.stop();
            serving.writer.desk().close("the collection was dropped");
        }
        // Its series go first: who finds the collection gone finds them gone, too.
        self.metrics.collection_dropped(name);
        self.slots.rcu(|slots| {
            let mut slots = BTreeMap::clone(slots);
            slots.remove(name);
            slots
        });
        let mut signals = self.signals.lock().unwrap_or_else(PoisonError::into_inner);
        signals.remove(name);
        let mut placements = self.placements.lock().unwrap_or_else(PoisonError::into_inner);
        placements.remove(name);
    }

    /// Opens what is new of a collection.
    fn look_at(&self, collection: &Collection) {
        let name = collection.name();
        let old = self.slots.load().get(name).cloned().unwrap_or_default();
        let Some(slot) = self.replacement(collection, &old) else {
            return;
        };
        self.slots.rcu(|slots| {
            let mut slots = BTreeMap::clone(slots);
            slots.insert(name.to_owned(), slot.clone());
            slots
        });
    }

    /// The new slot of a collection, or `None` where nothing is new.
    fn replacement(&self, collection: &Collection, old: &Slot) -> Option<Slot> {
        let current = match collection.current() {
            Ok(current) => current,
            Err(error) => return Some(self.refuse(collection, "CURRENT".to_owned(), &error.into(), old)),
        };
        let refused = old.refused.as_ref();
        let served = old.serving.as_ref().map(|serving| serving.view());
        let again = old
            .serving
            .as_ref()
            .is_some_and(|serving| self.followed_to_an_end(serving));
        if !again
            && served
                .as_ref()
                .is_some_and(|view| view.snapshot().id() == current)
        {
            return refused.map(|_| Slot {
                serving: old.serving.clone(),
                refused: None,
            });
        }
        if refused.is_some_and(|refused| refused.snapshot == current && !refused.is_due()) {
            return None;
        }
        match self.take(collection, &current, old.serving.as_ref()) {
            Ok(serving) => {
                self.opened(&serving.view());
                Some(Slot {
                    serving: Some(serving),
                    refused: None,
                })
            }
            Err(error) => Some(self.refuse(collection, current, &error, old)),
        }
    }

    /// Takes in what another process has written; whether what is served was taken back.
    fn followed_to_an_end(&self, serving: &Serving) -> bool {
        serving.follow().unwrap_or_else(|error| {
            let view = serving.view();
            tracing::error!(collection = view.collection(), %error, "the log cannot be followed; serving what was read");
            false
        })
    }

    fn opened(&self, view: &View) {
        let model = view
            .model()
            .map_or_else(|| "none".to_owned(), ToString::to_string);
        self.metrics.snapshot_opened(&served(view, &model));
        tracing::info!(
            collection = view.collection(),
            snapshot = view.snapshot().id(),
            rows = view.snapshot().rows(),
            items = view.live().len(),
            position = view.position().0,
            "serving snapshot"
        );
    }

    fn refuse(&self, collection: &Collection, snapshot: String, error: &EngineError, old: &Slot) -> Slot {
        let refusal = Refusal::new(snapshot, error);
        let known = old.refused.as_ref();
        if !known.is_some_and(|known| known.snapshot == refusal.snapshot && known.reason == refusal.reason) {
            self.metrics.snapshot_refused(collection.name());
            let view = old.serving.as_ref().map(|serving| serving.view());
            tracing::error!(
                collection = collection.name(),
                snapshot = refusal.snapshot,
                reason = refusal.reason,
                still_serving = view.as_ref().map(|view| view.snapshot().id()),
                "snapshot refused"
            );
        }
        Slot {
            serving: old.serving.clone(),
            refused: Some(refusal),
        }
    }

    /// Opens a snapshot and serves it: beside the one that is, whose writer goes over to it, or as the first.
    fn take(
        &self,
        collection: &Collection,
        id: &str,
        serving: Option<&Arc<Serving>>,
    ) -> Result<Arc<Serving>, EngineError> {
        if let Some(serving) = serving {
            let Opened { live, rules } = self.open_beside(collection, id, &serving.calls)?;
            self.warm(&live, &rules)?;
            serving.writer.desk().adopt(live, rules)?;
            return Ok(Arc::clone(serving));
        }
        // The log first: what a crash has left at its end is cut off before it is read.
        let journal = Journal::open(
            &collection.log_dir(),
            self.log_settings(collection),
            self.writes.read_only,
        )?;
        if journal.off().is_none() {
            clear_sealed(collection);
        }
        let through = Position(collection.manifest(id)?.log_position);
        let older = Older {
            log: collection.log_dir(),
            through,
        };
        let calls = Calls::new(self.writes.key_ttl, self.writes.keys, Some(older));
        let Opened { live, rules } = self.open_beside(collection, id, &calls)?;
        self.warm(&live, &rules)?;
        let signals = self.signals_of(collection, &live);
        let start = Start {
            live,
            rules,
            journal,
            calls: Arc::new(calls),
            signals,
        };
        let (sealer, metrics) = (Arc::clone(&self.sealer), Arc::clone(&self.metrics));
        let serving = Serving::new(
            collection.name(),
            start,
            self.writes.queue_changes,
            sealer,
            metrics,
        );
        serving.writer.desk().begin()?;
        serving.writer.look_for_sealing();
        Ok(Arc::new(serving))
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

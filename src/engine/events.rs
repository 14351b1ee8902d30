//! Events on their way into signals, and signals on their way out of what is on the disk.

use super::{Engine, EngineError, View};
use crate::learn::Watch;
use crate::live::Live;
use crate::log::Position;
use crate::signals::{
    CHECKPOINT_FILE, CheckpointError, Durability, Event, RecordError, Recorded, Settings as SignalSettings,
    Signals, checkpoint_position,
};
use crate::snapshot::{Collection, SnapshotError, SnapshotWriter};
use std::path::PathBuf;
use std::sync::{Arc, PoisonError};

/// The checkpoints of signals in all snapshots of a collection: each of them is good with any snapshot.
#[must_use]
pub fn checkpoints(collection: &Collection) -> Vec<PathBuf> {
    let ids = collection.snapshot_ids().unwrap_or_default();
    let paths = ids
        .iter()
        .map(|id| collection.snapshot_dir(id).join(CHECKPOINT_FILE));
    paths.filter(|path| path.is_file()).collect()
}

/// Puts what events have taught into a snapshot under construction, where there were any: a model trained on it (see
/// [`SnapshotWriter::learn`]), and a checkpoint, so that a restart need not count them all again.
///
/// # Errors
/// A file cannot be written.
pub fn write_lessons<E: From<SnapshotError> + From<CheckpointError>>(
    signals: &Signals,
    writer: &mut SnapshotWriter,
    watch: &dyn Watch,
    threads: Option<usize>,
) -> Result<(), E> {
    if signals.position() == Position::START {
        return Ok(());
    }
    let gather = |items: usize, number: &dyn Fn(&str) -> Option<u32>| signals.interactions(items, number);
    writer.learn(&gather, watch, threads)?;
    signals.checkpoint(&writer.file(CHECKPOINT_FILE))?;
    Ok(())
}

/// How many events have come since what the snapshot of `view` has learned from; 0 in a process that does not write them.
#[must_use]
pub fn new_events(view: &View) -> u64 {
    let signals = view.signals();
    if !signals.durable() || signals.position() == Position::START {
        return 0;
    }
    let checkpoint = view.snapshot().dir().join(CHECKPOINT_FILE);
    let learned = checkpoint_position(&checkpoint).unwrap_or_default();
    signals.position().0.saturating_sub(learned.0)
}

/// What the events of a collection have taught so far, from the disk, whoever writes them. `known` says which items are in
/// the collection.
#[must_use]
pub fn read_signals(
    collection: &Collection,
    settings: &SignalSettings,
    known: &dyn Fn(&str) -> bool,
) -> Signals {
    Signals::read(
        &collection.events_dir(),
        &checkpoints(collection),
        settings,
        known,
    )
}

impl Engine {
    /// The signals of a collection, opened once. Search never depends on them: a log that cannot be used costs the
    /// durability of events, which every call that records some then says.
    pub(super) fn signals_of(&self, collection: &Collection, live: &Live) -> Arc<Signals> {
        let mut signals = self.signals.lock().unwrap_or_else(PoisonError::into_inner);
        let known = signals.entry(collection.name().to_owned());
        Arc::clone(known.or_insert_with(|| Arc::new(self.open_signals(collection, live))))
    }

    fn open_signals(&self, collection: &Collection, live: &Live) -> Signals {
        let settings = &self.writes.events;
        if !self.record_events {
            return Signals::in_memory_with(settings.clone());
        }
        let known = |id: &str| live.find(id).is_some();
        let opened = Signals::open(
            &collection.events_dir(),
            &checkpoints(collection),
            settings,
            &known,
        );
        let (name, why) = (collection.name(), opened.durability());
        match why {
            Durability::Durable => tracing::info!(collection = name, "events: {}", opened.replay()),
            _ => tracing::warn!(collection = name, ?why, "events are kept in memory only"),
        }
        opened
    }

    /// Takes events of one collection into its signals; returns after they are on disk (where they can be). The one place
    /// that events pass.
    ///
    /// # Errors
    /// They cannot be written, or too many wait; then none was taken.
    pub fn record(&self, view: &View, events: &[Event]) -> Result<Recorded, RecordError> {
        let signals = view.signals();
        if signals.durable() {
            self.check_disk(&self.data).map_err(|error| match error {
                EngineError::DiskLow { free, least } => RecordError::DiskLow { free, least },
                // Nothing else is found there.
                _ => RecordError::DiskLow { free: 0, least: 0 },
            })?;
        }
        let known = |id: &str| view.live().find(id).is_some();
        let recorded = signals.record_known(events, &known)?;
        let types = &signals.settings().types;
        self.experiments
            .attribute_with(events, &|kind| types.bought(kind));
        self.metrics.events_recorded(view.collection(), &recorded);
        Ok(recorded)
    }

    /// Counts events that waited for items which have come since.
    pub(super) fn settle_events(&self) {
        for view in self.views() {
            let known = |id: &str| view.live().find(id).is_some();
            let counted = view.signals().settle(&known);
            if counted > 0 {
                tracing::debug!(
                    collection = view.collection(),
                    counted,
                    "events of items that came later count now"
                );
            }
        }
    }

    /// Forgets events of a collection's log at and below `through`, as far as that is cheap.
    ///
    /// # Errors
    /// The log cannot be written here.
    pub fn truncate_events(&self, collection: &str, through: Position) -> Result<(), EngineError> {
        let view = self.view(collection)?;
        match view.signals().durable() {
            true => Ok(view.signals().truncate(through)?),
            false => Err(EngineError::WritesOff {
                reason: "another process writes the events of this collection".to_owned(),
            }),
        }
    }
}

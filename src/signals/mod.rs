//! What events teach: today, which items are trending.
//!
//! One [`Signals`] per collection. An accepted [`Event`] is first written to the collection's journal and synced,
//! then counted in memory; opening replays the journal, so a restart answers as before. Where the journal can't be
//! written (a read-only replica, or another process has it), events count in memory only and every answer says so.
//!
//! This module is synchronous and knows nothing of HTTP, snapshots or the catalog: whether an item exists, or is in
//! a category, is the caller's filter.

mod event;
mod journal;
mod reads;
mod repeats;
mod replay;
mod trending;
mod window;

#[cfg(test)]
mod tests;

pub use event::{Event, EventError, EventType, MAX_AHEAD, MAX_ID_BYTES};
pub use journal::{AppendError, Durability, FILE_NAME, OpenError};
pub use reads::{Chart, Seen, Within};
pub use replay::{DamagedLine, Replay};
pub use trending::{Limits, Trending};
pub use window::{UnknownWindow, Window};

use jiff::Timestamp;
use journal::Journal;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError, RwLock};

/// One collection's events and what they teach.
///
/// Reads go on while a batch waits for the disk; writers take turns.
pub struct Signals {
    /// Held from the write to the count, so that a replay sees the events in the order they were counted in.
    journal: Mutex<Option<Journal>>,
    trending: RwLock<Trending>,
    generation: AtomicU64,
    durability: Durability,
    replay: Replay,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recorded {
    /// How many events were taken: all of the batch.
    pub accepted: usize,
    /// Whether they are on the disk.
    pub durable: bool,
}

/// Why a batch was refused. Nothing of it was kept.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// An event that can't be accepted.
    #[error("event {position} of the batch: {source}")]
    Invalid {
        /// Its place in the batch, from 0.
        position: usize,
        /// What is wrong with it, and in which field.
        source: EventError,
    },
    /// The disk refused the batch.
    #[error(transparent)]
    Append(#[from] AppendError),
}

impl Signals {
    /// Opens the signals of one collection from `dir` (`DATA/collections/C/events`), creating it where possible, and
    /// replays its journal. Damage in the journal is logged and kept in [`replay`](Self::replay); it is no error.
    ///
    /// # Errors
    /// When the journal exists but can't be read, or the system fails in another way than "read-only".
    pub fn open(dir: &Path) -> Result<Self, OpenError> {
        let mut trending = Trending::default();
        let opened = journal::open(dir, Timestamp::now(), &mut |event| trending.add(event))?;
        if !opened.replay.is_clean() {
            tracing::warn!(path = %dir.join(FILE_NAME).display(), "damaged event journal: {}", opened.replay);
        }
        Ok(Self {
            journal: Mutex::new(opened.journal),
            trending: RwLock::new(trending),
            generation: AtomicU64::new(0),
            durability: opened.durability,
            replay: opened.replay,
        })
    }

    /// Signals without a journal.
    pub fn in_memory() -> Self {
        Self {
            journal: Mutex::new(None),
            trending: RwLock::new(Trending::default()),
            generation: AtomicU64::new(0),
            durability: Durability::None,
            replay: Replay::default(),
        }
    }

    /// Keeps a batch: on the disk first (where [`durable`](Self::durable)), then in memory; all of it or nothing.
    /// The caller routes: every event is taken as one of this collection. Blocks until the disk has it.
    ///
    /// # Errors
    /// The first event that can't be accepted, or what the disk said.
    pub fn record(&self, events: &[Event]) -> Result<Recorded, RecordError> {
        let now = Timestamp::now();
        for (position, event) in events.iter().enumerate() {
            event
                .validate(now)
                .map_err(|source| RecordError::Invalid { position, source })?;
        }
        if !events.is_empty() {
            self.keep(events)?;
        }
        Ok(Recorded {
            accepted: events.len(),
            durable: self.durable(),
        })
    }

    fn keep(&self, events: &[Event]) -> Result<(), AppendError> {
        let mut journal = self.journal.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(journal) = journal.as_mut() {
            journal.append(events)?;
        }
        let mut trending = self.trending.write().unwrap_or_else(PoisonError::into_inner);
        for event in events {
            trending.add(event);
        }
        self.generation.fetch_add(1, Ordering::Release);
        Ok(())
    }

    /// The trending items among those that `filter` admits, best first: see [`Trending::top`] and the formula in
    /// its module. `filter` runs while events wait to be counted: it should be quick, and must not call
    /// [`record`](Self::record).
    pub fn trending(
        &self,
        now: Timestamp,
        window: Window,
        filter: &dyn Fn(&str) -> bool,
        limit: usize,
    ) -> Vec<(String, f64)> {
        let trending = self.trending.read().unwrap_or_else(PoisonError::into_inner);
        trending.top(now, window, filter, limit)
    }

    /// Grows with every batch that changed anything.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Whether accepted events survive this process.
    pub fn durable(&self) -> bool {
        self.durability == Durability::Durable
    }

    /// Whether accepted events reach the disk, and if not, why.
    pub fn durability(&self) -> Durability {
        self.durability
    }

    /// What was found in the journal when it was opened.
    pub fn replay(&self) -> &Replay {
        &self.replay
    }
}

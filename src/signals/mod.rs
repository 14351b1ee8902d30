//! What events teach: charts, what users and visits touched, and what goes together.
//!
//! One [`Signals`] per collection. An accepted [`Event`] is first appended to the log of the collection's events and
//! synced (concurrent callers share a sync), then counted in memory. A [`checkpoint`](Signals::checkpoint) is the memory as
//! one file; every snapshot holds one ([`CHECKPOINT_FILE`]). Opening reads the newest of them and the events after it, so a
//! restart answers as before. Where the log can't be written (a read-only replica, or another process has it), events count
//! in memory only and every answer says so.
//!
//! An event that comes again counts once: one with the same `id`; of those without, the same user (else session), type,
//! item, time in milliseconds and basket. What nobody in particular did, without an `id` or a basket, cannot be recognized. Events may
//! come in any order: what is kept are sums of whole numbers, maxima and sets, so that the order makes no difference as long
//! as no bound of the [`Settings`] is reached.
//!
//! Events of items that are not in the collection wait, and count once the item is there. Memory is bounded whatever comes:
//! random items wait in a queue of fixed length, random users push out others who came once before they push out regulars,
//! and the charts count one shopper's or nobody's repetitions less and less. (Many invented users look like many users.)
//!
//! This module is synchronous and knows nothing of HTTP, snapshots or the catalog: whether an item exists, or is in
//! a category, is the caller's filter.

mod charts;
mod checkpoint;
mod codec;
mod counts;
mod decay;
mod event;
mod fact;
mod groups;
mod hash;
mod items;
mod journal;
mod lines;
mod once;
mod profiles;
mod queue;
mod reads;
mod repeats;
mod settings;
mod state;
mod types;
pub mod ubi;
mod window;

#[cfg(test)]
mod tests;

pub use checkpoint::{CHECKPOINT_FILE, Checkpoint, CheckpointError, checkpoint_position};
pub use event::{Event, EventError, MAX_AHEAD, MAX_ID_BYTES};
pub use journal::{Durability, OLD_FILE, Replay};
pub use reads::{Chart, Seen, Within};
pub use settings::Settings;
pub use types::{EventType, MAX_RATING, MAX_TYPES, MAX_WEIGHT, Types};
pub use window::{UnknownWindow, Window};

use crate::log::{LogError, Position, Record};
use fact::{Fact, to_record};
use jiff::Timestamp;
use journal::{Journal, Opened, Source};
use queue::{Call, Failed, Queue, Taken};
use state::{Outcome, State};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};

/// One collection's events and what they teach.
///
/// Reads go on while a batch waits for the disk, and while a checkpoint is written; writers wait for both.
pub struct Signals {
    settings: Settings,
    queue: Queue,
    /// Held from the write to the count, so that a replay sees the events in the order they were counted in, and that a
    /// checkpoint contains exactly what its position says.
    journal: Mutex<Journal>,
    state: RwLock<State>,
    /// As in the journal, for those who don't want to wait for it.
    position: AtomicU64,
    generation: AtomicU64,
    durability: Durability,
    replay: Replay,
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Recorded {
    /// How many events were taken: all of the batch.
    pub accepted: usize,
    /// How many of them had been taken before, and count once.
    pub duplicates: usize,
    /// How many of them name an item that is not in the collection; they count once it is.
    pub unknown: usize,
    /// Whether they are on the disk.
    pub durable: bool,
    /// The position of the last of them in the log of events, where they are in one.
    pub position: Option<Position>,
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
    /// Too many events wait to be written.
    #[error(
        "{waiting} events of this collection wait to be written already (events.queue_events); none was kept, send them again shortly"
    )]
    Full {
        /// How many.
        waiting: usize,
    },
    /// The disk has too little room.
    #[error(
        "the disk of the data directory has {free} bytes left, `[log] min_free_bytes` asks for {least}: no events are recorded until there is more room; `alike snapshot gc` makes some"
    )]
    DiskLow {
        /// Bytes that are left.
        free: u64,
        /// Bytes that have to be.
        least: u64,
    },
    /// The disk refused the batch.
    #[error("{0}; none was kept, send them again")]
    Append(Arc<LogError>),
}

/// What signals hold in memory.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Held {
    /// Items that anything is known of.
    pub items: usize,
    /// Users.
    pub users: usize,
    /// Visits.
    pub sessions: usize,
    /// Baskets.
    pub baskets: usize,
    /// Segments with charts.
    pub segments: usize,
    /// Events that are remembered to recognize those that are sent again.
    pub remembered: usize,
    /// Events of items that are not there yet.
    pub waiting: usize,
    /// Events of segments that got no chart.
    pub refused_segments: u64,
    /// Bytes of all of it, estimated.
    pub bytes: usize,
    /// The last event of the log that is counted.
    pub position: Position,
}

impl Signals {
    /// Opens the signals of one collection from `dir` (`DATA/collections/C/events`), creating it where possible: the
    /// newest of `checkpoints` that can be read, and the log after it. `known` says which items are in the collection.
    ///
    /// It always works: where something is wrong, [`Signals::durability`] and [`Signals::replay`] say so.
    pub fn open(
        dir: &Path,
        checkpoints: &[PathBuf],
        settings: &Settings,
        known: &dyn Fn(&str) -> bool,
    ) -> Self {
        Self::from_source(&Source {
            dir,
            checkpoints,
            settings,
            known,
            write: true,
        })
    }

    /// As [`Signals::open`], but taking no lock and changing nothing: what another process has written so far.
    pub fn read(
        dir: &Path,
        checkpoints: &[PathBuf],
        settings: &Settings,
        known: &dyn Fn(&str) -> bool,
    ) -> Self {
        Self::from_source(&Source {
            dir,
            checkpoints,
            settings,
            known,
            write: false,
        })
    }

    /// Signals without a log.
    pub fn in_memory() -> Self {
        Self::in_memory_with(Settings::default())
    }

    /// Signals without a log, with other settings.
    pub fn in_memory_with(settings: Settings) -> Self {
        let opened = Opened {
            journal: Journal {
                log: None,
                position: Position::START,
            },
            state: State::new(&settings),
            durability: Durability::None,
            replay: Replay::default(),
        };
        Self::new(opened, settings)
    }

    fn from_source(source: &Source<'_>) -> Self {
        let opened = journal::open(source);
        if !opened.replay.problems.is_empty() || opened.replay.torn_bytes > 0 {
            tracing::warn!(path = %source.dir.display(), "events: {}", opened.replay);
        }
        Self::new(opened, source.settings.clone())
    }

    fn new(opened: Opened, settings: Settings) -> Self {
        Self {
            queue: Queue::new(settings.queue_events),
            settings,
            position: AtomicU64::new(opened.journal.position.0),
            journal: Mutex::new(opened.journal),
            state: RwLock::new(opened.state),
            generation: AtomicU64::new(0),
            durability: opened.durability,
            replay: opened.replay,
        }
    }

    /// As [`Signals::record_known`], where every item is in the collection.
    ///
    /// # Errors
    /// As there.
    pub fn record(&self, events: &[Event]) -> Result<Recorded, RecordError> {
        self.record_known(events, &|_| true)
    }

    /// Keeps a batch: on the disk first (where [`durable`](Self::durable)), then in memory; all of it or nothing.
    /// The caller routes: every event is taken as one of this collection. `known` says which items are in the collection.
    /// Blocks until the disk has it.
    ///
    /// # Errors
    /// The first event that can't be accepted, too many wait, or what the disk said.
    pub fn record_known(
        &self,
        events: &[Event],
        known: &dyn Fn(&str) -> bool,
    ) -> Result<Recorded, RecordError> {
        let call = self.call(events, known)?;
        let mut recorded = Recorded {
            accepted: events.len(),
            durable: self.durable(),
            ..Recorded::default()
        };
        if !events.is_empty() {
            let taken = self.queue.submit(call, &|calls| self.write(calls));
            let taken = taken.map_err(|failed| match failed {
                Failed::Full(waiting) => RecordError::Full { waiting },
                Failed::Log(error) => RecordError::Append(error),
            })?;
            (recorded.duplicates, recorded.unknown) = (taken.duplicates, taken.unknown);
            recorded.position = taken.position;
        }
        Ok(recorded)
    }

    /// Events made ready to be written and counted.
    fn call(&self, events: &[Event], known: &dyn Fn(&str) -> bool) -> Result<Call, RecordError> {
        let now = Timestamp::now();
        let mut call = Call {
            records: Vec::with_capacity(events.len()),
            facts: Vec::with_capacity(events.len()),
            bytes: 0,
        };
        for (position, event) in events.iter().enumerate() {
            let checked = event.validate(now, &self.settings.types);
            checked.map_err(|source| RecordError::Invalid { position, source })?;
            let Some(fact) = Fact::of(event, &self.settings.types) else {
                continue;
            };
            if self.durable() {
                let record = to_record(event).map_err(|error| {
                    RecordError::Append(Arc::new(LogError::Stopped(format!(
                        "an event is no JSON: {error}"
                    ))))
                })?;
                call.bytes += record.encoded_len();
                call.records.push(record);
            }
            let known = known(&fact.item);
            call.facts.push((fact, known));
        }
        Ok(call)
    }

    /// Writes calls with one append and counts them.
    fn write(&self, calls: Vec<Call>) -> Result<Vec<Taken>, Arc<LogError>> {
        let (mut records, mut facts, mut ends) = (Vec::new(), Vec::new(), Vec::new());
        for mut call in calls {
            records.append(&mut call.records);
            facts.push(call.facts);
            ends.push(records.len() as u64);
        }
        let mut journal = self.journal();
        let before = journal.position;
        let logged = journal.append(&records)?;
        self.position.store(journal.position.0, Ordering::Release);
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let taken = facts.into_iter().zip(ends).map(|(facts, end)| {
            let mut taken = Taken {
                position: logged.then_some(Position(before.0 + end)),
                ..Taken::default()
            };
            for (fact, known) in facts {
                match state.take(fact, known) {
                    Outcome::Counted => {}
                    Outcome::Duplicate => taken.duplicates += 1,
                    Outcome::Unknown => taken.unknown += 1,
                }
            }
            taken
        });
        let taken = taken.collect();
        drop(state);
        self.generation.fetch_add(1, Ordering::Release);
        Ok(taken)
    }

    fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts events that wait for items which are in the collection now; returns how many. To be called when items have
    /// come.
    pub fn settle(&self, known: &dyn Fn(&str) -> bool) -> usize {
        if !self.state().can_settle(known) {
            return 0;
        }
        // A checkpoint under way goes first, so that readers never wait behind this.
        let _turn = self.journal();
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        let counted = state.settle(known);
        self.generation.fetch_add(1, Ordering::Release);
        counted
    }

    /// Writes everything into one new file at `path`, and says which events it contains. Events that come meanwhile wait;
    /// readers do not.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn checkpoint(&self, path: &Path) -> Result<Checkpoint, CheckpointError> {
        let journal = self.journal();
        checkpoint::write(path, journal.position, &self.state())
    }

    /// Forgets events of the log at and below `through` as far as that is cheap. They stay counted.
    ///
    /// # Errors
    /// A file cannot be removed.
    pub fn truncate(&self, through: Position) -> Result<(), LogError> {
        match &mut self.journal().log {
            Some(log) => log.truncate(through),
            None => Ok(()),
        }
    }

    /// Grows with every batch that changed anything.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// What is accepted and how much is kept.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Whether accepted events survive this process.
    pub fn durable(&self) -> bool {
        self.durability == Durability::Durable
    }

    /// Whether accepted events reach the disk, and if not, why.
    pub fn durability(&self) -> Durability {
        self.durability
    }

    /// What was found when they were opened.
    pub fn replay(&self) -> &Replay {
        &self.replay
    }

    /// The last event of the log that is counted.
    pub fn position(&self) -> Position {
        Position(self.position.load(Ordering::Acquire))
    }

    /// What is held in memory.
    pub fn held(&self) -> Held {
        let state = self.state();
        let charts = state.charts.held();
        Held {
            items: state.items.len(),
            users: state.users.len(),
            sessions: state.sessions.len(),
            baskets: state.baskets.len(),
            segments: charts.segments,
            remembered: state.remembered(),
            waiting: state.unknown(),
            refused_segments: charts.refused,
            bytes: state.bytes(),
            position: self.position(),
        }
    }
}

impl Journal {
    /// Appends records where there is a log; says whether there is.
    fn append(&mut self, records: &[Record]) -> Result<bool, Arc<LogError>> {
        let Some(log) = &mut self.log else {
            return Ok(false);
        };
        self.position = log.append(records)?;
        Ok(true)
    }
}

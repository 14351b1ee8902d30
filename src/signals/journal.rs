//! Accepted events on disk: the log of a collection's events, and how it is opened.
//!
//! One process writes it and holds its lock. Where it cannot be written, or another process writes it, what it holds is
//! read once, and events count in memory only. Events that an earlier version kept in `events.jsonl` are taken into the
//! log once, and the file is renamed to `events.jsonl.imported`.

use super::fact::{Fact, from_record, to_record};
use super::lines::read_lines;
use super::settings::Settings;
use super::state::State;
use super::{Event, checkpoint};
use crate::log::{EmbeddedLog, Log, LogError, LogSettings, Position, ReadOnlyLog, Record};
use jiff::Timestamp;
use rayon::prelude::*;
use std::fmt;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// The file that an earlier version kept events in.
pub const OLD_FILE: &str = "events.jsonl";
const IMPORTED_FILE: &str = "events.jsonl.imported";

/// Records that are read, or imported, together.
const CHUNK: usize = 8_192;

/// Whether accepted events reach the disk, and if not, why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// They do.
    Durable,
    /// The folder can't be written (a read-only replica): events last as long as this process.
    ReadOnly,
    /// Another process writes the log: events last as long as this process.
    Locked,
    /// There is no log, because none was wanted or it cannot be used: events last as long as this process.
    None,
}

/// What was found when signals were opened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Replay {
    /// The position of the checkpoint that was read, where one was.
    pub checkpoint: Option<Position>,
    /// Events read from the log after it.
    pub events: u64,
    /// Of them, those that are no longer understood: of a type that the settings do not have any more, for example.
    pub passed_over: u64,
    /// Events taken over from `events.jsonl`.
    pub imported: u64,
    /// Bytes of an append that a crash interrupted, which were cut off; nobody was told that they were kept.
    pub torn_bytes: u64,
    /// What is wrong with what is there, in words.
    pub problems: Vec<String>,
}

impl fmt::Display for Replay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(position) = self.checkpoint {
            write!(f, "checkpoint at {position}, ")?;
        }
        write!(f, "{} events read", self.events)?;
        if self.passed_over > 0 {
            write!(f, ", {} of them not understood", self.passed_over)?;
        }
        if self.imported > 0 {
            write!(f, ", {} imported", self.imported)?;
        }
        if self.torn_bytes > 0 {
            write!(f, "; {} bytes of an unfinished write at the end", self.torn_bytes)?;
        }
        self.problems
            .iter()
            .try_for_each(|problem| write!(f, "; {problem}"))
    }
}

/// The log, held from a write until what was written is counted.
pub(super) struct Journal {
    /// Absent when events can't be made durable here.
    pub(super) log: Option<Box<dyn Log>>,
    /// The last event of the log that is counted.
    pub(super) position: Position,
}

/// Where signals come from.
pub(super) struct Source<'a> {
    pub(super) dir: &'a Path,
    pub(super) checkpoints: &'a [PathBuf],
    pub(super) settings: &'a Settings,
    pub(super) known: &'a dyn Fn(&str) -> bool,
    /// Whether to write; without, no lock is taken and nothing is changed.
    pub(super) write: bool,
}

/// Signals as they were found.
pub(super) struct Opened {
    pub(super) journal: Journal,
    pub(super) state: State,
    pub(super) durability: Durability,
    pub(super) replay: Replay,
}

/// Opens (or starts) the log of events, and reads the newest checkpoint and everything after it.
pub(super) fn open(source: &Source<'_>) -> Opened {
    let mut replay = Replay::default();
    let (position, state) = load(source, &mut replay);
    let (log, durability) = open_log(source, position, &mut replay);
    let mut opened = Opened {
        journal: Journal { log, position },
        state,
        durability,
        replay,
    };
    opened.read(source);
    opened.import(source);
    opened
}

/// The newest checkpoint that can be read, or nothing.
fn load(source: &Source<'_>, replay: &mut Replay) -> (Position, State) {
    let mut found = Vec::new();
    for path in source.checkpoints {
        match checkpoint::checkpoint_position(path) {
            Ok(position) => found.push((position, path)),
            Err(error) => replay.problems.push(error.to_string()),
        }
    }
    found.sort_unstable_by(|a, b| b.cmp(a));
    for (_, path) in found {
        match checkpoint::read(path, source.settings) {
            Ok((position, state)) => {
                replay.checkpoint = Some(position);
                return (position, state);
            }
            Err(error) => replay.problems.push(error.to_string()),
        }
    }
    (Position::START, State::new(source.settings))
}

fn open_log(source: &Source<'_>, start: Position, replay: &mut Replay) -> (Option<Box<dyn Log>>, Durability) {
    if !source.write {
        return (None, Durability::None);
    }
    let settings = LogSettings {
        segment_bytes: source.settings.segment_bytes,
        start,
    };
    match EmbeddedLog::open(source.dir, settings) {
        Ok((log, opened)) => {
            replay.torn_bytes = opened.torn_bytes;
            (Some(Box::new(log)), Durability::Durable)
        }
        Err(LogError::Locked { .. }) => (None, Durability::Locked),
        Err(LogError::Io { source, .. }) if is_read_only(&source) => (None, Durability::ReadOnly),
        Err(error) => {
            replay.problems.push(error.to_string());
            (None, Durability::None)
        }
    }
}

fn is_read_only(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
    )
}

impl Opened {
    /// Counts what the log has after the checkpoint.
    fn read(&mut self, source: &Source<'_>) {
        let mut read = self.read_after(source, self.journal.position);
        if let Err(LogError::Gone { start, .. }) = &read {
            let start = *start;
            let lost = format!("events up to {start} are gone and in no checkpoint");
            self.replay.problems.push(lost);
            read = self.read_after(source, start);
        }
        if let Err(error) = read {
            // Nothing is appended to what cannot be read again.
            self.replay.problems.push(error.to_string());
            (self.journal.log, self.durability) = (None, Durability::None);
        }
    }

    fn read_after(&mut self, source: &Source<'_>, after: Position) -> Result<(), LogError> {
        let log = self.journal.log.take();
        let mut chunk = Chunk::default();
        let mut each = |position: Position, record: Record| {
            chunk.push(position, record);
            if chunk.documents.len() >= CHUNK {
                chunk.count(self, source);
            }
            Ok(())
        };
        let read = match &log {
            Some(log) => log.read(after, &mut each),
            None => ReadOnlyLog::open(source.dir).read(after, &mut each).map(drop),
        };
        chunk.count(self, source);
        self.journal.log = log;
        read
    }

    /// Takes over the file of an earlier version.
    fn import(&mut self, source: &Source<'_>) {
        let path = source.dir.join(OLD_FILE);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => {
                self.replay.problems.push(format!("{}: {error}", path.display()));
                return;
            }
        };
        let writes = self.journal.log.is_some();
        let locked = matches!(file.try_lock(), Err(TryLockError::WouldBlock));
        let imported = match writes && locked {
            true => Err("an earlier version still writes it; stop it and start this one again".to_owned()),
            false => self.import_lines(&file, source),
        };
        let imported = imported.and_then(|()| match writes {
            true => set_aside(source.dir).map_err(|error| error.to_string()),
            false => Ok(()),
        });
        if let Err(error) = imported {
            self.replay
                .problems
                .push(format!("{}: not taken over: {error}", path.display()));
        }
    }

    fn import_lines(&mut self, file: &File, source: &Source<'_>) -> Result<(), String> {
        let mut events = Vec::new();
        let mut failed = Ok(());
        let found = read_lines(
            file,
            Timestamp::now(),
            &source.settings.types,
            &mut |line, event| {
                events.push(with_id(event, line));
                if events.len() >= CHUNK && failed.is_ok() {
                    failed = self.import_events(&std::mem::take(&mut events), source);
                }
            },
        );
        let found = found.map_err(|error| error.to_string())?;
        failed?;
        self.import_events(&events, source)?;
        if found.damaged_lines > 0 {
            self.replay.problems.push(format!("{OLD_FILE}: {found}"));
        }
        Ok(())
    }

    fn import_events(&mut self, events: &[Event], source: &Source<'_>) -> Result<(), String> {
        if let Some(log) = &mut self.journal.log {
            let records: Result<Vec<Record>, _> = events.iter().map(to_record).collect();
            let records = records.map_err(|error| error.to_string())?;
            self.journal.position = log.append(&records).map_err(|error| error.to_string())?;
        }
        for event in events {
            if let Some(fact) = Fact::of(event, &source.settings.types) {
                let known = (source.known)(&fact.item);
                self.state.take(fact, known);
            }
        }
        self.replay.imported += events.len() as u64;
        Ok(())
    }
}

/// An event of a file that is imported has an id of its own: an import that was interrupted starts again.
fn with_id(mut event: Event, line: u64) -> Event {
    event.id.get_or_insert_with(|| format!("{OLD_FILE}:{line}"));
    event
}

fn set_aside(dir: &Path) -> io::Result<()> {
    fs::rename(dir.join(OLD_FILE), dir.join(IMPORTED_FILE))?;
    File::open(dir)?.sync_all()
}

/// Records that are made ready together, on all cores, and counted in order.
#[derive(Default)]
struct Chunk {
    documents: Vec<Option<Box<str>>>,
    last: Position,
}

impl Chunk {
    fn push(&mut self, position: Position, record: Record) {
        self.last = position;
        self.documents.push(match record {
            Record::Event(document) => Some(document),
            _ => None,
        });
    }

    fn count(&mut self, opened: &mut Opened, source: &Source<'_>) {
        let types = &source.settings.types;
        let ready = |document: Option<Box<str>>| Fact::of(&from_record(&document?).ok()?, types);
        let facts: Vec<Option<Fact>> = std::mem::take(&mut self.documents)
            .into_par_iter()
            .map(ready)
            .collect();
        opened.replay.events += facts.len() as u64;
        opened.replay.passed_over += facts.iter().filter(|fact| fact.is_none()).count() as u64;
        if !facts.is_empty() {
            opened.journal.position = self.last;
        }
        for fact in facts.into_iter().flatten() {
            let known = (source.known)(&fact.item);
            opened.state.take(fact, known);
        }
    }
}

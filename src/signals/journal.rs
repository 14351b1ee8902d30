//! Accepted events on disk: `events.jsonl`, one JSON line per event, only ever appended to.
//!
//! One process writes: it holds an exclusive advisory lock on the file for as long as it has it open. A batch is
//! written with one write and synced before it is acknowledged. A write that fails leaves the file as it was before;
//! if even that fails, the next append cuts the file first, so that no line ever follows a torn one.

use super::event::Event;
use super::replay::{Replay, replay};
use jiff::Timestamp;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The journal's name in its folder.
pub const FILE_NAME: &str = "events.jsonl";

/// Whether accepted events reach the disk, and if not, why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Durability {
    /// They do.
    Durable,
    /// The folder or file can't be written (a read-only replica): events last as long as this process.
    ReadOnly,
    /// Another process holds the journal: events last as long as this process.
    Locked,
    /// There is no journal, because none was wanted or it could not be read: events last as long as this process.
    None,
}

/// Why a journal can't be opened.
#[derive(Debug, thiserror::Error)]
#[error("can't {action} {}: {source}", path.display())]
pub struct OpenError {
    /// What was tried.
    action: &'static str,
    /// The file or folder.
    path: PathBuf,
    /// What the system said.
    source: io::Error,
}

/// Why events could not be written. None of them was kept.
#[derive(Debug, thiserror::Error)]
#[error("can't append {events} events to {}: {source}; none was kept, send them again", path.display())]
pub struct AppendError {
    /// The journal.
    pub path: PathBuf,
    /// How many events the batch had.
    pub events: usize,
    /// What the system said.
    pub source: io::Error,
}

impl AppendError {
    /// Whether the disk, or this user's share of it, is full.
    pub fn is_disk_full(&self) -> bool {
        matches!(
            self.source.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
        )
    }
}

/// What the journal asks of its file.
pub(super) trait Storage: Send {
    /// Writes all of `bytes` at the end.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Returns once everything written is on the disk.
    fn sync(&mut self) -> io::Result<()>;
    /// Cuts the file.
    fn truncate(&mut self, length: u64) -> io::Result<()>;
}

impl Storage for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn truncate(&mut self, length: u64) -> io::Result<()> {
        self.set_len(length)
    }
}

/// A journal that this process writes.
pub(super) struct Journal {
    storage: Box<dyn Storage>,
    path: PathBuf,
    /// The length after the last acknowledged batch.
    length: u64,
    /// Whether a failed append may have left bytes beyond `length`.
    tail_unknown: bool,
}

impl Journal {
    pub(super) fn new(storage: Box<dyn Storage>, path: PathBuf, length: u64) -> Self {
        Self {
            storage,
            path,
            length,
            tail_unknown: false,
        }
    }

    /// Writes the events and returns once they are on the disk.
    pub(super) fn append(&mut self, events: &[Event]) -> Result<(), AppendError> {
        self.try_append(events).map_err(|source| AppendError {
            path: self.path.clone(),
            events: events.len(),
            source,
        })
    }

    fn try_append(&mut self, events: &[Event]) -> io::Result<()> {
        let lines = to_lines(events)?;
        self.cut_unknown_tail()?;
        self.tail_unknown = true;
        let written = self.storage.append(&lines).and_then(|()| self.storage.sync());
        match written {
            Ok(()) => {
                self.length += lines.len() as u64;
                self.tail_unknown = false;
                Ok(())
            }
            Err(error) => {
                if let Err(error) = self.cut_unknown_tail() {
                    tracing::warn!(path = %self.path.display(), %error, "could not cut a failed write; will retry");
                }
                Err(error)
            }
        }
    }

    fn cut_unknown_tail(&mut self) -> io::Result<()> {
        if self.tail_unknown {
            self.storage.truncate(self.length)?;
            self.tail_unknown = false;
        }
        Ok(())
    }
}

fn to_lines(events: &[Event]) -> io::Result<Vec<u8>> {
    let mut lines = Vec::with_capacity(events.len() * 128);
    for event in events {
        serde_json::to_writer(&mut lines, event)?;
        lines.push(b'\n');
    }
    Ok(lines)
}

/// A journal as it was found.
pub(super) struct Opened {
    /// Absent when events can't be made durable here.
    pub(super) journal: Option<Journal>,
    pub(super) durability: Durability,
    pub(super) replay: Replay,
}

/// Opens (or starts) the journal in `dir`, hands its events to `apply`, and cuts a torn last line where this process
/// may write.
pub(super) fn open(dir: &Path, now: Timestamp, apply: &mut dyn FnMut(&Event)) -> Result<Opened, OpenError> {
    let path = dir.join(FILE_NAME);
    match open_to_write(dir, &path)? {
        Ok(file) => take_over(file, dir, path, now, apply),
        Err(durability) => {
            let replay = read_only(&path, now, apply)?;
            Ok(Opened {
                journal: None,
                durability,
                replay,
            })
        }
    }
}

/// The locked file, or why this process may not write it.
fn open_to_write(dir: &Path, path: &Path) -> Result<Result<File, Durability>, OpenError> {
    let opened = fs::create_dir_all(dir)
        .and_then(|()| OpenOptions::new().read(true).append(true).create(true).open(path));
    let file = match opened {
        Ok(file) => file,
        Err(error) if is_read_only(&error) => return Ok(Err(Durability::ReadOnly)),
        Err(source) => {
            return Err(OpenError {
                action: "open the journal",
                path: path.into(),
                source,
            });
        }
    };
    match file.try_lock() {
        Ok(()) => Ok(Ok(file)),
        Err(TryLockError::WouldBlock) => Ok(Err(Durability::Locked)),
        Err(TryLockError::Error(source)) => Err(OpenError {
            action: "lock the journal",
            path: path.into(),
            source,
        }),
    }
}

fn is_read_only(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem
    )
}

fn take_over(
    file: File,
    dir: &Path,
    path: PathBuf,
    now: Timestamp,
    apply: &mut dyn FnMut(&Event),
) -> Result<Opened, OpenError> {
    let failed = |action| {
        let path = path.clone();
        move |source| OpenError { action, path, source }
    };
    let replay = replay(&file, now, apply).map_err(failed("read the journal"))?;
    if replay.torn_bytes > 0 {
        let cut = file.set_len(replay.good_length).and_then(|()| file.sync_data());
        cut.map_err(failed("cut the torn end of the journal"))?;
    }
    if replay.good_length == 0 {
        sync_names(dir).map_err(failed("sync the folder of the journal"))?;
    }
    let journal = Journal::new(Box::new(file), path, replay.good_length);
    Ok(Opened {
        journal: Some(journal),
        durability: Durability::Durable,
        replay,
    })
}

/// Makes a new file's name, and its folder's, survive a power cut.
fn sync_names(dir: &Path) -> io::Result<()> {
    File::open(dir)?.sync_all()?;
    match dir.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => Ok(()),
    }
}

/// Reads a journal that belongs to somebody else; a torn end may be a write in progress and is left alone.
fn read_only(path: &Path, now: Timestamp, apply: &mut dyn FnMut(&Event)) -> Result<Replay, OpenError> {
    let failed = |source| OpenError {
        action: "read the journal",
        path: path.into(),
        source,
    };
    match File::open(path) {
        Ok(file) => replay(&file, now, apply).map_err(failed),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Replay::default()),
        Err(source) => Err(failed(source)),
    }
}

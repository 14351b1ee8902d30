//! Why the log could not be read or written.

use super::Position;
use std::io;
use std::path::{Path, PathBuf};

/// An error with the log. Every message names the file and what to do.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// Reading or writing failed. After a failed append nothing of it is in the log.
    #[error("{}: cannot {action}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was being done ("append to", "sync", "read", …).
        action: &'static str,
        /// The system's own error.
        source: io::Error,
    },
    /// A part that was acknowledged is not what was written.
    #[error("{} is damaged at byte {offset}: {found}; records from {first} on cannot be read. Restore this file from a backup, or serve an older state by moving it away", path.display())]
    Damaged {
        /// The segment.
        path: PathBuf,
        /// Where in it.
        offset: u64,
        /// What was found.
        found: String,
        /// The first record that is lost.
        first: Position,
    },
    /// Records that are asked for have been collected.
    #[error(
        "the log has records after {start} only, {wanted} was asked for: it was collected because no snapshot needed it"
    )]
    Gone {
        /// What was asked for.
        wanted: Position,
        /// The position before the first record there is.
        start: Position,
    },
    /// Another process writes this log.
    #[error("{} is locked: another process writes this collection; send changes there, or stop it", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// A segment of another version of the format.
    #[error("{} has log format version {found}, this binary reads version {newest}; run the one that wrote it", path.display())]
    Version {
        /// The segment.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest version this binary reads.
        newest: u32,
    },
    /// A record is larger than a log takes.
    #[error("a record of {bytes} bytes is larger than {limit} bytes; send a smaller document")]
    TooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// Records that are appended together are larger than an append takes.
    #[error("records of {bytes} bytes together are more than {limit} bytes; append them in smaller parts")]
    TooMuch {
        /// Their size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// Records that another process was writing, and that have been read already, were taken back: their writer could not
    /// make them durable, so nobody was told that they were.
    #[error("{}: records after {last} were taken back by the process that wrote them; open the collection again from its snapshot", path.display())]
    Withdrawn {
        /// The segment.
        path: PathBuf,
        /// The last record that still stands, or an earlier one.
        last: Position,
    },
    /// Whoever was reading stopped.
    #[error("{0}")]
    Stopped(String),
}

impl LogError {
    pub(super) fn io(path: &Path, action: &'static str, source: io::Error) -> Self {
        Self::Io {
            path: path.into(),
            action,
            source,
        }
    }

    pub(super) fn damaged(path: &Path, offset: u64, found: impl Into<String>, first: u64) -> Self {
        Self::Damaged {
            path: path.into(),
            offset,
            found: found.into(),
            first: Position(first),
        }
    }

    /// Whether the disk, or this user's share of it, is full.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        matches!(
            self,
            Self::Io { source, .. } if matches!(
                source.kind(),
                io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
            )
        )
    }
}

//! Why a collection was not exported or imported.

use crate::log::{LogError, Position};
use crate::snapshot::SnapshotError;
use std::path::{Path, PathBuf};

/// A collection that was not exported or imported; nothing was left half done.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// A name that says nothing about how it is packed.
    #[error("{}: an export's name ends in .tar or .tar.zst", path.display())]
    Name {
        /// The file.
        path: PathBuf,
    },
    /// Reading or writing failed.
    #[error("{}: cannot {action}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was being done.
        action: &'static str,
        /// The system's own error.
        source: std::io::Error,
    },
    /// There is something of that name.
    #[error("{} exists; choose another name or move it away", path.display())]
    Exists {
        /// The file or the collection's folder.
        path: PathBuf,
    },
    /// An archive that is not an export, or not as it was written.
    #[error("{}: {entry}: {detail}; nothing was imported", path.display())]
    Damaged {
        /// The archive.
        path: PathBuf,
        /// The part of it.
        entry: String,
        /// What is wrong.
        detail: String,
    },
    /// An archive of another version of the format.
    #[error("{} has export format version {found}, this binary reads version {newest}; import it with the one that wrote it", path.display())]
    Version {
        /// The archive.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest version this binary reads.
        newest: u32,
    },
    /// The log does not hold what the listing says.
    #[error("{}: its log ends at {found}, its listing says {expected}; nothing was imported", path.display())]
    Position {
        /// The archive.
        path: PathBuf,
        /// Where the log ends.
        found: Position,
        /// Where it should.
        expected: Position,
    },
    /// A snapshot is refused.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The log is refused.
    #[error(transparent)]
    Log(#[from] LogError),
}

impl BackupError {
    pub(super) fn io(path: &Path, action: &'static str, source: std::io::Error) -> Self {
        Self::Io {
            path: path.to_path_buf(),
            action,
            source,
        }
    }

    pub(super) fn damaged(path: &Path, entry: &str, detail: impl Into<String>) -> Self {
        Self::Damaged {
            path: path.to_path_buf(),
            entry: entry.to_owned(),
            detail: detail.into(),
        }
    }
}

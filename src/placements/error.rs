//! Why placements could not be read or kept.

use super::{MAX_PLACEMENT_BYTES, MAX_PLACEMENTS};
use crate::snapshot::SnapshotError;
use std::path::PathBuf;

/// An error with the placements of a collection.
#[derive(Debug, thiserror::Error)]
pub enum PlacementsError {
    /// A name that cannot be a placement.
    #[error("placement {name:?}: a name is 1 to 64 characters of a-z, 0-9, '_' and '-'")]
    Name {
        /// The refused name.
        name: String,
    },
    /// There are as many as there may be.
    #[error("the collection has {MAX_PLACEMENTS} placements, the most there may be; delete one first")]
    TooMany,
    /// One that is too large.
    #[error("the placement takes {bytes} bytes as JSON, at most {MAX_PLACEMENT_BYTES} are kept")]
    TooLarge {
        /// Its size.
        bytes: usize,
    },
    /// Reading failed.
    #[error("{}: cannot {action}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was being done.
        action: &'static str,
        /// The system's own error.
        source: std::io::Error,
    },
    /// The file is not what it should be.
    #[error("{} is damaged: {found}; nothing is written over it: mend it, or move it away to begin without placements", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        found: String,
    },
    /// The file was written by another version.
    #[error("{} has format version {found}, this binary reads version {newest}; run the one that wrote it, or a newer one", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u64,
        /// The version that this binary reads.
        newest: u64,
    },
    /// Writing failed.
    #[error(transparent)]
    Write(#[from] SnapshotError),
}

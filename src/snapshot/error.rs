//! Why a snapshot could not be written, published or opened.

use std::path::{Path, PathBuf};

/// An error with a snapshot or its store. Every message names the file and what to do.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// Reading or writing failed.
    #[error("{}: cannot {action}: {source}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What was being done ("create", "read", …).
        action: &'static str,
        /// The system's own error.
        source: std::io::Error,
    },
    /// A file's content is not what the manifest or the format says.
    #[error("{} is damaged: {found}, expected {expected}; rebuild the snapshot or point CURRENT at an intact one", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        found: String,
        /// What should have been there.
        expected: String,
    },
    /// The snapshot was written by another version of the format.
    #[error("{} has snapshot format version {found}, this binary reads versions 1 to {newest}; rebuild it with this binary, or run the one that wrote it", path.display())]
    Version {
        /// The manifest.
        path: PathBuf,
        /// Its version.
        found: u32,
        /// The newest version this binary reads.
        newest: u32,
    },
    /// The index file was refused.
    #[error("{}: {source}", path.display())]
    Index {
        /// The index file.
        path: PathBuf,
        /// Why.
        source: alike_indexes::IndexError,
    },
    /// A name that cannot be a collection.
    #[error(
        "collection {name:?}: a name is 1 to 64 characters of a-z, A-Z, 0-9, '-' and '_', starting with a letter or digit"
    )]
    CollectionName {
        /// The refused name.
        name: String,
    },
    /// Nothing is published under that name.
    #[error("no collection {name:?} is published in {}; `alike build --data {} --collection {name} …` makes one", data.display(), data.display())]
    NoCollection {
        /// The name asked for.
        name: String,
        /// The data directory.
        data: PathBuf,
    },
    /// Another build of the same collection is running.
    #[error("another build of collection {name:?} is running ({} is locked); wait for it or stop it", path.display())]
    Busy {
        /// The collection.
        name: String,
        /// The lock file.
        path: PathBuf,
    },
    /// The collection's files are being copied.
    #[error("collection {name:?} is being exported ({} is locked); wait for it or stop it", path.display())]
    Copied {
        /// The collection.
        name: String,
        /// The lock file.
        path: PathBuf,
    },
    /// More rows than one snapshot can number.
    #[error("a snapshot holds at most {limit} rows; split the catalog into several collections")]
    TooManyRows {
        /// The limit.
        limit: u64,
    },
}

impl SnapshotError {
    pub(crate) fn io(path: &Path, action: &'static str, source: std::io::Error) -> Self {
        Self::Io {
            path: path.to_path_buf(),
            action,
            source,
        }
    }

    pub(crate) fn damaged(path: &Path, found: impl Into<String>, expected: impl Into<String>) -> Self {
        Self::Damaged {
            path: path.to_path_buf(),
            found: found.into(),
            expected: expected.into(),
        }
    }
}

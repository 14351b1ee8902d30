//! What can be wrong with a catalog file.
//!
//! Each message is complete by itself: a cause is part of it, not a further link of an error chain.

use std::io;
use std::path::{Path, PathBuf};

/// The file as a whole can't be read, or not any further.
#[derive(Debug, thiserror::Error)]
pub enum CatalogError {
    /// There is no such file.
    #[error("{}: no such file", path.display())]
    NotFound {
        /// The file.
        path: PathBuf,
    },
    /// The operating system refuses it.
    #[error("{}: no permission to read it", path.display())]
    PermissionDenied {
        /// The file.
        path: PathBuf,
    },
    /// A directory, a pipe, a device.
    #[error("{}: is {found}; a catalog is one regular file", path.display())]
    NotAFile {
        /// The path.
        path: PathBuf,
        /// What it is.
        found: &'static str,
    },
    /// The file's ending names no format that is read.
    #[error(
        "{}: {found}; Alike reads .jsonl, .ndjson, .json, .csv, .tsv and .parquet, each also with .gz or .zst",
        path.display()
    )]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// What its name ends in.
        found: String,
    },
    /// The file's first bytes contradict its ending.
    #[error("{}: its name says {expected}, its first bytes are {found}; rename or convert it", path.display())]
    Mislabeled {
        /// The file.
        path: PathBuf,
        /// The format that the ending names.
        expected: &'static str,
        /// What the bytes look like.
        found: &'static str,
    },
    /// Compressed data ends early or is damaged.
    #[error("{}: the {compression} data is damaged or cut short after {bytes} of {total} bytes: {cause}", path.display())]
    Compressed {
        /// The file.
        path: PathBuf,
        /// The compression.
        compression: &'static str,
        /// How many bytes of the file had been read.
        bytes: u64,
        /// The file's size.
        total: u64,
        /// The decoder's complaint.
        cause: io::Error,
    },
    /// Reading failed.
    #[error("{}: can't be read: {cause}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The operating system's complaint.
        cause: io::Error,
    },
    /// A compressed Parquet file could not be unpacked into the folder for temporary files.
    #[error("{}: can't be unpacked into {}: {cause}; free space there or set TMPDIR", path.display(), folder.display())]
    Unpack {
        /// The file.
        path: PathBuf,
        /// The folder for temporary files.
        folder: PathBuf,
        /// The operating system's complaint.
        cause: io::Error,
    },
    /// A CSV or TSV header that names no columns, or two of them alike.
    #[error("{}: line {line}: the header {reason}", path.display())]
    Header {
        /// The file.
        path: PathBuf,
        /// The header's line.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The file's structure is broken at a place after which rows can't be told apart.
    #[error("{}: line {line}: {reason}", path.display())]
    Structure {
        /// The file.
        path: PathBuf,
        /// The line where the broken part starts.
        line: u64,
        /// What is wrong.
        reason: String,
    },
    /// Not a Parquet file, a damaged one, or one with a column that can't be read.
    #[error("{}: can't be read as Parquet: {reason}", path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

impl CatalogError {
    /// Sorts an operating-system error by what it means for the file.
    pub(super) fn from_io(path: &Path, cause: io::Error) -> Self {
        let path = path.to_owned();
        match cause.kind() {
            io::ErrorKind::NotFound => Self::NotFound { path },
            io::ErrorKind::PermissionDenied => Self::PermissionDenied { path },
            _ => Self::Io { path, cause },
        }
    }
}

/// One row can't be used; the rows after it can.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {reason}")]
pub struct RowError {
    /// The row's line (its 1-based row number in a Parquet file).
    pub line: u64,
    /// What is wrong with it, in a sentence that names field, value and expectation.
    pub reason: String,
}

/// What a [`super::Reader`] gives instead of a row.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// This row can't be used; reading goes on with the next.
    #[error(transparent)]
    Row(#[from] RowError),
    /// Nothing more can be read.
    #[error(transparent)]
    Fatal(#[from] CatalogError),
}

impl ReadError {
    pub(super) fn row(line: u64, reason: impl Into<String>) -> Self {
        Self::Row(RowError {
            line,
            reason: reason.into(),
        })
    }
}

/// The reason given for a row beyond [`super::MAX_ROW_BYTES`].
pub(super) fn too_long() -> String {
    format!(
        "longer than {} MiB, the most one row may have",
        super::MAX_ROW_BYTES >> 20
    )
}

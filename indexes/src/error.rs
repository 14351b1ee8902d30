//! Everything that can go wrong here, in one enum.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Which vector an error is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The query vector.
    Query,
    /// The vector with this row number.
    Row(u64),
    /// The query with this row number of a batch.
    QueryRow(u64),
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Query => formatter.write_str("query"),
            Self::Row(row) => write!(formatter, "row {row}"),
            Self::QueryRow(row) => write!(formatter, "query row {row}"),
        }
    }
}

/// What went wrong: the field or path, the value found, what was expected, and what to do.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum IndexError {
    /// A flat slice of values is not a whole number of vectors.
    #[error(
        "vectors: found {values} values, expected a multiple of the dimension {dimension} (1 to {max}); pass whole rows"
    )]
    Shape {
        /// Number of values given.
        values: usize,
        /// Dimension given.
        dimension: usize,
        /// Largest dimension allowed.
        max: usize,
    },
    /// A vector has another dimension than the index.
    #[error(
        "{field}: found dimension {found}, expected {expected}; use the model that the index was built with"
    )]
    Dimension {
        /// What has the wrong dimension.
        field: &'static str,
        /// Its dimension.
        found: usize,
        /// The index's dimension.
        expected: usize,
    },
    /// A vector holds NaN or an infinity.
    #[error(
        "{place}: found {found} at position {position}, expected a finite number; drop or repair that vector"
    )]
    NotFinite {
        /// Which vector.
        place: Place,
        /// Position in it.
        position: usize,
        /// The value.
        found: f32,
    },
    /// A vector of zeros has no direction, so no cosine.
    #[error(
        "{place}: found all zeros, expected a direction (metric cosine); drop that vector or use metric dot or l2"
    )]
    ZeroVector {
        /// Which vector.
        place: Place,
    },
    /// A vector is so long that its squared length overflows.
    #[error(
        "{place}: found length {found:e}, expected at most {expected:e} (metric dot or l2); scale the vectors down"
    )]
    TooLong {
        /// Which vector.
        place: Place,
        /// Its Euclidean length.
        found: f64,
        /// The longest allowed.
        expected: f64,
    },
    /// A filter is over another number of rows than the index has.
    #[error(
        "filter: found a set over {found} rows, expected {expected}; make the filter from the same snapshot"
    )]
    FilterLength {
        /// Rows the filter is over.
        found: usize,
        /// Rows in the index.
        expected: usize,
    },
    /// More rows than a row number can count.
    #[error("vectors: found {found} rows, expected at most {expected}; split the collection")]
    TooManyRows {
        /// Rows given.
        found: usize,
        /// The most that fit.
        expected: usize,
    },
    /// A setting has a value that cannot work.
    #[error("{name}: found {found:?}, expected {expected}; change that setting")]
    Setting {
        /// Name of the setting.
        name: &'static str,
        /// Value given.
        found: String,
        /// What would do.
        expected: String,
    },
    /// The kind `faiss` where this program has none.
    #[error(
        "{place}: found kind faiss, but this program was built without the feature faiss; rebuild with --features faiss"
    )]
    WithoutFaiss {
        /// The setting or the file.
        place: String,
    },
    /// The index to build on is of another sort than the one to build.
    #[error(
        "{}: found {field} {found}, expected {expected}; name an index of that {field} to build on, or build from nothing",
        path.display()
    )]
    Previous {
        /// The file to build on.
        path: PathBuf,
        /// What differs: kind, metric or dimension.
        field: &'static str,
        /// What the file has.
        found: String,
        /// What the new index is to have.
        expected: String,
    },
    /// The operating system refused.
    #[error("{}: could not {action}: {source}", path.display())]
    Io {
        /// File or folder.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// The system's answer.
        source: io::Error,
    },
    /// The file is something else.
    #[error("{}: found a file that starts with {found}, expected an Alike index file; check the path", path.display())]
    NotAnIndex {
        /// The file.
        path: PathBuf,
        /// Its first bytes.
        found: String,
    },
    /// The file was written by another version of the format.
    #[error(
        "{}: found index format version {found}, expected {expected}; rebuild the index with this version of alike",
        path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// Version in the file.
        found: u32,
        /// Version that this program reads.
        expected: u32,
    },
    /// The file is truncated or its content changed.
    #[error(
        "{}: damaged at {part}: found {found}, expected {expected}; rebuild the index or restore the file from a copy",
        path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Which part of it.
        part: String,
        /// What is there.
        found: String,
        /// What should be there.
        expected: String,
    },
}

impl IndexError {
    /// For `map_err`: an operating system error on `path` while trying to `action`.
    pub(crate) fn io(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { path, action, source }
    }

    /// The same error, about the query with this row number of a batch.
    pub(crate) fn in_batch(mut self, row: usize) -> Self {
        if let Self::NotFinite { place, .. } | Self::ZeroVector { place } | Self::TooLong { place, .. } =
            &mut self
        {
            *place = Place::QueryRow(row as u64);
        }
        self
    }

    /// The kind `faiss`, in a setting or a file, where this program has none.
    #[cfg(not(feature = "faiss"))]
    pub(crate) fn without_faiss(place: impl fmt::Display) -> Self {
        Self::WithoutFaiss {
            place: place.to_string(),
        }
    }

    /// A damaged part of a file.
    pub(crate) fn damaged(
        path: &Path,
        part: impl Into<String>,
        found: impl fmt::Display,
        expected: impl fmt::Display,
    ) -> Self {
        Self::Damaged {
            path: path.to_owned(),
            part: part.into(),
            found: found.to_string(),
            expected: expected.to_string(),
        }
    }
}

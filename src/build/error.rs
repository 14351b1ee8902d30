//! Why a build published nothing.

use crate::catalog::{CatalogError, RowError};
use crate::engine::EngineError;
use crate::log::LogError;
use crate::snapshot::SnapshotError;
use alike_embeddings::EmbeddingError;
use alike_indexes::IndexError;
use std::path::PathBuf;

/// A build that published nothing.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The catalog cannot be read.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// A row can't be used, and such rows are fatal.
    #[error("{0}\nnothing was published; correct the row, or leave such rows out with --on-error skip")]
    Row(RowError),
    /// The catalog has no rows.
    #[error("{} has no rows; nothing was published", input.display())]
    Empty {
        /// The catalog.
        input: PathBuf,
    },
    /// Every row was rejected.
    #[error("{}: none of {rejected} rows can be used; nothing was published", input.display())]
    NothingUsable {
        /// The catalog.
        input: PathBuf,
        /// Its rows.
        rejected: u64,
    },
    /// An index setting is out of range.
    #[error(transparent)]
    Settings(#[from] IndexError),
    /// The model is missing or refused.
    #[error(transparent)]
    Model(#[from] EngineError),
    /// The collection's log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A text cannot be encoded.
    #[error(transparent)]
    Encoder(#[from] EmbeddingError),
    /// A file cannot be written, or the index refuses the vectors.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// What events have taught cannot be written.
    #[error(transparent)]
    Signals(#[from] crate::signals::CheckpointError),
}

//! Why a call could not be answered.

use crate::experiments::ExperimentError;
use crate::log::{LogError, Position};
use crate::placements::PlacementsError;
use crate::snapshot::SnapshotError;
use alike_embeddings::EmbeddingError;
use alike_indexes::IndexError;

/// A call that could not be answered.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A part of the request is wrong.
    #[error("{field}: {detail}")]
    Invalid {
        /// The offending field, as a path into the request.
        field: String,
        /// What is wrong and what is expected.
        detail: String,
    },
    /// No collection of that name is served.
    #[error("no collection {name:?} is served; {}", known(served))]
    NoCollection {
        /// The name asked for.
        name: String,
        /// What is served.
        served: Vec<String>,
    },
    /// The collection's snapshot was refused and there is no earlier one in memory.
    #[error("collection {name:?} is not served: {reason}")]
    Refused {
        /// The collection.
        name: String,
        /// Why its snapshot was refused.
        reason: String,
    },
    /// No such item.
    #[error("{field}: collection {collection:?} has no item {id:?}")]
    NoItem {
        /// The offending field, as a path into the request.
        field: String,
        /// The collection.
        collection: String,
        /// The id asked for.
        id: String,
    },
    /// No such placement.
    #[error("placement: collection {collection:?} has no placement {name:?}")]
    NoPlacement {
        /// The collection.
        collection: String,
        /// The name asked for.
        name: String,
    },
    /// The placements of a collection cannot be read or written.
    #[error(transparent)]
    Placements(Box<PlacementsError>),
    /// The encoder failed.
    #[error(transparent)]
    Encoder(#[from] EmbeddingError),
    /// The index failed.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The store or a snapshot failed.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// No usable model is installed.
    #[error("no model: {detail}")]
    NoModel {
        /// What is missing and how to get it.
        detail: String,
    },
    /// No reranker is configured.
    #[error(
        "no reranker is configured: name a cross-encoder's bundle (a folder whose model.toml has task = \"rerank\") with `[reranker] path` in alike.toml or --reranker DIR, and start again"
    )]
    NoReranker,
    /// The snapshot was made by a model that is not installed.
    #[error(
        "the snapshot was built with model {wanted}; found: {}; install that model (--model, or `[model] paths` in alike.toml) or rebuild the collection with one of these",
        found.join(", ")
    )]
    ModelMismatch {
        /// The snapshot's model.
        wanted: String,
        /// The models that were found, and where; for folders whose model can't be used, why.
        found: Vec<String>,
    },
    /// The item changed while the call worked on it, and went on changing until the call's deadline.
    #[error("item {id:?} keeps changing under this call; nothing was done, send the call again")]
    Conflict {
        /// The item's id.
        id: String,
    },
    /// Something bounded is full; nothing was done.
    #[error("{what}; nothing was done, send the call again in {retry_after} s")]
    Full {
        /// What is full, and of what.
        what: String,
        /// When to try again, in seconds.
        retry_after: u64,
    },
    /// The disk has too little room left; nothing was done, and reads go on.
    #[error(
        "the disk of the data directory has {free} bytes left, `[log] min_free_bytes` asks for {least}: nothing is written until there is more room; `alike snapshot gc` makes some"
    )]
    DiskLow {
        /// Bytes that are left.
        free: u64,
        /// Bytes that have to be.
        least: u64,
    },
    /// This process cannot write to the collection at the moment; reads go on.
    #[error("this process takes no writes for the collection: {reason}")]
    WritesOff {
        /// Why.
        reason: String,
    },
    /// No view had the position that a read asked for before its deadline.
    #[error(
        "min_position: the collection is at position {at}, {wanted} was not reached in time; ask again, or ask for less"
    )]
    PositionNotReached {
        /// What was asked for.
        wanted: Position,
        /// What there was.
        at: Position,
    },
    /// There is a collection of that name.
    #[error("collection {name:?} exists already; drop it first, or alter it")]
    Exists {
        /// Its name.
        name: String,
    },
    /// An idempotency key came with another body than the first time.
    #[error("idempotency key {key:?} was used for another call; take a new key for every call")]
    KeyReused {
        /// The key.
        key: String,
    },
    /// The call that an idempotency key names is still at work.
    #[error("the call with idempotency key {key:?} is still at work; ask again")]
    KeyInProgress {
        /// The key.
        key: String,
    },
    /// The log failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// There is no such experiment, it cannot be changed so, or its files fail.
    #[error(transparent)]
    Experiments(ExperimentError),
}

impl EngineError {
    /// Whether the same call on the same files would fail again: their content is wrong, not the circumstances.
    pub(super) fn is_lasting(&self) -> bool {
        match self {
            Self::ModelMismatch { .. } | Self::Refused { .. } => true,
            Self::Snapshot(error) => !matches!(error, SnapshotError::Io { .. }),
            Self::Log(error) => matches!(error, LogError::Version { .. }),
            _ => false,
        }
    }

    /// The position of the text that is at fault, where it is one.
    pub(crate) fn text(&self) -> Option<usize> {
        match self {
            Self::Encoder(
                EmbeddingError::Tokenize { text, .. }
                | EmbeddingError::TokenId { text, .. }
                | EmbeddingError::NotFinite { text },
            ) => Some(*text),
            _ => None,
        }
    }

    pub(crate) fn invalid(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Invalid {
            field: field.into(),
            detail: detail.into(),
        }
    }
}

fn known(served: &[String]) -> String {
    match served {
        [] => "none is; `alike build` makes one".to_owned(),
        names => format!("served: {}", names.join(", ")),
    }
}

//! Why a call could not be answered.

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
}

impl EngineError {
    /// Whether the same call on the same files would fail again: their content is wrong, not the circumstances.
    pub(super) fn is_lasting(&self) -> bool {
        match self {
            Self::ModelMismatch { .. } => true,
            Self::Snapshot(error) => !matches!(error, SnapshotError::Io { .. }),
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

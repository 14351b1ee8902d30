//! Why a snapshot was not built, published, promoted or collected.

use crate::engine::EngineError;
use crate::jobs::{Ended, JobError};
use crate::live::LiveError;
use crate::log::{LogError, Position};
use crate::snapshot::SnapshotError;
use alike_embeddings::EmbeddingError;
use alike_indexes::IndexError;
use std::path::PathBuf;

/// A snapshot that was not built, published, promoted or collected; what was served still is.
#[derive(Debug, thiserror::Error)]
pub enum RebuildError {
    /// The collection is not served, or its model is missing.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// A snapshot cannot be read or written.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The snapshot that is served cannot be read.
    #[error(transparent)]
    Live(#[from] LiveError),
    /// The disk is too full for another snapshot.
    #[error(
        "the disk has {free} bytes left, a new snapshot takes about {needed}; make room (`alike snapshot gc`)"
    )]
    NoRoom {
        /// Bytes that are left.
        free: u64,
        /// Bytes that it takes while it is built.
        needed: u64,
    },
    /// The log cannot be read.
    #[error(transparent)]
    Log(#[from] LogError),
    /// What events have taught cannot be written.
    #[error(transparent)]
    Signals(#[from] crate::signals::CheckpointError),
    /// Another job runs, or there is no such job.
    #[error(transparent)]
    Job(#[from] JobError),
    /// A text cannot be encoded.
    #[error(transparent)]
    Encoder(#[from] EmbeddingError),
    /// The index cannot be measured.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// It was told to stop.
    #[error("canceled; what was served still is")]
    Canceled,
    /// The collection has no snapshot of that id.
    #[error("collection {collection:?} has no snapshot {id:?}; {}", there(found))]
    NoSnapshot {
        /// The collection.
        collection: String,
        /// The id asked for.
        id: String,
        /// The snapshots it has.
        found: Vec<String>,
    },
    /// A snapshot that is not of the same make as the one that is served.
    #[error(
        "snapshot {id} has {what} {found}, what is served has {served}; only a snapshot of the same {what} can take over (build one, or alter the collection)"
    )]
    Differs {
        /// The snapshot.
        id: String,
        /// What differs: `model`, `schema`, `metric`, `dimension` or `kind of vectors`.
        what: &'static str,
        /// That of the snapshot.
        found: String,
        /// That of what is served.
        served: String,
    },
    /// Changes after the snapshot have been collected.
    #[error("snapshot {id} contains changes up to {position}, the log begins after {start}: changes {} to {start} would be lost; build a new snapshot instead", position.0 + 1)]
    LogGone {
        /// The snapshot.
        id: String,
        /// The last change it contains.
        position: Position,
        /// The last change that is gone.
        start: Position,
    },
    /// It answers worse than what is served.
    #[error(
        "snapshot {id} answers worse than {served}, which is served: {what} {found:.4} after {before:.4}, a drop of {drop:.4} where {bound:.4} is the most ({setting}); what was served still is. `force` publishes it all the same"
    )]
    Worse {
        /// The snapshot.
        id: String,
        /// The one that is served.
        served: String,
        /// What was measured: `recall@10` or `golden score`.
        what: &'static str,
        /// That of what is served.
        before: f64,
        /// That of the snapshot.
        found: f64,
        /// The difference.
        drop: f64,
        /// The most it may be.
        bound: f64,
        /// The setting that says so.
        setting: &'static str,
    },
    /// It does not hold or find what it should.
    #[error("snapshot {id} does not verify: {detail}; it was not published")]
    Wrong {
        /// The snapshot.
        id: String,
        /// What is wrong.
        detail: String,
    },
    /// There is no earlier snapshot to serve.
    #[error("collection {collection:?} has nothing to go back to: {detail}")]
    NothingBefore {
        /// The collection.
        collection: String,
        /// Why.
        detail: String,
    },
    /// Something else took over while the snapshot was built.
    #[error(
        "snapshot {id} was built from {from}, but {now} is served by now; promote {id} if you want it all the same"
    )]
    Overtaken {
        /// The snapshot.
        id: String,
        /// What was served when the build began.
        from: String,
        /// What is served now.
        now: String,
    },
    /// An item contradicts the new schema.
    #[error("item {id:?} contradicts the new schema: {reason}; nothing was changed")]
    Contradiction {
        /// The item.
        id: String,
        /// The field and what is wrong with its value.
        reason: String,
    },
    /// A schema that the collection cannot take.
    #[error("schema.{field}: {detail}")]
    Schema {
        /// The field of the schema.
        field: &'static str,
        /// What is wrong.
        detail: String,
    },
    /// The golden queries cannot be used.
    #[error("{}, line {line}: {detail}", path.display())]
    Golden {
        /// The file.
        path: PathBuf,
        /// The line, from 1; 0 for the whole file.
        line: usize,
        /// What is wrong.
        detail: String,
    },
    /// No threads.
    #[error("cannot start threads to build with: {0}")]
    Threads(String),
}

fn there(found: &[String]) -> String {
    match found {
        [] => "it has none".to_owned(),
        [ids @ .., last] if ids.len() >= 10 => {
            format!("it has {} of them, the newest is {last}", found.len())
        }
        ids => format!("it has {}", ids.join(", ")),
    }
}

impl From<RebuildError> for Ended {
    fn from(error: RebuildError) -> Self {
        match error {
            RebuildError::Canceled => Self::Canceled,
            error => Self::Failed(error.to_string()),
        }
    }
}

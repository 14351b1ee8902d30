//! Work that takes longer than a call: started by one call, looked at by others.

mod registry;

pub use registry::{Ended, Handle, Jobs};

use serde::Serialize;

/// What a job does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum JobKind {
    /// Build a snapshot of the collection as it is, and publish it.
    Build,
    /// Check every byte and the answers of a snapshot.
    Verify,
    /// Rebuild a collection under another schema.
    Alter,
    /// Collect snapshots and log segments that nothing needs.
    Collect,
}

impl JobKind {
    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Build => "build",
            Self::Verify => "verify",
            Self::Alter => "alter",
            Self::Collect => "collect",
        }
    }

    /// Whether it makes or removes snapshots.
    #[must_use]
    pub fn changes(self) -> bool {
        self != Self::Verify
    }
}

/// Why there is no job.
#[derive(Debug, thiserror::Error)]
pub enum JobError {
    /// Another one is at work on the collection.
    #[error("collection {collection:?} has a job that is running: {} {job}; wait for it or cancel it", kind.name())]
    Busy {
        /// The collection.
        collection: String,
        /// The id of the other one.
        job: String,
        /// What the other one does.
        kind: JobKind,
    },
    /// There is none of that id.
    #[error("there is no job {id:?}; the last 100 are remembered until the process ends")]
    Unknown {
        /// The id.
        id: String,
    },
    /// The system gives no thread.
    #[error("cannot start a thread for the job: {source}; try again later")]
    NoThread {
        /// The system's own error.
        source: std::io::Error,
    },
}

impl JobError {
    fn unknown(id: &str) -> Self {
        Self::Unknown {
            id: id.chars().take(80).collect(),
        }
    }
}

/// How a job stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
    /// It is at work.
    Running,
    /// It is done.
    Succeeded,
    /// It could not be done; nothing that is served has changed.
    Failed,
    /// It was told to stop; nothing that is served has changed.
    Canceled,
}

/// One job, as it stands.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct JobStatus {
    /// Its id.
    pub id: String,
    /// What it does.
    pub kind: JobKind,
    /// The collection.
    pub collection: String,
    /// How it stands.
    pub state: JobState,
    /// What it is busy with: `gather`, `encode`, `index`, `learn`, `write`, `verify`, `publish`.
    pub phase: String,
    /// Share of the phase that is done, 0 to 1.
    pub progress: f64,
    /// When it started, RFC 3339.
    pub started: String,
    /// When it ended, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// What it made: for a build `{"snapshot", "items", "recall_at_10", …}`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub result: Option<serde_json::Value>,
}

//! What an engine is told.

use super::ModelPlace;
use crate::snapshot::Verify;
use alike_embeddings::EncoderSettings;
use std::path::PathBuf;
use std::time::Duration;

/// Where an engine finds its data and models.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The data directory.
    pub data: PathBuf,
    /// Where the model and ONNX Runtime are.
    pub models: ModelPlace,
    /// How the models' encoders share the machine.
    pub encoder: EncoderSettings,
    /// Most bytes of query texts and their vectors that are kept; 0: none.
    pub query_cache_bytes: u64,
    /// How much of a snapshot is checked before it is served.
    pub verify: Verify,
    /// Whether events are recorded; without, their journals are left alone.
    pub record_events: bool,
    /// How long a trending list may be reused.
    pub trending_ttl: Duration,
    /// How changes are taken.
    pub writes: WriteSettings,
}

/// How changes are taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WriteSettings {
    /// Take no lock and write nothing: what another process writes is followed.
    pub read_only: bool,
    /// Bytes after which a new segment of a log begins.
    pub segment_bytes: u64,
    /// With less room on the disk nothing is accepted.
    pub min_free_bytes: u64,
    /// Most bytes of one collection's live part; beyond them nothing is accepted until a snapshot has taken them in.
    pub live_bytes: u64,
    /// Most changes of one collection that wait.
    pub queue_changes: usize,
    /// How long the answer to a call with an idempotency key is kept.
    pub key_ttl: Duration,
    /// Most idempotency keys of a collection that are kept.
    pub keys: usize,
    /// Which events are accepted, and how much is kept of them.
    pub events: crate::signals::Settings,
}

impl Default for WriteSettings {
    fn default() -> Self {
        Self {
            read_only: false,
            segment_bytes: 64 << 20,
            min_free_bytes: 512 << 20,
            live_bytes: 1 << 30,
            queue_changes: 10_000,
            key_ttl: Duration::from_secs(86_400),
            keys: 100_000,
            events: crate::signals::Settings::default(),
        }
    }
}

impl WriteSettings {
    /// As they are, but writing nothing.
    #[must_use]
    pub fn read_only() -> Self {
        Self {
            read_only: true,
            ..Self::default()
        }
    }
}

//! One consistent view of a collection, held by a request for its whole life.

use crate::signals::Signals;
use crate::snapshot::{ModelRef, Snapshot};
use alike_embeddings::Encoder;
use std::sync::Arc;

/// A snapshot, the encoder it was made with, and the signals learned so far.
pub struct View {
    collection: String,
    snapshot: Snapshot,
    encoder: Option<Arc<Encoder>>,
    signals: Arc<Signals>,
}

impl View {
    pub(super) fn new(
        collection: String,
        snapshot: Snapshot,
        encoder: Option<Arc<Encoder>>,
        signals: Arc<Signals>,
    ) -> Self {
        Self {
            collection,
            snapshot,
            encoder,
            signals,
        }
    }

    /// The collection's name.
    #[must_use]
    pub fn collection(&self) -> &str {
        &self.collection
    }

    /// The snapshot.
    #[must_use]
    pub fn snapshot(&self) -> &Snapshot {
        &self.snapshot
    }

    /// The model of the snapshot's vectors, where they came from one.
    #[must_use]
    pub fn model(&self) -> Option<&ModelRef> {
        self.snapshot.manifest().model.as_ref()
    }

    /// The encoder for query texts.
    pub(super) fn encoder(&self) -> Option<&Encoder> {
        self.encoder.as_deref()
    }

    /// What events have taught.
    #[must_use]
    pub fn signals(&self) -> &Arc<Signals> {
        &self.signals
    }
}

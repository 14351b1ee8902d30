//! One consistent view of a collection, held by a request for its whole life.

use crate::live::Live;
use crate::log::Position;
use crate::signals::Signals;
use crate::snapshot::{ModelRef, Snapshot};
use alike_embeddings::Encoder;
use std::sync::Arc;

/// A snapshot with what came after it, the encoder it was made with, and the signals learned so far. Cheap to make: every
/// commit makes one.
pub struct View {
    collection: Arc<str>,
    live: Live,
    encoder: Option<Arc<Encoder>>,
    signals: Arc<Signals>,
}

impl View {
    pub(super) fn new(
        collection: Arc<str>,
        live: Live,
        encoder: Option<Arc<Encoder>>,
        signals: Arc<Signals>,
    ) -> Self {
        Self {
            collection,
            live,
            encoder,
            signals,
        }
    }

    /// The same collection in another state.
    pub(super) fn with_live(&self, live: Live) -> Self {
        Self {
            collection: Arc::clone(&self.collection),
            live,
            encoder: self.encoder.clone(),
            signals: Arc::clone(&self.signals),
        }
    }

    /// The collection's name.
    #[must_use]
    pub fn collection(&self) -> &str {
        &self.collection
    }

    /// Everything that can be found.
    #[must_use]
    pub fn live(&self) -> &Live {
        &self.live
    }

    /// The snapshot that it stands on.
    #[must_use]
    pub fn snapshot(&self) -> &Arc<Snapshot> {
        self.live.snapshot()
    }

    /// The last record of the log that it contains.
    #[must_use]
    pub fn position(&self) -> Position {
        self.live.position()
    }

    /// The model of the snapshot's vectors, where they came from one.
    #[must_use]
    pub fn model(&self) -> Option<&ModelRef> {
        self.snapshot().manifest().model.as_ref()
    }

    /// The encoder for query texts.
    pub(crate) fn encoder(&self) -> Option<&Arc<Encoder>> {
        self.encoder.as_ref()
    }

    /// What events have taught.
    #[must_use]
    pub fn signals(&self) -> &Arc<Signals> {
        &self.signals
    }
}

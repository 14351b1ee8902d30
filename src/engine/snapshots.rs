//! What the making of snapshots needs of an engine.

use super::{Engine, EngineError, View};
use crate::live::Live;
use crate::snapshot::{Collection, Snapshot};
use std::sync::Arc;

impl Engine {
    /// A collection's folder.
    ///
    /// # Errors
    /// The name is not that of a collection.
    pub fn collection(&self, name: &str) -> Result<Collection, EngineError> {
        Ok(self.store.collection(name)?)
    }

    /// Most bytes that the live part of a collection may take.
    #[must_use]
    pub fn live_limit(&self) -> u64 {
        self.writes.live_bytes
    }
}

impl View {
    /// What a snapshot of the collection answers by itself, with the encoder of this view.
    #[must_use]
    pub fn of_snapshot(&self, snapshot: Snapshot) -> Self {
        self.with_live(Live::new(Arc::new(snapshot)))
    }
}

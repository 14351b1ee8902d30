//! What the making of snapshots needs of an engine.

use super::{Engine, EngineError, View};
use crate::changes::Calls;
use crate::live::Live;
use crate::snapshot::{Collection, Snapshot};
use std::sync::Arc;
use std::time::Duration;

impl Engine {
    /// A collection's folder.
    ///
    /// # Errors
    /// The name is not that of a collection.
    pub fn collection(&self, name: &str) -> Result<Collection, EngineError> {
        Ok(self.store.collection(name)?)
    }

    /// What would be served of the collection of `view` if the snapshot `id` took over now: it and the log after it.
    ///
    /// # Errors
    /// The snapshot is refused, or the log contradicts it.
    pub(crate) fn beside(&self, view: &View, id: &str) -> Result<View, EngineError> {
        let collection = self.collection(view.collection())?;
        // What was answered to calls is of no use to it.
        let calls = Calls::new(Duration::ZERO, 0, None);
        let opened = self.open_beside(&collection, id, &calls)?;
        Ok(view.with_live(opened.live))
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

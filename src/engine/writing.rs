//! Changes of items, as calls bring them.

use super::collections::writes_off;
use super::{Engine, EngineError, View};
use crate::changes::{CallStart, Change, Key, WriteOptions, Written};
use crate::log::Position;
use serde_json::Value;
use std::sync::Arc;
use std::time::Instant;

impl Engine {
    /// Makes at most [`MAX_TOGETHER`](crate::changes::MAX_TOGETHER) changes as one commit, durable and visible when this returns. A
    /// change that is wrong is rejected by itself and does not keep the others from being made.
    ///
    /// # Errors
    /// Nothing was done: [`EngineError::Full`], [`EngineError::DiskLow`], [`EngineError::WritesOff`],
    /// [`EngineError::Conflict`], [`EngineError::KeyReused`], [`EngineError::KeyInProgress`], or no such collection.
    pub fn write(
        &self,
        collection: &str,
        changes: Vec<Change>,
        options: &WriteOptions,
    ) -> Result<Written, EngineError> {
        self.view(collection)?;
        let _unused = (changes, options);
        Err(writes_off())
    }

    /// Starts a call in several parts that has an idempotency key. A call that is [`CallStart::New`] must be ended by
    /// [`Engine::end_call`] or given up by [`Engine::abandon_call`].
    ///
    /// # Errors
    /// [`EngineError::KeyReused`], or no such collection.
    pub fn begin_call(&self, collection: &str, key: &Key) -> Result<CallStart, EngineError> {
        self.view(collection)?;
        let _unused = key;
        Err(writes_off())
    }

    /// Notes what a call in several parts was answered; durable when this returns, and given to whoever sends the same
    /// call again within a day.
    ///
    /// # Errors
    /// As [`Engine::write`]; the call is then as good as given up.
    pub fn end_call(
        &self,
        collection: &str,
        key: &Key,
        answer: &str,
        deadline: Instant,
    ) -> Result<Position, EngineError> {
        self.view(collection)?;
        let _unused = (key, answer, deadline);
        Err(writes_off())
    }

    /// A call that was started is given up: the next one with its key starts anew. One that was ended stays so.
    pub fn abandon_call(&self, collection: &str, key: &Key) {
        let _unused = (collection, key);
    }

    /// Deletes every item that passes `filter`, and says how many and the position at which they are gone.
    ///
    /// # Errors
    /// As [`Engine::write`], and where the filter is wrong. What was deleted before the error stays deleted.
    pub fn delete_matching(
        &self,
        collection: &str,
        filter: &Value,
        deadline: Instant,
    ) -> Result<(usize, Position), EngineError> {
        self.view(collection)?;
        let _unused = (filter, deadline);
        Err(writes_off())
    }

    /// The view of a collection once it contains the position `least`.
    ///
    /// # Errors
    /// [`EngineError::PositionNotReached`] at the deadline, or no such collection.
    pub fn view_at(
        &self,
        collection: &str,
        least: Option<Position>,
        deadline: Instant,
    ) -> Result<Arc<View>, EngineError> {
        let view = self.view(collection)?;
        let _unused = deadline;
        match least {
            Some(wanted) if wanted > Position::START => {
                let at = Position::START;
                Err(EngineError::PositionNotReached { wanted, at })
            }
            _ => Ok(view),
        }
    }

    /// Looks at the published snapshot of one collection at once, and returns when it is served.
    ///
    /// # Errors
    /// It was refused; what was served goes on.
    pub fn adopt_now(&self, collection: &str) -> Result<Arc<View>, EngineError> {
        self.refresh()?;
        self.view(collection)
    }

    /// Forgets log records of a collection at and below `through`, as far as that is cheap.
    ///
    /// # Errors
    /// The log cannot be written here.
    pub fn truncate_log(&self, collection: &str, through: Position) -> Result<(), EngineError> {
        self.view(collection)?;
        let _unused = through;
        Err(writes_off())
    }
}

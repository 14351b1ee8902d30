//! Collections come and go.

use super::{Engine, EngineError, View};
use crate::schema::Schema;
use alike_indexes::{Kind, Metric};
use std::sync::Arc;

/// A collection to create.
#[derive(Debug, Clone)]
pub struct NewCollection {
    /// What its items look like.
    pub schema: Schema,
    /// By what vectors are compared.
    pub metric: Metric,
    /// The kind of index that its snapshots get.
    pub kind: Kind,
    /// Numbers per vector: needed where items bring their own, that of the model elsewhere.
    pub dimension: Option<usize>,
}

impl Engine {
    /// Creates an empty collection and serves it.
    ///
    /// # Errors
    /// [`EngineError::Exists`]; the name, schema or dimension is wrong; the model that it needs is not installed.
    pub fn create_collection(&self, name: &str, new: &NewCollection) -> Result<Arc<View>, EngineError> {
        let _unused = (name, new);
        Err(writes_off())
    }

    /// Takes a collection away with everything in it: its files are gone when this returns, calls in flight finish.
    ///
    /// # Errors
    /// There is none of that name, or its files cannot be removed.
    pub fn drop_collection(&self, name: &str) -> Result<(), EngineError> {
        self.view(name)?;
        Err(writes_off())
    }
}

pub(super) fn writes_off() -> EngineError {
    let reason = "this version only reads".to_owned();
    EngineError::WritesOff { reason }
}

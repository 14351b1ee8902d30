//! The configured reranker, and the encoders by which texts are encoded for callers.

use super::{Engine, EngineError, ModelPlace};
use alike_embeddings::{Encoder, EncoderSettings, ModelBundle, Reranker};
use std::sync::Arc;

impl ModelPlace {
    /// Opens the reranker, if one is configured.
    pub(super) fn open_reranker(&self, settings: EncoderSettings) -> Result<Option<Reranker>, EngineError> {
        let Some(folder) = &self.reranker else {
            return Ok(None);
        };
        self.load_library()?;
        let bundle = ModelBundle::open(folder)?;
        let reranker = Reranker::open(&bundle, settings)?;
        tracing::info!(model = %reranker.identity(), "reranker loaded");
        Ok(Some(reranker))
    }
}

impl Engine {
    /// The encoders that texts can be encoded with: the installed one first, which is loaded now if no collection needed
    /// it before, then those that collections were built with.
    ///
    /// # Errors
    /// The installed model cannot be loaded, and there is no other.
    pub fn encoders(&self) -> Result<Vec<Arc<Encoder>>, EngineError> {
        let first = self.models.encoder();
        let mut encoders = self.models.in_use();
        match first {
            Ok(first) => {
                encoders.retain(|encoder| encoder.identity() != first.identity());
                encoders.insert(0, first);
            }
            Err(error @ EngineError::NoModel { .. }) if encoders.is_empty() => return Err(error),
            Err(error) if encoders.is_empty() => {
                let detail = error.to_string();
                return Err(EngineError::NoModel { detail });
            }
            Err(_) => {}
        }
        Ok(encoders)
    }

    /// The reranker.
    ///
    /// # Errors
    /// None is configured.
    pub fn reranker(&self) -> Result<&Reranker, EngineError> {
        self.reranker.as_ref().ok_or(EngineError::NoReranker)
    }
}

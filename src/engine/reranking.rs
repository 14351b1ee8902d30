//! The configured reranker, and the encoders by which texts are encoded for callers.

use super::{Engine, EngineError, ModelPlace, cores};
use alike_embeddings::{Encoder, EncoderSettings, ModelBundle, Reranker};
use std::sync::Arc;

impl ModelPlace {
    /// Opens the reranker, if one is configured.
    pub(super) fn open_reranker(&self) -> Result<Option<Reranker>, EngineError> {
        let Some(folder) = &self.reranker else {
            return Ok(None);
        };
        self.load_library()?;
        let bundle = ModelBundle::open(folder)?;
        let reranker = Reranker::open(&bundle, EncoderSettings::for_queries(cores()))?;
        tracing::info!(model = %reranker.identity(), "reranker loaded");
        Ok(Some(reranker))
    }
}

impl Engine {
    /// The encoders that texts can be encoded with; the installed one first. It is loaded now if no collection needed
    /// it before.
    ///
    /// # Errors
    /// The model cannot be loaded.
    pub fn encoders(&self) -> Result<Vec<Arc<Encoder>>, EngineError> {
        Ok(vec![self.models.encoder()?])
    }

    /// The reranker.
    ///
    /// # Errors
    /// None is configured.
    pub fn reranker(&self) -> Result<&Reranker, EngineError> {
        self.reranker.as_ref().ok_or(EngineError::NoReranker)
    }
}

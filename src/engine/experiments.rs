//! The experiments of a data directory.

use super::{Engine, EngineError, Settings};
use crate::experiments::{Definition, Experiment, ExperimentError, Experiments, Variant};
use crate::telemetry::Metrics;
use std::sync::Arc;

/// Opens them. Answers never depend on them: where their files cannot be used, there are none, and defining one says why.
pub(super) fn open(settings: &Settings, metrics: Arc<Metrics>) -> Result<Experiments, EngineError> {
    let read_only = settings.writes.read_only;
    let opened = Experiments::open(&settings.data, read_only, Arc::clone(&metrics));
    opened
        .or_else(|error| {
            tracing::error!(%error, "the experiments cannot be used");
            Experiments::unavailable(&settings.data, &error.to_string(), metrics)
        })
        .map_err(EngineError::from)
}

impl Engine {
    /// The experiments.
    #[must_use]
    pub fn experiments(&self) -> &Experiments {
        &self.experiments
    }

    /// Checks what a definition says of its collection: that it is served, and has the placements and snapshots that
    /// variants name; and that their settings fit its schema.
    ///
    /// # Errors
    /// [`EngineError::Invalid`] with the first field at fault.
    pub fn check_experiment(&self, definition: &Definition) -> Result<(), EngineError> {
        let view = self.view(&definition.collection)?;
        let schema = &view.snapshot().manifest().schema;
        for (at, variant) in definition.variants.iter().enumerate() {
            let field = |name: &str| format!("variants[{at}].{name}");
            if let Some(settings) = &variant.settings {
                settings.check(schema).map_err(|error| {
                    EngineError::invalid(field(&format!("settings.{}", error.field)), error.detail)
                })?;
            }
            self.check_variant(&definition.collection, variant, &field)?;
        }
        Ok(())
    }

    /// Defines an experiment, durably; says whether it is new. See [`Experiments::put`].
    ///
    /// # Errors
    /// Those of [`Engine::check_experiment`] and of [`Experiments::put`], or [`EngineError::DiskLow`].
    pub fn put_experiment(
        &self,
        name: &str,
        definition: Definition,
        restart: bool,
    ) -> Result<(Arc<Experiment>, bool), EngineError> {
        definition.check()?;
        let known = self.experiments.get(name);
        // Whoever ends an experiment can do so also when its collection or a placement is gone.
        let comparable = known.is_ok_and(|known| known.definition.incomparable(&definition).is_none());
        if !comparable {
            self.check_experiment(&definition)?;
        }
        self.check_disk(&self.data)?;
        Ok(self.experiments.put(name, definition, restart)?)
    }

    fn check_variant(
        &self,
        collection: &str,
        variant: &Variant,
        field: &dyn Fn(&str) -> String,
    ) -> Result<(), EngineError> {
        if let Some(name) = &variant.placement {
            let found = self.placement(collection, name);
            found.map_err(|error| EngineError::invalid(field("placement"), error.to_string()))?;
        }
        if let Some(id) = &variant.snapshot {
            let ids = self.collection(collection)?.snapshot_ids()?;
            if !ids.contains(id) {
                let detail = format!(
                    "collection {collection:?} has no snapshot {:?}; it has {}",
                    id.chars().take(80).collect::<String>(),
                    ids.join(", ")
                );
                return Err(EngineError::invalid(field("snapshot"), detail));
            }
        }
        Ok(())
    }
}

impl From<ExperimentError> for EngineError {
    fn from(error: ExperimentError) -> Self {
        match error {
            ExperimentError::Invalid { field, detail } => Self::Invalid { field, detail },
            ExperimentError::ReadOnly { reason } => Self::WritesOff { reason },
            error => Self::Experiments(error),
        }
    }
}

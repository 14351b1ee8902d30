//! Experiments: which way to recommend makes shoppers click and buy more.
//!
//! An [`Experiment`] compares variants of recommending in one collection. A unit (a user, a visit) is assigned to one of
//! them by a hash of the experiment, its generation and the unit, so without any state, on every replica alike. Every
//! answer has a [`RecommendationId`] that says of itself which variant it was and whose; an event that names it is
//! counted for that variant. The [`Report`] compares rates per exposed unit.
//!
//! ```text
//! DATA/experiments.json        the definitions
//! DATA/experiments/secret      what recommendation ids are sealed with
//! DATA/experiments/LOCK        held by the process that counts durably
//! DATA/experiments/counts-N    all counts, as they were before journal-N
//! DATA/experiments/journal-N   what was counted since
//! ```
//!
//! Clicks and conversions are on the disk when [`Experiments::attribute`] returns. Exposures are written once a second:
//! a crash loses those of the last second. That does not bend a rate: an outcome counts only for units whose exposure was
//! counted. A process that only reads, or beside another one that counts, counts in memory; its report says so.
//!
//! This module knows nothing of HTTP and of what a variant's settings do.

mod definition;
mod error;
mod placement;
mod token;

pub use definition::{Definition, Experiment, MAX_WINDOW_S, Shadow, Status, VARIANTS, Variant};
pub use error::ExperimentError;
pub use placement::Placement;
pub use token::{RecommendationId, RecommendationIdError};

use crate::signals::Event;
use std::sync::Arc;

/// A unit's variant in an experiment.
#[derive(Debug, Clone)]
pub struct Assigned {
    /// The experiment.
    pub experiment: Arc<Experiment>,
    /// The place of the variant; 0, the control, in an experiment that does not run.
    pub variant: usize,
    /// Whether this call computes the variant in the shadow too.
    shadowed: bool,
}

impl Assigned {
    /// The variant.
    #[must_use]
    pub fn variant(&self) -> &Variant {
        &self.experiment.definition.variants[self.variant]
    }

    /// The variant that is computed beside it and not shown, where this call is one of the share that does so.
    #[must_use]
    pub fn shadow(&self) -> Option<&Variant> {
        let definition = &self.experiment.definition;
        let at = definition.shadow_at().filter(|_| self.shadowed)?;
        definition.variants.get(at)
    }
}

/// What was shown, and what the variant in the shadow would have shown.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Comparison {
    /// Ids of the items that were shown, best first.
    pub shown: Vec<String>,
    /// Ids of the items that the variant in the shadow had, best first.
    pub other: Vec<String>,
    /// What making the answer that was shown took, in milliseconds.
    pub shown_ms: f64,
    /// What making the other one took, in milliseconds.
    pub other_ms: f64,
}

/// All experiments of a data directory. Cheap to share; all methods take `&self`.
pub struct Experiments {}

impl Experiments {
    /// The variant of a unit. The same for as long as the experiment's generation lasts; nothing is counted yet.
    ///
    /// # Errors
    /// There is no such experiment, it is about another collection, or the unit is empty or longer than 512 bytes.
    pub fn assign(&self, experiment: &str, collection: &str, unit: &str) -> Result<Assigned, ExperimentError> {
        let _ = (collection, unit);
        Err(ExperimentError::Unknown { name: experiment.to_owned(), names: Vec::new() })
    }

    /// Makes the id of an answer, and counts the exposure where it was given in an experiment that runs.
    #[must_use]
    pub fn answered(&self, assigned: Option<&Assigned>, collection: &str, unit: Option<&str>) -> RecommendationId {
        let _ = (assigned, collection, unit, self);
        RecommendationId::new(&token::Said { time_ms: 0, number: 0, collection: 0, arm: None, unit: None }, &[0; 32])
    }

    /// Counts accepted events that name a recommendation.
    pub fn attribute(&self, events: &[Event]) {
        let _ = (events, self);
    }

    /// Takes note of how the variant in the shadow would have answered.
    pub fn shadowed(&self, assigned: &Assigned, comparison: &Comparison) {
        let _ = (assigned, comparison, self);
    }
}

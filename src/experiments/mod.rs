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

mod assign;
mod definition;
mod error;
mod files;
mod flusher;
mod keeper;
mod ledger;
mod outcome;
mod pending;
mod records;
mod registry;
mod report;
mod shadow;
mod stats;
mod tally;
#[cfg(test)]
mod tests;
mod token;

pub use definition::{Definition, Experiment, MAX_WINDOW_S, Shadow, Status, VARIANTS, Variant};
pub use error::ExperimentError;
pub use outcome::Outcome;
pub use registry::MAX_EXPERIMENTS;
pub use report::{Effect, Lift, Rate, Report, SampleRatio, VariantReport};
pub use shadow::ShadowReport;
pub use tally::OutcomeKind;
pub use token::{RecommendationId, RecommendationIdError};

use crate::signals::{Event, EventType, MAX_ID_BYTES};
use crate::telemetry::Metrics;
use flusher::Flusher;
use keeper::{Keeper, key};
use shadow::ShadowSums;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use token::{Arm, Said, name_hash, unit_hash};

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

    /// Where it is counted, if it is.
    fn arm(&self) -> Option<Arm> {
        let (experiment, generation) = key(&self.experiment);
        let runs = self.experiment.definition.status == Status::Running;
        runs.then_some(Arm {
            experiment,
            generation,
            // There are 10 at most.
            variant: self.variant as u8,
        })
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

/// All experiments of a data directory; shared by all threads.
pub struct Experiments {
    keeper: Arc<Keeper>,
    metrics: Arc<Metrics>,
    /// Numbers of ids: no two processes begin at the same one.
    numbers: AtomicU64,
    _flusher: Option<Flusher>,
}

impl Experiments {
    /// Opens the experiments of a data directory. One process counts durably; with `read_only`, or beside another one
    /// that does, or where nothing can be written, this one counts in memory and follows the other's definitions.
    ///
    /// # Errors
    /// A file is damaged or cannot be read; [`Experiments::unavailable`] goes on without.
    pub fn open(data: &Path, read_only: bool, metrics: Arc<Metrics>) -> Result<Self, ExperimentError> {
        let keeper = Arc::new(Keeper::open(data, read_only)?);
        let flusher = if read_only {
            None
        } else {
            let started = Flusher::start(&keeper);
            Some(started.map_err(|source| ExperimentError::io(data, "start a thread for", source))?)
        };
        Self::of(keeper, metrics, flusher)
    }

    /// No experiments, and none can be defined: answers have ids, and everything else goes on.
    ///
    /// # Errors
    /// The system has no randomness to give.
    pub fn unavailable(data: &Path, why: &str, metrics: Arc<Metrics>) -> Result<Self, ExperimentError> {
        Self::of(Arc::new(Keeper::unavailable(data, why)?), metrics, None)
    }

    fn of(
        keeper: Arc<Keeper>,
        metrics: Arc<Metrics>,
        flusher: Option<Flusher>,
    ) -> Result<Self, ExperimentError> {
        Ok(Self {
            keeper,
            metrics,
            numbers: AtomicU64::new(u64::from_le_bytes(files::random()?)),
            _flusher: flusher,
        })
    }

    /// Defines an experiment, durably; says whether it is new. One that has counted exposures keeps its collection,
    /// variants (weights included), window, and which variant is in the shadow, for its counts would say nothing of it
    /// with others; its status and the share in the shadow may change. `restart` begins a new generation: counts from
    /// zero, units assigned anew.
    ///
    /// # Errors
    /// The name or definition is wrong, [`ExperimentError::Counted`], there are [`MAX_EXPERIMENTS`], this process does
    /// not write, or the disk fails.
    pub fn put(
        &self,
        name: &str,
        definition: Definition,
        restart: bool,
    ) -> Result<(Arc<Experiment>, bool), ExperimentError> {
        let (experiment, before) = self.keeper.put(name, definition, restart, now_ms())?;
        if let Some(before) = before
            .as_ref()
            .filter(|before| before.generation != experiment.generation)
        {
            self.forget_series(before);
        }
        Ok((experiment, before.is_none()))
    }

    /// Removes an experiment and all its counts, durably.
    ///
    /// # Errors
    /// There is none of that name, this process does not write, or the disk fails.
    pub fn remove(&self, name: &str) -> Result<(), ExperimentError> {
        let removed = self.keeper.remove(name)?;
        self.forget_series(&removed);
        Ok(())
    }

    fn forget_series(&self, experiment: &Experiment) {
        let variants = experiment.definition.variants.iter();
        self.metrics
            .experiment_removed(&experiment.name, variants.map(|variant| variant.name.as_str()));
    }

    /// All experiments, by name.
    #[must_use]
    pub fn all(&self) -> Vec<Arc<Experiment>> {
        self.keeper.look();
        self.keeper.registry().experiments.values().cloned().collect()
    }

    /// An experiment.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn get(&self, name: &str) -> Result<Arc<Experiment>, ExperimentError> {
        self.keeper.look();
        self.keeper.registry().get(name).cloned()
    }

    /// What an experiment has found until now.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn report(&self, name: &str) -> Result<Report, ExperimentError> {
        let experiment = self.get(name)?;
        let state = self.keeper.state();
        let tally = state.tallies.get(&key(&experiment));
        Ok(Report::new(&experiment, tally, self.keeper.is_durable()))
    }

    /// Snapshots of a collection that variants of experiments which have not ended pin: they have to stay.
    #[must_use]
    pub fn snapshots_in_use(&self, collection: &str) -> BTreeSet<String> {
        let all = self.all();
        let used = all.iter().map(|experiment| &experiment.definition);
        used.filter(|definition| definition.collection == collection && definition.status != Status::Ended)
            .flat_map(|definition| &definition.variants)
            .filter_map(|variant| variant.snapshot.clone())
            .collect()
    }

    /// The variant of a unit. The same for as long as the experiment's generation lasts; nothing is counted yet.
    ///
    /// # Errors
    /// There is no such experiment, it is about another collection, or the unit is empty or longer than 512 bytes.
    pub fn assign(
        &self,
        experiment: &str,
        collection: &str,
        unit: &str,
    ) -> Result<Assigned, ExperimentError> {
        let experiment = self.get(experiment)?;
        let definition = &experiment.definition;
        if definition.collection != collection {
            let detail = format!(
                "experiment {:?} is about collection {:?}, not {collection:?}",
                experiment.name, definition.collection
            );
            return Err(ExperimentError::invalid("experiment", detail));
        }
        if !(1..=MAX_ID_BYTES).contains(&unit.len()) {
            let detail = format!("has {} bytes, must have 1 to {MAX_ID_BYTES}", unit.len());
            return Err(ExperimentError::invalid("unit", detail));
        }
        let runs = definition.status == Status::Running;
        let variant = if runs { experiment.variant_of(unit) } else { 0 };
        let share = definition.shadow.as_ref().map_or(0.0, |shadow| shadow.share);
        let shadowed = runs && share > 0.0 && self.is_one_of(share);
        Ok(Assigned {
            experiment,
            variant,
            shadowed,
        })
    }

    /// Whether this call is one of a share of all.
    fn is_one_of(&self, share: f64) -> bool {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let hash = token::first_word(&blake3::hash(&number.to_le_bytes()));
        ((hash >> 11) as f64) < share * (1_u64 << 53) as f64
    }

    /// Makes the id of an answer, and counts the exposure where it was given in an experiment that runs. An exposure that
    /// is not counted, because there are too many units, is not in the id either.
    #[must_use]
    pub fn answered(
        &self,
        assigned: Option<&Assigned>,
        collection: &str,
        unit: Option<&str>,
    ) -> RecommendationId {
        let secret = self.keeper.secret();
        let unit = unit.map(|unit| unit_hash(unit, &secret));
        let counted = assigned.and_then(|assigned| {
            let arm = assigned.arm()?;
            self.keeper.expose(arm, unit).then_some((assigned, arm))
        });
        if let Some((assigned, _)) = counted {
            self.metrics
                .experiment_exposed(&assigned.experiment.name, &assigned.variant().name);
        }
        let said = Said {
            time_ms: now_ms(),
            number: self.numbers.fetch_add(1, Ordering::Relaxed),
            // Half of the hash does.
            collection: name_hash(collection) as u32,
            arm: counted.map(|(_, arm)| arm),
            unit,
        };
        RecommendationId::new(&said, &secret)
    }

    /// Reads a recommendation id and sees that it was made here: by a process of this data directory.
    ///
    /// # Errors
    /// It is none, or was made elsewhere or altered.
    pub fn check(&self, id: &str) -> Result<RecommendationId, RecommendationIdError> {
        let id: RecommendationId = id.parse()?;
        id.read(&self.keeper.secret()).map(|_| id)
    }

    /// Counts accepted events that name a recommendation, clicks and purchases; what counts is on the disk when this
    /// returns. The same events again change nothing, unless half a million others came between.
    pub fn attribute(&self, events: &[Event]) {
        self.attribute_with(events, &|kind| *kind == EventType::Purchase);
    }

    /// As [`Experiments::attribute`], where other types of events too may mean that the item was bought.
    pub fn attribute_with(&self, events: &[Event], bought: &dyn Fn(&EventType) -> bool) {
        self.attribute_outcomes(events.iter().filter_map(|event| Outcome::of(event, bought)));
    }

    /// As [`Experiments::attribute`], for outcomes.
    pub fn attribute_outcomes<'a>(&self, outcomes: impl IntoIterator<Item = Outcome<'a>>) {
        let mut last = 0;
        for outcome in outcomes {
            match self.attribute_one(&outcome) {
                Ok(change) => last = last.max(change),
                Err(ignored) => self.metrics.outcome_ignored(ignored.name()),
            }
        }
        if last > 0 {
            self.keeper.sync(last);
        }
    }

    /// Takes note of how the variant in the shadow would have answered.
    pub fn shadowed(&self, assigned: &Assigned, comparison: Comparison) {
        if let Some(arm) = assigned.arm() {
            self.keeper.compare(arm, ShadowSums::of(comparison));
        }
    }

    /// Writes what waits to be written, and returns once it is on the disk.
    pub fn flush(&self) {
        self.keeper.sync(u64::MAX);
    }
}

fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

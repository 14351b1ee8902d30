//! What later events say of recommendations.

use super::tally::OutcomeKind;
use super::token::{Said, first_word, name_hash};
use super::{Experiments, RecommendationId};
use crate::signals::{Event, EventType};

/// How much earlier than the recommendation an event may be dated: clocks differ.
const SKEW_MS: i64 = 300_000;

/// A click on a recommended item, or its purchase.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome<'a> {
    /// The recommendation that it names.
    pub recommendation_id: &'a str,
    /// The collection.
    pub collection: &'a str,
    /// The item. The same kind of outcome for the same item counts once per recommendation.
    pub item: &'a str,
    /// What was done.
    pub kind: OutcomeKind,
    /// When, in milliseconds since the Unix epoch.
    pub time_ms: i64,
}

/// Why an outcome does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ignored {
    /// What it names is no id that was made here.
    Id,
    /// The answer was in no experiment, in one that is gone, or of an earlier generation.
    NoExperiment,
    /// It came before the recommendation or after the window.
    Window,
    /// It counts already, or its unit's exposure was not counted here.
    NotNew,
}

impl Ignored {
    /// As a label of metrics.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Id => "unknown_id",
            Self::NoExperiment => "no_experiment",
            Self::Window => "outside_window",
            Self::NotNew => "repeated_or_unmatched",
        }
    }
}

impl<'a> Outcome<'a> {
    /// What an event says of a recommendation, if it does; `bought` are the types that mean that the item was bought.
    pub(super) fn of(event: &'a Event, bought: &dyn Fn(&EventType) -> bool) -> Option<Self> {
        let kind = match &event.kind {
            EventType::Click => OutcomeKind::Click,
            kind if bought(kind) => OutcomeKind::Conversion,
            _ => return None,
        };
        Some(Self {
            recommendation_id: event.recommendation_id.as_deref()?,
            collection: &event.collection,
            item: &event.item,
            kind,
            time_ms: event.time.as_millisecond(),
        })
    }

    /// By which it is told from others of its recommendation.
    fn key(&self, number: u64) -> u64 {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&number.to_le_bytes());
        hasher.update(&[u8::from(self.kind == OutcomeKind::Conversion)]);
        hasher.update(self.item.as_bytes());
        first_word(&hasher.finalize())
    }
}

impl Experiments {
    /// Counts one outcome; says after which number of changes it is written.
    pub(super) fn attribute_one(&self, outcome: &Outcome<'_>) -> Result<u64, Ignored> {
        let id: RecommendationId = outcome.recommendation_id.parse().map_err(|_| Ignored::Id)?;
        let said = id.read(&self.keeper.secret()).map_err(|_| Ignored::Id)?;
        let (name, variant) = self.still_counts(outcome, &said)?;
        let arm = said.arm.ok_or(Ignored::NoExperiment)?;
        let key = outcome.key(said.number);
        let (counts, change) = self.keeper.outcome(arm, said.unit, outcome.kind, key);
        if !counts {
            return Err(Ignored::NotNew);
        }
        self.metrics.experiment_outcome(&name, &variant, outcome.kind);
        Ok(change)
    }

    /// The names of the experiment and variant that an outcome counts for.
    fn still_counts(&self, outcome: &Outcome<'_>, said: &Said) -> Result<(String, String), Ignored> {
        let arm = said.arm.ok_or(Ignored::NoExperiment)?;
        let registry = self.keeper.registry();
        let experiment = registry
            .by_hash(arm.experiment)
            .filter(|experiment| experiment.generation == arm.generation)
            .ok_or(Ignored::NoExperiment)?;
        let definition = &experiment.definition;
        let variant = definition.variants.get(usize::from(arm.variant));
        let variant = variant.ok_or(Ignored::NoExperiment)?;
        // An id says half of the hash.
        if said.collection != name_hash(outcome.collection) as u32 {
            return Err(Ignored::NoExperiment);
        }
        // At most 90 days.
        let window_ms = definition.attribution_window_s as i64 * 1_000;
        let after = outcome.time_ms.saturating_sub(said.time_ms);
        if !(-SKEW_MS..=window_ms).contains(&after) {
            return Err(Ignored::Window);
        }
        Ok((experiment.name.clone(), variant.name.clone()))
    }
}

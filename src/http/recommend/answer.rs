//! What a call is answered.

use super::body::Asked;
use super::experiment::Trial;
use crate::engine::{PlanReport, Recommended, Suggestion, Tried, View};
use crate::ranking::Strategy;
use serde::Serialize;
use serde_json::Value;
use std::time::Instant;
use utoipa::ToSchema;

/// The answer to a recommendation.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct RecommendAnswer {
    /// Names this answer: send it with the events that follow from it, as `recommendation_id`.
    recommendation_id: String,
    /// What to show, in order.
    #[schema(value_type = Vec<SuggestionSchema>)]
    pub(super) hits: Vec<Suggestion>,
    /// The strategies that were asked, in the order in which they were.
    strategies: Vec<Tried>,
    /// The placement whose settings it has.
    #[serde(skip_serializing_if = "Option::is_none")]
    placement: Option<String>,
    /// The experiment that it is a part of.
    #[serde(skip_serializing_if = "Option::is_none")]
    experiment: Option<ShownVariant>,
    /// How many ids of `recent` and `basket` are not in the collection, where some are not.
    #[serde(skip_serializing_if = "is_none")]
    unknown_items: usize,
    /// The log position of the state that answered.
    position: u64,
    /// The snapshot that answered.
    snapshot: String,
    /// The model of its vectors; null where the catalog brought its own.
    model: Option<String>,
    /// Whether similar items were looked for by comparing every admissible row; true where none were looked for.
    exact: bool,
    /// Whether there may be more admissible items than were found.
    partial: bool,
    /// Milliseconds from the call's start to this answer.
    took_ms: f64,
    /// How similar items were looked for, when asked for: its `kind` is `exact` (every admissible row compared), `scan`
    /// (their codes compared, the nearest then in full), `graph` (a walk) or `filtered_graph` (a walk that admits only rows
    /// that pass).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    plan: Option<PlanReport>,
}

/// Which variant of an experiment answered.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ShownVariant {
    /// The experiment.
    name: String,
    /// The variant.
    variant: String,
    /// The snapshot that its candidates came from, where the variant names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    snapshot: Option<String>,
}

/// One item to show.
#[derive(ToSchema)]
#[schema(as = Suggestion)]
#[allow(
    dead_code,
    reason = "describes engine::Suggestion, which knows nothing of OpenAPI"
)]
pub(in crate::http) struct SuggestionSchema {
    /// The item's id.
    id: String,
    /// How good it is; higher is better. Its strategy's own score (similarity, or weighted events) where a single strategy
    /// was asked and no rule weighs scores; else on a common scale up to 1 before rules.
    score: f32,
    /// The item's fields.
    #[schema(value_type = Object)]
    fields: Value,
    /// The strategy it came from; absent for a pinned item that no strategy found.
    strategy: Option<Strategy>,
    /// True where it stands where it is pinned.
    pinned: Option<bool>,
    /// True where it is shown because of the share for exploration.
    explored: Option<bool>,
}

impl RecommendAnswer {
    pub(super) fn new(
        view: &View,
        answer: Recommended,
        recommendation_id: String,
        asked: &Asked,
        trial: Option<&Trial>,
    ) -> Self {
        let variant = trial.map(|trial| trial.assigned.variant());
        let shown = trial.map(|trial| ShownVariant {
            name: trial.assigned.experiment.name.clone(),
            variant: trial.assigned.variant().name.clone(),
            snapshot: trial.assigned.variant().snapshot.clone(),
        });
        let of_variant = variant.and_then(|variant| variant.placement.clone());
        Self {
            recommendation_id,
            hits: answer.hits,
            strategies: answer.strategies,
            placement: of_variant.or_else(|| asked.placement.clone()),
            experiment: shown,
            unknown_items: answer.unknown,
            position: answer.position.0,
            snapshot: view.snapshot().id().to_owned(),
            model: view.model().map(ToString::to_string),
            exact: answer.exact,
            partial: answer.partial,
            took_ms: 0.0,
            plan: answer.plan.filter(|_| asked.plan),
        }
    }

    /// With the time since the call's start.
    pub(super) fn took(mut self, start: Instant) -> Self {
        self.took_ms = start.elapsed().as_secs_f64() * 1e3;
        self
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "the signature that serde calls")]
fn is_none(count: &usize) -> bool {
    *count == 0
}

//! What became of a call's changes.

use crate::changes::{Counts, Outcome};
use crate::engine::EngineError;
use crate::http::problem::Problem;
use crate::log::Position;
use serde::Serialize;
use serde_json::{Map, Value};
use std::time::Instant;
use utoipa::ToSchema;

/// As many refused changes are listed one by one; all are counted.
const MAX_LISTED: usize = 1_000;
/// As many outcomes are listed where they are asked for.
const MAX_OUTCOMES: usize = 100_000;

/// What became of a call's changes.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct WriteAnswer {
    /// A read that asks for this `min_position` sees everything that the call did.
    position: u64,
    /// Items that are new.
    created: usize,
    /// Items that were there and are replaced or changed.
    updated: usize,
    /// Items that were there and are gone.
    deleted: usize,
    /// Items to change or to remove that are not there.
    missing: usize,
    /// Changes that were refused, and not done.
    rejected: usize,
    /// What was refused or missing: the first 1,000, by position.
    errors: Vec<ItemError>,
    /// With `outcomes=true`: one word per change, in order (`created`, `updated`, `deleted`, `missing`, `rejected`), of the
    /// first 100,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcomes: Option<Vec<&'static str>>,
    /// Milliseconds from the call's start to this answer.
    took_ms: f64,
}

/// Why a change was not made.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in crate::http) struct ItemError {
    /// Its place in the call, from 0.
    position: usize,
    /// Its line, from 1, where the call has lines.
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    /// The item's id, where it could be read.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// The offending field, as a path into the item.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// What is wrong.
    detail: String,
}

/// Where a change stands in its call.
#[derive(Debug, Clone)]
pub(in crate::http) struct Place {
    pub(super) position: usize,
    pub(super) line: Option<u64>,
    pub(super) id: Option<String>,
}

/// The account of a call.
pub(in crate::http) struct Report {
    collection: String,
    start: Instant,
    position: Position,
    counts: Counts,
    errors: Vec<ItemError>,
    outcomes: Option<Vec<&'static str>>,
    first: Option<Problem>,
    /// The first change that was neither done nor refused.
    next: usize,
}

impl Report {
    /// An account of nothing yet.
    pub(in crate::http) fn new(collection: &str, with_outcomes: bool) -> Self {
        Self {
            collection: collection.to_owned(),
            start: Instant::now(),
            position: Position::START,
            counts: Counts::default(),
            errors: Vec::new(),
            outcomes: with_outcomes.then(Vec::new),
            first: None,
            next: 0,
        }
    }

    /// Everything up to here is done at `position`.
    pub(in crate::http) fn reached(&mut self, position: Position) {
        self.position = self.position.max(position);
    }

    pub(in crate::http) fn done(&mut self, place: Place, outcome: Outcome) {
        self.counts.add(&outcome);
        self.name_outcome(match &outcome {
            Outcome::Created => "created",
            Outcome::Updated => "updated",
            Outcome::Deleted => "deleted",
            Outcome::Missing => "missing",
            Outcome::Rejected(_) => "rejected",
        });
        self.next = place.position + 1;
        match outcome {
            Outcome::Rejected(error) => self.list(place, error.into()),
            Outcome::Missing => {
                let missing = EngineError::NoItem {
                    field: "id".to_owned(),
                    collection: self.collection.clone(),
                    id: place
                        .id
                        .as_deref()
                        .unwrap_or_default()
                        .chars()
                        .take(100)
                        .collect(),
                };
                self.list(place, missing.into());
            }
            Outcome::Created | Outcome::Updated | Outcome::Deleted => {}
        }
    }

    pub(super) fn refuse(&mut self, place: Place, problem: Problem) {
        self.counts.rejected += 1;
        self.name_outcome("rejected");
        self.next = place.position + 1;
        self.list(place, problem);
    }

    fn name_outcome(&mut self, name: &'static str) {
        if let Some(outcomes) = &mut self.outcomes
            && outcomes.len() < MAX_OUTCOMES
        {
            outcomes.push(name);
        }
    }

    fn list(&mut self, place: Place, problem: Problem) {
        self.first.get_or_insert_with(|| problem.clone());
        if self.errors.len() < MAX_LISTED {
            let (detail, field) = problem.into_parts();
            self.errors.push(ItemError {
                position: place.position,
                line: place.line,
                id: place.id.map(shortened),
                field,
                detail,
            });
        }
    }

    /// The answer to the call: a problem where there was something to do and nothing could be done.
    ///
    /// # Errors
    /// Every change was refused, or, if `missing_fails`, had no item to change.
    pub(in crate::http) fn finish(mut self, missing_fails: bool) -> Result<WriteAnswer, Problem> {
        let counts = self.counts;
        let done = counts.created + counts.updated + counts.deleted;
        let not_done = counts.rejected + counts.missing;
        if done + not_done == 0 {
            let detail = "body: has no items; send an object, an array, or one object per line";
            return Err(Problem::invalid(detail).with_field("body"));
        }
        let failed = done == 0 && (missing_fails || counts.missing == 0);
        match self.first.take() {
            Some(problem) if failed => Err(problem.of_many(not_done, "items").with_all(self.members())),
            _ => Ok(self.answer()),
        }
    }

    /// The problem that ended the call before its end, with what was done.
    pub(super) fn failed(self, problem: Problem) -> Problem {
        let next = self.next;
        problem.with("not_done_from", next).with_all(self.members())
    }

    fn answer(self) -> WriteAnswer {
        WriteAnswer {
            position: self.position.0,
            created: self.counts.created,
            updated: self.counts.updated,
            deleted: self.counts.deleted,
            missing: self.counts.missing,
            rejected: self.counts.rejected,
            errors: self.errors,
            outcomes: self.outcomes,
            took_ms: self.start.elapsed().as_secs_f64() * 1e3,
        }
    }

    fn members(self) -> Map<String, Value> {
        match serde_json::to_value(self.answer()) {
            Ok(Value::Object(members)) => members,
            _ => Map::new(),
        }
    }
}

fn shortened(id: String) -> String {
    if id.chars().nth(100).is_some() {
        id.chars().take(100).collect()
    } else {
        id
    }
}

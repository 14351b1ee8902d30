//! `POST /v1/events`: one event, a JSON array, or NDJSON.

use super::extract::{Body, parse, parse_object};
use super::problem::Problem;
use super::state::App;
use crate::signals::{Event, EventType};
use axum::extract::State;
use serde::Serialize;
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// Most events one call may carry.
const MAX_EVENTS: usize = 100_000;
/// As many refused events are named one by one.
const MAX_LISTED: usize = 100;

/// What became of the events.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(super) struct EventsAnswer {
    /// How many were taken.
    accepted: usize,
    /// How many of those name an item that the served snapshot does not have; they count once it does.
    unknown_items: usize,
    /// Whether the accepted ones are on disk; false on a replica whose data directory is read-only.
    durable: bool,
    /// How many were refused.
    rejected: usize,
    /// The first hundred refused ones.
    errors: Vec<EventProblem>,
}

/// Why an event was refused.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct EventProblem {
    /// Its place in the call, from 0.
    position: usize,
    /// The offending field.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<String>,
    /// What is wrong.
    detail: String,
}

/// Record what shoppers did
///
/// One object, a JSON array, or one object per line: `{"collection": "products", "type": "view | click | cart |
/// purchase", "item": "…", "user": "…", "session": "…", "time": "RFC 3339"}`; `user`, `session` and `time` may be left
/// out. Good events of a call are taken even when others are refused; each refused one is named.
#[utoipa::path(
    post, path = "/v1/events", tag = "Recommend",
    request_body(content = Object, content_type = "application/json",
        example = json!({"collection": "products", "type": "view", "item": "KIT-0001", "user": "u1"})),
    responses(
        (status = 200, body = EventsAnswer),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = 503, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn record(
    State(app): State<App>,
    Body(bytes): Body,
) -> Result<axum::Json<EventsAnswer>, Problem> {
    app.run(move |app| {
        let raw = split(&bytes)?;
        let mut batch = Batch::default();
        for (position, raw) in raw.iter().enumerate() {
            batch.add(app, position, raw);
        }
        batch.record(app).map(axum::Json)
    })
    .await
}

/// The events of a body, not yet read.
fn split(bytes: &[u8]) -> Result<Vec<&RawValue>, Problem> {
    let raw: Vec<&RawValue> = if bytes.trim_ascii_start().starts_with(b"[") {
        parse(bytes)?
    } else {
        let stream = serde_json::Deserializer::from_slice(bytes).into_iter::<&RawValue>();
        stream
            .take(MAX_EVENTS + 1)
            .collect::<Result<_, _>>()
            .map_err(|error| {
                Problem::invalid(format!("body: {error}; nothing of this call was recorded"))
                    .with_field("body")
            })?
    };
    match raw.len() {
        0 => Err(
            Problem::invalid("body: has no events; send an object, an array, or one object per line")
                .with_field("body"),
        ),
        count if count > MAX_EVENTS => {
            let detail =
                format!("body: has {count} events, at most {MAX_EVENTS} per call; send them in parts");
            Err(Problem::invalid(detail).with_field("body"))
        }
        _ => Ok(raw),
    }
}

#[derive(Default)]
struct Batch {
    by_collection: BTreeMap<String, Vec<(usize, Event)>>,
    first_refusal: Option<Problem>,
    answer: EventsAnswer,
}

impl Batch {
    fn add(&mut self, app: &App, position: usize, raw: &RawValue) {
        match read(app, raw) {
            Ok(event) => {
                let events = self.by_collection.entry(event.collection.clone());
                events.or_default().push((position, event));
            }
            Err(problem) => self.refuse(position, problem),
        }
    }

    fn refuse(&mut self, position: usize, problem: Problem) {
        self.answer.rejected += 1;
        self.first_refusal.get_or_insert_with(|| problem.clone());
        if self.answer.errors.len() < MAX_LISTED {
            let (detail, field) = problem.into_parts();
            self.answer.errors.push(EventProblem {
                position,
                field,
                detail,
            });
        }
    }

    /// Records what is left, one collection after the other. A call of which nothing could be taken fails as its
    /// first event did; otherwise what could not be taken is named in the answer, so that only that is sent again.
    fn record(mut self, app: &App) -> Result<EventsAnswer, Problem> {
        self.answer.durable = true;
        for (collection, events) in std::mem::take(&mut self.by_collection) {
            let (positions, events): (Vec<usize>, Vec<Event>) = events.into_iter().unzip();
            if let Err(problem) = self.record_one(app, &collection, &events) {
                positions
                    .into_iter()
                    .for_each(|position| self.refuse(position, problem.clone()));
            }
        }
        match self.first_refusal {
            Some(problem) if self.answer.accepted == 0 => {
                Err(problem.of_many(self.answer.rejected, "events"))
            }
            _ => Ok(self.answer),
        }
    }

    fn record_one(&mut self, app: &App, collection: &str, events: &[Event]) -> Result<(), Problem> {
        let view = app.engine().view(collection)?;
        let recorded = app.engine().record(&view, events)?;
        self.answer.accepted += recorded.accepted;
        self.answer.durable &= recorded.durable;
        let unknown = events
            .iter()
            .filter(|event| view.live().find(&event.item).is_none());
        self.answer.unknown_items += unknown.count();
        for kind in EventType::ALL {
            let count = events.iter().filter(|event| event.kind == kind).count();
            app.metrics()
                .events_accepted(collection, kind.name(), count as u64);
        }
        Ok(())
    }
}

fn read(app: &App, raw: &RawValue) -> Result<Event, Problem> {
    let refused = |collection: Option<&str>, problem: Problem| {
        app.metrics().events_rejected(collection, 1);
        problem
    };
    let event: Event = parse_object(raw.get().as_bytes()).map_err(|problem| refused(None, problem))?;
    app.engine()
        .view(&event.collection)
        .map_err(|error| refused(None, error.into()))?;
    event.validate(jiff::Timestamp::now()).map_err(|error| {
        refused(
            Some(&event.collection),
            Problem::invalid(error.to_string()).with_field(error.field()),
        )
    })?;
    Ok(event)
}

//! `POST /v1/events`: one event, a JSON array, or NDJSON.

use super::extract::{Body, Params, parse, parse_object};
use super::problem::Problem;
use super::state::App;
use crate::signals::{Event, ubi};
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// Most events one call may carry.
const MAX_EVENTS: usize = 100_000;
/// As many refused events are named one by one.
const MAX_LISTED: usize = 100;

/// Events that are written together.
const TOGETHER: usize = 10_000;
/// As many reasons for ignoring documents are told apart.
const MAX_REASONS: usize = 30;
const OTHER_REASONS: &str = "other reasons";

/// Where the events belong.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct EventsParams {
    /// The collection of documents of User Behavior Insights; without it the one that `application` names, or the only one.
    collection: Option<String>,
}

/// What became of the events.
#[derive(Debug, Default, Serialize, ToSchema)]
pub(super) struct EventsAnswer {
    /// How many were taken.
    accepted: usize,
    /// How many of those had been taken before; they count once.
    duplicates: usize,
    /// How many of those name an item that the collection does not have; they count once it does.
    unknown_items: usize,
    /// Whether the accepted ones are on disk; false on a replica whose data directory is read-only.
    durable: bool,
    /// The position of the last accepted one in the log of its collection's events; absent where they are of several
    /// collections or not on disk.
    #[serde(skip_serializing_if = "Option::is_none")]
    position: Option<u64>,
    /// How many documents of User Behavior Insights mean no event.
    ignored: usize,
    /// Why, and how many of each; the first thirty reasons.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    ignored_reasons: BTreeMap<String, usize>,
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
/// One object, a JSON array, or one object per line: `{"collection": "products", "type": "view", "item": "…"}` and where
/// known `user`, `session`, `basket`, `segment`, `time` (RFC 3339 or milliseconds; now when left out), `id` (the same id
/// counts once), `value` (of a rating 0 to 5) and `recommendation_id` (of the answer that brought the shopper there). Types
/// are impression, view, click, cart, purchase, rating and those of `[events.types]` in the settings. Documents of User
/// Behavior Insights (with `action_name`, or of a query) are taken as they are. Good events of a call are taken even when
/// others are refused; each refused one is named.
#[utoipa::path(
    post, path = "/v1/events", tag = "Recommend",
    params(EventsParams),
    request_body(content = Object, content_type = "application/json",
        example = json!({"collection": "products", "type": "view", "item": "KIT-0001", "user": "u1"})),
    responses(
        (status = 200, body = EventsAnswer),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = 503, body = Problem, content_type = "application/problem+json"),
        (status = 507, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn record(
    State(app): State<App>,
    Params(params): Params<EventsParams>,
    Body(bytes): Body,
) -> Result<axum::Json<EventsAnswer>, Problem> {
    app.run(move |app| {
        let raw = split(&bytes)?;
        let mut batch = Batch::default();
        for (position, raw) in raw.iter().enumerate() {
            batch.add((app, &params), position, raw);
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
    fn add(&mut self, (app, params): (&App, &EventsParams), position: usize, raw: &RawValue) {
        match read(app, params, raw) {
            Ok(Read::Event(event)) => {
                let events = self.by_collection.entry(event.collection.clone());
                events.or_default().push((position, *event));
            }
            Ok(Read::Ignored { collection, reason }) => {
                app.metrics().events_ignored(&collection, 1);
                self.ignore(reason);
            }
            Err(problem) => self.refuse(position, problem),
        }
    }

    fn ignore(&mut self, reason: String) {
        let reasons = &mut self.answer.ignored_reasons;
        let room = reasons.len() < MAX_REASONS || reasons.contains_key(&reason);
        let reason = if room { reason } else { OTHER_REASONS.to_owned() };
        *reasons.entry(reason).or_default() += 1;
        self.answer.ignored += 1;
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
        let collections = std::mem::take(&mut self.by_collection);
        let several = collections.len() > 1;
        for (collection, events) in collections {
            let mut rest = events.into_iter().peekable();
            while rest.peek().is_some() {
                let (positions, events): (Vec<usize>, Vec<Event>) = rest.by_ref().take(TOGETHER).unzip();
                if let Err(problem) = self.record_together(app, &collection, &events) {
                    positions
                        .into_iter()
                        .for_each(|position| self.refuse(position, problem.clone()));
                }
            }
        }
        if several {
            self.answer.position = None;
        }
        match self.first_refusal {
            Some(problem) if self.answer.accepted + self.answer.ignored == 0 => {
                Err(problem.of_many(self.answer.rejected, "events"))
            }
            _ => Ok(self.answer),
        }
    }

    fn record_together(&mut self, app: &App, collection: &str, events: &[Event]) -> Result<(), Problem> {
        let view = app.engine().view(collection)?;
        let recorded = app.engine().record(&view, events)?;
        self.answer.accepted += recorded.accepted;
        self.answer.duplicates += recorded.duplicates;
        self.answer.unknown_items += recorded.unknown;
        self.answer.durable &= recorded.durable;
        self.answer.position = recorded.position.map(|position| position.0);
        let mut kinds: BTreeMap<&str, u64> = BTreeMap::new();
        for event in events {
            *kinds.entry(event.kind.name()).or_default() += 1;
        }
        for (kind, count) in kinds {
            app.metrics().events_accepted(collection, kind, count);
        }
        Ok(())
    }
}

/// What one object of a call means.
enum Read {
    Event(Box<Event>),
    Ignored { collection: String, reason: String },
}

fn read(app: &App, params: &EventsParams, raw: &RawValue) -> Result<Read, Problem> {
    let meant = match ubi::Document::parse(raw.get()) {
        Some(document) => read_document(app, params, &document),
        None => parse_object(raw.get().as_bytes()).map(|event| Read::Event(Box::new(event))),
    };
    let meant = meant.inspect_err(|_| app.metrics().events_rejected(None, 1))?;
    if let Read::Event(event) = &meant {
        check(app, event)?;
    }
    Ok(meant)
}

/// Refuses an event of a collection that is not served, or that cannot be.
fn check(app: &App, event: &Event) -> Result<(), Problem> {
    let view = app.engine().view(&event.collection).map_err(|error| {
        app.metrics().events_rejected(None, 1);
        Problem::from(error)
    })?;
    let types = &view.signals().settings().types;
    event.validate(jiff::Timestamp::now(), types).map_err(|error| {
        app.metrics().events_rejected(Some(&event.collection), 1);
        Problem::invalid(error.to_string()).with_field(error.field())
    })
}

fn read_document(app: &App, params: &EventsParams, document: &ubi::Document) -> Result<Read, Problem> {
    let collection = collection_of(app, params, document.application())?;
    let view = app.engine().view(&collection)?;
    let meaning = document.meaning(&collection, &view.signals().settings().types);
    match meaning {
        Ok(ubi::Meaning::Event(event)) => Ok(Read::Event(event)),
        Ok(ubi::Meaning::Ignored(reason)) => Ok(Read::Ignored { collection, reason }),
        Err(error) => Err(Problem::invalid(error.to_string()).with_field(error.field)),
    }
}

/// The collection that a document is about: as the call says, else as its `application`, else the only one there is.
fn collection_of(app: &App, params: &EventsParams, application: Option<&str>) -> Result<String, Problem> {
    if let Some(collection) = &params.collection {
        return Ok(collection.clone());
    }
    if let Some(application) = application.filter(|name| app.engine().view(name).is_ok()) {
        return Ok(application.to_owned());
    }
    let views = app.engine().views();
    match &views[..] {
        [only] => Ok(only.collection().to_owned()),
        views => {
            let served: Vec<&str> = views.iter().map(|view| view.collection()).collect();
            let detail = format!(
                "collection: a document of User Behavior Insights does not say which one it is about; add ?collection=NAME to the URL, or let its `application` name one of: {}",
                served.join(", ")
            );
            Err(Problem::invalid(detail).with_field("collection"))
        }
    }
}

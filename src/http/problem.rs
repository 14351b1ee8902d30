//! Errors as `application/problem+json` (RFC 9457). The one place where errors turn into HTTP.

use crate::engine::EngineError;
use crate::jobs::JobError;
use crate::rebuild::RebuildError;
use crate::signals::RecordError;
use alike_embeddings::EmbeddingError;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::{Map, Value};
use std::time::Duration;
use utoipa::ToSchema;

/// An error answer.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Problem {
    /// A stable name of the kind of error, `urn:alike:problem:…`.
    #[serde(rename = "type")]
    #[schema(example = "urn:alike:problem:invalid-request")]
    kind: String,
    /// The kind of error in words.
    title: &'static str,
    /// The HTTP status.
    #[schema(example = 400)]
    status: u16,
    /// What exactly is wrong and what would be right.
    detail: String,
    /// The offending field, as a path into the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "filter.price.gte")]
    field: Option<String>,
    /// What this kind of error says beyond that, such as what a call had done before it failed.
    #[serde(flatten)]
    #[schema(ignore)]
    more: Map<String, Value>,
    /// Finer than the status, for surfaces whose errors say it.
    #[serde(skip)]
    cause: Cause,
    /// After how many seconds trying again may help, where it may.
    #[serde(skip)]
    retry_after_s: u32,
}

/// What the error shapes of [`super::openai`] and [`super::tei`] tell apart beyond the status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Cause {
    /// Nothing special.
    #[default]
    Other,
    /// The body is not JSON.
    Syntax,
    /// The body is JSON, but a value is missing, unknown, or of the wrong type.
    Value,
    /// Nothing was sent where something is needed.
    Empty,
    /// A text has more tokens than the model takes.
    TooLong,
    /// A text or token id that the tokenizer cannot use.
    Tokens,
    /// The named model is not served.
    NoModel,
    /// The model that is served cannot do this.
    Unsupported,
}

/// What a request got wrong is quoted back, but not megabytes of it.
const LONGEST_DETAIL: usize = 1_000;
const LONGEST_FIELD: usize = 300;

fn shortened(mut text: String, longest: usize) -> String {
    if text.len() > longest {
        text.truncate(text.floor_char_boundary(longest));
        text.push('…');
    }
    text
}

impl Problem {
    fn new(status: StatusCode, slug: &str, title: &'static str, detail: impl Into<String>) -> Self {
        let kind = format!("urn:alike:problem:{slug}");
        Self {
            kind,
            title,
            status: status.as_u16(),
            detail: detail.into(),
            field: None,
            more: Map::new(),
            cause: Cause::default(),
            retry_after_s: 1,
        }
    }

    pub(super) fn with_field(mut self, field: impl Into<String>) -> Self {
        self.field = Some(shortened(field.into(), LONGEST_FIELD));
        self
    }

    /// Adds to what is wrong.
    pub(super) fn explained(mut self, why: &str) -> Self {
        self.detail = format!("{}; {why}", self.detail);
        self
    }

    /// Says more, as an extension member of that name.
    pub(super) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.more.insert(name.to_owned(), value.into());
        self
    }

    /// Says all of that, too.
    pub(super) fn with_all(mut self, more: Map<String, Value>) -> Self {
        self.more.extend(more);
        self
    }

    fn with_retry_after(mut self, wait: Duration) -> Self {
        self.retry_after_s = wait.as_secs_f64().ceil().max(1.0) as u32;
        self
    }

    pub(super) fn with_cause(mut self, cause: Cause) -> Self {
        self.cause = cause;
        self
    }

    pub(super) fn cause(&self) -> Cause {
        self.cause
    }

    pub(super) fn status(&self) -> StatusCode {
        StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// The problem of a call of which nothing was taken: that of its first part, saying how many there were.
    pub(super) fn of_many(mut self, refused: usize, what: &str) -> Self {
        if refused > 1 {
            self.detail = format!("all {refused} {what} were refused; the first: {}", self.detail);
        }
        self
    }

    /// What is wrong, and in which field.
    pub(super) fn into_parts(self) -> (String, Option<String>) {
        (self.detail, self.field)
    }

    /// 400: the request is wrong; says in which field, if it is one.
    pub(super) fn invalid(detail: impl Into<String>) -> Self {
        let detail = shortened(detail.into(), LONGEST_DETAIL);
        Self::new(
            StatusCode::BAD_REQUEST,
            "invalid-request",
            "The request is not valid",
            detail,
        )
    }

    /// 404: no such route, collection or item.
    pub(super) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::NOT_FOUND,
            "not-found",
            "There is no such thing here",
            detail,
        )
    }

    /// 405: the route exists with another method.
    pub(super) fn method_not_allowed(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            "method-not-allowed",
            "The method is not allowed",
            detail,
        )
    }

    /// 413: the body is too large.
    pub(super) fn too_large(limit: usize) -> Self {
        let detail =
            format!("the body has more than {limit} bytes (server.body_limit_bytes); send it in parts");
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            "too-large",
            "The body is too large",
            detail,
        )
    }

    /// 429: too many requests are waiting.
    pub(super) fn overloaded(limit: usize) -> Self {
        let detail =
            format!("{limit} requests are in flight already (server.max_in_flight); try again shortly");
        Self::busy(detail)
    }

    /// 429: there is too much to do already.
    fn busy(detail: String) -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "overloaded",
            "The server is overloaded",
            detail,
        )
    }

    /// 503: something that the request needs is not there.
    pub(super) fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "unavailable",
            "This cannot be answered now",
            detail,
        )
    }

    /// 504: a call in parts stopped coming.
    pub(super) fn silent(limit: Duration) -> Self {
        let detail = format!(
            "no line came within {} ms (server.request_timeout_ms); send the rest again (blank lines keep a quiet call open)",
            limit.as_millis()
        );
        Self::new(
            StatusCode::GATEWAY_TIMEOUT,
            "timeout",
            "The request took too long",
            detail,
        )
    }

    /// 504: the request took too long.
    pub(super) fn timeout(limit: Duration) -> Self {
        let detail = format!(
            "no answer within {} ms (server.request_timeout_ms)",
            limit.as_millis()
        );
        Self::new(
            StatusCode::GATEWAY_TIMEOUT,
            "timeout",
            "The request took too long",
            detail,
        )
    }

    /// 409: it contradicts what is there.
    pub(super) fn conflict(slug: &str, title: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, slug, title, detail)
    }

    /// 410: a cursor that nothing is held for any more.
    pub(super) fn gone(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::GONE,
            "gone",
            "This was here and is not any more",
            detail,
        )
    }

    /// 422: an idempotency key of another call.
    fn key_reused(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "idempotency-key-reused",
            "The idempotency key belongs to another call",
            detail,
        )
    }

    /// 507: the disk is nearly full.
    pub(super) fn disk_low(detail: impl Into<String>) -> Self {
        Self::new(
            StatusCode::INSUFFICIENT_STORAGE,
            "disk-low",
            "The disk is nearly full",
            detail,
        )
    }

    /// 500: our fault. The cause goes to the log.
    pub(super) fn internal(cause: &dyn std::fmt::Display) -> Self {
        tracing::error!(%cause, "request failed");
        let detail = "an internal error, recorded in the server's log";
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "The server failed",
            detail,
        )
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.status();
        let retry = matches!(
            status,
            StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS
        );
        let wait = HeaderValue::from(self.retry_after_s);
        let mut response = (status, Json(&self)).into_response();
        // Surfaces with another error shape make theirs of it.
        response.extensions_mut().insert(self);
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        if retry {
            headers.insert(header::RETRY_AFTER, wait);
        }
        response
    }
}

impl From<EngineError> for Problem {
    fn from(error: EngineError) -> Self {
        match error {
            EngineError::Invalid { field, detail } => {
                Self::invalid(format!("{field}: {detail}")).with_field(field)
            }
            EngineError::NoItem { ref field, .. } => {
                Self::not_found(error.to_string()).with_field(field.clone())
            }
            EngineError::NoPlacement { .. } => Self::not_found(error.to_string()).with_field("placement"),
            EngineError::Placements(cause) => {
                tracing::error!(%cause, "placements cannot be used");
                Self::unavailable(cause.to_string())
            }
            EngineError::NoCollection { .. } => Self::not_found(error.to_string()).with_field("collection"),
            EngineError::Refused { .. } | EngineError::NoModel { .. } => Self::unavailable(error.to_string()),
            EngineError::NoReranker => Self::invalid(error.to_string()).with_cause(Cause::Unsupported),
            EngineError::Encoder(EmbeddingError::Overloaded { .. }) => Self::busy(error.to_string()),
            EngineError::Encoder(EmbeddingError::TokenId { .. } | EmbeddingError::Tokenize { .. }) => {
                Self::invalid(error.to_string()).with_cause(Cause::Tokens)
            }
            EngineError::Experiments(error) => error.into(),
            error => of_writing(error),
        }
    }
}

/// The problem of an error that changes, and reads that wait for them, have.
fn of_writing(error: EngineError) -> Problem {
    let detail = error.to_string();
    match error {
        EngineError::Full { retry_after, .. } => {
            Problem::busy(detail).with_retry_after(Duration::from_secs(retry_after))
        }
        EngineError::Conflict { .. } => Problem::conflict("conflict", "The item keeps changing", detail),
        EngineError::DiskLow { .. } => Problem::disk_low(detail),
        EngineError::WritesOff { .. } => Problem::unavailable(detail),
        EngineError::PositionNotReached { at, .. } => {
            let problem = Problem::unavailable(detail).with_field("min_position");
            problem.with("position", at.0)
        }
        EngineError::Exists { .. } => {
            Problem::conflict("exists", "There is one already", detail).with_field("collection")
        }
        EngineError::KeyReused { .. } => Problem::key_reused(detail).with_field("Idempotency-Key"),
        EngineError::KeyInProgress { .. } => {
            Problem::conflict("call-in-progress", "The call is still at work", detail)
                .with_field("Idempotency-Key")
        }
        EngineError::Log(cause) => {
            tracing::error!(%cause, "the log failed");
            Problem::unavailable(detail)
        }
        error => Problem::internal(&error),
    }
}

impl From<JobError> for Problem {
    fn from(error: JobError) -> Self {
        let detail = error.to_string();
        match error {
            JobError::Busy { job, .. } => {
                Self::conflict("job-running", "Another job is at work", detail).with("job", job)
            }
            JobError::Unknown { .. } => Self::not_found(detail).with_field("id"),
            JobError::NoThread { .. } => Self::unavailable(detail),
        }
    }
}

impl From<RebuildError> for Problem {
    fn from(error: RebuildError) -> Self {
        let detail = error.to_string();
        match error {
            RebuildError::Engine(error) => error.into(),
            RebuildError::Job(error) => error.into(),
            RebuildError::NoRoom { .. } => Self::disk_low(detail),
            RebuildError::NoSnapshot { .. } => Self::not_found(detail).with_field("id"),
            RebuildError::Schema { field, .. } => Self::invalid(detail).with_field(format!("schema.{field}")),
            RebuildError::Worse {
                what,
                before,
                found,
                drop,
                bound,
                ..
            } => {
                let problem = Self::conflict("answers-worse", "It answers worse than what is served", detail);
                let problem = problem.with("measure", what).with("served", before);
                problem
                    .with("found", found)
                    .with("drop", drop)
                    .with("bound", bound)
            }
            RebuildError::NothingBefore { .. } => {
                Self::conflict("nothing-before", "There is nothing to go back to", detail)
            }
            RebuildError::Differs { .. }
            | RebuildError::LogGone { .. }
            | RebuildError::Wrong { .. }
            | RebuildError::Overtaken { .. }
            | RebuildError::Contradiction { .. }
            | RebuildError::Golden { .. }
            | RebuildError::Canceled => {
                Self::conflict("refused", "What is served cannot become that", detail)
            }
            RebuildError::Snapshot(cause) => {
                tracing::error!(%cause, "a snapshot cannot be used");
                Self::conflict("refused", "What is served cannot become that", detail)
            }
            error => Self::internal(&error),
        }
    }
}

impl From<RecordError> for Problem {
    fn from(error: RecordError) -> Self {
        match error {
            RecordError::Invalid { .. } => Self::invalid(error.to_string()),
            RecordError::Full { .. } => Self::busy(error.to_string()),
            RecordError::DiskLow { .. } => Self::disk_low(error.to_string()),
            RecordError::Append(cause) => {
                tracing::error!(%cause, "events were not recorded");
                Self::unavailable(
                    "the events could not be written to disk; none was recorded, send them again",
                )
            }
        }
    }
}

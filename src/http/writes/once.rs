//! Idempotency keys: a call that is sent again is answered as the first time, and does nothing.

use super::body::Changes;
use crate::changes::{CallStart, Key};
use crate::engine::EngineError;
use crate::http::problem::Problem;
use crate::http::state::App;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, Method, Uri, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::future::Future;

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotent-replayed");
const LONGEST_KEY: usize = 255;

/// The key that a call was sent with, if any.
#[derive(Debug, Clone)]
pub(in crate::http) struct CallKey(Option<String>);

impl<S: Send + Sync> FromRequestParts<S> for CallKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let mut values = parts.headers.get_all(IDEMPOTENCY_KEY).iter();
        let Some(value) = values.next() else {
            return Ok(Self(None));
        };
        let bytes = value.as_bytes();
        let usable = (1..=LONGEST_KEY).contains(&bytes.len()) && bytes.iter().all(u8::is_ascii_graphic);
        match value.to_str() {
            Ok(key) if usable && values.next().is_none() => Ok(Self(Some(key.to_owned()))),
            _ => {
                let detail = format!(
                    "Idempotency-Key: give one of 1 to {LONGEST_KEY} visible ASCII characters, such as a UUID; nothing was done"
                );
                Err(Problem::invalid(detail).with_field("Idempotency-Key"))
            }
        }
    }
}

/// Digest of a call's method, path and body.
#[derive(Debug, Clone)]
pub(in crate::http) struct Digest(blake3::Hasher);

impl Digest {
    /// Of a call without body.
    pub(in crate::http) fn of(method: &Method, uri: &Uri) -> Self {
        let mut hasher = blake3::Hasher::new();
        for part in [method.as_str(), &uri.to_string()] {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        Self(hasher)
    }

    /// With this body.
    pub(in crate::http) fn with(mut self, body: &[u8]) -> Self {
        self.0.update(body);
        self
    }

    pub(super) fn into_hasher(self) -> blake3::Hasher {
        self.0
    }

    pub(super) fn finish(&self) -> [u8; 16] {
        shortened(self.0.finalize())
    }
}

/// What of a digest is kept.
pub(super) fn shortened(hash: blake3::Hash) -> [u8; 16] {
    let mut digest = [0; 16];
    digest.copy_from_slice(&hash.as_bytes()[..16]);
    digest
}

/// What is known of a key.
enum Known {
    /// Nothing: its call is at work from now on.
    New,
    /// It was answered so.
    Answered(Box<str>),
    /// It came with another body.
    Other(Problem),
}

/// A call with a key that is at work. Dropped before its answer is noted, it is given up.
struct AtWork {
    app: App,
    collection: String,
    key: Key,
    ended: bool,
}

impl Drop for AtWork {
    fn drop(&mut self) {
        if !self.ended {
            self.app.engine().abandon_call(&self.collection, &self.key);
        }
    }
}

/// Answers a call with `work`, which gives the changes back as far as it has read them, or with what it was answered the
/// first time.
///
/// # Errors
/// Those of `work`, which are not remembered: what was not done can be sent again under the same key.
pub(in crate::http) async fn once<A, W, F>(
    app: &App,
    collection: &str,
    key: CallKey,
    changes: Changes,
    work: W,
) -> Result<Response, Problem>
where
    A: Serialize,
    W: FnOnce(Changes) -> F,
    F: Future<Output = (Changes, Result<A, Problem>)>,
{
    let (changes, answer) = match key.0 {
        None => {
            let (changes, done) = work(changes).await;
            (changes, done.and_then(|answer| to_json(&answer)).map(json))
        }
        Some(name) => keyed(app, collection, name, changes, work).await,
    };
    if answer.is_err() {
        changes.discard().await;
    }
    answer
}

async fn keyed<A, W, F>(
    app: &App,
    collection: &str,
    name: String,
    mut changes: Changes,
    work: W,
) -> (Changes, Result<Response, Problem>)
where
    A: Serialize,
    W: FnOnce(Changes) -> F,
    F: Future<Output = (Changes, Result<A, Problem>)>,
{
    let mut at_work = match start(app, collection, name, &mut changes).await {
        Ok(Start::Work(at_work)) => at_work,
        Ok(Start::Answered(answer)) => return (changes, Ok(replayed(answer))),
        Err(problem) => return (changes, Err(problem)),
    };
    let (changes, done) = work(changes).await;
    let body = changes.digest_at_end().unwrap_or(at_work.key.body);
    let answer = match done.and_then(|answer| to_json(&answer)) {
        Ok(answer) => note(&mut at_work, body, &answer).await.map(|()| json(answer)),
        Err(problem) => Err(problem),
    };
    (changes, answer)
}

/// Whether there is anything to do.
enum Start {
    Work(AtWork),
    Answered(Box<str>),
}

async fn start(app: &App, collection: &str, name: String, changes: &mut Changes) -> Result<Start, Problem> {
    // Of lines the digest is known at their end only; that no call has this one tells whether the key is known.
    let now = changes.digest();
    let mut key = Key {
        name,
        body: now.unwrap_or_default(),
    };
    let mut known = begin(app, collection, &key).await?;
    if now.is_none() && matches!(known, Known::Other(_)) {
        key.body = changes.read_to_end(app).await?;
        known = begin(app, collection, &key).await?;
    }
    match known {
        Known::Answered(answer) => Ok(Start::Answered(answer)),
        Known::Other(problem) => Err(problem),
        Known::New => Ok(Start::Work(AtWork {
            app: app.clone(),
            collection: collection.to_owned(),
            key,
            ended: false,
        })),
    }
}

async fn begin(app: &App, collection: &str, key: &Key) -> Result<Known, Problem> {
    let (collection, key) = (collection.to_owned(), key.clone());
    app.run(move |app| match app.engine().begin_call(&collection, &key) {
        Ok(CallStart::New) => Ok(Known::New),
        Ok(CallStart::Answered(answer)) => Ok(Known::Answered(answer)),
        Ok(CallStart::InProgress) => Err(EngineError::KeyInProgress { key: key.name }.into()),
        Err(error @ EngineError::KeyReused { .. }) => Ok(Known::Other(error.into())),
        Err(error) => Err(error.into()),
    })
    .await
}

/// Writes the answer down. The changes are durable already: where this fails, the answer would say less than is true.
async fn note(at_work: &mut AtWork, body: [u8; 16], answer: &str) -> Result<(), Problem> {
    let (collection, text) = (at_work.collection.clone(), answer.to_owned());
    let name = at_work.key.name.clone();
    let key = Key { name, body };
    let noted = at_work.app.run_part(move |app| {
        let deadline = app.deadline();
        Ok(app.engine().end_call(&collection, &key, &text, deadline)?)
    });
    match noted.await {
        Ok(_position) => {
            at_work.ended = true;
            Ok(())
        }
        Err(problem) => {
            let done = serde_json::from_str(answer).unwrap_or_default();
            let why = "the changes are done, but the idempotency key could not be kept; sent again, they are done again";
            Err(problem.explained(why).with_all(done))
        }
    }
}

fn to_json<A: Serialize>(answer: &A) -> Result<String, Problem> {
    serde_json::to_string(answer).map_err(|error| Problem::internal(&error))
}

fn json(answer: impl Into<String>) -> Response {
    let content_type = HeaderValue::from_static("application/json");
    ([(header::CONTENT_TYPE, content_type)], answer.into()).into_response()
}

fn replayed(answer: Box<str>) -> Response {
    let mut response = json(answer);
    response
        .headers_mut()
        .insert(REPLAYED, HeaderValue::from_static("true"));
    response
}

//! Request bodies and query strings, refused with the field's name when they are wrong.

use super::problem::{Cause, Problem};
use super::state::App;
use axum::body::{Bytes, HttpBody};
use axum::extract::{FromRequest, FromRequestParts, Query, Request};
use axum::http::header;
use axum::http::request::Parts;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::pin::Pin;

/// As much of a body that is too large is read and thrown away, so that a caller who is still sending gets to read the
/// answer instead of a reset connection.
pub(super) const MAX_DISCARDED: usize = 64 << 20;

/// The bytes of a body within the size limit.
pub(super) struct Body(pub(super) Bytes);

impl FromRequest<App> for Body {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let limit = app.settings().body_limit_bytes;
        let (parts, mut body) = request.into_parts();
        if body.size_hint().lower() > limit as u64 && parts.headers.contains_key(header::EXPECT) {
            // This caller waits for leave to send; the answer alone is the refusal.
            return Err(Problem::too_large(limit));
        }
        let mut bytes = Vec::new();
        while let Some(piece) = next_piece(&mut body).await {
            let piece = piece.map_err(|error| {
                Problem::invalid(format!("the body could not be read: {error}")).with_field("body")
            })?;
            if bytes.len() + piece.len() > limit {
                discard(body).await;
                return Err(Problem::too_large(limit));
            }
            bytes.extend_from_slice(&piece);
        }
        Ok(Self(bytes.into()))
    }
}

/// The next piece of a body; trailers are an empty one.
pub(super) async fn next_piece(body: &mut axum::body::Body) -> Option<Result<Bytes, axum::Error>> {
    let frame = std::future::poll_fn(|context| Pin::new(&mut *body).poll_frame(context)).await?;
    Some(frame.map(|frame| frame.into_data().unwrap_or_default()))
}

async fn discard(mut body: axum::body::Body) {
    let mut discarded = 0;
    while let Some(Ok(piece)) = next_piece(&mut body).await {
        discarded += piece.len();
        if discarded > MAX_DISCARDED {
            return;
        }
    }
}

/// A JSON body, whatever its content type says.
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<App> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let Body(bytes) = Body::from_request(request, app).await?;
        body_object(&bytes).map(Self)
    }
}

/// Reads a body that is one JSON object.
pub(super) fn body_object<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    if bytes.is_empty() {
        let problem = Problem::invalid("the body is empty; send a JSON object").with_field("body");
        return Err(problem.with_cause(Cause::Syntax));
    }
    std::str::from_utf8(bytes).map_err(|error| {
        Problem::invalid(format!(
            "the body is not UTF-8: byte {} is invalid",
            error.valid_up_to()
        ))
        .with_field("body")
        .with_cause(Cause::Syntax)
    })?;
    parse_object(bytes)
}

/// Reads one JSON object; the error names the field. Serde would also take a list of the fields' values in the order of
/// their declaration, which nobody means and which a new field would change the meaning of.
pub(super) fn parse_object<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Problem> {
    if bytes.trim_ascii_start().starts_with(b"[") {
        let problem = Problem::invalid("body: is a list, a JSON object is expected").with_field("body");
        return Err(problem.with_cause(Cause::Value));
    }
    parse(bytes)
}

/// Reads one JSON value; the error names the field.
pub(super) fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, Problem> {
    let mut deserializer = serde_json::Deserializer::from_slice(bytes);
    let value = serde_path_to_error::deserialize(&mut deserializer).map_err(|error| {
        let message = readable(error.inner().to_string());
        let field = field_of(&error.path().to_string(), &message);
        let cause = if error.inner().is_data() {
            Cause::Value
        } else {
            Cause::Syntax
        };
        Problem::invalid(format!("{field}: {message}"))
            .with_field(field)
            .with_cause(cause)
    })?;
    deserializer.end().map_err(|error| {
        let problem = Problem::invalid(format!("body: {error}")).with_field("body");
        problem.with_cause(Cause::Syntax)
    })?;
    Ok(value)
}

/// Serde's message for half of a surrogate pair, such as `"\\ud800"`, does not say so.
fn readable(message: String) -> String {
    if message.contains("hex escape") {
        format!("{message}: a lone surrogate (\\ud800 to \\udfff) is not a character")
    } else {
        message
    }
}

/// The path of the offending field: an unknown or missing one is named in serde's message, not in its path.
fn field_of(path: &str, message: &str) -> String {
    // The path of an unknown variant goes on to it.
    let variant = message
        .strip_prefix("unknown variant `")
        .and_then(|rest| rest.split('`').next());
    if let Some(field) = variant.and_then(|variant| path.strip_suffix(variant)?.strip_suffix('.')) {
        return field.to_owned();
    }
    let named = ["unknown field `", "missing field `", "duplicate field `"]
        .iter()
        .find_map(|start| {
            let rest = message.strip_prefix(start)?;
            rest.split('`').next()
        });
    match (path, named) {
        ("." | "?", None) => "body".to_owned(),
        ("." | "?", Some(name)) => name.to_owned(),
        // For an unknown field the path already ends in it.
        (path, Some(name)) if path == name || path.ends_with(&format!(".{name}")) => path.to_owned(),
        (path, Some(name)) => format!("{path}.{name}"),
        (path, None) => path.to_owned(),
    }
}

/// The query string.
pub(super) struct Params<T>(pub(super) T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match Query::<T>::from_request_parts(parts, state).await {
            Ok(Query(params)) => Ok(Self(params)),
            Err(error) => {
                let text = error.body_text();
                let detail = text
                    .strip_prefix("Failed to deserialize query string: ")
                    .unwrap_or(&text);
                let (path, message) = detail.split_once(": ").unwrap_or((".", detail));
                let (path, message) = if path.contains(' ') {
                    (".", detail)
                } else {
                    (path, message)
                };
                Err(Problem::invalid(detail).with_field(field_of(path, message)))
            }
        }
    }
}

/// A path parameter; one that is not UTF-8 is refused.
pub(super) struct Path<T>(pub(super) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Path<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        match axum::extract::Path::<T>::from_request_parts(parts, state).await {
            Ok(axum::extract::Path(path)) => Ok(Self(path)),
            Err(error) => Err(Problem::invalid(error.body_text()).with_field("path")),
        }
    }
}

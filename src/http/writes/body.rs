//! A body cut into parts.

use super::change::{explained, object};
use super::lines::{End, LineReader, trimmed};
use super::once::{Digest, shortened};
use super::parts::unfinished;
use crate::changes::MAX_TOGETHER;
use crate::engine::View;
use crate::http::extract::{Body, parse};
use crate::http::problem::{Cause, Problem};
use crate::http::state::App;
use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, header};
use serde_json::value::RawValue;
use std::ops::Range;

/// Most items of one JSON array; a stream takes any number.
pub(in crate::http) const MAX_ITEMS: usize = 100_000;

/// Bytes at which a part is full.
const PART_BYTES: usize = 8 << 20;
/// The same where every item has to be encoded, which takes longer than all the rest.
const ENCODED_CHANGES: usize = 128;
const ENCODED_BYTES: usize = 256 << 10;

/// How much is committed together.
#[derive(Debug, Clone, Copy)]
pub(super) struct PartLimits {
    pub(super) changes: usize,
    pub(super) bytes: usize,
}

impl PartLimits {
    pub(super) fn of(view: &View) -> Self {
        if view.snapshot().manifest().schema.embed.is_empty() {
            Self {
                changes: MAX_TOGETHER,
                bytes: PART_BYTES,
            }
        } else {
            Self {
                changes: ENCODED_CHANGES.min(MAX_TOGETHER),
                bytes: ENCODED_BYTES,
            }
        }
    }
}

/// One change as it came: a JSON value that nobody has read yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::http) struct Piece {
    /// Its place in the call, from 0.
    pub(super) position: usize,
    /// Its line, from 1, in a stream.
    pub(super) line: Option<u64>,
    /// Where it stands in the part's bytes; how long it is, where that is too long.
    pub(super) text: Result<Range<usize>, usize>,
}

/// Changes that are committed together.
#[derive(Debug)]
pub(super) struct Part {
    pub(super) bytes: Bytes,
    pub(super) pieces: Vec<Piece>,
}

/// The changes of a call's body.
pub(in crate::http) enum Changes {
    /// A body that has come as a whole.
    Whole {
        /// The body.
        bytes: Bytes,
        /// What of it is not in a part yet, in order.
        pieces: std::vec::IntoIter<Piece>,
        /// Whether an id may stand in it once only: an array is one batch; lines are a sequence.
        batch: bool,
        /// Digest of the call.
        digest: [u8; 16],
    },
    /// Lines that are still coming.
    Lines(Box<LineReader>),
}

impl Changes {
    /// The body of `request`: lines where its content type says so; else an array, an object, or lines again.
    pub(in crate::http) async fn of(request: Request, app: &App) -> Result<Self, Problem> {
        let digest = Digest::of(request.method(), request.uri());
        if is_lines(request.headers()) {
            let longest = app.settings().body_limit_bytes;
            let reader = LineReader::new(request.into_body(), digest.into_hasher(), longest);
            return Ok(Self::Lines(Box::new(reader)));
        }
        let Body(bytes) = Body::from_request(request, app).await?;
        let digest = digest.with(&bytes).finish();
        let batch = bytes.trim_ascii_start().starts_with(b"[");
        let pieces = if batch {
            elements(&bytes)?
        } else {
            objects(&bytes)?
        };
        Ok(Self::Whole {
            pieces: pieces.into_iter(),
            bytes,
            batch,
            digest,
        })
    }

    /// A call of these ids.
    pub(in crate::http) fn ids(ids: &[String], digest: &Digest) -> Self {
        let mut bytes = Vec::new();
        let mut piece = |(position, id): (usize, &String)| {
            let start = bytes.len();
            bytes.extend_from_slice(serde_json::Value::from(id.as_str()).to_string().as_bytes());
            Piece {
                position,
                line: None,
                text: Ok(start..bytes.len()),
            }
        };
        let pieces: Vec<Piece> = ids.iter().enumerate().map(&mut piece).collect();
        Self::Whole {
            bytes: bytes.into(),
            pieces: pieces.into_iter(),
            batch: true,
            digest: digest.finish(),
        }
    }

    /// A call without items.
    pub(in crate::http) fn none(digest: &Digest) -> Self {
        Self::ids(&[], digest)
    }

    /// Digest of the call, where it has come as a whole.
    pub(super) fn digest(&self) -> Option<[u8; 16]> {
        match self {
            Self::Whole { digest, .. } => Some(*digest),
            Self::Lines(_) => None,
        }
    }

    /// Digest of the lines that have come.
    pub(super) fn digest_at_end(&self) -> Option<[u8; 16]> {
        match self {
            Self::Whole { .. } => None,
            Self::Lines(reader) => Some(shortened(reader.digest())),
        }
    }

    /// Reads lines to their end and does nothing with them but to take their digest.
    pub(super) async fn read_to_end(&mut self, app: &App) -> Result<[u8; 16], Problem> {
        match self {
            Self::Whole { digest, .. } => Ok(*digest),
            Self::Lines(reader) => match unfinished(app, reader.skip(app).await) {
                None => Ok(shortened(reader.digest())),
                Some(problem) => Err(problem),
            },
        }
    }

    /// Reads on after the call has failed, so that a caller who is still sending gets to read the answer.
    pub(super) async fn discard(self) {
        if let Self::Lines(reader) = self {
            reader.discard().await;
        }
    }

    /// Whether an id may stand in the call once only.
    pub(super) fn is_batch(&self) -> bool {
        matches!(self, Self::Whole { batch: true, .. })
    }

    /// The next part; with the last one, why it is the last.
    pub(super) async fn part(&mut self, limits: &PartLimits, app: &App) -> (Part, Option<End>) {
        match self {
            Self::Lines(reader) => reader.part(limits, app).await,
            Self::Whole { bytes, pieces, .. } => {
                let mut taken = Vec::new();
                let mut size = 0;
                while taken.len() < limits.changes && size < limits.bytes {
                    let Some(piece) = pieces.next() else { break };
                    size += piece.text.as_ref().map_or(0, Range::len);
                    taken.push(piece);
                }
                let end = (pieces.len() == 0).then_some(End::Complete);
                let part = Part {
                    bytes: bytes.clone(),
                    pieces: taken,
                };
                (part, end)
            }
        }
    }
}

fn is_lines(headers: &HeaderMap) -> bool {
    let content_type = headers.get(header::CONTENT_TYPE);
    let kind = content_type
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim();
    ["x-ndjson", "ndjson", "jsonl", "x-jsonlines", "jsonlines"]
        .iter()
        .any(|name| kind.eq_ignore_ascii_case(&format!("application/{name}")))
}

fn piece(bytes: &[u8], position: usize, line: Option<u64>, text: &str) -> Piece {
    let start = text.as_ptr().addr() - bytes.as_ptr().addr();
    Piece {
        position,
        line,
        text: Ok(start..start + text.len()),
    }
}

/// The elements of an array, not yet read.
fn elements(bytes: &[u8]) -> Result<Vec<Piece>, Problem> {
    let raw: Vec<&RawValue> = parse(bytes).map_err(|problem| explained(problem, bytes))?;
    if raw.len() > MAX_ITEMS {
        let detail = format!(
            "body: has {} items, at most {MAX_ITEMS} per array; send them in parts, or one per line as \
             application/x-ndjson, which may be of any length; nothing was done",
            raw.len()
        );
        return Err(Problem::invalid(detail).with_field("body"));
    }
    let pieces = raw.iter().enumerate();
    Ok(pieces
        .map(|(position, raw)| piece(bytes, position, None, raw.get()))
        .collect())
}

/// One object, over as many lines as it likes; else, where the first line is whole JSON, one value per line.
fn objects(bytes: &Bytes) -> Result<Vec<Piece>, Problem> {
    if bytes.trim_ascii().is_empty() {
        let detail = "body: has no items; send an object, an array, or one object per line";
        return Err(Problem::invalid(detail)
            .with_field("body")
            .with_cause(Cause::Syntax));
    }
    let whole = parse::<&RawValue>(bytes);
    let problem = match whole {
        Ok(raw) => return Ok(vec![piece(bytes, 0, None, raw.get())]),
        Err(problem) => problem,
    };
    let first = bytes.trim_ascii_start().split(|&byte| byte == b'\n').next();
    let is_lines = first.is_some_and(|first| serde_json::from_slice::<&RawValue>(first).is_ok());
    match is_lines {
        true => Ok(lines_of(bytes)),
        // Read once more, it says in which field.
        false => Err(object(bytes).err().unwrap_or(problem)),
    }
}

fn lines_of(bytes: &[u8]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut start = 0;
    for (line, text) in bytes.split(|&byte| byte == b'\n').enumerate() {
        let range = trimmed(bytes, start..start + text.len());
        start += text.len() + 1;
        if !range.is_empty() {
            pieces.push(Piece {
                position: pieces.len(),
                line: Some(line as u64 + 1),
                text: Ok(range),
            });
        }
    }
    pieces
}

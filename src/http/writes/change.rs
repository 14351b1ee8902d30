//! One JSON value as one change.

use crate::changes::Change;
use crate::http::extract::parse;
use crate::http::problem::Problem;
use crate::schema::unique_keys::{Object, Unique};
use serde_json::{Map, Value};

/// What a call does with its items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::http) enum Verb {
    /// Each value is an item, new or to replace the one of its id.
    Upsert,
    /// Each value has an item's id and the fields to change.
    Update,
    /// Each value is the id of an item to remove.
    Delete,
}

/// A change, and the id of the item that it is about.
#[derive(Debug)]
pub(super) struct Read {
    /// As the call names it; none where it doesn't, which the engine then refuses.
    pub(super) id: Option<String>,
    pub(super) change: Result<Change, Problem>,
}

/// Reads the value `text`. Items of the collection have their ids in the field `id_field`.
pub(super) fn read(verb: Verb, id_field: &str, text: &[u8]) -> Read {
    match verb {
        Verb::Delete => read_id(text),
        Verb::Upsert => match object(text) {
            Ok(fields) => Read {
                id: fields.get(id_field).and_then(id_of),
                change: Ok(Change::Upsert(fields)),
            },
            Err(problem) => Read::refused(problem),
        },
        Verb::Update => match object(text) {
            Ok(fields) => update(id_field, fields),
            Err(problem) => Read::refused(problem),
        },
    }
}

impl Read {
    fn refused(problem: Problem) -> Self {
        Self {
            id: None,
            change: Err(problem),
        }
    }
}

fn update(id_field: &str, mut fields: Map<String, Value>) -> Read {
    let Some(value) = fields.remove(id_field) else {
        let detail = format!("{id_field}: is missing; it names the item to change");
        return Read::refused(Problem::invalid(detail).with_field(id_field));
    };
    match id_of(&value) {
        Some(id) => Read {
            id: Some(id.clone()),
            change: Ok(Change::Update { id, fields }),
        },
        None => Read::refused(wrong_id(id_field, &value)),
    }
}

fn read_id(text: &[u8]) -> Read {
    let id = parse::<Value>(text).and_then(|value| id_of(&value).ok_or_else(|| wrong_id("ids", &value)));
    match id {
        Ok(id) => Read {
            id: Some(id.clone()),
            change: Ok(Change::Delete { id }),
        },
        Err(problem) => Read::refused(problem),
    }
}

fn wrong_id(field: &str, value: &Value) -> Problem {
    let found = crate::schema::shown(value);
    Problem::invalid(format!("{field}: is {found}, text or an integer is expected")).with_field(field)
}

/// An id as text.
pub(in crate::http) fn id_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) if !number.is_f64() => Some(number.to_string()),
        _ => None,
    }
}

/// Reads an object in which no key stands twice.
pub(in crate::http) fn object(text: &[u8]) -> Result<Map<String, Value>, Problem> {
    if let Ok(Object(fields)) = serde_json::from_slice(text) {
        return Ok(fields);
    }
    // Once more, and slower, to say where it is wrong.
    match parse::<Unique>(text) {
        Ok(Unique(Value::Object(fields))) => Ok(fields),
        Ok(Unique(other)) => {
            let found = crate::schema::shown(&other);
            let detail = format!("body: is {found}, a JSON object is expected");
            Err(Problem::invalid(detail).with_field("body"))
        }
        Err(problem) => Err(explained(problem, text)),
    }
}

/// Python and JavaScript programs write numbers that JSON does not have.
pub(super) fn explained(problem: Problem, text: &[u8]) -> Problem {
    let text = String::from_utf8_lossy(text);
    let not_json = ["NaN", "Infinity"].into_iter().find(|word| {
        text.match_indices(word).any(|(at, _)| {
            let before = text[..at].trim_end().trim_end_matches('-').trim_end();
            before.ends_with([':', ',', '['])
        })
    });
    match not_json {
        Some(word) => problem.explained(&format!(
            "{word} is no number in JSON: leave the field out, or send null"
        )),
        None => problem,
    }
}

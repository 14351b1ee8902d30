//! One row in, one item out.

use super::coerce::{coerce, is_not_finite, shown};
use super::error::listed;
use super::{FieldValues, Item, Schema};
use crate::catalog::{Row, RowError};
use serde_json::{Map, Value};

/// The longest id, in bytes.
pub const MAX_ID_BYTES: usize = 512;

type Fields = Map<String, Value>;

impl Schema {
    /// Checks a row and turns it into an item. The schema is one that [`Schema::validate`] accepts.
    ///
    /// Declared fields take their declared type, in the item's values and in its document: a CSV cell `12.5` of a number
    /// field and a JSON `12.5` give the same item. The id is text in both.
    ///
    /// # Errors
    /// The row's line and a reason that names field, value and what was expected.
    pub fn item(&self, row: Row) -> Result<Item, RowError> {
        let Row { line, mut fields } = row;
        self.convert(&mut fields)
            .map_err(|reason| RowError { line, reason })
    }

    fn convert(&self, fields: &mut Fields) -> Result<Item, String> {
        let id = take_id(&self.id, fields)?;
        let vector = match &self.vector {
            Some(name) => Some(take_vector(name, fields)?),
            None => None,
        };
        let values = self.coerce_fields(fields)?;
        let text = self.text(fields)?;
        let document = serde_json::to_string(fields).map_err(|error| error.to_string())?;
        Ok(Item {
            id,
            text,
            vector,
            values,
            document,
        })
    }

    fn coerce_fields(&self, fields: &mut Fields) -> Result<Vec<FieldValues>, String> {
        let mut values = Vec::with_capacity(self.fields.len());
        for (name, field) in &self.fields {
            let found = match fields.get_mut(name) {
                Some(value) => {
                    coerce(field.kind, value).map_err(|reason| format!("field `{name}`: {reason}"))?
                }
                None => FieldValues::none(field.kind),
            };
            if field.filter {
                values.push(found);
            }
        }
        Ok(values)
    }

    /// The texts to encode, joined; empty only where nothing is to be embedded.
    fn text(&self, fields: &Fields) -> Result<String, String> {
        let text = joined_text(&self.embed, fields)?;
        if text.is_empty() && !self.embed.is_empty() {
            return Err(nothing_to_embed(&self.embed));
        }
        Ok(text)
    }
}

/// The texts of the named fields as they are encoded: blanks around each dropped, lists joined with `, `, fields with a
/// space; empty where all are missing, null or empty.
///
/// # Errors
/// Names a field that holds no text.
pub(crate) fn joined_text(names: &[String], fields: &Fields) -> Result<String, String> {
    let mut parts = Vec::with_capacity(names.len());
    for name in names {
        if let Some(value) = fields.get(name) {
            parts.push(text_of(value).map_err(|reason| format!("field `{name}`: {reason}"))?);
        }
    }
    parts.retain(|part| !part.is_empty());
    Ok(parts.join(" "))
}

/// The id as text; the document gets it as text, too.
fn take_id(name: &str, fields: &mut Fields) -> Result<String, String> {
    let id = match fields.get(name) {
        None => return Err(missing(name, "id", fields)),
        Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) if !number.is_f64() => number.to_string(),
        Some(other) => {
            return Err(format!(
                "id `{name}`: expected text or an integer, found {}",
                shown(other)
            ));
        }
    };
    if id.trim().is_empty() {
        return Err(format!("id `{name}` is empty"));
    }
    if id.len() > MAX_ID_BYTES {
        let (found, start) = (id.len(), shown(&Value::from(id)));
        return Err(format!(
            "id `{name}`: {start} has {found} bytes, {MAX_ID_BYTES} are the most"
        ));
    }
    fields.insert(name.to_owned(), Value::from(id.as_str()));
    Ok(id)
}

fn missing(name: &str, role: &str, fields: &Fields) -> String {
    let names: Vec<&String> = fields.keys().collect();
    format!("{role} `{name}` is missing; the row has {}", listed(&names))
}

/// The vector, taken out of the row: it doesn't belong in the document.
fn take_vector(name: &str, fields: &mut Fields) -> Result<Vec<f32>, String> {
    let place = |reason: String| format!("vector `{name}`: {reason}");
    let list = match fields.remove(name) {
        None => return Err(missing(name, "vector", fields)),
        Some(Value::Array(list)) => list,
        Some(Value::String(text)) => parse_list(&text).map_err(place)?,
        Some(other) => {
            return Err(place(format!(
                "expected a list of numbers, found {}",
                shown(&other)
            )));
        }
    };
    if list.is_empty() {
        return Err(place("expected a list of numbers, found an empty one".to_owned()));
    }
    list.iter()
        .enumerate()
        .map(|(at, value)| component(at, value).map_err(place))
        .collect()
}

/// A CSV cell's list. Python writes `nan` and `inf` into such cells, which JSON doesn't know: say that rather than
/// where the parser stumbled.
fn parse_list(text: &str) -> Result<Vec<Value>, String> {
    serde_json::from_str(text).map_err(|_| {
        let parts = text
            .trim_matches(|c: char| c.is_whitespace() || c == '[' || c == ']')
            .split(',');
        match parts.enumerate().find(|(_, part)| is_not_finite(part)) {
            Some((at, part)) => not_finite(at, part.trim()),
            None => format!(
                "expected a JSON list of numbers, found {}",
                shown(&Value::from(text))
            ),
        }
    })
}

fn component(at: usize, value: &Value) -> Result<f32, String> {
    let number = match value {
        Value::Number(number) => number.as_f64().unwrap_or(f64::NAN),
        Value::String(text) if is_not_finite(text) => return Err(not_finite(at, text)),
        other => {
            return Err(format!(
                "expected a number as component {}, found {}",
                at + 1,
                shown(other)
            ));
        }
    };
    let single = number as f32;
    if single.is_finite() {
        Ok(single)
    } else {
        Err(not_finite(at, &shown(value)))
    }
}

fn not_finite(at: usize, found: &str) -> String {
    format!("component {} is {found}: not finite as a 32-bit float", at + 1)
}

/// A field's text: lists joined with `, `, blanks around texts dropped.
fn text_of(value: &Value) -> Result<String, String> {
    match value {
        Value::Array(list) => {
            let mut parts = list.iter().map(plain_text).collect::<Result<Vec<_>, _>>()?;
            parts.retain(|part| !part.is_empty());
            Ok(parts.join(", "))
        }
        single => plain_text(single),
    }
}

fn plain_text(value: &Value) -> Result<String, String> {
    match value {
        Value::Null => Ok(String::new()),
        Value::String(text) => Ok(text.trim().to_owned()),
        Value::Number(_) | Value::Bool(_) => Ok(value.to_string()),
        other => Err(format!("expected text to embed, found {}", shown(other))),
    }
}

fn nothing_to_embed(names: &[String]) -> String {
    match names {
        [only] => format!("nothing to embed: {only} is empty"),
        [first, last] => format!("nothing to embed: {first} and {last} are both empty"),
        [most @ .., last] => format!("nothing to embed: {} and {last} are all empty", most.join(", ")),
        [] => String::new(),
    }
}

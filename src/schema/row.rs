//! One row in, one item out.

use super::coerce::{coerce, is_not_finite, shown};
use super::error::listed;
use super::{FieldValues, Item, Schema};
use crate::catalog::{Row, RowError};
use serde_json::{Map, Value};

/// The longest id, in bytes.
pub const MAX_ID_BYTES: usize = 512;

type Fields = Map<String, Value>;

/// Why a row can't be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// What the field is there for: `id`, `vector`, or none but a `field`.
    role: &'static str,
    /// The field, and which of its numbers, from 0.
    field: String,
    component: Option<usize>,
    /// What is wrong with it, as it follows the field's name in a sentence.
    reason: String,
}

impl Fault {
    fn new(role: &'static str, field: &str, reason: impl Into<String>) -> Self {
        Self {
            role,
            field: field.to_owned(),
            component: None,
            reason: reason.into(),
        }
    }

    /// The field as a path into the item: `price`, `vector[3]`.
    pub(crate) fn path(&self) -> String {
        match self.component {
            Some(at) => format!("{}[{at}]", self.field),
            None => self.field.clone(),
        }
    }

    /// What is wrong, without the field's name.
    pub(crate) fn detail(&self) -> &str {
        self.reason.trim_start_matches([':', ' '])
    }
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.role {
            "" => f.write_str(&self.reason),
            role => write!(f, "{role} `{}`{}", self.field, self.reason),
        }
    }
}

impl Schema {
    /// Checks a row and turns it into an item. The schema is one that [`Schema::validate`] accepts.
    ///
    /// Declared fields take their declared type, in the item's values and in its document: a CSV cell `12.5` of a number
    /// field and a JSON `12.5` give the same item. The id is text in both.
    ///
    /// # Errors
    /// The row's line and a reason that names field, value and what was expected.
    pub fn item(&self, row: Row) -> Result<Item, RowError> {
        let Row { line, fields } = row;
        self.item_of(fields).map_err(|fault| RowError {
            line,
            reason: fault.to_string(),
        })
    }

    /// As [`Schema::item`], of fields that come from no file.
    ///
    /// # Errors
    /// The first field that is wrong.
    pub(crate) fn item_of(&self, mut fields: Fields) -> Result<Item, Fault> {
        self.convert(&mut fields)
    }

    fn convert(&self, fields: &mut Fields) -> Result<Item, Fault> {
        let id = take_id(&self.id, fields)?;
        let vector = match &self.vector {
            Some(name) => Some(take_vector(name, fields)?),
            None => None,
        };
        let values = self.coerce_fields(fields)?;
        let text = self.text(fields)?;
        let document =
            serde_json::to_string(fields).map_err(|error| Fault::new("", "", error.to_string()))?;
        Ok(Item {
            id,
            text,
            vector,
            values,
            document,
        })
    }

    fn coerce_fields(&self, fields: &mut Fields) -> Result<Vec<FieldValues>, Fault> {
        let mut values = Vec::with_capacity(self.fields.len());
        for (name, field) in &self.fields {
            let found = match fields.get_mut(name) {
                Some(value) => coerce(field.kind, value)
                    .map_err(|reason| Fault::new("field", name, format!(": {reason}")))?,
                None => FieldValues::none(field.kind),
            };
            if field.filter {
                values.push(found);
            }
        }
        Ok(values)
    }

    /// The texts to encode, joined; empty only where nothing is to be embedded.
    fn text(&self, fields: &Fields) -> Result<String, Fault> {
        let text = joined(&self.embed, fields)?;
        match self.embed.first() {
            Some(first) if text.is_empty() => Err(Fault::new("", first, nothing_to_embed(&self.embed))),
            _ => Ok(text),
        }
    }
}

/// The texts of the named fields as they are encoded: blanks around each dropped, lists joined with `, `, fields with a
/// space; empty where all are missing, null or empty.
///
/// # Errors
/// Names a field that holds no text.
pub(crate) fn joined_text(names: &[String], fields: &Fields) -> Result<String, String> {
    joined(names, fields).map_err(|fault| fault.to_string())
}

fn joined(names: &[String], fields: &Fields) -> Result<String, Fault> {
    let mut parts = Vec::with_capacity(names.len());
    for name in names {
        if let Some(value) = fields.get(name) {
            parts.push(text_of(value).map_err(|reason| Fault::new("field", name, format!(": {reason}")))?);
        }
    }
    parts.retain(|part| !part.is_empty());
    Ok(parts.join(" "))
}

/// The id as text; the document gets it as text, too.
fn take_id(name: &str, fields: &mut Fields) -> Result<String, Fault> {
    let fault = |reason: String| Fault::new("id", name, reason);
    let id = match fields.get(name) {
        None => return Err(missing(name, "id", fields)),
        Some(Value::Null) => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) if !number.is_f64() => number.to_string(),
        Some(other) => {
            return Err(fault(format!(
                ": expected text or an integer, found {}",
                shown(other)
            )));
        }
    };
    if id.trim().is_empty() {
        return Err(fault(" is empty".to_owned()));
    }
    if id.len() > MAX_ID_BYTES {
        let (found, start) = (id.len(), shown(&Value::from(id)));
        return Err(fault(format!(
            ": {start} has {found} bytes, {MAX_ID_BYTES} are the most"
        )));
    }
    fields.insert(name.to_owned(), Value::from(id.as_str()));
    Ok(id)
}

fn missing(name: &str, role: &'static str, fields: &Fields) -> Fault {
    let names: Vec<&String> = fields.keys().collect();
    Fault::new(role, name, format!(" is missing; the row has {}", listed(&names)))
}

/// The vector, taken out of the row: it doesn't belong in the document.
fn take_vector(name: &str, fields: &mut Fields) -> Result<Vec<f32>, Fault> {
    let place = |reason: String| Fault::new("vector", name, format!(": {reason}"));
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
    let number = |(at, value)| {
        component(at, value).map_err(|reason| Fault {
            component: Some(at),
            ..place(reason)
        })
    };
    list.iter().enumerate().map(number).collect()
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

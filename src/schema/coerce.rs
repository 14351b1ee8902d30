//! Values as their declared type has them.

use super::timestamp::{TIMESTAMP_FORMS, timestamp_of};
use super::{FieldType, FieldValues};
use serde_json::{Number, Value};

/// Turns a declared field's value into its typed values, and the value itself into what the document shows: the number
/// for a CSV cell `12.5`, the list for a cell `["a","b"]`. Timestamps and texts stay as they were given. `null`,
/// blank strings and `null`s in lists are no value.
///
/// # Errors
/// A reason that names value and type.
pub(super) fn coerce(kind: FieldType, value: &mut Value) -> Result<FieldValues, String> {
    unpack_list(kind, value);
    let mut values = FieldValues::none(kind);
    match value {
        Value::Array(list) => list.iter_mut().try_for_each(|value| values.push(kind, value))?,
        single => values.push(kind, single)?,
    }
    Ok(values)
}

impl FieldValues {
    /// No value of that type.
    #[must_use]
    pub fn none(kind: FieldType) -> Self {
        match kind {
            FieldType::Text | FieldType::Keyword => Self::Keywords(Vec::new()),
            FieldType::Number => Self::Numbers(Vec::new()),
            FieldType::Boolean => Self::Booleans(Vec::new()),
            FieldType::Timestamp => Self::Timestamps(Vec::new()),
        }
    }

    fn push(&mut self, kind: FieldType, value: &mut Value) -> Result<(), String> {
        if is_nothing(value) {
            return Ok(());
        }
        match self {
            Self::Keywords(list) => list.push(keyword(kind, value)?),
            Self::Numbers(list) => list.push(number(value)?),
            Self::Booleans(list) => list.push(boolean(value)?),
            Self::Timestamps(list) => list.push(timestamp(value)?),
        }
        Ok(())
    }
}

/// Replaces a string that holds a JSON list, as CSV cells do. For texts and keywords only a list of strings counts:
/// `[1984]` may well be a title.
fn unpack_list(kind: FieldType, value: &mut Value) {
    let Value::String(text) = &*value else { return };
    if !text.trim_start().starts_with('[') {
        return;
    }
    let Ok(list) = serde_json::from_str::<Vec<Value>>(text) else {
        return;
    };
    let of_text = matches!(kind, FieldType::Text | FieldType::Keyword);
    if !of_text || list.iter().all(|value| value.is_string() || value.is_null()) {
        *value = Value::Array(list);
    }
}

/// `null` and strings of nothing but blanks.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.trim().is_empty(),
        _ => false,
    }
}

fn keyword(kind: FieldType, value: &mut Value) -> Result<String, String> {
    match value {
        Value::String(text) => return Ok(text.clone()),
        Value::Number(_) | Value::Bool(_) if kind == FieldType::Text => return Ok(value.to_string()),
        Value::Number(_) | Value::Bool(_) => *value = Value::String(value.to_string()),
        _ => return Err(mismatch(kind, value)),
    }
    Ok(value.as_str().unwrap_or_default().to_owned())
}

fn number(value: &mut Value) -> Result<f64, String> {
    if let Value::String(text) = &*value {
        match parse_number(text) {
            Some(parsed) => *value = Value::Number(parsed),
            None if is_not_finite(text) => {
                return Err(format!("expected a number, found {text}, which is not finite"));
            }
            None => return Err(mismatch(FieldType::Number, value)),
        }
    }
    match value.as_f64() {
        Some(number) if number.is_finite() => Ok(number),
        _ => Err(mismatch(FieldType::Number, value)),
    }
}

/// A number written as text: an integer as an integer, anything else as a finite 64-bit float.
pub(super) fn parse_number(text: &str) -> Option<Number> {
    let text = text.trim();
    text.parse::<i64>()
        .map(Number::from)
        .or_else(|_| text.parse::<u64>().map(Number::from))
        .ok()
        .or_else(|| text.parse().ok().and_then(Number::from_f64))
}

/// NaN, an infinity, or a number too large for a 64-bit float.
pub(super) fn is_not_finite(text: &str) -> bool {
    text.trim().parse::<f64>().is_ok_and(|number| !number.is_finite())
}

fn boolean(value: &mut Value) -> Result<bool, String> {
    let parsed = match &*value {
        Value::Bool(flag) => Some(*flag),
        Value::Number(number) => parse_boolean(&number.to_string()),
        Value::String(text) => parse_boolean(text),
        _ => None,
    };
    let flag = parsed.ok_or_else(|| mismatch(FieldType::Boolean, value))?;
    *value = Value::Bool(flag);
    Ok(flag)
}

fn parse_boolean(text: &str) -> Option<bool> {
    match text.trim() {
        "1" => Some(true),
        "0" => Some(false),
        text if text.eq_ignore_ascii_case("true") => Some(true),
        text if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

fn timestamp(value: &mut Value) -> Result<i64, String> {
    timestamp_of(value).ok_or_else(|| mismatch(FieldType::Timestamp, value))
}

fn mismatch(kind: FieldType, value: &Value) -> String {
    let expected = match kind {
        FieldType::Text | FieldType::Keyword => "text, a number or a boolean",
        FieldType::Number => "a number",
        FieldType::Boolean => "true or false",
        FieldType::Timestamp => TIMESTAMP_FORMS,
    };
    format!("expected {expected}, found {}", shown(value))
}

/// A value in a message, shortened.
pub(crate) fn shown(value: &Value) -> String {
    const LONGEST: usize = 40;
    let text = match value {
        Value::Object(_) => return "an object".to_owned(),
        Value::Array(_) => return "a list".to_owned(),
        value => value.to_string(),
    };
    match text.char_indices().nth(LONGEST) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text,
    }
}

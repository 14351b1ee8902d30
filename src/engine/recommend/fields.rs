//! Single fields of items' documents.

use crate::schema::timestamp_of;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::Value;
use std::fmt;

/// One field of a JSON object, read without keeping the others.
struct Field<'a>(&'a str);

impl<'de> Visitor<'de> for Field<'_> {
    type Value = Option<Value>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut found = None;
        while let Some(name) = map.next_key::<std::borrow::Cow<'de, str>>()? {
            if name == self.0 {
                found = Some(map.next_value()?);
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(found)
    }
}

/// The field `name` of a document; none where it has none.
fn field(document: &[u8], name: &str) -> Option<Value> {
    let mut json = serde_json::Deserializer::from_slice(document);
    json.deserialize_map(Field(name)).ok().flatten()
}

/// The values of a field as text: numbers and booleans as JSON writes them.
pub(super) fn values_of(document: &[u8], name: &str) -> Vec<String> {
    let text = |value: Value| match value {
        Value::String(text) => Some(text),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    };
    match field(document, name) {
        Some(Value::Array(values)) => values.into_iter().filter_map(text).collect(),
        Some(value) => text(value).into_iter().collect(),
        None => Vec::new(),
    }
}

/// The time in a field, milliseconds since the Unix epoch; the latest of several.
pub(super) fn time_of(document: &[u8], name: &str) -> Option<i64> {
    match field(document, name)? {
        Value::Array(values) => values.iter().filter_map(timestamp_of).max(),
        value => timestamp_of(&value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &[u8] =
        br#"{"brand": "Acme", "sizes": [41, 42.5, "XL", null], "new": true, "nested": {"brand": "x"},
        "made": ["2026-01-02", "2026-01-01"], "a\"b": "c", "nothing": null}"#;

    #[test]
    fn values_are_text() {
        for (name, values) in [
            ("brand", &["Acme"][..]),
            ("sizes", &["41", "42.5", "XL"]),
            ("new", &["true"]),
            ("a\"b", &["c"]),
            ("nothing", &[]),
            ("missing", &[]),
            ("nested", &[]),
        ] {
            assert_eq!(values_of(DOCUMENT, name), values, "{name}");
        }
        assert!(values_of(b"[1]", "brand").is_empty() && values_of(b"", "brand").is_empty());
    }

    #[test]
    fn the_latest_time_counts() {
        assert_eq!(time_of(DOCUMENT, "made"), Some(1_767_312_000_000));
        assert_eq!(time_of(DOCUMENT, "brand"), None);
    }
}

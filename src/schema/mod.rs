//! What a collection's items look like: which field is the id, which are embedded, which can be filtered.

mod item;

pub use item::{FieldValues, Item};

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One collection's schema, as written in `alike.toml` or given as flags.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Schema {
    /// The field that names an item; text or an integer, unique in the catalog.
    pub id: String,
    /// Fields whose texts are joined with a space and encoded, in this order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub embed: Vec<String>,
    /// The field that carries a ready vector (a list of numbers) instead of `embed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vector: Option<String>,
    /// Declared fields by name. Anything undeclared is kept as payload.
    #[serde(default)]
    pub fields: BTreeMap<String, Field>,
}

/// One declared field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Field {
    /// Its type; a list of that type is accepted everywhere one value is.
    #[serde(rename = "type")]
    pub kind: FieldType,
    /// Whether queries may filter on it (it then gets a column in the snapshot).
    #[serde(default)]
    pub filter: bool,
}

/// The type of a field's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FieldType {
    /// Free text: embedded and shown, not filtered.
    Text,
    /// An exact string such as a brand or one step of a category path.
    Keyword,
    /// A finite 64-bit float.
    Number,
    /// `true` or `false`.
    Boolean,
    /// RFC 3339 text, a date (`2026-11-20`), or integer milliseconds since the Unix epoch.
    Timestamp,
}

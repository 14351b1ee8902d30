//! What a collection's items look like: which field is the id, which are embedded, which can be filtered.
//!
//! A [`Schema`] comes from `alike.toml`, from flags ([`from_flags`]) or from a look at the file ([`infer`]). Its work
//! is [`Schema::item`]: one catalog row in, one [`Item`] out, or the reason why the row can't be used.
//!
//! This module knows nothing of vectors' dimensions, duplicate ids, models or files other than the catalog: the build
//! checks what takes more than one row.

mod check;
mod coerce;
mod error;
mod flags;
mod guess;
mod infer;
mod item;
pub(crate) mod objects;
mod row;
mod survey;
mod timestamp;
pub(crate) mod unique_keys;

pub use check::{check_fields, field_names};
pub use error::SchemaError;
pub use flags::from_flags;
pub use infer::{InferOptions, Inferred, infer};
pub use item::{FieldValues, Item};
pub use row::MAX_ID_BYTES;
pub use timestamp::parse_timestamp;

pub(crate) use check::nearest;
pub(crate) use coerce::shown;
pub(crate) use row::{Fault, joined_text};
pub(crate) use timestamp::{TIMESTAMP_FORMS, timestamp_of};

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// One collection's schema, as written in `alike.toml` or given as flags.
#[derive(
    Debug, Clone, PartialEq, Serialize, Deserialize, rkyv::Archive, rkyv::Serialize, rkyv::Deserialize,
)]
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
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
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
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    rkyv::Archive,
    rkyv::Serialize,
    rkyv::Deserialize,
)]
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
    /// RFC 3339 text, a date (`2026-11-20`), or integer milliseconds since the Unix epoch. A date alone is its midnight,
    /// and a time without an offset is read as UTC.
    Timestamp,
}

impl FieldType {
    /// The type's name, as `alike.toml` has it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Keyword => "keyword",
            Self::Number => "number",
            Self::Boolean => "boolean",
            Self::Timestamp => "timestamp",
        }
    }
}

impl std::fmt::Display for FieldType {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl Schema {
    /// The filterable fields by name, in the order of [`Item::values`].
    pub fn filters(&self) -> impl Iterator<Item = (&str, FieldType)> {
        let filters = self.fields.iter().filter(|(_, field)| field.filter);
        filters.map(|(name, field)| (name.as_str(), field.kind))
    }
}

#[cfg(test)]
mod tests;

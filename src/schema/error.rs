//! What can be wrong with a schema, by itself or against a file.

use crate::catalog::CatalogError;
use std::path::PathBuf;

/// A schema contradicts itself or its catalog.
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// No field is named as the id.
    #[error("the schema names no id field: set `id` to the field that names an item")]
    NoId,
    /// A field name is the empty string.
    #[error("the schema has an empty field name in `{place}`")]
    EmptyName {
        /// Where: `embed`, `vector` or `fields`.
        place: &'static str,
    },
    /// Neither `embed` nor `vector`.
    #[error(
        "the schema names nothing to search by: set `embed` to the text fields, or `vector` to a field with vectors"
    )]
    NothingToEmbed,
    /// Both `embed` and `vector`.
    #[error(
        "the schema names both `embed` and `vector` (`{vector}`): an item has one vector, so keep one of them"
    )]
    EmbedAndVector {
        /// The vector field.
        vector: String,
    },
    /// A field is embedded twice.
    #[error("`embed` names `{field}` twice")]
    EmbeddedTwice {
        /// The field.
        field: String,
    },
    /// The vector field has another role.
    #[error("`{field}` holds the vector, so it can't also be {role}")]
    VectorHasRole {
        /// The field.
        field: String,
        /// Its other role.
        role: &'static str,
    },
    /// A filterable field has the name of a filter operator.
    #[error(
        "field `{field}` can't be filtered: `and`, `or` and `not` combine filters; rename it in the catalog"
    )]
    ReservedName {
        /// The field.
        field: String,
    },
    /// A text field is declared filterable.
    #[error("field `{field}` is text, which can't be filtered: declare it with type = \"keyword\"")]
    FilteredText {
        /// The field.
        field: String,
    },
    /// A field of objects is to be filtered.
    #[error(
        "field `{field}` holds objects (first on line {line}), which can't be filtered: give it as fields of its own"
    )]
    FilteredObject {
        /// The field.
        field: String,
        /// The first line that has one.
        line: u64,
    },
    /// The file has no such field.
    #[error("{}: no row has a field `{field}` (named as {role}){}; it has {}", path.display(), hint(suggestion.as_deref()), listed(columns))]
    UnknownField {
        /// The catalog.
        path: PathBuf,
        /// The field that is missing.
        field: String,
        /// What it was named as: `id`, `embed`, `filter`, `vector`.
        role: &'static str,
        /// The field that was probably meant.
        suggestion: Option<String>,
        /// The fields that the file has.
        columns: Vec<String>,
    },
    /// The file has no row to learn from.
    #[error("{}: no usable rows{}", path.display(), first.as_deref().map(|first| format!(" (the first trouble: {first})")).unwrap_or_default())]
    NoRows {
        /// The catalog.
        path: PathBuf,
        /// Why the first row can't be used, where there is one.
        first: Option<String>,
    },
    /// No field looks like an id.
    #[error("{}: no field is different in every row, so none can be the id; name one with --id (it has {})", path.display(), listed(columns))]
    NoIdFound {
        /// The catalog.
        path: PathBuf,
        /// The fields that the file has.
        columns: Vec<String>,
    },
    /// The catalog can't be read.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
}

/// Field names in a message, the first thirty.
pub(super) fn listed<T: AsRef<str>>(names: &[T]) -> String {
    const SHOWN: usize = 30;
    if names.is_empty() {
        return "no fields".to_owned();
    }
    let shown: Vec<&str> = names.iter().take(SHOWN).map(AsRef::as_ref).collect();
    let more = names.len().saturating_sub(SHOWN);
    let rest = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    format!("{}{rest}", shown.join(", "))
}

fn hint(suggestion: Option<&str>) -> String {
    suggestion
        .map(|name| format!("; did you mean `{name}`?"))
        .unwrap_or_default()
}

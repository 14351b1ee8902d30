//! A whole schema from a look at a file, as a starting point for its owner.

use super::check::known;
use super::guess;
use super::survey::{Column, MOST_DISTINCT, SAMPLE_ROWS, Survey};
use super::{Field, FieldType, Schema, SchemaError};
use std::collections::BTreeMap;
use std::path::Path;

/// What is known before looking.
#[derive(Debug, Clone)]
pub struct InferOptions {
    /// The id field; guessed if not given.
    pub id: Option<String>,
    /// Rows to look at, 20,000 at most.
    pub rows: u64,
}

impl Default for InferOptions {
    fn default() -> Self {
        Self {
            id: None,
            rows: SAMPLE_ROWS,
        }
    }
}

/// A guessed schema and why.
#[derive(Debug, Clone)]
pub struct Inferred {
    /// The guess; it validates.
    pub schema: Schema,
    /// Rows looked at.
    pub rows_seen: u64,
    /// Per field, declared or not, what was seen in it.
    pub notes: BTreeMap<String, String>,
}

/// Guesses a schema from the first rows of a file: ids by name and uniqueness, types by values, keywords apart from
/// texts by length and repetition, what to embed by name and type.
///
/// # Errors
/// A file without usable rows, without a field that could be the id, or with nothing that could be searched by; an
/// `options.id` that no row has; whatever reading reports.
pub fn infer(path: &Path, options: &InferOptions) -> Result<Inferred, SchemaError> {
    let wanted: Vec<&str> = options.id.as_deref().into_iter().collect();
    let survey = Survey::take(path, &wanted, options.rows.clamp(1, MOST_DISTINCT))?;
    if survey.rows == 0 {
        return Err(SchemaError::NoRows {
            path: path.to_owned(),
            first: survey.first_trouble,
        });
    }
    let id = match &options.id {
        Some(id) => known(path, &survey, id, "id").map(|()| id.clone())?,
        None => guess::id(&survey).ok_or_else(|| no_id(path, &survey))?,
    };
    let fields = fields(&survey, &id);
    let embed = guess::embed(&survey, &fields);
    let vector = if embed.is_empty() {
        guess::vector(&survey)
    } else {
        None
    };
    let notes = notes(&survey, &id, &fields);
    let schema = Schema {
        id,
        embed,
        vector,
        fields,
    };
    schema.validate()?;
    Ok(Inferred {
        schema,
        rows_seen: survey.rows,
        notes,
    })
}

fn no_id(path: &Path, survey: &Survey) -> SchemaError {
    SchemaError::NoIdFound {
        path: path.to_owned(),
        columns: survey.names().map(str::to_owned).collect(),
    }
}

/// The fields worth declaring. Objects, vectors and fields without values stay payload.
fn fields(survey: &Survey, id: &str) -> BTreeMap<String, Field> {
    let columns = survey
        .names()
        .filter_map(|name| Some((name, survey.column(name)?)));
    columns
        .filter(|&(name, column)| name != id && !name.is_empty() && !column.looks_like_vector())
        .filter_map(|(name, column)| Some((name.to_owned(), field(name, column)?)))
        .collect()
}

fn field(name: &str, column: &Column) -> Option<Field> {
    let kind = column.declared_kind(name)?;
    let filter = kind != FieldType::Text && !["and", "or", "not"].contains(&name);
    Some(Field { kind, filter })
}

fn notes(survey: &Survey, id: &str, fields: &BTreeMap<String, Field>) -> BTreeMap<String, String> {
    let columns = survey
        .names()
        .filter_map(|name| Some((name, survey.column(name)?)));
    columns
        .map(|(name, column)| {
            let kind = fields.get(name).map(|field| field.kind);
            let note = if name == id {
                guess::id_note(survey, column)
            } else {
                guess::note(survey, column, kind)
            };
            (name.to_owned(), note)
        })
        .collect()
}

//! Whether a schema makes sense by itself, and whether a file has the fields it names.

use super::survey::{SAMPLE_ROWS, Survey};
use super::{FieldType, Schema, SchemaError};
use std::path::Path;

/// Names that mean something else in a filter.
const RESERVED: [&str; 3] = ["and", "or", "not"];

/// Names less alike than this (Jaro-Winkler, 0 to 1) are not suggested.
const SUGGESTED_FROM: f64 = 0.75;

impl Schema {
    /// Checks the schema by itself.
    ///
    /// # Errors
    /// Names the field and what to change: no id, nothing to embed, two sources of vectors, a field that can't be
    /// filtered.
    pub fn validate(&self) -> Result<(), SchemaError> {
        if self.id.is_empty() {
            return Err(SchemaError::NoId);
        }
        if self.fields.contains_key("") {
            return Err(SchemaError::EmptyName { place: "fields" });
        }
        self.validate_embed()?;
        self.validate_vector()?;
        self.fields
            .iter()
            .filter(|(_, field)| field.filter)
            .try_for_each(|(name, field)| filterable(name, field.kind))
    }

    fn validate_embed(&self) -> Result<(), SchemaError> {
        for (at, field) in self.embed.iter().enumerate() {
            if field.is_empty() {
                return Err(SchemaError::EmptyName { place: "embed" });
            }
            if self.embed[..at].contains(field) {
                return Err(SchemaError::EmbeddedTwice { field: field.clone() });
            }
        }
        Ok(())
    }

    fn validate_vector(&self) -> Result<(), SchemaError> {
        let vector = match &self.vector {
            None if self.embed.is_empty() => return Err(SchemaError::NothingToEmbed),
            None => return Ok(()),
            Some(vector) => vector,
        };
        let role = match vector {
            name if name.is_empty() => return Err(SchemaError::EmptyName { place: "vector" }),
            name if *name == self.id => "the id",
            name if self.embed.contains(name) => "embedded",
            name if self.fields.contains_key(name) => "a declared field",
            _ if self.embed.is_empty() => return Ok(()),
            _ => {
                return Err(SchemaError::EmbedAndVector {
                    vector: vector.clone(),
                });
            }
        };
        Err(SchemaError::VectorHasRole {
            field: vector.clone(),
            role,
        })
    }

    /// Checks that rows of the file have the fields that every build needs: `id`, `embed`, `vector`. A declared field
    /// that no row has is not an error: a catalog may go without an optional field for a day.
    ///
    /// Reads the first rows, and further ones as long as a field hasn't been seen.
    ///
    /// # Errors
    /// Names the field, the fields that there are, and the one that was probably meant; or what stops reading.
    pub fn check_file(&self, path: &Path) -> Result<(), SchemaError> {
        let named = self.required();
        let wanted: Vec<&str> = named.iter().map(|&(name, _)| name).collect();
        let survey = Survey::take(path, &wanted, SAMPLE_ROWS)?;
        named
            .into_iter()
            .try_for_each(|(name, role)| known(path, &survey, name, role))
    }

    /// The fields that a row can't do without, with their role.
    pub(super) fn required(&self) -> Vec<(&str, &'static str)> {
        let id = std::iter::once((self.id.as_str(), "id"));
        let embed = self.embed.iter().map(|name| (name.as_str(), "embed"));
        id.chain(embed)
            .chain(self.vector.as_deref().map(|name| (name, "vector")))
            .collect()
    }
}

fn filterable(name: &str, kind: FieldType) -> Result<(), SchemaError> {
    if RESERVED.contains(&name) {
        return Err(SchemaError::ReservedName {
            field: name.to_owned(),
        });
    }
    if kind == FieldType::Text {
        return Err(SchemaError::FilteredText {
            field: name.to_owned(),
        });
    }
    Ok(())
}

/// Checks that rows of the file have these fields, each named as `role`. A file without rows and header passes.
///
/// # Errors
/// As [`Schema::check_file`].
pub fn check_fields(path: &Path, names: &[String], role: &'static str) -> Result<(), SchemaError> {
    let wanted: Vec<&str> = names.iter().map(String::as_str).collect();
    let survey = Survey::take(path, &wanted, SAMPLE_ROWS)?;
    if survey.names().next().is_none() {
        return Ok(());
    }
    names.iter().try_for_each(|name| known(path, &survey, name, role))
}

/// The fields of the file's first rows, in the order of the header or of first sight.
///
/// # Errors
/// What stops reading.
pub fn field_names(path: &Path) -> Result<Vec<String>, SchemaError> {
    let survey = Survey::take(path, &[], SAMPLE_ROWS)?;
    Ok(survey.names().map(str::to_owned).collect())
}

/// Checks that the survey saw the field.
pub(super) fn known(
    path: &Path,
    survey: &Survey,
    field: &str,
    role: &'static str,
) -> Result<(), SchemaError> {
    if survey.column(field).is_some() {
        return Ok(());
    }
    let columns: Vec<String> = survey.names().map(str::to_owned).collect();
    let suggestion = nearest(field, &columns);
    Err(SchemaError::UnknownField {
        path: path.to_owned(),
        field: field.to_owned(),
        role,
        suggestion,
        columns,
    })
}

/// The name among `columns` that was probably meant.
pub(crate) fn nearest(field: &str, columns: &[String]) -> Option<String> {
    let field = field.to_lowercase();
    let alike = |name: &String| strsim::jaro_winkler(&field, &name.trim().to_lowercase());
    let best = columns.iter().max_by(|a, b| alike(a).total_cmp(&alike(b)))?;
    (alike(best) >= SUGGESTED_FROM).then(|| best.clone())
}

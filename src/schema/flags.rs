//! A schema from the flags of `alike build` and a look at the file.

use super::check::known;
use super::survey::{Class, SAMPLE_ROWS, Survey};
use super::{Field, FieldType, Schema, SchemaError};
use std::collections::BTreeMap;
use std::path::Path;

/// Makes a schema of field names. The types of the filtered fields are those of the first 10,000 rows, and of further
/// rows for a field that has had no value in them; a text to be filtered is a keyword, and so is a field without any
/// value. Numbers, booleans and timestamps need to be all of the values but one in a hundred (or but one, where there
/// are at least two): a mistake in the catalog then shows as that line's error instead of turning prices to keywords.
/// The embedded fields that aren't filtered are declared as text.
///
/// # Errors
/// A field that no row has, with the fields there are and the one probably meant; a field that can't be filtered; a file
/// without usable rows; whatever [`Schema::validate`] and reading report.
pub fn from_flags(
    path: &Path,
    id: &str,
    embed: &[String],
    filter: &[String],
    vector: Option<&str>,
) -> Result<Schema, SchemaError> {
    let vector = vector.map(str::to_owned);
    let mut schema = Schema {
        id: id.to_owned(),
        embed: embed.to_vec(),
        vector,
        fields: BTreeMap::new(),
    };
    schema.validate()?;
    let named = schema.required();
    let wanted: Vec<&str> = named
        .iter()
        .map(|&(name, _)| name)
        .chain(filter.iter().map(String::as_str))
        .collect();
    let survey = Survey::take(path, &wanted, SAMPLE_ROWS)?;
    if survey.rows == 0 {
        return Err(SchemaError::NoRows {
            path: path.to_owned(),
            first: survey.first_trouble,
        });
    }
    named
        .iter()
        .try_for_each(|&(name, role)| known(path, &survey, name, role))?;
    for name in embed {
        schema.fields.insert(
            name.clone(),
            Field {
                kind: FieldType::Text,
                filter: false,
            },
        );
    }
    for name in filter {
        known(path, &survey, name, "filter")?;
        schema.fields.insert(
            name.clone(),
            Field {
                kind: filter_kind(&survey, name)?,
                filter: true,
            },
        );
    }
    schema.validate()?;
    Ok(schema)
}

fn filter_kind(survey: &Survey, name: &str) -> Result<FieldType, SchemaError> {
    let Some(column) = survey.column(name) else {
        return Ok(FieldType::Keyword);
    };
    if column.count(Class::Object) * 2 > column.singles {
        let line = column.first_line(Class::Object);
        return Err(SchemaError::FilteredObject {
            field: name.to_owned(),
            line,
        });
    }
    let kind = column.kind();
    if kind.is_none() {
        tracing::warn!(
            field = name,
            "no row has a value for this filter field; taking it for a keyword"
        );
    }
    Ok(kind.unwrap_or(FieldType::Keyword))
}

//! One text per row of the input.

use super::{EncodeError, Order, Source};
use crate::catalog::{self, ReadError, Reader, RowError, TextLines};
use crate::schema::{check_fields, field_names, joined_text};
use serde_json::Value;
use std::io::BufReader;
use std::path::Path;

/// One row's text.
pub(super) struct Text {
    pub line: u64,
    pub text: String,
}

/// The texts of the input, in its order.
pub(super) struct Texts {
    name: String,
    rows: Rows,
}

enum Rows {
    Lines(TextLines),
    Table {
        reader: Reader,
        fields: Vec<String>,
        /// Whether a row in which all of the fields are null is an empty text.
        null_as_empty: bool,
    },
}

impl Texts {
    /// Opens the input at its start; its fields are known to be there.
    pub fn open(order: &Order) -> Result<Self, EncodeError> {
        let (name, rows) = match &order.input {
            Source::Stdin => {
                no_fields("standard input", order)?;
                let stdin = Box::new(BufReader::new(std::io::stdin()));
                let name = "standard input".to_owned();
                (name.clone(), Rows::Lines(catalog::read_text(&name, stdin)))
            }
            Source::File(path) if catalog::is_table(path) => {
                (path.display().to_string(), open_table(path, order)?)
            }
            Source::File(path) => {
                let name = path.display().to_string();
                no_fields(&name, order)?;
                (name, Rows::Lines(catalog::open_text(path)?))
            }
        };
        Ok(Self { name, rows })
    }

    /// The input's name in messages.
    pub fn name(&self) -> String {
        self.name.clone()
    }

    /// How much of the input has been read, 0 to 1; 0 where its size isn't known.
    pub fn share(&self) -> f64 {
        let (read, total) = match &self.rows {
            Rows::Lines(lines) => (lines.bytes_read(), lines.total_bytes()),
            Rows::Table { reader, .. } => (reader.bytes_read(), reader.total_bytes()),
        };
        read as f64 / total.max(1) as f64
    }

    /// The next text; none at the end.
    pub fn next(&mut self) -> Result<Option<Text>, EncodeError> {
        let next = match &mut self.rows {
            Rows::Lines(lines) => next_line(lines),
            Rows::Table {
                reader,
                fields,
                null_as_empty,
            } => next_row(reader, fields, *null_as_empty),
        };
        next.map_err(|error| match error {
            ReadError::Fatal(error) => EncodeError::Catalog(error),
            ReadError::Row(error) => EncodeError::Row {
                input: self.name.clone(),
                error,
            },
        })
    }
}

fn no_fields(input: &str, order: &Order) -> Result<(), EncodeError> {
    if order.fields.is_empty() {
        return Ok(());
    }
    Err(EncodeError::PlainText {
        input: input.to_owned(),
        fields: order.fields.join(","),
    })
}

fn open_table(path: &Path, order: &Order) -> Result<Rows, EncodeError> {
    let reader = catalog::open(path)?;
    let fields = match (&order.fields[..], reader.columns()) {
        ([], Some([only])) => vec![only.clone()],
        ([], _) => no_field_named(path)?,
        (named, _) => {
            check_names(named)?;
            check_fields(path, named, "--field")?;
            named.to_vec()
        }
    };
    Ok(Rows::Table {
        reader,
        fields,
        null_as_empty: order.null_as_empty || !catalog::knows_null(path),
    })
}

/// Only a file without rows needs no field.
fn no_field_named(path: &Path) -> Result<Vec<String>, EncodeError> {
    let found = field_names(path)?;
    if found.is_empty() {
        return Ok(found);
    }
    Err(EncodeError::NoField {
        input: path.display().to_string(),
        found,
    })
}

fn check_names(fields: &[String]) -> Result<(), EncodeError> {
    for (at, field) in fields.iter().enumerate() {
        if field.is_empty() {
            return Err(EncodeError::FieldName {
                reason: "has an empty name".to_owned(),
            });
        }
        if fields[..at].contains(field) {
            return Err(EncodeError::FieldName {
                reason: format!("names `{field}` twice"),
            });
        }
    }
    Ok(())
}

fn next_line(lines: &mut TextLines) -> Result<Option<Text>, ReadError> {
    let line = lines.next().transpose()?;
    Ok(line.map(|line| Text {
        line: line.number,
        text: line.text,
    }))
}

fn next_row(reader: &mut Reader, fields: &[String], null_as_empty: bool) -> Result<Option<Text>, ReadError> {
    let Some(row) = reader.next().transpose()? else {
        return Ok(None);
    };
    let line = row.line;
    let unusable = |reason: String| ReadError::Row(RowError { line, reason });
    let has_none = |name: &String| row.fields.get(name).is_none_or(Value::is_null);
    if !null_as_empty && fields.iter().all(has_none) {
        let names = fields.join("`, `");
        return Err(unusable(format!(
            "field `{names}`: null or missing; give it a text, or encode such rows as empty texts with --null-as-empty"
        )));
    }
    let text = joined_text(fields, &row.fields).map_err(unusable)?;
    Ok(Some(Text { line, text }))
}

//! Filter columns: one inverted column per filterable field.
//!
//! Keywords and booleans keep, per distinct value, the ascending rows that have it; numbers and timestamps keep
//! (value, row) pairs sorted by value, so a range is two binary searches and a run of rows. An item with several
//! values stands under each; one without a value stands nowhere, so only `not` can select it.

use super::SnapshotError;
use super::items::{ArchivedStrings, Strings};
use super::writer::write_archive;
use crate::schema::{FieldType, FieldValues, Schema};
use alike_indexes::{RowId, RowSet};
use rkyv::rend::{f64_le, u32_le, u64_le};
use rkyv::{Archive, Deserialize, Serialize};
use std::collections::HashMap;
use std::path::Path;

pub(super) const COLUMNS_FILE: &str = "columns.rkyv";

/// All columns, in the order of the filterable fields' names.
#[derive(Debug, Archive, Serialize, Deserialize)]
pub(super) struct Columns {
    columns: Vec<Column>,
}

impl ArchivedColumns {
    pub(super) fn len(&self) -> usize {
        self.columns.len()
    }

    pub(super) fn get(&self, at: usize) -> Option<&ArchivedColumn> {
        self.columns.get(at)
    }
}

/// One field's values, inverted.
#[derive(Debug, Archive, Serialize, Deserialize)]
pub enum Column {
    /// Keywords; booleans are the keywords `true` and `false`.
    Keyword(KeywordColumn),
    /// Numbers; timestamps are milliseconds since the Unix epoch.
    Number(NumberColumn),
}

/// Rows by keyword.
#[derive(Debug, Archive, Serialize, Deserialize)]
pub struct KeywordColumn {
    /// Distinct values, sorted by their bytes.
    terms: Strings,
    /// Where each term's rows end in `rows`.
    ends: Vec<u64>,
    /// Rows, ascending within a term.
    rows: Vec<u32>,
}

/// Rows by number, ascending.
#[derive(Debug, Archive, Serialize, Deserialize)]
pub struct NumberColumn {
    values: Vec<f64>,
    rows: Vec<u32>,
}

/// What a filter asks of one column.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// Any of these keywords.
    Keywords(Vec<String>),
    /// Any of these numbers.
    Numbers(Vec<f64>),
    /// A number in this range.
    Range {
        /// Lower bound and whether it is included.
        low: Option<(f64, bool)>,
        /// Upper bound and whether it is included.
        high: Option<(f64, bool)>,
    },
}

impl ArchivedColumn {
    /// Adds the rows that pass `test` to `rows`. A test of the other kind selects nothing.
    pub fn select(&self, test: &Test, rows: &mut RowSet) {
        match (self, test) {
            (Self::Keyword(column), Test::Keywords(terms)) => {
                terms.iter().for_each(|term| add(column.rows_of(term), rows));
            }
            (Self::Number(column), Test::Numbers(numbers)) => {
                numbers
                    .iter()
                    .for_each(|&n| add(column.between(Some((n, true)), Some((n, true))), rows));
            }
            (Self::Number(column), Test::Range { low, high }) => add(column.between(*low, *high), rows),
            _ => {}
        }
    }
}

fn add(found: &[u32_le], rows: &mut RowSet) {
    for row in found {
        rows.insert(RowId(row.to_native()));
    }
}

impl ArchivedKeywordColumn {
    fn rows_of(&self, term: &str) -> &[u32_le] {
        let terms: &ArchivedStrings = &self.terms;
        let found = terms.position_sorted(term.as_bytes()).and_then(|at| {
            let end_at = |at: usize| self.ends.get(at).map(|end: &u64_le| end.to_native() as usize);
            let start = at.checked_sub(1).map_or(Some(0), end_at)?;
            self.rows.get(start..end_at(at)?)
        });
        found.unwrap_or(&[])
    }
}

impl ArchivedNumberColumn {
    fn between(&self, low: Option<(f64, bool)>, high: Option<(f64, bool)>) -> &[u32_le] {
        let values: &[f64_le] = &self.values;
        let start = low.map_or(0, |(bound, included)| {
            values.partition_point(|value| {
                let value = value.to_native();
                if included { value < bound } else { value <= bound }
            })
        });
        let end = high.map_or(values.len(), |(bound, included)| {
            values.partition_point(|value| {
                let value = value.to_native();
                if included { value <= bound } else { value < bound }
            })
        });
        self.rows.get(start..end).unwrap_or(&[])
    }
}

/// Collects values row by row.
#[derive(Debug)]
pub struct ColumnsBuilder {
    columns: Vec<Growing>,
}

#[derive(Debug)]
enum Growing {
    Keyword {
        codes: HashMap<String, usize>,
        postings: Vec<Vec<u32>>,
    },
    Number(Vec<(f64, u32)>),
}

impl ColumnsBuilder {
    /// Empty columns for the schema's filterable fields.
    #[must_use]
    pub fn new(schema: &Schema) -> Self {
        let columns = schema.filters().map(|(_, kind)| match kind {
            FieldType::Number | FieldType::Timestamp => Growing::Number(Vec::new()),
            FieldType::Text | FieldType::Keyword | FieldType::Boolean => Growing::Keyword {
                codes: HashMap::new(),
                postings: Vec::new(),
            },
        });
        Self {
            columns: columns.collect(),
        }
    }

    /// Adds one row's values, in the order of the filterable fields.
    pub fn push(&mut self, row: RowId, values: &[FieldValues]) {
        for (column, values) in self.columns.iter_mut().zip(values) {
            column.push(row.0, values);
        }
    }

    /// Writes all columns to `path`.
    pub(super) fn write(self, path: &Path) -> Result<(), SnapshotError> {
        let columns = self.columns.into_iter().map(Growing::finish).collect();
        write_archive(path, &Columns { columns })
    }
}

impl Growing {
    fn push(&mut self, row: u32, values: &FieldValues) {
        match values {
            FieldValues::Keywords(terms) => terms.iter().for_each(|term| self.push_keyword(row, term)),
            FieldValues::Booleans(flags) => {
                flags
                    .iter()
                    .for_each(|flag| self.push_keyword(row, if *flag { "true" } else { "false" }));
            }
            FieldValues::Numbers(numbers) => numbers.iter().for_each(|&number| self.push_number(row, number)),
            // Milliseconds of any representable date are far below 2^53, so f64 holds them exactly.
            FieldValues::Timestamps(times) => {
                times.iter().for_each(|&time| self.push_number(row, time as f64));
            }
        }
    }

    fn push_keyword(&mut self, row: u32, term: &str) {
        let Self::Keyword { codes, postings } = self else {
            return;
        };
        let code = match codes.get(term) {
            Some(&code) => code,
            None => {
                codes.insert(term.to_owned(), postings.len());
                postings.push(Vec::new());
                postings.len() - 1
            }
        };
        if postings[code].last() != Some(&row) {
            postings[code].push(row);
        }
    }

    fn push_number(&mut self, row: u32, number: f64) {
        if let Self::Number(pairs) = self {
            pairs.push((number, row));
        }
    }

    fn finish(self) -> Column {
        match self {
            Self::Keyword { codes, postings } => Column::Keyword(KeywordColumn::new(codes, &postings)),
            Self::Number(mut pairs) => {
                pairs.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
                let (values, rows) = pairs.into_iter().unzip();
                Column::Number(NumberColumn { values, rows })
            }
        }
    }
}

impl KeywordColumn {
    fn new(codes: HashMap<String, usize>, postings: &[Vec<u32>]) -> Self {
        let mut terms: Vec<(String, usize)> = codes.into_iter().collect();
        terms.sort_unstable();
        let mut column = Self {
            terms: Strings::default(),
            ends: Vec::new(),
            rows: Vec::new(),
        };
        for (term, code) in terms {
            column.terms.push(&term);
            column.rows.extend_from_slice(&postings[code]);
            column.ends.push(column.rows.len() as u64);
        }
        column
    }
}

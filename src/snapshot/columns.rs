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

/// All columns, in the order of the filterable fields' names: as a file of a snapshot, or in memory for live items.
#[derive(Debug, Archive, Serialize, Deserialize)]
pub struct Columns {
    columns: Vec<Column>,
}

impl Columns {
    /// Adds the rows that pass `test` of the filterable field `at` to `rows`.
    pub fn select(&self, at: usize, test: &Test, rows: &mut RowSet) {
        if let Some(column) = self.columns.get(at) {
            column.select(test, rows);
        }
    }

    /// Bytes of memory they take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.columns.iter().map(Column::bytes).sum()
    }
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

/// What a filter asks of one column, or of one item's values.
#[derive(Debug, Clone, PartialEq)]
pub enum Test {
    /// Any of these keywords; sorted.
    Keywords(Vec<String>),
    /// Any of these numbers; sorted, without a negative zero.
    Numbers(Vec<f64>),
    /// A number in this range.
    Range {
        /// Lower bound and whether it is included.
        low: Option<(f64, bool)>,
        /// Upper bound and whether it is included.
        high: Option<(f64, bool)>,
    },
}

impl Test {
    /// Passes values with any of these keywords.
    #[must_use]
    pub fn any_keyword(mut terms: Vec<String>) -> Self {
        terms.sort_unstable();
        terms.dedup();
        Self::Keywords(terms)
    }

    /// Passes values with any of these numbers, none of them NaN.
    #[must_use]
    pub fn any_number(mut numbers: Vec<f64>) -> Self {
        // -0 + 0 is 0, so that the order of all numbers agrees with their equality.
        numbers.iter_mut().for_each(|number| *number += 0.0);
        numbers.sort_unstable_by(f64::total_cmp);
        numbers.dedup();
        Self::Numbers(numbers)
    }

    /// Whether an item with these values in the field passes: what [`Columns::select`] says of its row.
    #[must_use]
    pub fn accepts(&self, values: &FieldValues) -> bool {
        match values {
            FieldValues::Keywords(terms) => terms.iter().any(|term| self.accepts_keyword(term)),
            FieldValues::Booleans(flags) => flags.iter().any(|&flag| self.accepts_keyword(word(flag))),
            FieldValues::Numbers(numbers) => numbers.iter().any(|&number| self.accepts_number(number)),
            FieldValues::Timestamps(times) => times.iter().any(|&time| self.accepts_number(time as f64)),
        }
    }

    fn accepts_keyword(&self, term: &str) -> bool {
        let Self::Keywords(terms) = self else {
            return false;
        };
        terms.binary_search_by(|known| known.as_str().cmp(term)).is_ok()
    }

    fn accepts_number(&self, number: f64) -> bool {
        match self {
            Self::Keywords(_) => false,
            Self::Numbers(numbers) => numbers
                .binary_search_by(|known| known.total_cmp(&(number + 0.0)))
                .is_ok(),
            Self::Range { low, high } => !is_below(number, *low) && !is_above(number, *high),
        }
    }
}

/// Whether a number lies below a lower bound, which may be included.
fn is_below(number: f64, low: Option<(f64, bool)>) -> bool {
    low.is_some_and(|(bound, included)| if included { number < bound } else { number <= bound })
}

/// Whether a number lies above an upper bound, which may be included.
fn is_above(number: f64, high: Option<(f64, bool)>) -> bool {
    high.is_some_and(|(bound, included)| if included { number > bound } else { number >= bound })
}

/// Booleans are kept as keywords.
fn word(flag: bool) -> &'static str {
    if flag { "true" } else { "false" }
}

impl ArchivedColumn {
    /// Adds the rows that pass `test` to `rows`. A test of the other kind selects nothing.
    pub fn select(&self, test: &Test, rows: &mut RowSet) {
        match (self, test) {
            (Self::Keyword(column), Test::Keywords(terms)) => {
                let found = terms.iter().flat_map(|term| column.rows_of(term));
                add(found.map(|row| row.to_native()), rows);
            }
            (Self::Number(column), Test::Numbers(numbers)) => {
                let found = numbers
                    .iter()
                    .flat_map(|&number| column.between(only(number), only(number)));
                add(found.map(|row| row.to_native()), rows);
            }
            (Self::Number(column), Test::Range { low, high }) => {
                add(
                    column.between(*low, *high).iter().map(|row| row.to_native()),
                    rows,
                );
            }
            _ => {}
        }
    }
}

impl Column {
    fn select(&self, test: &Test, rows: &mut RowSet) {
        match (self, test) {
            (Self::Keyword(column), Test::Keywords(terms)) => {
                add(terms.iter().flat_map(|term| column.rows_of(term)).copied(), rows);
            }
            (Self::Number(column), Test::Numbers(numbers)) => {
                let found = numbers
                    .iter()
                    .flat_map(|&number| column.between(only(number), only(number)));
                add(found.copied(), rows);
            }
            (Self::Number(column), Test::Range { low, high }) => {
                add(column.between(*low, *high).iter().copied(), rows);
            }
            _ => {}
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Keyword(column) => {
                column.terms.bytes() + 8 * column.ends.capacity() + 4 * column.rows.capacity()
            }
            Self::Number(column) => 8 * column.values.capacity() + 4 * column.rows.capacity(),
        }
    }
}

fn add(found: impl Iterator<Item = u32>, rows: &mut RowSet) {
    found.for_each(|row| {
        rows.insert(RowId(row));
    });
}

/// Both bounds of a range that is one number.
fn only(number: f64) -> Option<(f64, bool)> {
    Some((number, true))
}

/// The rows whose values, which ascend, lie in a range.
fn rows_between<'a, V, R>(
    values: &[V],
    rows: &'a [R],
    low: Option<(f64, bool)>,
    high: Option<(f64, bool)>,
    number: impl Fn(&V) -> f64,
) -> &'a [R] {
    let start = values.partition_point(|value| is_below(number(value), low));
    let end = values.partition_point(|value| !is_above(number(value), high));
    rows.get(start..end).unwrap_or(&[])
}

impl KeywordColumn {
    fn rows_of(&self, term: &str) -> &[u32] {
        let found = self.terms.position_sorted(term.as_bytes()).and_then(|at| {
            let start = at.checked_sub(1).map_or(0, |before| self.ends[before]);
            self.rows.get(start as usize..self.ends[at] as usize)
        });
        found.unwrap_or(&[])
    }
}

impl NumberColumn {
    fn between(&self, low: Option<(f64, bool)>, high: Option<(f64, bool)>) -> &[u32] {
        rows_between(&self.values, &self.rows, low, high, |value| *value)
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
        rows_between(&self.values, &self.rows, low, high, |value: &f64_le| {
            value.to_native()
        })
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

    /// The columns of all rows added.
    #[must_use]
    pub fn finish(self) -> Columns {
        Columns {
            columns: self.columns.into_iter().map(Growing::finish).collect(),
        }
    }

    /// Writes all columns to `path`.
    pub(super) fn write(self, path: &Path) -> Result<(), SnapshotError> {
        write_archive(path, &self.finish())
    }
}

impl Growing {
    fn push(&mut self, row: u32, values: &FieldValues) {
        match values {
            FieldValues::Keywords(terms) => terms.iter().for_each(|term| self.push_keyword(row, term)),
            FieldValues::Booleans(flags) => {
                flags.iter().for_each(|flag| self.push_keyword(row, word(*flag)));
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

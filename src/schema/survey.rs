//! What the first rows of a file hold, field by field.

use super::coerce::{is_not_finite, parse_number};
use super::{FieldType, SchemaError, parse_timestamp};
use crate::catalog::{self, ReadError, Row};
use serde_json::Value;
use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::path::Path;

/// Rows that are looked at, unless a wanted field has had no value in them.
pub(super) const SAMPLE_ROWS: u64 = 10_000;

/// Fields that are followed; a file with more (data as keys) has its later ones ignored.
const MOST_FIELDS: usize = 1_024;

/// Different values that are counted per field; more rows than this can't be told to have different ids.
pub(super) const MOST_DISTINCT: u64 = 20_000;

/// A text longer than this many characters is long.
const SHORT_CHARS: usize = 60;

/// Counts over the rows of a sample.
#[derive(Debug, Default)]
pub(super) struct Survey {
    /// Rows counted.
    pub rows: u64,
    /// Rows that can't be read.
    pub unusable: u64,
    /// The first such row's trouble.
    pub first_trouble: Option<String>,
    names: Vec<String>,
    columns: HashMap<String, Column>,
    hasher: RandomState,
}

/// Counts over one field's values in the sample.
#[derive(Debug, Default, Clone)]
pub(super) struct Column {
    /// Rows with a value that isn't null.
    pub filled: u64,
    /// Rows whose value is a list.
    pub lists: u64,
    /// Single values, those in lists included.
    pub singles: u64,
    /// Elements of the longest list.
    pub longest_list: usize,
    /// Characters in all texts.
    pub chars: u64,
    /// Texts longer than [`SHORT_CHARS`].
    pub long: u64,
    /// Texts that are web addresses.
    pub addresses: u64,
    /// JSON numbers that aren't integers.
    pub fractions: u64,
    classes: [Tally; 5],
    distinct: HashSet<u64>,
}

/// How often a class of values was seen, and where first.
#[derive(Debug, Default, Clone, Copy)]
struct Tally {
    count: u64,
    first_line: u64,
}

/// What a single value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Number,
    Boolean,
    Timestamp,
    Text,
    Object,
}

impl Survey {
    /// Reads `sample` rows, and further ones while a wanted field has had no value. Unusable rows are counted and passed
    /// over: who reads the file for good reports them.
    pub fn take(path: &Path, wanted: &[&str], sample: u64) -> Result<Self, SchemaError> {
        let mut reader = catalog::open(path)?;
        let mut survey = Self::default();
        for name in reader.columns().unwrap_or_default() {
            survey.enter(name);
        }
        let closed = reader.columns().is_some();
        while survey.rows + survey.unusable < sample || survey.lacks(wanted, closed) {
            match reader.next() {
                None => break,
                Some(Ok(row)) => survey.add(&row, wanted, sample),
                Some(Err(ReadError::Row(error))) => {
                    survey.unusable += 1;
                    survey.first_trouble.get_or_insert_with(|| error.to_string());
                }
                Some(Err(ReadError::Fatal(error))) => return Err(error.into()),
            }
        }
        Ok(survey)
    }

    /// The field's counts, if any row (or the header) has it.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.get(name)
    }

    /// Field names in the order of the header, or of first sight.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(String::as_str)
    }

    /// Whether a wanted field may still turn up: a name that a closed list of columns lacks never will.
    fn lacks(&self, wanted: &[&str], closed: bool) -> bool {
        wanted.iter().any(|name| {
            self.columns
                .get(*name)
                .map_or(!closed, |column| column.filled == 0)
        })
    }

    fn enter(&mut self, name: &str) {
        self.names.push(name.to_owned());
        self.columns.insert(name.to_owned(), Column::default());
    }

    fn add(&mut self, row: &Row, wanted: &[&str], sample: u64) {
        let beyond = self.rows + self.unusable >= sample;
        self.rows += 1;
        for (name, value) in &row.fields {
            let is_wanted = wanted.contains(&name.as_str());
            if beyond && !is_wanted {
                continue;
            }
            if !self.columns.contains_key(name) {
                if self.names.len() >= MOST_FIELDS && !is_wanted {
                    continue;
                }
                self.enter(name);
            }
            if let Some(column) = self.columns.get_mut(name) {
                column.add(row.line, value, &self.hasher);
            }
        }
    }
}

impl Column {
    fn add(&mut self, line: u64, value: &Value, hasher: &RandomState) {
        let unpacked;
        let list = match value {
            Value::Array(list) => Some(list),
            Value::String(text) if text.starts_with('[') => {
                unpacked = serde_json::from_str::<Vec<Value>>(text).ok();
                unpacked.as_ref()
            }
            _ => None,
        };
        let Some(list) = list else {
            self.filled += u64::from(self.add_single(line, value, hasher));
            return;
        };
        self.filled += 1;
        self.lists += 1;
        self.longest_list = self.longest_list.max(list.len());
        for value in list {
            self.add_single(line, value, hasher);
        }
    }

    /// Counts one value; gives whether it is one.
    fn add_single(&mut self, line: u64, value: &Value, hasher: &RandomState) -> bool {
        let class = match value {
            Value::Null => return false,
            Value::String(text) if text.trim().is_empty() => return false,
            Value::String(text) => {
                self.measure(text);
                classify(text)
            }
            Value::Number(_) => Class::Number,
            Value::Bool(_) => Class::Boolean,
            Value::Array(_) | Value::Object(_) => Class::Object,
        };
        self.fractions += u64::from(value.is_f64());
        self.singles += 1;
        let tally = &mut self.classes[class as usize];
        if tally.count == 0 {
            tally.first_line = line;
        }
        tally.count += 1;
        if self.distinct() < MOST_DISTINCT {
            self.distinct.insert(hasher.hash_one(value));
        }
        true
    }

    fn measure(&mut self, text: &str) {
        let chars = text.chars().count();
        self.chars += chars as u64;
        self.long += u64::from(chars > SHORT_CHARS);
        self.addresses += u64::from(text.starts_with("http://") || text.starts_with("https://"));
    }

    /// How many single values are of a class.
    pub fn count(&self, class: Class) -> u64 {
        self.classes[class as usize].count
    }

    /// The first line with a value of the class; 0 if there is none.
    pub fn first_line(&self, class: Class) -> u64 {
        self.classes[class as usize].first_line
    }

    /// How many different single values there are, up to a limit.
    pub fn distinct(&self) -> u64 {
        self.distinct.len() as u64
    }

    /// The type that the values of a field to be filtered have; `None` where there are no values.
    ///
    /// Numbers, booleans and timestamps need to be all the values but one in a hundred, or all but one where there are
    /// at least two: then the odd one is most likely a mistake, and the build reports it with its line. Otherwise the
    /// values are keywords.
    pub fn kind(&self) -> Option<FieldType> {
        let typed = [
            (Class::Number, FieldType::Number),
            (Class::Boolean, FieldType::Boolean),
            (Class::Timestamp, FieldType::Timestamp),
        ];
        if self.singles == 0 {
            return None;
        }
        let found = typed.into_iter().find(|&(class, _)| self.dominates(class));
        Some(found.map_or(FieldType::Keyword, |(_, kind)| kind))
    }

    fn dominates(&self, class: Class) -> bool {
        let count = self.count(class);
        let others = self.singles - count;
        others * 100 <= self.singles || (others == 1 && count >= 2)
    }

    /// The first line that has a value of another class than the type's; none for types that take any text.
    pub fn odd_line(&self, kind: FieldType) -> Option<u64> {
        let own = match kind {
            FieldType::Number => Class::Number,
            FieldType::Boolean => Class::Boolean,
            FieldType::Timestamp => Class::Timestamp,
            FieldType::Text | FieldType::Keyword => return None,
        };
        let others = [
            Class::Number,
            Class::Boolean,
            Class::Timestamp,
            Class::Text,
            Class::Object,
        ];
        let lines = others
            .into_iter()
            .filter(|&class| class != own && self.count(class) > 0);
        lines.map(|class| self.first_line(class)).min()
    }
}

fn classify(text: &str) -> Class {
    let text = text.trim();
    if has_leading_zero(text) {
        Class::Text
    } else if parse_number(text).is_some() || is_not_finite(text) {
        Class::Number
    } else if text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false") {
        Class::Boolean
    } else if text.as_bytes().get(4) == Some(&b'-') && parse_timestamp(text).is_some() {
        Class::Timestamp
    } else {
        Class::Text
    }
}

/// `00501` is a postal code, not the number 501.
fn has_leading_zero(text: &str) -> bool {
    matches!(text.as_bytes(), [b'0', b'0'..=b'9', ..])
}

//! Reads events from a table.

use super::columns::{Columns, Found, UnknownColumn};
use super::pattern::Pattern;
use crate::catalog::{self, CatalogError, ReadError, Row};
use crate::schema::{parse_timestamp, timestamp_of};
use serde_json::Value;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Whole numbers below this are seconds since the Unix epoch, others milliseconds.
const SECONDS_BELOW: i64 = 100_000_000_000;

/// Rows shown one by one when they can't be read.
const SHOWN: usize = 20;

/// Types of events, with their weight in views. Names as shops' exports have them count too.
const TYPES: [(&[&str], f32); 5] = [
    (&["impression"], 0.0),
    (&["view", "pageview", "page_view", "product_view", "rating"], 1.0),
    (&["click"], 1.5),
    (&["cart", "addtocart", "add_to_cart", "add-to-cart"], 3.0),
    (&["purchase", "buy", "order", "transaction"], PURCHASE),
];
const PURCHASE: f32 = 5.0;

/// One thing that happened.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// When, seconds since the Unix epoch.
    pub time: i64,
    /// Who; none where that is not known.
    pub user: Option<u32>,
    /// With which item.
    pub item: u32,
    /// In which basket.
    pub basket: Option<u32>,
    /// In which visit.
    pub session: Option<u32>,
    /// What it says about interest, in views.
    pub weight: f32,
}

impl Line {
    /// Whether it is a purchase.
    #[must_use]
    pub fn bought(&self) -> bool {
        self.weight >= PURCHASE
    }
}

/// A row that can't be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Its line.
    pub line: u64,
    /// Why.
    pub reason: String,
}

/// What happened, in the order of time; rows of one moment in the order of the file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Events {
    /// One per event.
    pub lines: Vec<Line>,
    /// The items' names, by number; numbered as they first occur.
    pub items: Vec<String>,
    /// The first text of each item; none at all where there is no such column.
    pub texts: Vec<String>,
    /// Number of users.
    pub users: usize,
    /// Whether baskets are given.
    pub baskets: bool,
    /// Whether visits are given.
    pub sessions: bool,
    /// Rows in the file.
    pub rows: u64,
    /// Rows left out: cancellations, other items, impressions.
    pub left_out: u64,
    /// Rows that can't be read.
    pub unreadable: u64,
    /// The first of them.
    pub skipped: Vec<Skipped>,
}

/// Why events can't be read.
#[derive(Debug, thiserror::Error)]
pub enum EventsError {
    /// The file can't be read.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// A column is not there.
    #[error("{}: {source}", path.display())]
    Column {
        /// The file.
        path: PathBuf,
        /// The column.
        source: UnknownColumn,
    },
    /// No row can be used.
    #[error("{}: none of {rows} rows can be used{}", path.display(), first.as_ref().map_or_else(String::new, |first| format!("; line {}: {}", first.line, first.reason)))]
    Nothing {
        /// The file.
        path: PathBuf,
        /// Its rows.
        rows: u64,
        /// The first row that can't be read.
        first: Option<Skipped>,
    },
}

/// Reads events from a CSV, TSV, JSON or Parquet file, also compressed. Rows that can't be read are passed over.
///
/// # Errors
/// [`EventsError`]: no such file or column, or nothing that can be used.
pub fn read_events(path: &Path, columns: &Columns, only: &[Pattern]) -> Result<Events, EventsError> {
    let mut rows = catalog::open(path)?.peekable();
    let there = there(path, &mut rows)?;
    let missing = |source| EventsError::Column {
        path: path.to_owned(),
        source,
    };
    let found = columns.find(&there).map_err(missing)?;
    if let Some(pattern) = only.iter().find(|pattern| !there.contains(&pattern.column)) {
        return Err(missing(UnknownColumn {
            flag: "only",
            wanted: pattern.column.clone(),
            there,
        }));
    }
    let mut reading = Reading::new(&found, only);
    for row in rows {
        match row {
            Ok(row) => reading.row(&row),
            Err(ReadError::Row(error)) => reading.skip(error.line, error.reason),
            Err(ReadError::Fatal(error)) => return Err(error.into()),
        }
    }
    reading.finish(path)
}

/// The columns of the file: those of its header, or of its first row.
fn there(path: &Path, rows: &mut std::iter::Peekable<catalog::Reader>) -> Result<Vec<String>, EventsError> {
    if let Some(columns) = catalog::open(path)?.columns() {
        return Ok(columns.to_vec());
    }
    match rows.peek() {
        Some(Ok(row)) => Ok(row.fields.keys().cloned().collect()),
        _ => Ok(Vec::new()),
    }
}

/// Numbers names in the order in which they come.
#[derive(Default)]
struct Numbers(HashMap<String, u32>);

impl Numbers {
    fn of(&mut self, name: String) -> u32 {
        let next = self.0.len() as u32;
        *self.0.entry(name).or_insert(next)
    }
}

struct Reading<'a> {
    columns: &'a Found,
    only: &'a [Pattern],
    events: Events,
    users: Numbers,
    items: Numbers,
    baskets: Numbers,
    sessions: Numbers,
}

impl<'a> Reading<'a> {
    fn new(columns: &'a Found, only: &'a [Pattern]) -> Self {
        Self {
            columns,
            only,
            events: Events {
                baskets: columns.basket.is_some(),
                sessions: columns.session.is_some(),
                ..Events::default()
            },
            users: Numbers::default(),
            items: Numbers::default(),
            baskets: Numbers::default(),
            sessions: Numbers::default(),
        }
    }

    fn row(&mut self, row: &Row) {
        match self.line(row) {
            Ok(Some(line)) => {
                self.events.rows += 1;
                self.events.lines.push(line);
            }
            Ok(None) => {
                self.events.rows += 1;
                self.events.left_out += 1;
            }
            Err(reason) => self.skip(row.line, reason),
        }
    }

    fn skip(&mut self, line: u64, reason: String) {
        self.events.rows += 1;
        self.events.unreadable += 1;
        if self.events.skipped.len() < SHOWN {
            self.events.skipped.push(Skipped { line, reason });
        }
    }

    /// What a row says; none where it is left out.
    fn line(&mut self, row: &Row) -> Result<Option<Line>, String> {
        let text = |column: &Option<String>| column.as_ref().and_then(|column| text(row, column));
        if self
            .only
            .iter()
            .any(|only| !only.matches(&text(&Some(only.column.clone())).unwrap_or_default()))
        {
            return Ok(None);
        }
        if let Some(quantity) = text(&self.columns.quantity) {
            let number: f64 = quantity.trim().parse().map_err(|_| {
                format!(
                    "{}: found {quantity:?}, expected a number",
                    self.columns.quantity.as_deref().unwrap_or_default()
                )
            })?;
            if number <= 0.0 {
                return Ok(None);
            }
        }
        let weight = match text(&self.columns.kind) {
            None => PURCHASE,
            Some(kind) => weight(&kind)?,
        };
        if weight <= 0.0 {
            return Ok(None);
        }
        let time = time(row.fields.get(&self.columns.time), &self.columns.time)?;
        let item = self::text(row, &self.columns.item).filter(|item| !item.is_empty());
        let item = item.ok_or_else(|| format!("{}: is empty, expected the item's id", self.columns.item))?;
        let user = text(&self.columns.user).filter(|user| !user.is_empty());
        let basket = text(&self.columns.basket).filter(|basket| !basket.is_empty());
        let session = text(&self.columns.session).filter(|session| !session.is_empty());
        let item = self.items.of(item);
        if self.columns.text.is_some() {
            self.describe(item, text(&self.columns.text));
        }
        Ok(Some(Line {
            time,
            user: user.map(|user| self.users.of(user)),
            item,
            basket: basket.map(|basket| self.baskets.of(basket)),
            session: session.map(|session| self.sessions.of(session)),
            weight,
        }))
    }

    fn describe(&mut self, item: u32, text: Option<String>) {
        let texts = &mut self.events.texts;
        texts.resize(texts.len().max(item as usize + 1), String::new());
        if texts[item as usize].is_empty() {
            texts[item as usize] = text.unwrap_or_default();
        }
    }

    fn finish(self, path: &Path) -> Result<Events, EventsError> {
        let mut events = self.events;
        if events.lines.is_empty() {
            return Err(EventsError::Nothing {
                path: path.to_owned(),
                rows: events.rows,
                first: events.skipped.into_iter().next(),
            });
        }
        events.lines.sort_by_key(|line| line.time);
        events.users = self.users.0.len();
        events.items = vec![String::new(); self.items.0.len()];
        for (name, number) in self.items.0 {
            events.items[number as usize] = name;
        }
        Ok(events)
    }
}

/// A cell as text; none where it is missing or null.
fn text(row: &Row, column: &str) -> Option<String> {
    match row.fields.get(column)? {
        Value::Null => None,
        Value::String(text) => Some(text.clone()),
        other => Some(other.to_string()),
    }
}

fn weight(kind: &str) -> Result<f32, String> {
    let kind = kind.trim().to_ascii_lowercase();
    let known = TYPES.iter().find(|(names, _)| names.contains(&kind.as_str()));
    known.map(|(_, weight)| *weight).ok_or_else(|| {
        let names: Vec<&str> = TYPES
            .iter()
            .filter_map(|(names, _)| names.first().copied())
            .collect();
        format!("type: found {kind:?}, expected one of {}", names.join(", "))
    })
}

/// Seconds since the Unix epoch.
fn time(value: Option<&Value>, column: &str) -> Result<i64, String> {
    let seconds = match value {
        Some(Value::String(text)) => seconds(text),
        Some(other) => timestamp_of(other).map(whole),
        None => None,
    };
    seconds.ok_or_else(|| {
        let found = value.map_or_else(|| "nothing".to_owned(), ToString::to_string);
        format!(
            "{column}: found {found}, expected a time (2026-11-20T10:00:00Z, 2026-11-20 10:00:00, 2026-11-20, or whole seconds or milliseconds since the Unix epoch)"
        )
    })
}

/// Seconds since the Unix epoch of a text: a timestamp of any form that catalogs have, or whole seconds.
pub(super) fn seconds(text: &str) -> Option<i64> {
    match text.trim().parse() {
        Ok(number) => Some(whole(number)),
        Err(_) => parse_timestamp(text).map(|milliseconds| milliseconds.div_euclid(1_000)),
    }
}

/// Seconds of a number that may be milliseconds.
fn whole(number: i64) -> i64 {
    if number.abs() < SECONDS_BELOW {
        number
    } else {
        number.div_euclid(1_000)
    }
}

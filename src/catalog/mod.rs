//! Reads a catalog file row by row: JSON lines, a JSON array, CSV, TSV or Parquet, each also `.gz` or `.zst`.
//!
//! [`open`] looks at the file's ending and at its first bytes, and gives a [`Reader`]: an iterator of rows that keeps
//! going after a row it can't use and stops at the first thing that makes the rest of the file meaningless. It
//! streams; memory stays bounded by a few buffers and one row of at most [`MAX_ROW_BYTES`] (a batch of rows for
//! Parquet), whatever the file holds.
//!
//! JSON and CSV rows come from `serde_json` and the `csv` crate, one row at a time. Arrow's own JSON and CSV readers
//! fail a whole batch on one bad row and can't say which line it was, and "line 4,711 is wrong, the rest is fine" is
//! what the owner of a catalog needs to hear. Parquet has no lines and no bad rows of that sort: it is read through
//! Arrow, and its values turn into the same JSON values as the other formats', so that nothing after this module
//! knows which format a row came from. What that conversion does is written in `arrow_values.rs`.
//!
//! Plain text, one text per line, has no fields and so no rows: [`open_text`] reads it on the same sources.
//!
//! This module knows nothing of schemas: a CSV cell is a string (an empty one `null`), and the [`crate::schema`] makes
//! numbers of it.

mod arrow_values;
mod delimited;
mod error;
mod format;
mod json;
mod lines;
mod parquet_rows;
mod source;
mod text;

pub use error::{CatalogError, ReadError, RowError};
pub use text::{TextLine, TextLines, is_table, knows_null, open_text, read_text};

use delimited::Delimited;
use format::{Format, Kind};
use lines::Lines;
use parquet_rows::ParquetRows;
use serde_json::{Map, Value};
use source::{Position, Source};
use std::path::Path;

/// The longest row that is read, in bytes: a longer JSON line or CSV record is an error instead of a memory problem.
pub const MAX_ROW_BYTES: usize = 16 << 20;

/// One row as the file has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The 1-based line it starts on (JSON, CSV, TSV) or its 1-based row number (Parquet).
    pub line: u64,
    /// The row's fields.
    pub fields: Map<String, Value>,
}

type Rows = Box<dyn Iterator<Item = Result<Row, ReadError>> + Send>;

/// The rows of one catalog file, in file order.
///
/// After [`ReadError::Row`] the next call gives the next row; after [`ReadError::Fatal`] the iterator has ended.
pub struct Reader {
    rows: Rows,
    columns: Option<Vec<String>>,
    position: Position,
    ended: bool,
}

impl Reader {
    /// The column names in file order where the format has them up front (CSV, TSV, Parquet); `None` for JSON, whose
    /// rows may each have other fields.
    #[must_use]
    pub fn columns(&self) -> Option<&[String]> {
        self.columns.as_deref()
    }

    /// How far reading has come in the file, in bytes of the file as it is stored (compressed). For Parquet, which is
    /// not read front to back, it is the share of rows given so far.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.position.read()
    }

    /// The file's size in bytes as it is stored.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.position.total()
    }
}

impl Iterator for Reader {
    type Item = Result<Row, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let item = self.rows.next();
        self.ended = matches!(item, None | Some(Err(ReadError::Fatal(_))));
        item
    }
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader")
            .field("columns", &self.columns)
            .field("position", &self.position)
            .finish()
    }
}

/// Opens a catalog file. An empty file (zero bytes, also once decompressed) is a reader without rows.
///
/// # Errors
/// Where the file is missing, unreadable or not a regular file, where its ending names no format that is read or its
/// first bytes contradict the ending, where a CSV or TSV header has an empty or repeated name, and where a Parquet
/// file's footer is damaged.
pub fn open(path: &Path) -> Result<Reader, CatalogError> {
    let (file, total) = source::open_file(path)?;
    let position = Position::new(total);
    let format = Format::of(path)?;
    if total == 0 {
        return Ok(empty(position));
    }
    if format.kind == Kind::Parquet {
        return open_parquet(path, file, format, position);
    }
    let mut source = Source::open(path, file, format, position.clone())?;
    if source.head()?.is_empty() {
        return Ok(empty(position));
    }
    let (rows, columns): (Rows, _) = match format.kind {
        Kind::Json if source.starts_with_array()? => (Box::new(json::ArrayRows::new(source)?), None),
        Kind::Json | Kind::JsonLines => (Box::new(json::LineRows::new(Lines::new(source))), None),
        Kind::Csv | Kind::Tsv | Kind::Parquet | Kind::Text => {
            let rows = Delimited::open(Lines::new(source), format.kind)?;
            let columns = rows.columns().to_vec();
            (Box::new(rows), Some(columns))
        }
    };
    Ok(Reader {
        rows,
        columns,
        position,
        ended: false,
    })
}

fn open_parquet(
    path: &Path,
    file: std::fs::File,
    format: Format,
    position: Position,
) -> Result<Reader, CatalogError> {
    let Some(file) = source::seekable(path, file, format)? else {
        return Ok(empty(position));
    };
    let rows = ParquetRows::open(path, file, position.clone())?;
    let columns = Some(rows.columns().to_vec());
    Ok(Reader {
        rows: Box::new(rows),
        columns,
        position,
        ended: false,
    })
}

fn empty(position: Position) -> Reader {
    Reader {
        rows: Box::new(std::iter::empty()),
        columns: None,
        position,
        ended: false,
    }
}

#[cfg(test)]
pub(crate) mod tests;

//! CSV and TSV with a header line.
//!
//! CSV is RFC 4180: cells may be quoted, a quoted cell may hold commas, doubled quotes and line feeds. TSV has no
//! quoting (that is how the `text/tab-separated-values` media type defines it and how real files are: a title that
//! starts with a quote means that quote); a cell there can't hold a tab or a line feed.
//!
//! Rows are put together from counted lines and then taken apart by the `csv` crate. That way each row knows the line
//! it starts on whatever the line ends and blank lines, a row has a size limit, and a quote that is never closed is
//! noticed: the crate alone would silently take the rest of the file for one cell.

use super::error::too_long;
use super::json::not_utf8;
use super::lines::{Line, Lines};
use super::{CatalogError, Kind, ReadError, Row};
use csv::StringRecord;
use serde_json::{Map, Value};
use std::io::{Cursor, SeekFrom};

/// Rows of a CSV or TSV file.
pub(super) struct Delimited {
    lines: Lines,
    dialect: Dialect,
    splitter: Splitter,
    columns: Vec<String>,
    buffer: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
struct Dialect {
    delimiter: u8,
    quoting: bool,
}

impl Delimited {
    /// Reads the header: every column needs a name of its own. `kind` is CSV or TSV.
    pub fn open(lines: Lines, kind: Kind) -> Result<Self, CatalogError> {
        let dialect = match kind {
            Kind::Tsv => Dialect {
                delimiter: b'\t',
                quoting: false,
            },
            _ => Dialect {
                delimiter: b',',
                quoting: true,
            },
        };
        let splitter = Splitter::new(dialect);
        let mut rows = Self {
            lines,
            dialect,
            splitter,
            columns: Vec::new(),
            buffer: Vec::new(),
        };
        match rows.next_record() {
            Ok(None) => {}
            Ok(Some((line, header))) => {
                rows.columns = columns(&header).map_err(|reason| rows.bad_header(line, reason))?;
            }
            Err(ReadError::Row(error)) => {
                return Err(rows.bad_header(error.line, format!("is {}", error.reason)));
            }
            Err(ReadError::Fatal(error)) => return Err(error),
        }
        Ok(rows)
    }

    /// The header's names, in order.
    pub fn columns(&self) -> &[String] {
        &self.columns
    }

    fn read(&mut self) -> Result<Option<Row>, ReadError> {
        let Some((line, record)) = self.next_record()? else {
            return Ok(None);
        };
        if record.len() != self.columns.len() {
            let (found, expected) = (record.len(), self.columns.len());
            return Err(ReadError::row(
                line,
                format!("{found} cells found, {expected} expected (as the header has)"),
            ));
        }
        Ok(Some(Row {
            line,
            fields: self.fields(&record),
        }))
    }

    fn fields(&self, record: &StringRecord) -> Map<String, Value> {
        let value = |cell: &str| {
            if cell.is_empty() {
                Value::Null
            } else {
                Value::from(cell)
            }
        };
        self.columns
            .iter()
            .zip(record)
            .map(|(name, cell)| (name.clone(), value(cell)))
            .collect()
    }

    /// The next row that isn't a blank line, with the line it starts on.
    fn next_record(&mut self) -> Result<Option<(u64, StringRecord)>, ReadError> {
        let Some(line) = self.read_raw()? else {
            return Ok(None);
        };
        if let Err(error) = std::str::from_utf8(&self.buffer) {
            return Err(ReadError::row(line, not_utf8(&self.buffer, &error)));
        }
        let record = self
            .splitter
            .split(&mut self.buffer)
            .map_err(|reason| ReadError::row(line, reason))?;
        Ok(Some((line, record)))
    }

    /// Puts one row's bytes into the buffer: a line, and the lines after it while a quoted cell is open.
    fn read_raw(&mut self) -> Result<Option<u64>, ReadError> {
        loop {
            self.buffer.clear();
            match self.lines.read(&mut self.buffer)? {
                Line::End => return Ok(None),
                Line::TooLong => return Err(self.too_long()),
                Line::Read if is_blank(&self.buffer) => {}
                Line::Read => break,
            }
        }
        let line = self.lines.number();
        let mut quotes = Quotes::new(self.dialect);
        let mut seen = 0;
        while quotes.open_after(&self.buffer[seen..]) {
            seen = self.buffer.len();
            if self.lines.read(&mut self.buffer)? != Line::Read {
                return Err(self.unclosed(line).into());
            }
        }
        Ok(Some(line))
    }

    /// Where cells can be quoted, a line that isn't read to its end leaves open whether the next one starts a row.
    fn too_long(&self) -> ReadError {
        let line = self.lines.number();
        if self.dialect.quoting {
            self.broken(line, too_long()).into()
        } else {
            ReadError::row(line, too_long())
        }
    }

    fn unclosed(&self, line: u64) -> CatalogError {
        let reason = "a quote is opened in this row and never closed (double a quote that is part of a cell)";
        self.broken(line, reason.to_owned())
    }

    fn broken(&self, line: u64, reason: String) -> CatalogError {
        CatalogError::Structure {
            path: self.lines.path().to_owned(),
            line,
            reason,
        }
    }

    fn bad_header(&self, line: u64, reason: String) -> CatalogError {
        CatalogError::Header {
            path: self.lines.path().to_owned(),
            line,
            reason,
        }
    }
}

impl Iterator for Delimited {
    type Item = Result<Row, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

/// Takes single rows apart with one `csv` reader, which is costly to make and cheap to set back.
struct Splitter {
    reader: csv::Reader<Cursor<Vec<u8>>>,
}

impl Splitter {
    fn new(dialect: Dialect) -> Self {
        let mut builder = csv::ReaderBuilder::new();
        builder
            .has_headers(false)
            .flexible(true)
            .delimiter(dialect.delimiter)
            .quoting(dialect.quoting);
        Self {
            reader: builder.from_reader(Cursor::default()),
        }
    }

    /// `row` is lent to the reader and comes back as it was.
    fn split(&mut self, row: &mut Vec<u8>) -> Result<StringRecord, String> {
        std::mem::swap(self.reader.get_mut().get_mut(), row);
        let record = self.read();
        let used = usize::try_from(self.reader.position().byte()).unwrap_or(usize::MAX);
        std::mem::swap(self.reader.get_mut().get_mut(), row);
        if !row.get(used..).is_some_and(is_blank) {
            let reason = "a carriage return without a line feed inside the row: quote the cell, or save the file with \
                          LF or CRLF line ends";
            return Err(reason.to_owned());
        }
        record.map_err(|error| error.to_string())
    }

    fn read(&mut self) -> csv::Result<StringRecord> {
        self.reader.seek_raw(SeekFrom::Start(0), csv::Position::new())?;
        let mut record = StringRecord::new();
        self.reader.read_record(&mut record)?;
        Ok(record)
    }
}

/// Follows quotes as the `csv` crate does, to know whether a line end is inside a cell.
struct Quotes {
    dialect: Dialect,
    state: Cell,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cell {
    Start,
    Plain,
    Quoted,
    /// After a quote inside a quoted cell: doubled, or the cell's end.
    Quote,
}

impl Quotes {
    fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            state: Cell::Start,
        }
    }

    /// Whether a quoted cell is open at the end of `bytes`, which continue the bytes given before.
    fn open_after(&mut self, bytes: &[u8]) -> bool {
        if self.dialect.quoting {
            for &byte in bytes {
                self.state = self.step(byte);
            }
        }
        self.state == Cell::Quoted
    }

    fn step(&self, byte: u8) -> Cell {
        match (self.state, byte) {
            (Cell::Quoted, b'"') => Cell::Quote,
            (Cell::Quoted, _) | (Cell::Start | Cell::Quote, b'"') => Cell::Quoted,
            (_, b'\n' | b'\r') => Cell::Start,
            (_, byte) if byte == self.dialect.delimiter => Cell::Start,
            _ => Cell::Plain,
        }
    }
}

fn is_blank(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| matches!(byte, b'\r' | b'\n'))
}

fn columns(header: &StringRecord) -> Result<Vec<String>, String> {
    let names: Vec<String> = header.iter().map(|name| name.trim().to_owned()).collect();
    for (at, name) in names.iter().enumerate() {
        if name.is_empty() {
            return Err(format!(
                "has no name for column {}: name it or leave the column out",
                at + 1
            ));
        }
        if let Some(before) = names[..at].iter().position(|other| other == name) {
            return Err(format!(
                "names columns {} and {} alike: `{name}`",
                before + 1,
                at + 1
            ));
        }
    }
    Ok(names)
}

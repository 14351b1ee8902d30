//! JSON lines, and one JSON array of objects.

use super::error::too_long;
use super::lines::{Line, Lines};
use super::source::Source;
use super::{CatalogError, MAX_ROW_BYTES, ReadError, Row};
use serde_json::Value;

/// One object per line. Blank lines are passed over.
pub(super) struct LineRows {
    lines: Lines,
    buffer: Vec<u8>,
}

impl LineRows {
    pub fn new(lines: Lines) -> Self {
        Self {
            lines,
            buffer: Vec::new(),
        }
    }

    fn read(&mut self) -> Result<Option<Row>, ReadError> {
        loop {
            self.buffer.clear();
            let read = self.lines.read(&mut self.buffer)?;
            let line = self.lines.number();
            match read {
                Line::End => return Ok(None),
                Line::TooLong => return Err(ReadError::row(line, too_long())),
                Line::Read if self.buffer.trim_ascii().is_empty() => {}
                Line::Read => return row(line, self.buffer.trim_ascii_end()).map(Some),
            }
        }
    }
}

impl Iterator for LineRows {
    type Item = Result<Row, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

/// The objects of one array, split at its commas and parsed one by one, so that a bad one doesn't stop the others.
pub(super) struct ArrayRows {
    source: Source,
    /// Line feeds passed so far, plus one.
    line: u64,
    element: Vec<u8>,
    closed: bool,
    count: u64,
}

/// Follows brackets and strings to find the commas of the outermost array.
#[derive(Default)]
struct Nesting {
    depth: u32,
    in_string: bool,
    escaped: bool,
}

/// What ended an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Comma,
    Bracket,
}

impl Nesting {
    fn feed(&mut self, byte: u8) -> Option<End> {
        if self.in_string {
            self.in_string = self.escaped || byte != b'"';
            self.escaped = !self.escaped && byte == b'\\';
            return None;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth += 1,
            b']' if self.depth == 0 => return Some(End::Bracket),
            b'}' | b']' => self.depth = self.depth.saturating_sub(1),
            b',' if self.depth == 0 => return Some(End::Comma),
            _ => {}
        }
        None
    }
}

impl ArrayRows {
    /// `source` is at the start of a text whose first character, blanks aside, is `[`.
    pub fn new(mut source: Source) -> Result<Self, CatalogError> {
        let head = source.head()?;
        let before = head.iter().position(|&byte| byte == b'[').unwrap_or(0);
        let feeds = head[..before].iter().filter(|&&byte| byte == b'\n').count();
        source.consume(before + 1);
        Ok(Self {
            source,
            line: 1 + feeds as u64,
            element: Vec::new(),
            closed: false,
            count: 0,
        })
    }

    fn read(&mut self) -> Result<Option<Row>, ReadError> {
        if self.closed {
            return Ok(None);
        }
        let (line, end) = self.read_element()?;
        self.closed = end == End::Bracket;
        if self.closed {
            self.expect_end()?;
        }
        let element = self.element.trim_ascii();
        self.count += 1;
        match element {
            [] if self.closed && self.count == 1 => Ok(None),
            [] => Err(ReadError::row(
                line,
                "an object is missing between two commas or before the closing bracket",
            )),
            long if long.len() > MAX_ROW_BYTES => Err(ReadError::row(line, too_long())),
            element => row(line, element).map(Some),
        }
    }

    /// Collects the bytes up to the next comma or the closing bracket; gives the line of the first that isn't blank.
    fn read_element(&mut self) -> Result<(u64, End), CatalogError> {
        self.element.clear();
        let mut nesting = Nesting::default();
        let mut start = None;
        loop {
            let chunk = self.source.head()?;
            if chunk.is_empty() {
                return Err(self.broken(
                    start.unwrap_or(self.line),
                    "the JSON array is not closed after this element",
                ));
            }
            let mut used = 0;
            let mut end = None;
            for &byte in chunk {
                used += 1;
                end = nesting.feed(byte);
                if end.is_some() {
                    break;
                }
                if !byte.is_ascii_whitespace() {
                    start.get_or_insert(self.line);
                }
                self.line += u64::from(byte == b'\n');
                if self.element.len() <= MAX_ROW_BYTES && start.is_some() {
                    self.element.push(byte);
                }
            }
            self.source.consume(used);
            if let Some(end) = end {
                return Ok((start.unwrap_or(self.line), end));
            }
        }
    }

    /// After the closing bracket nothing but blanks may follow.
    fn expect_end(&mut self) -> Result<(), CatalogError> {
        loop {
            let chunk = self.source.head()?;
            if chunk.is_empty() {
                return Ok(());
            }
            if !chunk.trim_ascii().is_empty() {
                return Err(self.broken(
                    self.line,
                    "there is more text after the JSON array's closing bracket",
                ));
            }
            let count = chunk.len();
            self.source.consume(count);
        }
    }

    fn broken(&self, line: u64, reason: &str) -> CatalogError {
        CatalogError::Structure {
            path: self.source.path().to_owned(),
            line,
            reason: reason.to_owned(),
        }
    }
}

impl Iterator for ArrayRows {
    type Item = Result<Row, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

/// Parses the text that starts on `line` as one object.
fn row(line: u64, text: &[u8]) -> Result<Row, ReadError> {
    let text = std::str::from_utf8(text).map_err(|error| ReadError::row(line, not_utf8(text, &error)))?;
    match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(fields)) => Ok(Row { line, fields }),
        Ok(other) => Err(ReadError::row(
            line,
            format!("expected a JSON object, found {}", kind(&other)),
        )),
        Err(error) => {
            let line = line + (error.line() as u64).saturating_sub(1);
            Err(ReadError::row(line, not_json(text, &error)))
        }
    }
}

/// The reason given for bytes that are not UTF-8.
pub(super) fn not_utf8(bytes: &[u8], error: &std::str::Utf8Error) -> String {
    let at = error.valid_up_to();
    let byte = bytes.get(at).copied().unwrap_or_default();
    format!(
        "not valid UTF-8: byte 0x{byte:02X} at position {}; save the file as UTF-8",
        at + 1
    )
}

fn not_json(text: &str, error: &serde_json::Error) -> String {
    let message = error.to_string();
    let message = message.split(" at line ").next().unwrap_or_default();
    let line = text
        .lines()
        .nth(error.line().saturating_sub(1))
        .unwrap_or_default()
        .as_bytes();
    let from = error.column().saturating_sub(2).min(line.len());
    let near = String::from_utf8_lossy(&line[from..line.len().min(from + 12)]);
    let hint = if near.contains("NaN") || near.contains("Inf") || near.contains("aN") {
        " (JSON has no NaN or Infinity: write null)"
    } else if text.trim() == "{" || text.trim() == "[" {
        " (an object must be whole on its line; a pretty-printed array is read from a .json file)"
    } else {
        ""
    };
    format!("not valid JSON: {message} at column {}{hint}", error.column())
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => {
            "an array (an array over several lines or of several objects is read from a .json file)"
        }
        Value::Object(_) => "an object",
    }
}

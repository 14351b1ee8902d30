//! Lines of text, counted and bounded.

use super::source::Source;
use super::{CatalogError, MAX_ROW_BYTES};
use std::path::Path;

/// The lines of a text file. Knows the number of the last line read; drops a byte-order mark.
pub(super) struct Lines {
    source: Source,
    number: u64,
}

/// What became of one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Line {
    /// It was appended, with its line feed where it has one.
    Read,
    /// It didn't fit: part of it was appended, the rest skipped.
    TooLong,
    /// There are no more lines.
    End,
}

impl Lines {
    pub fn new(source: Source) -> Self {
        Self { source, number: 0 }
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        self.source.path()
    }

    /// The 1-based number of the last line read; 0 before the first.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Appends the next line to `into`, which never grows beyond [`MAX_ROW_BYTES`] and one byte.
    pub fn read(&mut self, into: &mut Vec<u8>) -> Result<Line, CatalogError> {
        let start = into.len();
        let limit = MAX_ROW_BYTES.saturating_sub(start) + 1;
        let count = self.source.read_line(limit, into)?;
        if count == 0 {
            return Ok(Line::End);
        }
        self.number += 1;
        let whole = count < limit || into.last() == Some(&b'\n');
        if self.number == 1 && into[start..].starts_with(b"\xef\xbb\xbf") {
            into.drain(start..start + 3);
        }
        if !whole {
            self.source.skip_line()?;
            return Ok(Line::TooLong);
        }
        Ok(Line::Read)
    }
}

//! Plain text: one text per line.

use super::format::{Compression, Format};
use super::json::not_utf8;
use super::lines::{Line, Lines};
use super::source::{self, Position, Source};
use super::{CatalogError, Kind, ReadError};
use std::io::BufRead;
use std::path::Path;

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextLine {
    /// Its 1-based number.
    pub number: u64,
    /// Its text, without the line end. Of a line longer than [`super::MAX_ROW_BYTES`], that many bytes or up to three
    /// fewer, so that no character is split.
    pub text: String,
}

/// The lines of a text file, in file order. Every line is a text, also an empty one; after the last line end there is no
/// further line. A byte-order mark and the carriage returns of CRLF are dropped.
pub struct TextLines {
    /// None for an empty file.
    lines: Option<Lines>,
    position: Position,
    buffer: Vec<u8>,
}

/// Opens a file as plain text, whatever its ending; `.gz` and `.zst` are decompressed.
///
/// # Errors
/// Where the file is missing, unreadable or not a regular file, or where its first bytes are not those of text.
pub fn open_text(path: &Path) -> Result<TextLines, CatalogError> {
    let (file, total) = source::open_file(path)?;
    let position = Position::new(total);
    let lines = match total {
        0 => None,
        _ => Some(Lines::new(Source::open(
            path,
            file,
            Format::text(path),
            position.clone(),
        )?)),
    };
    Ok(TextLines::new(lines, position))
}

/// Reads plain text from somewhere that is not a file; `name` stands for it in messages.
#[must_use]
pub fn read_text(name: &str, reader: Box<dyn BufRead + Send>) -> TextLines {
    let position = Position::new(0);
    let source = Source::over(Path::new(name), reader, Compression::None, position.clone());
    TextLines::new(Some(Lines::new(source)), position)
}

/// Whether the file's ending names a format with rows and fields. What it doesn't name may be read as plain text.
#[must_use]
pub fn is_table(path: &Path) -> bool {
    Format::of(path).is_ok()
}

/// Whether the format tells null from an empty text. A CSV or TSV cell can only be empty; rows have null for that.
#[must_use]
pub fn knows_null(path: &Path) -> bool {
    !matches!(
        Format::of(path).map(|format| format.kind),
        Ok(Kind::Csv | Kind::Tsv)
    )
}

impl TextLines {
    fn new(lines: Option<Lines>, position: Position) -> Self {
        Self {
            lines,
            position,
            buffer: Vec::new(),
        }
    }

    /// How far reading has come, in bytes of the file as it is stored; 0 where it isn't a file.
    #[must_use]
    pub fn bytes_read(&self) -> u64 {
        self.position.read()
    }

    /// The file's size in bytes as it is stored; 0 where it isn't a file.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.position.total()
    }

    fn read(&mut self) -> Result<Option<TextLine>, ReadError> {
        let Some(lines) = &mut self.lines else {
            return Ok(None);
        };
        self.buffer.clear();
        let read = lines.read(&mut self.buffer)?;
        // Nothing but a byte-order mark is no line.
        if read == Line::End || self.buffer.is_empty() {
            return Ok(None);
        }
        let number = lines.number();
        let bytes = self.buffer.strip_suffix(b"\n").unwrap_or(&self.buffer);
        let bytes = bytes.strip_suffix(b"\r").unwrap_or(bytes);
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            // Cut in the middle of a character.
            Err(error) if read == Line::TooLong && error.error_len().is_none() => {
                std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default()
            }
            Err(error) => return Err(ReadError::row(number, not_utf8(bytes, &error))),
        };
        let text = text.to_owned();
        Ok(Some(TextLine { number, text }))
    }
}

impl Iterator for TextLines {
    type Item = Result<TextLine, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.read().transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::super::MAX_ROW_BYTES;
    use super::*;
    use std::io::Cursor;

    fn lines(bytes: &[u8]) -> Vec<Result<TextLine, String>> {
        let reader = Box::new(Cursor::new(bytes.to_vec()));
        let text = |line: Result<TextLine, ReadError>| line.map_err(|error| error.to_string());
        read_text("here", reader).map(text).collect()
    }

    fn texts(bytes: &[u8]) -> Vec<String> {
        lines(bytes).into_iter().map(|line| line.unwrap().text).collect()
    }

    #[test]
    fn every_line_is_a_text() {
        assert_eq!(texts(b"a\n\nb c \n"), ["a", "", "b c "]);
        assert_eq!(texts(b"a\r\n\r\nb"), ["a", "", "b"]);
        assert_eq!(texts(b"\n"), [""]);
        assert_eq!(texts(b"\xef\xbb\xbfa\n\xef\xbb\xbfb\n"), ["a", "\u{feff}b"]);
        assert_eq!(texts(b"\xef\xbb\xbf\na"), ["", "a"]);
        assert_eq!(texts(b"a\rb\x00c\n"), ["a\rb\0c"]);
        assert!(lines(b"").is_empty() && lines(b"\xef\xbb\xbf").is_empty());
    }

    #[test]
    fn bytes_that_are_not_utf8_are_named_and_passed_over() {
        let found = lines(b"a\nb\xffc\nd\n");
        assert_eq!(
            found[1].as_ref().unwrap_err(),
            "line 2: not valid UTF-8: byte 0xFF at position 2; save the file as UTF-8"
        );
        assert_eq!(found[2].as_ref().unwrap().number, 3);
        assert!(lines("é".as_bytes().split_last().unwrap().1)[0].is_err());
    }

    #[test]
    fn a_line_without_end_is_cut_between_characters() {
        let long = format!("{}\nnext", "é".repeat(MAX_ROW_BYTES / 2 + 7));
        let found = texts(long.as_bytes());
        assert_eq!(found[0].len(), MAX_ROW_BYTES);
        assert_eq!(found[1], "next");
        let shifted = format!("\u{feff}x{long}");
        assert!(texts(shifted.as_bytes())[0].starts_with("xé"));
    }
}

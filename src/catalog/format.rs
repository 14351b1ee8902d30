//! Which format a file has: its ending decides, its first bytes may contradict.

use super::CatalogError;
use std::path::Path;

/// A format and how it is compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Format {
    pub kind: Kind,
    pub compression: Compression,
}

/// What the (decompressed) bytes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `.jsonl`, `.ndjson`: one JSON object per line.
    JsonLines,
    /// `.json`: an array of objects, or JSON lines.
    Json,
    Csv,
    Tsv,
    Parquet,
    /// One text per line; no ending names it.
    Text,
}

/// How they are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Gzip,
    Zstd,
}

/// First bytes that no text format starts with, and what to call them.
const SIGNATURES: &[(&[u8], &str)] = &[
    (b"\x1f\x8b", "gzip data (.gz)"),
    (b"\x28\xb5\x2f\xfd", "Zstandard data (.zst)"),
    (b"PAR1\x15", "a Parquet file (.parquet)"),
    (
        b"PK\x03\x04",
        "a zip archive (an .xlsx workbook is one; export it as CSV)",
    ),
    (b"BZh91AY", "bzip2 data"),
    (b"\xfd7zXZ", "xz data"),
    (b"ARROW1", "an Arrow IPC file"),
    (b"Obj\x01", "an Avro file"),
    (b"\xff\xfe", "UTF-16 text (save it as UTF-8)"),
    (b"\xfe\xff", "UTF-16 text (save it as UTF-8)"),
];

impl Format {
    /// The format that a file's ending names; letter case doesn't matter.
    pub fn of(path: &Path) -> Result<Self, CatalogError> {
        let name = lowercase_name(path);
        let (stem, compression) = packed(&name);
        let kind = match stem.rsplit_once('.').map(|(_, ending)| ending) {
            Some("jsonl" | "ndjson") => Kind::JsonLines,
            Some("json") => Kind::Json,
            Some("csv") => Kind::Csv,
            Some("tsv") => Kind::Tsv,
            Some("parquet") => Kind::Parquet,
            found => return Err(unknown(path, found)),
        };
        Ok(Self { kind, compression })
    }

    /// Plain text, compressed as the ending says.
    pub fn text(path: &Path) -> Self {
        Self {
            kind: Kind::Text,
            compression: packed(&lowercase_name(path)).1,
        }
    }

    /// Compares the file's first bytes, as stored, with what the ending promises.
    pub fn check_stored(self, path: &Path, head: &[u8]) -> Result<(), CatalogError> {
        let kept = match self.compression {
            Compression::None => return self.kind.check(path, head),
            Compression::Gzip => head.starts_with(b"\x1f\x8b"),
            Compression::Zstd => is_zstd(head),
        };
        let expected = self.compression.name();
        if kept {
            Ok(())
        } else {
            Err(mislabeled(
                path,
                expected,
                describe(head).unwrap_or("something else"),
            ))
        }
    }
}

fn lowercase_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default();
    name.to_string_lossy().to_lowercase()
}

/// A file's name without the ending that names its compression.
fn packed(name: &str) -> (&str, Compression) {
    match name.rsplit_once('.') {
        Some((stem, "gz")) => (stem, Compression::Gzip),
        Some((stem, "zst")) => (stem, Compression::Zstd),
        _ => (name, Compression::None),
    }
}

impl Kind {
    /// The format's name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::JsonLines => "JSON lines",
            Self::Json => "JSON",
            Self::Csv => "CSV",
            Self::Tsv => "TSV",
            Self::Parquet => "Parquet",
            Self::Text => "plain text",
        }
    }

    /// Compares the first decompressed bytes with what the format starts with.
    pub fn check(self, path: &Path, head: &[u8]) -> Result<(), CatalogError> {
        let found = match self {
            Self::Parquet if head.starts_with(b"PAR1") => None,
            Self::Parquet => Some(describe(head).unwrap_or("not Parquet's (PAR1)")),
            Self::Csv | Self::Tsv if looks_like_json(head) => Some("JSON (.jsonl or .json)"),
            _ => describe(head),
        };
        found.map_or(Ok(()), |found| Err(mislabeled(path, self.name(), found)))
    }
}

impl Compression {
    /// The compression's name in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "uncompressed",
            Self::Gzip => "gzip",
            Self::Zstd => "Zstandard",
        }
    }
}

/// Whether text starts, after a byte-order mark and blanks, like a JSON object or array.
fn looks_like_json(head: &[u8]) -> bool {
    matches!(first_byte(head), Some(b'{' | b'['))
}

/// The first byte that is neither part of a byte-order mark nor white space.
pub(super) fn first_byte(head: &[u8]) -> Option<u8> {
    let text = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    text.iter().copied().find(|byte| !byte.is_ascii_whitespace())
}

/// A Zstandard frame, or one of its skippable frames.
fn is_zstd(head: &[u8]) -> bool {
    head.starts_with(b"\x28\xb5\x2f\xfd")
        || matches!(head, [first, 0x2a, 0x4d, 0x18, ..] if first & 0xf0 == 0x50)
}

fn describe(head: &[u8]) -> Option<&'static str> {
    SIGNATURES
        .iter()
        .find(|(signature, _)| head.starts_with(signature))
        .map(|&(_, name)| name)
}

fn mislabeled(path: &Path, expected: &'static str, found: &'static str) -> CatalogError {
    CatalogError::Mislabeled {
        path: path.to_owned(),
        expected,
        found,
    }
}

fn unknown(path: &Path, ending: Option<&str>) -> CatalogError {
    let found = match ending {
        Some(ending) => format!("the ending .{ending} is not one that is read"),
        None => "the name has no ending that says its format".to_owned(),
    };
    CatalogError::UnknownFormat {
        path: path.to_owned(),
        found,
    }
}

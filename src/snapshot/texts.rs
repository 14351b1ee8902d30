//! What each row's vector was made from: a digest of its text, so that a later build need not encode it again.
//!
//! | offset | bytes | content of `texts.digests` |
//! |---|---|---|
//! | 0 | 8 | magic `ALIKEtxt` |
//! | 8 | 4 | format version, 1, little-endian |
//! | 12 | 4 | zero |
//! | 16 | 16 | name of the model's variant that ran, zeros behind it |
//! | 32 | 16 × rows | first 16 bytes of the BLAKE3 digest of each row's text; zeros where that variant did not encode it |
//!
//! A snapshot whose vectors came with the catalog has no such file, nor has one that was built before there was one.

use super::SnapshotError;
use std::fs;
use std::io::Write;
use std::path::Path;

pub(super) const TEXTS_FILE: &str = "texts.digests";
const MAGIC: &[u8; 8] = b"ALIKEtxt";
const FORMAT_VERSION: u32 = 1;
const HEADER_BYTES: usize = 32;
const VARIANT_BYTES: usize = 16;

/// Stands for a text; two texts with one digest do not turn up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TextDigest(pub [u8; TextDigest::BYTES]);

impl TextDigest {
    /// Length of a digest.
    pub const BYTES: usize = 16;

    /// Stands for no text: what the row's vector was made from is not known, or another variant made it.
    pub const UNKNOWN: Self = Self([0; Self::BYTES]);

    /// The digest of `text`.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut digest = [0; Self::BYTES];
        digest.copy_from_slice(&blake3::hash(text.as_bytes()).as_bytes()[..Self::BYTES]);
        Self(digest)
    }
}

/// The digests of a snapshot's texts, in row order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TextDigests {
    /// The model's variant that encoded the texts.
    pub variant: String,
    /// One per row.
    pub digests: Vec<TextDigest>,
}

impl TextDigests {
    pub(super) fn read(path: &Path, rows: usize) -> Result<Self, SnapshotError> {
        let bytes = fs::read(path).map_err(|source| SnapshotError::io(path, "read", source))?;
        let Some((header, digests)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
            return Err(SnapshotError::damaged(path, "no header", "digests of texts"));
        };
        if header[..16] != start() {
            return Err(SnapshotError::damaged(
                path,
                "another kind or version of file",
                "digests of texts, version 1",
            ));
        }
        let (digests, rest) = digests.as_chunks::<{ TextDigest::BYTES }>();
        if digests.len() != rows || !rest.is_empty() {
            let found = format!("{} digests", digests.len());
            return Err(SnapshotError::damaged(path, found, format!("{rows}")));
        }
        let variant = String::from_utf8_lossy(&header[16..]);
        Ok(Self {
            variant: variant.trim_end_matches('\0').to_owned(),
            digests: digests.iter().map(|&digest| TextDigest(digest)).collect(),
        })
    }
}

fn start() -> [u8; 16] {
    let mut start = [0; 16];
    start[..8].copy_from_slice(MAGIC);
    start[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
    start
}

/// Writes the header; a digest per row follows.
pub(super) fn write_header(file: &mut impl Write, variant: &str) -> std::io::Result<()> {
    let mut name = [0; VARIANT_BYTES];
    let length = variant.len().min(VARIANT_BYTES);
    name[..length].copy_from_slice(&variant.as_bytes()[..length]);
    file.write_all(&start())?;
    file.write_all(&name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(texts: &[&str]) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(TEXTS_FILE);
        let mut bytes = Vec::new();
        write_header(&mut bytes, "int8").unwrap();
        texts.iter().for_each(|text| bytes.extend(TextDigest::of(text).0));
        fs::write(&path, bytes).unwrap();
        (folder, path)
    }

    #[test]
    fn digests_are_read_as_written() {
        let (_folder, path) = file(&["a", "", "b"]);
        let read = TextDigests::read(&path, 3).unwrap();
        assert_eq!(read.variant, "int8");
        assert_eq!(read.digests, ["a", "", "b"].map(TextDigest::of));
        assert_eq!(read.digests[1].0, blake3::hash(b"").as_bytes()[..16]);
    }

    #[test]
    fn damaged_files_are_refused() {
        let (_folder, path) = file(&["a", "b"]);
        assert!(TextDigests::read(&path, 3).is_err());
        let whole = fs::read(&path).unwrap();
        for (at, length) in [(0, 64), (8, 64), (12, 64), (16, 63), (16, 31), (16, 0)] {
            let mut bytes = whole[..length].to_vec();
            if let Some(byte) = bytes.get_mut(at)
                && length == whole.len()
            {
                *byte ^= 1;
            }
            fs::write(&path, bytes).unwrap();
            let error = TextDigests::read(&path, 2).unwrap_err().to_string();
            assert!(error.contains(TEXTS_FILE), "{at} {length}: {error}");
        }
    }
}

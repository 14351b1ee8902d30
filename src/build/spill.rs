//! Vectors encoded by the build under way, kept in a file until it publishes: a build that dies leaves them to the next.
//!
//! | offset | bytes | content |
//! |---|---|---|
//! | 0 | 32 | BLAKE3 digest of model, variant and dimension |
//! | 32 | record × n | digest of the text (16), vector (4 × dimension, f32 little-endian), check (16) |
//!
//! The check is the start of the BLAKE3 digest of the record before it. Nothing is synced: after a power cut the first
//! record that is not whole ends the file.

use crate::snapshot::{SnapshotError, TextDigest};
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

const HEADER_BYTES: usize = blake3::OUT_LEN;
const CHECK_BYTES: usize = 16;

pub(super) struct Spill {
    path: PathBuf,
    file: File,
    dimension: usize,
    records: u32,
    buffer: Vec<u8>,
}

impl Spill {
    /// Opens what a dead build has left at `path`, if it was made with `origin` (or else an empty file), and gives the
    /// digests of its records. `anew`: it is emptied in any case.
    pub fn open(
        path: &Path,
        origin: &str,
        dimension: usize,
        anew: bool,
    ) -> Result<(Self, Vec<TextDigest>), SnapshotError> {
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path);
        let mut spill = Self {
            path: path.to_path_buf(),
            file: file.map_err(|source| SnapshotError::io(path, "create", source))?,
            dimension,
            records: 0,
            buffer: Vec::new(),
        };
        let header = *blake3::hash(format!("{origin}\n{dimension}").as_bytes()).as_bytes();
        let found = match anew {
            true => None,
            false => spill
                .read(&header)
                .map_err(|source| spill.failure("read", source))?,
        };
        if found.is_none() {
            spill
                .file
                .set_len(0)
                .and_then(|()| spill.file.rewind())
                .and_then(|()| spill.file.write_all(&header))
                .map_err(|source| spill.failure("write", source))?;
        }
        let found = found.unwrap_or_default();
        spill.records = found.len() as u32;
        Ok((spill, found))
    }

    /// The digests of all whole records, behind which the file is cut; none where it has another header.
    fn read(&self, header: &[u8; HEADER_BYTES]) -> std::io::Result<Option<Vec<TextDigest>>> {
        let mut file = &self.file;
        let mut reader = BufReader::with_capacity(1 << 20, file);
        let mut start = [0; HEADER_BYTES];
        if !fill(&mut reader, &mut start)? || start != *header {
            return Ok(None);
        }
        let mut record = vec![0; self.record_bytes()];
        let mut digests = Vec::new();
        while fill(&mut reader, &mut record)? {
            let (content, check) = record.split_at(record.len() - CHECK_BYTES);
            if blake3::hash(content).as_bytes()[..CHECK_BYTES] != *check {
                break;
            }
            digests.extend(content.first_chunk().copied().map(TextDigest));
        }
        let end = self.offset(digests.len() as u32);
        self.file.set_len(end)?;
        file.seek(SeekFrom::Start(end))?;
        Ok(Some(digests))
    }

    /// Adds a record.
    pub fn append(&mut self, digest: TextDigest, vector: &[f32]) -> Result<(), SnapshotError> {
        self.buffer.clear();
        self.buffer.extend(digest.0);
        self.buffer
            .extend(vector.iter().flat_map(|value| value.to_le_bytes()));
        let check = blake3::hash(&self.buffer);
        self.buffer.extend(&check.as_bytes()[..CHECK_BYTES]);
        self.file
            .write_all(&self.buffer)
            .map_err(|source| self.failure("write", source))?;
        self.records += 1;
        Ok(())
    }

    /// Number of records.
    pub fn records(&self) -> u32 {
        self.records
    }

    /// Reads the vector of a record, of which there are more than `record`.
    pub fn vector(&mut self, record: u32, vector: &mut Vec<f32>) -> Result<(), SnapshotError> {
        let offset = self.offset(record) + TextDigest::BYTES as u64;
        self.buffer.resize(self.dimension * size_of::<f32>(), 0);
        self.file
            .read_exact_at(&mut self.buffer, offset)
            .map_err(|source| self.failure("read", source))?;
        let (values, _) = self.buffer.as_chunks();
        vector.clear();
        vector.extend(values.iter().map(|bytes| f32::from_le_bytes(*bytes)));
        Ok(())
    }

    /// Removes the file: everything in it is published. One that can't be removed does no harm: it is true.
    pub fn remove(self) {
        let _ = std::fs::remove_file(&self.path);
    }

    fn record_bytes(&self) -> usize {
        TextDigest::BYTES + self.dimension * size_of::<f32>() + CHECK_BYTES
    }

    fn offset(&self, record: u32) -> u64 {
        HEADER_BYTES as u64 + u64::from(record) * self.record_bytes() as u64
    }

    fn failure(&self, action: &'static str, source: std::io::Error) -> SnapshotError {
        SnapshotError::Io {
            path: self.path.clone(),
            action,
            source,
        }
    }
}

/// Fills `bytes`; false where the file ends before.
fn fill(reader: &mut impl Read, bytes: &mut [u8]) -> std::io::Result<bool> {
    match reader.read_exact(bytes) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    const TEXTS: [&str; 3] = ["a", "b", "c"];

    fn filled(path: &Path) {
        let (mut spill, found) = Spill::open(path, "model", 2, false).unwrap();
        assert!(found.is_empty());
        for (at, text) in TEXTS.iter().enumerate() {
            spill.append(TextDigest::of(text), &[at as f32, -0.5]).unwrap();
        }
    }

    fn digests(path: &Path, origin: &str) -> Vec<TextDigest> {
        Spill::open(path, origin, 2, false).unwrap().1
    }

    #[test]
    fn what_was_left_is_read_and_added_to() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spill");
        filled(&path);
        let (mut spill, found) = Spill::open(&path, "model", 2, false).unwrap();
        assert_eq!(found, TEXTS.map(TextDigest::of));
        spill.append(TextDigest::of("d"), &[7.0, 8.0]).unwrap();
        let mut vector = Vec::new();
        for (record, expected) in [(3, [7.0, 8.0]), (0, [0.0, -0.5]), (2, [2.0, -0.5])] {
            spill.vector(record, &mut vector).unwrap();
            assert_eq!(vector, expected);
        }
        assert_eq!(digests(&path, "model").len(), 4);
        spill.remove();
        assert!(!path.exists());
    }

    #[test]
    fn a_cut_or_damaged_record_ends_what_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spill");
        filled(&path);
        let whole = fs::read(&path).unwrap();
        let record = TextDigest::BYTES + 8 + CHECK_BYTES;
        for cut in 0..whole.len() {
            fs::write(&path, &whole[..cut]).unwrap();
            let expected = cut.saturating_sub(HEADER_BYTES) / record;
            assert_eq!(digests(&path, "model").len(), expected, "cut to {cut}");
        }
        for at in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[at] ^= 4;
            fs::write(&path, damaged).unwrap();
            let expected = at.saturating_sub(HEADER_BYTES) / record;
            assert_eq!(digests(&path, "model").len(), expected, "byte {at}");
        }
    }

    #[test]
    fn another_origin_empties_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spill");
        filled(&path);
        assert!(digests(&path, "other").is_empty());
        assert!(digests(&path, "model").is_empty());
        filled(&path);
        let anew = Spill::open(&path, "model", 2, true).unwrap();
        assert_eq!((anew.1.len(), anew.0.records()), (0, 0));
    }
}

//! The vectors of an unfinished run, and what they were made from.
//!
//! | file | content |
//! |---|---|
//! | `OUT.partial` | the array to be: header, then the rows written so far |
//! | `OUT.partial.json` | [`State`]: how many of these rows count, and a digest of their texts |
//!
//! Rows are synced before the state that counts them replaces the one before; what is behind them is cut off by the next
//! run. At the end the header gets its count, the file is synced and renamed to `OUT`. So a process that dies at any
//! moment leaves a partial file whose state is true, or the finished file.

use super::EncodeError;
use super::npy::{HEADER_BYTES, header};
use alike_embeddings::{Encoded, ModelIdentity};
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Seek, SeekFrom, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Version of the state file.
const FORMAT: u32 = 1;

/// What vectors are made with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Made {
    pub model: ModelIdentity,
    pub variant: String,
    pub prefix: String,
    pub dimension: usize,
}

/// Rows and what is remarkable about them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Counts {
    /// Rows.
    pub rows: u64,
    /// Empty texts among them, which were encoded as they are.
    pub empty: u64,
    /// Texts that were cut at the model's `max_tokens`.
    pub truncated: u64,
    /// Tokens of all texts, special ones included.
    pub tokens: u64,
}

/// What the state file says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct State {
    format: u32,
    pub made: Made,
    pub counts: Counts,
    /// BLAKE3 over every row's text, its length in bytes (8 bytes, little-endian) before it; in hexadecimal.
    texts: String,
}

/// An array under construction, locked against a second run.
pub(super) struct Partial {
    out: PathBuf,
    path: PathBuf,
    state_path: PathBuf,
    file: File,
    made: Made,
    counts: Counts,
    /// The state that the run before has left.
    before: Option<State>,
    texts: blake3::Hasher,
    buffer: Vec<u8>,
}

impl Partial {
    /// Opens the partial file beside `out`, or creates it.
    pub fn open(out: &Path, made: Made) -> Result<Self, EncodeError> {
        let path = with_ending(out, ".partial");
        let file = lock(&path)?;
        Ok(Self {
            out: out.to_path_buf(),
            state_path: with_ending(&path, ".json"),
            path,
            file,
            made,
            counts: Counts::default(),
            before: None,
            texts: blake3::Hasher::new(),
            buffer: Vec::new(),
        })
    }

    /// How many rows an interrupted run has left; or why they can't be used.
    pub fn left(&mut self) -> Result<Result<u64, String>, EncodeError> {
        let bytes = match fs::read(&self.state_path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Ok(0)),
            Err(source) => return Err(io(&self.state_path, "read", source)),
        };
        let found = self.file.metadata();
        let found = found.map_err(|source| io(&self.path, "read", source))?.len();
        // Renamed to `out` at the very end: the state has outlived it.
        if found == 0 {
            return Ok(Ok(0));
        }
        Ok(self.check(&bytes, found).map(|state| {
            let rows = state.counts.rows;
            self.before = Some(state);
            rows
        }))
    }

    fn check(&self, state: &[u8], found: u64) -> Result<State, String> {
        let shown = self.path.display();
        let state: State = serde_json::from_slice(state)
            .map_err(|error| format!("{} can't be understood: {error}", self.state_path.display()))?;
        if state.format != FORMAT {
            return Err(format!("{shown} was made by another version of Alike"));
        }
        if state.made != self.made {
            let made = |made: &Made| format!("{} ({}, prefix {})", made.model, made.variant, made.prefix);
            let (before, now) = (made(&state.made), made(&self.made));
            return Err(format!("{shown} was made with {before}, this run is with {now}"));
        }
        let expected = self.bytes_of(state.counts.rows);
        if found < expected {
            return Err(format!("{shown} has {found} bytes, {expected} expected"));
        }
        Ok(state)
    }

    /// Takes note of a text that the run before has encoded.
    pub fn skip(&mut self, text: &str) {
        digest_text(&mut self.texts, text);
    }

    /// Whether the texts skipped so far are all those that the run before has encoded.
    pub fn skipped_what_was_encoded(&self) -> bool {
        let found = self.texts.finalize().to_hex();
        let before = self.before.as_ref();
        before.is_some_and(|state| state.texts == found.as_str())
    }

    /// Goes on behind the rows that the run before has left.
    pub fn go_on(&mut self) -> Result<(), EncodeError> {
        let Some(before) = self.before.take() else {
            return self.start_over();
        };
        self.counts = before.counts;
        let end = self.bytes_of(before.counts.rows);
        self.file
            .set_len(end)
            .and_then(|()| self.file.seek(SeekFrom::Start(end)).map(drop))
            .map_err(|source| io(&self.path, "cut", source))
    }

    /// Drops what the run before has left.
    pub fn start_over(&mut self) -> Result<(), EncodeError> {
        remove(&self.state_path)?;
        (self.counts, self.before, self.texts) = (Counts::default(), None, blake3::Hasher::new());
        let header = header(0, self.made.dimension);
        self.file
            .set_len(0)
            .and_then(|()| self.file.rewind())
            .and_then(|()| self.file.write_all(&header))
            .map_err(|source| io(&self.path, "write", source))
    }

    /// Adds the rows of a chunk; they are on disk when this returns.
    pub fn append<'a>(
        &mut self,
        texts: impl Iterator<Item = &'a str>,
        encoded: &Encoded,
    ) -> Result<(), EncodeError> {
        for text in texts {
            digest_text(&mut self.texts, text);
            self.counts.rows += 1;
            self.counts.empty += u64::from(text.is_empty());
        }
        let cut = encoded.truncated.iter().filter(|&&cut| cut).count();
        self.counts.truncated += cut as u64;
        self.counts.tokens += encoded
            .tokens
            .iter()
            .map(|&tokens| u64::from(tokens))
            .sum::<u64>();
        self.buffer.clear();
        let values = encoded.vectors.as_slice().iter();
        self.buffer.extend(values.flat_map(|value| value.to_le_bytes()));
        self.file
            .write_all(&self.buffer)
            .and_then(|()| self.file.sync_data())
            .map_err(|source| io(&self.path, "write", source))?;
        self.save()
    }

    fn save(&self) -> Result<(), EncodeError> {
        let state = serde_json::to_vec(&self.state())
            .map_err(|error| io(&self.state_path, "write", std::io::Error::other(error)))?;
        let new = with_ending(&self.state_path, ".new");
        File::create(&new)
            .and_then(|mut file| file.write_all(&state).and_then(|()| file.sync_all()))
            .map_err(|source| io(&new, "write", source))?;
        fs::rename(&new, &self.state_path).map_err(|source| io(&self.state_path, "replace", source))
    }

    fn state(&self) -> State {
        State {
            format: FORMAT,
            made: self.made.clone(),
            counts: self.counts,
            texts: self.texts.finalize().to_hex().to_string(),
        }
    }

    /// Rows so far.
    pub fn rows(&self) -> u64 {
        self.counts.rows
    }

    fn bytes_of(&self, rows: u64) -> u64 {
        let row = (self.made.dimension * size_of::<f32>()) as u64;
        row.saturating_mul(rows).saturating_add(HEADER_BYTES as u64)
    }

    /// Ends the run early: how many rows are kept, and where. A file without any is removed.
    pub fn keep(&self) -> (u64, PathBuf) {
        let rows = self.saved_rows();
        if rows == 0 {
            // Nothing of value is in it; that it stays behind is no further trouble.
            let _ = fs::remove_file(&self.path);
        }
        (rows, self.path.clone())
    }

    fn saved_rows(&self) -> u64 {
        let state = fs::read(&self.state_path).ok();
        let state = state.and_then(|bytes| serde_json::from_slice::<State>(&bytes).ok());
        state.map_or(0, |state| state.counts.rows)
    }

    /// Makes the array whole and gives it its name. Returns what it was made from, and its size.
    pub fn publish(mut self) -> Result<(State, u64), EncodeError> {
        let header = header(self.counts.rows, self.made.dimension);
        self.file
            .rewind()
            .and_then(|()| self.file.write_all(&header))
            .and_then(|()| self.file.sync_all())
            .map_err(|source| io(&self.path, "write", source))?;
        fs::rename(&self.path, &self.out).map_err(|source| io(&self.out, "write", source))?;
        let folder = folder_of(&self.out);
        File::open(folder)
            .and_then(|folder| folder.sync_all())
            .map_err(|source| io(folder, "sync", source))?;
        remove(&self.state_path)?;
        Ok((self.state(), self.bytes_of(self.counts.rows)))
    }
}

/// The folder that a file is in.
pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Opens the file, created where missing, and locks it. A run that ends may rename it between the two: then it is opened
/// again.
fn lock(path: &Path) -> Result<File, EncodeError> {
    loop {
        let file = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(path);
        let file = file.map_err(|source| io(path, "create", source))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(EncodeError::Busy {
                    path: path.to_path_buf(),
                });
            }
            Err(TryLockError::Error(source)) => return Err(io(path, "lock", source)),
        }
        let locked = file.metadata().map_err(|source| io(path, "read", source))?;
        let there = fs::metadata(path);
        if there.is_ok_and(|there| (there.dev(), there.ino()) == (locked.dev(), locked.ino())) {
            return Ok(file);
        }
    }
}

fn digest_text(digest: &mut blake3::Hasher, text: &str) {
    digest.update(&(text.len() as u64).to_le_bytes());
    digest.update(text.as_bytes());
}

fn remove(path: &Path) -> Result<(), EncodeError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(io(path, "remove", error)),
        _ => Ok(()),
    }
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    name.into()
}

fn io(path: &Path, action: &'static str, source: std::io::Error) -> EncodeError {
    EncodeError::Out {
        path: path.to_path_buf(),
        action,
        source,
    }
}

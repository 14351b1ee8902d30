//! Counts on the disk: `counts-N`, all of them at one time, and `journal-N`, what was counted since.
//!
//! A journal is a mark and frames: the payload's length, its CRC-32, and the payload, which is [`Record`]s. Every frame is
//! written with one write and synced, so a crash can only tear the last one, which is dropped. When the journal has grown,
//! all counts are written to `counts-N+1`, and an empty `journal-N+1` begins.

use super::records::{Record, put, read_tally, take, word, write_tally};
use super::tally::Tally;
use super::{ExperimentError, files};
use std::collections::HashMap;
use std::fs::{self, File, TryLockError};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

const LOCK_FILE: &str = "LOCK";
const COUNTS: &str = "counts-";
const JOURNAL: &str = "journal-";
const JOURNAL_MARK: &[u8; 8] = b"ALKEXJ01";
const COUNTS_MARK: &[u8; 8] = b"ALKEXC01";
const FRAME_HEAD_BYTES: usize = 8;
/// A journal is not folded into the counts before it has so many bytes.
const LEAST_JOURNAL_BYTES: u64 = 16 << 20;

/// An experiment's hash and generation, which its counts are kept under.
pub(super) type Key = (u64, u32);
/// All counts.
pub(super) type Tallies = HashMap<Key, Tally>;

/// The files, which this process alone writes.
pub(super) struct Ledger {
    dir: PathBuf,
    _lock: File,
    number: u64,
    journal: File,
    journal_bytes: u64,
    counts_bytes: u64,
    /// The number of the last change that is on the disk.
    pub synced: u64,
    /// Whether a write failed: what the journal holds is unknown until all counts are written anew.
    pub broken: bool,
}

/// Why this process cannot write the counts.
pub(super) enum Refused {
    /// Another process does, or the folder cannot be written: this process counts in memory.
    Elsewhere(String),
    /// Something is wrong with the files.
    Failed(ExperimentError),
}

impl From<ExperimentError> for Refused {
    fn from(error: ExperimentError) -> Self {
        match error {
            ExperimentError::Io { ref source, .. } if files::is_read_only(source) => {
                Self::Elsewhere(error.to_string())
            }
            error => Self::Failed(error),
        }
    }
}

/// Makes the folder, and takes its lock.
pub(super) fn lock(dir: &Path) -> Result<File, Refused> {
    match fs::create_dir(dir) {
        Ok(()) => files::sync_folder_of(dir)?,
        Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
        Err(source) => return Err(ExperimentError::io(dir, "make the folder", source).into()),
    }
    let path = dir.join(LOCK_FILE);
    let file = File::options().create(true).append(true).open(&path);
    let file = file.map_err(|source| ExperimentError::io(&path, "open", source))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let reason = format!("another process does, which holds {}", path.display());
            Err(Refused::Elsewhere(reason))
        }
        Err(TryLockError::Error(source)) => Err(ExperimentError::io(&path, "lock", source).into()),
    }
}

impl Ledger {
    /// Reads the counts, under the lock, and goes on with the journal.
    pub(super) fn open(dir: &Path, lock: File) -> Result<(Self, Tallies), ExperimentError> {
        let number = last_counts(dir)?;
        let (mut tallies, counts_bytes) = match number {
            0 => (Tallies::new(), 0),
            number => read_counts(&dir.join(format!("{COUNTS}{number}")))?,
        };
        let path = dir.join(format!("{JOURNAL}{number}"));
        let whole = replay(&path, &mut tallies)?;
        let (journal, journal_bytes) = go_on(&path, whole)?;
        let ledger = Self {
            dir: dir.to_path_buf(),
            _lock: lock,
            number,
            journal,
            journal_bytes,
            counts_bytes,
            synced: 0,
            broken: false,
        };
        ledger.remove_others();
        Ok((ledger, tallies))
    }

    /// Writes records and returns once they are on the disk.
    pub(super) fn append(&mut self, payload: &[u8]) -> Result<(), ExperimentError> {
        if payload.is_empty() {
            return Ok(());
        }
        let mut frame = Vec::with_capacity(FRAME_HEAD_BYTES + payload.len());
        let length = u32::try_from(payload.len()).map_err(std::io::Error::other);
        let written = length.and_then(|length| {
            frame.extend_from_slice(&length.to_le_bytes());
            frame.extend_from_slice(&crc32fast::hash(payload).to_le_bytes());
            frame.extend_from_slice(payload);
            self.journal.write_all(&frame)?;
            self.journal.sync_data()
        });
        self.journal_bytes += frame.len() as u64;
        written.map_err(|source| {
            self.broken = true;
            ExperimentError::io(&self.path(JOURNAL, self.number), "append to", source)
        })
    }

    /// Whether the journal has grown so that all counts should be written.
    pub(super) fn is_long(&self) -> bool {
        self.journal_bytes > LEAST_JOURNAL_BYTES.max(2 * self.counts_bytes)
    }

    /// Puts all counts, as [`counts_file`] makes them, in place of what there is, and begins an empty journal.
    pub(super) fn write_all(&mut self, counts: &[u8]) -> Result<(), ExperimentError> {
        let next = self.number + 1;
        files::replace(&self.path(COUNTS, next), counts)?;
        // From here on the old journal is behind; whatever fails, the counts have to be written again.
        self.number = next;
        self.broken = true;
        let (journal, bytes) = go_on(&self.path(JOURNAL, next), 0)?;
        self.journal = journal;
        self.journal_bytes = bytes;
        self.counts_bytes = counts.len() as u64;
        self.broken = false;
        self.remove_others();
        Ok(())
    }

    fn path(&self, kind: &str, number: u64) -> PathBuf {
        self.dir.join(format!("{kind}{number}"))
    }

    /// Removes files of other numbers; what stays is removed the next time.
    fn remove_others(&self) {
        let entries = fs::read_dir(&self.dir).into_iter().flatten().flatten();
        for path in entries.map(|entry| entry.path()) {
            let number = number_of(&path, COUNTS).or_else(|| number_of(&path, JOURNAL));
            if number.is_some_and(|number| number != self.number)
                && let Err(error) = fs::remove_file(&path)
            {
                tracing::warn!(path = %path.display(), %error, "an old file of counts cannot be removed");
            }
        }
    }
}

fn number_of(path: &Path, kind: &str) -> Option<u64> {
    path.file_name()?.to_str()?.strip_prefix(kind)?.parse().ok()
}

/// The number of the newest counts; 0: there are none yet.
fn last_counts(dir: &Path) -> Result<u64, ExperimentError> {
    let entries = fs::read_dir(dir).map_err(|source| ExperimentError::io(dir, "list", source))?;
    let numbers = entries
        .flatten()
        .filter_map(|entry| number_of(&entry.path(), COUNTS));
    Ok(numbers.max().unwrap_or(0))
}

/// All counts as a file holds them.
pub(super) fn counts_file(tallies: &Tallies) -> Vec<u8> {
    let mut bytes = COUNTS_MARK.to_vec();
    put(&mut bytes, tallies.len() as u64);
    for ((experiment, generation), tally) in tallies {
        write_tally(*experiment, *generation, tally, &mut bytes);
    }
    let checksum = crc32fast::hash(&bytes);
    bytes.extend_from_slice(&checksum.to_le_bytes());
    bytes
}

fn read_counts(path: &Path) -> Result<(Tallies, u64), ExperimentError> {
    let bytes = fs::read(path).map_err(|source| ExperimentError::io(path, "read", source))?;
    let damaged = || ExperimentError::damaged(path, "its checksum or content is wrong");
    let (content, checksum) = bytes.split_last_chunk::<4>().ok_or_else(damaged)?;
    let mut left = content.strip_prefix(COUNTS_MARK).ok_or_else(damaged)?;
    if crc32fast::hash(content) != u32::from_le_bytes(*checksum) {
        return Err(damaged());
    }
    let mut tallies = Tallies::new();
    for _ in 0..word(&mut left).ok_or_else(damaged)? {
        let (experiment, generation, tally) = read_tally(&mut left).ok_or_else(damaged)?;
        tallies.insert((experiment, generation), tally);
    }
    Ok((tallies, bytes.len() as u64))
}

/// Counts what a journal holds; says how many of its bytes are whole frames, 0 where there is no journal.
fn replay(path: &Path, tallies: &mut Tallies) -> Result<u64, ExperimentError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(0),
        Err(source) => return Err(ExperimentError::io(path, "read", source)),
    };
    if bytes.len() < JOURNAL_MARK.len() {
        return Ok(0);
    }
    let mut left = bytes.strip_prefix(JOURNAL_MARK).ok_or_else(|| {
        ExperimentError::damaged(path, "it does not begin as a journal of this version does")
    })?;
    while let Some(payload) = frame(&mut left) {
        count_all(payload, tallies)
            .ok_or_else(|| ExperimentError::damaged(path, "a record is of an unknown kind"))?;
    }
    check_torn(path, left)?;
    Ok((bytes.len() - left.len()) as u64)
}

/// The payload of the next frame; none, and the bytes untouched, where there is no whole one.
fn frame<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let mut left = *bytes;
    let length = u32::from_le_bytes(take(&mut left)?);
    let checksum = u32::from_le_bytes(take(&mut left)?);
    let (payload, rest) = left.split_at_checked(length as usize)?;
    if length == 0 || crc32fast::hash(payload) != checksum {
        return None;
    }
    *bytes = rest;
    Some(payload)
}

/// What follows the last whole frame is one that a crash tore: shorter than it says, at its end, or zeros.
fn check_torn(path: &Path, mut left: &[u8]) -> Result<(), ExperimentError> {
    if left.iter().all(|&byte| byte == 0) {
        return Ok(());
    }
    let bytes = left.len();
    let claimed = take(&mut left).map(u32::from_le_bytes);
    if claimed.is_some_and(|length| FRAME_HEAD_BYTES + (length as usize) < bytes) {
        let detail = format!("a frame is wrong before the end, with {bytes} bytes left");
        return Err(ExperimentError::damaged(path, detail));
    }
    tracing::warn!(path = %path.display(), bytes, "the last counts before a crash are lost");
    Ok(())
}

fn count_all(mut payload: &[u8], tallies: &mut Tallies) -> Option<()> {
    while !payload.is_empty() {
        let record = Record::read(&mut payload)?;
        let arm = record.arm();
        // A variant that is not there yet: how many there are is known from the definition, later.
        let tally = tallies.entry((arm.experiment, arm.generation)).or_default();
        let variants = tally.variants.len().max(usize::from(arm.variant) + 1);
        tally.variants.resize_with(variants, Default::default);
        record.apply(tally);
    }
    Some(())
}

/// Opens a journal to append after its first `whole` bytes; 0: it begins.
fn go_on(path: &Path, whole: u64) -> Result<(File, u64), ExperimentError> {
    let open = || {
        let mut file = File::options().create(true).append(true).open(path)?;
        file.set_len(whole)?;
        if whole == 0 {
            file.write_all(JOURNAL_MARK)?;
        }
        file.sync_all()?;
        Ok(file)
    };
    let file = open().map_err(|source| ExperimentError::io(path, "open", source))?;
    files::sync_folder_of(path)?;
    Ok((file, whole.max(JOURNAL_MARK.len() as u64)))
}

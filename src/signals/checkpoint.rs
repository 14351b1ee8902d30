//! The state of signals as one file, so that opening reads it and only the events that came after.
//!
//! | offset | bytes | content (numbers little-endian) |
//! |---|---|---|
//! | 0 | 8 | magic `ALIKEsig` |
//! | 8 | 4 | format version, 1 |
//! | 12 | 4 | zero |
//! | 16 | 8 | the position of the last event that it contains, in the events' log |
//! | 24 | | items, users, visits, baskets, charts, fingerprints, waiting events, as each module's `save` writes them |
//! | end − 32 | 32 | BLAKE3 digest of everything before |

use super::codec::{In, Out};
use super::settings::Settings;
use super::state::State;
use crate::log::Position;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// The name of the file in a snapshot.
pub const CHECKPOINT_FILE: &str = "signals.bin";

const MAGIC: [u8; 8] = *b"ALIKEsig";
const VERSION: u32 = 1;
const HEADER_BYTES: usize = 24;
const DIGEST_BYTES: u64 = 32;
const BUFFER: usize = 1 << 20;

/// A checkpoint that was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Checkpoint {
    /// The last event that it contains.
    pub position: Position,
    /// Its size.
    pub bytes: u64,
}

/// Why a checkpoint cannot be written or used.
#[derive(Debug, thiserror::Error)]
pub enum CheckpointError {
    /// Reading or writing failed.
    #[error("{}: cannot {action}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// It is not what was written.
    #[error("{} is damaged: {detail}; restore the snapshot from a backup, or build another one", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found.
        detail: String,
    },
    /// It is of another version.
    #[error("{} has format version {found}, this binary reads version {VERSION}; run the one that wrote it", path.display())]
    Version {
        /// The file.
        path: PathBuf,
        /// Its version.
        found: u32,
    },
}

fn failed(path: &Path, action: &'static str) -> impl Fn(io::Error) -> CheckpointError {
    move |source| CheckpointError::Io {
        path: path.into(),
        action,
        source,
    }
}

/// Computes the digest of what passes.
struct Hashing<W> {
    to: W,
    hasher: blake3::Hasher,
    bytes: u64,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Writes the state at a position into a new file and syncs it.
pub(super) fn write(path: &Path, position: Position, state: &State) -> Result<Checkpoint, CheckpointError> {
    let file = File::create(path).map_err(failed(path, "create"))?;
    let hashing = Hashing {
        to: file,
        hasher: blake3::Hasher::new(),
        bytes: 0,
    };
    write_all(BufWriter::with_capacity(BUFFER, hashing), position, state).map_err(failed(path, "write"))
}

fn write_all(mut to: BufWriter<Hashing<File>>, position: Position, state: &State) -> io::Result<Checkpoint> {
    to.write_all(&MAGIC)?;
    to.write_all(&VERSION.to_le_bytes())?;
    to.write_all(&[0; 4])?;
    to.write_all(&position.0.to_le_bytes())?;
    state.save(&mut Out(&mut to))?;
    let mut hashing = to.into_inner().map_err(io::IntoInnerError::into_error)?;
    let digest = hashing.hasher.finalize();
    hashing.to.write_all(digest.as_bytes())?;
    hashing.to.sync_all()?;
    Ok(Checkpoint {
        position,
        bytes: hashing.bytes + DIGEST_BYTES,
    })
}

/// The position that a checkpoint says it has. The rest of it is not looked at.
///
/// # Errors
/// It cannot be read, or is no checkpoint of this version.
pub fn checkpoint_position(path: &Path) -> Result<Position, CheckpointError> {
    let mut file = File::open(path).map_err(failed(path, "open"))?;
    header(&mut file, path)
}

fn header(file: &mut File, path: &Path) -> Result<Position, CheckpointError> {
    let mut header = [0; HEADER_BYTES];
    let damaged = |detail: &str| CheckpointError::Damaged {
        path: path.into(),
        detail: detail.to_owned(),
    };
    file.read_exact(&mut header)
        .map_err(|_| damaged("it is shorter than its header"))?;
    if header[..8] != MAGIC {
        return Err(damaged("it does not start as one"));
    }
    let mut rest = &header[8..];
    let mut from = In(&mut rest);
    let (version, _zero) = (from.short(), from.short());
    match (version, from.long()) {
        (Ok(VERSION), Ok(position)) => Ok(Position(position)),
        (Ok(found), _) => Err(CheckpointError::Version {
            path: path.into(),
            found,
        }),
        _ => Err(damaged("its header cannot be read")),
    }
}

/// Checks every byte of a checkpoint and reads it.
pub(super) fn read(path: &Path, settings: &Settings) -> Result<(Position, State), CheckpointError> {
    let mut file = File::open(path).map_err(failed(path, "open"))?;
    let position = header(&mut file, path)?;
    check_digest(&mut file, path)?;
    file.seek(SeekFrom::Start(HEADER_BYTES as u64))
        .map_err(failed(path, "read"))?;
    let mut from = BufReader::with_capacity(BUFFER, file);
    match State::load(&mut In(&mut from), settings) {
        Ok(state) => Ok((position, state)),
        Err(error) => Err(CheckpointError::Damaged {
            path: path.into(),
            detail: error.to_string(),
        }),
    }
}

fn check_digest(file: &mut File, path: &Path) -> Result<(), CheckpointError> {
    let digests = |file: &mut File| -> io::Result<(blake3::Hash, blake3::Hash)> {
        let length = file.seek(SeekFrom::End(0))?.saturating_sub(DIGEST_BYTES);
        file.seek(SeekFrom::Start(0))?;
        let mut hasher = blake3::Hasher::new();
        hasher.update_reader(Read::by_ref(file).take(length))?;
        let mut stored = [0; DIGEST_BYTES as usize];
        file.read_exact(&mut stored)?;
        Ok((hasher.finalize(), blake3::Hash::from_bytes(stored)))
    };
    let (found, stored) = digests(file).map_err(failed(path, "read"))?;
    if found == stored {
        return Ok(());
    }
    Err(CheckpointError::Damaged {
        path: path.into(),
        detail: format!("its content has digest {found}, it says {stored}"),
    })
}

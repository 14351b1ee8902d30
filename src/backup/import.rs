//! Bringing a collection back from an archive.

use super::listing::{Entry, LISTING, LOG, Listing, SNAPSHOT};
use super::{Advance, BackupError, Packing};
use crate::log::{Position, ReadOnlyLog};
use crate::snapshot::{Collection, Pointer, Snapshot, Verify, sync_dir};
use serde::Serialize;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::path::{Path, PathBuf};

/// A listing is no longer than this.
const MAX_LISTING: u64 = 16 << 20;

/// What was imported.
#[derive(Debug, Clone, Serialize)]
pub struct Imported {
    /// The collection as it is called now.
    pub collection: String,
    /// What it was called where the archive was taken.
    pub taken_of: String,
    /// Its snapshot.
    pub snapshot: String,
    /// The items of the snapshot.
    pub items: u64,
    /// The last change.
    pub position: Position,
    /// Records of the log after the snapshot.
    pub records: u64,
    /// Length of all files.
    pub bytes: u64,
}

/// Makes a collection of the archive at `path`. Everything is checked before it appears, in one step.
///
/// # Errors
/// [`BackupError`]; then there is no such collection.
pub fn import(collection: &Collection, path: &Path, advance: Advance<'_>) -> Result<Imported, BackupError> {
    let packing = Packing::of(path)?;
    let target = collection.dir();
    let exists = || BackupError::Exists {
        path: target.to_path_buf(),
    };
    if target.exists() {
        return Err(exists());
    }
    let root = target.parent().unwrap_or(target);
    fs::create_dir_all(root).map_err(|source| BackupError::io(root, "create", source))?;
    let staged = tempfile::Builder::new().prefix(".import-").tempdir_in(root);
    let staged = staged.map_err(|source| BackupError::io(root, "create a folder in", source))?;
    let file = File::open(path).map_err(|source| BackupError::io(path, "open", source))?;
    let file = BufReader::with_capacity(1 << 20, file);
    let listing = match packing {
        Packing::Plain => unpack(path, file, staged.path(), advance)?,
        Packing::Zstd => {
            let zstd = zstd::Decoder::with_buffer(file);
            let zstd =
                zstd.map_err(|source| BackupError::damaged(path, "the whole file", source.to_string()))?;
            unpack(path, zstd, staged.path(), advance)?
        }
    };
    let imported = check(collection, path, &listing, staged.path())?;
    finish(&listing, staged.path())?;
    if let Err(source) = fs::rename(staged.path(), target) {
        let taken = matches!(
            source.kind(),
            io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::AlreadyExists
        );
        return Err(if taken {
            exists()
        } else {
            BackupError::io(target, "move in", source)
        });
    }
    let _moved = staged.keep();
    sync_dir(root)?;
    Ok(imported)
}

/// Unpacks every entry, in the order of the listing, and nothing else.
fn unpack(path: &Path, file: impl Read, staged: &Path, advance: Advance<'_>) -> Result<Listing, BackupError> {
    let mut archive = tar::Archive::new(file);
    let unreadable = |entry: &str| {
        let entry = entry.to_owned();
        move |error: io::Error| {
            BackupError::damaged(
                path,
                &entry,
                format!("the archive ends or cannot be read here: {error}"),
            )
        }
    };
    let mut entries = archive.entries().map_err(unreadable("its start"))?;
    let mut listing = None::<(Listing, usize)>;
    let mut done = 0;
    loop {
        let expected = match &listing {
            None => LISTING,
            Some((listing, at)) => match listing.files.get(*at) {
                Some(next) => &next.name,
                None => break,
            },
        };
        let entry = entries.next().transpose().map_err(unreadable(expected))?;
        let Some(mut entry) = entry else {
            return Err(BackupError::damaged(
                path,
                expected,
                "is missing: the archive ends before it",
            ));
        };
        let found = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if found != expected || entry.header().entry_type() != tar::EntryType::Regular {
            let detail = format!("stands where the file {expected:?} should");
            return Err(BackupError::damaged(path, &format!("{found:?}"), detail));
        }
        match &mut listing {
            None => {
                let mut json = Vec::new();
                let mut limited = (&mut entry).take(MAX_LISTING);
                limited.read_to_end(&mut json).map_err(unreadable(LISTING))?;
                listing = Some((Listing::decode(&json, path)?, 0));
            }
            Some((listing, at)) => {
                let expected = &listing.files[*at];
                store(
                    path,
                    &mut entry,
                    expected,
                    &place(&listing.snapshot, expected, staged),
                )?;
                done += expected.bytes;
                advance(done, listing.bytes());
                *at += 1;
            }
        }
    }
    let more = entries.next().transpose().map_err(unreadable("its end"))?;
    match (more, listing) {
        (None, Some((listing, _))) => Ok(listing),
        (Some(entry), _) => {
            let found = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            Err(BackupError::damaged(
                path,
                &format!("{found:?}"),
                "is not in its listing",
            ))
        }
        (None, None) => Err(BackupError::damaged(path, LISTING, "is missing")),
    }
}

/// Where a file of the listing goes.
fn place(snapshot: &str, entry: &Entry, staged: &Path) -> PathBuf {
    match entry.name.strip_prefix(SNAPSHOT) {
        Some(file) => staged.join("snapshots").join(snapshot).join(file),
        // `log/…`, `golden.jsonl` and `placements.json` keep their names.
        None => staged.join(&entry.name),
    }
}

/// Stores one entry and compares it with what the listing says.
fn store(path: &Path, entry: &mut impl Read, expected: &Entry, target: &Path) -> Result<(), BackupError> {
    let failed = |source| BackupError::io(target, "write", source);
    if let Some(folder) = target.parent() {
        fs::create_dir_all(folder).map_err(failed)?;
    }
    let mut file = File::create_new(target).map_err(failed)?;
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = entry.read(&mut buffer).map_err(|error| {
            let detail = format!("the archive ends or cannot be read here: {error}");
            BackupError::damaged(path, &expected.name, detail)
        })?;
        if read == 0 {
            break;
        }
        hasher.update(&buffer[..read]);
        file.write_all(&buffer[..read]).map_err(failed)?;
    }
    file.sync_all().map_err(failed)?;
    let (bytes, blake3) = (hasher.count(), hasher.finalize().to_hex().to_string());
    if bytes == expected.bytes && blake3 == expected.blake3 {
        return Ok(());
    }
    let detail = format!(
        "has {bytes} bytes with digest {blake3}, its listing says {} bytes with digest {}",
        expected.bytes, expected.blake3
    );
    Err(BackupError::damaged(path, &expected.name, detail))
}

/// Opens the snapshot and reads every record after it.
fn check(
    collection: &Collection,
    path: &Path,
    listing: &Listing,
    staged: &Path,
) -> Result<Imported, BackupError> {
    let dir = staged.join("snapshots").join(&listing.snapshot);
    let snapshot = Snapshot::open(&dir, Verify::Full)?;
    let from = Position(snapshot.manifest().log_position);
    let expected = Position(listing.position);
    let mut found = from;
    let mut records = 0;
    let log_dir = staged.join(LOG);
    if log_dir.exists() {
        found = ReadOnlyLog::open(&log_dir).read(from, &mut |_, _| {
            records += 1;
            Ok(())
        })?;
    }
    if found != expected {
        return Err(BackupError::Position {
            path: path.to_path_buf(),
            found,
            expected,
        });
    }
    Ok(Imported {
        collection: collection.name().to_owned(),
        taken_of: listing.collection.clone(),
        snapshot: listing.snapshot.clone(),
        items: snapshot.manifest().rows,
        position: expected,
        records,
        bytes: listing.bytes(),
    })
}

/// Writes the pointer and syncs the folders.
fn finish(listing: &Listing, staged: &Path) -> Result<(), BackupError> {
    let pointer = Pointer {
        snapshot: listing.snapshot.clone(),
        history: Vec::new(),
    };
    pointer.write_into(staged)?;
    let snapshots = staged.join("snapshots");
    crate::snapshot::make_read_only(&snapshots.join(&listing.snapshot))?;
    let mut folders = vec![snapshots.join(&listing.snapshot), snapshots];
    if listing.files.iter().any(|file| file.name.starts_with(LOG)) {
        folders.push(staged.join(LOG));
    }
    for folder in &folders {
        sync_dir(folder)?;
    }
    crate::snapshot::open_like(staged, staged.parent().unwrap_or(staged))?;
    Ok(sync_dir(staged)?)
}

//! Taking an archive of a collection that may be written at the same time.

use super::listing::{Entry, FORMAT_VERSION, GOLDEN, LISTING, LOG, Listing, PLACEMENTS, SNAPSHOT};
use super::{Advance, BackupError, Packing};
use crate::log::{EmbeddedLog, LogSettings, Position, ReadOnlyLog};
use crate::snapshot::{Collection, sync_dir};
use serde::Serialize;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

/// Of zstd, a good bargain between time and size.
const LEVEL: i32 = 3;

/// What was exported.
#[derive(Debug, Clone, Serialize)]
pub struct Exported {
    /// The collection.
    pub collection: String,
    /// The snapshot that is in it.
    pub snapshot: String,
    /// The last change that is in it.
    pub position: Position,
    /// Files that are in it.
    pub files: usize,
    /// Their length together.
    pub bytes: u64,
    /// The length of the archive.
    pub archive_bytes: u64,
}

/// Writes an archive of what is published of `collection` to `out`, which appears when it is whole.
///
/// # Errors
/// [`BackupError`]; then there is no file at `out`.
pub fn export(collection: &Collection, out: &Path, advance: Advance<'_>) -> Result<Exported, BackupError> {
    let packing = Packing::of(out)?;
    if out.exists() {
        return Err(BackupError::Exists {
            path: out.to_path_buf(),
        });
    }
    let folder = match out.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let copies = tempfile::Builder::new()
        .prefix(".alike-export-")
        .tempdir_in(folder);
    let copies = copies.map_err(|source| BackupError::io(folder, "create a folder in", source))?;
    let (listing, sources) = take(collection, copies.path())?;
    let staged = copies.path().join("archive");
    let archive_bytes = write(&listing, &sources, &staged, packing, advance)?;
    // A hard link never replaces a file that somebody made meanwhile; not every file system has them.
    match fs::hard_link(&staged, out) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => fs::rename(&staged, out),
        linked => linked,
    }
    .map_err(|source| BackupError::io(out, "create", source))?;
    sync_dir(folder)?;
    Ok(Exported {
        collection: collection.name().to_owned(),
        snapshot: listing.snapshot.clone(),
        position: Position(listing.position),
        files: listing.files.len(),
        bytes: listing.bytes(),
        archive_bytes,
    })
}

/// A file that is open, so that it stays readable whatever becomes of its name.
struct Source {
    path: PathBuf,
    file: File,
}

impl Source {
    fn open(path: PathBuf) -> Result<Self, BackupError> {
        let file = File::open(&path).map_err(|source| BackupError::io(&path, "open", source))?;
        Ok(Self { path, file })
    }
}

/// Opens everything that goes into the archive; the log is copied to `copies` first, since it grows.
fn take(collection: &Collection, copies: &Path) -> Result<(Listing, Vec<Source>), BackupError> {
    let _files = collection.lock_files_shared()?;
    let snapshot = collection.current()?;
    let manifest = collection.manifest(&snapshot)?;
    let dir = collection.snapshot_dir(&snapshot);
    let mut names: Vec<String> = manifest.files.iter().map(|file| file.name.clone()).collect();
    names.extend(["manifest.rkyv", "manifest.json"].map(str::to_owned));
    let mut taken: Vec<(String, Source)> = Vec::new();
    for name in names {
        let source = Source::open(dir.join(&name))?;
        taken.push((format!("{SNAPSHOT}{name}"), source));
    }
    let from = Position(manifest.log_position);
    let (position, segments) = copy_log(&collection.log_dir(), from, &copies.join("log"))?;
    for path in segments {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        taken.push((format!("{LOG}{name}"), Source::open(path)?));
    }
    for (name, path) in [
        (GOLDEN, collection.golden_path()),
        (PLACEMENTS, collection.placements_path()),
    ] {
        if path.exists() {
            taken.push((name.to_owned(), Source::open(path)?));
        }
    }
    let mut files = Vec::with_capacity(taken.len());
    let mut sources = Vec::with_capacity(taken.len());
    for (name, source) in taken {
        let (bytes, blake3) = digest(&source)?;
        let known = manifest
            .files
            .iter()
            .find(|file| name.strip_prefix(SNAPSHOT) == Some(&file.name));
        if let Some(known) = known.filter(|known| known.blake3 != blake3) {
            let error = crate::snapshot::SnapshotError::damaged(
                &source.path,
                format!("content with digest {blake3}"),
                known.blake3.as_str(),
            );
            return Err(error.into());
        }
        files.push(Entry { name, bytes, blake3 });
        sources.push(source);
    }
    let listing = Listing {
        format_version: FORMAT_VERSION,
        alike_version: env!("CARGO_PKG_VERSION").to_owned(),
        collection: collection.name().to_owned(),
        snapshot,
        position: position.0.max(from.0),
        created_ms: jiff::Timestamp::now().as_millisecond(),
        files,
    };
    Ok((listing, sources))
}

/// Copies the segments that have something after `from`, as they are at this moment, and cuts off a commit that was being
/// written. Gives the position of the last record and the copies.
fn copy_log(dir: &Path, from: Position, copy: &Path) -> Result<(Position, Vec<PathBuf>), BackupError> {
    let mut segments = segments(dir)?;
    // The last of those that begin at or before the first record that is needed, and all later ones.
    let first = segments
        .iter()
        .rposition(|(first, _)| *first <= from.0 + 1)
        .unwrap_or(0);
    segments.drain(..first);
    if segments.is_empty() {
        return Ok((from, Vec::new()));
    }
    fs::create_dir(copy).map_err(|source| BackupError::io(copy, "create", source))?;
    for (_, path) in &segments {
        let target = copy.join(path.file_name().unwrap_or_default());
        fs::copy(path, &target).map_err(|source| BackupError::io(path, "copy", source))?;
    }
    let settings = LogSettings {
        start: from,
        ..LogSettings::default()
    };
    drop(EmbeddedLog::open(copy, settings)?);
    let last = ReadOnlyLog::open(copy).read(from, &mut |_, _| Ok(()))?;
    let copies = self::segments(copy)?.into_iter().map(|(_, path)| path);
    Ok((last, copies.collect()))
}

/// The segments of a log with their first positions, in order.
fn segments(dir: &Path) -> Result<Vec<(u64, PathBuf)>, BackupError> {
    let listing = match fs::read_dir(dir) {
        Ok(listing) => listing,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(BackupError::io(dir, "list", source)),
    };
    let mut segments = Vec::new();
    for entry in listing {
        let path = entry
            .map_err(|source| BackupError::io(dir, "list", source))?
            .path();
        let first = path.file_stem().and_then(|stem| stem.to_str()?.parse().ok());
        if let (Some(first), Some("log")) = (first, path.extension().and_then(|end| end.to_str())) {
            segments.push((first, path));
        }
    }
    segments.sort_unstable();
    Ok(segments)
}

fn digest(source: &Source) -> Result<(u64, String), BackupError> {
    let mut hasher = blake3::Hasher::new();
    let mut read = |source: &Source| -> io::Result<()> {
        io::Seek::rewind(&mut &source.file)?;
        hasher.update_reader(&source.file)?;
        io::Seek::rewind(&mut &source.file)
    };
    read(source).map_err(|error| BackupError::io(&source.path, "read", error))?;
    Ok((hasher.count(), hasher.finalize().to_hex().to_string()))
}

/// Writes the archive to `staged` and gives its length.
fn write(
    listing: &Listing,
    sources: &[Source],
    staged: &Path,
    packing: Packing,
    advance: Advance<'_>,
) -> Result<u64, BackupError> {
    let failed = |source| BackupError::io(staged, "write", source);
    let file = File::create_new(staged).map_err(failed)?;
    let sink = BufWriter::with_capacity(1 << 20, file);
    let sink = match packing {
        Packing::Plain => pack(listing, sources, sink, advance)?,
        Packing::Zstd => {
            let zstd = zstd::Encoder::new(sink, LEVEL).map_err(failed)?;
            let zstd = pack(listing, sources, zstd, advance)?;
            zstd.finish().map_err(failed)?
        }
    };
    let file = sink.into_inner().map_err(|error| failed(error.into_error()))?;
    file.sync_all().map_err(failed)?;
    Ok(file.metadata().map_err(failed)?.len())
}

fn pack<W: Write>(
    listing: &Listing,
    sources: &[Source],
    sink: W,
    advance: Advance<'_>,
) -> Result<W, BackupError> {
    let mut tar = tar::Builder::new(sink);
    let place = Path::new(LISTING);
    let json = serde_json::to_vec_pretty(listing)
        .map_err(|error| BackupError::io(place, "write", io::Error::other(error)))?;
    append(
        &mut tar,
        LISTING,
        json.len() as u64,
        &mut json.as_slice(),
        listing,
    )
    .map_err(|source| BackupError::io(place, "write", source))?;
    let (mut done, total) = (0, listing.bytes());
    for (entry, source) in listing.files.iter().zip(sources) {
        // As long as it was when its digest was taken.
        let mut content = (&source.file).take(entry.bytes);
        append(&mut tar, &entry.name, entry.bytes, &mut content, listing)
            .map_err(|error| BackupError::io(&source.path, "copy", error))?;
        done += entry.bytes;
        advance(done, total);
    }
    tar.into_inner()
        .map_err(|source| BackupError::io(place, "write", source))
}

fn append<W: Write>(
    tar: &mut tar::Builder<W>,
    name: &str,
    bytes: u64,
    content: &mut dyn Read,
    listing: &Listing,
) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes);
    header.set_mode(0o644);
    header.set_mtime(u64::try_from(listing.created_ms / 1000).unwrap_or(0));
    header.set_entry_type(tar::EntryType::Regular);
    tar.append_data(&mut header, name, content)
}

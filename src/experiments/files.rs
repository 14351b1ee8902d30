//! Files that are replaced whole.

use super::ExperimentError;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

const SECRET_FILE: &str = "secret";

/// Puts a file with that content in place of the one there is: written beside, synced, renamed. Only its owner can read
/// it.
pub(super) fn replace(path: &Path, content: &[u8]) -> Result<(), ExperimentError> {
    let staged = path.with_extension("new");
    let written = File::options()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&staged)
        .and_then(|mut file| {
            file.write_all(content)?;
            file.sync_all()
        });
    written.map_err(|source| ExperimentError::io(&staged, "write", source))?;
    fs::rename(&staged, path).map_err(|source| ExperimentError::io(path, "replace", source))?;
    sync_folder_of(path)
}

/// Returns once the names in the folder of `path` are on the disk.
pub(super) fn sync_folder_of(path: &Path) -> Result<(), ExperimentError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let synced = File::open(folder).and_then(|folder| folder.sync_all());
    synced.map_err(|source| ExperimentError::io(folder, "sync", source))
}

/// What recommendation ids are sealed with, where there is such a file.
pub(super) fn read_secret(dir: &Path) -> Result<Option<[u8; 32]>, ExperimentError> {
    let path = dir.join(SECRET_FILE);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(ExperimentError::io(&path, "read", source)),
    };
    let secret = bytes.as_slice().try_into().map_err(|_| {
        let detail = format!("it has {} bytes, 32 are expected", bytes.len());
        ExperimentError::damaged(&path, detail)
    })?;
    Ok(Some(secret))
}

/// What recommendation ids are sealed with: made of the system's randomness where there is none yet.
pub(super) fn read_or_make_secret(dir: &Path) -> Result<[u8; 32], ExperimentError> {
    if let Some(secret) = read_secret(dir)? {
        return Ok(secret);
    }
    let secret = random()?;
    replace(&dir.join(SECRET_FILE), &secret)?;
    Ok(secret)
}

/// Bytes that nobody can guess.
pub(super) fn random<const N: usize>() -> Result<[u8; N], ExperimentError> {
    let source = PathBuf::from("/dev/urandom");
    let mut bytes = [0; N];
    let read = File::open(&source).and_then(|mut file| file.read_exact(&mut bytes));
    read.map_err(|error| ExperimentError::io(&source, "read", error))?;
    Ok(bytes)
}

/// Whether the system says that nothing can be written there, as on a replica.
pub(super) fn is_read_only(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ReadOnlyFilesystem | ErrorKind::PermissionDenied
    )
}

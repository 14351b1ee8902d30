//! What a collection takes on the disk.

use crate::snapshot::{Collection, SnapshotError};
use crate::telemetry::DiskUse;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// Looks at every file of a collection. Files that go meanwhile don't count.
///
/// # Errors
/// A folder cannot be read.
pub fn usage(collection: &Collection) -> Result<DiskUse, SnapshotError> {
    let dir = collection.dir();
    let of = |name: &str| bytes_below(&dir.join(name));
    let spill = fs::metadata(collection.spill_path()).map_or(0, |spill| spill.len());
    Ok(DiskUse {
        snapshots: of("snapshots")?,
        log: bytes_below(&collection.log_dir())?,
        staging: of("staging")? + of("trash")? + of("sealed")? + spill,
        events: bytes_below(&collection.events_dir())?,
    })
}

fn bytes_below(dir: &Path) -> Result<u64, SnapshotError> {
    let gone = |error: &std::io::Error| error.kind() == ErrorKind::NotFound;
    let listing = match fs::read_dir(dir) {
        Ok(listing) => listing,
        Err(error) if gone(&error) => return Ok(0),
        Err(source) => return Err(SnapshotError::io(dir, "list", source)),
    };
    let mut bytes = 0;
    for entry in listing {
        let entry = entry.map_err(|source| SnapshotError::io(dir, "list", source))?;
        bytes += match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => bytes_below(&entry.path())?,
            Ok(metadata) => metadata.len(),
            Err(error) if gone(&error) => 0,
            Err(source) => return Err(SnapshotError::io(&entry.path(), "read", source)),
        };
    }
    Ok(bytes)
}

/// Bytes that the file system of `dir` has left for this process.
///
/// # Errors
/// The system does not say.
pub fn free_bytes(dir: &Path) -> Result<u64, SnapshotError> {
    let found = rustix::fs::statvfs(dir)
        .map_err(|error| SnapshotError::io(dir, "ask for free space of", error.into()))?;
    Ok(found.f_bavail.saturating_mul(found.f_frsize))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Store;

    #[test]
    fn bytes_are_counted_by_what_they_are_for() {
        let data = tempfile::tempdir().unwrap();
        let collection = Store::create(data.path()).unwrap().collection("c").unwrap();
        assert_eq!(usage(&collection).unwrap(), DiskUse::default());
        for (path, bytes) in [
            ("snapshots/a/x", 5),
            ("snapshots/b/y", 7),
            ("log/1.log", 11),
            ("staging/t/z", 3),
            ("encoded.spill", 2),
        ] {
            let path = collection.dir().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, vec![0; bytes]).unwrap();
        }
        let expected = DiskUse {
            snapshots: 12,
            log: 11,
            staging: 5,
            events: 0,
        };
        assert_eq!(usage(&collection).unwrap(), expected);
        assert!(free_bytes(data.path()).unwrap() > 0);
    }
}

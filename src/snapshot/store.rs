//! The data directory: which collections exist, which snapshot each one serves, and how a new one takes over.

use super::open::read_manifest;
use super::pointer::{POINTER_FILE, is_snapshot_id};
use super::{Manifest, Snapshot, SnapshotError, Verify};
use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

const LOCK_FILE: &str = "build.lock";

/// A data directory.
#[derive(Debug, Clone)]
pub struct Store {
    data: PathBuf,
}

const FILES_LOCK_FILE: &str = "files.lock";

impl Store {
    /// The store in `data`; the directory must exist.
    ///
    /// # Errors
    /// `data` is not a readable directory.
    pub fn open(data: &Path) -> Result<Self, SnapshotError> {
        fs::read_dir(data).map_err(|source| SnapshotError::io(data, "open data directory", source))?;
        Ok(Self {
            data: data.to_path_buf(),
        })
    }

    /// The store in `data`, created when missing.
    ///
    /// # Errors
    /// `data` cannot be created.
    pub fn create(data: &Path) -> Result<Self, SnapshotError> {
        fs::create_dir_all(data)
            .map_err(|source| SnapshotError::io(data, "create data directory", source))?;
        Self::open(data)
    }

    /// The collection of that name, whether or not anything is published.
    ///
    /// # Errors
    /// The name is not a collection name.
    pub fn collection(&self, name: &str) -> Result<Collection, SnapshotError> {
        check_name(name)?;
        let dir = self.data.join("collections").join(name);
        Ok(Collection {
            name: name.to_owned(),
            data: self.data.clone(),
            dir,
        })
    }

    /// All collections that have something published, by name.
    ///
    /// # Errors
    /// The directory cannot be listed.
    pub fn collections(&self) -> Result<Vec<Collection>, SnapshotError> {
        let root = self.data.join("collections");
        let listing = match fs::read_dir(&root) {
            Ok(listing) => listing,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(SnapshotError::io(&root, "list", source)),
        };
        let mut names = Vec::new();
        for entry in listing {
            let entry = entry.map_err(|source| SnapshotError::io(&root, "list", source))?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            let pointer = root.join(&name).join(POINTER_FILE);
            let published = pointer.try_exists();
            if check_name(&name).is_ok()
                && published.map_err(|source| SnapshotError::io(&pointer, "read", source))?
            {
                names.push(name);
            }
        }
        names.sort_unstable();
        names.iter().map(|name| self.collection(name)).collect()
    }
}

fn check_name(name: &str) -> Result<(), SnapshotError> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    let starts_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if starts_well && name.len() <= 64 && name.chars().all(allowed) {
        return Ok(());
    }
    Err(SnapshotError::CollectionName {
        name: name.chars().take(80).collect(),
    })
}

/// One collection's directory.
#[derive(Debug, Clone)]
pub struct Collection {
    pub(super) name: String,
    pub(super) data: PathBuf,
    pub(super) dir: PathBuf,
}

impl Collection {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where its events are kept.
    #[must_use]
    pub fn events_dir(&self) -> PathBuf {
        self.dir.join("events")
    }

    /// Where a build keeps what it has encoded until it publishes. Use it under the build lock.
    #[must_use]
    pub fn spill_path(&self) -> PathBuf {
        self.dir.join("encoded.spill")
    }

    /// Its directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where its log is kept.
    #[must_use]
    pub fn log_dir(&self) -> PathBuf {
        self.dir.join("log")
    }

    /// The queries that every snapshot has to answer well; the file need not be there.
    #[must_use]
    pub fn golden_path(&self) -> PathBuf {
        self.dir.join("golden.jsonl")
    }

    /// Where its placements are kept; the file need not be there.
    #[must_use]
    pub fn placements_path(&self) -> PathBuf {
        self.dir.join("placements.json")
    }

    /// Where a snapshot of that id is, or would be.
    #[must_use]
    pub fn snapshot_dir(&self, id: &str) -> PathBuf {
        self.snapshots().join(id)
    }

    /// The ids of all snapshots that are in their place, oldest first.
    ///
    /// # Errors
    /// The directory cannot be listed.
    pub fn snapshot_ids(&self) -> Result<Vec<String>, SnapshotError> {
        let dir = self.snapshots();
        let listing = match fs::read_dir(&dir) {
            Ok(listing) => listing,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(source) => return Err(SnapshotError::io(&dir, "list", source)),
        };
        let mut ids = Vec::new();
        for entry in listing {
            let entry = entry.map_err(|source| SnapshotError::io(&dir, "list", source))?;
            if let Ok(id) = entry.file_name().into_string()
                && is_snapshot_id(&id)
            {
                ids.push(id);
            }
        }
        ids.sort_unstable();
        Ok(ids)
    }

    /// The manifest of a snapshot.
    ///
    /// # Errors
    /// There is no such snapshot, or its manifest is refused.
    pub fn manifest(&self, id: &str) -> Result<Manifest, SnapshotError> {
        read_manifest(&self.snapshots().join(id), id)
    }

    /// Opens a snapshot.
    ///
    /// # Errors
    /// There is no such snapshot, or it is refused.
    pub fn open(&self, id: &str, verify: Verify) -> Result<Snapshot, SnapshotError> {
        Snapshot::open(&self.snapshots().join(id), verify)
    }

    /// Takes the build lock; held until the returned file is dropped.
    ///
    /// # Errors
    /// Another build holds it, or the directory cannot be created.
    pub fn lock_for_build(&self) -> Result<File, SnapshotError> {
        fs::create_dir_all(&self.dir).map_err(|source| SnapshotError::io(&self.dir, "create", source))?;
        // The names of new directories survive a power cut only when the directories above them are synced.
        for above in [self.dir.parent(), Some(self.data.as_path())]
            .into_iter()
            .flatten()
        {
            sync_dir(above)?;
        }
        let path = self.dir.join(LOCK_FILE);
        let file = File::options().create(true).append(true).open(&path);
        let file = file.map_err(|source| SnapshotError::io(&path, "create", source))?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(SnapshotError::Busy {
                name: self.name.clone(),
                path,
            }),
            Err(TryLockError::Error(source)) => Err(SnapshotError::io(&path, "lock", source)),
        }
    }

    /// Held by whoever removes snapshots or parts of the log.
    ///
    /// # Errors
    /// Somebody copies them at the moment.
    pub(crate) fn lock_files_alone(&self) -> Result<File, SnapshotError> {
        let (file, path) = self.files_lock()?;
        match file.try_lock() {
            Ok(()) => Ok(file),
            Err(TryLockError::WouldBlock) => Err(SnapshotError::Copied {
                name: self.name.clone(),
                path,
            }),
            Err(TryLockError::Error(source)) => Err(SnapshotError::io(&path, "lock", source)),
        }
    }

    /// Held by whoever copies snapshots and the log, so that nothing of them goes meanwhile.
    ///
    /// # Errors
    /// The lock cannot be taken.
    pub(crate) fn lock_files_shared(&self) -> Result<File, SnapshotError> {
        let (file, path) = self.files_lock()?;
        file.lock_shared()
            .map_err(|source| SnapshotError::io(&path, "lock", source))?;
        Ok(file)
    }

    fn files_lock(&self) -> Result<(File, PathBuf), SnapshotError> {
        let path = self.dir.join(FILES_LOCK_FILE);
        let file = File::options().create(true).append(true).open(&path);
        let file = file.map_err(|source| SnapshotError::io(&path, "create", source))?;
        Ok((file, path))
    }

    /// Moves a snapshot to the trash in one step.
    pub(crate) fn throw_away(&self, id: &str) -> Result<(), SnapshotError> {
        let (from, trash) = (self.snapshots().join(id), self.trash());
        fs::create_dir_all(&trash).map_err(|source| SnapshotError::io(&trash, "create", source))?;
        fs::rename(&from, trash.join(id)).map_err(|source| SnapshotError::io(&from, "move away", source))?;
        sync_dir(&self.snapshots())
    }

    /// Removes what was thrown away, now or by one that died.
    pub(crate) fn empty_trash(&self) -> Result<(), SnapshotError> {
        let trash = self.trash();
        match fs::remove_dir_all(&trash) {
            Err(source) if source.kind() != ErrorKind::NotFound => {
                Err(SnapshotError::io(&trash, "remove", source))
            }
            _ => Ok(()),
        }
    }

    /// Takes away a snapshot that was never published.
    pub(crate) fn remove(&self, id: &str) -> Result<(), SnapshotError> {
        self.throw_away(id)?;
        self.empty_trash()
    }

    fn trash(&self) -> PathBuf {
        self.dir.join("trash")
    }

    /// A fresh staging directory. Call under the build lock: whatever a dead build left in staging is removed first.
    pub(super) fn staging(&self) -> Result<tempfile::TempDir, SnapshotError> {
        self.empty_trash()?;
        let root = self.dir.join("staging");
        match fs::remove_dir_all(&root) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(SnapshotError::io(&root, "clear", error));
            }
            _ => {}
        }
        fs::create_dir_all(&root).map_err(|source| SnapshotError::io(&root, "create", source))?;
        tempfile::TempDir::new_in(&root)
            .map_err(|source| SnapshotError::io(&root, "create a folder in", source))
    }

    /// Moves a finished staging directory to its place. It is not published before [`Collection::publish`].
    pub(super) fn place(&self, staged: tempfile::TempDir, id: &str) -> Result<(), SnapshotError> {
        let snapshots = self.snapshots();
        fs::create_dir_all(&snapshots).map_err(|source| SnapshotError::io(&snapshots, "create", source))?;
        make_read_only(staged.path())?;
        open_like(staged.path(), &snapshots)?;
        sync_dir(staged.path())?;
        let target = snapshots.join(id);
        fs::rename(staged.path(), &target).map_err(|source| SnapshotError::io(&target, "move in", source))?;
        // The directory has moved: there is nothing left for the guard to remove.
        let _moved = staged.keep();
        sync_dir(&snapshots)
    }

    /// Checks every byte of a snapshot that is in its place and publishes it. One that does not verify is taken away.
    ///
    /// # Errors
    /// The snapshot is refused, or the pointer cannot be written.
    pub fn publish(&self, id: &str) -> Result<Snapshot, SnapshotError> {
        let checked = self.open(id, Verify::Full);
        if checked.is_err() {
            let path = self.snapshots().join(id);
            fs::remove_dir_all(&path).map_err(|source| SnapshotError::io(&path, "remove", source))?;
        }
        let snapshot = checked?;
        self.point_to(id)?;
        Ok(snapshot)
    }

    fn snapshots(&self) -> PathBuf {
        self.dir.join("snapshots")
    }
}

pub(crate) fn make_read_only(dir: &Path) -> Result<(), SnapshotError> {
    let listing = fs::read_dir(dir).map_err(|source| SnapshotError::io(dir, "list", source))?;
    for entry in listing {
        let path = entry
            .map_err(|source| SnapshotError::io(dir, "list", source))?
            .path();
        let metadata = fs::metadata(&path).map_err(|source| SnapshotError::io(&path, "read", source))?;
        let mut permissions = metadata.permissions();
        permissions.set_readonly(true);
        fs::set_permissions(&path, permissions)
            .map_err(|source| SnapshotError::io(&path, "protect", source))?;
    }
    Ok(())
}

/// Staging folders are private; a snapshot is as open as the folder it goes to.
pub(crate) fn open_like(dir: &Path, parent: &Path) -> Result<(), SnapshotError> {
    let metadata = fs::metadata(parent).map_err(|source| SnapshotError::io(parent, "read", source))?;
    fs::set_permissions(dir, metadata.permissions())
        .map_err(|source| SnapshotError::io(dir, "open up", source))
}

pub(crate) fn sync_dir(dir: &Path) -> Result<(), SnapshotError> {
    let synced = File::open(dir).and_then(|dir| dir.sync_all());
    synced.map_err(|source| SnapshotError::io(dir, "sync", source))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_thrown_away_is_gone_in_one_step() {
        let data = tempfile::tempdir().unwrap();
        let collection = Store::create(data.path()).unwrap().collection("c").unwrap();
        fs::create_dir_all(collection.snapshot_dir("a")).unwrap();
        fs::write(collection.snapshot_dir("a").join("x"), "x").unwrap();
        fs::create_dir_all(collection.snapshot_dir("b")).unwrap();
        collection.throw_away("a").unwrap();
        assert_eq!(collection.snapshot_ids().unwrap(), ["b"]);
        assert!(collection.trash().join("a/x").exists(), "still to be removed");
        collection.empty_trash().unwrap();
        assert!(!collection.trash().exists());
        collection.empty_trash().unwrap();
    }
}

//! The small pointer of a collection: which snapshot is served, and which were before.

use super::store::sync_dir;
use super::writer::write_synced;
use super::{Collection, SnapshotError};
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::Path;

pub(super) const POINTER_FILE: &str = "CURRENT";
const LOCK_FILE: &str = "CURRENT.lock";

/// What `CURRENT` says. The form before there was a history, `{"snapshot": id}`, is read too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pointer {
    /// The snapshot that is served.
    pub snapshot: String,
    /// Those served before it, the last one last.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub history: Vec<String>,
}

/// As many earlier snapshots are remembered.
const MAX_HISTORY: usize = 100;

impl Pointer {
    /// The pointer after `snapshot` has taken over.
    pub(crate) fn followed_by(self, snapshot: &str) -> Self {
        let mut history = self.history;
        if self.snapshot != snapshot {
            history.push(self.snapshot);
        }
        history.retain(|id| id != snapshot);
        history.drain(..history.len().saturating_sub(MAX_HISTORY));
        Self {
            snapshot: snapshot.to_owned(),
            history,
        }
    }

    /// Makes it the pointer of the collection in `dir`, in one step.
    pub(crate) fn write_into(&self, dir: &Path) -> Result<(), SnapshotError> {
        let path = dir.join(POINTER_FILE);
        let staged = dir.join(format!("{POINTER_FILE}.new"));
        let content = serde_json::to_vec(self)
            .map_err(|error| SnapshotError::io(&staged, "write", std::io::Error::other(error)))?;
        write_synced(&staged, &content)?;
        fs::rename(&staged, &path).map_err(|source| SnapshotError::io(&path, "swap", source))?;
        sync_dir(dir)
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.snapshot)
            .chain(&self.history)
            .map(String::as_str)
    }
}

/// Whether `id` can name a snapshot's directory.
pub(crate) fn is_snapshot_id(id: &str) -> bool {
    !id.is_empty() && !id.contains(['/', '\\', '\0']) && !id.starts_with('.')
}

impl Collection {
    /// The id of the published snapshot.
    ///
    /// # Errors
    /// Nothing is published, or the pointer is damaged.
    pub fn current(&self) -> Result<String, SnapshotError> {
        Ok(self.pointer()?.snapshot)
    }

    /// The published snapshot and those before it.
    ///
    /// # Errors
    /// Nothing is published, or the pointer is damaged.
    pub fn pointer(&self) -> Result<Pointer, SnapshotError> {
        let path = self.dir.join(POINTER_FILE);
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Err(SnapshotError::NoCollection {
                    name: self.name.clone(),
                    data: self.data.clone(),
                });
            }
            Err(source) => return Err(SnapshotError::io(&path, "read", source)),
        };
        let pointer: Pointer = serde_json::from_slice(&bytes)
            .map_err(|error| SnapshotError::damaged(&path, error.to_string(), "{\"snapshot\": \"ID\"}"))?;
        if let Some(wrong) = pointer.names().find(|id| !is_snapshot_id(id)) {
            return Err(SnapshotError::damaged(
                &path,
                format!("{wrong:?}"),
                "a snapshot id",
            ));
        }
        Ok(pointer)
    }

    /// Points to a snapshot that is in its place: swaps the small pointer, the one step that readers see. What it named
    /// before becomes the end of the history.
    ///
    /// # Errors
    /// The pointer cannot be written; it then still names what it named before.
    pub fn point_to(&self, id: &str) -> Result<(), SnapshotError> {
        let first = || Pointer {
            snapshot: id.to_owned(),
            history: Vec::new(),
        };
        self.change_pointer(|pointer| Ok(pointer.map_or_else(first, |pointer| pointer.followed_by(id))))?;
        Ok(())
    }

    /// Writes the pointer that `change` makes of the one there is; none: nothing is published. No other process changes
    /// it meanwhile.
    ///
    /// # Errors
    /// Those of `change`, and those of reading and writing; then the pointer is what it was.
    pub(crate) fn change_pointer<E: From<SnapshotError>>(
        &self,
        change: impl FnOnce(Option<Pointer>) -> Result<Pointer, E>,
    ) -> Result<Pointer, E> {
        let _lock = self.lock_pointer()?;
        let before = match self.pointer() {
            Ok(pointer) => Some(pointer),
            // Whoever points to a snapshot also mends a pointer that cannot be read.
            Err(SnapshotError::NoCollection { .. } | SnapshotError::Damaged { .. }) => None,
            Err(error) => return Err(error.into()),
        };
        let pointer = change(before)?;
        pointer.write_into(&self.dir)?;
        Ok(pointer)
    }

    /// Held for as long as a change of the pointer takes, which is no time.
    pub(crate) fn lock_pointer(&self) -> Result<File, SnapshotError> {
        let path = self.dir.join(LOCK_FILE);
        let file = File::options().create(true).append(true).open(&path);
        let file = file.map_err(|source| SnapshotError::io(&path, "create", source))?;
        file.lock()
            .map_err(|source| SnapshotError::io(&path, "lock", source))?;
        Ok(file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::Store;

    fn collection(data: &Path) -> Collection {
        let collection = Store::create(data).unwrap().collection("c").unwrap();
        fs::create_dir_all(&collection.dir).unwrap();
        collection
    }

    #[test]
    fn the_pointer_remembers_what_it_named() {
        let data = tempfile::tempdir().unwrap();
        let collection = collection(data.path());
        assert!(matches!(
            collection.current(),
            Err(SnapshotError::NoCollection { .. })
        ));
        for id in ["a", "b", "b", "c", "a"] {
            collection.point_to(id).unwrap();
        }
        let pointer = collection.pointer().unwrap();
        assert_eq!(
            (pointer.snapshot.as_str(), pointer.history),
            ("a", vec!["b".to_owned(), "c".to_owned()])
        );
        for at in 0..2 * MAX_HISTORY {
            collection.point_to(&format!("s{at}")).unwrap();
        }
        let pointer = collection.pointer().unwrap();
        assert_eq!(pointer.history.len(), MAX_HISTORY);
        assert_eq!(pointer.history.last().map(String::as_str), Some("s198"));
    }

    #[test]
    fn pointers_of_the_old_form_are_read_and_wrong_ones_refused() {
        let data = tempfile::tempdir().unwrap();
        let collection = collection(data.path());
        let path = collection.dir.join(POINTER_FILE);
        fs::write(&path, r#"{"snapshot":"a"}"#).unwrap();
        let pointer = collection.pointer().unwrap();
        assert_eq!((pointer.snapshot.as_str(), pointer.history.len()), ("a", 0));
        for wrong in [
            "",
            "{}",
            r#"{"snapshot":"../a"}"#,
            r#"{"snapshot":"a","history":["b/c"]}"#,
            r#"{"snapshot":"a","histori":[]}"#,
        ] {
            fs::write(&path, wrong).unwrap();
            let error = collection.pointer().unwrap_err();
            assert!(matches!(error, SnapshotError::Damaged { .. }), "{wrong}: {error}");
        }
        collection.point_to("b").unwrap();
        assert_eq!(collection.current().unwrap(), "b", "whoever points mends it");
    }
}

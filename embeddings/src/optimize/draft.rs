//! The folder in which a variant is made, and how it becomes the bundle's.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::{EmbeddingError, ModelBundle, Result};

/// The variant's files.
pub(super) const GRAPH: &str = "model.int8.onnx";
pub(super) const DATA: &str = "model.int8.onnx.data";
/// The draft's folder in the bundle's.
const FOLDER: &str = ".optimize";

/// A copy of the bundle (links, no bytes) to which a variant is added. It goes when dropped.
pub(super) struct Draft {
    bundle: PathBuf,
    dir: PathBuf,
    graph: PathBuf,
    /// Held as long as the draft lives: a second one of the same bundle is refused.
    _lock: File,
}

impl Draft {
    /// Starts over in the bundle's folder; `graph` is the bundle's graph.
    pub fn open(bundle: &Path, graph: &Path) -> Result<Self> {
        let lock = File::open(graph).map_err(|source| EmbeddingError::Unreadable {
            path: graph.to_owned(),
            source,
        })?;
        if lock.try_lock().is_err() {
            return Err(refused(
                graph,
                "another `alike model optimize` is at work in this folder".to_owned(),
            ));
        }
        let draft = Self {
            bundle: bundle.to_owned(),
            dir: bundle.join(FOLDER),
            graph: graph.to_owned(),
            _lock: lock,
        };
        draft.try_to("make the folder for", FOLDER, draft.start())?;
        Ok(draft)
    }

    fn start(&self) -> io::Result<()> {
        // Left behind by a run that was killed.
        match fs::remove_dir_all(&self.dir) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        fs::create_dir(&self.dir)?;
        for entry in fs::read_dir(&self.bundle)? {
            let entry = entry?;
            let (name, path) = (entry.file_name(), entry.path());
            if path.is_file() && name != GRAPH && name != DATA {
                let (from, to) = (path.canonicalize()?, self.dir.join(&name));
                // Another file system behind a link, or one without hard links: a copy does as well.
                fs::hard_link(&from, &to).or_else(|_| fs::copy(&from, &to).map(drop))?;
            }
        }
        Ok(())
    }

    /// Writes a file of the variant, down to the disk.
    pub fn write(&self, name: &str, content: &[u8]) -> Result<()> {
        let write = || {
            let mut file = File::create(self.dir.join(name))?;
            file.write_all(content)?;
            file.sync_all()
        };
        self.try_to("write", name, write())
    }

    /// The draft as a bundle.
    pub fn bundle(&self) -> Result<ModelBundle> {
        ModelBundle::open(&self.dir)
    }

    /// Makes the variant the bundle's. An older one goes first and the graph comes last: whenever this stops, the bundle
    /// has a whole variant or none.
    pub fn install(&self) -> Result<()> {
        let install = || {
            match fs::remove_file(self.bundle.join(GRAPH)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            for name in [DATA, GRAPH] {
                fs::rename(self.dir.join(name), self.bundle.join(name))?;
            }
            File::open(&self.bundle)?.sync_all()
        };
        self.try_to("install", GRAPH, install())
    }

    fn try_to(&self, what: &str, name: &str, result: io::Result<()>) -> Result<()> {
        result.map_err(|error| refused(&self.graph, format!("can't {what} {name} in its folder: {error}")))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.dir) {
            tracing::warn!(dir = %self.dir.display(), %error, "a draft of a model variant could not be removed");
        }
    }
}

fn refused(path: &Path, reason: String) -> EmbeddingError {
    EmbeddingError::Optimize {
        path: path.to_owned(),
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tempfile::TempDir;

    fn folder() -> TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, content) in [
            ("model.onnx", "graph"),
            ("model.onnx.data", "weights"),
            (GRAPH, "old"),
            (DATA, "older"),
        ] {
            fs::write(dir.path().join(name), content).unwrap();
        }
        dir
    }

    fn open(dir: &TempDir) -> Result<Draft> {
        Draft::open(dir.path(), &dir.path().join("model.onnx"))
    }

    fn content(dir: &TempDir, name: &str) -> String {
        fs::read_to_string(dir.path().join(name)).unwrap()
    }

    #[test]
    fn a_draft_has_the_plain_files_and_none_of_the_old_variant() {
        let dir = folder();
        let draft = open(&dir).unwrap();
        assert_eq!(
            fs::read_to_string(draft.dir.join("model.onnx.data")).unwrap(),
            "weights"
        );
        assert!(!draft.dir.join(GRAPH).exists() && !draft.dir.join(DATA).exists());
    }

    #[test]
    fn an_abandoned_draft_changes_nothing_and_leaves_nothing() {
        let dir = folder();
        let draft = open(&dir).unwrap();
        draft.write(DATA, b"new").unwrap();
        drop(draft);
        assert_eq!(
            (content(&dir, GRAPH), content(&dir, DATA)),
            ("old".to_owned(), "older".to_owned())
        );
        assert!(!dir.path().join(FOLDER).exists());
    }

    #[test]
    fn an_installed_draft_replaces_both_files() {
        let dir = folder();
        let draft = open(&dir).unwrap();
        draft.write(DATA, b"new data").unwrap();
        draft.write(GRAPH, b"new graph").unwrap();
        draft.install().unwrap();
        drop(draft);
        assert_eq!(
            (content(&dir, GRAPH), content(&dir, DATA)),
            ("new graph".to_owned(), "new data".to_owned())
        );
    }

    #[test]
    fn an_installation_that_stops_half_way_leaves_no_variant() {
        let dir = folder();
        let draft = open(&dir).unwrap();
        draft.write(DATA, b"new data").unwrap();
        let error = draft.install().unwrap_err();
        assert!(matches!(error, EmbeddingError::Optimize { .. }), "{error}");
        assert!(!dir.path().join(GRAPH).exists());
    }

    #[test]
    fn what_a_killed_run_left_is_cleared_and_a_second_run_is_refused() {
        let dir = folder();
        fs::create_dir(dir.path().join(FOLDER)).unwrap();
        fs::write(dir.path().join(FOLDER).join(GRAPH), "half").unwrap();
        let draft = open(&dir).unwrap();
        assert!(!draft.dir.join(GRAPH).exists());
        let error = open(&dir).err().unwrap().to_string();
        assert!(error.contains("another"), "{error}");
        assert!(draft.dir.join("model.onnx").exists());
    }
}

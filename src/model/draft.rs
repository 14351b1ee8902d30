//! A folder beside the target in which a model takes shape; it is moved into place when it is whole, and gone otherwise.

use super::error::{PullError, file_error};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const PREFIX: &str = ".pull.";
const LOCK: &str = "lock";

/// A temporary folder beside a target, removed when dropped. One left by a process that was killed is removed by the
/// next draft beside it: its lock is free.
#[derive(Debug)]
pub struct Draft {
    folder: TempDir,
    target: PathBuf,
    replace: bool,
    _lock: File,
}

impl Draft {
    /// Makes a draft for `target`; with `replace` the target may exist.
    ///
    /// # Errors
    /// The target exists, or its parent can't be written to.
    pub fn beside(target: &Path, replace: bool) -> Result<Self, PullError> {
        let target = std::path::absolute(target).map_err(file_error(target, "can't be made absolute"))?;
        if !replace && target.symlink_metadata().is_ok() {
            return Err(PullError::Exists { path: target });
        }
        let parent = target.parent().unwrap_or(Path::new("/"));
        fs::create_dir_all(parent).map_err(file_error(parent, "can't make the folder"))?;
        remove_abandoned(parent);
        let folder = tempfile::Builder::new()
            .prefix(PREFIX)
            .tempdir_in(parent)
            .map_err(file_error(parent, "can't write here"))?;
        let lock = locked(folder.path()).map_err(file_error(folder.path(), "can't lock it"))?;
        Ok(Self {
            folder,
            target,
            replace,
            _lock: lock,
        })
    }

    /// A path in the draft; nothing is there yet.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Where [`publish`](Self::publish) puts the model.
    #[must_use]
    pub fn target(&self) -> &Path {
        &self.target
    }

    /// Makes the draft's folder `name` the target, files synced first. What was there before goes with the draft.
    ///
    /// # Errors
    /// The file system refuses; then the old target is where it was.
    pub fn publish(&self, name: &str) -> Result<(), PullError> {
        let whole = self.path(name);
        sync(&whole).map_err(file_error(&whole, "can't be written to disk"))?;
        let failed = || file_error(&self.target, "can't be put into place");
        let old = self.path("replaced");
        let replaced = self.replace && self.target.symlink_metadata().is_ok();
        if replaced {
            fs::rename(&self.target, &old).map_err(failed())?;
        }
        fs::rename(&whole, &self.target).map_err(|error| {
            if replaced {
                let _ = fs::rename(&old, &self.target);
            }
            failed()(error)
        })
    }

    /// Removes the draft now, while another thread may still write to it.
    pub fn discard(&self) {
        // What is written between listing and removing a folder makes the removal fail: the next one finds it.
        for _ in 0..8 {
            if fs::remove_dir_all(self.folder.path()).is_ok() || !self.folder.path().exists() {
                return;
            }
        }
    }
}

fn sync(folder: &Path) -> std::io::Result<()> {
    for entry in folder.read_dir()? {
        File::open(entry?.path())?.sync_all()?;
    }
    File::open(folder)?.sync_all()
}

/// A lock file that appears under its name only when it is locked.
fn locked(folder: &Path) -> std::io::Result<File> {
    let early = folder.join("lock.new");
    let lock = File::create(&early)?;
    lock.lock()?;
    fs::rename(early, folder.join(LOCK))?;
    Ok(lock)
}

/// Removes drafts whose process is gone. One that can't be removed is in nobody's way.
fn remove_abandoned(parent: &Path) {
    let Ok(entries) = parent.read_dir() else { return };
    for entry in entries.flatten() {
        let is_draft = entry.file_name().to_string_lossy().starts_with(PREFIX);
        let lock = File::open(entry.path().join(LOCK));
        if is_draft && lock.is_ok_and(|lock| lock.try_lock().is_ok()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = folder
            .read_dir()
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    fn fill(draft: &Draft, content: &str) {
        fs::create_dir(draft.path("bundle")).unwrap();
        fs::write(draft.path("bundle").join("model.toml"), content).unwrap();
    }

    #[test]
    fn a_whole_draft_becomes_the_target_and_leaves_nothing_beside_it() {
        let home = tempfile::tempdir().unwrap();
        let target = home.path().join("models/new");
        let draft = Draft::beside(&target, false).unwrap();
        fill(&draft, "first");
        draft.publish("bundle").unwrap();
        drop(draft);
        assert_eq!(fs::read_to_string(target.join("model.toml")).unwrap(), "first");
        assert_eq!(names(&home.path().join("models")), ["new"]);
    }

    #[test]
    fn an_existing_target_is_refused_or_replaced_whole() {
        let home = tempfile::tempdir().unwrap();
        let target = home.path().join("model");
        fs::create_dir(&target).unwrap();
        fs::write(target.join("old"), "old").unwrap();
        let refused = Draft::beside(&target, false).unwrap_err();
        assert!(
            matches!(&refused, PullError::Exists { path } if *path == target),
            "{refused}"
        );
        let draft = Draft::beside(&target, true).unwrap();
        fill(&draft, "second");
        draft.publish("bundle").unwrap();
        drop(draft);
        assert_eq!(names(&target), ["model.toml"]);
        assert_eq!(names(home.path()), ["model"]);
    }

    #[test]
    fn a_failed_replacement_puts_the_old_one_back() {
        let home = tempfile::tempdir().unwrap();
        let target = home.path().join("model");
        fs::create_dir(&target).unwrap();
        fs::write(target.join("old"), "old").unwrap();
        let draft = Draft::beside(&target, true).unwrap();
        draft.publish("bundle").unwrap_err();
        drop(draft);
        assert_eq!(names(&target), ["old"]);
    }

    #[test]
    fn a_dropped_draft_is_gone_and_an_abandoned_one_goes_with_the_next() {
        let home = tempfile::tempdir().unwrap();
        let target = home.path().join("model");
        let live = Draft::beside(&target, false).unwrap();
        let abandoned = home.path().join(".pull.dead");
        fs::create_dir(&abandoned).unwrap();
        fs::write(abandoned.join(LOCK), "").unwrap();
        let other = Draft::beside(&home.path().join("other"), false).unwrap();
        assert!(!abandoned.exists());
        assert!(live.path("").exists() && other.path("").exists());
        other.discard();
        drop((live, other));
        assert_eq!(names(home.path()), [""; 0]);
    }
}

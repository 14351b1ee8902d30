//! Data directories: one with the built collection, which stays, and copies of it that are written to.

use super::Args;
use super::items::Items;
use anyhow::{Context, ensure};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The collection that is measured.
pub(super) const COLLECTION: &str = "bench";
/// Says what the base was built from.
const MARK: &str = "base.json";

/// The built collection.
pub(super) struct Base {
    folder: PathBuf,
    copies: PathBuf,
}

impl Base {
    /// Builds the collection in `data`, unless an earlier run left the same one.
    pub(super) fn prepare(data: &Path, args: &Args, items: &Items) -> anyhow::Result<Self> {
        let base = Self {
            folder: data.join("base"),
            copies: data.join("runs"),
        };
        let mark = serde_json::json!({
            "items": args.items.get(), "dimension": items.dimension(), "seed": args.seed, "input": args.input,
        });
        let known = fs::read(base.folder.join(MARK)).unwrap_or_default();
        if serde_json::from_slice::<serde_json::Value>(&known).is_ok_and(|known| known == mark) {
            return Ok(base);
        }
        remove(&base.folder)?;
        fs::create_dir_all(&base.folder).with_context(|| base.folder.display().to_string())?;
        let catalog = data.join("catalog.jsonl");
        items.write_catalog(&catalog, args.items.get())?;
        build(&base.folder, &catalog)?;
        fs::remove_file(&catalog).with_context(|| catalog.display().to_string())?;
        fs::write(base.folder.join(MARK), mark.to_string())?;
        Ok(base)
    }

    /// A store of its own with the built collection and nothing else.
    pub(super) fn copy(&self, name: &str) -> anyhow::Result<PathBuf> {
        let to = self.copies.join(name);
        remove(&to)?;
        copy_tree(&self.folder.join("collections"), &to.join("collections"))?;
        Ok(to)
    }

    /// Removes the copies.
    pub(super) fn clean(&self) -> anyhow::Result<()> {
        remove(&self.copies)
    }
}

fn build(folder: &Path, catalog: &Path) -> anyhow::Result<()> {
    let binary = std::env::current_exe().context("cannot find this program's own file")?;
    let status = Command::new(binary)
        .args(["build", "--collection", COLLECTION, "--id", "id", "--vector", "v"])
        .args(["--filter", "price,brand", "--data"])
        .arg(folder)
        .arg("--input")
        .arg(catalog)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .status()
        .context("cannot start the build")?;
    ensure!(status.success(), "building the collection failed: {status}");
    Ok(())
}

/// Removes a folder, if it is there.
fn remove(folder: &Path) -> anyhow::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| folder.display().to_string())
        }
        _ => Ok(()),
    }
}

fn copy_tree(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to).with_context(|| to.display().to_string())?;
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy_tree(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), &target).with_context(|| target.display().to_string())?;
        }
    }
    Ok(())
}

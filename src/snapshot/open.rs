//! Opening and verifying a published snapshot.

use super::SnapshotError;
use super::columns::{ArchivedColumn, COLUMNS_FILE, Columns};
use super::items::Items;
use super::learned;
use super::manifest::{FileEntry, Manifest, WITH_FACTS};
use super::mapped::MappedArchive;
use super::texts::{TEXTS_FILE, TextDigests};
use super::writer::{INDEX_FILE, MANIFEST_FILE, digest_file};
use crate::learn::Model;
use alike_indexes::{Index, RowId};
use rayon::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};

/// How much of a snapshot is checked before it is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verify {
    /// Lengths, headers and structure only.
    Quick,
    /// The digest of every byte up to 4 GiB of files; beyond that as `quick`.
    #[default]
    Auto,
    /// The digest of every byte.
    Full,
}

/// Up to this size `Verify::Auto` reads everything (about a second per 2 GiB).
const AUTO_LIMIT: u64 = 4 << 30;

/// An opened snapshot: mapped files, ready to answer.
pub struct Snapshot {
    dir: PathBuf,
    id: String,
    manifest: Manifest,
    index: Box<dyn Index>,
    items: Items,
    columns: MappedArchive<Columns>,
    pub(super) learned: Option<Model>,
}

impl Snapshot {
    /// Opens the snapshot in `dir`, whose name is its id.
    ///
    /// # Errors
    /// [`SnapshotError`] naming the file that is missing, damaged or of another version.
    pub fn open(dir: &Path, verify: Verify) -> Result<Self, SnapshotError> {
        let id = dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let mut manifest = read_manifest(dir, &id)?;
        check_files(dir, &manifest, verify)?;
        let path = dir.join(INDEX_FILE);
        let index = alike_indexes::open(&path).map_err(|source| SnapshotError::Index {
            path: path.clone(),
            source,
        })?;
        if index.len() as u64 != manifest.rows {
            let found = format!("{} rows", index.len());
            return Err(SnapshotError::damaged(
                &path,
                found,
                format!("{} rows", manifest.rows),
            ));
        }
        if manifest.format_version < WITH_FACTS {
            manifest.build.describe(index.description());
        }
        let items = Items::open(dir, manifest.rows)?;
        let columns = MappedArchive::<Columns>::open(&dir.join(COLUMNS_FILE))?;
        let expected = manifest.schema.filters().count();
        if columns.get().len() != expected {
            let found = format!("{} columns", columns.get().len());
            return Err(SnapshotError::damaged(
                &dir.join(COLUMNS_FILE),
                found,
                format!("{expected}"),
            ));
        }
        let learned = learned::open(dir, &manifest)?;
        Ok(Self {
            dir: dir.to_path_buf(),
            id,
            manifest,
            index,
            items,
            columns,
            learned,
        })
    }

    /// Its directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Its index file.
    #[must_use]
    pub fn index_path(&self) -> PathBuf {
        self.dir.join(INDEX_FILE)
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What it is.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Its vectors and graph.
    #[must_use]
    pub fn index(&self) -> &dyn Index {
        self.index.as_ref()
    }

    /// Number of items.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.index.len()
    }

    /// The id of the item in `row`.
    #[must_use]
    pub fn item_id(&self, row: RowId) -> Option<&str> {
        self.items.id(row)
    }

    /// The row of the item named `id`.
    #[must_use]
    pub fn row_of(&self, id: &str) -> Option<RowId> {
        self.items.row(id)
    }

    /// The JSON document of the item in `row`.
    #[must_use]
    pub fn document(&self, row: RowId) -> Option<&[u8]> {
        self.items.document(row)
    }

    /// Reads what the vectors were made from; none where that was not recorded.
    ///
    /// # Errors
    /// The file cannot be read or is damaged.
    pub fn text_digests(&self) -> Result<Option<TextDigests>, SnapshotError> {
        if !self.manifest.files.iter().any(|file| file.name == TEXTS_FILE) {
            return Ok(None);
        }
        TextDigests::read(&self.dir.join(TEXTS_FILE), self.rows()).map(Some)
    }

    /// The column of the filterable field `at`, counted as [`crate::schema::Schema::filters`] lists them.
    #[must_use]
    pub fn column(&self, at: usize) -> Option<&ArchivedColumn> {
        self.columns.get().get(at)
    }
}

pub(super) fn read_manifest(dir: &Path, id: &str) -> Result<Manifest, SnapshotError> {
    let path = dir.join(MANIFEST_FILE);
    let bytes = fs::read(&path).map_err(|source| SnapshotError::io(&path, "read", source))?;
    Manifest::decode(&bytes, &path, id)
}

fn check_files(dir: &Path, manifest: &Manifest, verify: Verify) -> Result<(), SnapshotError> {
    for file in &manifest.files {
        let path = dir.join(&file.name);
        let found = fs::metadata(&path)
            .map_err(|source| SnapshotError::io(&path, "read", source))?
            .len();
        if found != file.bytes {
            return Err(SnapshotError::damaged(
                &path,
                format!("{found} bytes"),
                format!("{} bytes", file.bytes),
            ));
        }
    }
    let full = match verify {
        Verify::Quick => false,
        Verify::Auto => manifest.bytes() <= AUTO_LIMIT,
        Verify::Full => true,
    };
    if full {
        manifest
            .files
            .par_iter()
            .try_for_each(|file| check_digest(dir, file))
    } else {
        Ok(())
    }
}

fn check_digest(dir: &Path, file: &FileEntry) -> Result<(), SnapshotError> {
    let path = dir.join(&file.name);
    let (_, found) = digest_file(&path)?;
    if found == file.blake3 {
        return Ok(());
    }
    Err(SnapshotError::damaged(
        &path,
        format!("content with digest {found}"),
        &*file.blake3,
    ))
}

//! Writes a snapshot into a staging directory, file by file, and seals it with its manifest.

use super::columns::{COLUMNS_FILE, ColumnsBuilder};
use super::items::{DOCUMENTS_FILE, ITEMS_FILE, ItemsBuilder};
use super::manifest::{FileEntry, Manifest};
use super::mapped::MappedFloats;
use super::texts::{TEXTS_FILE, TextDigest, write_header};
use super::{Collection, SnapshotError};
use crate::schema::{FieldValues, Item, Schema};
use alike_indexes::{BuildReport, BuildSettings, Description, Progress, RowId, VectorsView};
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

pub(super) const INDEX_FILE: &str = "index.alike";
pub(super) const MANIFEST_FILE: &str = "manifest.rkyv";
const MANIFEST_JSON_FILE: &str = "manifest.json";
const REJECTED_FILE: &str = "rejected.jsonl";
const VECTORS_FILE: &str = "vectors.staged";
const MAX_ROWS: u64 = alike_indexes::vectors::MAX_ROWS as u64;

/// An item of a snapshot under construction, with its vector.
#[derive(Debug, Clone, Copy)]
pub struct NewRow<'a> {
    /// Its id.
    pub id: &'a str,
    /// Its document, as JSON.
    pub document: &'a str,
    /// Values of the filterable fields, in the order of their names in the schema.
    pub values: &'a [FieldValues],
    /// Its vector.
    pub vector: &'a [f32],
    /// Digest of the text that the vector was made from; none where that is not known, or another variant of the model
    /// made it.
    pub text: Option<TextDigest>,
}

/// A snapshot under construction. Dropped before [`SnapshotWriter::finish`], it leaves nothing behind.
pub struct SnapshotWriter {
    dir: tempfile::TempDir,
    items: ItemsBuilder<BufWriter<File>>,
    columns: ColumnsBuilder,
    vectors: BufWriter<File>,
    texts: Option<BufWriter<File>>,
    rejected: Option<BufWriter<File>>,
    rows: u64,
    dimension: usize,
}

impl SnapshotWriter {
    /// Starts in a fresh staging directory of `collection`.
    ///
    /// # Errors
    /// The directory cannot be created.
    pub fn new(collection: &Collection, schema: &Schema) -> Result<Self, SnapshotError> {
        let dir = collection.staging()?;
        let documents = create(&dir.path().join(DOCUMENTS_FILE))?;
        let vectors = create(&dir.path().join(VECTORS_FILE))?;
        Ok(Self {
            items: ItemsBuilder::new(documents),
            columns: ColumnsBuilder::new(schema),
            dir,
            vectors,
            texts: None,
            rejected: None,
            rows: 0,
            dimension: 0,
        })
    }

    /// From the first row on, digests of the items' texts are kept, which this variant of the model encodes.
    ///
    /// # Errors
    /// The file cannot be created.
    pub fn keep_digests(&mut self, variant: &str) -> Result<(), SnapshotError> {
        let mut file = create(&self.dir.path().join(TEXTS_FILE))?;
        write_header(&mut file, variant).map_err(|source| io_in(&self.dir, TEXTS_FILE, source))?;
        self.texts = Some(file);
        Ok(())
    }

    /// The dimension of its vectors, where there may be none to tell.
    pub fn set_dimension(&mut self, dimension: usize) {
        self.dimension = dimension;
    }

    /// Where a further file of this name goes: what is there when the snapshot is finished is part of it, with its length
    /// and digest in the manifest. Who writes it syncs it.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The path of a file of the snapshot under construction.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The ids pushed so far, in row order.
    pub(super) fn ids(&self) -> impl Iterator<Item = &str> {
        self.items.ids()
    }

    /// Rows written so far.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.rows
    }

    /// Adds one item with its vector; all vectors have the dimension of the first.
    ///
    /// # Errors
    /// A file cannot be written, or there are too many rows.
    pub fn push(&mut self, item: &Item, vector: &[f32]) -> Result<(), SnapshotError> {
        let text = self.texts.is_some().then(|| TextDigest::of(&item.text));
        self.push_row(&NewRow {
            id: &item.id,
            document: &item.document,
            values: &item.values,
            vector,
            text,
        })
    }

    /// As [`SnapshotWriter::push`], for an item whose vector was made earlier.
    ///
    /// # Errors
    /// A file cannot be written, or there are too many rows.
    pub fn push_row(&mut self, new: &NewRow<'_>) -> Result<(), SnapshotError> {
        if self.rows >= MAX_ROWS {
            return Err(SnapshotError::TooManyRows { limit: MAX_ROWS });
        }
        debug_assert!(self.rows == 0 || self.dimension == new.vector.len());
        self.dimension = new.vector.len();
        let row = RowId(self.rows as u32);
        let written = self.items.push(new.id, new.document);
        written.map_err(|source| io_in(&self.dir, DOCUMENTS_FILE, source))?;
        self.columns.push(row, new.values);
        for number in new.vector {
            let written = self.vectors.write_all(&number.to_le_bytes());
            written.map_err(|source| io_in(&self.dir, VECTORS_FILE, source))?;
        }
        if let Some(texts) = &mut self.texts {
            let digest = new.text.unwrap_or(TextDigest::UNKNOWN);
            let written = texts.write_all(&digest.0);
            written.map_err(|source| io_in(&self.dir, TEXTS_FILE, source))?;
        }
        self.rows += 1;
        Ok(())
    }

    /// Records a row that could not be used.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn reject(&mut self, line: u64, reason: &str) -> Result<(), SnapshotError> {
        let file = match &mut self.rejected {
            Some(file) => file,
            none => none.insert(create(&self.dir.path().join(REJECTED_FILE))?),
        };
        writeln!(file, "{}", serde_json::json!({"line": line, "reason": reason}))
            .map_err(|source| io_in(&self.dir, REJECTED_FILE, source))
    }

    /// Builds the index over all pushed vectors, and opens it for what it says about itself.
    ///
    /// # Errors
    /// The index refuses the vectors or a file cannot be written.
    pub fn build_index(
        &mut self,
        settings: &BuildSettings,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<(BuildReport, Description), SnapshotError> {
        self.build_index_on(None, settings, progress)
    }

    /// As [`SnapshotWriter::build_index`]; with the index file of an earlier snapshot (kind graph, same metric and
    /// dimension), what its graph knows of rows that stay is kept.
    ///
    /// # Errors
    /// The index refuses the vectors or the earlier file, or a file cannot be written.
    pub fn build_index_on(
        &mut self,
        previous: Option<&Path>,
        settings: &BuildSettings,
        progress: &(dyn Fn(Progress) + Sync),
    ) -> Result<(BuildReport, Description), SnapshotError> {
        let staged = self.dir.path().join(VECTORS_FILE);
        self.vectors
            .flush()
            .map_err(|source| SnapshotError::io(&staged, "write", source))?;
        let path = self.dir.path().join(INDEX_FILE);
        let refused = |source| SnapshotError::Index {
            path: path.clone(),
            source,
        };
        let floats = MappedFloats::open(&staged)?;
        let view = VectorsView::new(floats.as_slice(), self.dimension).map_err(&refused)?;
        let report = match previous {
            Some(previous) => alike_indexes::rebuild(view, previous, settings, progress, &path),
            None => alike_indexes::build(view, settings, progress, &path),
        };
        let report = report.map_err(&refused)?;
        let description = alike_indexes::open(&path)
            .map_err(&refused)?
            .description()
            .clone();
        fs::remove_file(&staged).map_err(|source| SnapshotError::io(&staged, "remove", source))?;
        Ok((report, description))
    }

    /// Writes the remaining files and the manifest, and moves the snapshot to its place in `collection`, not published
    /// yet. Returns its id. `manifest.rows` and `manifest.files` are filled in here.
    ///
    /// # Errors
    /// A file cannot be written.
    pub fn finish(self, collection: &Collection, mut manifest: Manifest) -> Result<String, SnapshotError> {
        let Self {
            dir,
            items,
            columns,
            texts,
            rejected,
            rows,
            ..
        } = self;
        let root = dir.path();
        sync(items.finish(&root.join(ITEMS_FILE))?, &root.join(DOCUMENTS_FILE))?;
        columns.write(&root.join(COLUMNS_FILE))?;
        for (file, name) in [(texts, TEXTS_FILE), (rejected, REJECTED_FILE)] {
            if let Some(file) = file {
                sync(file, &root.join(name))?;
            }
        }
        manifest.rows = rows;
        manifest.files = digest_files(root)?;
        let id = write_manifest(root, &manifest)?;
        collection.place(dir, &id)?;
        Ok(id)
    }
}

fn write_manifest(root: &Path, manifest: &Manifest) -> Result<String, SnapshotError> {
    let path = root.join(MANIFEST_FILE);
    let (bytes, id) = manifest.encode(&path)?;
    write_synced(&path, &bytes)?;
    let path = root.join(MANIFEST_JSON_FILE);
    let json = serde_json::to_vec_pretty(manifest)
        .map_err(|error| SnapshotError::io(&path, "write", std::io::Error::other(error)))?;
    write_synced(&path, &json)?;
    Ok(id)
}

fn digest_files(root: &Path) -> Result<Vec<FileEntry>, SnapshotError> {
    let listing = fs::read_dir(root).map_err(|source| SnapshotError::io(root, "list", source))?;
    let mut files = Vec::new();
    for entry in listing {
        let path = entry
            .map_err(|source| SnapshotError::io(root, "list", source))?
            .path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let (bytes, blake3) = digest_file(&path)?;
        files.push(FileEntry { name, bytes, blake3 });
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

/// Length and BLAKE3 digest of a file, read through a buffer so that its pages don't count as this process's memory.
pub(super) fn digest_file(path: &Path) -> Result<(u64, String), SnapshotError> {
    let file = File::open(path).map_err(|source| SnapshotError::io(path, "open", source))?;
    let mut hasher = blake3::Hasher::new();
    hasher
        .update_reader(file)
        .map_err(|source| SnapshotError::io(path, "read", source))?;
    Ok((hasher.count(), hasher.finalize().to_hex().to_string()))
}

/// Serializes `value` into a new file and syncs it.
pub(super) fn write_archive<T>(path: &Path, value: &T) -> Result<(), SnapshotError>
where
    T: for<'a> rkyv::Serialize<
            rkyv::api::high::HighSerializer<
                rkyv::util::AlignedVec,
                rkyv::ser::allocator::ArenaHandle<'a>,
                rkyv::rancor::Error,
            >,
        >,
{
    let bytes = rkyv::to_bytes::<rkyv::rancor::Error>(value)
        .map_err(|error| SnapshotError::io(path, "serialize", std::io::Error::other(error.to_string())))?;
    write_synced(path, &bytes)
}

pub(crate) fn write_synced(path: &Path, bytes: &[u8]) -> Result<(), SnapshotError> {
    let mut file = create(path)?;
    file.write_all(bytes)
        .map_err(|source| SnapshotError::io(path, "write", source))?;
    sync(file, path)
}

fn create(path: &Path) -> Result<BufWriter<File>, SnapshotError> {
    let file = File::create(path).map_err(|source| SnapshotError::io(path, "create", source))?;
    Ok(BufWriter::with_capacity(1 << 20, file))
}

fn sync(file: BufWriter<File>, path: &Path) -> Result<(), SnapshotError> {
    let file = file
        .into_inner()
        .map_err(|error| SnapshotError::io(path, "write", error.into_error()))?;
    file.sync_all()
        .map_err(|source| SnapshotError::io(path, "sync", source))
}

fn io_in(dir: &tempfile::TempDir, name: &str, source: std::io::Error) -> SnapshotError {
    let path: PathBuf = dir.path().join(name);
    SnapshotError::io(&path, "write", source)
}

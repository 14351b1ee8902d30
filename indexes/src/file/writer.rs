//! Writing an index file: sections one after the other, then the header, then the rename.

use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::header::{self, ENTRY_BYTES, HEADER_BYTES, Section};
use crate::error::IndexError;

/// Bytes per write.
const BUFFER: usize = 4 << 20;

/// A file being written. Dropped before [`FileWriter::publish`], it leaves nothing behind.
pub(crate) struct FileWriter {
    path: PathBuf,
    kind: u32,
    planned: usize,
    sections: Vec<Section>,
    end: u64,
    file: BufWriter<NamedTempFile>,
    durable: bool,
}

impl FileWriter {
    /// Starts a file of `planned` sections that will be published at `path`.
    /// [`Self::publish`] waits for the disk if it is to be `durable`.
    pub(crate) fn create(path: &Path, kind: u32, planned: usize, durable: bool) -> Result<Self, IndexError> {
        let temporary =
            temporary_beside(path).map_err(IndexError::io(path, "create a temporary file beside it"))?;
        let end = (HEADER_BYTES + planned * ENTRY_BYTES) as u64;
        let file = BufWriter::with_capacity(BUFFER, temporary);
        Ok(Self {
            path: path.to_owned(),
            kind,
            planned,
            sections: Vec::new(),
            end,
            file,
            durable,
        })
    }

    /// Writes a section that is at hand as values.
    pub(crate) fn section<T: Plain>(&mut self, tag: u32, values: &[T]) -> Result<(), IndexError> {
        let bytes = T::bytes(values);
        let offset = self.end.next_multiple_of(header::alignment(bytes.len() as u64));
        let mut hasher = blake3::Hasher::new();
        hasher.update_rayon(bytes);
        let write = |file: &mut BufWriter<NamedTempFile>| {
            file.seek(SeekFrom::Start(offset))?;
            file.write_all(bytes)
        };
        write(&mut self.file).map_err(IndexError::io(&self.path, "write"))?;
        self.end = offset + bytes.len() as u64;
        let checksum = header::shorten(&hasher.finalize());
        self.sections.push(Section {
            tag,
            offset,
            len: bytes.len() as u64,
            checksum,
        });
        Ok(())
    }

    /// Writes the header, syncs, and renames the file to its final name. Gives its length in bytes.
    pub(crate) fn publish(mut self) -> Result<u64, IndexError> {
        debug_assert_eq!(
            self.sections.len(),
            self.planned,
            "the table's size was fixed at the start"
        );
        let head = header::encode(self.kind, self.end, &self.sections);
        let finish = |mut file: BufWriter<NamedTempFile>| {
            file.seek(SeekFrom::Start(0))?;
            file.write_all(&head)?;
            let temporary = file.into_inner().map_err(std::io::IntoInnerError::into_error)?;
            temporary.as_file().set_len(self.end)?;
            if self.durable {
                temporary.as_file().sync_all()?;
            }
            temporary.persist(&self.path).map_err(|error| error.error)?;
            match self.durable {
                true => sync_folder(&self.path),
                false => Ok(()),
            }
        };
        finish(self.file).map_err(IndexError::io(&self.path, "write"))?;
        self.sections.clear();
        Ok(self.end)
    }
}

/// A hidden file in the same folder, so that the rename cannot cross file systems; readable like any other file.
fn temporary_beside(path: &Path) -> std::io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o644);
    #[cfg(unix)]
    builder.permissions(mode);
    builder
        .prefix(".")
        .suffix(".partial")
        .tempfile_in(folder_of(path))
}

/// The folder that a file is in.
pub(crate) fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// Makes the rename itself durable.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    if cfg!(unix) {
        File::open(folder_of(path))?.sync_all()
    } else {
        Ok(())
    }
}

/// Values whose bytes go into a section as they are, little-endian.
pub(crate) trait Plain: Copy {
    /// The bytes of the values.
    fn bytes(values: &[Self]) -> &[u8];
}

impl Plain for u8 {
    fn bytes(values: &[Self]) -> &[u8] {
        values
    }
}

impl Plain for u32 {
    fn bytes(values: &[Self]) -> &[u8] {
        super::reader::bytes_of(values)
    }
}

impl Plain for f32 {
    fn bytes(values: &[Self]) -> &[u8] {
        super::reader::bytes_of(values)
    }
}

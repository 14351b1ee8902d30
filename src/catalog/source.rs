//! Opens a file, decompresses it, and counts how far reading has come.

use super::format::{Compression, Format, first_byte};
use super::{CatalogError, Kind};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Buffer of decompressed bytes.
const BUFFER_BYTES: usize = 256 << 10;

/// How far a reader has come in its file; clones share one count.
#[derive(Debug, Clone)]
pub(super) struct Position {
    read: Arc<AtomicU64>,
    total: u64,
}

impl Position {
    pub fn new(total: u64) -> Self {
        Self {
            read: Arc::default(),
            total,
        }
    }

    pub fn read(&self) -> u64 {
        self.read.load(Ordering::Relaxed).min(self.total)
    }

    pub fn total(&self) -> u64 {
        self.total
    }

    pub fn set(&self, read: u64) {
        self.read.store(read, Ordering::Relaxed);
    }
}

/// A file whose reads are counted.
struct Counted {
    file: File,
    position: Position,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.position.read.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// The decompressed bytes of a text file, with errors that name the file.
pub(super) struct Source {
    path: PathBuf,
    compression: Compression,
    position: Position,
    reader: Box<dyn BufRead + Send>,
}

impl Source {
    /// Checks the stored first bytes, then decompresses, then checks the first decompressed bytes.
    pub fn open(
        path: &Path,
        mut file: File,
        format: Format,
        position: Position,
    ) -> Result<Self, CatalogError> {
        check_head(path, &mut file, format)?;
        let counted = Counted {
            file,
            position: position.clone(),
        };
        let reader: Box<dyn BufRead + Send> = match decoder(counted, format.compression) {
            Ok(decoder) => Box::new(BufReader::with_capacity(BUFFER_BYTES, decoder)),
            Err(cause) => return Err(CatalogError::from_io(path, cause)),
        };
        let mut source = Self::over(path, reader, format.compression, position);
        let head = source.head()?.to_vec();
        format.kind.check(path, &head)?;
        Ok(source)
    }

    /// Reads what `reader` gives, unchecked.
    pub fn over(
        path: &Path,
        reader: Box<dyn BufRead + Send>,
        compression: Compression,
        position: Position,
    ) -> Self {
        Self {
            path: path.to_owned(),
            compression,
            position,
            reader,
        }
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The bytes that come next, without consuming them; none at the end.
    pub fn head(&mut self) -> Result<&[u8], CatalogError> {
        loop {
            match self.reader.fill_buf() {
                Ok(_) => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(self.failure(error)),
            }
        }
        // The buffer is filled: this second call gives the same bytes and exists to end the borrow above.
        self.reader
            .fill_buf()
            .map_err(|cause| CatalogError::from_io(&self.path, cause))
    }

    /// Marks `count` bytes of [`Source::head`] as used.
    pub fn consume(&mut self, count: usize) {
        self.reader.consume(count);
    }

    /// Whether the text that comes next starts, after blanks, with an opening bracket.
    pub fn starts_with_array(&mut self) -> Result<bool, CatalogError> {
        Ok(first_byte(self.head()?) == Some(b'['))
    }

    /// Appends bytes up to and with the next line feed, `limit` at most. Gives how many; 0 at the end.
    pub fn read_line(&mut self, limit: usize, into: &mut Vec<u8>) -> Result<usize, CatalogError> {
        let read = (&mut self.reader).take(limit as u64).read_until(b'\n', into);
        read.map_err(|error| self.failure(error))
    }

    /// Skips bytes up to and with the next line feed.
    pub fn skip_line(&mut self) -> Result<(), CatalogError> {
        let skipped = self.reader.skip_until(b'\n');
        skipped.map(drop).map_err(|error| self.failure(error))
    }

    fn failure(&self, cause: io::Error) -> CatalogError {
        failure(&self.path, self.compression, &self.position, cause)
    }
}

/// Opens a regular file; gives it with its size.
pub(super) fn open_file(path: &Path) -> Result<(File, u64), CatalogError> {
    let metadata = std::fs::metadata(path).map_err(|cause| CatalogError::from_io(path, cause))?;
    if !metadata.is_file() {
        let found = if metadata.is_dir() {
            "a directory"
        } else {
            "not a regular file"
        };
        return Err(CatalogError::NotAFile {
            path: path.to_owned(),
            found,
        });
    }
    let file = File::open(path).map_err(|cause| CatalogError::from_io(path, cause))?;
    Ok((file, metadata.len()))
}

/// The file itself, or, compressed, an anonymous temporary file with its decompressed bytes: Parquet is read from its
/// end. `None` where there are no bytes.
pub(super) fn seekable(path: &Path, mut file: File, format: Format) -> Result<Option<File>, CatalogError> {
    check_head(path, &mut file, format)?;
    if format.compression == Compression::None {
        return Ok(Some(file));
    }
    let total = file.metadata().map_or(0, |metadata| metadata.len());
    let position = Position::new(total);
    let mut unpacked = unpack(path, file, format.compression, &position)?;
    let mut head = [0; 8];
    let count = unpacked
        .read(&mut head)
        .map_err(|cause| unpack_failure(path, cause))?;
    if count == 0 {
        return Ok(None);
    }
    Kind::Parquet.check(path, &head[..count])?;
    Ok(Some(unpacked))
}

fn unpack(
    path: &Path,
    file: File,
    compression: Compression,
    position: &Position,
) -> Result<File, CatalogError> {
    let counted = Counted {
        file,
        position: position.clone(),
    };
    let mut decoder = decoder(counted, compression).map_err(|cause| CatalogError::from_io(path, cause))?;
    let mut unpacked = tempfile::tempfile().map_err(|cause| unpack_failure(path, cause))?;
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let count = match decoder.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(failure(path, compression, position, error)),
        };
        unpacked
            .write_all(&buffer[..count])
            .map_err(|cause| unpack_failure(path, cause))?;
    }
    unpacked.rewind().map_err(|cause| unpack_failure(path, cause))?;
    Ok(unpacked)
}

fn unpack_failure(path: &Path, cause: io::Error) -> CatalogError {
    CatalogError::Unpack {
        path: path.to_owned(),
        folder: std::env::temp_dir(),
        cause,
    }
}

fn check_head(path: &Path, file: &mut File, format: Format) -> Result<(), CatalogError> {
    let mut head = Vec::with_capacity(512);
    let read = Read::by_ref(file)
        .take(512)
        .read_to_end(&mut head)
        .and_then(|_| file.rewind());
    read.map_err(|cause| CatalogError::from_io(path, cause))?;
    format.check_stored(path, &head)
}

fn decoder(counted: Counted, compression: Compression) -> io::Result<Box<dyn Read + Send>> {
    Ok(match compression {
        Compression::None => Box::new(counted),
        Compression::Gzip => Box::new(flate2::read::MultiGzDecoder::new(counted)),
        Compression::Zstd => Box::new(zstd::stream::read::Decoder::new(counted)?),
    })
}

fn failure(path: &Path, compression: Compression, position: &Position, cause: io::Error) -> CatalogError {
    let path = path.to_owned();
    match compression {
        Compression::None => CatalogError::from_io(&path, cause),
        _ => CatalogError::Compressed {
            path,
            compression: compression.name(),
            bytes: position.read(),
            total: position.total(),
            cause,
        },
    }
}

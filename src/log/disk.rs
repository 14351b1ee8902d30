//! What the log asks of the folder that it lives in.

use super::LogError;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

const LOCK_FILE: &str = "LOCK";

/// One folder of files. What is written, cut, renamed or removed is seen by readers at once and survives a power cut once
/// it is synced: content and length of a file with [`Disk::sync`], names with [`Disk::sync_dir`].
pub(super) trait Disk: Send {
    /// Names of the files there are, in any order; none where there is no folder.
    fn list(&self) -> io::Result<Vec<String>>;
    /// A file's length in bytes.
    fn length(&self, name: &str) -> io::Result<u64>;
    /// Reads from `offset` on; fewer bytes than asked for also before the end, 0 only there.
    fn read_at(&self, name: &str, offset: u64, into: &mut [u8]) -> io::Result<usize>;
    /// Makes an empty file, in place of the one of that name if there is one.
    fn create(&mut self, name: &str) -> io::Result<()>;
    /// Writes from `offset` on and says how many of the bytes; the rest is for another call.
    fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<usize>;
    /// Cuts a file.
    fn truncate(&mut self, name: &str, length: u64) -> io::Result<()>;
    /// Returns once a file's content and length are on the disk. After an error nobody knows what is.
    fn sync(&mut self, name: &str) -> io::Result<()>;
    /// Gives a file another name, in place of the file that had it.
    fn rename(&mut self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    fn remove(&mut self, name: &str) -> io::Result<()>;
    /// Returns once the names are on the disk.
    fn sync_dir(&mut self) -> io::Result<()>;
}

/// Writes all of `bytes` from `offset` on.
pub(super) fn write_all_at(disk: &mut dyn Disk, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
    let mut written = 0;
    while written < bytes.len() {
        match disk.write_at(name, offset + written as u64, &bytes[written..]) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(more) => written += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// A folder of the file system.
pub(super) struct RealDisk {
    dir: PathBuf,
    /// The file that is being written: an error of the disk is reported to the handle that wrote, so it is kept.
    writing: Option<(String, File)>,
    /// Held, as long as this process may write.
    _lock: Option<File>,
}

impl RealDisk {
    /// To read only.
    pub(super) fn reader(dir: &Path) -> Self {
        Self {
            dir: dir.into(),
            writing: None,
            _lock: None,
        }
    }

    /// To write: makes the folder where there is none, and takes its lock.
    pub(super) fn writer(dir: &Path) -> Result<Self, LogError> {
        make_dir(dir).map_err(|source| LogError::io(dir, "make the folder", source))?;
        let path = dir.join(LOCK_FILE);
        let lock = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(|source| LogError::io(&path, "open", source))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self {
                dir: dir.into(),
                writing: None,
                _lock: Some(lock),
            }),
            Err(TryLockError::WouldBlock) => Err(LogError::Locked { path }),
            Err(TryLockError::Error(source)) => Err(LogError::io(&path, "lock", source)),
        }
    }

    fn writing(&mut self, name: &str) -> io::Result<&File> {
        let file = match self.writing.take() {
            Some((open, file)) if open == name => file,
            _ => OpenOptions::new().write(true).open(self.dir.join(name))?,
        };
        Ok(&self.writing.insert((name.to_owned(), file)).1)
    }

    fn close(&mut self, name: &str) {
        self.writing.take_if(|(open, _)| open == name);
    }
}

impl Disk for RealDisk {
    fn list(&self) -> io::Result<Vec<String>> {
        let entries = match fs::read_dir(&self.dir) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        // A name that is not Unicode is not one of the log's.
        entries
            .filter_map(|entry| {
                entry
                    .map(|entry| entry.file_name().into_string().ok())
                    .transpose()
            })
            .collect()
    }

    fn length(&self, name: &str) -> io::Result<u64> {
        Ok(fs::metadata(self.dir.join(name))?.len())
    }

    fn read_at(&self, name: &str, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        File::open(self.dir.join(name))?.read_at(into, offset)
    }

    fn create(&mut self, name: &str) -> io::Result<()> {
        let file = File::create(self.dir.join(name))?;
        self.writing = Some((name.to_owned(), file));
        Ok(())
    }

    fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<usize> {
        self.writing(name)?.write_at(bytes, offset)
    }

    fn truncate(&mut self, name: &str, length: u64) -> io::Result<()> {
        self.writing(name)?.set_len(length)
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        self.writing(name)?.sync_data()
    }

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        self.close(from);
        self.close(to);
        fs::rename(self.dir.join(from), self.dir.join(to))
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.close(name);
        fs::remove_file(self.dir.join(name))
    }

    fn sync_dir(&mut self) -> io::Result<()> {
        File::open(&self.dir)?.sync_all()
    }
}

/// Makes a folder and those above it, so that their names survive a power cut.
fn make_dir(dir: &Path) -> io::Result<()> {
    if dir.is_dir() {
        return Ok(());
    }
    let parent = dir.parent().filter(|parent| !parent.as_os_str().is_empty());
    if let Some(parent) = parent {
        make_dir(parent)?;
    }
    match fs::create_dir(dir) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

//! The log of one machine: segments in a folder, one process that writes.

use super::disk::{Disk, RealDisk, write_all_at};
use super::frame::{CRC_BYTES, Seal, encode_frame, seal};
use super::open::{Opened, open};
use super::scan::{Each, Frames};
use super::segments::{Folder, Segment, create};
use super::{Log, LogError, Position, Record};
use std::path::{Path, PathBuf};

/// Most bytes of memory that are kept for the next append.
const KEPT_BYTES: usize = 8 << 20;

/// How a log is kept.
#[derive(Debug, Clone, Copy)]
pub struct LogSettings {
    /// Appends go to a new segment where the present one would grow beyond this many bytes. A segment takes one append of
    /// any size, and is removed as a whole.
    pub segment_bytes: u64,
    /// The newest position that a snapshot contains. A new log starts behind it; one that ends before it has lost records
    /// and is refused.
    pub start: Position,
}

impl Default for LogSettings {
    fn default() -> Self {
        Self {
            segment_bytes: 64 << 20,
            start: Position::START,
        }
    }
}

/// A log in a folder that this process alone writes.
pub struct EmbeddedLog {
    disk: Box<dyn Disk>,
    dir: PathBuf,
    segment_bytes: u64,
    /// At least one; appends go to the last. Its `bytes` are those that are acknowledged.
    segments: Vec<Segment>,
    last: u64,
    /// What the last segment ends with.
    seal: Seal,
    /// A failed append may have left bytes behind the acknowledged ones.
    unclean: bool,
    /// The next append must start a segment: the present one's last sync failed, or a start of one did.
    roll: bool,
    /// A removal that is not known to be on the disk.
    removing: bool,
    frame: Vec<u8>,
}

impl EmbeddedLog {
    /// Opens the log in `dir`, or starts one, and keeps other processes from writing it. What a crash left unfinished at
    /// its end is cut off.
    ///
    /// Only the last segment is read. Damage in another one is found by whoever reads it.
    ///
    /// # Errors
    /// Another process has it open to write, a segment is missing or damaged, or the disk fails.
    pub fn open(dir: &Path, settings: LogSettings) -> Result<(Self, Opened), LogError> {
        Self::open_on(Box::new(RealDisk::writer(dir)?), dir, settings)
    }

    pub(super) fn open_on(
        mut disk: Box<dyn Disk>,
        dir: &Path,
        settings: LogSettings,
    ) -> Result<(Self, Opened), LogError> {
        let ready = open(disk.as_mut(), dir, &settings)?;
        let log = Self {
            disk,
            dir: dir.into(),
            segment_bytes: settings.segment_bytes,
            segments: ready.segments,
            last: ready.last,
            seal: ready.seal,
            unclean: false,
            roll: false,
            removing: false,
            frame: Vec::new(),
        };
        let opened = Opened {
            torn_bytes: ready.torn_bytes,
            records: log.last - log.start().0,
            segments: log.segments.len(),
            bytes: log.bytes(),
        };
        Ok((log, opened))
    }

    /// Whether a failed append could not be taken back yet; until it can be, no other is accepted.
    #[must_use]
    pub fn is_stuck(&self) -> bool {
        self.unclean
    }

    fn tail(&self) -> Segment {
        // There always is one: the log is opened with one and truncating keeps the last.
        self.segments[self.segments.len() - 1]
    }

    fn folder(&self) -> Folder<'_> {
        Folder {
            disk: self.disk.as_ref(),
            dir: &self.dir,
        }
    }

    /// Takes back what a failed append may have left.
    fn mend(&mut self) -> Result<(), LogError> {
        if !self.unclean {
            return Ok(());
        }
        let tail = self.tail();
        let name = Folder::name(tail.header.first);
        let path = self.dir.join(&name);
        self.disk
            .truncate(&name, tail.bytes)
            .map_err(|source| LogError::io(&path, "take back an append to", source))?;
        if let Err(source) = self.disk.sync(&name) {
            self.roll = true;
            return Err(LogError::io(&path, "sync", source));
        }
        self.unclean = false;
        Ok(())
    }

    fn start_segment(&mut self) -> Result<(), LogError> {
        // Until it works: its name may be there already, and then nothing may follow in the present segment.
        self.roll = true;
        let tail = self.tail();
        let header = tail.followed_by(self.last + 1, self.seal);
        let segment = create(self.disk.as_mut(), &self.dir, header)?;
        if tail.is_empty() {
            self.segments.pop();
        }
        self.segments.push(segment);
        self.seal = header.seal();
        self.roll = false;
        self.removing = false;
        Ok(())
    }

    /// Writes the frame that is ready behind the acknowledged bytes; after an error they may be followed by anything.
    fn write_frame(&mut self) -> Result<(), LogError> {
        self.unclean = true;
        let tail = self.tail();
        let name = Folder::name(tail.header.first);
        let path = self.dir.join(&name);
        write_all_at(self.disk.as_mut(), &name, tail.bytes, &self.frame)
            .map_err(|source| LogError::io(&path, "append to", source))?;
        if let Err(source) = self.disk.sync(&name) {
            // The system may have dropped what it could not write: these pages are never relied on again.
            self.roll = true;
            return Err(LogError::io(&path, "sync", source));
        }
        self.unclean = false;
        Ok(())
    }

    /// Appends the frame that [`encode_frame`] has begun.
    fn append_frame(&mut self, count: usize) -> Result<(), LogError> {
        self.mend()?;
        let frame_bytes = (self.frame.len() + CRC_BYTES) as u64;
        let tail = self.tail();
        if self.roll || (!tail.is_empty() && tail.bytes + frame_bytes > self.segment_bytes) {
            self.start_segment()?;
        }
        let mark = self.tail().header.mark;
        seal(&mut self.frame, self.last + 1, count, mark);
        if let Err(error) = self.write_frame() {
            if let Err(mending) = self.mend() {
                tracing::warn!(path = %self.dir.display(), error = %mending,
                    "an append failed and could not be taken back; no other is accepted until it can be");
            }
            return Err(error);
        }
        self.seal = self.frame.last_chunk().copied().unwrap_or_default();
        if let Some(tail) = self.segments.last_mut() {
            tail.bytes += self.frame.len() as u64;
        }
        self.last += count as u64;
        Ok(())
    }
}

impl Log for EmbeddedLog {
    fn append(&mut self, records: &[Record]) -> Result<Position, LogError> {
        if !records.is_empty() {
            encode_frame(records, &mut self.frame)?;
            let appended = self.append_frame(records.len());
            if self.frame.capacity() > KEPT_BYTES {
                self.frame = Vec::new();
            }
            appended?;
        }
        Ok(self.last())
    }

    fn read(&self, after: Position, each: &mut Each<'_>) -> Result<(), LogError> {
        let next = after.0.saturating_add(1);
        let from = self
            .segments
            .partition_point(|segment| segment.header.first <= next);
        if from == 0 {
            return Err(LogError::Gone {
                wanted: Position(next),
                start: self.start(),
            });
        }
        for (index, segment) in self.segments.iter().enumerate().skip(from - 1) {
            let mut frames = Frames::new(&self.folder(), &segment.header, segment.bytes);
            let stop = frames.read(after.0, each)?;
            let end = self
                .segments
                .get(index + 1)
                .map_or(self.last + 1, |next| next.header.first);
            if let Some(error) = frames.short_of(&stop, end) {
                return Err(error);
            }
        }
        Ok(())
    }

    fn truncate(&mut self, through: Position) -> Result<(), LogError> {
        while let [first, second, ..] = &self.segments[..]
            && second.header.first - 1 <= through.0
        {
            // Removed one by one from the oldest on: a crash never leaves a gap.
            let name = Folder::name(first.header.first);
            self.sync_removal()?;
            self.disk
                .remove(&name)
                .map_err(|source| LogError::io(&self.dir.join(&name), "remove", source))?;
            self.segments.remove(0);
            self.removing = true;
        }
        self.sync_removal()
    }

    fn last(&self) -> Position {
        Position(self.last)
    }

    fn start(&self) -> Position {
        Position(self.segments[0].header.first - 1)
    }

    fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.bytes).sum()
    }
}

impl EmbeddedLog {
    fn sync_removal(&mut self) -> Result<(), LogError> {
        if self.removing {
            self.disk
                .sync_dir()
                .map_err(|source| LogError::io(&self.dir, "sync", source))?;
            self.removing = false;
        }
        Ok(())
    }
}

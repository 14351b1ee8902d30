//! Reading a log that another process may be writing.

use super::disk::{Disk, RealDisk};
use super::frame::{Seal, SegmentHeader};
use super::scan::{Each, Frames, Stop, read_header};
use super::segments::Folder;
use super::{LogError, Position};
use std::io;
use std::path::{Path, PathBuf};

/// Reads a log without writing or locking it, also while another process appends to it.
///
/// An append in progress at its end is not read yet and no error. It reads what is written, which may be some
/// milliseconds before it is durable: should the writer's disk refuse to make it so, the next read says that the records
/// were taken back ([`LogError::Withdrawn`]).
pub struct ReadOnlyLog {
    disk: Box<dyn Disk>,
    dir: PathBuf,
    /// Where the last read stopped.
    cursor: Option<Cursor>,
}

/// The end of what was read.
#[derive(Clone, Copy)]
struct Cursor {
    header: SegmentHeader,
    offset: u64,
    next: u64,
    /// The bytes before `offset`, a checksum: as long as they stand there, what was read does.
    seal: Seal,
}

impl Cursor {
    /// Whether it is behind a frame of this segment.
    fn is_in(&self, header: &SegmentHeader) -> bool {
        self.header.mark == header.mark && self.next > header.first
    }

    /// Whether what was read is still what the log has, going by the segment of the next record and, if the cursor is in
    /// it, the checksum that is found there.
    fn stands(&self, header: &SegmentHeader, seal: Option<Seal>) -> bool {
        if self.is_in(header) {
            seal == Some(self.seal)
        } else if self.next != header.first {
            // If it is greater, records of this segment were read in another one.
            self.next < header.first
        } else if self.header.first == header.first {
            self.header.previous_seal == header.previous_seal
        } else {
            self.seal == header.previous_seal
        }
    }
}

/// Why reading stopped. What was found may be a moment in another process's work; it stands if it is found again.
struct Trouble {
    error: LogError,
    /// The segment and the byte; none where the error is final at once.
    place: Option<(u64, u64)>,
}

impl From<LogError> for Trouble {
    fn from(error: LogError) -> Self {
        Self { error, place: None }
    }
}

impl ReadOnlyLog {
    /// The log in `dir`; a folder that is not there is an empty log.
    #[must_use]
    pub fn open(dir: &Path) -> Self {
        Self::open_on(Box::new(RealDisk::reader(dir)), dir)
    }

    pub(super) fn open_on(disk: Box<dyn Disk>, dir: &Path) -> Self {
        Self {
            disk,
            dir: dir.into(),
            cursor: None,
        }
    }

    /// Hands every record after `after` to `each`, in order, and returns the position of the last one (`after` if there
    /// is none). Reading on where the last read stopped looks at new bytes only.
    ///
    /// # Errors
    /// Records after `after` are gone, damaged, taken back or unreadable, or `each` says so.
    pub fn read(&mut self, after: Position, each: &mut Each<'_>) -> Result<Position, LogError> {
        let mut at = after.0;
        let mut suspect = None;
        loop {
            match self.pass(&mut at, each) {
                Ok(()) => return Ok(Position(at)),
                Err(trouble) if trouble.place.is_none() || trouble.place == suspect => {
                    self.cursor = None;
                    return Err(trouble.error);
                }
                Err(trouble) => suspect = trouble.place,
            }
        }
    }

    /// The position of the last record; [`Position::START`] where there is none.
    ///
    /// # Errors
    /// The last segment is damaged or cannot be read.
    pub fn end(&mut self) -> Result<Position, LogError> {
        loop {
            let Some(&first) = self.folder().list()?.last() else {
                return Ok(Position::START);
            };
            let known = self.cursor.map_or(0, |cursor| cursor.next - 1);
            match self.read(Position(known.max(first - 1)), &mut |_, _| Ok(())) {
                // It was the last one a moment ago: the log has grown by a segment, and this one was collected.
                Err(LogError::Gone { .. }) => {}
                end => return end,
            }
        }
    }

    /// The position before the first record that can be read; [`Position::START`] where there is none.
    ///
    /// # Errors
    /// The folder cannot be listed.
    pub fn start(&self) -> Result<Position, LogError> {
        let firsts = self.folder().list()?;
        Ok(firsts
            .first()
            .map_or(Position::START, |first| Position(first - 1)))
    }

    fn folder(&self) -> Folder<'_> {
        Folder {
            disk: self.disk.as_ref(),
            dir: &self.dir,
        }
    }

    /// Reads everything there is at the moment; `at` is the last record that was handed over.
    fn pass(&mut self, at: &mut u64, each: &mut Each<'_>) -> Result<(), Trouble> {
        let firsts = self.folder().list()?;
        let wanted = at.saturating_add(1);
        let from = firsts.partition_point(|&first| first <= wanted);
        if let (0, Some(first)) = (from, firsts.first()) {
            let (wanted, start) = (Position(wanted), Position(first - 1));
            return Err(LogError::Gone { wanted, start }.into());
        }
        for (index, &first) in firsts.iter().enumerate().skip(from.saturating_sub(1)) {
            self.segment(first, firsts.get(index + 1).copied(), at, each)?;
        }
        Ok(())
    }

    fn segment(
        &mut self,
        first: u64,
        next: Option<u64>,
        at: &mut u64,
        each: &mut Each<'_>,
    ) -> Result<(), Trouble> {
        let folder = Folder {
            disk: self.disk.as_ref(),
            dir: &self.dir,
        };
        let header = read_header(&folder, first).map_err(|error| collected(error, first))?;
        let length = folder.length(first).map_err(|error| collected(error, first))?;
        let mut frames = Frames::new(&folder, &header, length);
        // Whoever reads from an earlier record does not rely on what was read up to the cursor.
        if let Some(cursor) = self.cursor.filter(|cursor| cursor.next - 1 <= *at) {
            if cursor.is_in(&header) {
                frames = frames.resume(cursor.offset, cursor.next);
            }
            let seal = frames.seal().map_err(|error| collected(error, first))?;
            if !cursor.stands(&header, seal) {
                return Err(folder.withdrawn(first).into());
            }
        }
        let mut refused = false;
        let stop = frames.read(*at, &mut |position, record| {
            each(position, record).inspect_err(|_| refused = true)?;
            *at = position.0;
            Ok(())
        });
        let stop = match stop {
            Err(error) if refused => return Err(error.into()),
            stop => stop.map_err(|error| collected(error, first))?,
        };
        let seal = frames.seal().map_err(|error| collected(error, first))?;
        self.cursor = seal.map(|seal| Cursor {
            header,
            offset: frames.offset(),
            next: frames.expected(),
            seal,
        });
        judge(&frames, &stop, first, next)
    }
}

impl Folder<'_> {
    fn withdrawn(&self, first: u64) -> LogError {
        LogError::Withdrawn {
            path: self.path(&Self::name(first)),
            last: Position(first - 1),
        }
    }
}

/// Whether a segment may stop like this.
fn judge(frames: &Frames<'_>, stop: &Stop, first: u64, next: Option<u64>) -> Result<(), Trouble> {
    let in_progress = next.is_none() && matches!(stop, Stop::Bad(_)) && !frames.good_frame_follows()?;
    if in_progress {
        return Ok(());
    }
    let place = Some((first, frames.offset()));
    let end = next.unwrap_or(frames.expected());
    match frames.short_of(stop, end) {
        None => Ok(()),
        Some(error) => Err(Trouble { error, place }),
    }
}

/// A segment that was listed and is not there any more was collected: what there is now is listed again.
fn collected(error: LogError, first: u64) -> Trouble {
    let gone = matches!(&error, LogError::Io { source, .. } if source.kind() == io::ErrorKind::NotFound);
    Trouble {
        error,
        place: gone.then_some((first, u64::MAX)),
    }
}

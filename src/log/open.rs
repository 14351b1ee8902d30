//! Opening a log to write: finding its end, and settling what a crash left there.

use super::disk::{Disk, write_all_at};
use super::embedded::LogSettings;
use super::frame::{Seal, SegmentHeader};
use super::scan::{Frames, Stop};
use super::segments::{Folder, Segment, create};
use super::{LogError, Position};
use std::path::Path;

/// What a log was found to hold when it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    /// Bytes that were cut off the end: an append that a crash interrupted, and that nobody was told of as done.
    pub torn_bytes: u64,
    /// Records that can be read.
    pub records: u64,
    /// Files that they are in.
    pub segments: usize,
    /// Bytes of these files.
    pub bytes: u64,
}

/// A log that is ready for appends.
pub(super) struct Ready {
    pub(super) segments: Vec<Segment>,
    pub(super) last: u64,
    pub(super) seal: Seal,
    pub(super) torn_bytes: u64,
}

/// What the last segment ends with.
struct End {
    /// Where its last whole frame starts.
    last_frame: Option<u64>,
    /// Where that frame ends.
    offset: u64,
    /// The position of the last record.
    last: u64,
    seal: Seal,
}

pub(super) fn open(disk: &mut dyn Disk, dir: &Path, settings: &LogSettings) -> Result<Ready, LogError> {
    remove_unfinished(disk, dir)?;
    let mut segments = Folder { disk, dir }.segments()?;
    let mut tail = match segments.pop() {
        Some(tail) => tail,
        None => create(disk, dir, SegmentHeader::new(settings.start.0 + 1))?,
    };
    let end = find_end(Folder { disk, dir }, &tail)?;
    check_start(dir, &tail, &end, settings.start)?;
    let torn_bytes = tail.bytes - end.offset;
    settle(disk, dir, &mut tail, &end)?;
    segments.push(tail);
    Ok(Ready {
        segments,
        last: end.last,
        seal: end.seal,
        torn_bytes,
    })
}

/// Removes what an interrupted start of a segment left, and makes the names that are there last.
fn remove_unfinished(disk: &mut dyn Disk, dir: &Path) -> Result<(), LogError> {
    for name in (Folder { disk, dir }).unfinished()? {
        disk.remove(&name)
            .map_err(|source| LogError::io(&dir.join(&name), "remove", source))?;
    }
    disk.sync_dir()
        .map_err(|source| LogError::io(dir, "sync", source))
}

/// Checks the last segment's frames. One that is not whole at its end is torn; before other ones it is damaged.
fn find_end(folder: Folder<'_>, tail: &Segment) -> Result<End, LogError> {
    let mut frames = Frames::new(&folder, &tail.header, tail.bytes);
    let (last_frame, stop) = frames.check()?;
    if stop == Stop::Astray || (stop != Stop::End && frames.good_frame_follows()?) {
        return Err(frames.damaged(stop.found()));
    }
    Ok(End {
        last_frame,
        offset: frames.offset(),
        last: frames.expected() - 1,
        seal: frames.seal()?.unwrap_or_default(),
    })
}

/// A log that ends before a snapshot's position has lost records, and would give their positions to others.
fn check_start(dir: &Path, tail: &Segment, end: &End, start: Position) -> Result<(), LogError> {
    if end.last >= start.0 {
        return Ok(());
    }
    let path = dir.join(Folder::name(tail.header.first));
    let found = format!(
        "it ends with record {}, and a snapshot has been made of records up to {start}",
        end.last
    );
    Err(LogError::damaged(&path, end.offset, found, end.last + 1))
}

/// Cuts a torn end and makes the last frame durable.
///
/// The last frame may be one that nobody acknowledged. After a failed sync its bytes may stand in the system's cache and
/// not on the disk, and another sync would say nothing of that. Writing the same bytes once more makes sure, and cannot
/// harm them.
fn settle(disk: &mut dyn Disk, dir: &Path, tail: &mut Segment, end: &End) -> Result<(), LogError> {
    let name = Folder::name(tail.header.first);
    let path = dir.join(&name);
    if end.offset < tail.bytes {
        let torn_bytes = tail.bytes - end.offset;
        tracing::warn!(path = %path.display(), offset = end.offset, torn_bytes, last = end.last,
            "the log ended in an append that was interrupted; nobody was told that it was done, it is cut off");
        disk.truncate(&name, end.offset)
            .map_err(|source| LogError::io(&path, "cut the torn end of", source))?;
        tail.bytes = end.offset;
    }
    if let Some(offset) = end.last_frame {
        let folder = Folder { disk, dir };
        let mut frames = Frames::new(&folder, &tail.header, tail.bytes).resume(end.offset, end.last + 1);
        let frame = frames.bytes_from(offset)?.to_vec();
        write_all_at(disk, &name, offset, &frame).map_err(|source| LogError::io(&path, "write", source))?;
    }
    disk.sync(&name)
        .map_err(|source| LogError::io(&path, "sync", source))
}

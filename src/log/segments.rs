//! The segments of a log's folder: their names, and that none is missing between two others.

use super::LogError;
use super::disk::{Disk, write_all_at};
use super::frame::{SEGMENT_HEADER_BYTES, Seal, SegmentHeader};
use super::scan::{Frames, read_header};
use std::path::{Path, PathBuf};

const SUFFIX: &str = ".log";
/// Behind the name of a segment that is being made.
const UNFINISHED: &str = ".new";
const DIGITS: usize = 20;

/// A folder with segments, to read.
#[derive(Clone, Copy)]
pub(super) struct Folder<'a> {
    pub(super) disk: &'a dyn Disk,
    pub(super) dir: &'a Path,
}

/// A segment of an opened log.
#[derive(Debug, Clone, Copy)]
pub(super) struct Segment {
    pub(super) header: SegmentHeader,
    /// Its length, as far as it holds whole frames.
    pub(super) bytes: u64,
}

impl Segment {
    /// The header of the segment that goes on after this one with record `first`, or replaces it if it is empty.
    pub(super) fn followed_by(&self, first: u64, seal: Seal) -> SegmentHeader {
        let (previous, previous_seal) = if self.is_empty() {
            (self.header.previous, self.header.previous_seal)
        } else {
            (self.header.first, seal)
        };
        SegmentHeader {
            previous,
            previous_seal,
            ..SegmentHeader::new(first)
        }
    }

    /// Whether it holds no record.
    pub(super) fn is_empty(&self) -> bool {
        self.bytes == SEGMENT_HEADER_BYTES as u64
    }
}

impl<'a> Folder<'a> {
    /// The file name of the segment that starts with record `first`.
    pub(super) fn name(first: u64) -> String {
        format!("{first:0DIGITS$}{SUFFIX}")
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The first records of all segments, in order.
    pub(super) fn list(&self) -> Result<Vec<u64>, LogError> {
        let names = self.names()?;
        let mut firsts: Vec<u64> = names.iter().filter_map(|name| first_of(name)).collect();
        firsts.sort_unstable();
        Ok(firsts)
    }

    /// Files of segments that were never finished.
    pub(super) fn unfinished(&self) -> Result<Vec<String>, LogError> {
        let mut names = self.names()?;
        names.retain(|name| name.strip_suffix(UNFINISHED).and_then(first_of).is_some());
        Ok(names)
    }

    fn names(&self) -> Result<Vec<String>, LogError> {
        self.disk
            .list()
            .map_err(|source| LogError::io(self.dir, "list", source))
    }

    /// All segments with their lengths, after checking that they follow each other.
    pub(super) fn segments(&self) -> Result<Vec<Segment>, LogError> {
        let mut segments: Vec<Segment> = Vec::new();
        for first in self.list()? {
            let segment = Segment {
                header: read_header(self, first)?,
                bytes: self.length(first)?,
            };
            if let Some(before) = segments.last()
                && before.header.first != segment.header.previous
            {
                return Err(self.missing(before, &segment));
            }
            segments.push(segment);
        }
        Ok(segments)
    }

    pub(super) fn length(&self, first: u64) -> Result<u64, LogError> {
        let name = Self::name(first);
        let length = self.disk.length(&name);
        length.map_err(|source| LogError::io(&self.path(&name), "read", source))
    }

    /// Says which file is missing between two.
    fn missing(&self, before: &Segment, after: &Segment) -> LogError {
        let mut frames = Frames::new(self, &before.header, before.bytes);
        if let Err(error) = frames.check() {
            return error;
        }
        let path = self.path(&Self::name(frames.expected()));
        let found = format!(
            "the file is missing, {} comes next",
            Self::name(after.header.first)
        );
        LogError::damaged(&path, 0, found, frames.expected())
    }
}

fn first_of(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(SUFFIX)?;
    let plain = digits.len() == DIGITS && digits.bytes().all(|digit| digit.is_ascii_digit());
    plain.then(|| digits.parse().ok()).flatten()
}

/// Makes a segment without records. It has its name only when its header is on the disk.
pub(super) fn create(disk: &mut dyn Disk, dir: &Path, header: SegmentHeader) -> Result<Segment, LogError> {
    let name = Folder::name(header.first);
    let unfinished = format!("{name}{UNFINISHED}");
    disk.create(&unfinished)
        .and_then(|()| write_all_at(disk, &unfinished, 0, &header.to_bytes()))
        .and_then(|()| disk.sync(&unfinished))
        .and_then(|()| disk.rename(&unfinished, &name))
        .and_then(|()| disk.sync_dir())
        .map_err(|source| LogError::io(&dir.join(&name), "create", source))?;
    Ok(Segment {
        header,
        bytes: SEGMENT_HEADER_BYTES as u64,
    })
}

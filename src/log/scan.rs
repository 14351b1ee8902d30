//! Reading the frames of one segment, one after the other.

use super::disk::Disk;
use super::encoding::Records;
use super::frame::{
    CRC_BYTES, FRAME_EXTRA_BYTES, FRAME_HEADER_BYTES, FrameHeader, MARK_BYTES, SEGMENT_HEADER_BYTES, Seal,
    SegmentHeader, payload_crc, u32_at,
};
use super::segments::Folder;
use super::{LogError, Position, Record};
use std::io;
use std::path::PathBuf;

/// Bytes that are read at once.
const CHUNK_BYTES: usize = 1 << 20;

/// What records are handed to.
pub(super) type Each<'e> = dyn FnMut(Position, Record) -> Result<(), LogError> + 'e;

/// Reads the header of the segment whose first record is `first`.
pub(super) fn read_header(folder: &Folder<'_>, first: u64) -> Result<SegmentHeader, LogError> {
    let mut part = Part::new(SEGMENT_HEADER_BYTES as u64);
    let name = Folder::name(first);
    let path = folder.path(&name);
    let bytes = part.get(folder.disk, &name, 0, SEGMENT_HEADER_BYTES);
    let bytes = bytes.map_err(|source| LogError::io(&path, "read", source))?;
    SegmentHeader::parse(bytes.unwrap_or_default(), &path, first)
}

/// The frames of a segment from one of them on.
pub(super) struct Frames<'a> {
    disk: &'a dyn Disk,
    name: String,
    path: PathBuf,
    mark: [u8; MARK_BYTES],
    part: Part,
    /// Where the next frame starts.
    offset: u64,
    /// The position of its first record.
    expected: u64,
}

/// Why no more frames were read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The segment ends behind a whole frame.
    End,
    /// What stands there is no whole frame.
    Bad(&'static str),
    /// What stands there is a whole frame, of other records than the next ones.
    Astray,
}

impl Stop {
    /// What was found.
    pub(super) fn found(&self) -> &'static str {
        match self {
            Self::End => "the end",
            Self::Bad(found) => found,
            Self::Astray => "a frame of other records than the next ones",
        }
    }
}

impl<'a> Frames<'a> {
    /// The frames in the first `end` bytes of a segment.
    pub(super) fn new(folder: &Folder<'a>, header: &SegmentHeader, end: u64) -> Self {
        let name = Folder::name(header.first);
        Self {
            disk: folder.disk,
            path: folder.path(&name),
            name,
            mark: header.mark,
            part: Part::new(end),
            offset: SEGMENT_HEADER_BYTES as u64,
            expected: header.first,
        }
    }

    /// The checksum before the present offset: that of the last frame, or of the segment's header. None if the file has
    /// become shorter.
    pub(super) fn seal(&mut self) -> Result<Option<Seal>, LogError> {
        let seal = self.get(self.offset - CRC_BYTES as u64, CRC_BYTES)?;
        Ok(seal.and_then(|seal| seal.first_chunk().copied()))
    }

    /// The bytes of the frame that starts at `offset` and ends where the next one would start.
    pub(super) fn bytes_from(&mut self, offset: u64) -> Result<&[u8], LogError> {
        let count = usize::try_from(self.offset - offset).unwrap_or(usize::MAX);
        Ok(self.get(offset, count)?.unwrap_or_default())
    }

    /// Goes on at a frame that is known to start at `offset` with record `expected`.
    pub(super) fn resume(mut self, offset: u64, expected: u64) -> Self {
        self.offset = offset;
        self.expected = expected;
        self
    }

    /// Where the next frame starts, or what was found in place of it.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// The position of the next frame's first record.
    pub(super) fn expected(&self) -> u64 {
        self.expected
    }

    /// The damage that stands here.
    pub(super) fn damaged(&self, found: &str) -> LogError {
        LogError::damaged(&self.path, self.offset, found, self.expected)
    }

    /// The damage, where the segment should have gone on to record `end`, not included.
    pub(super) fn short_of(&self, stop: &Stop, end: u64) -> Option<LogError> {
        match stop {
            Stop::End if self.expected == end => None,
            Stop::End if self.expected < end => Some(self.damaged("the end, where records are missing")),
            Stop::End => Some(self.damaged("the end, behind records that the next segment has too")),
            stop => Some(self.damaged(stop.found())),
        }
    }

    /// Hands every record after `after` to `each`.
    pub(super) fn read(&mut self, after: u64, each: &mut Each<'_>) -> Result<Stop, LogError> {
        loop {
            let header = match self.header()? {
                Ok(header) => header,
                Err(stop) => return Ok(stop),
            };
            if header.last() > after {
                match self.payload(&header)? {
                    Some(payload) => deliver(&header, payload, after, each)
                        .map_err(|failure| failure.at(&self.path, self.offset))?,
                    None => return Ok(Stop::Bad(WRONG_CHECKSUM)),
                }
            }
            self.advance(&header);
        }
    }

    /// Checks every frame and returns where the last good one starts, if there is one.
    pub(super) fn check(&mut self) -> Result<(Option<u64>, Stop), LogError> {
        let mut last = None;
        loop {
            let header = match self.header()? {
                Ok(header) => header,
                Err(stop) => return Ok((last, stop)),
            };
            if self.payload(&header)?.is_none() {
                return Ok((last, Stop::Bad(WRONG_CHECKSUM)));
            }
            last = Some(self.offset);
            self.advance(&header);
        }
    }

    /// Whether a good frame of later records follows what stands at the present offset, which then was one, too.
    pub(super) fn good_frame_follows(&self) -> Result<bool, LogError> {
        let mut part = Part::new(self.part.end);
        let mut from = self.offset + 1;
        while let Some(at) = self.find_mark(&mut part, from)? {
            let mut frames = Self {
                name: self.name.clone(),
                path: self.path.clone(),
                part: Part::new(self.part.end),
                offset: at,
                ..*self
            };
            if let Some(header) = frames.any_header()?
                && header.first > self.expected
                && frames.payload(&header)?.is_some()
            {
                return Ok(true);
            }
            from = at + 1;
        }
        Ok(false)
    }

    /// Where the next mark stands.
    fn find_mark(&self, part: &mut Part, mut from: u64) -> Result<Option<u64>, LogError> {
        loop {
            let left = usize::try_from(part.end.saturating_sub(from)).unwrap_or(usize::MAX);
            let bytes = part.get(self.disk, &self.name, from, left.min(CHUNK_BYTES));
            let Some(bytes) = bytes.map_err(|source| self.cannot_read(source))? else {
                return Ok(None);
            };
            if let Some(at) = bytes.windows(MARK_BYTES).position(|bytes| bytes == self.mark) {
                return Ok(Some(from + at as u64));
            }
            if bytes.len() == left {
                return Ok(None);
            }
            from += (bytes.len() - MARK_BYTES + 1) as u64;
        }
    }

    fn header(&mut self) -> Result<Result<FrameHeader, Stop>, LogError> {
        if self.offset == self.part.end {
            return Ok(Err(Stop::End));
        }
        Ok(match self.any_header()? {
            None => Err(Stop::Bad("no whole frame")),
            Some(header) if header.first != self.expected => Err(Stop::Astray),
            Some(header) if self.offset + header.bytes() > self.part.end => {
                Err(Stop::Bad("a frame that is cut short"))
            }
            Some(header) => Ok(header),
        })
    }

    /// The header of whatever frame starts here.
    fn any_header(&mut self) -> Result<Option<FrameHeader>, LogError> {
        let mark = self.mark;
        let bytes = self.get(self.offset, FRAME_HEADER_BYTES)?;
        let header = bytes.and_then(|bytes| bytes.first_chunk());
        Ok(header.and_then(|bytes| FrameHeader::parse(bytes, mark)))
    }

    /// The payload of the frame that starts here, unless it is damaged.
    fn payload(&mut self, header: &FrameHeader) -> Result<Option<&[u8]>, LogError> {
        let payload_bytes = header.payload_bytes as usize;
        let frame = self.get(self.offset, payload_bytes + FRAME_EXTRA_BYTES)?;
        let Some((header, rest)) = frame.and_then(|frame| frame.split_first_chunk()) else {
            return Ok(None);
        };
        let (payload, crc) = rest.split_at(rest.len() - CRC_BYTES);
        Ok((u32_at(crc, 0) == payload_crc(header, payload)).then_some(payload))
    }

    fn advance(&mut self, header: &FrameHeader) {
        self.offset += header.bytes();
        self.expected = header.last() + 1;
    }

    fn get(&mut self, offset: u64, count: usize) -> Result<Option<&[u8]>, LogError> {
        let bytes = self.part.get(self.disk, &self.name, offset, count);
        bytes.map_err(|source| LogError::io(&self.path, "read", source))
    }

    fn cannot_read(&self, source: io::Error) -> LogError {
        LogError::io(&self.path, "read", source)
    }
}

const WRONG_CHECKSUM: &str = "a frame with a wrong checksum";

/// Why the records of a frame were not all handed over.
enum Failure {
    /// The checksum is right and the record that starts so many bytes into the payload is not.
    Malformed {
        at: usize,
        found: &'static str,
        position: u64,
    },
    /// The receiver stopped.
    Refused(LogError),
}

impl Failure {
    fn at(self, path: &std::path::Path, frame: u64) -> LogError {
        match self {
            Self::Refused(error) => error,
            Self::Malformed { at, found, position } => {
                let offset = frame + (FRAME_HEADER_BYTES + at) as u64;
                LogError::damaged(path, offset, found, position)
            }
        }
    }
}

fn deliver(header: &FrameHeader, payload: &[u8], after: u64, each: &mut Each<'_>) -> Result<(), Failure> {
    let mut records = Records::new(payload);
    for position in header.first..=header.last() {
        let malformed = |why: super::encoding::Malformed| Failure::Malformed {
            at: why.at,
            found: why.found,
            position,
        };
        if position <= after {
            records.skip().map_err(malformed)?;
        } else {
            let record = records.decode().map_err(malformed)?;
            each(Position(position), record).map_err(Failure::Refused)?;
        }
    }
    if records.at() == payload.len() {
        return Ok(());
    }
    Err(Failure::Malformed {
        at: records.at(),
        found: "bytes behind the last record of a frame",
        position: header.last() + 1,
    })
}

/// The part of a file that is in memory. It grows with what is asked for, and nothing beyond `end` can be.
struct Part {
    bytes: Vec<u8>,
    /// Where in the file `bytes` starts, and how many of them were read.
    start: u64,
    filled: usize,
    /// The end of what may be read.
    end: u64,
}

impl Part {
    fn new(end: u64) -> Self {
        Self {
            bytes: Vec::new(),
            start: 0,
            filled: 0,
            end,
        }
    }

    /// `count` bytes of the file from `offset` on; none where it ends before that.
    fn get(&mut self, disk: &dyn Disk, name: &str, offset: u64, count: usize) -> io::Result<Option<&[u8]>> {
        let left = usize::try_from(self.end.saturating_sub(offset)).unwrap_or(usize::MAX);
        if count > left {
            return Ok(None);
        }
        let mut at = offset
            .checked_sub(self.start)
            .map_or(self.filled, |at| at as usize);
        if at.saturating_add(count) > self.filled {
            // What is there of it already moves to the front, the rest is read behind it.
            self.bytes.copy_within(at.min(self.filled)..self.filled, 0);
            self.filled = self.filled.saturating_sub(at);
            self.start = offset;
            at = 0;
            self.fill(disk, name, count, count.max(CHUNK_BYTES).min(left))?;
        }
        Ok(self.bytes[..self.filled].get(at..at + count))
    }

    /// Reads until there are `least` bytes or the file ends, up to `most`.
    fn fill(&mut self, disk: &dyn Disk, name: &str, least: usize, most: usize) -> io::Result<()> {
        if self.bytes.len() < most {
            self.bytes.resize(most, 0);
        }
        while self.filled < least {
            let offset = self.start + self.filled as u64;
            match disk.read_at(name, offset, &mut self.bytes[self.filled..most]) {
                Ok(0) => break,
                Ok(more) => self.filled += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

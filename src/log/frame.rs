//! Segment and frame headers as bytes; the tables are in the module's documentation ([`super`]).

use super::LogError;
use super::encoding::{MIN_RECORD_BYTES, encode};
use super::record::Record;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::Path;

/// The format version that is written, and the newest that is read.
pub(super) const FORMAT_VERSION: u32 = 1;
pub(super) const SEGMENT_HEADER_BYTES: usize = 48;
pub(super) const FRAME_HEADER_BYTES: usize = 28;
/// Bytes of a frame beyond its payload.
pub(super) const FRAME_EXTRA_BYTES: usize = FRAME_HEADER_BYTES + CRC_BYTES;
/// Most bytes of the records of one frame.
pub const MAX_FRAME_BYTES: usize = 64 << 20;
pub(super) const CRC_BYTES: usize = 4;
pub(super) const MARK_BYTES: usize = 8;

const MAGIC: [u8; 8] = *b"ALIKElog";
/// Where a header's own checksum stands, and how many bytes it covers.
const SEGMENT_CRC_AT: usize = SEGMENT_HEADER_BYTES - CRC_BYTES;
const FRAME_CRC_AT: usize = FRAME_HEADER_BYTES - CRC_BYTES;

/// What a segment says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    /// The position of its first record.
    pub(super) first: u64,
    /// That of the segment before, 0 where there never was one.
    pub(super) previous: u64,
    /// What that one ends with, 0 where there never was one.
    pub(super) previous_seal: Seal,
    /// What each of its frames starts with.
    pub(super) mark: [u8; MARK_BYTES],
}

/// The checksum that what is written so far ends with: that of the last frame, or of the header of an empty segment.
pub(super) type Seal = [u8; CRC_BYTES];

impl SegmentHeader {
    /// The header of a log's first segment.
    pub(super) fn new(first: u64) -> Self {
        Self {
            first,
            previous: 0,
            previous_seal: [0; CRC_BYTES],
            mark: RandomState::new().build_hasher().finish().to_le_bytes(),
        }
    }

    /// The checksum that the header ends with.
    pub(super) fn seal(self) -> Seal {
        u32_at(&self.to_bytes(), SEGMENT_CRC_AT).to_le_bytes()
    }

    pub(super) fn to_bytes(self) -> [u8; SEGMENT_HEADER_BYTES] {
        let mut bytes = [0; SEGMENT_HEADER_BYTES];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.first.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.previous.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.mark);
        bytes[40..44].copy_from_slice(&self.previous_seal);
        let crc = crc32fast::hash(&bytes[..SEGMENT_CRC_AT]);
        bytes[SEGMENT_CRC_AT..].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// Reads the header of the segment whose name says that it starts at record `first`.
    pub(super) fn parse(bytes: &[u8], path: &Path, first: u64) -> Result<Self, LogError> {
        let damaged = |found: &str| LogError::damaged(path, 0, found, first);
        let Some((bytes, _)) = bytes.split_first_chunk::<SEGMENT_HEADER_BYTES>() else {
            return Err(damaged("a header that is cut short"));
        };
        if bytes[..8] != MAGIC {
            return Err(damaged("no header of a log segment"));
        }
        if u32_at(bytes, SEGMENT_CRC_AT) != crc32fast::hash(&bytes[..SEGMENT_CRC_AT]) {
            return Err(damaged("a header with a wrong checksum"));
        }
        let version = u32_at(bytes, 8);
        if version != FORMAT_VERSION {
            return Err(LogError::Version {
                path: path.into(),
                found: version,
                newest: FORMAT_VERSION,
            });
        }
        let header = Self {
            first: u64_at(bytes, 16),
            previous: u64_at(bytes, 24),
            mark: u64_at(bytes, 32).to_le_bytes(),
            previous_seal: u32_at(bytes, 40).to_le_bytes(),
        };
        if header.first == first {
            Ok(header)
        } else {
            Err(damaged(&format!("the segment of record {}", header.first)))
        }
    }
}

/// What a frame says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FrameHeader {
    /// The position of its first record.
    pub(super) first: u64,
    /// How many records it has, at least one.
    pub(super) count: u32,
    /// Bytes of its records.
    pub(super) payload_bytes: u32,
}

impl FrameHeader {
    /// The position of its last record.
    pub(super) fn last(&self) -> u64 {
        self.first + u64::from(self.count) - 1
    }

    /// Bytes of the whole frame.
    pub(super) fn bytes(&self) -> u64 {
        u64::from(self.payload_bytes) + FRAME_EXTRA_BYTES as u64
    }

    /// Reads a header, if that is what the bytes start with.
    pub(super) fn parse(bytes: &[u8; FRAME_HEADER_BYTES], mark: [u8; MARK_BYTES]) -> Option<Self> {
        let header = Self {
            first: u64_at(bytes, 8),
            count: u32_at(bytes, 16),
            payload_bytes: u32_at(bytes, 20),
        };
        let plausible = header.count > 0
            && header.payload_bytes as usize <= MAX_FRAME_BYTES
            && header.count as usize <= header.payload_bytes as usize / MIN_RECORD_BYTES
            && header.first.checked_add(u64::from(header.count)).is_some();
        let whole = bytes[..MARK_BYTES] == mark
            && u32_at(bytes, FRAME_CRC_AT) == crc32fast::hash(&bytes[..FRAME_CRC_AT]);
        (whole && plausible).then_some(header)
    }
}

/// The checksum behind a payload: it covers the header too, so that no payload passes behind another one's header.
pub(super) fn payload_crc(header: &[u8; FRAME_HEADER_BYTES], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&header[..FRAME_CRC_AT]);
    hasher.update(payload);
    hasher.finalize()
}

/// Replaces what is in `out` with a frame of `records`; [`seal`] completes it.
pub(super) fn encode_frame(records: &[Record], out: &mut Vec<u8>) -> Result<(), LogError> {
    let payload: usize = records.iter().map(Record::encoded_len).sum();
    out.clear();
    out.reserve(FRAME_EXTRA_BYTES + payload.min(MAX_FRAME_BYTES));
    out.resize(FRAME_HEADER_BYTES, 0);
    for record in records {
        encode(record, out)?;
        if out.len() - FRAME_HEADER_BYTES > MAX_FRAME_BYTES {
            return Err(LogError::TooMuch {
                bytes: payload,
                limit: MAX_FRAME_BYTES,
            });
        }
    }
    Ok(())
}

/// Completes a frame: its header, and the checksums.
pub(super) fn seal(frame: &mut Vec<u8>, first: u64, count: usize, mark: [u8; MARK_BYTES]) {
    let payload_bytes = frame.len() - FRAME_HEADER_BYTES;
    let mut header = [0; FRAME_HEADER_BYTES];
    header[..8].copy_from_slice(&mark);
    header[8..16].copy_from_slice(&first.to_le_bytes());
    // Both fit: a frame is limited in bytes, and a record takes some.
    header[16..20].copy_from_slice(&u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
    header[20..24].copy_from_slice(&u32::try_from(payload_bytes).unwrap_or(u32::MAX).to_le_bytes());
    let crc = crc32fast::hash(&header[..FRAME_CRC_AT]);
    header[FRAME_CRC_AT..].copy_from_slice(&crc.to_le_bytes());
    let crc = payload_crc(&header, &frame[FRAME_HEADER_BYTES..]);
    frame[..FRAME_HEADER_BYTES].copy_from_slice(&header);
    frame.extend_from_slice(&crc.to_le_bytes());
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

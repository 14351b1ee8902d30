//! Header and section table: encoding, decoding, and every check that needs no section content.

use std::path::Path;

use crate::error::IndexError;

/// First bytes of every index file. The byte above 0x7f and the line ends reveal a transfer in text mode.
pub(super) const MAGIC: [u8; 8] = *b"\x8bALIKE\r\n";
/// Version of the format that this program writes; it reads all up to it.
pub(super) const VERSION: u32 = 2;
/// Bytes before the section table.
pub(super) const HEADER_BYTES: usize = 64;
/// Bytes per entry of the section table.
pub(super) const ENTRY_BYTES: usize = 48;
/// The most sections a file may have; a damaged count cannot ask for more memory than this.
const MAX_SECTIONS: usize = 64;
/// Where the header's own checksum lies.
const CHECKSUM: std::ops::Range<usize> = 32..48;
/// Alignment of small sections, and of sections of at least this many bytes.
const SMALL_ALIGNMENT: u64 = 64;
pub(super) const LARGE: u64 = 2 << 20;

/// The numbers that name sections.
pub(crate) mod tag {
    /// Shape, settings and calibration.
    pub(crate) const DESCRIPTION: u32 = 1;
    /// Rows of f32.
    pub(crate) const VECTORS: u32 = 2;
    /// Level-0 links.
    pub(crate) const LINKS: u32 = 3;
    /// Upper layers of the graph.
    pub(crate) const LAYERS: u32 = 4;
    /// Next row with the same vector.
    pub(crate) const DUPLICATES: u32 = 5;
    /// Codes of a graph's rows.
    pub(crate) const CODES: u32 = 6;
    /// What one unit of a code stands for, per row.
    pub(crate) const SCALES: u32 = 7;
    /// Squared length of each centered row.
    pub(crate) const LENGTHS: u32 = 8;
    /// What is taken off every row before it is coded.
    pub(crate) const MEAN: u32 = 9;
    /// Signs of the rotation.
    pub(crate) const SIGNS: u32 = 10;
    /// Rows where walks start.
    pub(crate) const ENTRIES: u32 = 11;
    /// Rows whose vector an earlier row has, with that row.
    pub(crate) const FOLLOWERS: u32 = 12;
    /// Faiss's factory string.
    #[cfg(feature = "faiss")]
    pub(crate) const FACTORY: u32 = 32;
    /// What Faiss wrote.
    #[cfg(feature = "faiss")]
    pub(crate) const FAISS: u32 = 33;
    /// The rows that the nodes of a Faiss index stand for.
    #[cfg(feature = "faiss")]
    pub(crate) const NODES: u32 = 34;
}

/// 16 bytes of BLAKE3.
pub(super) type Checksum = [u8; 16];

/// One entry of the section table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Section {
    /// What the section holds; see [`tag`].
    pub(super) tag: u32,
    /// First byte in the file.
    pub(super) offset: u64,
    /// Bytes.
    pub(super) len: u64,
    /// Over the section's bytes.
    pub(super) checksum: Checksum,
}

impl Section {
    /// First byte after the section.
    pub(super) fn end(&self) -> u64 {
        self.offset.saturating_add(self.len)
    }

    /// For error messages.
    pub(super) fn name(&self) -> String {
        match self.tag {
            tag::DESCRIPTION => "section description".to_owned(),
            tag::VECTORS => "section vectors".to_owned(),
            tag::LINKS => "section links".to_owned(),
            tag::LAYERS => "section layers".to_owned(),
            tag::DUPLICATES => "section duplicates".to_owned(),
            tag::CODES => "section codes".to_owned(),
            tag::SCALES => "section scales".to_owned(),
            tag::LENGTHS => "section lengths".to_owned(),
            tag::MEAN => "section mean".to_owned(),
            tag::SIGNS => "section signs".to_owned(),
            tag::ENTRIES => "section entries".to_owned(),
            tag::FOLLOWERS => "section followers".to_owned(),
            #[cfg(feature = "faiss")]
            tag::FACTORY => "section factory".to_owned(),
            #[cfg(feature = "faiss")]
            tag::FAISS => "section faiss".to_owned(),
            #[cfg(feature = "faiss")]
            tag::NODES => "section nodes".to_owned(),
            other => format!("section {other}"),
        }
    }
}

/// Where a section of `len` bytes may start.
pub(super) fn alignment(len: u64) -> u64 {
    if len >= LARGE { LARGE } else { SMALL_ALIGNMENT }
}

pub(super) fn checksum(bytes: &[u8]) -> Checksum {
    shorten(&blake3::hash(bytes))
}

pub(super) fn shorten(hash: &blake3::Hash) -> Checksum {
    let mut short = Checksum::default();
    short.copy_from_slice(&hash.as_bytes()[..16]);
    short
}

/// Header and table as bytes.
pub(super) fn encode(kind: u32, file_len: u64, sections: &[Section]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES + sections.len() * ENTRY_BYTES);
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(&VERSION.to_le_bytes());
    bytes.extend_from_slice(&kind.to_le_bytes());
    bytes.extend_from_slice(&(sections.len() as u32).to_le_bytes());
    bytes.extend_from_slice(&0_u32.to_le_bytes());
    bytes.extend_from_slice(&file_len.to_le_bytes());
    bytes.resize(HEADER_BYTES, 0);
    for section in sections {
        bytes.extend_from_slice(&section.tag.to_le_bytes());
        bytes.extend_from_slice(&0_u32.to_le_bytes());
        bytes.extend_from_slice(&section.offset.to_le_bytes());
        bytes.extend_from_slice(&section.len.to_le_bytes());
        bytes.extend_from_slice(&section.checksum);
        bytes.extend_from_slice(&[0; 8]);
    }
    let sum = checksum(&bytes);
    bytes[CHECKSUM].copy_from_slice(&sum);
    bytes
}

/// A little-endian number at a place that the caller has checked to exist.
fn u32_at(bytes: &[u8], at: usize) -> u32 {
    bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .map_or(0, |chunk| u32::from_le_bytes(*chunk))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    bytes
        .get(at..)
        .and_then(|rest| rest.first_chunk())
        .map_or(0, |chunk| u64::from_le_bytes(*chunk))
}

/// What the first bytes of a file say.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) version: u32,
    pub(super) kind: u32,
    pub(super) sections: Vec<Section>,
}

/// Reads and checks header and table: magic, version, length, checksum, places of the sections.
pub(super) fn decode(path: &Path, file: &[u8]) -> Result<Header, IndexError> {
    check_start(path, file)?;
    let count = u32_at(file, 16) as usize;
    let end = HEADER_BYTES + count.min(MAX_SECTIONS) * ENTRY_BYTES;
    if count > MAX_SECTIONS || file.len() < end {
        return Err(IndexError::damaged(
            path,
            "header, section count",
            count,
            "a table that fits the file",
        ));
    }
    check_sum(path, &file[..end])?;
    let file_len = u64_at(file, 24);
    if file_len != file.len() as u64 {
        return Err(IndexError::damaged(path, "file length", file.len(), file_len));
    }
    let sections: Vec<Section> = file[HEADER_BYTES..end]
        .chunks_exact(ENTRY_BYTES)
        .map(decode_entry)
        .collect();
    check_places(path, end as u64, file_len, &sections)?;
    Ok(Header {
        version: u32_at(file, 8),
        kind: u32_at(file, 12),
        sections,
    })
}

fn check_start(path: &Path, file: &[u8]) -> Result<(), IndexError> {
    let start = &file[..file.len().min(MAGIC.len())];
    if start != &MAGIC[..start.len()] || start.is_empty() {
        let found = if start.is_empty() {
            "nothing (it is empty)".to_owned()
        } else {
            format!("{start:02x?}")
        };
        return Err(IndexError::NotAnIndex {
            path: path.to_owned(),
            found,
        });
    }
    if file.len() < HEADER_BYTES {
        return Err(IndexError::damaged(
            path,
            "file length",
            file.len(),
            format!("at least {HEADER_BYTES}"),
        ));
    }
    let version = u32_at(file, 8);
    if !(1..=VERSION).contains(&version) {
        return Err(IndexError::Version {
            path: path.to_owned(),
            found: version,
            expected: VERSION,
        });
    }
    Ok(())
}

fn check_sum(path: &Path, header: &[u8]) -> Result<(), IndexError> {
    let mut copy = header.to_vec();
    copy[CHECKSUM].fill(0);
    if checksum(&copy) == header[CHECKSUM] {
        return Ok(());
    }
    Err(IndexError::damaged(
        path,
        "header, checksum",
        "another content",
        "the content that was written",
    ))
}

fn decode_entry(bytes: &[u8]) -> Section {
    let mut checksum = Checksum::default();
    checksum.copy_from_slice(&bytes[24..40]);
    Section {
        tag: u32_at(bytes, 0),
        offset: u64_at(bytes, 8),
        len: u64_at(bytes, 16),
        checksum,
    }
}

/// Sections lie in file order, aligned, apart from each other, inside the file, each tag once.
fn check_places(path: &Path, start: u64, file_len: u64, sections: &[Section]) -> Result<(), IndexError> {
    let mut free = start;
    for (position, section) in sections.iter().enumerate() {
        let twice = sections[..position]
            .iter()
            .any(|earlier| earlier.tag == section.tag);
        let fits = section.offset >= free && section.end() <= file_len;
        if twice || !fits || !section.offset.is_multiple_of(alignment(section.len)) {
            let found = format!("offset {} and length {}", section.offset, section.len);
            return Err(IndexError::damaged(
                path,
                section.name(),
                found,
                "an aligned place of its own in the file",
            ));
        }
        free = section.end();
    }
    Ok(())
}

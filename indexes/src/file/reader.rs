//! Mapping an index file.
#![allow(
    unsafe_code,
    reason = "memory maps and views of their bytes as numbers; every block says why it is sound"
)]

use std::fs::File;
use std::marker::PhantomData;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use memmap2::Mmap;

use super::header::{self, Header, Section};
use crate::error::IndexError;

/// Types whose every bit pattern is a value and that have no padding.
///
/// # Safety
/// Only for plain numbers.
pub(crate) unsafe trait Number: Copy {}
// SAFETY: every bit pattern is a u8, and it has no padding.
unsafe impl Number for u8 {}
// SAFETY: every bit pattern is a u32, and it has no padding.
unsafe impl Number for u32 {}
// SAFETY: every bit pattern is an f32, and it has no padding.
unsafe impl Number for f32 {}

/// The bytes of numbers, in this machine's (little-endian) order.
pub(super) fn bytes_of<T: Number>(values: &[T]) -> &[u8] {
    // SAFETY: numbers have no padding, the length is the slice's size in bytes, and u8 needs no alignment.
    unsafe { std::slice::from_raw_parts(values.as_ptr().cast(), size_of_val(values)) }
}

/// A mapped file whose header, table and lengths are sound.
#[derive(Debug)]
pub(crate) struct MappedFile {
    path: PathBuf,
    map: Arc<Mmap>,
    header: Header,
}

impl MappedFile {
    /// Maps the file and checks all but the content of its sections.
    pub(crate) fn open(path: &Path) -> Result<Self, IndexError> {
        let file = File::open(path).map_err(IndexError::io(path, "open"))?;
        let metadata = file
            .metadata()
            .map_err(IndexError::io(path, "read the length of"))?;
        if metadata.len() == 0 || !metadata.is_file() {
            let found = if metadata.is_file() {
                "nothing (it is empty)"
            } else {
                "nothing (it is no plain file)"
            };
            return Err(IndexError::NotAnIndex {
                path: path.to_owned(),
                found: found.to_owned(),
            });
        }
        // SAFETY: published files are never changed in place (the writer renames whole files), so the mapped bytes stay
        // as they are for the life of the map; all offsets into it are checked against its length.
        let map = unsafe { Mmap::map(&file) }.map_err(IndexError::io(path, "map"))?;
        advise(&map);
        let header = header::decode(path, &map)?;
        Ok(Self {
            path: path.to_owned(),
            map: Arc::new(map),
            header,
        })
    }

    /// Where it is.
    #[cfg(not(feature = "faiss"))]
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The number of the kind of index it holds.
    pub(crate) fn kind(&self) -> u32 {
        self.header.kind
    }

    /// The version of the format it is written in.
    pub(crate) fn version(&self) -> u32 {
        self.header.version
    }

    /// Length in bytes.
    pub(crate) fn len(&self) -> u64 {
        self.map.len() as u64
    }

    /// The bytes of a section whose checksum holds. For small sections: it reads all of it.
    pub(crate) fn checked_bytes(&self, tag: u32) -> Result<&[u8], IndexError> {
        let section = self.section(tag)?;
        self.check(section)?;
        Ok(self.content(section))
    }

    /// A section as `len` numbers.
    pub(crate) fn numbers<T: Number>(&self, tag: u32, len: usize) -> Result<Mapped<T>, IndexError> {
        let section = self.section(tag)?;
        let expected = len.checked_mul(size_of::<T>()).map(|bytes| bytes as u64);
        if expected != Some(section.len) {
            let expected = format!("{len} values of {} bytes", size_of::<T>());
            return Err(self.damaged(section.name(), format!("{} bytes", section.len), expected));
        }
        let content = self.content(section);
        let aligned = content.as_ptr().addr().is_multiple_of(align_of::<T>());
        if !aligned && len > 0 {
            return Err(self.damaged(section.name(), "an unaligned place", "an aligned one"));
        }
        Ok(Mapped {
            map: Arc::clone(&self.map),
            offset: section.offset as usize,
            len,
            of: PhantomData,
        })
    }

    /// Reads every byte: the checksum of each section, and zeros between them.
    pub(crate) fn verify(&self) -> Result<(), IndexError> {
        let mut end = header::HEADER_BYTES + self.header.sections.len() * header::ENTRY_BYTES;
        for section in &self.header.sections {
            self.check_gap(end, section.offset as usize)?;
            self.check(section)?;
            end = section.end() as usize;
        }
        self.check_gap(end, self.map.len())
    }

    /// An error about a part of this file.
    pub(crate) fn damaged(
        &self,
        part: impl Into<String>,
        found: impl std::fmt::Display,
        expected: impl std::fmt::Display,
    ) -> IndexError {
        IndexError::damaged(&self.path, part, found, expected)
    }

    fn section(&self, tag: u32) -> Result<&Section, IndexError> {
        let found = self.header.sections.iter().find(|section| section.tag == tag);
        found.ok_or_else(|| self.damaged("section table", format!("no section {tag}"), "one"))
    }

    /// Inside the map: the places were checked when it was opened.
    fn content(&self, section: &Section) -> &[u8] {
        self.map
            .get(section.offset as usize..section.end() as usize)
            .unwrap_or(&[])
    }

    fn check(&self, section: &Section) -> Result<(), IndexError> {
        let mut hasher = blake3::Hasher::new();
        hasher.update_rayon(self.content(section));
        if header::shorten(&hasher.finalize()) == section.checksum {
            return Ok(());
        }
        Err(self.damaged(
            section.name(),
            "another content",
            "the content its checksum was made of",
        ))
    }

    fn check_gap(&self, from: usize, to: usize) -> Result<(), IndexError> {
        let gap = self.map.get(from..to).unwrap_or(&[]);
        match gap.iter().position(|byte| *byte != 0) {
            Some(at) => Err(self.damaged(format!("byte {}", from + at), gap[at], "0 (between sections)")),
            None => Ok(()),
        }
    }
}

/// Asks for huge pages and against read-ahead; both are hints that may be refused.
fn advise(map: &Mmap) {
    #[cfg(target_os = "linux")]
    let _ = map.advise(memmap2::Advice::HugePage);
    #[cfg(not(target_os = "linux"))]
    let _ = map;
}

/// Numbers in a mapped file; keeps the map alive.
#[derive(Debug, Clone)]
pub(crate) struct Mapped<T> {
    map: Arc<Mmap>,
    offset: usize,
    len: usize,
    of: PhantomData<T>,
}

impl<T: Number> Deref for Mapped<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        if self.len == 0 {
            return &[];
        }
        // SAFETY: `MappedFile::numbers`, the only maker of this type, checked that `len` values from `offset` on lie
        // inside the map and that their first byte is aligned; every bit pattern is a value; the map never moves and
        // lives as long as `self`.
        unsafe { std::slice::from_raw_parts(self.map.as_ptr().add(self.offset).cast(), self.len) }
    }
}

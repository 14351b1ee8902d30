//! Memory-mapped files of a published snapshot. The only unsafe code of the service crate.
#![allow(
    unsafe_code,
    reason = "mapping a file and reading a validated archive need it"
)]

use super::SnapshotError;
use memmap2::Mmap;
use rkyv::api::high::HighValidator;
use rkyv::bytecheck::CheckBytes;
use rkyv::{Archive, rancor};
use std::fs::File;
use std::marker::PhantomData;
use std::path::Path;

/// Maps a file that nobody changes any more.
pub(super) fn map(path: &Path) -> Result<Mmap, SnapshotError> {
    let file = File::open(path).map_err(|source| SnapshotError::io(path, "open", source))?;
    // SAFETY: published snapshot files and finished staging files are never written again (they are read-only and
    // replaced by renaming whole directories), so the mapped bytes do not change while the map lives.
    unsafe { Mmap::map(&file) }.map_err(|source| SnapshotError::io(path, "map", source))
}

/// A mapped file of little-endian `f32`, as the build stages its vectors.
pub(super) struct MappedFloats(Mmap);

impl MappedFloats {
    pub(super) fn open(path: &Path) -> Result<Self, SnapshotError> {
        map(path).map(Self)
    }

    pub(super) fn as_slice(&self) -> &[f32] {
        let count = self.0.len() / size_of::<f32>();
        // SAFETY: a map starts at a page boundary, so it is aligned for f32; `count` whole floats fit in its length;
        // every bit pattern is a valid f32.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast::<f32>(), count) }
    }
}

/// A mapped file of little-endian `u32`.
pub(super) struct MappedWords(Mmap);

impl MappedWords {
    pub(super) fn open(path: &Path) -> Result<Self, SnapshotError> {
        map(path).map(Self)
    }
}

impl AsRef<[u32]> for MappedWords {
    fn as_ref(&self) -> &[u32] {
        let count = self.0.len() / size_of::<u32>();
        // SAFETY: a map starts at a page boundary, so it is aligned for u32; `count` whole words fit in its length;
        // every bit pattern is a valid u32.
        unsafe { std::slice::from_raw_parts(self.0.as_ptr().cast::<u32>(), count) }
    }
}

/// A mapped rkyv archive, validated once when opened.
pub(super) struct MappedArchive<T> {
    map: Mmap,
    archived: PhantomData<fn() -> T>,
}

impl<T: Archive> MappedArchive<T>
where
    T::Archived: for<'a> CheckBytes<HighValidator<'a, rancor::Error>>,
{
    /// Maps and validates; a file that is not a valid archive of `T` is refused.
    pub(super) fn open(path: &Path) -> Result<Self, SnapshotError> {
        let map = map(path)?;
        rkyv::access::<T::Archived, rancor::Error>(&map)
            .map_err(|error| SnapshotError::damaged(path, error.to_string(), "a valid archive"))?;
        Ok(Self {
            map,
            archived: PhantomData,
        })
    }

    pub(super) fn get(&self) -> &T::Archived {
        // SAFETY: `open` validated exactly these bytes as an archive of `T`, and the mapped file never changes.
        unsafe { rkyv::access_unchecked::<T::Archived>(&self.map) }
    }
}

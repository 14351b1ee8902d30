//! Ids by row, rows by id, and the documents.

use super::mapped::{MappedArchive, map};
use super::{SnapshotError, writer::write_archive};
use alike_indexes::RowId;
use memmap2::Mmap;
use rkyv::{Archive, Deserialize, Serialize};
use std::io::Write;
use std::path::Path;

pub(super) const ITEMS_FILE: &str = "items.rkyv";
pub(super) const DOCUMENTS_FILE: &str = "documents.bin";

/// Many strings in one allocation: string `i` is `bytes[ends[i-1]..ends[i]]`.
#[derive(Debug, Default, Archive, Serialize, Deserialize)]
pub(super) struct Strings {
    bytes: Vec<u8>,
    ends: Vec<u64>,
}

impl Strings {
    pub(super) fn push(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
        self.ends.push(self.bytes.len() as u64);
    }

    fn get(&self, at: usize) -> &[u8] {
        let start = if at == 0 { 0 } else { self.ends[at - 1] as usize };
        &self.bytes[start..self.ends[at] as usize]
    }

    /// The position of `text` among strings that are sorted.
    pub(super) fn position_sorted(&self, text: &[u8]) -> Option<usize> {
        binary_search(self.ends.len(), |at| Some(self.get(at).cmp(text))).ok()
    }

    /// Bytes of memory they take.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.capacity() + 8 * self.ends.capacity()
    }
}

impl ArchivedStrings {
    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    /// String `at`, or `None` past the end or where the archive's offsets make no sense.
    pub(super) fn get(&self, at: usize) -> Option<&[u8]> {
        slice_between(&self.bytes, &self.ends, at)
    }

    /// The position of `text` among strings that are sorted.
    pub(super) fn position_sorted(&self, text: &[u8]) -> Option<usize> {
        binary_search(self.len(), |at| self.get(at).map(|found| found.cmp(text))).ok()
    }
}

fn slice_between<'a>(bytes: &'a [u8], ends: &[rkyv::rend::u64_le], at: usize) -> Option<&'a [u8]> {
    let end = usize::try_from(ends.get(at)?.to_native()).ok()?;
    let start = match at.checked_sub(1) {
        Some(before) => usize::try_from(ends.get(before)?.to_native()).ok()?,
        None => 0,
    };
    bytes.get(start..end)
}

/// Binary search over positions `0..len`; a position that cannot be compared ends the search without a match.
fn binary_search(len: usize, compare: impl Fn(usize) -> Option<std::cmp::Ordering>) -> Result<usize, usize> {
    let (mut low, mut high) = (0, len);
    while low < high {
        let middle = low + (high - low) / 2;
        match compare(middle) {
            Some(std::cmp::Ordering::Less) => low = middle + 1,
            Some(std::cmp::Ordering::Greater) => high = middle,
            Some(std::cmp::Ordering::Equal) => return Ok(middle),
            None => return Err(middle),
        }
    }
    Err(low)
}

#[derive(Debug, Archive, Serialize, Deserialize)]
struct ItemTable {
    ids: Strings,
    /// All rows, sorted by the bytes of their ids.
    by_id: Vec<u32>,
    document_ends: Vec<u64>,
}

/// Writes ids and documents as items arrive.
pub(super) struct ItemsBuilder<W> {
    ids: Strings,
    document_ends: Vec<u64>,
    documents: W,
}

impl<W: Write> ItemsBuilder<W> {
    pub(super) fn new(documents: W) -> Self {
        Self {
            ids: Strings::default(),
            document_ends: Vec::new(),
            documents,
        }
    }

    pub(super) fn push(&mut self, id: &str, document: &str) -> std::io::Result<()> {
        self.documents.write_all(document.as_bytes())?;
        let before = self.document_ends.last().copied().unwrap_or(0);
        self.document_ends.push(before + document.len() as u64);
        self.ids.push(id);
        Ok(())
    }

    /// The ids so far, in row order.
    pub(super) fn ids(&self) -> impl Iterator<Item = &str> {
        let id = |row| std::str::from_utf8(self.ids.get(row)).unwrap_or_default();
        (0..self.ids.ends.len()).map(id)
    }

    /// Writes the table beside the documents and gives the documents' writer back.
    pub(super) fn finish(self, path: &Path) -> Result<W, SnapshotError> {
        let mut by_id: Vec<u32> = (0..self.ids.ends.len() as u32).collect();
        by_id.sort_unstable_by(|a, b| self.ids.get(*a as usize).cmp(self.ids.get(*b as usize)));
        let table = ItemTable {
            ids: self.ids,
            by_id,
            document_ends: self.document_ends,
        };
        write_archive(path, &table)?;
        Ok(self.documents)
    }
}

/// The mapped items of a snapshot.
pub(super) struct Items {
    table: MappedArchive<ItemTable>,
    documents: Mmap,
}

impl Items {
    pub(super) fn open(dir: &Path, rows: u64) -> Result<Self, SnapshotError> {
        let path = dir.join(ITEMS_FILE);
        let table = MappedArchive::<ItemTable>::open(&path)?;
        let documents_path = dir.join(DOCUMENTS_FILE);
        let documents = map(&documents_path)?;
        let archived = table.get();
        for (what, count) in [
            ("ids", archived.ids.len()),
            ("sorted ids", archived.by_id.len()),
            ("documents", archived.document_ends.len()),
        ] {
            if count as u64 != rows {
                return Err(SnapshotError::damaged(
                    &path,
                    format!("{count} {what}"),
                    format!("{rows}"),
                ));
            }
        }
        let end = archived.document_ends.last().map_or(0, |end| end.to_native());
        if end != documents.len() as u64 {
            let found = format!("{} bytes", documents.len());
            return Err(SnapshotError::damaged(
                &documents_path,
                found,
                format!("{end} bytes"),
            ));
        }
        Ok(Self { table, documents })
    }

    pub(super) fn id(&self, row: RowId) -> Option<&str> {
        std::str::from_utf8(self.table.get().ids.get(row.0 as usize)?).ok()
    }

    pub(super) fn row(&self, id: &str) -> Option<RowId> {
        let table = self.table.get();
        let row_at = |at: usize| table.by_id.get(at).map(|row| row.to_native());
        let found = binary_search(table.by_id.len(), |at| {
            Some(table.ids.get(row_at(at)? as usize)?.cmp(id.as_bytes()))
        });
        found.ok().and_then(row_at).map(RowId)
    }

    pub(super) fn document(&self, row: RowId) -> Option<&[u8]> {
        slice_between(&self.documents, &self.table.get().document_ends, row.0 as usize)
    }
}

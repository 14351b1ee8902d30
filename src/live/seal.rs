//! Sealing: many live rows become one graph, off the writer's thread.

use super::rows::{Part, Rows};
use super::vectors::{Vectors, merge};
use super::{Live, LiveError};
use crate::snapshot::Snapshot;
use alike_indexes::{BuildSettings, IndexError, Kind, RowId, RowSet};
use std::path::Path;
use std::sync::Arc;
use tempfile::TempPath;

/// From so many rows in blocks on, a graph of them pays.
pub(super) const SEALED_FROM: usize = 4_096;
/// Blocks are sealed up to about so many rows at once, in a few seconds; the next ones with the next order.
const SEALED_AT_ONCE: usize = 32_768;
/// Graphs are not merged beyond this: building a larger one would take minutes.
const SEALED_MOST: usize = 65_536;

/// Rows to seal into one graph, as they were when the order was given.
pub struct SealOrder {
    snapshot: Arc<Snapshot>,
    parts: Vec<Part>,
}

/// Rows that have been sealed. What nobody takes over leaves nothing behind.
pub struct Sealed {
    snapshot: String,
    part: Part,
}

impl Live {
    /// What to seal now, if anything. Carry it out with [`SealOrder::seal`] on a thread that may take its time, one order
    /// at a time, and give what comes of it to [`Live::replace_sealed`].
    #[must_use]
    pub fn sealing(&self) -> Option<SealOrder> {
        // A flat collection promises that every row is compared.
        if self.snapshot.index().kind() == Kind::Flat {
            return None;
        }
        self.rows_to_seal().map(|parts| self.order(parts))
    }

    /// The order to seal these parts, which stand one after the other.
    pub(super) fn order(&self, parts: &[Part]) -> SealOrder {
        SealOrder {
            snapshot: Arc::clone(&self.snapshot),
            parts: parts.to_vec(),
        }
    }

    /// The oldest blocks that are enough for a graph, with the parts before them that are no larger; else a graph that is
    /// mostly dead.
    fn rows_to_seal(&self) -> Option<&[Part]> {
        let mut start = 0;
        while start < self.parts.len() {
            let (mut end, mut total) = (start, 0);
            while let Some(part) = self.parts.get(end)
                && !part.vectors.is_sealed()
                && total < SEALED_AT_ONCE
            {
                (end, total) = (end + 1, total + part.rows.count());
            }
            if total >= SEALED_FROM {
                return self.parts.get(self.with_smaller_before(start, total)..end);
            }
            start = end + 1;
        }
        let decayed = |part: &Part| part.vectors.is_sealed() && part.rows.is_mostly_dead();
        let at = self.parts.iter().position(decayed)?;
        self.parts.get(at..=at)
    }

    /// Where the parts begin that come along with `total` rows from `start` on: each is no larger than what there is so
    /// far, so that a row is sealed again only into something at least twice as large.
    fn with_smaller_before(&self, mut start: usize, mut total: usize) -> usize {
        while let Some(before) = start.checked_sub(1) {
            let count = self.parts[before].rows.count();
            if count > total || count + total > SEALED_MOST {
                break;
            }
            (start, total) = (before, total + count);
        }
        start
    }

    /// Takes over what was sealed. What was deleted or replaced since the order was given stays so; an order of another
    /// snapshot is passed over.
    pub fn replace_sealed(&mut self, sealed: Sealed) {
        if sealed.snapshot != self.snapshot.id() {
            return;
        }
        let mut sealed = sealed.part;
        let moved: Vec<Vec<(RowId, RowId)>> = self
            .parts
            .iter()
            .map(|part| part.rows.shared_with(&sealed.rows))
            .collect();
        let Some(place) = moved.iter().position(|moved| !moved.is_empty()) else {
            return;
        };
        // Merged meanwhile with rows before it, what is there no longer fits behind what was sealed: the next order will.
        if self.parts[place].rows.first_alive() < sealed.rows.first_alive() {
            return;
        }
        let mut alive = RowSet::new(sealed.rows.len());
        for (part, moved) in self.parts.iter_mut().zip(moved) {
            for (row, sealed_row) in moved {
                part.rows.kill(row);
                alive.insert(sealed_row);
            }
        }
        sealed.rows.keep(alive);
        self.parts.insert(place, sealed);
        self.parts.retain(|part| part.rows.count() > 0);
    }
}

impl SealOrder {
    /// How many rows it has.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.parts.iter().map(|part| part.rows.count()).sum()
    }

    /// Builds the graph in a file of its own in `folder`, which is there; on the calling thread, in seconds.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn seal(&self, folder: &Path) -> Result<Sealed, LiveError> {
        let file = tempfile::Builder::new()
            .prefix("sealed-")
            .suffix(".alike")
            .tempfile_in(folder);
        let file = file.map_err(|source| LiveError::Folder {
            path: folder.to_path_buf(),
            source,
        })?;
        let file = file.into_temp_path();
        let vectors = self.build(&file).map_err(|source| LiveError::Seal {
            path: file.to_path_buf(),
            source,
        })?;
        let entries = self.parts.iter().flat_map(|part| part.rows.iter());
        let entries = entries.map(|(_, entry)| Arc::clone(entry)).collect();
        Ok(Sealed {
            snapshot: self.snapshot.id().to_owned(),
            part: Part {
                rows: Rows::new(entries, &self.snapshot.manifest().schema),
                vectors: Arc::new(vectors(file)),
            },
        })
    }

    fn build(&self, path: &Path) -> Result<impl FnOnce(TempPath) -> Vectors + use<>, IndexError> {
        let base = self.snapshot.index();
        let sources: Vec<_> = self
            .parts
            .iter()
            .map(|part| (&*part.vectors, part.rows.alive().map(|alive| &**alive)))
            .collect();
        let block = merge(&sources)?;
        let settings = BuildSettings {
            recall_target: base.description().recall_target,
            ..BuildSettings::sealing(base.metric())
        };
        block.seal(&settings, &|_| (), path)?;
        let index = alike_indexes::open(path)?;
        Ok(|file| Vectors::Sealed { index, _file: file })
    }
}

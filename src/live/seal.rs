//! Sealing: many live rows become one graph, off the writer's thread.

use super::entry::Entry;
use super::rows::{Part, Rows};
use super::vectors::{Vectors, merge};
use super::{Live, LiveError};
use crate::snapshot::Snapshot;
use alike_indexes::{BuildSettings, IndexError, Kind, RowSet};
use std::path::Path;
use std::sync::Arc;
use tempfile::TempPath;

/// From so many rows in blocks on, a graph of them pays.
pub(super) const SEALED_FROM: usize = 8_192;
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
    entries: Vec<Arc<Entry>>,
    vectors: Vectors,
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
        let parts = self.rows_to_seal()?;
        Some(SealOrder {
            snapshot: Arc::clone(&self.snapshot),
            parts: parts.to_vec(),
        })
    }

    /// The blocks at the end, with graphs before them that are no larger; else a graph that is mostly dead.
    fn rows_to_seal(&self) -> Option<&[Part]> {
        let (mut total, mut start) = (0, self.parts.len());
        for (at, part) in self.parts.iter().enumerate().rev() {
            let count = part.rows.count();
            let joins = match part.vectors.is_sealed() {
                true => total >= SEALED_FROM && count <= total && count + total <= SEALED_MOST,
                false => true,
            };
            if !joins {
                break;
            }
            (total, start) = (total + count, at);
        }
        if total >= SEALED_FROM {
            return Some(&self.parts[start..]);
        }
        let decayed = |part: &Part| part.vectors.is_sealed() && part.rows.is_mostly_dead();
        let at = self.parts.iter().position(decayed)?;
        self.parts.get(at..=at)
    }

    /// Takes over what was sealed. What was deleted or replaced since the order was given stays so; an order of another
    /// snapshot is passed over.
    pub fn replace_sealed(&mut self, sealed: Sealed) {
        if sealed.snapshot != self.snapshot.id() {
            return;
        }
        let mut rows = Rows::new(sealed.entries, &self.snapshot.manifest().schema);
        let mut alive = RowSet::new(rows.len());
        let mut place = None;
        for (at, part) in self.parts.iter_mut().enumerate() {
            let moved: Vec<_> = part
                .rows
                .iter()
                .filter_map(|(row, entry)| Some((row, rows.row(entry.version)?)))
                .collect();
            if moved.is_empty() {
                continue;
            }
            place = place.or(Some(at));
            for (row, sealed_row) in moved {
                part.rows.kill(row);
                alive.insert(sealed_row);
            }
        }
        let Some(place) = place else {
            return;
        };
        rows.keep(alive);
        let vectors = Arc::new(sealed.vectors);
        self.parts.insert(place, Part { rows, vectors });
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
        Ok(Sealed {
            snapshot: self.snapshot.id().to_owned(),
            entries: entries.map(|(_, entry)| Arc::clone(entry)).collect(),
            vectors: vectors(file),
        })
    }

    fn build(&self, path: &Path) -> Result<impl FnOnce(TempPath) -> Vectors + use<>, IndexError> {
        let base = self.snapshot.index();
        let sources: Vec<_> = self
            .parts
            .iter()
            .map(|part| (&*part.vectors, part.rows.alive().map(|alive| &**alive)))
            .collect();
        let block = merge(&sources, base.dimension(), base.metric())?;
        let settings = BuildSettings {
            recall_target: base.description().recall_target,
            ..BuildSettings::sealing(base.metric())
        };
        block.seal(&settings, &|_| (), path)?;
        let index = alike_indexes::open(path)?;
        Ok(|file| Vectors::Sealed { index, _file: file })
    }
}

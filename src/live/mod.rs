//! The live part: what a collection holds in memory from its log, on top of its snapshot.
//!
//! A [`Live`] is one consistent state: the snapshot (the *base*) and everything that was applied after it. It never
//! changes under a reader: the writer clones it, applies a commit to the clone and publishes that; a clone shares nearly
//! everything with what it was cloned from.
//!
//! ```text
//! base rows      alive: the rows still served; patched: rows whose document is newer than the snapshot's
//! parts          vectors that are newer than the snapshot, in the order they came: small blocks, merged by the
//!                logarithmic method (Bentley and Saxe, J. Algorithms 1980), and graphs sealed out of old ones
//! patches        newer documents of base rows, in runs that are merged the same way
//! ids, by_row    persistent maps: from an id to its live item, from a base row to its patch
//! ```
//!
//! An item is in one place: a base row that is alive, or a row of one part. Who writes an item that is live gives it a
//! new row; the old one is dead, and goes with the next merge. This module knows nothing of HTTP, texts or the log's files.

mod apply;
mod entry;
mod error;
mod filter;
mod items;
mod merge;
mod rows;
mod seal;
mod search;
mod select;
#[cfg(test)]
mod tests;
mod vectors;

pub use entry::{Item, Step};
pub use error::LiveError;
pub use filter::Filter;
pub use items::{ItemRef, Place};
pub use seal::{SealOrder, Sealed};
pub use search::{Asked, Candidate, LiveReport, SearchReport};
pub use select::Selection;

use crate::log::Position;
use crate::snapshot::Snapshot;
use alike_indexes::{IndexError, Metric, RowId, RowSet};
use entry::{ById, Entry};
use rows::{Part, Rows};
use std::collections::BTreeSet;
use std::sync::Arc;

/// One consistent state of a collection. Cheap to clone.
#[derive(Clone)]
pub struct Live {
    snapshot: Arc<Snapshot>,
    position: Position,
    /// Base rows that are served; all of them where there is no set.
    alive: Option<Arc<RowSet>>,
    /// Base rows that are served as the snapshot has them; all of them where there is no set.
    intact: Option<Arc<RowSet>>,
    /// Patches by base row.
    by_row: imbl::HashMap<u32, Arc<Entry>>,
    patches: Vec<Rows>,
    /// Live items by id.
    ids: imbl::HashMap<ById, ()>,
    parts: Vec<Part>,
    /// Names of all fields of documents.
    fields: Arc<BTreeSet<Box<str>>>,
}

/// Where an item was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// The position of the item's last record; [`Position::START`] if it is as the snapshot has it.
    pub version: Position,
    /// Where it is, in this state only.
    pub place: Place,
}

impl Live {
    /// The state of a snapshot with nothing of the log after it.
    #[must_use]
    pub fn new(snapshot: Arc<Snapshot>) -> Self {
        let names = snapshot.manifest().document_fields.iter();
        Self {
            fields: Arc::new(names.map(|name| name.as_str().into()).collect()),
            position: Position(snapshot.manifest().log_position),
            snapshot,
            alive: None,
            intact: None,
            by_row: imbl::HashMap::new(),
            patches: Vec::new(),
            ids: imbl::HashMap::new(),
            parts: Vec::new(),
        }
    }

    /// The snapshot it stands on.
    #[must_use]
    pub fn snapshot(&self) -> &Arc<Snapshot> {
        &self.snapshot
    }

    /// The last record it contains.
    #[must_use]
    pub fn position(&self) -> Position {
        self.position
    }

    /// Takes note of records that change no item.
    pub fn skip_to(&mut self, position: Position) {
        self.position = self.position.max(position);
    }

    /// Where the item named `id` is.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<Found> {
        if let Some((ById(entry), ())) = self.ids.get_key_value(id) {
            return Some(Found {
                version: entry.version,
                place: Place::Live(entry.version),
            });
        }
        let row = self.snapshot.row_of(id).filter(|&row| self.is_alive(row))?;
        Some(Found {
            version: self
                .by_row
                .get(&row.0)
                .map_or(Position::START, |patch| patch.version),
            place: Place::Base(row),
        })
    }

    /// The JSON document of an item.
    #[must_use]
    pub fn document(&self, place: Place) -> Option<&[u8]> {
        match place {
            Place::Base(row) if !self.is_alive(row) => None,
            Place::Base(row) => match self.by_row.get(&row.0) {
                Some(patch) => Some(patch.document.as_bytes()),
                None => self.snapshot.document(row),
            },
            Place::Live(version) => Some(self.live_row(version)?.0.rows.entry(version)?.document.as_bytes()),
        }
    }

    /// The vector of an item as it is compared (metric cosine: normalized).
    #[must_use]
    pub fn vector(&self, place: Place) -> Option<&[f32]> {
        match place {
            Place::Base(row) if !self.is_alive(row) => None,
            Place::Base(row) => self.snapshot.index().vector(row),
            Place::Live(version) => {
                let (part, row) = self.live_row(version)?;
                part.index().vector(row)
            }
        }
    }

    /// Values per vector.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.snapshot.manifest().dimension as usize
    }

    /// How vectors are compared.
    #[must_use]
    pub fn metric(&self) -> Metric {
        self.snapshot.index().metric()
    }

    /// Whether an item can have this vector.
    ///
    /// # Errors
    /// What is wrong with it: its dimension, a number that is not finite, no direction under cosine, too long.
    pub fn check_vector(&self, vector: &[f32]) -> Result<(), IndexError> {
        vectors::check(vector, self.dimension(), self.metric())
    }

    /// Number of items.
    #[must_use]
    pub fn len(&self) -> usize {
        self.snapshot.rows() - self.dead_rows() + self.ids.len()
    }

    /// Whether there are no items.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Items whose vectors are newer than the snapshot.
    #[must_use]
    pub fn live_rows(&self) -> usize {
        self.ids.len()
    }

    /// Rows of the snapshot that were replaced or deleted since.
    #[must_use]
    pub fn dead_rows(&self) -> usize {
        self.alive.as_ref().map_or(0, |alive| alive.len() - alive.count())
    }

    /// Rows of the snapshot with a newer document and the same vector.
    #[must_use]
    pub fn patched_rows(&self) -> usize {
        self.by_row.len()
    }

    /// Bytes of memory that the live part takes, close to what the allocator gives out: documents, ids, values, vectors,
    /// codes, columns and maps; of sealed graphs what searches keep coming back to.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let parts: usize = self.parts.iter().map(Part::bytes).sum();
        let patches: usize = self.patches.iter().map(Rows::bytes).sum();
        let sets: usize = [&self.alive, &self.intact]
            .into_iter()
            .flatten()
            .map(|set| set.len() / 8)
            .sum();
        parts + patches + sets + entry::MAP_BYTES * (self.ids.len() + self.by_row.len())
    }

    /// Names of all fields that documents have or had since the snapshot, sorted.
    pub fn document_fields(&self) -> impl ExactSizeIterator<Item = &str> {
        self.fields.iter().map(AsRef::as_ref)
    }

    /// Whether some document has, or had since the snapshot, a field of this name.
    #[must_use]
    pub fn has_document_field(&self, name: &str) -> bool {
        self.fields.contains(name)
    }

    /// Whether the snapshot's row is as it was, or has a newer document at most.
    #[must_use]
    pub fn is_alive(&self, row: RowId) -> bool {
        match &self.alive {
            Some(alive) => alive.contains(row),
            None => row.index() < self.snapshot.rows(),
        }
    }

    /// The part and row of the live item whose last record is `version`.
    fn live_row(&self, version: Position) -> Option<(&Part, RowId)> {
        let (at, row) = rows::locate(&self.parts, version)?;
        Some((&self.parts[at], row))
    }
}

//! Items: one by place, and all of them in order.

use super::rows::Rows;
use super::{Live, LiveError, Selection};
use crate::log::{Origin, Position};
use alike_indexes::RowId;
use std::fmt;
use std::str::FromStr;

/// Where an item is in one state. Places order items as [`Live::items`] does; as text they are `b` or `l` and a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// A row of the snapshot.
    Base(RowId),
    /// The live item whose last record has this position.
    Live(Position),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Base(row) => write!(f, "b{}", row.0),
            Self::Live(version) => write!(f, "l{version}"),
        }
    }
}

impl FromStr for Place {
    type Err = std::num::ParseIntError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.strip_prefix('l') {
            Some(version) => version.parse().map(|version| Self::Live(Position(version))),
            None => text
                .strip_prefix('b')
                .unwrap_or(text)
                .parse()
                .map(|row| Self::Base(RowId(row))),
        }
    }
}

/// One item of a state.
#[derive(Debug, Clone, Copy)]
pub struct ItemRef<'a> {
    /// Where it is.
    pub place: Place,
    /// The position of its last record; [`Position::START`] if it is as the snapshot has it.
    pub version: Position,
    /// Its id.
    pub id: &'a str,
    /// Its fields but the vector, as one JSON object.
    pub document: &'a [u8],
    /// Its vector as it is compared (metric cosine: normalized).
    pub vector: &'a [f32],
    /// What made its vector, where that is newer than the snapshot; see [`crate::snapshot::Snapshot::text_digests`] for
    /// vectors that are not.
    pub origin: Option<Origin>,
}

impl ItemRef<'_> {
    /// The row of the snapshot that holds its vector; none for a live item.
    #[must_use]
    pub fn row(&self) -> Option<RowId> {
        match self.place {
            Place::Base(row) => Some(row),
            Place::Live(_) => None,
        }
    }
}

impl Live {
    /// The item at a place; none where there is none in this state.
    ///
    /// # Errors
    /// The snapshot has nothing readable for its row.
    pub fn item(&self, place: Place) -> Result<Option<ItemRef<'_>>, LiveError> {
        match place {
            Place::Base(row) if !self.is_alive(row) => Ok(None),
            Place::Base(row) => self.base_item(row).map(Some),
            Place::Live(version) => {
                let Some((part, row)) = self.live_row(version) else {
                    return Ok(None);
                };
                let vector = part.index().vector(row).unwrap_or(&[]);
                Ok(live_item(&part.rows, row, vector))
            }
        }
    }

    /// Every item once: base rows in their order, then live items in the order in which they were last written.
    pub fn items(&self) -> impl Iterator<Item = Result<ItemRef<'_>, LiveError>> {
        let base = (0..self.snapshot.rows() as u32)
            .map(RowId)
            .filter(|&row| self.is_alive(row));
        let live = self.parts.iter().flat_map(|part| {
            let vector = |row| part.index().vector(row).unwrap_or(&[]);
            part.rows
                .iter()
                .filter_map(move |(row, _)| live_item(&part.rows, row, vector(row)))
        });
        base.map(|row| self.base_item(row)).chain(live.map(Ok))
    }

    /// Where the items are whose vectors are newer than the snapshot, in the order in which they were last written.
    pub fn live_places(&self) -> impl Iterator<Item = Place> {
        let rows = self.parts.iter().flat_map(|part| part.rows.iter());
        rows.map(|(_, entry)| Place::Live(entry.version))
    }

    /// Rows of the snapshot with a newer document and the same vector.
    pub fn patched(&self) -> impl Iterator<Item = RowId> {
        self.by_row.keys().map(|&row| RowId(row))
    }

    /// The selected items after `after`, in the order of [`Live::items`]. `selection` is of this state.
    pub fn items_after<'a>(
        &'a self,
        selection: &'a Selection<'a>,
        after: Option<Place>,
    ) -> impl Iterator<Item = Result<ItemRef<'a>, LiveError>> {
        let (start, version) = match after {
            None => (0, Position::START),
            Some(Place::Base(row)) => (row.0.saturating_add(1), Position::START),
            Some(Place::Live(version)) => (u32::MAX, version),
        };
        let rows = (start..self.snapshot.rows() as u32).map(RowId);
        let base = rows
            .filter(|&row| selection.has_base(row))
            .map(|row| self.base_item(row));
        let parts = self
            .parts
            .iter()
            .enumerate()
            .filter(move |(_, part)| part.rows.last() > version);
        let live = parts.flat_map(move |(at, part)| {
            let rows = part.rows.iter_from(part.rows.after(version));
            rows.filter(move |(row, _)| selection.has_row(at, *row))
                .filter_map(|(row, _)| live_item(&part.rows, row, part.index().vector(row).unwrap_or(&[])))
        });
        base.chain(live.map(Ok))
    }

    fn base_item(&self, row: RowId) -> Result<ItemRef<'_>, LiveError> {
        let unreadable = |what| LiveError::Unreadable {
            snapshot: self.snapshot.id().to_owned(),
            what,
            row: row.0,
        };
        let patch = self.by_row.get(&row.0);
        let document = match patch {
            Some(patch) => Some(patch.document.as_bytes()),
            None => self.snapshot.document(row),
        };
        Ok(ItemRef {
            place: Place::Base(row),
            version: patch.map_or(Position::START, |patch| patch.version),
            id: self.snapshot.item_id(row).ok_or_else(|| unreadable("id"))?,
            document: document.ok_or_else(|| unreadable("document"))?,
            vector: self
                .snapshot
                .index()
                .vector(row)
                .ok_or_else(|| unreadable("vector"))?,
            origin: None,
        })
    }
}

fn live_item<'a>(rows: &'a Rows, row: RowId, vector: &'a [f32]) -> Option<ItemRef<'a>> {
    let entry = rows.get(row)?;
    Some(ItemRef {
        place: Place::Live(entry.version),
        version: entry.version,
        id: entry.id(),
        document: entry.document.as_bytes(),
        vector,
        origin: entry.origin,
    })
}

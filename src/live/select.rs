//! Which items pass a filter.

use super::{Filter, Live, Place};
use alike_indexes::{RowId, RowSet};
use std::borrow::Cow;

/// The items of a state that pass a filter, or all of them. Where nothing is filtered or dead there is no set to make.
pub struct Selection<'a> {
    live: &'a Live,
    pub(super) base: Option<Cow<'a, RowSet>>,
    pub(super) parts: Vec<Option<Cow<'a, RowSet>>>,
}

impl Live {
    /// The items that pass, or all of them.
    #[must_use]
    pub fn select(&self, filter: Option<&Filter>) -> Selection<'_> {
        let Some(filter) = filter else {
            let parts = self
                .parts
                .iter()
                .map(|part| part.rows.alive().map(|alive| Cow::Borrowed(&**alive)));
            return Selection {
                live: self,
                base: self.alive.as_deref().map(Cow::Borrowed),
                parts: parts.collect(),
            };
        };
        let parts = self
            .parts
            .iter()
            .map(|part| Some(Cow::Owned(part.rows.select(filter))));
        Selection {
            live: self,
            base: Some(Cow::Owned(self.select_base(filter))),
            parts: parts.collect(),
        }
    }

    /// The base rows that pass: those that are as the snapshot has them by its columns, patched ones by their patches.
    fn select_base(&self, filter: &Filter) -> RowSet {
        let column = |at: usize, test: &_, rows: &mut _| {
            if let Some(column) = self.snapshot.column(at) {
                column.select(test, rows);
            }
        };
        let mut selected = filter.select(self.snapshot.rows(), &column);
        if let Some(intact) = &self.intact {
            selected.and(intact);
        }
        for patches in &self.patches {
            let passing = patches.select(filter);
            for row in passing.iter().filter_map(|row| patches.get(row)?.row()) {
                selected.insert(row);
            }
        }
        selected
    }
}

impl<'a> Selection<'a> {
    /// The same without the items at some places.
    #[must_use]
    pub fn without(&self, places: impl IntoIterator<Item = Place>) -> Self {
        let mut left = Self {
            live: self.live,
            base: self.base.clone(),
            parts: self.parts.clone(),
        };
        places.into_iter().for_each(|place| left.remove(place));
        left
    }

    fn remove(&mut self, place: Place) {
        let (selected, rows, row) = match place {
            Place::Base(row) => (&mut self.base, self.live.snapshot.rows(), row),
            Place::Live(version) => {
                let Some((at, row)) = super::rows::locate(&self.live.parts, version) else {
                    return;
                };
                let Some(selected) = self.parts.get_mut(at) else {
                    return;
                };
                (selected, self.live.parts[at].rows.len(), row)
            }
        };
        let all = || Cow::Owned(RowSet::full(rows));
        selected.get_or_insert_with(all).to_mut().remove(row);
    }

    /// How many items there are in it.
    #[must_use]
    pub fn count(&self) -> usize {
        let base = self
            .base
            .as_ref()
            .map_or(self.live.snapshot.rows(), |rows| rows.count());
        let parts = self.parts.iter().zip(&self.live.parts);
        let live: usize = parts
            .map(|(selected, part)| selected.as_ref().map_or(part.rows.len(), |rows| rows.count()))
            .sum();
        base + live
    }

    /// Whether the item at this place is in it.
    #[must_use]
    pub fn admits(&self, place: Place) -> bool {
        match place {
            Place::Base(row) => self.has_base(row),
            Place::Live(version) => {
                let found = super::rows::locate(&self.live.parts, version);
                found.is_some_and(|(part, row)| self.has_row(part, row))
            }
        }
    }

    pub(super) fn has_base(&self, row: RowId) -> bool {
        match &self.base {
            Some(rows) => rows.contains(row),
            None => row.index() < self.live.snapshot.rows(),
        }
    }

    pub(super) fn has_row(&self, part: usize, row: RowId) -> bool {
        match self.parts.get(part) {
            Some(Some(rows)) => rows.contains(row),
            Some(None) => true,
            None => false,
        }
    }
}

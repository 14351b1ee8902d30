//! Documents that came together, with their columns; and with their vectors, as a part.

use super::entry::Entry;
use super::filter::Filter;
use super::vectors::Vectors;
use crate::log::Position;
use crate::schema::Schema;
use crate::snapshot::{Columns, ColumnsBuilder};
use alike_indexes::{Index, RowId, RowSet};
use std::sync::Arc;

/// Fewer rows than this are judged one by one: building columns would take longer than a few filters save.
const COLUMNS_FROM: usize = 256;

/// Entries in the order of their versions; some may be dead.
#[derive(Clone)]
pub(super) struct Rows {
    entries: Arc<[Arc<Entry>]>,
    /// The entries' versions, side by side.
    versions: Arc<[Position]>,
    columns: Option<Arc<Columns>>,
    /// The rows that are served; all of them where there is no set.
    alive: Option<Arc<RowSet>>,
    bytes: usize,
}

impl Rows {
    /// Rows that are all alive. `entries` ascend in version.
    pub(super) fn new(entries: Vec<Arc<Entry>>, schema: &Schema) -> Self {
        let columns = (entries.len() >= COLUMNS_FROM).then(|| {
            let mut columns = ColumnsBuilder::new(schema);
            for (row, entry) in (0..).map(RowId).zip(&entries) {
                columns.push(row, &entry.values);
            }
            Arc::new(columns.finish())
        });
        let held: usize = entries.iter().map(|entry| entry.bytes()).sum();
        Self {
            versions: entries.iter().map(|entry| entry.version).collect(),
            bytes: held + columns.as_ref().map_or(0, |columns| columns.bytes()),
            entries: entries.into(),
            columns,
            alive: None,
        }
    }

    /// All rows, dead ones too.
    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    /// Rows that are alive.
    pub(super) fn count(&self) -> usize {
        self.alive.as_ref().map_or(self.len(), |alive| alive.count())
    }

    pub(super) fn alive(&self) -> Option<&Arc<RowSet>> {
        self.alive.as_ref()
    }

    pub(super) fn is_alive(&self, row: RowId) -> bool {
        match &self.alive {
            Some(alive) => alive.contains(row),
            None => row.index() < self.len(),
        }
    }

    /// Bytes of memory, dead rows included, since they are there until a merge drops them.
    pub(super) fn bytes(&self) -> usize {
        self.bytes + self.alive.as_ref().map_or(0, |alive| alive.len() / 8)
    }

    /// The version of the last row, dead or not.
    pub(super) fn last(&self) -> Position {
        self.entries.last().map_or(Position::START, |entry| entry.version)
    }

    /// The version of the first row that is alive.
    pub(super) fn first_alive(&self) -> Option<Position> {
        self.iter().next().map(|(_, entry)| entry.version)
    }

    /// The row of this version, if it is alive.
    pub(super) fn row(&self, version: Position) -> Option<RowId> {
        let at = self.versions.binary_search(&version);
        at.ok()
            .map(|at| RowId(at as u32))
            .filter(|&row| self.is_alive(row))
    }

    /// The entry of this version, if it is alive.
    pub(super) fn entry(&self, version: Position) -> Option<&Arc<Entry>> {
        self.get(self.row(version)?)
    }

    /// The entry of a row, dead or not.
    pub(super) fn get(&self, row: RowId) -> Option<&Arc<Entry>> {
        self.entries.get(row.index())
    }

    /// Entries that are alive, from row `start` on.
    pub(super) fn iter_from(&self, start: usize) -> impl Iterator<Item = (RowId, &Arc<Entry>)> {
        let rows = self.entries.iter().enumerate().skip(start);
        rows.map(|(row, entry)| (RowId(row as u32), entry))
            .filter(|(row, _)| self.is_alive(*row))
    }

    /// Entries that are alive.
    pub(super) fn iter(&self) -> impl Iterator<Item = (RowId, &Arc<Entry>)> {
        self.iter_from(0)
    }

    /// The first row with a version after this one.
    pub(super) fn after(&self, version: Position) -> usize {
        self.versions.partition_point(|known| *known <= version)
    }

    /// Whether more rows are dead than alive.
    pub(super) fn is_mostly_dead(&self) -> bool {
        2 * self.count() < self.len()
    }

    pub(super) fn kill(&mut self, row: RowId) {
        let alive = self
            .alive
            .get_or_insert_with(|| Arc::new(RowSet::full(self.entries.len())));
        Arc::make_mut(alive).remove(row);
    }

    /// Rows that are alive both here and in `other`, as pairs of the row here and the one there.
    pub(super) fn shared_with(&self, other: &Self) -> Vec<(RowId, RowId)> {
        let rows = self.versions.first().map_or(0..0, |first| {
            other.versions.partition_point(|version| version < first)..other.after(self.last())
        });
        let mut here = self.versions.iter().zip((0..).map(RowId)).peekable();
        let mut shared = Vec::with_capacity(rows.len());
        for row in rows {
            let version = other.versions[row];
            while here.next_if(|(known, _)| **known < version).is_some() {}
            if let Some((_, known)) = here.next_if(|(known, _)| **known == version) {
                shared.push((known, RowId(row as u32)));
            }
        }
        shared.retain(|&(here, there)| self.is_alive(here) && other.is_alive(there));
        shared
    }

    /// Makes these rows those that are alive.
    pub(super) fn keep(&mut self, alive: RowSet) {
        self.alive = (alive.count() < self.len()).then(|| Arc::new(alive));
    }

    /// The rows that are alive and pass.
    pub(super) fn select(&self, filter: &Filter) -> RowSet {
        let Some(columns) = &self.columns else {
            let mut selected = RowSet::new(self.len());
            for (row, entry) in self.iter() {
                if filter.matches(&entry.values) {
                    selected.insert(row);
                }
            }
            return selected;
        };
        let column = |at: usize, test: &_, rows: &mut _| columns.select(at, test, rows);
        let mut selected = filter.select(self.len(), &column);
        if let Some(alive) = &self.alive {
            selected.and(alive);
        }
        selected
    }
}

/// Live rows: documents and vectors.
#[derive(Clone)]
pub(super) struct Part {
    pub(super) rows: Rows,
    pub(super) vectors: Arc<Vectors>,
}

impl Part {
    pub(super) fn index(&self) -> &dyn Index {
        self.vectors.index()
    }

    pub(super) fn bytes(&self) -> usize {
        self.rows.bytes() + self.vectors.bytes()
    }
}

/// The part and row of this version, if it is alive. Parts ascend in version.
pub(super) fn locate(parts: &[Part], version: Position) -> Option<(usize, RowId)> {
    let at = parts.partition_point(|part| part.rows.last() < version);
    Some((at, parts.get(at)?.rows.row(version)?))
}

/// As [`locate`], of patches.
pub(super) fn locate_rows(patches: &[Rows], version: Position) -> Option<(usize, RowId)> {
    let at = patches.partition_point(|rows| rows.last() < version);
    Some((at, patches.get(at)?.row(version)?))
}

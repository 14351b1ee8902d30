//! Applying a commit.

use super::Live;
use super::entry::{ById, Entry, Item, Owner, Step};
use super::rows::{Part, Rows, locate, locate_rows};
use super::vectors::{block, check};
use crate::log::Position;
use crate::schema::FieldValues;
use alike_indexes::{IndexError, RowId, RowSet};
use rayon::prelude::*;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Most rows that one commit puts into one part.
const CHUNK_ROWS: usize = 8_192;
/// From here on (a replay), work is shared among threads; a commit waits for no other thread.
const PARALLEL_FROM: usize = 4_096;

/// What a commit brings, before it is in a part.
#[derive(Default)]
struct Grown {
    items: Vec<(Arc<Entry>, Arc<[f32]>)>,
    patches: Vec<Arc<Entry>>,
    /// Whether some of it is dead already.
    died: bool,
}

impl Live {
    /// Applies changes in the order of their positions; those at or before [`Live::position`] are in it already. What was
    /// cloned before stays as it is.
    ///
    /// Takes microseconds for one change, whatever the number of live rows, but for a merge of up to 1,024 rows now and
    /// then. Items must have passed [`Live::check_vector`]; one that could never be compared is left out and logged.
    pub fn apply(&mut self, steps: impl IntoIterator<Item = (Position, Step)>) {
        let known = self.position;
        let steps: Vec<(Position, Step)> = steps
            .into_iter()
            .filter(|(position, _)| *position > known)
            .collect();
        let Some(&(last, _)) = steps.last() else {
            return;
        };
        self.note_fields(&steps);
        let rows = self.base_rows(&steps);
        let mut grown = Grown::default();
        for ((version, step), row) in steps.into_iter().zip(rows) {
            match step {
                Step::Put(item) => {
                    let item = Arc::try_unwrap(item).unwrap_or_else(|shared| Item::clone(&shared));
                    self.put(version, item, row, &mut grown);
                }
                Step::Update { id, document, values } => {
                    self.update(version, (id, document, values), row, &mut grown);
                }
                Step::Delete { id } => self.remove(&id, row, &mut grown),
            }
        }
        self.grow(grown);
        self.tidy();
        self.position = last;
    }

    /// The base row of every step's id, dead or not.
    fn base_rows(&self, steps: &[(Position, Step)]) -> Vec<Option<RowId>> {
        let row = |(_, step): &(Position, Step)| self.snapshot.row_of(step.id());
        match steps.len() {
            PARALLEL_FROM.. => steps.par_iter().map(row).collect(),
            _ => steps.iter().map(row).collect(),
        }
    }

    /// Takes note of document fields that are new.
    fn note_fields(&mut self, steps: &[(Position, Step)]) {
        let known = &*self.fields;
        let unknown = |(_, step): &(Position, Step)| match step {
            Step::Put(item) => unknown_fields(&item.document, known),
            Step::Update { document, .. } => unknown_fields(document, known),
            Step::Delete { .. } => Vec::new(),
        };
        let new: Vec<Box<str>> = match steps.len() {
            PARALLEL_FROM.. => steps.par_iter().flat_map_iter(unknown).collect(),
            _ => steps.iter().flat_map(unknown).collect(),
        };
        if !new.is_empty() {
            Arc::make_mut(&mut self.fields).extend(new);
        }
    }

    fn put(&mut self, version: Position, item: Item, row: Option<RowId>, grown: &mut Grown) {
        if item.vector.len() != self.dimension() {
            tracing::error!(id = %item.id, %version, numbers = item.vector.len(), "an item's vector has another dimension: left out");
            return;
        }
        self.remove(&item.id, row, grown);
        let entry = Entry {
            owner: Owner::Item(item.id),
            version,
            document: item.document,
            values: item.values.into(),
            origin: item.origin,
        };
        self.insert(entry, item.vector, grown);
    }

    fn insert(&mut self, entry: Entry, vector: Arc<[f32]>, grown: &mut Grown) {
        let entry = Arc::new(entry);
        self.ids.insert(ById(Arc::clone(&entry)), ());
        grown.items.push((entry, vector));
    }

    fn update(
        &mut self,
        version: Position,
        (id, document, values): (Box<str>, Box<str>, Vec<FieldValues>),
        row: Option<RowId>,
        grown: &mut Grown,
    ) {
        let values = values.into();
        if let Some((ById(old), ())) = self.ids.get_key_value(&*id) {
            let old = Arc::clone(old);
            let Some(vector) = self.vector_of(&old, grown) else {
                return;
            };
            let origin = old.origin;
            self.remove(&id, row, grown);
            let owner = Owner::Item(id);
            let entry = Entry {
                owner,
                version,
                document,
                values,
                origin,
            };
            self.insert(entry, vector, grown);
        } else if let Some(row) = row.filter(|&row| self.is_alive(row)) {
            let owner = Owner::Row(row);
            let patch = Arc::new(Entry {
                owner,
                version,
                document,
                values,
                origin: None,
            });
            match self.by_row.insert(row.0, Arc::clone(&patch)) {
                Some(old) => self.kill_patch(old.version, grown),
                None => take_out(&mut self.intact, row, self.snapshot.rows()),
            }
            grown.patches.push(patch);
        }
    }

    /// The vector of a live item, which this commit may have brought.
    fn vector_of(&self, entry: &Entry, grown: &Grown) -> Option<Arc<[f32]>> {
        if entry.version > self.position {
            let at = grown
                .items
                .binary_search_by_key(&entry.version, |(entry, _)| entry.version);
            return Some(Arc::clone(&grown.items[at.ok()?].1));
        }
        let (part, row) = self.live_row(entry.version)?;
        part.index().vector(row).map(Arc::from)
    }

    /// Takes out the item of this id, wherever it is.
    fn remove(&mut self, id: &str, row: Option<RowId>, grown: &mut Grown) {
        let live = self.ids.get_key_value(id).map(|(ById(entry), ())| entry.version);
        if let Some(version) = live {
            self.ids.remove(id);
            if version > self.position {
                grown.died = true;
            } else if let Some((at, row)) = locate(&self.parts, version) {
                self.parts[at].rows.kill(row);
            }
        } else if let Some(row) = row.filter(|&row| self.is_alive(row)) {
            take_out(&mut self.alive, row, self.snapshot.rows());
            take_out(&mut self.intact, row, self.snapshot.rows());
            if let Some(patch) = self.by_row.remove(&row.0) {
                self.kill_patch(patch.version, grown);
            }
        }
    }

    fn kill_patch(&mut self, version: Position, grown: &mut Grown) {
        if version > self.position {
            grown.died = true;
        } else if let Some((at, row)) = locate_rows(&self.patches, version) {
            self.patches[at].kill(row);
        }
    }

    /// Makes parts and patches of what came, and merges them with those before.
    fn grow(&mut self, grown: Grown) {
        let Grown {
            mut items,
            mut patches,
            died,
        } = grown;
        if died {
            items.retain(|(entry, _)| {
                self.find(entry.id())
                    .is_some_and(|found| found.version == entry.version)
            });
            patches.retain(|patch| {
                let row = patch.row().and_then(|row| self.by_row.get(&row.0));
                row.is_some_and(|newest| newest.version == patch.version)
            });
        }
        if !items.is_empty() {
            self.grow_items(&items);
        }
        if !patches.is_empty() {
            let schema = &self.snapshot.manifest().schema;
            let made = patches
                .chunks(CHUNK_ROWS)
                .map(|chunk| Rows::new(chunk.to_vec(), schema));
            self.patches.extend(made);
            self.merge_patches(self.patches.len() - 1);
        }
    }

    fn grow_items(&mut self, items: &[(Arc<Entry>, Arc<[f32]>)]) {
        let made: Vec<_> = match items.len() {
            PARALLEL_FROM.. => {
                let share = items.len().div_ceil(rayon::current_num_threads());
                let chunks: Vec<_> = items.chunks(share.min(CHUNK_ROWS)).collect();
                chunks
                    .into_par_iter()
                    .map(|chunk| (chunk, self.part(chunk)))
                    .collect()
            }
            _ => vec![(items, self.part(items))],
        };
        for (chunk, part) in made {
            match part {
                Ok(part) => self.parts.push(part),
                Err(_) => self.grow_without_unusable(chunk),
            }
        }
        self.merge_parts(self.parts.len().saturating_sub(1));
    }

    fn part(&self, items: &[(Arc<Entry>, Arc<[f32]>)]) -> Result<Part, IndexError> {
        let vectors = items.iter().map(|(_, vector)| &**vector);
        let vectors = block(vectors, self.dimension(), self.metric())?;
        let entries = items.iter().map(|(entry, _)| Arc::clone(entry)).collect();
        Ok(self.part_of(entries, vectors))
    }

    /// As a chunk that holds a vector that cannot be compared: the rest is served.
    fn grow_without_unusable(&mut self, items: &[(Arc<Entry>, Arc<[f32]>)]) {
        let mut usable = Vec::with_capacity(items.len());
        for (entry, vector) in items {
            match check(vector, self.dimension(), self.metric()) {
                Ok(()) => usable.push((Arc::clone(entry), Arc::clone(vector))),
                Err(error) => {
                    tracing::error!(id = entry.id(), version = %entry.version, %error, "an item cannot be compared: left out");
                    self.ids.remove(entry.id());
                }
            }
        }
        match self.part(&usable) {
            Ok(part) => self.parts.push(part),
            Err(error) => tracing::error!(%error, items = usable.len(), "items cannot be compared: left out"),
        }
    }
}

/// Takes a row out of a set that stands for all rows where there is none.
fn take_out(set: &mut Option<Arc<RowSet>>, row: RowId, rows: usize) {
    let set = set.get_or_insert_with(|| Arc::new(RowSet::full(rows)));
    Arc::make_mut(set).remove(row);
}

/// The names of a document's fields that are not known yet.
fn unknown_fields(document: &str, known: &BTreeSet<Box<str>>) -> Vec<Box<str>> {
    let mut json = serde_json::Deserializer::from_str(document);
    json.deserialize_map(UnknownFields(known)).unwrap_or_default()
}

struct UnknownFields<'a>(&'a BTreeSet<Box<str>>);

impl<'de> Visitor<'de> for UnknownFields<'_> {
    type Value = Vec<Box<str>>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a document")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut unknown = Vec::new();
        while let Some((name, IgnoredAny)) = map.next_entry::<Cow<'de, str>, _>()? {
            if !self.0.contains(&*name) {
                unknown.push(name.into());
            }
        }
        Ok(unknown)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_fields_are_named() {
        let known = ["id", "a"].map(Box::from).into();
        assert_eq!(
            unknown_fields(r#"{"id": "1", "b": {"a": [1]}, "a": null}"#, &known),
            ["b".into()]
        );
        assert_eq!(unknown_fields(r#"{"\u00e9": 1}"#, &known), ["é".into()]);
    }
}

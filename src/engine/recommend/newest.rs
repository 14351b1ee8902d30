//! What has come last.
//!
//! Newest first by a timestamp of the items: the first of [`FIELDS`] that the schema declares as one. Items without a
//! time come after all others, in the order of the catalog; without such a field, what was written last comes first. So
//! this strategy knows every item, and ends every fallback chain.

use super::fields::time_of;
use super::scene::Scene;
use crate::engine::{EngineError, View};
use crate::live::Place;
use crate::ranking::{Candidate, Strategy};
use crate::schema::FieldType;
use alike_indexes::RowId;
use moka::sync::Cache;
use rayon::prelude::*;
use std::collections::HashSet;
use std::sync::Arc;

/// Where an item's age is looked for, in this order.
pub(super) const FIELDS: [&str; 5] = ["created", "created_at", "published", "published_at", "date"];

/// Orders that are kept.
const KEPT: u64 = 16;

/// Items with a time, newest first.
type Order = Arc<Vec<(i64, Place)>>;

/// The order of snapshots, which never changes, and of what came after them.
pub(super) struct Newest {
    /// By snapshot and field.
    base: Cache<(String, &'static str), Order>,
    /// By snapshot, position and field.
    live: Cache<(String, u64, &'static str), Order>,
}

impl Default for Newest {
    fn default() -> Self {
        Self {
            base: Cache::new(KEPT),
            live: Cache::new(KEPT),
        }
    }
}

impl Newest {
    /// Rows of the snapshot as it has them. Those that are gone or were changed since are among them.
    fn of_snapshot(&self, view: &View, field: &'static str) -> Order {
        let snapshot = view.snapshot();
        self.base.get_with((snapshot.id().to_owned(), field), || {
            let rows = (0..snapshot.rows() as u32).into_par_iter();
            let dated = rows.filter_map(|row| {
                let document = snapshot.document(RowId(row))?;
                Some((time_of(document, field)?, Place::Base(RowId(row))))
            });
            Arc::new(newest_first(dated.collect()))
        })
    }

    /// What has a newer document than the snapshot.
    fn of_changes(&self, view: &View, field: &'static str) -> Order {
        let key = (view.snapshot().id().to_owned(), view.position().0, field);
        self.live.get_with(key, || {
            let live = view.live();
            let patched = live.patched().map(Place::Base);
            let dated = patched.chain(live.live_places()).filter_map(|place| {
                let document = live.document(place)?;
                Some((time_of(document, field)?, place))
            });
            Arc::new(newest_first(dated.collect()))
        })
    }
}

fn newest_first(mut dated: Vec<(i64, Place)>) -> Vec<(i64, Place)> {
    dated.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(&b.1)));
    dated
}

/// The newest items that may be shown. Scores fall evenly from 1.
pub(super) fn gather(scene: &Scene<'_>) -> Result<Vec<Candidate>, EngineError> {
    let places = match field_of(scene.view) {
        Some(field) => dated(scene, field)?,
        None => last_written(scene),
    };
    let candidate = |(at, place)| Candidate {
        place,
        score: 1.0 - at as f32 / scene.depth as f32,
        strategy: Strategy::New,
    };
    Ok(places.into_iter().enumerate().map(candidate).collect())
}

fn field_of(view: &View) -> Option<&'static str> {
    let fields = &view.snapshot().manifest().schema.fields;
    let is_time = |name: &&str| {
        let field = fields.get(*name);
        field.is_some_and(|field| field.kind == FieldType::Timestamp)
    };
    FIELDS.into_iter().find(is_time)
}

fn dated(scene: &Scene<'_>, field: &'static str) -> Result<Vec<Place>, EngineError> {
    let base = scene.orders.newest.of_snapshot(scene.view, field);
    let changes = scene.orders.newest.of_changes(scene.view, field);
    let patched: HashSet<Place> = scene.view.live().patched().map(Place::Base).collect();
    let base = base.iter().filter(|(_, place)| !patched.contains(place));
    let mut places: Vec<Place> = merged(base, changes.iter())
        .filter(|&place| scene.admits(place))
        .take(scene.depth)
        .collect();
    let dated: HashSet<Place> = places.iter().copied().collect();
    for item in scene.view.live().items_after(scene.selection, None) {
        if places.len() >= scene.depth {
            break;
        }
        let place = item.map_err(|error| scene.view.unreadable(&error))?.place;
        if !dated.contains(&place) && scene.admits(place) {
            places.push(place);
        }
    }
    Ok(places)
}

/// Two lists that are newest first, as one that is.
fn merged<'a>(
    a: impl Iterator<Item = &'a (i64, Place)>,
    b: impl Iterator<Item = &'a (i64, Place)>,
) -> impl Iterator<Item = Place> {
    let (mut a, mut b) = (a.peekable(), b.peekable());
    std::iter::from_fn(move || {
        let first = match (a.peek(), b.peek()) {
            (Some(left), Some(right)) => left.0 > right.0,
            (left, _) => left.is_some(),
        };
        let next = if first { a.next() } else { b.next() };
        next.map(|(_, place)| *place)
    })
}

fn last_written(scene: &Scene<'_>) -> Vec<Place> {
    let mut live: Vec<Place> = scene.view.live().live_places().collect();
    live.reverse();
    let base = (0..scene.view.snapshot().rows() as u32).rev();
    let all = live.into_iter().chain(base.map(|row| Place::Base(RowId(row))));
    all.filter(|&place| scene.admits(place))
        .take(scene.depth)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_orders_become_one() {
        let place = |row| Place::Base(RowId(row));
        let a = [(9, place(0)), (5, place(1)), (1, place(2))];
        let b = [(7, place(3)), (5, place(4))];
        let rows: Vec<Place> = merged(a.iter(), b.iter()).collect();
        assert_eq!(rows, [0, 3, 4, 1, 2].map(place));
        assert_eq!(merged(a[..0].iter(), b.iter()).count(), 2);
        assert_eq!(merged(a.iter(), b[..0].iter()).count(), 3);
    }
}

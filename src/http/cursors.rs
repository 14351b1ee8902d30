//! Cursors: where a scroll goes on, in the view in which it began.
//!
//! A cursor names a view that is held here and a place in it; both mean nothing elsewhere. The view of a scroll that rests
//! longer than `server.scroll_ttl_ms` is let go, and so is that of the one that rests longest when there are too many.

use super::problem::Problem;
use crate::engine::View;
use crate::live::Place;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use serde_json::Value;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Most views that are held.
const MAX_HELD: u64 = 100;

type Id = [u8; 16];

/// Bytes of a cursor's checksum.
const SUM: usize = 4;

/// The views that scrolls hold.
pub(super) struct Cursors {
    held: Cache<Id, Arc<Held>>,
    ttl: Duration,
    /// Makes ids of another process other ids.
    seed: u64,
    count: AtomicU64,
}

/// What a scroll began with.
pub(super) struct Held {
    pub(super) view: Arc<View>,
    pub(super) filter: Option<Value>,
    pub(super) fields: Option<Vec<String>>,
    pub(super) limit: usize,
}

/// One scroll.
pub(super) struct Scrolling {
    id: Id,
    pub(super) held: Arc<Held>,
}

impl Cursors {
    pub(super) fn new(ttl: Duration) -> Self {
        Self {
            held: Cache::builder()
                .max_capacity(MAX_HELD)
                .time_to_idle(ttl)
                .eviction_policy(EvictionPolicy::lru())
                .build(),
            ttl,
            seed: RandomState::new().build_hasher().finish(),
            count: AtomicU64::new(0),
        }
    }

    /// Begins a scroll. Its view is held from its first cursor on.
    pub(super) fn begin(
        &self,
        view: Arc<View>,
        filter: Option<Value>,
        fields: Option<Vec<String>>,
        limit: usize,
    ) -> Scrolling {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        let seed = [self.seed.to_le_bytes(), number.to_le_bytes()].concat();
        let mut id = Id::default();
        id.copy_from_slice(&blake3::hash(&seed).as_bytes()[..16]);
        let held = Held {
            view,
            filter,
            fields,
            limit,
        };
        Scrolling {
            id,
            held: Arc::new(held),
        }
    }

    /// A cursor that goes on after `place`.
    pub(super) fn cursor(&self, scrolling: &Scrolling, place: Place) -> String {
        self.held.insert(scrolling.id, Arc::clone(&scrolling.held));
        encode(scrolling.id, place)
    }

    /// The scroll of a cursor, and where it goes on.
    ///
    /// # Errors
    /// It is none, or its view is not held any more.
    pub(super) fn find(&self, cursor: &str) -> Result<(Scrolling, Place), Problem> {
        let Some((id, place)) = decode(cursor) else {
            let detail = "cursor: is none that a scroll has answered with; give it as it was, or leave it out to begin anew";
            return Err(Problem::invalid(detail).with_field("cursor"));
        };
        match self.held.get(&id) {
            Some(held) => Ok((Scrolling { id, held }, place)),
            None => Err(Problem::gone(format!(
                "cursor: its view is not held any more: it rested for more than {} ms (server.scroll_ttl_ms), {MAX_HELD} newer \
                 scrolls needed the room, or the server was restarted; begin the scroll anew",
                self.ttl.as_millis()
            ))
            .with_field("cursor")),
        }
    }

    /// Lets go of views that have rested too long, also while nobody scrolls.
    pub(super) fn let_go(&self) {
        self.held.run_pending_tasks();
    }
}

/// Id, place, and a checksum that tells a typing error from a cursor.
fn encode(id: Id, place: Place) -> String {
    let mut bytes = id.to_vec();
    bytes.extend_from_slice(place.to_string().as_bytes());
    let sum = checksum(&bytes);
    bytes.extend_from_slice(&sum);
    URL_SAFE_NO_PAD.encode(bytes)
}

fn decode(cursor: &str) -> Option<(Id, Place)> {
    let bytes = URL_SAFE_NO_PAD.decode(cursor).ok()?;
    let (payload, sum) = bytes.split_at_checked(bytes.len().checked_sub(SUM)?)?;
    if checksum(payload) != *sum {
        return None;
    }
    let (id, place) = payload.split_at_checked(size_of::<Id>())?;
    let place = std::str::from_utf8(place).ok()?;
    Some((id.try_into().ok()?, place.parse().ok()?))
}

fn checksum(payload: &[u8]) -> [u8; SUM] {
    let mut sum = [0; SUM];
    sum.copy_from_slice(&blake3::hash(payload).as_bytes()[..SUM]);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::Position;
    use alike_indexes::RowId;

    #[test]
    fn a_cursor_is_read_as_it_was_written() {
        for (id, place) in [
            ([0; 16], Place::Base(RowId(0))),
            ([7; 16], Place::Base(RowId(u32::MAX))),
            ([255; 16], Place::Live(Position(u64::MAX))),
        ] {
            assert_eq!(decode(&encode(id, place)), Some((id, place)));
        }
    }

    #[test]
    fn what_is_no_cursor_is_not_read() {
        let good = encode([3; 16], Place::Live(Position(5)));
        for at in 0..good.len() {
            let mut wrong = good.clone().into_bytes();
            wrong[at] = if wrong[at] == b'A' { b'B' } else { b'A' };
            let wrong = String::from_utf8(wrong).unwrap();
            assert_eq!(decode(&wrong), None, "{wrong}");
        }
        for wrong in [
            "",
            "x",
            "🦀",
            &good[1..],
            &good[..good.len() - 4],
            &format!("{good}AAAA"),
        ] {
            assert_eq!(decode(wrong), None, "{wrong}");
        }
    }
}

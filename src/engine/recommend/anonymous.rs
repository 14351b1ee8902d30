//! Rankings of calls that name nobody: everybody gets the same, so it is made once for all of them.

use super::cache::{Kept, Shared};
use super::call::Wanted;
use super::rank::{Ranking, rank};
use super::{Ages, Orders, Outcome, Recommend};
use crate::engine::{EngineError, View};
use alike_indexes::Effort;
use std::fmt::Write;
use std::sync::Arc;
use std::time::Duration;

/// Bytes of rankings that are kept, of all collections.
const MAX_BYTES: u64 = 64 << 20;

/// By collection, snapshot and everything that the call and its placement say. So a swap and a changed placement have
/// other keys at once; an item that goes is never shown, since its ranking is made anew; of other changes an answer hears
/// when its time is over.
pub(super) struct Anonymous(Shared<String, Ranking>);

impl Anonymous {
    pub(super) fn new(ttl: Duration) -> Self {
        let weigh = |key: &String, ranking: &Ranking| key.len() + ranking.bytes();
        Self(Shared::new(Ages::of(ttl), MAX_BYTES, weigh))
    }

    pub(super) fn ages(&self) -> Ages {
        self.0.ages()
    }

    pub(super) fn get(
        &self,
        view: &Arc<View>,
        call: &Recommend,
        wanted: &Wanted,
        orders: &Arc<Orders>,
    ) -> Result<(Kept<Ranking>, Outcome), EngineError> {
        let key = key(view, call, wanted);
        let compute = || rank(view, None, call, wanted, orders);
        let again = || {
            let (view, orders) = (Arc::clone(view), Arc::clone(orders));
            let (call, wanted) = (call.clone(), wanted.clone());
            move || rank(&view, None, &call, &wanted, &orders)
        };
        let (kept, outcome) = self.0.get(key.clone(), call.renew, compute, again)?;
        if !kept.value.misses(view) {
            return Ok((kept, outcome));
        }
        let kept = Kept::now(compute()?);
        self.0.put(key, Arc::clone(&kept.value), kept.made());
        Ok((kept, Outcome::Miss))
    }
}

fn key(view: &View, call: &Recommend, wanted: &Wanted) -> String {
    let mut key = format!("{}\n{}\n", view.collection(), view.snapshot().id());
    let effort = match call.effort {
        Effort::Default => None,
        effort => Some(format!("{effort:?}")),
    };
    // Every part's Debug form quotes its texts, so no two calls share a key.
    let _ = write!(
        key,
        "{wanted:?}\n{:?}\n{:?}\n{:?}\n{effort:?}",
        call.like, call.unlike, call.min_score
    );
    key
}

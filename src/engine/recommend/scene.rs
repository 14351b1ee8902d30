//! What every strategy looks at: one view, what may be shown of it, and who it is for.

use super::Orders;
use super::call::{Recommend, Wanted};
use super::shopper::Shopper;
use crate::engine::{EngineError, View};
use crate::live::{self, Asked, Place, SearchReport, Selection};
use crate::ranking::{Candidate, Strategy};
use alike_indexes::{Effort, RowId, Scratch};
use jiff::Timestamp;
use std::cell::{Cell, RefCell};
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

thread_local! {
    static SCRATCH: RefCell<(Scratch, Vec<live::Candidate>)> = RefCell::default();
}

/// The searches of one call together.
#[derive(Debug, Clone, Copy)]
pub(super) struct Searched {
    /// Of the first search; whether all were exact, and any partial.
    pub(super) report: SearchReport,
    pub(super) took: Duration,
}

/// One view as a call sees it.
pub(super) struct Scene<'a> {
    pub(super) view: &'a Arc<View>,
    pub(super) selection: &'a Selection<'a>,
    /// Places that are not to be returned.
    pub(super) excluded: &'a HashSet<Place>,
    pub(super) call: &'a Recommend,
    pub(super) wanted: &'a Wanted,
    pub(super) shopper: &'a Shopper,
    pub(super) orders: &'a Orders,
    pub(super) now: Timestamp,
    /// How many candidates each strategy is to find.
    pub(super) depth: usize,
    pub(super) searched: Cell<Option<Searched>>,
}

impl Scene<'_> {
    /// Whether the item at this place may be returned.
    pub(super) fn admits(&self, place: Place) -> bool {
        self.selection.admits(place) && !self.excluded.contains(&place)
    }

    /// Where an item is, if it may be returned.
    pub(super) fn place(&self, id: &str) -> Option<Place> {
        let found = self.view.live().find(id)?;
        self.admits(found.place).then_some(found.place)
    }

    /// The items that there are among these ids.
    pub(super) fn known<'a>(&self, ids: impl IntoIterator<Item = &'a String>) -> Vec<&'a str> {
        let ids = ids.into_iter().map(String::as_str);
        ids.filter(|id| self.view.live().find(id).is_some()).collect()
    }

    /// Where an item of the snapshot's row is now, if it may be returned: a row that was replaced since has its item
    /// elsewhere.
    pub(super) fn place_of_row(&self, row: u32) -> Option<Place> {
        let row = RowId(row);
        if self.view.live().is_alive(row) {
            let place = Place::Base(row);
            return self.admits(place).then_some(place);
        }
        self.place(self.view.snapshot().item_id(row)?)
    }

    /// The items of `among` nearest to a vector that may be returned, best first, as many as are wanted.
    pub(super) fn nearest(
        &self,
        vector: &[f32],
        among: &Selection<'_>,
        (wanted, effort): (usize, Effort),
        strategy: Strategy,
    ) -> Result<Vec<Candidate>, EngineError> {
        // What is left out afterwards is found too, so as many more are looked for.
        let hidden = self.excluded.iter().filter(|&&place| among.admits(place));
        let asked = Asked {
            k: wanted + hidden.count(),
            effort,
        };
        let started = Instant::now();
        let (report, mut found) = SCRATCH.with_borrow_mut(|(scratch, found)| {
            let report = self.view.live().search(vector, asked, among, scratch, found);
            report.map(|report| {
                let shown = found.iter().filter(|found| !self.excluded.contains(&found.place));
                let candidates = shown.map(|found| Candidate {
                    place: found.place,
                    score: found.score,
                    strategy,
                });
                (report, candidates.collect::<Vec<_>>())
            })
        })?;
        found.truncate(wanted);
        self.note(report, started.elapsed());
        Ok(found)
    }

    fn note(&self, report: SearchReport, took: Duration) {
        let mut all = self.searched.get().unwrap_or(Searched {
            report,
            took: Duration::ZERO,
        });
        all.report.exact &= report.exact;
        all.report.report.partial |= report.report.partial;
        all.took += took;
        self.searched.set(Some(all));
    }
}

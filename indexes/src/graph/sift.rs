//! Walks for filters that leave out few rows.

use super::mapped::GraphIndex;
use super::walk::{Limits, Spent, WalkScratch};
use crate::row_set::RowSet;

/// How often such a walk is tried, wider each time.
const SIFTINGS: usize = 3;

impl GraphIndex {
    /// Walks over all nodes for a filter that leaves out few rows (deleted ones, say), as far as it takes to find as many
    /// admitted nodes as a walk without a filter would. `Err` with what it took where there are far fewer of them than
    /// elsewhere.
    pub(super) fn sift(
        &self,
        limits: &Limits,
        filter: &RowSet,
        scratch: &mut WalkScratch,
    ) -> Result<Spent, Spent> {
        let share = self.description.rows as f64 / filter.count().max(1) as f64;
        // So many nodes, give or take two standard deviations, have `wanted` admitted ones among them.
        let widened = |wanted: usize| {
            let mean = wanted as f64 * share;
            (mean + 2.0 * (mean * (share - 1.0)).sqrt()) as usize
        };
        let wanted = match limits.slack.is_finite() {
            true => limits.k,
            false => limits.beam,
        };
        let mut looked = widened(wanted).min(self.description.rows);
        let mut spent = Spent::default();
        for _ in 0..SIFTINGS {
            let limits = Limits {
                beam: limits.beam.max(looked),
                k: looked,
                error: self.description.code_error,
                ..*limits
            };
            spent = spent.and(self.graph().walk(&limits, scratch));
            let admitted = scratch.pool.iter().zip(1..);
            let mut admitted = admitted.filter(|&((node, _), _)| self.admits(filter, node));
            match admitted.nth(wanted - 1) {
                // A little farther out than expected is still well inside of what was walked.
                Some((_, place)) if place <= looked + looked / 4 => return Ok(spent),
                Some((_, place)) => looked = place,
                None => looked = (4 * looked).min(self.description.rows),
            }
        }
        Err(spent)
    }
}

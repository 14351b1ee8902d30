//! Taking over an older graph: rows that stayed keep their links; where a neighbor went, its own neighbors fill the gap
//! (as `FreshDiskANN` consolidates deletes, arXiv 2105.09613).

use super::codes::RowCodes;
use super::grow::{ALPHA, Growth};
use super::prune::PruneScratch;
use crate::prepare::NO_ROW;

/// An older graph and what became of its rows.
pub(crate) struct Older<'a> {
    /// Its lists, `width` links each.
    pub(crate) links: &'a [u32],
    pub(crate) width: usize,
    /// Per old row the new row with the same vector, [`NO_ROW`] where there is none.
    pub(crate) now: &'a [u32],
    /// Per new row the old row with the same vector, [`NO_ROW`] where there is none.
    pub(crate) origin: &'a [u32],
}

impl Older<'_> {
    /// Whether the older graph had the vector of this new row, as a node.
    pub(super) fn has(&self, row: u32) -> bool {
        let old = self.origin.get(row as usize).copied().unwrap_or(NO_ROW);
        !self.list(old).is_empty()
    }

    fn list(&self, old: u32) -> &[u32] {
        let start = old as usize * self.width;
        let list = self.links.get(start..start + self.width).unwrap_or(&[]);
        let used = list.iter().position(|&link| link == NO_ROW).unwrap_or(list.len());
        &list[..used]
    }

    /// The new row of an old one.
    fn now(&self, old: u32) -> Option<u32> {
        self.now.get(old as usize).copied().filter(|&row| row != NO_ROW)
    }

    /// The links of a new row whose vector the older graph had.
    fn list_for(&self, codes: &RowCodes, row: u32, degree: usize) -> Vec<u32> {
        let old = self.list(self.origin[row as usize]);
        let kept: Vec<u32> = old.iter().filter_map(|&link| self.now(link)).collect();
        if kept.len() == old.len() && kept.len() <= degree {
            return kept;
        }
        let gone = old.iter().filter(|&&link| self.now(link).is_none());
        let beyond = gone
            .flat_map(|&link| self.list(link))
            .filter_map(|&link| self.now(link));
        let candidates: Vec<u32> = kept.iter().copied().chain(beyond).collect();
        let mut scratch = PruneScratch::default();
        scratch.prune(codes, row, &candidates, degree, ALPHA);
        scratch.chosen
    }

    /// Puts `rows`, all of which the older graph had, into the new one.
    pub(super) fn hand_over(&self, growth: &mut Growth<'_>, rows: &[u32]) {
        let (codes, degree) = (growth.codes, growth.settings.degree);
        growth.adopt(rows, |row| self.list_for(codes, row, degree));
    }
}

//! Merging: few parts, few dead rows.

use super::Live;
use super::entry::Entry;
use super::rows::{Part, Rows};
use super::vectors::{Vectors, merge};
use alike_indexes::{Block, IndexError, RowSet};
use std::ops::Range;
use std::sync::Arc;

/// Parts are merged up to this many rows while a commit waits: half a millisecond at 384 dimensions.
const MERGED_ROWS: usize = 1_024;

impl Live {
    /// Drops what is empty and rewrites what is mostly dead.
    pub(super) fn tidy(&mut self) {
        self.parts.retain(|part| part.rows.count() > 0);
        while let Some(at) = self
            .parts
            .iter()
            .position(|part| part.is_mergeable() && part.rows.is_mostly_dead())
        {
            if !self.merge_parts(at) {
                break;
            }
        }
        self.patches.retain(|patches| patches.count() > 0);
        while let Some(at) = self.patches.iter().position(Rows::is_mostly_dead) {
            self.merge_patches(at);
        }
    }

    /// Merges the part at `seed` with those around it that are no larger, and drops its dead rows; whether that was done.
    pub(super) fn merge_parts(&mut self, seed: usize) -> bool {
        let sizes: Vec<Option<usize>> = self
            .parts
            .iter()
            .map(|part| part.is_mergeable().then(|| part.rows.count()))
            .collect();
        let run = run_around(&sizes, seed);
        if run.len() < 2
            && !self
                .parts
                .get(seed)
                .is_some_and(|part| part.rows.is_mostly_dead())
        {
            return false;
        }
        match self.merged(&self.parts[run.clone()]) {
            Ok(part) => {
                self.parts.splice(run, [part]);
                true
            }
            Err(error) => {
                tracing::error!(%error, "live rows cannot be merged: they stay as they are");
                false
            }
        }
    }

    fn merged(&self, parts: &[Part]) -> Result<Part, IndexError> {
        let sources: Vec<(&Vectors, Option<&RowSet>)> = parts
            .iter()
            .map(|part| (&*part.vectors, part.rows.alive().map(|alive| &**alive)))
            .collect();
        let vectors = merge(&sources)?;
        let entries = parts.iter().flat_map(|part| part.rows.iter());
        Ok(self.part_of(entries.map(|(_, entry)| Arc::clone(entry)).collect(), vectors))
    }

    pub(super) fn merge_patches(&mut self, seed: usize) {
        let sizes: Vec<Option<usize>> = self.patches.iter().map(|patches| Some(patches.count())).collect();
        let run = run_around(&sizes, seed);
        if run.len() > 1 || self.patches[seed].is_mostly_dead() {
            let entries = self.patches[run.clone()].iter().flat_map(Rows::iter);
            let entries = entries.map(|(_, entry)| Arc::clone(entry)).collect();
            let merged = Rows::new(entries, &self.snapshot.manifest().schema);
            self.patches.splice(run, [merged]);
        }
    }

    /// A part of rows that are all alive.
    pub(super) fn part_of(&self, entries: Vec<Arc<Entry>>, vectors: Block) -> Part {
        Part {
            rows: Rows::new(entries, &self.snapshot.manifest().schema),
            vectors: Arc::new(Vectors::Block(Box::new(vectors))),
        }
    }
}

impl Part {
    /// Whether a commit may rewrite it: any block, and of a sealed part what little is left.
    fn is_mergeable(&self) -> bool {
        !self.vectors.is_sealed() || self.rows.count() <= MERGED_ROWS
    }
}

/// Which parts to merge with the one at `seed`: those around it, one after the other, as long as each is no larger than
/// what there is so far and all together stay small. So rows around are merged into something at least twice as large.
fn run_around(sizes: &[Option<usize>], seed: usize) -> Range<usize> {
    let size = |at: usize| sizes.get(at).copied().flatten();
    let mut run = seed..seed + 1;
    let Some(mut total) = size(seed) else {
        return run;
    };
    loop {
        let fits = |size: &usize| *size <= total && *size + total <= MERGED_ROWS;
        if let Some(size) = run.start.checked_sub(1).and_then(size).filter(fits) {
            run.start -= 1;
            total += size;
        } else if let Some(size) = size(run.end).filter(fits) {
            run.end += 1;
            total += size;
        } else {
            return run;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_double_and_stay_small() {
        let sizes = |sizes: &[usize]| sizes.iter().map(|&size| Some(size)).collect::<Vec<_>>();
        assert_eq!(run_around(&sizes(&[1]), 0), 0..1);
        assert_eq!(run_around(&sizes(&[4, 2, 1, 1]), 3), 0..4);
        assert_eq!(run_around(&sizes(&[4, 3, 1, 1]), 3), 2..4, "3 is more than 2");
        assert_eq!(run_around(&sizes(&[1_000, 1_000]), 1), 1..2, "too many together");
        assert_eq!(run_around(&[None, Some(5), Some(9), Some(4)], 2), 1..4);
        assert_eq!(run_around(&[None, Some(5)], 0), 0..1);
    }
}

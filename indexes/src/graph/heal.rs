//! Taking over an older graph: rows that stayed keep their links; where a neighbor went, its own neighbors fill the gap
//! (as `FreshDiskANN` consolidates deletes, arXiv 2105.09613), and new links go both ways; a row that lost most of its
//! links is inserted again.

use rayon::prelude::*;

use super::codes::RowCodes;
use super::grow::{ALPHA, Growth};
use super::mapped::GraphIndex;
use super::prune::PruneScratch;
use crate::connect::used;
use crate::error::IndexError;
use crate::file::tag;
use crate::kernel::Rows;
use crate::prepare::{NO_ROW, hash};

/// Lists handed over at once, at most: bounds the memory for those that wait.
const AT_ONCE: usize = 8192;

/// The neighbors of a healed row's nearest links are candidates too, those of this many. Recall at the same beam, after
/// a fifth of the rows was replaced, metric dot: 0.014 below a fresh build with neither this nor links back, 0.006 with
/// both.
const NEAREST: usize = 4;

/// An older graph and what became of its rows.
#[derive(Debug)]
pub(crate) struct Older<'a> {
    /// Its lists, `width` links each.
    links: &'a [u32],
    width: usize,
    /// Per old row the first new row with the same vector, [`NO_ROW`] where there is none.
    now: Vec<u32>,
    /// Per new row the first old row with the same vector, [`NO_ROW`] where there is none.
    origin: Vec<u32>,
}

/// What a graph took over.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Inherited {
    /// Nodes none of whose neighbors went.
    pub(crate) kept: usize,
    /// Nodes whose list lost neighbors and was filled up.
    pub(crate) healed: usize,
}

/// What became of the links of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Kept,
    Healed,
    /// Too little is left of them to count on: the row is searched for again.
    Lost,
}

impl<'a> Older<'a> {
    /// Finds out which rows of an index are among `rows`, by their vectors.
    ///
    /// # Errors
    /// [`IndexError::Damaged`] when the links are not those that were written.
    pub(crate) fn of(index: &'a GraphIndex, rows: &Rows<'_>) -> Result<Self, IndexError> {
        index.file.checked_bytes(tag::LINKS)?;
        let old = index.vectors.rows();
        let origin = origins(&old, rows);
        let mut now = vec![NO_ROW; old.len()];
        for (&old, row) in origin.iter().zip(0_u32..) {
            if let Some(now) = now.get_mut(old as usize).filter(|now| **now == NO_ROW) {
                *now = row;
            }
        }
        Ok(Self {
            links: &index.links,
            width: index.width(),
            now,
            origin,
        })
    }

    /// Forgets that the older graph had these rows: no link leads to them, they have none.
    pub(super) fn leave_out(&mut self, rows: &[u32]) {
        for &row in rows {
            let Some(origin) = self.origin.get_mut(row as usize) else {
                continue;
            };
            let old = std::mem::replace(origin, NO_ROW);
            if let Some(now) = self.now.get_mut(old as usize) {
                *now = NO_ROW;
            }
        }
    }

    fn list(&self, old: u32) -> &[u32] {
        let start = old as usize * self.width;
        used(self.links.get(start..start + self.width).unwrap_or(&[]))
    }

    /// The new row of an old one.
    fn now(&self, old: u32) -> Option<u32> {
        self.now.get(old as usize).copied().filter(|&row| row != NO_ROW)
    }

    /// The links of a new row, as far as the older graph had it.
    fn list_for(
        &self,
        codes: &RowCodes,
        row: u32,
        degree: usize,
        scratch: &mut PruneScratch,
    ) -> (Fate, Vec<u32>) {
        let origin = self.origin.get(row as usize).copied().unwrap_or(NO_ROW);
        let old = self.list(origin);
        let mut candidates: Vec<u32> = old.iter().filter_map(|&link| self.now(link)).collect();
        let fate = match old.len() - candidates.len() {
            _ if old.is_empty() => Fate::Lost,
            0 => Fate::Kept,
            gone if 2 * gone <= old.len() => Fate::Healed,
            _ => Fate::Lost,
        };
        if fate == Fate::Kept && candidates.len() <= degree {
            return (fate, candidates);
        }
        let through = old.iter().enumerate();
        let through = through.filter(|&(place, &link)| place < NEAREST || self.now(link).is_none());
        let beyond = through
            .flat_map(|(_, &link)| self.list(link))
            .filter_map(|&link| self.now(link));
        candidates.extend(beyond);
        scratch.prune(codes, row, &candidates, degree, ALPHA);
        (fate, scratch.chosen.clone())
    }

    /// What of a row's links the older graph did not have.
    fn gained(&self, row: u32, list: &[u32]) -> Vec<u32> {
        let old = self.list(self.origin[row as usize]);
        let had = |link: u32| old.iter().any(|&old| self.now(old) == Some(link));
        list.iter().copied().filter(|&link| !had(link)).collect()
    }

    /// Puts those of `rows` that the older graph had into the new one; gives the others, which are to be inserted. Some
    /// of these have links already. Calls `done` with the number of rows so far.
    pub(super) fn hand_over(
        &self,
        growth: &mut Growth<'_>,
        rows: &[u32],
        done: impl Fn(usize),
    ) -> (Inherited, Vec<u32>) {
        let (codes, degree) = (growth.codes, growth.settings.degree);
        let (mut inherited, mut rest) = (Inherited::default(), Vec::new());
        let (mut healed, mut gained) = (Vec::new(), Vec::new());
        for rows in rows.chunks(AT_ONCE) {
            let lists: Vec<(Fate, Vec<u32>)> = rows
                .par_iter()
                .map_init(PruneScratch::default, |scratch, &row| {
                    self.list_for(codes, row, degree, scratch)
                })
                .collect();
            for (&row, (fate, list)) in rows.iter().zip(&lists) {
                growth.set(row, list);
                match fate {
                    Fate::Kept => inherited.kept += 1,
                    Fate::Healed => {
                        healed.push(row);
                        gained.push(self.gained(row, list));
                    }
                    Fate::Lost => {
                        rest.push(row);
                        continue;
                    }
                }
                growth.adopt(row);
            }
            done(growth.nodes.len());
        }
        growth.link_back(&healed, &gained);
        inherited.healed = healed.len();
        (inherited, rest)
    }
}

/// Per row of `new` the first row of `old` that is equal bit by bit, [`NO_ROW`] where there is none.
fn origins(old: &Rows<'_>, new: &Rows<'_>) -> Vec<u32> {
    let hash_of = |rows: &Rows<'_>, row: u32| hash(rows.get(row).unwrap_or(&[]));
    let mut hashes: Vec<(u64, u32)> = (0..old.len() as u32)
        .into_par_iter()
        .map(|row| (hash_of(old, row), row))
        .collect();
    hashes.par_sort_unstable();
    let origin = |row: u32| {
        let own = hash_of(new, row);
        let first = hashes.partition_point(|entry| entry.0 < own);
        let mut same_hash = hashes[first..].iter().take_while(|entry| entry.0 == own);
        let equal = same_hash.find(|entry| old.get(entry.1) == new.get(row));
        equal.map_or(NO_ROW, |entry| entry.1)
    };
    (0..new.len() as u32).into_par_iter().map(origin).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::grow::GrowSettings;
    use crate::graph::quantizer::Quantizer;
    use crate::graph::rotation::Rotation;
    use crate::kernel::Kernels;
    use crate::metric::Metric;
    use crate::random::SplitMix;

    const ROWS: u32 = 50;
    const DIMENSION: usize = 16;

    fn codes(values: &[f32]) -> RowCodes {
        let kernels = Kernels::detect().unwrap();
        let rotation = Rotation::seeded(DIMENSION, 1);
        let quantizer = Quantizer::new(Metric::L2, vec![0.0; DIMENSION], rotation, 400.0, kernels);
        RowCodes::of(
            &Rows::new(values, DIMENSION),
            DIMENSION,
            &quantizer,
            Metric::L2,
            kernels,
        )
    }

    #[test]
    fn nothing_leads_to_what_was_left_out() {
        let mut random = SplitMix(3);
        let values: Vec<f32> = (0..ROWS as usize * DIMENSION)
            .map(|_| random.below(100) as f32)
            .collect();
        let codes = codes(&values);
        // Each row is linked to the next four.
        let links: Vec<u32> = (0..ROWS)
            .flat_map(|row| (1..=4).map(move |step| (row + step) % ROWS))
            .collect();
        let mut older = Older {
            links: &links,
            width: 4,
            now: (0..ROWS).collect(),
            origin: (0..ROWS).collect(),
        };
        let gone = [10, 20, 21, 22, ROWS - 1];
        older.leave_out(&gone);
        let mut growth = Growth::new(&codes, GrowSettings { degree: 4, beam: 10 });
        let rows: Vec<u32> = (0..ROWS).filter(|row| !gone.contains(row)).collect();
        let (inherited, rest) = older.hand_over(&mut growth, &rows, |_| ());

        // Rows 18 and 19 lost three of four links.
        assert_eq!(rest, [18, 19]);
        // Rows 6 to 9, 16 and 17, and 45 to 48 lost one or two.
        assert_eq!(
            inherited,
            Inherited {
                kept: 45 - 2 - 10,
                healed: 10
            }
        );
        assert_eq!(growth.nodes.len(), 43);
        for &row in &rows {
            let list = growth.list(row);
            assert!(!list.iter().any(|link| gone.contains(link)), "{row}: {list:?}");
        }
        assert_eq!(growth.list(30), [31, 32, 33, 34]);
        // Row 17 was linked to 18 to 21; in place of 20 and 21 it has neighbors of those.
        assert!(growth.list(17).iter().any(|link| (23..=25).contains(link)));
        assert!(gone.iter().all(|&row| growth.list(row).is_empty()));
    }

    #[test]
    fn rows_are_recognized_by_their_vectors() {
        let old = [1.0, 2.0, 1.0, 3.0];
        let new = [3.0, 4.0, 1.0, 1.0];
        assert_eq!(
            origins(&Rows::new(&old, 1), &Rows::new(&new, 1)),
            [3, NO_ROW, 0, 0]
        );
    }
}

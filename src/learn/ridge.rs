//! Which items foretell which: per item, a ridge regression on the items that go with it most.
//!
//! With all items as neighbors this is EASE (Steck 2019, *Embarrassingly Shallow Autoencoders for Sparse Data*): the
//! weights of column j solve `(G + D) w = g_j` without row and column j, with `D` the ridge on the diagonal. With few of
//! them it is fsSLIM with a ridge, and costs `neighbors³ / 6` per item whatever the catalog's size.

use super::csr::{Csr, Gram};
use super::dense::Square;
use alike_indexes::kernel::Kernels;
use rayon::prelude::*;

/// As often a system that is not positive definite (its Gram matrix was cut) is tried again with a stronger ridge.
const TRIES: usize = 12;

/// How weights are fitted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Ridge {
    /// Added to the diagonal.
    pub ridge: f32,
    /// Added to the diagonal as a share of it.
    pub share: f32,
    /// Items that an item is foretold by, at most.
    pub neighbors: usize,
}

impl Ridge {
    /// The weights: row i holds what an interaction with item i adds to the score of others.
    pub fn fit(&self, gram: &Gram, kernels: &Kernels) -> Csr {
        let items = gram.diagonal.len();
        let start = || Local {
            matrix: Square::default(),
            place: vec![NOWHERE; items],
        };
        let by_target: Vec<_> = (0..items)
            .into_par_iter()
            .map_init(start, |local, target| local.solve(self, gram, target, kernels))
            .collect();
        Csr::from_rows(&by_target).transposed(items)
    }

    fn diagonal(&self, value: f32) -> f32 {
        value * (1.0 + self.share) + self.ridge
    }
}

/// The place of an item that is no neighbor.
const NOWHERE: u32 = u32::MAX;

/// One item's system; its memory is used again for the next one.
struct Local {
    matrix: Square,
    /// Each item's place among the neighbors.
    place: Vec<u32>,
}

impl Local {
    fn solve(&mut self, settings: &Ridge, gram: &Gram, target: usize, kernels: &Kernels) -> Vec<(u32, f32)> {
        let neighbors = nearest(gram, target, settings.neighbors);
        let mut ridge = settings.ridge;
        for _ in 0..TRIES {
            self.fill(&Ridge { ridge, ..*settings }, gram, &neighbors);
            if self.matrix.factor(kernels) {
                let mut weights: Vec<f32> = neighbors.iter().map(|entry| entry.1).collect();
                self.matrix.solve(&mut weights, kernels);
                return neighbors.iter().map(|entry| entry.0).zip(weights).collect();
            }
            ridge = ridge * 4.0 + 1e-3;
        }
        Vec::new()
    }

    fn fill(&mut self, settings: &Ridge, gram: &Gram, neighbors: &[(u32, f32)]) {
        for (at, (item, _)) in neighbors.iter().enumerate() {
            self.place[*item as usize] = at as u32;
        }
        self.matrix.reset(neighbors.len());
        for (at, (item, _)) in neighbors.iter().enumerate() {
            for (other, value) in gram.pairs.entries(*item as usize) {
                let place = self.place[other as usize];
                if place != NOWHERE {
                    // A cut row may lack what the other one has.
                    let (low, high) = ((place as usize).min(at), (place as usize).max(at));
                    self.matrix.row_mut(high)[low] = value;
                }
            }
            self.matrix.row_mut(at)[at] = settings.diagonal(gram.diagonal[*item as usize]);
        }
        for (item, _) in neighbors {
            self.place[*item as usize] = NOWHERE;
        }
    }
}

/// The items of highest cosine, with their entries, by number.
fn nearest(gram: &Gram, item: usize, count: usize) -> Vec<(u32, f32)> {
    let mut found: Vec<_> = gram.pairs.entries(item).collect();
    if found.len() > count {
        let rank = |&(other, value): &(u32, f32)| gram.cosine(item, other, value);
        found.select_nth_unstable_by(count, |a, b| rank(b).total_cmp(&rank(a)).then(a.0.cmp(&b.0)));
        found.truncate(count);
    }
    found.sort_unstable_by_key(|entry| entry.0);
    found
}

/// Cosines of the Gram matrix: item-kNN. Row i holds the `neighbors` items most like i.
pub(super) fn cosines(gram: &Gram, neighbors: usize) -> Csr {
    let row = |item: usize| {
        let near = nearest(gram, item, neighbors).into_iter();
        near.map(|(other, value)| (other, gram.cosine(item, other, value)))
            .collect()
    };
    let rows: Vec<Vec<_>> = (0..gram.diagonal.len()).into_par_iter().map(row).collect();
    Csr::from_rows(&rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gram(items: usize) -> Gram {
        let row = |row: usize| {
            let holds = |item: &usize| (row * 7919 + item * 104_729 + row * item * 31) % 101 < 45;
            (0..items).filter(holds).map(|item| (item as u32, 1.0)).collect()
        };
        let rows: Vec<Vec<_>> = (0..80).map(row).collect();
        Gram::of(&Csr::from_rows(&rows), &[1.0; 80], items, items)
    }

    fn ridge(neighbors: usize) -> Ridge {
        Ridge {
            ridge: 3.0,
            share: 0.2,
            neighbors,
        }
    }

    /// All weights as EASE has them: from the inverse P of the whole matrix, `−P(i, j) / P(j, j)`.
    fn dense(settings: &Ridge, gram: &Gram, kernels: &Kernels) -> Square {
        let items = gram.diagonal.len();
        let mut matrix = Square::default();
        matrix.reset(items);
        for item in 0..items {
            for (other, value) in gram.pairs.entries(item) {
                matrix.row_mut(item)[other as usize] = value;
            }
            matrix.row_mut(item)[item] = settings.diagonal(gram.diagonal[item]);
        }
        assert!(matrix.factor(kernels));
        let mut weights = Square::default();
        weights.reset(items);
        for target in 0..items {
            let mut column = vec![0.0; items];
            column[target] = 1.0;
            matrix.solve(&mut column, kernels);
            for (item, value) in column.iter().enumerate().filter(|(item, _)| *item != target) {
                weights.row_mut(item)[target] = -value / column[target];
            }
        }
        weights
    }

    #[test]
    fn with_all_items_as_neighbors_it_is_ease() {
        let kernels = Kernels::detect().unwrap();
        let gram = gram(24);
        assert!(
            (0..24).all(|item| gram.pairs.row(item).0.len() == 23),
            "all go together"
        );
        let local = ridge(24).fit(&gram, kernels);
        let dense = dense(&ridge(24), &gram, kernels);
        for item in 0..24 {
            let mut row = [0.0; 24];
            local
                .entries(item)
                .for_each(|(other, value)| row[other as usize] = value);
            for (found, expected) in row.iter().zip(dense.row(item)) {
                assert!((found - expected).abs() < 1e-4, "{item}: {found} {expected}");
            }
        }
    }

    #[test]
    fn weights_explain_the_item_and_not_itself() {
        let kernels = Kernels::detect().unwrap();
        let weights = ridge(5).fit(&gram(24), kernels);
        assert!((0..24).all(|item| weights.entries(item).all(|(other, _)| other != item as u32)));
        assert!(weights.values.iter().all(|value| value.is_finite()));
    }

    #[test]
    fn a_system_that_is_not_positive_definite_is_solved_with_more_ridge() {
        let kernels = Kernels::detect().unwrap();
        let pairs = Csr::from_rows(&[
            vec![(1, 9.0), (2, 9.0)],
            vec![(0, 9.0), (2, -9.0)],
            vec![(0, 9.0), (1, -9.0)],
        ]);
        let gram = Gram {
            diagonal: vec![1.0; 3],
            pairs,
        };
        let settings = Ridge {
            ridge: 0.0,
            ..ridge(3)
        };
        assert!(
            settings
                .fit(&gram, kernels)
                .values
                .iter()
                .all(|value| value.is_finite())
        );
    }
}

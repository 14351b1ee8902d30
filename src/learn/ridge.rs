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

/// The weight that an item of the same content is expected to have; less alike, it falls with the power 1.5. Found on
/// online_retail, June and July 2011, with words of titles; untested on other data and with vectors of texts.
const EXPECTED: f32 = 0.25;
/// What likeness of content counts beside the cosine of interactions when neighbors are chosen; found there too.
const LIKENESS: f32 = 0.3;

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
    /// The weights: row i holds what an interaction with item i adds to the score of others. `prior` holds likenesses of
    /// content, 0 to 1, the same in both directions: the ridge pulls towards what they let expect, not towards 0, so that an
    /// item that was rarely bought is foretold by what is like it.
    pub fn fit(&self, gram: &Gram, prior: Option<&Csr>, kernels: &Kernels) -> Csr {
        let items = gram.diagonal.len();
        let start = || Local {
            matrix: Square::default(),
            place: vec![NOWHERE; items],
        };
        let by_target: Vec<_> = (0..items)
            .into_par_iter()
            .map_init(start, |local, target| {
                local.solve(self, (gram, prior), target, kernels)
            })
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
    fn solve(
        &mut self,
        settings: &Ridge,
        (gram, prior): (&Gram, Option<&Csr>),
        target: usize,
        kernels: &Kernels,
    ) -> Vec<(u32, f32)> {
        let neighbors = nearest(gram, prior, target, settings.neighbors);
        let mut ridge = settings.ridge;
        for _ in 0..TRIES {
            let settings = Ridge { ridge, ..*settings };
            self.fill(&settings, gram, &neighbors);
            if self.matrix.factor(kernels) {
                let wanted = neighbors.iter().map(|near| near.wanted(&settings, gram));
                let mut weights: Vec<f32> = wanted.collect();
                self.matrix.solve(&mut weights, kernels);
                return neighbors.iter().map(|near| near.item).zip(weights).collect();
            }
            ridge = ridge * 4.0 + 1e-3;
        }
        Vec::new()
    }

    fn fill(&mut self, settings: &Ridge, gram: &Gram, neighbors: &[Near]) {
        for (at, Near { item, .. }) in neighbors.iter().enumerate() {
            self.place[*item as usize] = at as u32;
        }
        self.matrix.reset(neighbors.len());
        for (at, Near { item, .. }) in neighbors.iter().enumerate() {
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
        for Near { item, .. } in neighbors {
            self.place[*item as usize] = NOWHERE;
        }
    }
}

/// A neighbor: how often it goes with the item, and how alike their contents are.
#[derive(Debug, Clone, Copy)]
struct Near {
    item: u32,
    together: f32,
    alike: f32,
}

impl Near {
    /// Its entry of the right side.
    fn wanted(&self, settings: &Ridge, gram: &Gram) -> f32 {
        let diagonal = gram.diagonal[self.item as usize];
        let pull = settings.diagonal(diagonal) - diagonal;
        self.together + pull * EXPECTED * self.alike * self.alike.sqrt()
    }

    /// How near it is.
    fn rank(&self, item: usize, gram: &Gram) -> f32 {
        gram.cosine(item, self.item, self.together) + LIKENESS * self.alike
    }
}

/// The items that go with an item most or are most like it, by number.
fn nearest(gram: &Gram, prior: Option<&Csr>, item: usize, count: usize) -> Vec<Near> {
    let mut found = candidates(gram, prior, item);
    if found.len() > count {
        let rank = |near: &Near| near.rank(item, gram);
        found.select_nth_unstable_by(count, |a, b| {
            rank(b).total_cmp(&rank(a)).then(a.item.cmp(&b.item))
        });
        found.truncate(count);
        found.sort_unstable_by_key(|near| near.item);
    }
    found
}

/// All that occur with it or are like it, by number.
fn candidates(gram: &Gram, prior: Option<&Csr>, item: usize) -> Vec<Near> {
    let near = |item, together, alike| Near {
        item,
        together,
        alike,
    };
    let pairs = gram.pairs.entries(item);
    let mut found: Vec<Near> = pairs.map(|(other, value)| near(other, value, 0.0)).collect();
    if let Some(prior) = prior {
        found.extend(prior.entries(item).map(|(other, value)| near(other, 0.0, value)));
        // The sort is stable: what occurs with it comes before what is like it.
        found.sort_by_key(|near| near.item);
        found.dedup_by(|alike, together| {
            let same = alike.item == together.item;
            together.alike += if same { alike.alike } else { 0.0 };
            same
        });
    }
    found
}

/// Cosines of the Gram matrix: item-kNN. Row i holds the `neighbors` items most like i.
pub(super) fn cosines(gram: &Gram, neighbors: usize) -> Csr {
    let row = |item: usize| {
        let near = nearest(gram, None, item, neighbors).into_iter();
        near.map(|near| (near.item, gram.cosine(item, near.item, near.together)))
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
        let local = ridge(24).fit(&gram, None, kernels);
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
        let weights = ridge(5).fit(&gram(24), None, kernels);
        assert!((0..24).all(|item| weights.entries(item).all(|(other, _)| other != item as u32)));
        assert!(weights.values.iter().all(|value| value.is_finite()));
    }

    #[test]
    fn an_item_that_nobody_bought_is_foretold_by_what_is_like_it() {
        let kernels = Kernels::detect().unwrap();
        let gram = Gram {
            diagonal: vec![9.0, 4.0, 0.0],
            pairs: Csr::from_rows(&[vec![(1, 2.0)], vec![(0, 2.0)], vec![]]),
        };
        let prior = Csr::from_rows(&[vec![(2, 1.0)], vec![], vec![(0, 1.0)]]);
        let pull = 3.0 + 0.2 * 9.0;
        let weights = ridge(2).fit(&gram, Some(&prior), kernels);
        let (_, weight) = weights.entries(0).find(|entry| entry.0 == 2).unwrap();
        assert!((weight - EXPECTED * pull / (9.0 + pull)).abs() < 1e-5, "{weight}");
        let without = ridge(2).fit(&gram, None, kernels);
        assert!(without.entries(0).all(|entry| entry.0 != 2));
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
                .fit(&gram, None, kernels)
                .values
                .iter()
                .all(|value| value.is_finite())
        );
    }
}

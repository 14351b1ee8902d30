//! Vectors of items and users from implicit feedback: alternating least squares (Hu, Koren and Volinsky 2008), each
//! side solved by a few steps of conjugate gradients (Takács, Pilászy and Tikk 2011).
//!
//! Minimizes `Σ c(u, i) (p(u, i) − x_u · y_i)² + λ (Σ |x_u|² + Σ |y_i|²)` over all pairs, where `p` is 1 and `c` is
//! `1 + α · value` for what happened, and 0 and 1 for what did not.

use super::csr::Csr;
use super::dense::Square;
use alike_indexes::kernel::Kernels;
use rayon::prelude::*;

/// Rows whose squares are summed up one after the other; fixed, so that sums don't depend on the number of threads.
const CHUNK: usize = 2_048;

/// How vectors are learned.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Als {
    /// Numbers per vector.
    pub dimension: usize,
    /// Rounds over both sides.
    pub rounds: usize,
    /// Steps of conjugate gradients per vector and round.
    pub steps: usize,
    /// What an interaction adds to the confidence.
    pub alpha: f32,
    /// The ridge λ.
    pub ridge: f32,
}

/// One side: vectors back to back.
pub(super) type Vectors = Vec<f32>;

impl Als {
    /// Item vectors for the interactions in `users` (one row each), `items` of them.
    pub fn items(&self, users: &Csr, items: usize, kernels: &Kernels) -> Vectors {
        let turned = users.transposed(items);
        let mut of_items = start(items, self.dimension);
        let mut of_users = vec![0.0; users.rows() * self.dimension];
        for _ in 0..self.rounds {
            self.half(users, &of_items, &mut of_users, kernels);
            self.half(&turned, &of_users, &mut of_items, kernels);
        }
        for (item, vector) in of_items.chunks_mut(self.dimension).enumerate() {
            if turned.row(item).0.is_empty() {
                vector.fill(0.0);
            }
        }
        of_items
    }

    /// Improves the vectors of one side, given those of the other.
    fn half(&self, rows: &Csr, fixed: &[f32], improved: &mut [f32], kernels: &Kernels) {
        let squares = squares(fixed, self.dimension);
        improved
            .par_chunks_mut(self.dimension.max(1))
            .enumerate()
            .for_each(|(row, vector)| {
                let (columns, values) = rows.row(row);
                let rows = columns.iter().map(|&column| {
                    let start = column as usize * self.dimension;
                    &fixed[start..start + self.dimension]
                });
                let known: Vec<(&[f32], f32)> = rows.zip(values.iter().copied()).collect();
                self.improve(vector, &known, &squares, kernels);
            });
    }

    /// Steps of conjugate gradients from where `vector` is, for a row that interacted with the vectors in `known`.
    pub fn improve(&self, vector: &mut [f32], known: &[(&[f32], f32)], squares: &Square, kernels: &Kernels) {
        let mut residual = vec![0.0; vector.len()];
        self.apply(vector, known, squares, &mut residual, kernels);
        for value in &mut residual {
            *value = -*value;
        }
        for (other, value) in known {
            add(&mut residual, other, 1.0 + self.alpha * value);
        }
        let mut direction = residual.clone();
        let mut image = vec![0.0; vector.len()];
        let mut length = kernels.dot(&residual, &residual);
        for _ in 0..self.steps {
            if length < 1e-12 {
                return;
            }
            self.apply(&direction, known, squares, &mut image, kernels);
            let step = length / kernels.dot(&direction, &image);
            add(vector, &direction, step);
            add(&mut residual, &image, -step);
            let next = kernels.dot(&residual, &residual);
            for (own, rest) in direction.iter_mut().zip(&residual) {
                *own = rest + next / length * *own;
            }
            length = next;
        }
    }

    /// `(YᵀY + λ + Σ α value y yᵀ) vector`.
    fn apply(
        &self,
        vector: &[f32],
        known: &[(&[f32], f32)],
        squares: &Square,
        into: &mut [f32],
        kernels: &Kernels,
    ) {
        for (at, value) in into.iter_mut().enumerate() {
            *value = kernels.dot(squares.row(at), vector) + self.ridge * vector[at];
        }
        for (other, value) in known {
            add(into, other, self.alpha * value * kernels.dot(other, vector));
        }
    }
}

fn add(to: &mut [f32], what: &[f32], factor: f32) {
    for (to, what) in to.iter_mut().zip(what) {
        *to += factor * what;
    }
}

fn zeros(size: usize) -> Square {
    let mut square = Square::default();
    square.reset(size);
    square
}

/// `YᵀY` of vectors back to back.
pub(super) fn squares(vectors: &[f32], dimension: usize) -> Square {
    let part = |vectors: &[f32]| {
        let mut sum = zeros(dimension);
        for vector in vectors.chunks(dimension) {
            for (at, value) in vector.iter().enumerate() {
                add(sum.row_mut(at), vector, *value);
            }
        }
        sum
    };
    let chunk = (CHUNK * dimension).max(1);
    let parts: Vec<Square> = vectors.par_chunks(chunk).map(part).collect();
    parts.iter().fold(zeros(dimension), |mut sum, part| {
        add(&mut sum.values, &part.values, 1.0);
        sum
    })
}

/// Small numbers that look random and are the same every time.
fn start(rows: usize, dimension: usize) -> Vectors {
    let scale = 0.1 / (dimension.max(1) as f32).sqrt();
    let number = |at: usize| {
        let mut bits = (at as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits >> 40) as f32 / (1_u64 << 23) as f32 - 1.0) * scale
    };
    (0..rows * dimension).into_par_iter().map(number).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: Als = Als {
        dimension: 4,
        rounds: 1,
        steps: 3,
        alpha: 5.0,
        ridge: 0.1,
    };

    /// Users 0 to 5 like items 0 to 3, users 6 to 11 items 4 to 7; each leaves one out.
    fn groups() -> Csr {
        let row = |user: u32| {
            let first = user / 6 * 4;
            let items = (first..first + 4).filter(|item| item % 4 != user % 4);
            items.map(|item| (item, 1.0)).collect()
        };
        let rows: Vec<Vec<_>> = (0..12).map(row).collect();
        Csr::from_rows(&rows)
    }

    fn loss(users: &Csr, of_users: &[f32], of_items: &[f32], kernels: &Kernels) -> f32 {
        let mut sum = 0.0;
        for (user, x) in of_users.chunks(4).enumerate() {
            for (item, y) in of_items.chunks(4).enumerate() {
                let known = users.row(user).0.contains(&(item as u32));
                let (wanted, confidence) = if known { (1.0, 6.0) } else { (0.0, 1.0) };
                sum += confidence * (wanted - kernels.dot(x, y)).powi(2);
            }
        }
        let size: f32 = of_users.iter().chain(of_items).map(|value| value * value).sum();
        sum + 0.1 * size
    }

    #[test]
    fn every_half_round_lowers_the_loss() {
        let kernels = Kernels::detect().unwrap();
        let (users, items) = (groups(), groups().transposed(8));
        let (mut of_users, mut of_items) = (vec![0.0; 48], start(8, 4));
        let mut before = f32::INFINITY;
        for _ in 0..6 {
            SETTINGS.half(&users, &of_items, &mut of_users, kernels);
            let first = loss(&users, &of_users, &of_items, kernels);
            SETTINGS.half(&items, &of_users, &mut of_items, kernels);
            let second = loss(&users, &of_users, &of_items, kernels);
            assert!(
                first <= before * 1.0001 && second <= first * 1.0001,
                "{before} {first} {second}"
            );
            before = second;
        }
    }

    #[test]
    fn items_of_one_group_point_the_same_way() {
        let kernels = Kernels::detect().unwrap();
        let settings = Als {
            dimension: 2,
            rounds: 15,
            ..SETTINGS
        };
        let vectors = settings.items(&groups(), 9, kernels);
        let dot = |a: usize, b: usize| kernels.dot(&vectors[a * 2..][..2], &vectors[b * 2..][..2]);
        assert!(dot(0, 3) > 10.0 * dot(0, 5).abs(), "{} {}", dot(0, 3), dot(0, 5));
        assert_eq!(dot(8, 8), 0.0, "nobody touched it");
    }
}

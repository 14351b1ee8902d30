//! Symmetric positive definite systems: Cholesky factors in rows, and what is solved with them.
//!
//! Everything is a dot product of two contiguous slices, so that the vector kernels of `alike_indexes` do the work. Sums
//! are in `f32`: the systems here are Gram matrices with a ridge on the diagonal, far from singular.

use alike_indexes::kernel::Kernels;
use rayon::prelude::*;

/// Rows of one block of [`inverse`]: that many are used again while they are in the cache.
const BLOCK: usize = 48;

/// A square matrix, row by row.
#[derive(Debug, Clone, Default)]
pub(super) struct Square {
    /// Rows, and numbers per row.
    pub size: usize,
    /// `size × size` numbers.
    pub values: Vec<f32>,
}

impl Square {
    /// All zero.
    pub fn zeros(size: usize) -> Self {
        Self {
            size,
            values: vec![0.0; size * size],
        }
    }

    /// Makes it all zero, `size` rows; keeps its memory.
    pub fn reset(&mut self, size: usize) {
        self.size = size;
        self.values.clear();
        self.values.resize(size * size, 0.0);
    }

    /// One row.
    pub fn row(&self, at: usize) -> &[f32] {
        &self.values[at * self.size..][..self.size]
    }

    /// One row, to be changed.
    pub fn row_mut(&mut self, at: usize) -> &mut [f32] {
        &mut self.values[at * self.size..][..self.size]
    }

    /// The number in a row and column.
    pub fn at(&self, row: usize, column: usize) -> f32 {
        self.values[row * self.size + column]
    }

    /// Puts the Cholesky factor into the lower triangle; only that triangle is read, the upper one is left as it was.
    /// False where the matrix is not positive definite; then the lower triangle is worthless.
    pub fn factor(&mut self, kernels: &Kernels) -> bool {
        let size = self.size;
        for row in 0..size {
            let (above, rest) = self.values.split_at_mut(row * size);
            let own = &mut rest[..=row];
            for column in 0..row {
                let other = &above[column * size..][..=column];
                let known = kernels.dot(&own[..column], &other[..column]);
                own[column] = (own[column] - known) / other[column];
            }
            let pivot = own[row] - kernels.dot(&own[..row], &own[..row]);
            if pivot.is_nan() || pivot <= f32::EPSILON * own[row].abs() {
                return false;
            }
            own[row] = pivot.sqrt();
        }
        true
    }

    /// Solves `L Lᵀ x = right` in place, `L` being the factor.
    pub fn solve(&self, right: &mut [f32], kernels: &Kernels) {
        for row in 0..self.size {
            let own = self.row(row);
            let known = kernels.dot(&own[..row], &right[..row]);
            right[row] = (right[row] - known) / own[row];
        }
        for row in (0..self.size).rev() {
            let own = self.row(row);
            let value = right[row] / own[row];
            right[row] = value;
            // By columns of the transposed factor, which are rows here.
            for (other, factor) in right[..row].iter_mut().zip(own) {
                *other -= factor * value;
            }
        }
    }

    /// The inverse, on all threads of the current pool; none where the matrix is not positive definite. Takes three
    /// matrices of memory and `size³ / 2` multiplications.
    pub fn inverse(self, kernels: &Kernels) -> Option<Self> {
        let factor = factor_in_parallel(self, kernels)?;
        let inverted = invert_factor(&factor, kernels);
        drop(factor);
        Some(square_of(&inverted, kernels))
    }
}

/// As [`Square::factor`], a block of columns at a time.
fn factor_in_parallel(mut matrix: Square, kernels: &Kernels) -> Option<Square> {
    let size = matrix.size;
    for start in (0..size).step_by(BLOCK) {
        let end = (start + BLOCK).min(size);
        let (above, rest) = matrix.values.split_at_mut(end * size);
        // The block on the diagonal, which the rows below need.
        for row in start..end {
            let (before, own) = above.split_at_mut(row * size);
            let own = &mut own[..size];
            eliminate(own, before, start, row, size, kernels);
            let pivot = own[row] - kernels.dot(&own[..row], &own[..row]);
            if pivot.is_nan() || pivot <= f32::EPSILON * own[row].abs() {
                return None;
            }
            own[row] = pivot.sqrt();
        }
        let above = &above[..];
        rest.par_chunks_mut(size)
            .for_each(|own| eliminate(own, above, start, end, size, kernels));
    }
    Some(matrix)
}

/// The factor's columns `start..end` of one row, from the rows of `above`.
fn eliminate(own: &mut [f32], above: &[f32], start: usize, end: usize, size: usize, kernels: &Kernels) {
    for column in start..end {
        let other = &above[column * size..][..=column];
        let known = kernels.dot(&own[..column], &other[..column]);
        own[column] = (own[column] - known) / other[column];
    }
}

/// The transposed inverse of a factor: row j holds column j of the inverse, from place j on.
fn invert_factor(factor: &Square, kernels: &Kernels) -> Square {
    let size = factor.size;
    let mut inverted = Square::zeros(size);
    inverted
        .values
        .par_chunks_mut((size * BLOCK).max(1))
        .enumerate()
        .for_each(|(block, columns)| {
            let first = block * BLOCK;
            for row in first..size {
                let own = factor.row(row);
                for (column, values) in (first..=row).zip(columns.chunks_mut(size)) {
                    values[row] = if column == row {
                        1.0 / own[row]
                    } else {
                        -kernels.dot(&own[column..row], &values[column..row]) / own[row]
                    };
                }
            }
        });
    inverted
}

/// `Mᵀ M` of a lower triangle given by its columns.
fn square_of(columns: &Square, kernels: &Kernels) -> Square {
    let size = columns.size;
    let mut product = Square::zeros(size);
    product
        .values
        .par_chunks_mut((size * BLOCK).max(1))
        .enumerate()
        .for_each(|(block, rows)| {
            for other in 0..size {
                let theirs = columns.row(other);
                for (row, values) in (block * BLOCK..).zip(rows.chunks_mut(size)) {
                    let start = row.max(other);
                    values[other] = kernels.dot(&columns.row(row)[start..], &theirs[start..]);
                }
            }
        });
    product
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `A Aᵀ + ridge`, from numbers that look random.
    fn positive(size: usize, ridge: f32) -> Square {
        let number = |at: usize| ((at * 7919 + 13) % 101) as f32 / 101.0 - 0.5;
        let mut matrix = Square::zeros(size);
        for row in 0..size {
            for column in 0..size {
                let product = |k| number(row * size + k) * number(column * size + k);
                let sum: f32 = (0..size).map(product).sum();
                matrix.row_mut(row)[column] = sum + if row == column { ridge } else { 0.0 };
            }
        }
        matrix
    }

    fn times(matrix: &Square, vector: &[f32]) -> Vec<f32> {
        (0..matrix.size)
            .map(|row| matrix.row(row).iter().zip(vector).map(|(a, b)| a * b).sum())
            .collect()
    }

    #[test]
    fn a_solution_solves() {
        let kernels = Kernels::detect().unwrap();
        for size in [1, 2, 7, 65] {
            let matrix = positive(size, 1.0);
            let right: Vec<f32> = (0..size).map(|at| at as f32 - 3.0).collect();
            let (mut factor, mut solution) = (matrix.clone(), right.clone());
            assert!(factor.factor(kernels));
            factor.solve(&mut solution, kernels);
            for (found, expected) in times(&matrix, &solution).iter().zip(&right) {
                assert!((found - expected).abs() < 1e-2, "{size}: {found} {expected}");
            }
        }
    }

    #[test]
    fn an_inverse_inverts_whatever_the_block() {
        let kernels = Kernels::detect().unwrap();
        for size in [1, BLOCK - 1, BLOCK, 2 * BLOCK + 5] {
            let matrix = positive(size, 2.0);
            let inverse = matrix.clone().inverse(kernels).unwrap();
            for row in 0..size {
                for (column, found) in times(&matrix, inverse.row(row)).into_iter().enumerate() {
                    let expected = if row == column { 1.0 } else { 0.0 };
                    assert!((found - expected).abs() < 1e-3, "{size}: {row},{column}: {found}");
                }
            }
        }
    }

    #[test]
    fn what_is_not_positive_definite_is_told() {
        let kernels = Kernels::detect().unwrap();
        let mut matrix = Square::zeros(3);
        assert!(!matrix.clone().factor(kernels));
        matrix.row_mut(0)[0] = f32::NAN;
        assert!(!matrix.clone().factor(kernels));
        assert!(matrix.inverse(kernels).is_none());
    }
}

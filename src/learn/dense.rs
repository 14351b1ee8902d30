//! Symmetric positive definite systems: Cholesky factors in rows, and what is solved with them.
//!
//! Everything is a dot product of two contiguous slices, so that the vector kernels of `alike_indexes` do the work. Sums
//! are in `f32`: the systems here are Gram matrices with a ridge on the diagonal, far from singular.

use alike_indexes::kernel::Kernels;

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
    fn what_is_not_positive_definite_is_told() {
        let kernels = Kernels::detect().unwrap();
        let mut matrix = Square::zeros(3);
        assert!(!matrix.clone().factor(kernels));
        matrix.row_mut(0)[0] = f32::NAN;
        assert!(!matrix.clone().factor(kernels));
    }
}

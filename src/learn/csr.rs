//! Sparse matrices, row by row.

use rayon::prelude::*;

/// A sparse matrix: row r holds `columns[offsets[r]..offsets[r + 1]]` with as many `values`, columns ascending.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Csr {
    /// One more than there are rows, starting with 0.
    pub offsets: Vec<u32>,
    /// Column numbers.
    pub columns: Vec<u32>,
    /// As many numbers.
    pub values: Vec<f32>,
}

impl Default for Csr {
    fn default() -> Self {
        Self {
            offsets: vec![0],
            columns: Vec::new(),
            values: Vec::new(),
        }
    }
}

impl Csr {
    /// From rows of `(column, value)`.
    pub fn from_rows(rows: &[Vec<(u32, f32)>]) -> Self {
        let entries = rows.iter().map(Vec::len).sum();
        let mut matrix = Self {
            offsets: Vec::with_capacity(rows.len() + 1),
            columns: Vec::with_capacity(entries),
            values: Vec::with_capacity(entries),
        };
        matrix.offsets.push(0);
        for row in rows {
            matrix.columns.extend(row.iter().map(|entry| entry.0));
            matrix.values.extend(row.iter().map(|entry| entry.1));
            matrix.offsets.push(matrix.columns.len() as u32);
        }
        matrix
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.offsets.len() - 1
    }

    /// Columns and values of one row.
    pub fn row(&self, at: usize) -> (&[u32], &[f32]) {
        let range = self.offsets[at] as usize..self.offsets[at + 1] as usize;
        (&self.columns[range.clone()], &self.values[range])
    }

    /// Entries of one row.
    pub fn entries(&self, at: usize) -> impl Iterator<Item = (u32, f32)> + '_ {
        let (columns, values) = self.row(at);
        columns.iter().copied().zip(values.iter().copied())
    }

    /// Columns become rows; there are `columns` of them.
    pub fn transposed(&self, columns: usize) -> Self {
        let mut offsets = vec![0_u32; columns + 1];
        for &column in &self.columns {
            offsets[column as usize + 1] += 1;
        }
        for at in 1..offsets.len() {
            offsets[at] += offsets[at - 1];
        }
        let mut next = offsets.clone();
        let mut turned = Self {
            offsets,
            columns: vec![0; self.columns.len()],
            values: vec![0.0; self.values.len()],
        };
        for row in 0..self.rows() {
            for (column, value) in self.entries(row) {
                let place = &mut next[column as usize];
                turned.columns[*place as usize] = row as u32;
                turned.values[*place as usize] = value;
                *place += 1;
            }
        }
        turned
    }
}

/// `Σ weight(r) · x(r, i) · x(r, j)` over the rows r of a matrix: how often items go together.
#[derive(Debug, Clone, Default)]
pub(super) struct Gram {
    /// Its diagonal.
    pub diagonal: Vec<f32>,
    /// The rest, row by row; of each row the `most` entries of highest cosine.
    pub pairs: Csr,
}

/// A row of a Gram matrix under construction.
struct Sums {
    values: Vec<f32>,
    touched: Vec<u32>,
}

impl Gram {
    /// Counts on all threads of the current pool; the same to the last bit for any number of them. Costs the sum of
    /// the squared row lengths.
    pub fn of(rows: &Csr, weights: &[f32], items: usize, most: usize) -> Self {
        let turned = rows.transposed(items);
        let diagonal: Vec<f32> = (0..items)
            .into_par_iter()
            .map(|item| {
                let squares = turned.entries(item).map(|(row, x)| weights[row as usize] * x * x);
                squares.sum()
            })
            .collect();
        let start = || Sums {
            values: vec![0.0; items],
            touched: Vec::new(),
        };
        let count = |sums: &mut Sums, item: usize| sums.row(item, (rows, &turned, weights), &diagonal, most);
        let pairs: Vec<_> = (0..items).into_par_iter().map_init(start, count).collect();
        Self {
            pairs: Csr::from_rows(&pairs),
            diagonal,
        }
    }

    /// Mean of the diagonal over the items that are there at all; 0 where none is.
    pub fn mean(&self) -> f32 {
        let there = self.diagonal.iter().filter(|value| **value > 0.0);
        let (sum, count) = there.fold((0.0_f64, 0_u32), |(sum, count), value| {
            (sum + f64::from(*value), count + 1)
        });
        (sum / f64::from(count.max(1))) as f32
    }

    /// How alike two items are: the entry over the root of both diagonals, shrunk where there is little to tell by.
    pub fn cosine(&self, item: usize, other: u32, value: f32) -> f32 {
        let both = (self.diagonal[item] + 1.0) * (self.diagonal[other as usize] + 1.0);
        value / both.sqrt()
    }
}

impl Sums {
    fn row(
        &mut self,
        item: usize,
        (rows, turned, weights): (&Csr, &Csr, &[f32]),
        diagonal: &[f32],
        most: usize,
    ) -> Vec<(u32, f32)> {
        for (row, x) in turned.entries(item) {
            let factor = weights[row as usize] * x;
            for (other, y) in rows.entries(row as usize) {
                let sum = &mut self.values[other as usize];
                if *sum == 0.0 {
                    self.touched.push(other);
                }
                *sum += factor * y;
            }
        }
        let found = self.touched.iter().filter(|other| **other != item as u32);
        let mut found: Vec<_> = found.map(|&other| (other, self.values[other as usize])).collect();
        for other in self.touched.drain(..) {
            self.values[other as usize] = 0.0;
        }
        if found.len() > most {
            let rank = |&(other, value): &(u32, f32)| value / (diagonal[other as usize] + 1.0).sqrt();
            found.select_nth_unstable_by(most, |a, b| rank(b).total_cmp(&rank(a)).then(a.0.cmp(&b.0)));
            found.truncate(most);
        }
        found.sort_unstable_by_key(|entry| entry.0);
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows() -> Csr {
        Csr::from_rows(&[
            vec![(0, 1.0), (1, 2.0)],
            vec![],
            vec![(0, 1.0), (1, 1.0), (2, 3.0)],
        ])
    }

    #[test]
    fn transposing_twice_changes_nothing() {
        let turned = rows().transposed(4);
        assert_eq!(turned.row(1), ([0, 2].as_slice(), [2.0, 1.0].as_slice()));
        assert_eq!(turned.transposed(3), rows());
    }

    #[test]
    fn pairs_are_counted_with_weights() {
        let gram = Gram::of(&rows(), &[1.0, 1.0, 0.5], 4, 9);
        assert_eq!(gram.diagonal, [1.5, 4.5, 4.5, 0.0]);
        assert_eq!(gram.pairs.row(0), ([1, 2].as_slice(), [2.5, 1.5].as_slice()));
        assert_eq!(gram.pairs.row(3), ([].as_slice(), [].as_slice()));
        assert_eq!(gram.mean(), 3.5);
    }

    #[test]
    fn a_long_row_keeps_what_is_most_alike() {
        let gram = Gram::of(&rows(), &[1.0, 1.0, 0.5], 4, 1);
        assert_eq!(gram.pairs.row(0).0, [1]);
        assert_eq!(gram.pairs.row(2).0, [0]);
    }
}

//! Vectors of many texts in one block of memory.

/// Vectors in input order, row-major `f32`, all of one dimension.
#[derive(Debug, Clone, PartialEq)]
pub struct Embeddings {
    dimension: usize,
    values: Vec<f32>,
}

impl Embeddings {
    /// Zeros for `len` rows, to be filled in any order.
    pub(crate) fn zeroed(dimension: usize, len: usize) -> Self {
        Self {
            dimension,
            values: vec![0.0; dimension * len],
        }
    }

    /// Length of each row.
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// Number of rows.
    pub fn len(&self) -> usize {
        self.values.len() / self.dimension
    }

    /// True for no rows.
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// The row of text `i`.
    ///
    /// # Panics
    /// Where `i` is not less than [`len`](Self::len), like a slice.
    pub fn row(&self, i: usize) -> &[f32] {
        &self.values[i * self.dimension..][..self.dimension]
    }

    /// All rows in input order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(self.dimension)
    }

    /// All values, row after row: `len × dimension`.
    pub fn as_slice(&self) -> &[f32] {
        &self.values
    }

    /// Puts `rows`, one after the other, in those places.
    pub(crate) fn set_rows(&mut self, places: &[usize], rows: &[f32]) {
        for (&place, row) in places.iter().zip(rows.chunks_exact(self.dimension)) {
            self.values[place * self.dimension..][..self.dimension].copy_from_slice(row);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_where_they_were_set() {
        let mut embeddings = Embeddings::zeroed(2, 3);
        embeddings.set_rows(&[2, 0], &[5.0, 6.0, 1.0, 2.0]);
        assert_eq!(embeddings.row(2), [5.0, 6.0]);
        assert_eq!(
            embeddings.rows().collect::<Vec<_>>(),
            [[1.0, 2.0], [0.0, 0.0], [5.0, 6.0]]
        );
        assert_eq!(embeddings.as_slice(), [1.0, 2.0, 0.0, 0.0, 5.0, 6.0]);
        assert_eq!(
            (embeddings.len(), embeddings.dimension(), embeddings.is_empty()),
            (3, 2, false)
        );
    }

    #[test]
    fn no_rows_is_legal() {
        let embeddings = Embeddings::zeroed(4, 0);
        assert_eq!((embeddings.len(), embeddings.is_empty()), (0, true));
        assert_eq!(embeddings.rows().count(), 0);
    }
}

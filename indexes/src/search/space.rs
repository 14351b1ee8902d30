//! Rows and the way they are compared.

use crate::kernel::{Kernels, Rows};
use crate::metric::Metric;

/// Stored rows with their metric: gives distances, where lower is nearer (the negated score).
#[derive(Debug, Clone, Copy)]
pub(crate) struct Space<'a> {
    pub(crate) rows: Rows<'a>,
    pub(crate) metric: Metric,
    pub(crate) kernels: &'static Kernels,
}

impl Space<'_> {
    /// Distances of a prepared query to the rows in `ids`.
    #[inline]
    pub(crate) fn distances(&self, query: &[f32], ids: &[u32], out: &mut [f32]) {
        match self.metric {
            Metric::Cosine | Metric::Dot => self.kernels.negative_dot_rows(query, &self.rows, ids, out),
            Metric::L2 => self.kernels.squared_l2_rows(query, &self.rows, ids, out),
        }
    }

    /// Bytes that one distance reads.
    pub(crate) fn row_bytes(&self) -> u64 {
        self.rows.get(0).map_or(0, |row| size_of_val(row) as u64)
    }

    /// Number of rows.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }
}

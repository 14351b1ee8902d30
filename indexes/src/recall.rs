//! Exact nearest neighbors on all cores, and the share of them that an answer holds.

use crate::error::IndexError;
use crate::kernel::Kernels;
use crate::metric::Metric;
use crate::prepare::prepare_rows;
use crate::row::Neighbor;
use crate::row_set::RowSet;
use crate::search::{Space, nearest};
use crate::vectors::VectorsView;

/// The exact `k` nearest rows of each query, best first, ties by row number. Uses all threads of the current pool.
///
/// # Errors
/// [`IndexError::Dimension`] when the two differ in dimension; what makes a vector unusable as in [`crate::build()`].
pub fn exact_neighbors(
    base: VectorsView<'_>,
    queries: VectorsView<'_>,
    metric: Metric,
    k: usize,
) -> Result<Vec<Vec<u32>>, IndexError> {
    if base.dimension() != queries.dimension() {
        let (found, expected) = (queries.dimension(), base.dimension());
        return Err(IndexError::Dimension {
            field: "queries",
            found,
            expected,
        });
    }
    let (base, queries) = (prepare_rows(base, metric)?, prepare_rows(queries, metric)?);
    let space = Space {
        rows: base.as_rows(),
        metric,
        kernels: Kernels::detect()?,
    };
    let queries = queries.as_rows();
    let queries: Vec<&[f32]> = (0..queries.len() as u32)
        .filter_map(|row| queries.get(row))
        .collect();
    Ok(exact_rows(&space, &queries, k, None))
}

/// As [`exact_neighbors`], for prepared vectors; only rows of `admitted` count.
pub(crate) fn exact_rows(
    space: &Space<'_>,
    queries: &[&[f32]],
    k: usize,
    admitted: Option<&RowSet>,
) -> Vec<Vec<u32>> {
    let rows = |neighbors: Vec<Neighbor>| neighbors.iter().map(|neighbor| neighbor.row.0).collect();
    nearest(space, queries, k, admitted)
        .into_iter()
        .map(rows)
        .collect()
}

/// The share of `truth` that is in `found`, 0 to 1; 1 when there is nothing to find.
#[must_use]
pub fn recall(found: &[u32], truth: &[u32]) -> f64 {
    if truth.is_empty() {
        return 1.0;
    }
    truth.iter().filter(|row| found.contains(row)).count() as f64 / truth.len() as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recall_counts_what_was_found() {
        assert_eq!(recall(&[3, 1, 9], &[1, 2, 3, 4]), 0.5);
        assert_eq!((recall(&[], &[1]), recall(&[1], &[])), (0.0, 1.0));
    }

    #[test]
    fn exact_neighbors_agree_with_a_sort() {
        let base: Vec<f32> = (0..900).map(|value| ((value * 37) % 101) as f32 - 50.0).collect();
        let (base, queries) = (
            VectorsView::new(&base, 3).unwrap(),
            VectorsView::new(&base[30..60], 3).unwrap(),
        );
        let found = exact_neighbors(base, queries, Metric::L2, 5).unwrap();
        for (found, query) in found.iter().zip(queries.rows()) {
            let distance = |row: &[f32]| row.iter().zip(query).map(|(x, y)| (x - y) * (x - y)).sum::<f32>();
            let mut all: Vec<(f32, u32)> = base.rows().map(distance).zip(0..).collect();
            all.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
            assert_eq!(
                *found,
                all.iter().take(5).map(|entry| entry.1).collect::<Vec<_>>()
            );
        }
    }
}

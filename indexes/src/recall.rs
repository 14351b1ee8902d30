//! Exact nearest neighbors on all cores, the share of them that an answer holds, and the recall of an opened index.

use serde::Serialize;

use crate::error::IndexError;
use crate::index::Index;
use crate::kernel::Kernels;
use crate::metric::Metric;
use crate::prepare::prepare_rows;
use crate::random::SplitMix;
use crate::row::{Neighbor, RowId};
use crate::row_set::RowSet;
use crate::search::{Effort, Request, Space, nearest};
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

/// What [`measure`] found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Measured {
    /// Rows that were asked for.
    pub queries: usize,
    /// Mean share of the exact nearest rows that were found, 0 to 1; 1 without any queries.
    pub recall: f64,
    /// The least share that any query found.
    pub least: f64,
}

/// Recall of an opened index against exact search over it: `queries` of its rows (of those that the filter of `request`
/// admits), drawn by `seed`, are searched for, and `request.k` others than the row itself are looked at. A row that is
/// as near as the last of the exact answer is as good as that one. Uses all threads of the current pool, and no others.
///
/// Rows are easier to find than queries that are not in the index: compare such figures with each other only.
///
/// # Errors
/// [`IndexError::FilterLength`]; what a search may answer for vectors as they are stored.
pub fn measure(
    index: &dyn Index,
    queries: usize,
    seed: u64,
    request: &Request<'_>,
) -> Result<Measured, IndexError> {
    let mut rows: Vec<u32> = match request.filter {
        Some(filter) => filter.iter().map(|row| row.0).collect(),
        None => (0..index.len() as u32).collect(),
    };
    SplitMix(seed).shuffle(&mut rows);
    rows.truncate(queries);
    let mut values = Vec::with_capacity(rows.len() * index.dimension());
    for &row in &rows {
        values.extend_from_slice(index.vector(RowId(row)).unwrap_or(&[]));
    }
    let vectors = VectorsView::new(&values, index.dimension())?;
    let k = request.k.saturating_add(1);
    let ask = |effort| {
        let request = Request {
            k,
            effort,
            ..*request
        };
        index.search_batch(vectors, &request)
    };
    let (truth, found) = (ask(Effort::Exact)?, ask(request.effort)?);
    let pairs = rows.iter().zip(truth.iter().zip(&found));
    let shares: Vec<f64> = pairs
        .map(|(&row, (truth, found))| share(row, request.k, &truth.neighbors, &found.neighbors))
        .collect();
    Ok(Measured {
        queries: shares.len(),
        recall: match shares.len() {
            0 => 1.0,
            len => shares.iter().sum::<f64>() / len as f64,
        },
        least: shares.iter().copied().fold(1.0, f64::min),
    })
}

/// The share of the best `k` of `truth` that are in `found`, `row` itself aside; others with the score of the last one
/// will do.
fn share(row: u32, k: usize, truth: &[Neighbor], found: &[Neighbor]) -> f64 {
    let others = |neighbors: &[Neighbor]| -> Vec<Neighbor> {
        let others = neighbors.iter().filter(|neighbor| neighbor.row.0 != row);
        others.take(k).copied().collect()
    };
    let (truth, found) = (others(truth), others(found));
    let Some(last) = truth.last() else {
        return 1.0;
    };
    let good = found.iter().filter(|neighbor| neighbor.score >= last.score);
    good.count().min(truth.len()) as f64 / truth.len() as f64
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

    #[test]
    fn shares_leave_the_row_itself_out_and_take_equals() {
        let neighbors = |rows: &[(u32, f32)]| -> Vec<Neighbor> {
            let neighbor = |&(row, score): &(u32, f32)| Neighbor {
                row: RowId(row),
                score,
            };
            rows.iter().map(neighbor).collect()
        };
        let truth = neighbors(&[(7, 1.0), (1, 0.9), (2, 0.8), (3, 0.7), (4, 0.7)]);
        let of = |found: &[(u32, f32)]| share(7, 3, &truth, &neighbors(found));
        assert_eq!(of(&[(7, 1.0), (1, 0.9), (2, 0.8), (4, 0.7)]), 1.0);
        assert_eq!(of(&[(7, 1.0), (2, 0.8), (4, 0.7), (9, 0.6)]), 2.0 / 3.0);
        assert_eq!(of(&[(1, 0.9), (8, 0.1)]), 1.0 / 3.0);
        assert_eq!(share(7, 3, &neighbors(&[(7, 1.0)]), &[]), 1.0);
        assert_eq!(share(7, 0, &truth, &truth), 1.0);
    }
}

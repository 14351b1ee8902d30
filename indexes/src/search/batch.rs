//! Exact answers to many queries at once: a block of rows stays in the cache while a block of queries looks at it.

use rayon::prelude::*;

use super::{Answer, Batch, Report, Request, Space, Top, scan};
use crate::description::Description;
use crate::error::{IndexError, Place};
use crate::prepare::prepare;
use crate::row::{Neighbor, RowId};
use crate::row_set::RowSet;
use crate::vectors::{AlignedRows, VectorsView};

/// Queries that share one pass over the rows, at most.
const QUERIES: usize = 32;
/// Bytes of rows that those queries look at before they go on to the next ones: with one query they fit the first-level
/// cache, and the queries the second-level one.
const BLOCK_BYTES: usize = 24 << 10;

/// The nearest `k` rows of each prepared query, best first, ties by row number; only rows of `admitted` count. Uses
/// all threads of the current pool.
pub(crate) fn nearest(
    space: &Space<'_>,
    queries: &[&[f32]],
    k: usize,
    admitted: Option<&RowSet>,
) -> Vec<Vec<Neighbor>> {
    let rows: Vec<RowId> = match admitted {
        Some(admitted) => admitted.iter().collect(),
        None => (0..space.len() as u32).map(RowId).collect(),
    };
    let block = (BLOCK_BYTES / (space.row_bytes() as usize).max(1)).max(1);
    let nearest = |queries: &[&[f32]]| {
        let mut tops: Vec<Top> = queries.iter().map(|_| Top::new(k.min(rows.len()))).collect();
        let mut batch = Batch::default();
        for rows in rows.chunks(block) {
            for (query, top) in queries.iter().zip(&mut tops) {
                scan(space, query, rows.iter().copied(), &mut batch, top);
            }
        }
        tops.iter_mut().map(Top::neighbors).collect::<Vec<_>>()
    };
    let share = queries.len().div_ceil(rayon::current_num_threads());
    queries
        .par_chunks(share.clamp(1, QUERIES))
        .flat_map_iter(nearest)
        .collect()
}

/// Answers every query by comparing all admissible rows.
pub(crate) fn scan_batch(
    space: &Space<'_>,
    description: &Description,
    queries: VectorsView<'_>,
    request: &Request<'_>,
) -> Result<Vec<Answer>, IndexError> {
    description.check_batch(queries, request)?;
    let mut prepared = AlignedRows::zeros(queries.len(), queries.dimension());
    let stride = prepared.stride();
    let places = prepared.as_mut_slice().chunks_exact_mut(stride);
    for (row, (place, query)) in places.zip(queries.rows()).enumerate() {
        prepare(Place::QueryRow(row as u64), query, space.metric, place)?;
    }
    let prepared = prepared.as_rows();
    let queries: Vec<&[f32]> = (0..prepared.len() as u32)
        .filter_map(|row| prepared.get(row))
        .collect();
    let report = Report::of_scan(request.filter.map_or(space.len(), RowSet::count) as u64, space);
    let answers = nearest(space, &queries, request.k, request.filter).into_iter();
    Ok(answers.map(|neighbors| Answer { neighbors, report }).collect())
}

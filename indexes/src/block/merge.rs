//! Merging blocks.

use std::ops::Range;

use super::codes::BlockCodes;
use super::{Block, FEW};
use crate::error::IndexError;
use crate::index::Index;
use crate::row_set::RowSet;
use crate::vectors::{AlignedRows, MAX_ROWS};

/// A block and the rows of it to keep; all of them without a set.
type Part<'a> = (&'a Block, Option<&'a RowSet>);

/// As [`Block::merge`].
pub(super) fn merge(parts: &[Part<'_>]) -> Result<Block, IndexError> {
    let Some((first, _)) = parts.first() else {
        return Err(IndexError::Setting {
            name: "parts",
            found: "none".to_owned(),
            expected: "at least one block".to_owned(),
        });
    };
    let (metric, dimension) = (first.metric(), first.dimension());
    let mut len = 0;
    for part in parts {
        check(part, first)?;
        len += kept(part);
    }
    if len > MAX_ROWS {
        return Err(IndexError::TooManyRows {
            found: len,
            expected: MAX_ROWS,
        });
    }
    let mut rows = AlignedRows::zeros(len, dimension);
    let mut codes = match len >= FEW {
        true => Some(BlockCodes::with_room(len, dimension, metric)?),
        false => None,
    };
    let mut rest = rows.as_mut_slice();
    for (block, keep) in parts {
        let stride = block.rows.stride();
        for run in runs(block.len(), *keep) {
            let values = &block.rows.as_rows().values()[run.start * stride..run.end * stride];
            let (place, after) = std::mem::take(&mut rest).split_at_mut(values.len());
            place.copy_from_slice(values);
            rest = after;
            match (&mut codes, &block.codes) {
                (Some(codes), Some(coded)) => codes.copy(coded, run),
                (Some(codes), None) => codes.code(values.chunks_exact(stride), dimension),
                (None, _) => {}
            }
        }
    }
    Block::of_rows(metric, dimension, rows, codes)
}

/// Whether a part can be merged with the first one.
fn check((block, keep): &Part<'_>, first: &Block) -> Result<(), IndexError> {
    if block.dimension() != first.dimension() {
        return Err(IndexError::Dimension {
            field: "parts",
            found: block.dimension(),
            expected: first.dimension(),
        });
    }
    if block.metric() != first.metric() {
        return Err(IndexError::Setting {
            name: "parts",
            found: block.metric().to_string(),
            expected: format!("blocks of one metric ({})", first.metric()),
        });
    }
    match keep {
        Some(keep) if keep.len() != block.len() => Err(IndexError::FilterLength {
            found: keep.len(),
            expected: block.len(),
        }),
        _ => Ok(()),
    }
}

fn kept((block, keep): &Part<'_>) -> usize {
    keep.map_or(block.len(), RowSet::count)
}

/// The rows to keep as ranges, so that neighbors are copied together.
fn runs(len: usize, keep: Option<&RowSet>) -> Vec<Range<usize>> {
    let Some(keep) = keep.filter(|keep| keep.count() < len) else {
        return Vec::from([Range { start: 0, end: len }]);
    };
    let mut runs: Vec<Range<usize>> = Vec::new();
    for row in keep.iter().map(crate::RowId::index) {
        match runs.last_mut() {
            Some(run) if run.end == row => run.end += 1,
            _ => runs.push(row..row + 1),
        }
    }
    runs
}

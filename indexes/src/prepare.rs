//! Vectors checked, normalized and padded: what the kernels compare.

use std::hash::{DefaultHasher, Hasher};

use rayon::prelude::*;

use crate::error::{IndexError, Place};
use crate::kernel::Rows;
use crate::metric::Metric;
use crate::vectors::{AlignedRows, VectorsView};

/// Longest vector under metric dot or l2: no dot product or distance of two such vectors overflows.
fn longest() -> f64 {
    f64::from(f32::MAX).sqrt() / 4.0
}

/// The squared length of a vector.
pub(crate) fn squares(vector: &[f32]) -> f64 {
    vector
        .iter()
        .map(|&value| f64::from(value) * f64::from(value))
        .sum()
}

/// Writes a vector as it is compared: normalized under cosine, otherwise as given; zeros behind it. Negative zeros
/// become positive, so that equal vectors have equal bytes.
pub(crate) fn prepare(
    place: Place,
    vector: &[f32],
    metric: Metric,
    out: &mut [f32],
) -> Result<(), IndexError> {
    let squares = squares(vector);
    if !squares.is_finite() {
        let position = vector.iter().position(|value| !value.is_finite()).unwrap_or(0);
        let found = vector.get(position).copied().unwrap_or(f32::NAN);
        return Err(IndexError::NotFinite {
            place,
            position,
            found,
        });
    }
    let length = squares.sqrt();
    let scale = match metric {
        Metric::Cosine if length == 0.0 => return Err(IndexError::ZeroVector { place }),
        Metric::Cosine => 1.0 / length,
        Metric::Dot | Metric::L2 if length > longest() => {
            return Err(IndexError::TooLong {
                place,
                found: length,
                expected: longest(),
            });
        }
        Metric::Dot | Metric::L2 => 1.0,
    };
    let (values, padding) = out.split_at_mut(vector.len().min(out.len()));
    for (out, &value) in values.iter_mut().zip(vector) {
        *out = (f64::from(value) * scale) as f32 + 0.0;
    }
    padding.fill(0.0);
    Ok(())
}

/// All vectors prepared, on all threads of the current pool.
pub(crate) fn prepare_rows(vectors: VectorsView<'_>, metric: Metric) -> Result<AlignedRows, IndexError> {
    let mut rows = AlignedRows::zeros(vectors.len(), vectors.dimension());
    let stride = rows.stride();
    rows.as_mut_slice()
        .par_chunks_mut(stride)
        .enumerate()
        .try_for_each(|(row, out)| {
            prepare(
                Place::Row(row as u64),
                vectors.row(row).unwrap_or(&[]),
                metric,
                out,
            )
        })?;
    Ok(rows)
}

/// Rows grouped by equal vectors: a graph over the first of each group has no clumps of zero distances, which would
/// fill each other's links and cut themselves off.
#[derive(Debug)]
pub(crate) struct Groups {
    /// The first row of every group, ascending.
    pub(crate) first: Vec<u32>,
    /// Per row the next row with the same vector, [`NO_ROW`] at the end. Empty when all vectors differ.
    pub(crate) next: Vec<u32>,
}

/// Stands for "no row" in index files.
pub(crate) const NO_ROW: u32 = u32::MAX;

impl Groups {
    /// Finds the rows that are equal bit by bit.
    pub(crate) fn find(rows: &Rows<'_>) -> Self {
        let mut order: Vec<(u64, u32)> = (0..rows.len() as u32)
            .into_par_iter()
            .map(|row| (hash(rows.get(row).unwrap_or(&[])), row))
            .collect();
        order.par_sort_unstable();
        let mut next = vec![NO_ROW; rows.len()];
        let mut follower = vec![false; rows.len()];
        for same_hash in order.chunk_by(|a, b| a.0 == b.0).filter(|chunk| chunk.len() > 1) {
            chain(rows, same_hash, &mut next, &mut follower);
        }
        let first: Vec<u32> = (0..rows.len() as u32)
            .filter(|&row| !follower[row as usize])
            .collect();
        if first.len() == rows.len() {
            next.clear();
        }
        Self { first, next }
    }
}

impl Groups {
    /// Pairs of the first row of a group and each later row of it, sorted, as one list of numbers.
    pub(crate) fn followers(&self) -> Vec<u32> {
        let next = |row: u32| {
            self.next
                .get(row as usize)
                .copied()
                .filter(|&next| next != NO_ROW)
        };
        let of = |&first: &u32| {
            std::iter::successors(next(first), move |&row| next(row)).flat_map(move |row| [first, row])
        };
        self.first.iter().flat_map(of).collect()
    }
}

/// Chains equal rows among rows with one hash (nearly always all of them).
fn chain(rows: &Rows<'_>, same_hash: &[(u64, u32)], next: &mut [u32], follower: &mut [bool]) {
    let mut lasts: Vec<u32> = Vec::new();
    for &(_, row) in same_hash {
        match lasts.iter_mut().find(|last| rows.get(**last) == rows.get(row)) {
            Some(last) => {
                next[*last as usize] = row;
                follower[row as usize] = true;
                *last = row;
            }
            None => lasts.push(row),
        }
    }
}

/// Equal rows have equal hashes.
pub(crate) fn hash(row: &[f32]) -> u64 {
    let mut hasher = DefaultHasher::new();
    row.iter().for_each(|value| hasher.write_u32(value.to_bits()));
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prepared(vector: &[f32], metric: Metric) -> Result<Vec<f32>, IndexError> {
        let mut out = vec![9.0; vector.len() + 1];
        prepare(Place::Row(7), vector, metric, &mut out).map(|()| out)
    }

    #[test]
    fn cosine_normalizes_whatever_the_length() {
        for scale in [1e-30, 1.0, 1e37] {
            let out = prepared(&[3.0 * scale, -4.0 * scale], Metric::Cosine).unwrap();
            assert!(
                (out[0] - 0.6).abs() < 1e-6 && (out[1] + 0.8).abs() < 1e-6 && out[2] == 0.0,
                "{out:?}"
            );
        }
        assert_eq!(prepared(&[3.0, -0.0], Metric::L2).unwrap()[1].to_bits(), 0);
    }

    #[test]
    fn unusable_vectors_are_named() {
        let text = |vector: &[f32], metric| prepared(vector, metric).unwrap_err().to_string();
        assert!(text(&[0.0, 0.0], Metric::Cosine).starts_with("row 7: found all zeros"));
        assert!(text(&[0.0, f32::NAN], Metric::L2).starts_with("row 7: found NaN at position 1"));
        assert!(text(&[f32::NEG_INFINITY], Metric::Dot).contains("-inf at position 0"));
        assert!(text(&[1e38], Metric::Dot).contains("expected at most"));
        assert!(prepared(&[0.0, 0.0], Metric::Dot).is_ok());
    }

    #[test]
    fn equal_rows_form_chains() {
        let values = [1.0, 2.0, 1.0, 3.0, 2.0, 1.0];
        let groups = Groups::find(&Rows::new(&values, 1));
        assert_eq!(groups.first, [0, 1, 3]);
        assert_eq!(groups.next, [2, 4, 5, NO_ROW, NO_ROW, NO_ROW]);
        assert_eq!(groups.followers(), [0, 2, 0, 5, 1, 4]);
        assert!(Groups::find(&Rows::new(&values[..2], 1)).next.is_empty());
    }
}

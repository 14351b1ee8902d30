//! Row numbers and answers.

use std::cmp::Ordering;

use serde::{Deserialize, Serialize};

/// The number of a vector in an index, counted from zero in the order the vectors were given to the build.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RowId(pub u32);

impl RowId {
    /// The row as a position in a slice.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// One answer: a row and its score. Sorts best first: score descending, then row ascending.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Neighbor {
    /// The row found.
    pub row: RowId,
    /// Its score under the index's metric; higher is better.
    pub score: f32,
}

impl Ord for Neighbor {
    fn cmp(&self, other: &Self) -> Ordering {
        other.score.total_cmp(&self.score).then(self.row.cmp(&other.row))
    }
}

impl PartialOrd for Neighbor {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Neighbor {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Neighbor {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn best_first_then_lowest_row() {
        let neighbor = |row, score| Neighbor {
            row: RowId(row),
            score,
        };
        let mut all = [
            neighbor(3, 0.5),
            neighbor(9, 0.9),
            neighbor(1, 0.5),
            neighbor(2, f32::NAN),
        ];
        all.sort_unstable();
        let rows: Vec<u32> = all.iter().map(|neighbor| neighbor.row.0).collect();
        assert_eq!(rows, [2, 9, 1, 3]);
    }
}

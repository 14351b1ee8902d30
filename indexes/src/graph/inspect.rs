//! Checking what checksums cannot say: the small sections when a file is opened, all of it on demand.

use super::mapped::GraphIndex;
use crate::description::Description;
use crate::error::IndexError;
use crate::file::{MappedFile, tag};
use crate::prepare::NO_ROW;
use crate::row::RowId;
use crate::row_set::RowSet;

/// Checks the sections that are read whole when a file is opened: their checksums, a mean of finite numbers, entry points
/// that are rows. Walks rely on it.
pub(super) fn check_small(
    file: &MappedFile,
    description: &Description,
    mean: &[f32],
    entries: &[u32],
) -> Result<(), IndexError> {
    for small in [tag::MEAN, tag::SIGNS, tag::ENTRIES] {
        file.checked_bytes(small)?;
    }
    let error = description.code_error;
    if !(error.is_finite() && error >= 0.0) {
        return Err(file.damaged(
            "section description, code error",
            error,
            "a finite number from 0 up",
        ));
    }
    if let Some(value) = mean.iter().find(|value| !value.is_finite()) {
        return Err(file.damaged("section mean", value, "finite numbers"));
    }
    let rows = description.rows;
    let in_range = entries.last().is_none_or(|&row| (row as usize) < rows);
    let none = entries.is_empty() && rows > 0;
    match entries.is_sorted_by(|a, b| a < b) && in_range && !none {
        true => Ok(()),
        false => Err(file.damaged("section entries", "rows out of order or range", "ascending rows")),
    }
}

impl GraphIndex {
    /// Finite rows and scales, links that lead to rows and come before the end of their list, and followers that are
    /// later rows with the vector of their node.
    pub(crate) fn verify(&self) -> Result<(), IndexError> {
        self.vectors.verify(&self.file)?;
        let rows = self.description.rows;
        crate::index::check_lists(&self.file, "links", &self.links, self.width(), rows)?;
        self.verify_numbers("section scales", &self.scales)?;
        self.verify_numbers("section lengths", self.lengths.as_deref().unwrap_or(&[]))?;
        self.verify_followers()
    }

    fn verify_numbers(&self, section: &str, numbers: &[f32]) -> Result<(), IndexError> {
        let wrong = |number: &&f32| !number.is_finite() || **number < 0.0;
        match numbers.iter().find(wrong) {
            Some(number) => Err(self.file.damaged(section, number, "finite numbers from 0 up")),
            None => Ok(()),
        }
    }

    fn verify_followers(&self) -> Result<(), IndexError> {
        let pairs = self.followers.as_deref().unwrap_or(&[]).as_chunks::<2>().0;
        let rows = self.description.rows;
        let mut following = RowSet::new(rows);
        let in_order = pairs.is_sorted()
            && pairs
                .iter()
                .all(|&[node, row]| node < row && following.insert(RowId(row)));
        let nodes = pairs.iter().all(|&[node, row]| {
            let unlinked = self.graph().list(row).first() == Some(&NO_ROW);
            let equal = self.vectors.get(RowId(node)) == self.vectors.get(RowId(row));
            unlinked && equal && !following.contains(RowId(node))
        });
        match in_order && nodes {
            true => Ok(()),
            false => Err(self.file.damaged(
                "section followers",
                "pairs out of order or range, or of rows that differ",
                "ascending pairs of a node and a later row with its vector",
            )),
        }
    }
}

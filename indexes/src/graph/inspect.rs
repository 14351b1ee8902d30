//! Checking all of an opened file: what checksums cannot say.

use super::mapped::GraphIndex;
use crate::error::IndexError;
use crate::prepare::NO_ROW;

impl GraphIndex {
    /// Finite rows and scales, links that lead to rows and come before the end of their list, entry points and
    /// followers that are rows.
    pub(crate) fn verify(&self) -> Result<(), IndexError> {
        self.vectors.verify(&self.file)?;
        let rows = self.description.rows;
        crate::index::check_lists(&self.file, "links", &self.links, self.width(), rows)?;
        let numbers = self.scales.iter().chain(self.lengths.as_deref().unwrap_or(&[]));
        if numbers
            .into_iter()
            .any(|number| !number.is_finite() || *number < 0.0)
        {
            return Err(self.file.damaged(
                "section scales",
                "a number that is none",
                "finite numbers from 0 up",
            ));
        }
        self.verify_entries()?;
        self.verify_followers()
    }

    fn verify_entries(&self) -> Result<(), IndexError> {
        let nodes = &self.graph().entries.nodes;
        let in_range = nodes
            .last()
            .is_none_or(|&row| (row as usize) < self.description.rows);
        let none = nodes.is_empty() && self.description.rows > 0;
        match nodes.is_sorted_by(|a, b| a < b) && in_range && !none {
            true => Ok(()),
            false => {
                Err(self
                    .file
                    .damaged("section entries", "rows out of order or range", "ascending rows"))
            }
        }
    }

    fn verify_followers(&self) -> Result<(), IndexError> {
        let pairs = self.followers.as_deref().unwrap_or(&[]).as_chunks::<2>().0;
        let rows = self.description.rows;
        let later = pairs
            .iter()
            .all(|&[node, row]| node < row && (row as usize) < rows);
        let unlinked = pairs
            .iter()
            .all(|&[_, row]| self.graph().list(row).first() == Some(&NO_ROW));
        match pairs.is_sorted() && later && unlinked {
            true => Ok(()),
            false => Err(self.file.damaged(
                "section followers",
                "pairs out of order or range",
                "ascending pairs",
            )),
        }
    }
}

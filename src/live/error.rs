//! What can be wrong with what a state stands on.

use alike_indexes::IndexError;
use std::path::PathBuf;

/// A part of a state cannot be read or made.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// The snapshot has no readable id, document or vector for one of its rows.
    #[error(
        "snapshot {snapshot} has no readable {what} for row {row}; rebuild it, or roll back to an intact one"
    )]
    Unreadable {
        /// The snapshot.
        snapshot: String,
        /// `id`, `document` or `vector`.
        what: &'static str,
        /// The row.
        row: u32,
    },
    /// Rows could not be sealed into a graph; they go on being served as they are.
    #[error("{}: live rows cannot be sealed: {source}", path.display())]
    Seal {
        /// The file or its folder.
        path: PathBuf,
        /// Why.
        source: IndexError,
    },
    /// The folder for sealed rows cannot be used; they go on being served as they are.
    #[error("{}: live rows cannot be sealed: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

//! A collection as one file, to keep elsewhere and to bring back.
//!
//! The file is a tar archive (`.tar`, or `.tar.zst`) of plain files, in this order:
//!
//! | entry | content |
//! |---|---|
//! | `export.json` | [`Listing`]: what is in the archive, with the length and BLAKE3 digest of every other entry |
//! | `snapshot/…` | the files of the snapshot that was served |
//! | `log/…` | the segments of the log with everything after the snapshot, up to the position in the listing |
//! | `golden.jsonl` | the golden queries, where there are some |
//! | `placements.json` | the placements, where there are some |
//!
//! The log of events is not part of it; what they had taught when the snapshot was built is. An archive is taken while a
//! server writes: the snapshot never changes, and of the log a prefix is taken that ends with a whole commit. It is accepted
//! again only as a whole: every byte and every record is checked before the collection appears, in one step.

mod error;
mod export;
mod import;
mod listing;

#[cfg(test)]
mod tests;

pub use error::BackupError;
pub use export::{Exported, export};
pub use import::{Imported, import};
pub use listing::{Entry, Listing};

use std::path::Path;

/// How an archive is packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Packing {
    Plain,
    Zstd,
}

impl Packing {
    /// Told by the name of the file.
    fn of(path: &Path) -> Result<Self, BackupError> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.ends_with(".tar") {
            Ok(Self::Plain)
        } else if name.ends_with(".tar.zst") {
            Ok(Self::Zstd)
        } else {
            Err(BackupError::Name {
                path: path.to_path_buf(),
            })
        }
    }
}

/// Hears how far it is, as bytes done of all.
pub type Advance<'a> = &'a dyn Fn(u64, u64);

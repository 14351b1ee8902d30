//! What an archive says about itself.

use super::BackupError;
use crate::snapshot::is_snapshot_id;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The version of the format that this binary writes and reads.
pub(super) const FORMAT_VERSION: u32 = 1;
/// The name of the first entry.
pub(super) const LISTING: &str = "export.json";
/// The folder of the snapshot's files.
pub(super) const SNAPSHOT: &str = "snapshot/";
/// The folder of the log's segments.
pub(super) const LOG: &str = "log/";
pub(super) const GOLDEN: &str = "golden.jsonl";
pub(super) const PLACEMENTS: &str = "placements.json";

/// What is in an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listing {
    /// Version of the format.
    pub format_version: u32,
    /// The `alike` version that wrote it.
    pub alike_version: String,
    /// The collection it was taken of.
    pub collection: String,
    /// The id of the snapshot.
    pub snapshot: String,
    /// The last change that is in it.
    pub position: u64,
    /// When it was taken, milliseconds since the Unix epoch.
    pub created_ms: i64,
    /// Every other entry, in their order.
    pub files: Vec<Entry>,
}

/// One file of an archive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its name in the archive.
    pub name: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// BLAKE3 digest of its content, in hexadecimal.
    pub blake3: String,
}

/// As much as is needed to know which version it is.
#[derive(Deserialize)]
struct Versioned {
    format_version: u32,
}

impl Listing {
    /// Reads the listing of the archive at `path`.
    pub(super) fn decode(json: &[u8], path: &Path) -> Result<Self, BackupError> {
        let wrong = |error: serde_json::Error| BackupError::damaged(path, LISTING, error.to_string());
        let found = serde_json::from_slice::<Versioned>(json)
            .map_err(wrong)?
            .format_version;
        if found != FORMAT_VERSION {
            return Err(BackupError::Version {
                path: path.to_path_buf(),
                found,
                newest: FORMAT_VERSION,
            });
        }
        let listing: Self = serde_json::from_slice(json).map_err(wrong)?;
        if !is_snapshot_id(&listing.snapshot) {
            let detail = format!("{:?} is not a snapshot's id", listing.snapshot);
            return Err(BackupError::damaged(path, LISTING, detail));
        }
        let mut before = std::collections::HashSet::new();
        match listing
            .files
            .iter()
            .find(|file| !is_ours(&file.name) || !before.insert(&file.name))
        {
            None => Ok(listing),
            Some(file) => Err(BackupError::damaged(
                path,
                LISTING,
                format!("{:?} is no file of an export, or there twice", file.name),
            )),
        }
    }

    /// Length of all files together.
    pub(super) fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

/// Whether an export has files of that name. No other name is written anywhere.
fn is_ours(name: &str) -> bool {
    let plain = |name: &str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
        !name.is_empty() && !name.starts_with('.') && name.chars().all(allowed)
    };
    match (name.strip_prefix(SNAPSHOT), name.strip_prefix(LOG)) {
        (Some(file), _) | (_, Some(file)) => plain(file),
        _ => name == GOLDEN || name == PLACEMENTS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_an_export_are_taken() {
        for good in [
            "snapshot/index.alike",
            "log/00000000000000000001.log",
            "golden.jsonl",
            "placements.json",
        ] {
            assert!(is_ours(good), "{good}");
        }
        for bad in [
            "",
            "snapshot/",
            "snapshot/../x",
            "/etc/passwd",
            "../x",
            "log/a/b",
            "CURRENT",
            "snapshot/.hidden",
            "log\\x",
            "snapshot//x",
            "snapshot/a\0b",
        ] {
            assert!(!is_ours(bad), "{bad}");
        }
    }
}

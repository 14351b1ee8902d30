//! The snapshots of a collection.

use super::RebuildError;
use crate::snapshot::{Collection, Manifest, Pointer, SnapshotError};
use serde::Serialize;

/// A snapshot in a list.
#[derive(Debug, Clone, Serialize)]
pub struct Listed {
    /// Its id.
    pub id: String,
    /// `served`, `previous` (a rollback may go back to it) or `aside` (built and not published, or rolled back from).
    pub state: &'static str,
    /// When it was built, RFC 3339.
    pub created: String,
    /// Its items.
    pub items: u64,
    /// The last change that it contains.
    pub position: u64,
    /// Its size on disk.
    pub bytes: u64,
    /// Recall@10 against exact search, measured when it was built.
    #[serde(rename = "recall@10")]
    pub recall_at_10: Option<f32>,
    /// The snapshot it was built from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// The model of its vectors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Why it cannot be read; then only its id is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// All snapshots of a collection, newest first.
///
/// # Errors
/// Nothing is published, or the directory cannot be listed.
pub fn list(collection: &Collection) -> Result<Vec<Listed>, RebuildError> {
    let pointer = collection.pointer()?;
    let listed = |id: String| {
        let state = state(&pointer, &id);
        match collection.manifest(&id) {
            Ok(manifest) => (manifest.created_ms, described(id, state, &manifest)),
            Err(error) => (0, unreadable(id, state, &error)),
        }
    };
    let mut all: Vec<(i64, Listed)> = collection.snapshot_ids()?.into_iter().map(listed).collect();
    // Ids tell seconds only.
    all.sort_by_key(|(created_ms, _)| std::cmp::Reverse(*created_ms));
    Ok(all.into_iter().map(|(_, listed)| listed).collect())
}

fn state(pointer: &Pointer, id: &str) -> &'static str {
    if pointer.snapshot == id {
        "served"
    } else if pointer.history.iter().any(|before| before == id) {
        "previous"
    } else {
        "aside"
    }
}

fn described(id: String, state: &'static str, manifest: &Manifest) -> Listed {
    let created = jiff::Timestamp::from_millisecond(manifest.created_ms);
    Listed {
        id,
        state,
        created: created.map_or_else(|_| "undated".to_owned(), |time| time.to_string()),
        items: manifest.rows,
        position: manifest.log_position,
        bytes: manifest.bytes(),
        recall_at_10: manifest.build.recall_at_10,
        parent: manifest.parent.clone(),
        model: manifest.model.as_ref().map(ToString::to_string),
        problem: None,
    }
}

fn unreadable(id: String, state: &'static str, error: &SnapshotError) -> Listed {
    Listed {
        id,
        state,
        created: "unknown".to_owned(),
        items: 0,
        position: 0,
        bytes: 0,
        recall_at_10: None,
        parent: None,
        model: None,
        problem: Some(error.to_string()),
    }
}

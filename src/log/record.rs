//! What the log holds.

use crate::snapshot::TextDigest;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The number of a record in its collection's log, from 1; a view at a position contains every record up to it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Position(pub u64);

impl Position {
    /// Before the first record.
    pub const START: Self = Self(0);
}

impl std::fmt::Display for Position {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// One entry of the log.
#[derive(Debug, Clone, PartialEq)]
pub enum Record {
    /// An item is new, or replaces the one of that id.
    Upsert(StoredItem),
    /// The document of an item that is there is replaced; its vector, and the text that it was made from, stay.
    Update {
        /// The item's id.
        id: Box<str>,
        /// Its whole document.
        document: Box<str>,
    },
    /// An item is gone.
    Delete {
        /// Its id.
        id: Box<str>,
    },
    /// A call that carried an idempotency key is complete; its records stand before this one.
    Call(CallNote),
    /// Something that a shopper did, as a JSON object; in logs of events only, which are kept beside those of changes.
    Event(Box<str>),
}

/// An item as the log keeps it: with its vector, so that nobody encodes it twice.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredItem {
    /// Its id.
    pub id: Box<str>,
    /// Its fields but the vector, as one JSON object that has passed the schema.
    pub document: Box<str>,
    /// Its vector, as it was given or encoded.
    pub vector: Arc<[f32]>,
    /// What made the vector; none where the item brought its own.
    pub origin: Option<Origin>,
}

/// What a vector was made from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// The first 16 bytes of the model's digest.
    pub model: [u8; 16],
    /// The model's variant, its name filled up with zeros.
    pub variant: [u8; 16],
    /// The text.
    pub text: TextDigest,
}

/// What was answered to a call with an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallNote {
    /// The key.
    pub key: Box<str>,
    /// Digest of the call's body: the same key with another body is refused.
    pub body: [u8; 16],
    /// When it was answered, milliseconds since the Unix epoch.
    pub at_ms: i64,
    /// The answer, as JSON.
    pub answer: Box<str>,
}

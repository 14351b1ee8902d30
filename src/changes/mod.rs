//! Changes of a collection's items, from a call to what is acknowledged.

mod answers;
mod calls;
mod desk;
mod journal;
mod prepare;
mod queue;
mod replay;
mod rules;
mod sealer;
mod writer;

pub(crate) use answers::read as read_answer;
pub(crate) use calls::{Calls, Older};
pub(crate) use desk::{Desk, SEALED_FOLDER};
pub(crate) use journal::Journal;
pub(crate) use prepare::{Action, Encoded, Prepared, Ready, prepare};
pub(crate) use queue::{Note, Verdict};
pub(crate) use replay::read_ahead;
pub(crate) use rules::Rules;
pub(crate) use sealer::Sealer;
pub(crate) use writer::Writer;

use crate::engine::EngineError;
use crate::log::Position;
use serde::Serialize;
use serde_json::{Map, Value};
use std::time::Instant;

/// Most changes that one call commits together; longer calls are committed in parts of this many.
pub const MAX_TOGETHER: usize = 1_000;

/// One change of one item.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// The item is new or replaces the one of its id: all of its fields, with its vector where the schema names one.
    Upsert(Map<String, Value>),
    /// These fields of an item that is there take these values; null removes a field. What is not named stays. A vector,
    /// or a text to embed, that changes changes the item's vector.
    Update {
        /// The item's id.
        id: String,
        /// The fields.
        fields: Map<String, Value>,
    },
    /// The item is gone.
    Delete {
        /// Its id.
        id: String,
    },
}

/// What became of one change.
#[derive(Debug)]
pub enum Outcome {
    /// The item is new.
    Created,
    /// The item was there and is changed or replaced.
    Updated,
    /// The item was there and is gone.
    Deleted,
    /// There was no item of that id to update or delete: nothing is changed.
    Missing,
    /// The change is wrong; nothing of it was done. Field paths start at the item (`price`, `vector[3]`).
    Rejected(EngineError),
}

/// How a call's changes are made.
#[derive(Debug, Clone)]
pub struct WriteOptions {
    /// Names the call: sent again within a day with the same body, it is answered as the first time and does nothing.
    pub key: Option<Key>,
    /// When to give up waiting. What was not queued by then is not done.
    pub deadline: Instant,
}

/// An idempotency key, and what it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// As the caller sent it, 1 to 255 visible ASCII characters.
    pub name: String,
    /// Digest of the call's method, path and body.
    pub body: [u8; 16],
}

/// What is known of a call with an idempotency key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CallStart {
    /// Nothing: it is at work from now on, until it is answered or given up.
    New,
    /// It was answered, with this JSON.
    Answered(Box<str>),
    /// It is at work.
    InProgress,
}

/// What a call did.
#[derive(Debug)]
pub struct Written {
    /// A view at this position contains everything that the call did.
    pub position: Position,
    /// One per change, in their order.
    pub outcomes: Vec<Outcome>,
}

/// How many changes of a call came out how.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// New items.
    pub created: usize,
    /// Items changed or replaced.
    pub updated: usize,
    /// Items removed.
    pub deleted: usize,
    /// Changes of items that were not there.
    pub missing: usize,
    /// Changes that were refused.
    pub rejected: usize,
}

impl Counts {
    /// Counts one more.
    pub fn add(&mut self, outcome: &Outcome) {
        let count = match outcome {
            Outcome::Created => &mut self.created,
            Outcome::Updated => &mut self.updated,
            Outcome::Deleted => &mut self.deleted,
            Outcome::Missing => &mut self.missing,
            Outcome::Rejected(_) => &mut self.rejected,
        };
        *count += 1;
    }
}

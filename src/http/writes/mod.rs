//! Changes of items, from the body of a call to its answer.
//!
//! A body is one JSON object, one JSON array, or a stream of any length with one object per line. [`body`] cuts it into
//! parts as it comes, [`change`] reads what is in them, [`parts`] has the engine commit one after the other and reads on
//! only then, [`report`] keeps account for the answer. [`once`] is the idempotency key around all of it.

mod body;
mod change;
mod lines;
mod once;
mod parts;
mod report;

pub(super) use body::{Changes, MAX_ITEMS};
pub(super) use change::{Verb, id_of, object};
pub(super) use once::{CallKey, Digest, once};
pub(super) use parts::{Call, write_all, write_one};
pub(super) use report::{Report, WriteAnswer};

//! What is learned offline from interactions: which items go together, and what a user will want next.
//!
//! [`train`] turns [`Interactions`] into a [`Model`]; it is stored in a snapshot and answers from there. Items are
//! numbers here: the snapshot's rows when serving, any numbering in an evaluation. This module knows nothing of
//! collections, texts or HTTP.

mod interactions;

pub use interactions::{Basket, History, Interactions, Touch};

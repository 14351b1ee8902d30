//! What is learned offline from interactions: which items go together, and what a user will want next.
//!
//! [`train()`] turns [`Interactions`] into a [`Model`]; it is stored in a snapshot and answers from there. Items are
//! numbers here: the snapshot's rows when serving, any numbering in an evaluation. This module knows nothing of
//! collections, texts or HTTP.

mod als;
mod blend;
mod content;
mod counted;
mod csr;
mod dense;
mod features;
mod fitting;
mod interactions;
mod model;
mod profile;
mod ridge;
mod settings;
#[cfg(test)]
mod tests;
mod train;
mod view;
mod words;

pub use interactions::{Basket, History, Interactions, Touch};
pub use model::{Model, ModelError};
pub use settings::TrainSettings;
pub use train::{Trained, Watch, enough, train};
pub use words::Words;

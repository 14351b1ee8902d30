//! Ranking: from lists of candidates and a shop's rules to what is shown. Pure functions; nothing here searches, encodes
//! or reads files.

mod candidate;

pub use candidate::{Candidate, Facts, Strategy};

//! One set of checks that every kind of index passes under every metric, on seeded synthetic vectors.
//!
//! - `data`: the sets of vectors, and the indexes built over them.
//! - `checks`: what every answer keeps, and the brute force it is compared with.
//! - `small`: every kind of content, dimension, `k`, filter and effort on few rows.
//! - `large`: recall, filters, repeated, concurrent and batched searches on enough rows for an approximate plan.
//! - `questions`: what cannot be asked.
//! - `files`: vectors come back, builds repeat, damage is found.
//!
//! A new kind joins by being in [`alike_indexes::Kind::ALL`].

#![allow(
    clippy::unwrap_used,
    reason = "a failed expectation stops the test, in its helpers too"
)]

mod conformance {
    mod checks;
    mod data;
    mod files;
    mod large;
    mod questions;
    mod small;
}
mod support;

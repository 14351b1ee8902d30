//! The whole service from outside: the real binary, the real model, real HTTP.
//!
//! One module per promise; `support` starts processes, asks questions and waits. Needs the folder `.alike` that
//! `scripts/setup` fills.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed expectation stops the test; clippy.toml allows it in test functions only, not in what they share"
)]

mod backup;
mod bad_input;
mod bad_rows;
mod damaged;
mod efforts;
mod encode;
mod encode_bad_input;
mod encode_interrupted;
mod encoder;
mod events;
mod formats;
mod hostile;
mod hostile_filters;
mod interrupted;
mod items;
mod limits;
mod models;
mod older;
mod openai;
mod operations;
mod pulls;
mod rerank;
mod reuse;
mod search;
mod snapshot_cli;
mod support;
mod swaps;
mod tei;
mod tools;

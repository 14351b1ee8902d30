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
mod collections_api;
mod crash;
mod damaged;
mod efforts;
mod encode;
mod encode_bad_input;
mod encode_interrupted;
mod encoder;
mod eval_recommend;
mod events;
mod experiments;
mod formats;
mod hostile;
mod hostile_filters;
mod interrupted;
mod items;
mod items_api;
mod limits;
mod live_writers;
mod model_test;
mod models;
mod older;
mod openai;
mod operations;
mod placements;
mod promises;
mod pulls;
mod recommend;
mod rerank;
mod reuse;
mod search;
mod snapshot_cli;
mod snapshots_api;
mod streams_api;
mod support;
mod swaps;
mod tei;
mod tools;
mod week;
mod writes_bad_input;

//! **Alike**: semantic search and recommendations from one service.
//!
//! The flow, in the order of the modules below: a catalog file is read row by row ([`catalog`]), checked against a
//! [`schema`], encoded and frozen ([`build`]) into an immutable memory-mapped [`snapshot`]; [`live`] holds what
//! changed since, in memory; [`rebuild`] folds that into a new snapshot, and [`backup`] takes both elsewhere; the [`engine`] answers search and recommendation calls from one view of both; [`encode`] turns a file of texts into an array of vectors; [`signals`] learns trending items from events; [`ranking`] applies a shop's rules to candidates, [`placements`] keeps them by name; [`http`] and [`cli`] are
//! the two doors. Dependencies point one way: `http` and `cli` → `engine` → `snapshot`, never backwards.

pub mod backup;
pub mod build;
pub mod catalog;
pub mod changes;
pub mod cli;
pub mod config;
pub mod encode;
pub mod engine;
pub mod evaluation;
pub mod experiments;
pub mod http;
pub mod jobs;
pub mod learn;
pub mod live;
pub mod log;
pub mod model;
pub mod placements;
pub mod ranking;
pub mod rebuild;
pub mod schema;
pub mod signals;
pub mod snapshot;
pub mod telemetry;

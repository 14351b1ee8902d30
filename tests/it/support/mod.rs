//! What all modules share: temporary stores, the command line, servers, and the one way to wait.

mod catalog;
mod command;
#[path = "../../../embeddings/tests/support/cross.rs"]
pub(crate) mod cross;
pub(crate) mod live;
mod model;
pub(crate) mod models;
pub(crate) mod points;
#[path = "../../../embeddings/tests/support/protobuf.rs"]
mod protobuf;
mod random;
mod server;
mod store;
#[path = "../../../embeddings/tests/support/tiny.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
pub(crate) mod tiny;
pub(crate) mod web;

pub(crate) use catalog::{SHOP_SCHEMA, shop_jsonl, shop_rows};
pub(crate) use command::{
    Finished, POINTS_SCHEMA, Running, alike, alike_command, build, build_points, build_shop, copy_binary,
    ordinary_user, points_jsonl, send,
};
pub(crate) use model::{other_model, venv_python};
pub(crate) use random::Random;
pub(crate) use server::{Answer, Server, refused_in_a_crowd};
pub(crate) use store::{copy_tree, current, pointer, shared_shop, snapshot_dir, staging_is_clean, temp_dir};

use std::time::{Duration, Instant};

/// Nothing here takes this long, not even on a busy machine; whoever waits longer waits in vain.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Asks until there is an answer; `what` says in the failure what never came.
#[track_caller]
pub(crate) fn poll<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(
            start.elapsed() < PATIENCE,
            "waited {PATIENCE:?} in vain for {what}"
        );
        pause();
    }
}

#[allow(
    clippy::disallowed_methods,
    reason = "the one place where tests wait: between two looks, never instead of one"
)]
fn pause() {
    std::thread::sleep(Duration::from_millis(5));
}

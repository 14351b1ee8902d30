//! Builds that end in the middle: what was published stays, the next build cleans up.

use crate::bad_input::Bench;
use crate::support::{Running, alike, current, points_jsonl, poll, staging_is_clean};
use rustix::process::Signal;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const POINTS: [&str; 4] = ["--id", "id", "--vector", "v"];
const TITLES: [&str; 4] = ["--id", "id", "--embed", "title"];

/// A catalog that takes the model many seconds.
fn slow_catalog(bench: &Bench) -> PathBuf {
    let rows = (0..4_000).fold(String::new(), |mut text, at| {
        let title = format!("item {at} of a long list of things that take a while to encode ").repeat(8);
        let _ = writeln!(text, r#"{{"id":"i{at}","title":"{title}"}}"#);
        text
    });
    bench.file("slow.jsonl", rows)
}

/// Files below the collection's staging folder.
fn staged_files(data: &Path) -> usize {
    let Ok(builds) = fs::read_dir(data.join("collections/points/staging")) else {
        return 0;
    };
    let files = builds
        .flatten()
        .filter_map(|build| Some(fs::read_dir(build.path()).ok()?.count()));
    files.sum()
}

fn start_slow_build(bench: &Bench) -> Running {
    let running = Running::start(bench.args(&slow_catalog(bench), &TITLES));
    poll("a build in the middle of its work", || {
        (staged_files(bench.data()) > 0).then_some(())
    });
    running
}

#[test]
fn a_killed_build_changes_nothing_and_the_next_one_cleans_up() {
    for signal in [Signal::KILL, Signal::INT, Signal::TERM] {
        let bench = Bench::new();
        start_slow_build(&bench).end_by(signal);
        let before = current(bench.data(), "points");
        bench.still_serves();
        let input = bench.file("next.jsonl", points_jsonl(30, 9));
        alike(bench.args(&input, &POINTS)).succeeded();
        assert_ne!(current(bench.data(), "points"), before);
        assert!(
            staging_is_clean(bench.data(), "points"),
            "the next build removes what {signal:?} left"
        );
    }
}

#[test]
fn of_two_builds_at_once_the_second_is_refused() {
    let bench = Bench::new();
    let mut first = start_slow_build(&bench);
    let input = bench.file("second.jsonl", points_jsonl(30, 9));
    alike(bench.args(&input, &POINTS)).failed_naming(&["\"points\"", "build.lock", "wait for it"]);
    assert!(!first.has_ended(), "the first one goes on");
    assert!(
        staged_files(bench.data()) > 0,
        "the second one leaves the first one's files alone"
    );
    let data = bench.data().to_str().unwrap();
    let input = input.to_str().unwrap();
    alike([
        "build",
        "--data",
        data,
        "--collection",
        "other",
        "--input",
        input,
        "--id",
        "id",
        "--vector",
        "v",
    ])
    .succeeded();
    drop(first);
    bench.still_serves();
}

/// A full disk, as a limit on the size of any file: writing beyond it fails with "file too large" (its signal ignored).
#[test]
fn a_full_disk_is_named_and_leaves_nothing() {
    let bench = Bench::new();
    let input = bench.file("big.jsonl", points_jsonl(20_000, 1));
    for blocks in ["0", "16", "200"] {
        let mut command = Command::new("sh");
        command.args([
            "-c",
            "trap '' XFSZ; ulimit -f \"$0\"; exec \"$@\"",
            blocks,
            env!("CARGO_BIN_EXE_alike"),
        ]);
        let output = command.args(bench.args(&input, &POINTS)).output().unwrap();
        let finished = crate::support::Finished::from(output);
        finished.failed_naming(&["points", "File too large"]);
        bench.is_untouched();
    }
    bench.still_serves();
}

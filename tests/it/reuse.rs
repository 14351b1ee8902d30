//! Builds encode a text once: what the published snapshot or a build that died has is not encoded again.

use crate::support::{
    Finished, Running, build, build_points, current, other_model, poll, shop_rows, snapshot_dir,
    staging_is_clean, temp_dir,
};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// Flat, so that the index file is nothing but the vectors.
const SCHEMA: [&str; 7] = ["--id", "id", "--embed", "title,brand", "--kind", "flat", "--json"];

fn jsonl(rows: &[Value]) -> String {
    rows.iter().fold(String::new(), |mut text, row| {
        let _ = writeln!(text, "{row}");
        text
    })
}

fn build_rows(data: &Path, rows: &[Value], flags: &[&str]) -> Finished {
    build(data, "shop", &jsonl(rows), &[&SCHEMA[..], flags].concat())
}

/// Encoded, reused, duplicates.
#[track_caller]
fn counts(finished: Finished) -> [u64; 3] {
    let summary = finished.succeeded().last_line_json();
    ["encoded", "reused", "duplicates"].map(|key| summary[key].as_u64().unwrap())
}

fn index_bytes(data: &Path) -> Vec<u8> {
    fs::read(snapshot_dir(data, "shop").join("index.alike")).unwrap()
}

fn spill(data: &Path) -> PathBuf {
    data.join("collections/shop/encoded.spill")
}

#[test]
fn only_what_changed_is_encoded() {
    let data = temp_dir();
    let mut rows = shop_rows();
    let first = build_rows(data.path(), &rows, &[]);
    assert!(
        first.stderr.contains("encoded 40, reused 0, duplicates 0"),
        "{}",
        first.stderr
    );
    assert_eq!(counts(first), [40, 0, 0]);
    let (vectors, snapshot) = (index_bytes(data.path()), current(data.path(), "shop"));
    assert_eq!(counts(build_rows(data.path(), &rows, &[])), [0, 40, 0]);
    assert_ne!(current(data.path(), "shop"), snapshot);
    assert!(
        index_bytes(data.path()) == vectors,
        "reused vectors are the same to the bit"
    );
    rows[3]["title"] = json!("Something else entirely");
    rows[4]["price"] = json!(1.0);
    rows.swap(0, 39);
    assert_eq!(counts(build_rows(data.path(), &rows, &[])), [1, 39, 0]);
    assert_eq!(counts(build_rows(data.path(), &rows[..10], &[])), [0, 10, 0]);
    assert_eq!(
        counts(build_rows(data.path(), &rows, &[])),
        [30, 10, 0],
        "of the published one only"
    );
    let reused = index_bytes(data.path());
    assert_eq!(
        counts(build_rows(data.path(), &rows, &["--no-reuse"])),
        [40, 0, 0]
    );
    assert_eq!(reused.len(), index_bytes(data.path()).len());
    assert!(!spill(data.path()).exists());
}

#[test]
fn equal_texts_are_encoded_once() {
    let data = temp_dir();
    let row = |at: usize| json!({"id": at, "title": format!("title {}", at % 3), "brand": if at.is_multiple_of(2) { " x" } else { "x" }});
    let rows: Vec<Value> = (0..12).map(row).collect();
    assert_eq!(counts(build_rows(data.path(), &rows, &[])), [3, 0, 9]);
    assert_eq!(counts(build_rows(data.path(), &rows, &[])), [0, 12, 0]);
    let mut rows = rows;
    rows.extend([
        json!({"id": "a", "title": "new"}),
        json!({"id": "b", "title": "new"}),
    ]);
    assert_eq!(counts(build_rows(data.path(), &rows, &[])), [1, 12, 1]);
}

#[test]
fn another_model_encodes_everything() {
    let data = temp_dir();
    let rows = shop_rows();
    let model = other_model(data.path());
    let other = ["--model", model.to_str().unwrap()];
    assert_eq!(counts(build_rows(data.path(), &rows, &[])), [40, 0, 0]);
    let second = build_rows(data.path(), &rows, &other);
    assert!(
        second.stderr.contains("encoding all texts: snapshot"),
        "{}",
        second.stderr
    );
    assert_eq!(counts(second), [40, 0, 0]);
    assert_eq!(counts(build_rows(data.path(), &rows, &other)), [0, 40, 0]);
}

#[test]
fn vectors_scaled_for_cosine_serve_no_other_metric() {
    let data = temp_dir();
    let rows = shop_rows();
    assert_eq!(counts(build_rows(data.path(), &rows, &[])), [40, 0, 0]);
    let dot = build_rows(data.path(), &rows, &["--metric", "dot"]);
    assert!(dot.stderr.contains("cosine, not dot"), "{}", dot.stderr);
    assert_eq!(counts(dot), [40, 0, 0]);
    assert_eq!(
        counts(build_rows(data.path(), &rows, &["--metric", "l2"])),
        [0, 40, 0]
    );
    assert_eq!(counts(build_rows(data.path(), &rows, &[])), [0, 40, 0]);
}

#[test]
fn a_damaged_snapshot_is_not_reused() {
    let data = temp_dir();
    let rows = shop_rows();
    build_rows(data.path(), &rows, &[]).succeeded();
    let index = snapshot_dir(data.path(), "shop").join("index.alike");
    let mut bytes = fs::read(&index).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::remove_file(&index).unwrap();
    fs::write(&index, bytes).unwrap();
    let second = build_rows(data.path(), &rows, &[]);
    assert!(
        second.stderr.contains("index.alike is damaged"),
        "{}",
        second.stderr
    );
    assert_eq!(counts(second), [40, 0, 0]);
}

#[test]
fn a_collection_with_vectors_of_its_own_has_nothing_to_reuse() {
    let data = temp_dir();
    build_points(data.path(), "shop", 0);
    assert!(!snapshot_dir(data.path(), "shop").join("texts.digests").exists());
    assert_eq!(counts(build_rows(data.path(), &shop_rows(), &[])), [40, 0, 0]);
    build_points(data.path(), "shop", 1);
    assert!(!spill(data.path()).exists());
}

/// Titles that take the model a while.
fn many_rows(rows: usize) -> Vec<Value> {
    let title = |at: usize| format!("item {at} of a long list {}", "of things ".repeat(at % 7));
    (0..rows)
        .map(|at| json!({"id": at, "title": title(at), "brand": "x"}))
        .collect()
}

/// Kills a build once vectors are on disk, and gives the rows it was to build.
fn killed_build(data: &Path) -> Vec<Value> {
    let rows = many_rows(2_500);
    let input = data.join("many.jsonl");
    fs::write(&input, jsonl(&rows)).unwrap();
    let mut args = vec![
        "build",
        "--data",
        data.to_str().unwrap(),
        "--collection",
        "shop",
        "--input",
    ];
    args.push(input.to_str().unwrap());
    let mut running = Running::start(args.into_iter().chain(SCHEMA));
    poll("encoded vectors", || {
        assert!(!running.has_ended(), "ended before it could be killed");
        fs::metadata(spill(data)).ok().filter(|file| file.len() > 100_000)
    });
    running.end_by(Signal::KILL);
    rows
}

#[test]
fn a_killed_build_leaves_its_vectors_to_the_next_one() {
    let data = temp_dir();
    let rows = killed_build(data.path());
    let finished = build_rows(data.path(), &rows, &[]);
    let [encoded, reused, duplicates] = counts(finished);
    assert!(
        reused > 60 && encoded + reused == 2_500 && duplicates == 0,
        "{encoded} {reused}"
    );
    let continued = index_bytes(data.path());
    assert!(!spill(data.path()).exists() && staging_is_clean(data.path(), "shop"));
    let fresh = temp_dir();
    assert_eq!(counts(build_rows(fresh.path(), &rows, &[])), [2_500, 0, 0]);
    assert_eq!(continued.len(), index_bytes(fresh.path()).len());
}

#[test]
fn vectors_of_a_killed_build_with_another_model_are_dropped() {
    let data = temp_dir();
    killed_build(data.path());
    let model = other_model(data.path());
    let rows = many_rows(100);
    let finished = build_rows(data.path(), &rows, &["--model", model.to_str().unwrap()]);
    assert_eq!(counts(finished), [100, 0, 0]);
}

#[test]
fn no_reuse_drops_what_a_killed_build_has_left() {
    let data = temp_dir();
    killed_build(data.path());
    assert_eq!(
        counts(build_rows(data.path(), &many_rows(50), &["--no-reuse"])),
        [50, 0, 0]
    );
}

//! Data of earlier versions is still served.

use crate::support::{Server, copy_tree, current, temp_dir};
use serde_json::{Value, json};
use std::path::Path;

/// Written by the build before format version 2: 40 points on the unit circle, kind hnsw.
fn store_v1() -> tempfile::TempDir {
    store("store-v1")
}

fn store(fixture: &str) -> tempfile::TempDir {
    let data = temp_dir();
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/fixtures");
    copy_tree(&fixtures.join(fixture), data.path());
    data
}

#[test]
fn a_snapshot_of_format_version_1_is_served() {
    let data = store_v1();
    let id = current(data.path(), "points");
    let index = data
        .path()
        .join(format!("collections/points/snapshots/{id}/index.alike"));
    let version = std::fs::read(index).unwrap()[8];
    assert_eq!(version, 1, "the index file is of that time too");
    let server = Server::start(data.path());
    assert_eq!(server.snapshot("points"), id.as_str());
    let search = |body: Value| server.search("points", &body).ids();
    assert_eq!(search(json!({"vector": [1, 0], "limit": 3})), ["p0", "p1", "p39"]);
    assert_eq!(
        search(json!({"vector": [1, 0], "limit": 3, "recall": 0.9})),
        ["p0", "p1", "p39"]
    );
    assert_eq!(
        search(json!({"vector": [1, 0], "limit": 2, "filter": {"n": {"gte": 10, "lt": 30}}})),
        ["p10", "p11"]
    );
    let mut beside = search(json!({"like": ["p20"], "limit": 2}));
    beside.sort_unstable();
    assert_eq!(beside, ["p19", "p21"]);
}

#[test]
fn a_snapshot_of_format_version_1_describes_itself() {
    let data = store_v1();
    let server = Server::start(data.path());
    let points = server.get("/v1/collections/points").json();
    assert_eq!((&points["items"], &points["index"]), (&json!(40), &json!("hnsw")));
    let build = &points["build"];
    assert_eq!((&build["rows_read"], &build["held_out"]), (&json!(40), &json!(4)));
    assert_eq!(build["code_bits"], Value::Null);
    let targets = build["targets"].as_array().unwrap();
    assert_eq!(targets.len(), 3, "read from the index file: {build}");
    assert_eq!(
        targets[2]["setting"],
        json!({"beam": 10, "slack": null, "recall": 1.0, "distances": null})
    );
    assert_eq!(build["calibration"][0], targets[2]["setting"]);
}

/// Written by the build before format version 3, which had no log: the same points, kind graph.
#[test]
fn a_snapshot_of_format_version_2_is_served() {
    let data = store("store-v2");
    let id = current(data.path(), "points");
    let manifest = data
        .path()
        .join(format!("collections/points/snapshots/{id}/manifest.rkyv"));
    assert_eq!(std::fs::read(manifest).unwrap()[8], 2);
    let server = Server::start(data.path());
    assert_eq!(server.snapshot("points"), id.as_str());
    let search = |body: Value| server.search("points", &body).ids();
    assert_eq!(search(json!({"vector": [1, 0], "limit": 1})), ["p0"]);
    assert_eq!(
        search(json!({"vector": [1, 0], "limit": 2, "filter": {"n": {"gte": 10, "lt": 30}}})),
        ["p10", "p11"]
    );
    let build = &server.get("/v1/collections/points").json()["build"];
    assert_eq!((&build["rows_read"], &build["held_out"]), (&json!(40), &json!(4)));
    assert_eq!(build["code_bits"], 4, "read as it was written: {build}");
}

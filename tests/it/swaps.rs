//! New snapshots and new collections under a running server.

use crate::support::{
    Server, build_points, copy_tree, current, pointer, shared_shop, snapshot_dir, temp_dir,
};
use serde_json::json;
use std::collections::BTreeSet;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn a_collection_published_later_appears_by_itself() {
    let data = temp_dir();
    let server = Server::start(data.path());
    server.get("/readyz").problem(503);
    build_points(data.path(), "first", 0);
    server.wait_for_snapshot("first", &current(data.path(), "first"));
    assert_eq!(server.get("/readyz").status, 200);
    build_points(data.path(), "second", 1);
    server.wait_for_snapshot("second", &current(data.path(), "second"));
    assert_eq!(
        server.search("second", &json!({"vector": [1, 0]})).ids().len(),
        10
    );
    assert_eq!(
        server.get("/v1/collections").json()["collections"]
            .as_array()
            .unwrap()
            .len(),
        2
    );
}

/// How many searches of `points` the server has counted.
fn searches(server: &Server) -> f64 {
    let text = server.get("/metrics").text();
    let counts = text
        .lines()
        .filter(|line| line.starts_with("alike_searches_total{collection=\"points\""));
    counts
        .map(|line| line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap())
        .sum()
}

#[test]
fn a_new_snapshot_takes_over_under_load_without_a_failed_request() {
    let data = temp_dir();
    build_points(data.path(), "points", 0);
    let old = current(data.path(), "points");
    let server = Server::start(data.path());
    let stop = AtomicBool::new(false);
    let seen: BTreeSet<String> = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..3)
            .map(|_| {
                scope.spawn(|| {
                    let mut seen = BTreeSet::new();
                    while !stop.load(Ordering::Relaxed) {
                        let answer = server
                            .search("points", &json!({"vector": [1, 0], "limit": 3}))
                            .json();
                        let snapshot = answer["snapshot"].as_str().unwrap().to_owned();
                        let seed = if snapshot == old { 0 } else { 3 };
                        for hit in answer["hits"].as_array().unwrap() {
                            assert_eq!(hit["fields"]["seed"], seed, "one answer, one snapshot: {answer}");
                        }
                        seen.insert(snapshot);
                    }
                    seen
                })
            })
            .collect();
        build_points(data.path(), "points", 3);
        server.wait_for_snapshot("points", &current(data.path(), "points"));
        let before = searches(&server);
        crate::support::poll("searches of the new snapshot", || {
            (searches(&server) >= before + 10.0).then_some(())
        });
        stop.store(true, Ordering::Relaxed);
        callers
            .into_iter()
            .flat_map(|caller| caller.join().unwrap())
            .collect()
    });
    assert_eq!(
        seen,
        [old, current(data.path(), "points")].into(),
        "both were served, in turn"
    );
}

#[test]
fn the_same_catalog_can_be_published_again_and_back() {
    let data = temp_dir();
    build_points(data.path(), "points", 0);
    let first = current(data.path(), "points");
    let kept = fs::read(pointer(data.path(), "points")).unwrap();
    let server = Server::start(data.path());
    build_points(data.path(), "points", 5);
    server.wait_for_snapshot("points", &current(data.path(), "points"));
    let staged = pointer(data.path(), "points").with_extension("back");
    fs::write(&staged, kept).unwrap();
    fs::rename(&staged, pointer(data.path(), "points")).unwrap();
    server.wait_for_snapshot("points", &first);
    assert_eq!(
        server.metric("alike_snapshot_opens_total{collection=\"points\",outcome=\"ok\"}"),
        Some(3.0)
    );
    let text = server.get("/metrics").text();
    let served: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("alike_snapshot_info{"))
        .collect();
    assert!(
        matches!(served[..], [one] if one.contains(&first) && one.ends_with("} 1")),
        "{served:?}"
    );
}

#[test]
fn a_removed_collection_is_served_no_more() {
    let data = temp_dir();
    copy_tree(
        &shared_shop().1.join("collections/points"),
        &data.path().join("collections/points"),
    );
    build_points(data.path(), "gone", 0);
    let server = Server::start(data.path());
    assert_eq!(server.search("gone", &json!({"vector": [1, 0]})).ids().len(), 10);
    fs::remove_dir_all(data.path().join("collections/gone")).unwrap();
    crate::support::poll("the removed collection's end", || {
        (server.get("/v1/collections/gone").status == 404).then_some(())
    });
    let text = server.get("/metrics").text();
    assert!(
        !text.contains("alike_collection_items{collection=\"gone\"}"),
        "{text}"
    );
    assert_eq!(
        server.search("points", &json!({"vector": [1, 0]})).ids().len(),
        10
    );
    assert_eq!(server.get("/readyz").status, 200);
}

#[test]
fn a_damaged_snapshot_does_not_replace_the_good_one() {
    let data = temp_dir();
    build_points(data.path(), "points", 0);
    let server = Server::start(data.path());
    let good = current(data.path(), "points");
    let good_dir = snapshot_dir(data.path(), "points");
    // A copy under another name, as if someone had copied a snapshot by hand and lost a few bytes.
    for (id, file) in [
        ("20990101T000000Z-0000000000000001", "index.alike"),
        ("20990101T000000Z-0000000000000002", "items.rkyv"),
    ] {
        let bad_dir = good_dir.with_file_name(id);
        copy_tree(&good_dir, &bad_dir);
        crate::damaged::rewrite(&bad_dir.join(file), |bytes| bytes.truncate(bytes.len() / 2));
        crate::damaged::point_to(data.path(), "points", &format!("{{\"snapshot\":\"{id}\"}}"));
        server.wait_for_log(&["snapshot refused", id, &good]);
        assert_eq!(server.snapshot("points"), good);
        assert_eq!(
            server
                .search("points", &json!({"vector": [1, 0], "limit": 1}))
                .ids(),
            ["p0"]
        );
        assert_eq!(server.get("/readyz").status, 200, "it still answers everything");
    }
    assert_eq!(
        server.metric("alike_snapshot_opens_total{collection=\"points\",outcome=\"refused\"}"),
        Some(2.0),
        "each once"
    );
    build_points(data.path(), "points", 7);
    server.wait_for_snapshot("points", &current(data.path(), "points"));
    assert_eq!(
        server
            .search("points", &json!({"vector": [1, 0], "limit": 1}))
            .json()["hits"][0]["fields"]["seed"],
        7
    );
}

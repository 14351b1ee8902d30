//! `alike snapshot …` on data that a server serves and on data that none does.

use crate::support::{
    Finished, Running, Server, alike, build_points, copy_tree, current, poll, snapshot_dir, staging_is_clean,
    temp_dir,
};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::Instant;

/// `alike snapshot COMMAND` on the collection `points` of `data`.
pub(crate) fn snapshot(data: &Path, command: &str, more: &[&str]) -> Finished {
    alike(args(data, command, more))
}

fn args(data: &Path, command: &str, more: &[&str]) -> Vec<String> {
    let fixed = [
        "snapshot",
        command,
        "--data",
        data.to_str().unwrap(),
        "--collection",
        "points",
        "--json",
    ];
    fixed.iter().chain(more).map(|&arg| arg.to_owned()).collect()
}

/// The JSON that a command printed.
#[track_caller]
fn result(data: &Path, command: &str, more: &[&str]) -> Value {
    snapshot(data, command, more).succeeded().last_line_json()
}

/// Writes items `p{from}` to `p{to - 1}` on the unit circle, with `n` = `n`.
#[track_caller]
pub(crate) fn put(server: &Server, items: std::ops::Range<usize>, n: i64) -> u64 {
    let items: Vec<Value> = items
        .map(|at| {
            let angle = at as f64 * 0.05;
            json!({"id": format!("p{at}"), "v": [angle.cos(), angle.sin()], "n": n, "seed": 0})
        })
        .collect();
    let answer = server
        .post("/v1/collections/points/items", &Value::from(items))
        .json();
    assert_eq!(answer["rejected"], 0, "{answer}");
    answer["position"].as_u64().unwrap()
}

#[track_caller]
fn delete(server: &Server, id: &str) {
    let path = format!("/v1/collections/points/items/{id}");
    assert_eq!(server.ask("DELETE", &path, None).status, 200);
}

/// All items of `points` as (id, n), by scrolling.
#[track_caller]
pub(crate) fn all_items(server: &Server) -> BTreeSet<(String, i64)> {
    let (mut items, mut cursor) = (BTreeSet::new(), Value::Null);
    loop {
        let mut body = json!({"limit": 1000});
        if !cursor.is_null() {
            body["cursor"] = cursor;
        }
        let page = server.post("/v1/collections/points/items/scroll", &body).json();
        for item in page["items"].as_array().unwrap() {
            let n = item["fields"]["n"].as_f64().unwrap() as i64;
            items.insert((item["id"].as_str().unwrap().to_owned(), n));
        }
        cursor = page["cursor"].clone();
        if cursor.is_null() {
            return items;
        }
    }
}

#[test]
fn snapshots_are_built_listed_promoted_and_rolled_back_beside_a_server() {
    let data = temp_dir();
    build_points(data.path(), "points", 0);
    let server = Server::start(data.path());
    let first = server.snapshot("points");
    put(&server, 40..70, 7);
    delete(&server, "p3");
    let items = all_items(&server);
    assert_eq!(items.len(), 69);
    let nearest = || {
        server
            .search("points", &json!({"vector": [0.6, 0.8], "limit": 15}))
            .ids()
    };
    let answers = nearest();

    let built = result(data.path(), "build", &[]);
    assert_eq!(
        (&built["published"], &built["items"]),
        (&json!(true), &json!(69)),
        "{built}"
    );
    assert_eq!(
        (&built["from"], &built["verified"]["unreachable"]),
        (&json!(first), &json!(0))
    );
    let second = built["snapshot"].as_str().unwrap().to_owned();
    server.wait_for_snapshot("points", &second);
    assert_eq!((all_items(&server), nearest()), (items.clone(), answers.clone()));
    assert_eq!(result(data.path(), "build", &[])["unchanged"], true);

    // What is written later stays, wherever the pointer goes.
    put(&server, 100..105, 8);
    let items = all_items(&server);
    let back = result(data.path(), "rollback", &[]);
    assert_eq!(
        (&back["snapshot"], &back["from"]),
        (&json!(first), &json!(second))
    );
    server.wait_for_snapshot("points", &first);
    assert_eq!(all_items(&server), items);
    let listed = result(data.path(), "list", &[]);
    let states: Vec<(&Value, &Value)> = listed
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (&one["id"], &one["state"]))
        .collect();
    assert_eq!(
        states,
        [
            (&json!(second), &json!("aside")),
            (&json!(first), &json!("served"))
        ]
    );
    snapshot(data.path(), "rollback", &[]).failed_naming(&["nothing to go back to", "points"]);
    assert_eq!(current(data.path(), "points"), first);

    assert_eq!(result(data.path(), "promote", &[&second])["from"], json!(first));
    server.wait_for_snapshot("points", &second);
    assert_eq!(all_items(&server), items);
    assert_eq!(nearest(), answers);
    assert_eq!(result(data.path(), "verify", &[])["verified"]["items"], 69);
}

#[test]
fn what_cannot_take_over_is_named_and_changes_nothing() {
    let data = temp_dir();
    build_points(data.path(), "points", 0);
    let first = current(data.path(), "points");
    build_points(data.path(), "points", 7);
    let served = current(data.path(), "points");
    snapshot(data.path(), "promote", &["20990101T000000Z-0000000000000001"]).failed_naming(&[
        "20990101T000000Z-0000000000000001",
        &first,
        &served,
    ]);
    snapshot(data.path(), "promote", &["../../elsewhere", "--force"]).failed_naming(&["../../elsewhere"]);
    // One of another dimension.
    let other = temp_dir();
    crate::support::build(
        other.path(),
        "points",
        "{\"id\":\"a\",\"v\":[1,2,3],\"n\":1}\n",
        &crate::support::POINTS_SCHEMA,
    )
    .succeeded();
    let id = current(other.path(), "points");
    copy_tree(
        &snapshot_dir(other.path(), "points"),
        &snapshot_dir(data.path(), "points").with_file_name(&id),
    );
    snapshot(data.path(), "promote", &[&id, "--force"]).failed_naming(&[&id, "dimension", "3", "2"]);
    // One that is damaged.
    let documents = snapshot_dir(data.path(), "points")
        .with_file_name(&first)
        .join("documents.bin");
    crate::damaged::rewrite(&documents, |bytes| bytes[3] ^= 1);
    snapshot(data.path(), "promote", &[&first]).failed_naming(&["documents.bin", "damaged"]);
    snapshot(data.path(), "verify", &[&first]).failed_naming(&["documents.bin"]);
    // No such collection.
    for command in ["list", "build", "rollback", "gc", "verify"] {
        let args = [
            "snapshot",
            command,
            "--data",
            data.path().to_str().unwrap(),
            "--collection",
            "nothing",
        ];
        alike(args).failed_naming(&["nothing"]);
    }
    assert_eq!(current(data.path(), "points"), served);
}

#[test]
fn what_answers_worse_is_refused_with_both_figures_unless_forced() {
    let data = temp_dir();
    build_points(data.path(), "points", 0);
    let good = current(data.path(), "points");
    let golden = data.path().join("collections/points/golden.jsonl");
    let few: String = crate::support::points_jsonl(50, 0)
        .lines()
        .take(20)
        .map(|line| format!("{line}\n"))
        .collect();
    crate::support::build(data.path(), "points", &few, &crate::support::POINTS_SCHEMA).succeeded();
    let bad = current(data.path(), "points");
    assert_eq!(result(data.path(), "rollback", &[])["snapshot"], json!(good));
    fs::write(&golden, "{\"vector\": [-1, 0], \"expected\": [\"p25\", \"p26\"]}\n{\"like\": [\"p1\"], \"expected\": [\"p0\", \"p2\"]}\n").unwrap();
    snapshot(data.path(), "promote", &[&bad]).failed_naming(&[
        &bad,
        &good,
        "golden score",
        "0.5000",
        "1.0000",
        "0.0200",
        "gate_golden",
    ]);
    assert_eq!(current(data.path(), "points"), good);
    result(data.path(), "promote", &[&bad, "--force"]);
    assert_eq!(current(data.path(), "points"), bad);
    fs::write(&golden, "nonsense\n").unwrap();
    snapshot(data.path(), "promote", &[&good]).failed_naming(&["golden.jsonl", "line 1"]);
    assert_eq!(current(data.path(), "points"), bad);
}

#[test]
fn gc_removes_what_nothing_needs() {
    let data = temp_dir();
    for seed in 0..5 {
        build_points(data.path(), "points", seed);
    }
    let served = current(data.path(), "points");
    let snapshots = || {
        fs::read_dir(data.path().join("collections/points/snapshots"))
            .unwrap()
            .count()
    };
    assert_eq!(snapshots(), 5);
    // A gc that died after moving a snapshot away.
    let trash = data
        .path()
        .join("collections/points/trash/20200101T000000Z-0000000000000000");
    fs::create_dir_all(&trash).unwrap();
    let collected = result(data.path(), "gc", &["--keep", "1"]);
    assert_eq!(collected["removed"].as_array().unwrap().len(), 3, "{collected}");
    assert_eq!((snapshots(), trash.exists()), (2, false));
    assert_eq!(current(data.path(), "points"), served);
    assert_eq!(result(data.path(), "gc", &[])["removed"], json!([]));
    result(data.path(), "rollback", &[]);
    assert_eq!(
        Server::start(data.path())
            .search("points", &json!({"vector": [1, 0]}))
            .ids()
            .len(),
        10
    );
}

#[test]
fn a_log_that_a_server_writes_is_left_to_it() {
    let data = temp_dir();
    build_points(data.path(), "points", 0);
    let server = Server::start(data.path());
    put(&server, 0..20, 1);
    result(data.path(), "build", &[]);
    server.wait_for_snapshot("points", &current(data.path(), "points"));
    let collected = result(data.path(), "gc", &["--keep", "0"]);
    assert!(
        collected["log_left"].as_str().unwrap().contains("server"),
        "{collected}"
    );
    put(&server, 20..30, 2);
    let items = all_items(&server);
    drop(server);
    assert_eq!(
        result(data.path(), "gc", &["--keep", "0"])["log_left"],
        Value::Null
    );
    assert_eq!(all_items(&Server::start(data.path())), items);
}

#[test]
fn a_build_killed_at_any_moment_changes_nothing() {
    let data = temp_dir();
    build_points(data.path(), "points", 0);
    // It would build a snapshot of so many changes by itself.
    let variables = [
        ("ALIKE__SNAPSHOTS__REBUILD_NEW", "0"),
        ("ALIKE__SNAPSHOTS__REBUILD_DELETED", "0"),
    ];
    let server = Server::start_with(data.path(), &[], &variables);
    for part in 0..20 {
        put(&server, part * 1_000..part * 1_000 + 1_000, part as i64);
    }
    let items = all_items(&server);
    assert_eq!(items.len(), 20_000);
    let first = current(data.path(), "points");
    let start = Instant::now();
    result(data.path(), "build", &["--force", "--no-publish"]);
    let whole = start.elapsed();
    for part in 1..10 {
        let mut build = Running::start(args(data.path(), "build", &[]));
        let moment = Instant::now() + whole * part / 10;
        poll("the moment to kill a build", || {
            (Instant::now() >= moment || build.has_ended()).then_some(())
        });
        // Killed by SIGKILL.
        drop(build);
        if current(data.path(), "points") != first {
            break;
        }
        assert_eq!(server.snapshot("points"), first);
    }
    snapshot(data.path(), "build", &[]).succeeded();
    let now = current(data.path(), "points");
    assert_ne!(now, first);
    assert!(staging_is_clean(data.path(), "points"), "the last one cleans up");
    server.wait_for_snapshot("points", &now);
    assert_eq!(all_items(&server), items);
    drop(server);
    result(data.path(), "verify", &[]);
    assert_eq!(all_items(&Server::start(data.path())), items);
}

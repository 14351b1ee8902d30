//! The restore drill: a collection is exported while it is written, its server dies, and another one serves the export.

use crate::snapshot_cli::{all_items, put};
use crate::support::{Finished, Server, alike, build_points, temp_dir};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

fn export(data: &Path, out: &Path) -> Finished {
    let (data, out) = (data.to_str().unwrap(), out.to_str().unwrap());
    alike([
        "snapshot",
        "export",
        "--data",
        data,
        "--collection",
        "points",
        "--out",
        out,
        "--json",
    ])
}

fn import(data: &Path, file: &Path, collection: &str) -> Finished {
    let (data, file) = (data.to_str().unwrap(), file.to_str().unwrap());
    alike([
        "snapshot",
        "import",
        file,
        "--data",
        data,
        "--collection",
        collection,
        "--json",
    ])
}

#[test]
fn what_was_acknowledged_before_an_export_is_there_after_the_import() {
    let data = temp_dir();
    build_points(data.path(), "points", 0);
    let server = Server::start(data.path());
    for part in 0..5 {
        put(&server, 100 + part * 100..200 + part * 100, 1);
    }
    let before = all_items(&server);
    let asked = json!({"vector": [0.6, 0.8], "limit": 20, "filter": {"n": {"lte": 49}}, "recall": 1});
    let answers = server.search("points", &asked).json()["hits"].clone();
    // Somebody goes on writing while two exports are taken.
    let stop = AtomicBool::new(false);
    let archives = ["points.tar", "points.tar.zst"].map(|name| data.path().join(name));
    let exported: Vec<Value> = std::thread::scope(|scope| {
        scope.spawn(|| {
            for part in 0.. {
                if stop.load(Ordering::Relaxed) {
                    break;
                }
                put(&server, 10_000 + part * 10..10_010 + part * 10, 1_000);
            }
        });
        let exported = archives
            .each_ref()
            .map(|out| export(data.path(), out).succeeded().last_line_json());
        stop.store(true, Ordering::Relaxed);
        exported.into()
    });
    server.signal(Signal::KILL);
    drop(server);
    for (archive, exported) in archives.iter().zip(&exported) {
        let elsewhere = temp_dir();
        let imported = import(elsewhere.path(), archive, "points")
            .succeeded()
            .last_line_json();
        assert_eq!(imported["position"], exported["position"]);
        let restored = Server::start(elsewhere.path());
        let items = all_items(&restored);
        assert!(before.is_subset(&items), "{:?}", before.difference(&items).next());
        let later: BTreeSet<&str> = items.difference(&before).map(|(id, _)| id.as_str()).collect();
        // Of what came meanwhile a prefix is there, in whole commits.
        assert_eq!(later.len() % 10, 0);
        assert!((0..later.len()).all(|at| later.contains(format!("p{}", 10_000 + at).as_str())));
        assert_eq!(500 + later.len() as u64, imported["position"].as_u64().unwrap());
        assert_eq!(restored.search("points", &asked).json()["hits"], answers);
        // It is a collection like any other.
        put(&restored, 50_000..50_001, 5);
        let built = alike([
            "snapshot",
            "build",
            "--data",
            elsewhere.path().to_str().unwrap(),
            "--collection",
            "points",
            "--json",
        ]);
        let built = built.succeeded().last_line_json();
        assert_eq!(built["items"].as_u64().unwrap(), items.len() as u64 + 1);
        restored.wait_for_snapshot("points", built["snapshot"].as_str().unwrap());
        assert_eq!(all_items(&restored).len(), items.len() + 1);
    }
}

#[test]
fn an_import_is_whole_or_not_at_all() {
    let data = temp_dir();
    build_points(data.path(), "points", 0);
    let archive = data.path().join("points.tar");
    export(data.path(), &archive).succeeded();
    let whole = fs::read(&archive).unwrap();
    let elsewhere = temp_dir();
    let bad = elsewhere.path().join("bad.tar");
    let nothing_is_there = || {
        let left = fs::read_dir(elsewhere.path().join("collections")).map_or(0, Iterator::count);
        assert_eq!(left, 0);
    };
    fs::write(&bad, &whole[..whole.len() / 2]).unwrap();
    import(elsewhere.path(), &bad, "points").failed_naming(&["bad.tar", "nothing was imported"]);
    nothing_is_there();
    let mut changed = whole.clone();
    let middle = whole.len() / 2;
    changed[middle..middle + 600]
        .iter_mut()
        .for_each(|byte| *byte ^= 1);
    fs::write(&bad, changed).unwrap();
    import(elsewhere.path(), &bad, "points").failed_naming(&["bad.tar"]);
    nothing_is_there();
    import(elsewhere.path(), &archive, "po ints").failed_naming(&["po ints"]);
    import(
        elsewhere.path(),
        &data.path().join("points-input.jsonl"),
        "points",
    )
    .failed_naming(&[".tar"]);
    nothing_is_there();
    import(elsewhere.path(), &archive, "renamed").succeeded();
    import(elsewhere.path(), &archive, "renamed").failed_naming(&["renamed", "exists"]);
    let server = Server::start(elsewhere.path());
    assert_eq!(
        server
            .search("renamed", &json!({"vector": [1, 0], "limit": 1}))
            .ids(),
        ["p0"]
    );
    export(data.path(), &archive).failed_naming(&["points.tar", "exists"]);
    assert_eq!(fs::read(&archive).unwrap(), whole);
}

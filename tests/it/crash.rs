//! The real process killed in the middle of its work, and logs that a crash, a bad disk or a full one left.

use crate::live_writers::{Writer, all_items, create_collection, row, verify_all, write_until_killed};
use crate::support::live::{Caller, NO_REBUILDS, position};
use crate::support::{Random, Server, temp_dir};
use serde_json::{Value, json};
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Kills of one test.
const ROUNDS: usize = 12;

fn writers(count: usize, seed: u64) -> Vec<Writer> {
    (0..count)
        .map(|at| Writer::new("live", &format!("w{at}"), 400, seed + at as u64))
        .collect()
}

#[test]
fn every_acknowledged_change_survives_kill_9_at_random_moments() {
    let data = temp_dir();
    let mut random = Random::new(11);
    let mut server = Server::start_with(data.path(), &[], &NO_REBUILDS);
    create_collection(&Caller::of(&server), "live");
    let mut writers = writers(4, 1);
    for round in 0..ROUNDS {
        // In every third round a build is under way, too, and may or may not be published by then.
        if round % 3 == 2 {
            Caller::of(&server).start_build("live");
        }
        write_until_killed(&mut server, &mut writers, 1 + random.below(200));
        server = Server::start_with(data.path(), &[], &NO_REBUILDS);
        verify_all(&server, "live", &mut writers);
    }
    let acknowledged: usize = writers.iter().map(|writer| writer.acknowledged).sum();
    assert!(
        acknowledged >= ROUNDS,
        "{acknowledged} acknowledged in {ROUNDS} rounds"
    );
    Caller::of(&server).build_snapshot("live");
    verify_all(&server, "live", &mut writers);
}

#[test]
fn a_server_that_is_killed_as_soon_as_it_is_back_loses_nothing() {
    let data = temp_dir();
    let mut server = Server::start_with(data.path(), &[], &NO_REBUILDS);
    create_collection(&Caller::of(&server), "live");
    let mut writers = writers(2, 5);
    for _ in 0..6 {
        write_until_killed(&mut server, &mut writers, 1);
        server = Server::start_with(data.path(), &[], &NO_REBUILDS);
        verify_all(&server, "live", &mut writers);
    }
}

/// A store with the collections `live`, which has ten items of one call each, and `other`, which has one; nothing runs.
fn store_with_a_log() -> tempfile::TempDir {
    let data = temp_dir();
    let mut server = Server::start_with(data.path(), &[], &NO_REBUILDS);
    let caller = Caller::of(&server);
    for collection in ["live", "other"] {
        create_collection(&caller, collection);
        caller.upsert(collection, &[row("item-0", 1)]);
    }
    for at in 1..10 {
        caller.upsert("live", &[row(&format!("item-{at}"), 1)]);
    }
    server.kill();
    data
}

/// The log's files of a collection, oldest first.
pub(crate) fn segments(data: &Path, collection: &str) -> Vec<PathBuf> {
    let folder = data.join("collections").join(collection).join("log");
    let listing = fs::read_dir(&folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut segments: Vec<PathBuf> = listing
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "log"))
        .collect();
    segments.sort();
    assert!(!segments.is_empty(), "{} has no segments", folder.display());
    segments
}

/// Changes the newest file of a log.
fn change_last_segment(data: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let segments = segments(data, "live");
    crate::damaged::rewrite(&segments[segments.len() - 1], change);
}

fn numbers(caller: &Caller) -> Vec<String> {
    all_items(caller, "live").into_keys().collect()
}

#[test]
fn a_log_that_ends_in_the_middle_of_a_record_is_cut_there_and_served() {
    for lost in [1, 7, 40] {
        let data = store_with_a_log();
        change_last_segment(data.path(), |bytes| bytes.truncate(bytes.len() - lost));
        let mut server = Server::start_with(data.path(), &[], &NO_REBUILDS);
        server.wait_for_log(&["WARN", "live", "log"]);
        let caller = Caller::of(&server);
        let left: Vec<String> = (0..9).map(|at| format!("item-{at}")).collect();
        assert_eq!(numbers(&caller), left, "all but the torn one");
        // What comes next stands where the torn record stood, and is there after another start.
        let before = position(&caller.get("/v1/collections/live").json());
        assert_eq!(caller.upsert("live", &[row("item-9", 2)]), before + 1);
        server.kill();
        let server = Server::start_with(data.path(), &[], &NO_REBUILDS);
        assert_eq!(numbers(&Caller::of(&server)).len(), 10);
    }
}

#[test]
fn what_was_never_finished_behind_the_last_record_is_cut_off() {
    for garbage in [
        &b"\0"[..],
        &[0; 4096],
        b"half a record that the disk never got to the end of",
    ] {
        let data = store_with_a_log();
        let segments = segments(data.path(), "live");
        let path = &segments[segments.len() - 1];
        let mut file = OpenOptions::new().append(true).open(path).unwrap();
        file.write_all(garbage).unwrap();
        let server = Server::start_with(data.path(), &[], &NO_REBUILDS);
        server.wait_for_log(&["WARN", "live", "log"]);
        let caller = Caller::of(&server);
        assert_eq!(numbers(&caller).len(), 10);
        caller.upsert("live", &[row("item-10", 1)]);
        assert_eq!(numbers(&caller).len(), 11);
    }
}

#[test]
fn a_log_that_is_damaged_in_the_middle_is_refused_by_name_and_others_are_served() {
    let good = store_with_a_log();
    let bytes = fs::metadata(&segments(good.path(), "live")[0]).unwrap().len() as usize;
    for at in [bytes / 4, bytes / 2, bytes * 3 / 4] {
        let data = temp_dir();
        crate::support::copy_tree(&good.path().join("collections"), &data.path().join("collections"));
        change_last_segment(data.path(), |bytes| bytes[at] ^= 0x20);
        let server = Server::start_with(data.path(), &[], &NO_REBUILDS);
        let caller = Caller::of(&server);
        let problem = caller
            .post(
                "/v1/collections/live/search",
                &json!({"vector": [1, 0, 0, 0, 0, 0, 0, 0]}),
            )
            .problem(503);
        let detail = problem["detail"].as_str().unwrap();
        let name = segments(data.path(), "live")[0].file_name().unwrap().to_owned();
        for needle in ["live", name.to_str().unwrap(), "damaged"] {
            assert!(detail.contains(needle), "{needle}: {detail}");
        }
        let refused = caller.post("/v1/collections/live/items", &json!([row("item-11", 1)]));
        refused.problem(503);
        assert!(caller.get("/readyz").problem(503).to_string().contains("live"));
        assert_eq!(caller.count("other"), 1, "others are served");
        caller.upsert("other", &[row("item-1", 1)]);
        assert_eq!(caller.count("other"), 2, "and written");
    }
}

#[test]
fn too_little_room_on_the_disk_stops_writes_and_nothing_else() {
    let data = store_with_a_log();
    let mut variables = NO_REBUILDS.to_vec();
    // More than any disk has free.
    let least = (1_u64 << 50).to_string();
    variables.push(("ALIKE__LOG__MIN_FREE_BYTES", &least));
    let mut server = Server::start_with(data.path(), &[], &variables);
    let caller = Caller::of(&server);
    let before = all_items(&caller, "live");
    let problem = caller
        .post("/v1/collections/live/items", &json!([row("item-10", 1)]))
        .problem(507);
    let detail = problem["detail"].as_str().unwrap();
    for needle in ["min_free_bytes", least.as_str()] {
        assert!(detail.contains(needle), "{needle}: {detail}");
    }
    assert_eq!(all_items(&caller, "live"), before, "reads go on");
    assert_eq!(before.len(), 10);
    server.stop();
    let server = Server::start_with(data.path(), &[], &NO_REBUILDS);
    let caller = Caller::of(&server);
    caller.upsert("live", &[row("item-10", 1)]);
    assert_eq!(numbers(&caller).len(), 11, "with room, writes go on");
}

/// A server whose files cannot grow beyond so many blocks of 512 bytes, as on a full disk.
fn server_on_a_full_disk(data: &Path, blocks: usize) -> Server {
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f \"$0\"; exec \"$@\""]);
    command.arg(blocks.to_string());
    command.arg(env!("CARGO_BIN_EXE_alike"));
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(data);
    command.envs(NO_REBUILDS).current_dir(env!("CARGO_TARGET_TMPDIR"));
    Server::spawn(command)
}

/// Upserts batches until one is refused; how many were acknowledged, and the refusal.
fn fill(caller: &Caller) -> (usize, Value) {
    for batch in 0..10_000 {
        let rows: Vec<Value> = (0..50).map(|at| row(&format!("b{batch}-{at}"), 1)).collect();
        let answer = caller.post("/v1/collections/live/items", &json!(rows));
        if answer.status != 200 {
            assert!([503, 507].contains(&answer.status), "{}", answer.text());
            return (batch, answer.problem(answer.status));
        }
    }
    panic!("the disk never got full");
}

#[test]
fn a_disk_that_runs_full_is_a_clear_error_and_loses_nothing() {
    let data = store_with_a_log();
    let mut server = server_on_a_full_disk(data.path(), 1_000);
    let caller = Caller::of(&server);
    let (acknowledged, problem) = fill(&caller);
    assert!(acknowledged > 0, "{problem}");
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("log"), "{detail}");
    let items = all_items(&caller, "live");
    assert_eq!(items.len(), 10 + acknowledged * 50, "nothing of what was refused");
    assert_eq!(caller.get("/livez").status, 200);
    server.kill();
    let server = Server::start_with(data.path(), &[], &NO_REBUILDS);
    let caller = Caller::of(&server);
    assert_eq!(
        all_items(&caller, "live"),
        items,
        "everything that was acknowledged"
    );
    caller.upsert("live", &[row("after", 1)]);
    assert_eq!(numbers(&caller).len(), items.len() + 1);
}

//! The "Qualities with a promise" of the architecture, one test each, by their names.

use crate::live_writers::{
    Writer, all_items, check_score, create_collection, entry_of, row, vector_of, verify_all,
    write_until_killed,
};
use crate::support::live::{Call, Caller, NO_REBUILDS, position};
use crate::support::{
    Answer, Random, Server, copy_tree, poll, shop_rows, snapshot_dir, staging_is_clean, temp_dir,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const ITEMS: &str = "/v1/collections/live/items";
const SEARCH: &str = "/v1/collections/live/search";
const SNAPSHOTS: &str = "/v1/collections/live/snapshots";

fn serve(data: &Path) -> Server {
    Server::start_with(data, &[], &NO_REBUILDS)
}

/// Upserts `count` items `NAME-0`, `NAME-1`, … in batches.
fn fill(caller: &Caller, name: &str, count: usize) {
    let rows: Vec<Value> = (0..count).map(|at| row(&format!("{name}-{at}"), 1)).collect();
    for batch in rows.chunks(1_000) {
        caller.upsert("live", batch);
    }
}

#[test]
fn acknowledged_writes_survive_kill_9() {
    let data = temp_dir();
    let mut server = serve(data.path());
    create_collection(&Caller::of(&server), "live");
    let mut writers: Vec<Writer> = (0..4)
        .map(|at| Writer::new("live", &format!("w{at}"), 200, 77 + at))
        .collect();
    for least in [1, 40, 200] {
        write_until_killed(&mut server, &mut writers, least);
        server = serve(data.path());
        verify_all(&server, "live", &mut writers);
    }
    assert!(writers.iter().map(|writer| writer.acknowledged).sum::<usize>() >= 241);
}

#[test]
fn a_publish_that_dies_half_way_changes_nothing() {
    let data = temp_dir();
    let mut server = serve(data.path());
    let mut caller = Caller::of(&server);
    create_collection(&caller, "live");
    fill(&caller, "item", 6_000);
    let first = caller.build_snapshot("live");
    caller.upsert("live", &[row("item-0", 2), row("more", 1)]);
    let expected = all_items(&caller, "live");
    let mut phases = Vec::new();
    for phase in ["gather", "index", "write", "verify"] {
        let job = caller.start_build("live");
        let last = poll("that phase, or a later one", || {
            let job = caller.job(&job);
            (job["phase"] == phase || job["phase"].as_str() > Some("gather") || job["state"] != "running")
                .then_some(job)
        });
        server.kill();
        phases.push(format!("{}/{}", last["state"], last["phase"]));
        server = serve(data.path());
        caller = Caller::of(&server);
        assert_eq!(all_items(&caller, "live"), expected, "killed in {phases:?}");
        if last["state"] == "running" {
            assert_eq!(caller.snapshot("live"), first, "killed in {phases:?}");
        }
    }
    assert!(
        phases.iter().any(|phase| phase.starts_with("\"running\"")),
        "no build was interrupted: {phases:?}"
    );
    let second = caller.build_snapshot("live");
    assert_ne!(first, second);
    assert_eq!(all_items(&caller, "live"), expected);
    assert!(staging_is_clean(data.path(), "live"), "the next build cleans up");
}

#[test]
fn a_damaged_file_is_refused_by_name_the_previous_snapshot_goes_on_serving() {
    let data = temp_dir();
    let server = serve(data.path());
    let caller = Caller::of(&server);
    create_collection(&caller, "live");
    fill(&caller, "item", 300);
    let damaged = caller.build_snapshot("live");
    caller.upsert("live", &[row("item-0", 2)]);
    let good = caller.build_snapshot("live");
    let folder = snapshot_dir(data.path(), "live").with_file_name(&damaged);
    let pristine = temp_dir();
    copy_tree(&folder, pristine.path());
    for (rev, file) in (3..).zip([
        "manifest.rkyv",
        "index.alike",
        "items.rkyv",
        "documents.bin",
        "columns.rkyv",
    ]) {
        crate::damaged::rewrite(&folder.join(file), |bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 0x10;
        });
        let answer = caller.post(&format!("{SNAPSHOTS}/{damaged}/promote"), &json!({"force": true}));
        assert!((400..=503).contains(&answer.status), "{}", answer.text());
        let problem = answer.problem(answer.status);
        assert!(
            problem["detail"].as_str().unwrap().contains(file),
            "{file}: {problem}"
        );
        assert_eq!(caller.snapshot("live"), good, "{file}");
        caller.upsert("live", &[row("item-0", rev)]);
        let items = all_items(&caller, "live");
        assert_eq!(
            (items.len(), items["item-0"].rev),
            (300, rev),
            "writes and reads go on"
        );
        assert_eq!(caller.get("/readyz").status, 200);
        let original = fs::read(pristine.path().join(file)).unwrap();
        crate::damaged::rewrite(&folder.join(file), |bytes| *bytes = original);
    }
    let answer = caller.post(&format!("{SNAPSHOTS}/{damaged}/promote"), &json!({"force": true}));
    assert_eq!(answer.status, 200, "in one piece again: {}", answer.text());
    assert_eq!(all_items(&caller, "live")["item-0"].rev, 7);
}

/// How many swaps the load goes on for.
const SWAPS: usize = 24;
/// Items that stand still, nearest to the query.
const ANCHORS: usize = 10;

/// Items whose vectors are the query's own but for a little, so that they are its nearest whatever else changes.
fn anchors(query: &[f32]) -> Vec<Value> {
    let anchor = |at: usize| {
        let mut vector = query.to_vec();
        vector[0] += at as f32 * 1e-3;
        let mut row = row(&format!("anchor-{at}"), 1);
        row["v"] = json!(vector);
        row
    };
    (0..ANCHORS).map(anchor).collect()
}

/// What a search may find under load: the anchors first, then items as they once were acknowledged.
fn check_hits(answer: &Value, query: &[f32]) {
    let hits = answer["hits"].as_array().expect("hits");
    assert_eq!(hits.len(), ANCHORS + 10, "{answer}");
    let (first, others) = hits.split_at(ANCHORS);
    for hit in first {
        assert!(hit["id"].as_str().unwrap().starts_with("anchor-"), "{answer}");
        assert!(hit["score"].as_f64().unwrap() > 0.999, "{answer}");
    }
    for hit in others {
        check_score(hit, query);
    }
}

/// One writer: each write is read back at its position, from whatever view has it by then.
fn write_and_read_back(caller: &Caller, name: &str, stop: &AtomicBool) -> usize {
    let mut writer = Writer::new("live", name, 100, 3);
    let mut writes = 0;
    while !stop.load(Ordering::Relaxed) {
        let answer = writer.write(caller).expect("the connection holds");
        let at = position(&answer.json());
        if let Some((id, entry)) = writer.ledger().iter().next() {
            let item = caller.get(&format!("{ITEMS}/{id}?min_position={at}")).json();
            assert_eq!(entry_of(&item), *entry, "{item} at {at}");
            assert!(position(&item) >= at, "{item} at {at}");
        }
        writes += 1;
    }
    writer.verify(&all_items(caller, "live"));
    writes
}

/// Publishes, promotes and rolls back in turn; every one takes over.
fn swap(caller: &Caller, turn: usize) {
    let before = caller.snapshot("live");
    match turn % 3 {
        0 => {
            caller.build_snapshot("live");
        }
        1 => {
            let rolled_back = caller.send(&Call::new("POST", format!("{SNAPSHOTS}/rollback")));
            assert_eq!(rolled_back.json()["from"], before.as_str());
        }
        _ => {
            let list = caller.get(SNAPSHOTS).json();
            let snapshots = list["snapshots"].as_array().expect("a list of snapshots");
            let other = snapshots
                .iter()
                .filter_map(|snapshot| snapshot["id"].as_str())
                .find(|&id| id != before)
                .expect("another snapshot");
            let answer = caller.post(&format!("{SNAPSHOTS}/{other}/promote"), &json!({"force": true}));
            assert_eq!(answer.status, 200, "{}", answer.text());
        }
    }
    assert_ne!(caller.snapshot("live"), before, "turn {turn}");
}

#[test]
fn no_request_fails_during_a_swap() {
    let data = temp_dir();
    let server = serve(data.path());
    let caller = Caller::of(&server);
    create_collection(&caller, "live");
    let query = vector_of("query", 0);
    caller.upsert("live", &anchors(&query));
    fill(&caller, "still", 300);
    caller.build_snapshot("live");
    let (stop, searches) = (AtomicBool::new(false), AtomicUsize::new(0));
    let writes: usize = std::thread::scope(|scope| {
        let stop_all = StopOnDrop(&stop);
        let writers: Vec<_> = ["a", "b"]
            .map(|name| {
                let (caller, stop) = (Caller::of(&server), &stop);
                scope.spawn(move || write_and_read_back(&caller, name, stop))
            })
            .into();
        for exact in [true, false] {
            let (caller, stop, searches, query) = (Caller::of(&server), &stop, &searches, &query);
            scope.spawn(move || {
                let body = json!({"vector": query, "limit": ANCHORS + 10, "exact": exact});
                while !stop.load(Ordering::Relaxed) {
                    check_hits(&caller.post(SEARCH, &body).json(), query);
                    searches.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
        for turn in 0..SWAPS {
            swap(&caller, turn);
        }
        drop(stop_all);
        writers
            .into_iter()
            .map(|writer| writer.join().expect("no write failed"))
            .sum()
    });
    let searches = searches.into_inner();
    assert!(
        writes > SWAPS && searches > SWAPS,
        "{writes} writes and {searches} searches are no load"
    );
}

/// Ends the load also when a check fails, so that the test ends.
struct StopOnDrop<'a>(&'a AtomicBool);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A second and what a busy machine adds.
const DEADLINE: Duration = Duration::from_secs(8);

/// A refusal for lack of room says when to come back, and comes in time.
fn check_refusal(answer: &Answer, took: Duration) {
    assert!([429, 503].contains(&answer.status), "{}", answer.text());
    answer.problem(answer.status);
    let wait: u64 = answer
        .retry_after
        .as_deref()
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(|| panic!("no Retry-After with {}", answer.text()));
    assert!(wait >= 1);
    assert!(took < DEADLINE, "refused after {took:?}");
}

/// Sixteen callers upsert batches of their own, forty each; the acknowledged items and the number of refused batches.
fn crowd_of_writers(server: &Server, round: usize) -> (Vec<String>, usize) {
    let write = |caller_number: usize| {
        let caller = Caller::of(server);
        let (mut acknowledged, mut refused) = (Vec::new(), 0);
        for call in 0..40 {
            let id = |at: usize| format!("r{round}-{caller_number}-{call}-{at}");
            let ids: Vec<String> = (0..20).map(id).collect();
            let rows: Vec<Value> = ids.iter().map(|id| row(id, 1)).collect();
            let start = Instant::now();
            let answer = caller.post(ITEMS, &json!(rows));
            if answer.status == 200 {
                acknowledged.extend(ids);
            } else {
                check_refusal(&answer, start.elapsed());
                refused += 1;
            }
        }
        (acknowledged, refused)
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..16).map(|number| scope.spawn(move || write(number))).collect();
        let mut all = (Vec::new(), 0);
        for thread in threads {
            let (acknowledged, refused) = thread.join().expect("every call is answered");
            all.0.extend(acknowledged);
            all.1 += refused;
        }
        all
    })
}

/// Writers until one is refused; then what was acknowledged is there, what was refused is not, and reads go on.
fn writers_are_refused(bound: (&'static str, &'static str)) {
    let data = temp_dir();
    let variables = [
        &[bound, ("ALIKE__SERVER__REQUEST_TIMEOUT_MS", "1000")],
        &NO_REBUILDS[..],
    ]
    .concat();
    let server = Server::start_with(data.path(), &[], &variables);
    let caller = Caller::of(&server);
    create_collection(&caller, "live");
    let (mut acknowledged, mut round) = (Vec::new(), 0);
    poll("a refused write", || {
        let (more, refused) = crowd_of_writers(&server, round);
        acknowledged.extend(more);
        round += 1;
        (refused > 0).then_some(())
    });
    let items = all_items(&caller, "live");
    assert_eq!(
        items.len(),
        acknowledged.len(),
        "{bound:?}: what was refused is not there"
    );
    assert!(acknowledged.iter().all(|id| items.contains_key(id)), "{bound:?}");
    let body = json!({"vector": vector_of("query", 0), "limit": 5});
    assert_eq!(
        caller.post(SEARCH, &body).ids().len(),
        5,
        "{bound:?}: reads go on"
    );
}

/// Reads that wait for a position that never comes take all places: others are told so at once, they in their time.
fn readers_are_refused() {
    let data = temp_dir();
    let variables = [
        &[
            ("ALIKE__SERVER__MAX_IN_FLIGHT", "4"),
            ("ALIKE__SERVER__REQUEST_TIMEOUT_MS", "500"),
        ],
        &NO_REBUILDS[..],
    ]
    .concat();
    let server = Server::start_with(data.path(), &[], &variables);
    let caller = Caller::of(&server);
    create_collection(&caller, "live");
    fill(&caller, "item", 20);
    let body = json!({"vector": vector_of("query", 0), "limit": 5});
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let _stop_all = StopOnDrop(&stop);
        for _ in 0..4 {
            scope.spawn(|| {
                let caller = Caller::of(&server);
                while !stop.load(Ordering::Relaxed) {
                    let start = Instant::now();
                    let answer = caller.post(&format!("{ITEMS}/count"), &json!({"min_position": 1_000_000}));
                    check_refusal(&answer, start.elapsed());
                }
            });
        }
        let refusal = poll("a refused read", || {
            let start = Instant::now();
            let answer = caller.post(SEARCH, &body);
            (answer.status != 200).then(|| (answer, start.elapsed()))
        });
        check_refusal(&refusal.0, refusal.1);
        assert_eq!(refusal.0.status, 429, "{}", refusal.0.text());
        assert_eq!(caller.get("/livez").status, 200);
    });
    poll("a free place", || {
        (caller.post(SEARCH, &body).status == 200).then_some(())
    });
}

#[test]
fn queues_are_bounded_a_full_one_answers_429_or_503_with_retry_after_within_its_deadline() {
    writers_are_refused(("ALIKE__WRITES__QUEUE_CHANGES", "20"));
    writers_are_refused(("ALIKE__LIVE__MAX_BYTES", "1048576"));
    readers_are_refused();
}

/// Bytes that a process holds in memory.
fn resident_bytes(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kilobytes
        .and_then(|text| text.parse::<u64>().ok())
        .expect("a size")
        * 1024
}

/// One window of a soak: the same items over and over, searches, a whole scroll, and a swap. The largest size seen.
fn soak(server: &Server, caller: &Caller, window: usize) -> u64 {
    let mut largest = 0;
    let query = vector_of("query", window as u64);
    for turn in 0..20 {
        let rev = (window * 100 + turn) as u64;
        let rows: Vec<Value> = (0..100)
            .map(|at| row(&format!("item-{}", (turn % 5) * 100 + at), rev))
            .collect();
        caller.upsert("live", &rows);
        for exact in [true, false] {
            let body = json!({"vector": query, "limit": 20, "exact": exact, "filter": {"rev": {"gte": 1}}});
            assert_eq!(caller.post(SEARCH, &body).ids().len(), 20);
        }
        largest = largest.max(resident_bytes(server));
    }
    assert_eq!(all_items(caller, "live").len(), 500);
    caller.build_snapshot("live");
    largest.max(resident_bytes(server))
}

#[test]
fn memory_stays_bounded_under_soak() {
    let data = temp_dir();
    let server = serve(data.path());
    let caller = Caller::of(&server);
    create_collection(&caller, "live");
    let sizes: Vec<u64> = (1..=24).map(|window| soak(&server, &caller, window)).collect();
    // The first windows fill pools and caches.
    let (before, after) = (&sizes[8..16], &sizes[16..]);
    let (before, after) = (before.iter().max().unwrap(), after.iter().max().unwrap());
    let bound = before + before / 5 + (16 << 20);
    assert!(
        *after <= bound,
        "{before} bytes grew to {after} over {} updates; all windows: {sizes:?}",
        8 * 2_000
    );
}

/// Queries for the shop, short ones and long ones.
fn questions() -> Vec<Value> {
    let texts = [
        "espresso",
        "something to keep my coffee warm on the train while I read the news in the morning",
        "red shoes",
        "a present for a small child who likes animals and wooden toys, not too expensive, soft if possible",
        "sleep outside",
        "keyboard",
    ];
    let mut questions: Vec<Value> = texts
        .iter()
        .map(|text| json!({"text": text, "limit": 8}))
        .collect();
    questions.push(json!({"text": "warm drinks", "limit": 5, "filter": {"price": {"lt": 40}}}));
    questions.push(json!({"like": ["KIT-1", "LIVE-2"], "limit": 6}));
    questions
}

/// The same items of the same view in the same order, with the same scores to the last bit.
fn assert_same(question: &Value, answer: &Value, alone: &Value) {
    for part in ["snapshot", "position", "exact", "partial", "hits"] {
        assert_eq!(answer[part], alone[part], "{part} to {question}");
    }
}

#[test]
fn the_same_query_on_the_same_view_gives_the_same_answer_whoever_shares_its_batch() {
    let data = temp_dir();
    crate::support::build_shop(data.path(), "live");
    let variables = [&NO_REBUILDS[..], &[("ALIKE__MODEL__QUERY_CACHE_BYTES", "0")]].concat();
    let server = Server::start_with(data.path(), &[], &variables);
    let caller = Caller::of(&server);
    let live: Vec<Value> = (0..12)
        .map(|at| {
            let mut row = shop_rows()[at * 3].clone();
            row["id"] = json!(format!("LIVE-{at}"));
            row["price"] = json!(at);
            row
        })
        .collect();
    caller.upsert("live", &live);
    let questions = questions();
    let alone: Vec<Value> = questions
        .iter()
        .map(|question| caller.post(SEARCH, question).json())
        .collect();
    let ask = |seed| {
        let (caller, mut random) = (Caller::of(&server), Random::new(seed));
        for _ in 0..40 {
            let at = random.below(questions.len());
            let answer = caller.post(SEARCH, &questions[at]).json();
            assert_same(&questions[at], &answer, &alone[at]);
        }
    };
    std::thread::scope(|scope| {
        for seed in 0..8 {
            scope.spawn(move || ask(seed));
        }
    });
    let found: BTreeMap<&str, usize> = alone
        .iter()
        .flat_map(|answer| answer["hits"].as_array().unwrap())
        .filter_map(|hit| hit["id"].as_str()?.split('-').next())
        .fold(BTreeMap::new(), |mut counts, shelf| {
            *counts.entry(shelf).or_default() += 1;
            counts
        });
    assert!(
        found.contains_key("LIVE") && found.len() > 2,
        "live items and those of the snapshot are asked for: {found:?}"
    );
}

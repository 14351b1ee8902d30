//! Events in, trending items out.

use crate::support::points::{ITEMS, own_points, point};
use crate::support::{Server, copy_binary, copy_tree, ordinary_user, poll, shared_shop, temp_dir};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tempfile::TempDir;

/// The shop in a data directory of its own, and a server whose trending lists are never old.
fn own_shop() -> (TempDir, Server) {
    let data = temp_dir();
    copy_tree(
        &shared_shop().1.join("collections/shop"),
        &data.path().join("collections/shop"),
    );
    let server = start(data.path());
    (data, server)
}

fn start(data: &Path) -> Server {
    Server::start_with(data, &[], &[("ALIKE__SERVER__TRENDING_TTL_MS", "0")])
}

fn event(kind: &str, item: &str, user: &str) -> Value {
    json!({"collection": "shop", "type": kind, "item": item, "user": user})
}

fn hours_ago(hours: i64) -> String {
    (jiff::Timestamp::now() - jiff::SignedDuration::from_hours(hours)).to_string()
}

fn trending(server: &Server, query: &str) -> Vec<String> {
    server
        .get(&format!("/v1/collections/shop/trending?{query}"))
        .ids()
}

/// Three shoppers buy KIT-5, two put TOY-1 and then KIT-2 into the basket.
fn record_a_trend(server: &Server) {
    let single = server
        .post("/v1/events", &event("purchase", "KIT-5", "u1"))
        .json();
    assert_eq!(
        (&single["accepted"], &single["durable"], &single["rejected"]),
        (&json!(1), &json!(true), &json!(0))
    );
    let array = json!([
        event("purchase", "KIT-5", "u2"),
        event("purchase", "KIT-5", "u3"),
        event("cart", "TOY-1", "u1")
    ]);
    assert_eq!(server.post("/v1/events", &array).json()["accepted"], 3);
    let lines = [
        event("cart", "TOY-1", "u2"),
        event("cart", "KIT-2", "u1"),
        event("cart", "KIT-2", "u2"),
    ];
    let lines: String = lines.iter().map(|event| format!("{event}\n")).collect();
    assert_eq!(
        server.ask("POST", "/v1/events", Some(lines.as_bytes())).json()["accepted"],
        3
    );
}

#[test]
fn what_shoppers_do_trends() {
    let (_data, server) = own_shop();
    assert_eq!(trending(&server, ""), [""; 0], "nothing yet");
    record_a_trend(&server);
    for _ in 0..5 {
        assert_eq!(
            trending(&server, "window=24h&limit=10"),
            ["KIT-5", "KIT-2", "TOY-1"],
            "equal scores by id"
        );
    }
    assert_eq!(trending(&server, "limit=1"), ["KIT-5"]);
    assert_eq!(trending(&server, "category=Toys"), ["TOY-1"]);
    assert_eq!(trending(&server, "category=Kitchen"), ["KIT-5", "KIT-2"]);
    assert_eq!(trending(&server, "category=Garden"), [""; 0]);
    let answer = server
        .get("/v1/collections/shop/trending?fields=title,price&window=7d")
        .json();
    assert_eq!(
        answer["hits"][0]["fields"],
        json!({"title": "Cast iron frying pan", "price": 41.0})
    );
    assert_eq!(answer["window"], "7d");
    assert_eq!(answer["snapshot"], server.snapshot("shop"));
    let scores: Vec<f64> = answer["hits"]
        .as_array()
        .unwrap()
        .iter()
        .map(|hit| hit["score"].as_f64().unwrap())
        .collect();
    assert!(
        scores[0] > 2.0 * scores[1] && scores[1] == scores[2],
        "3 × 5 against 2 × 3 views: {scores:?}"
    );
}

#[test]
fn windows_look_back_as_far_as_they_say() {
    let (_data, server) = own_shop();
    let at = |item: &str, hours: i64| json!({"collection": "shop", "type": "view", "item": item, "time": hours_ago(hours)});
    let events = json!([
        at("KIT-1", 0),
        at("KIT-2", 3),
        at("KIT-3", 20),
        at("KIT-4", 100),
        at("KIT-5", 500)
    ]);
    assert_eq!(server.post("/v1/events", &events).json()["accepted"], 5);
    let sorted = |query: &str| {
        let mut ids = trending(&server, query);
        ids.sort();
        ids
    };
    assert_eq!(sorted("window=1h"), ["KIT-1"]);
    assert_eq!(sorted("window=6h"), ["KIT-1", "KIT-2"]);
    assert_eq!(sorted("window=24h"), ["KIT-1", "KIT-2", "KIT-3"]);
    assert_eq!(sorted("window=7d"), ["KIT-1", "KIT-2", "KIT-3", "KIT-4"]);
    assert_eq!(sorted("window=30d").len(), 5);
    assert_eq!(
        trending(&server, "window=30d")[0],
        "KIT-1",
        "what is newer counts more"
    );
}

#[test]
fn events_survive_a_restart() {
    let (data, server) = own_shop();
    record_a_trend(&server);
    let before = trending(&server, "");
    drop(server);
    assert_eq!(
        trending(&start(data.path()), ""),
        before,
        "killed without warning, yet nothing is lost"
    );
}

#[test]
fn a_replica_without_the_journal_says_so() {
    let (data, first) = own_shop();
    let second = start(data.path());
    assert_eq!(
        first.post("/v1/events", &event("view", "KIT-1", "u")).json()["durable"],
        true
    );
    let answer = second.post("/v1/events", &event("view", "KIT-2", "u")).json();
    assert_eq!(
        (&answer["durable"], &answer["accepted"]),
        (&json!(false), &json!(1)),
        "the other one holds the journal"
    );
    assert_eq!(trending(&second, ""), ["KIT-2"], "it counts in memory");
    assert_eq!(trending(&first, ""), ["KIT-1"]);
}

#[test]
fn a_replica_on_a_read_only_volume_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let (binary, data) = (copy_binary(folder.path()), folder.path().join("data"));
    copy_tree(
        &shared_shop().1.join("collections/points"),
        &data.join("collections/points"),
    );
    let _ = fs::remove_dir_all(data.join("collections/points/events"));
    for path in [
        folder.path(),
        &data,
        &data.join("collections"),
        &data.join("collections/points"),
    ] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o555)).unwrap();
    }
    let mut command = ordinary_user(&binary);
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--data"])
        .arg(&data);
    let server = Server::spawn(command);
    let event = json!({"collection": "points", "type": "view", "item": "p7"});
    let answer = server.post("/v1/events", &event).json();
    assert_eq!(
        (&answer["durable"], &answer["accepted"]),
        (&json!(false), &json!(1)),
        "{answer}"
    );
    assert_eq!(server.get("/v1/collections/points/trending").ids(), ["p7"]);
    assert!(!data.join("collections/points/events").exists());
    drop(server);
    for path in [
        folder.path(),
        &data,
        &data.join("collections"),
        &data.join("collections/points"),
    ] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

#[test]
fn unknown_items_are_counted_but_not_shown() {
    let (_data, server) = own_shop();
    let answer = server
        .post(
            "/v1/events",
            &json!([event("view", "NEW-1", "u"), event("view", "KIT-1", "u")]),
        )
        .json();
    assert_eq!(
        (&answer["accepted"], &answer["unknown_items"]),
        (&json!(2), &json!(1))
    );
    assert_eq!(trending(&server, ""), ["KIT-1"]);
}

#[test]
fn trending_lists_are_computed_once() {
    let data = temp_dir();
    copy_tree(
        &shared_shop().1.join("collections/shop"),
        &data.path().join("collections/shop"),
    );
    let server = Server::start_with(data.path(), &[], &[("ALIKE__SERVER__TRENDING_TTL_MS", "600000")]);
    let count = |outcome: &str| {
        server
            .metric(&format!(
                "alike_trending_cache_requests_total{{outcome=\"{outcome}\"}}"
            ))
            .unwrap_or(0.0)
    };
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| assert_eq!(trending(&server, "window=6h"), [""; 0]));
        }
    });
    assert_eq!(
        (count("miss"), count("hit")),
        (1.0, 7.0),
        "one computes, the others wait for it"
    );
    assert_eq!(trending(&server, "window=7d"), [""; 0]);
    assert_eq!((count("miss"), count("hit")), (2.0, 7.0));
}

#[test]
fn bad_events_are_named_and_good_ones_kept() {
    let (_data, server) = own_shop();
    let mixed = json!([
        event("view", "KIT-1", "u1"),
        event("admire", "KIT-1", "u1"),
        {"collection": "shop", "type": "view"},
        {"collection": "shop", "type": "view", "item": "KIT-1", "time": "tomorrow"},
        {"collection": "nowhere", "type": "view", "item": "KIT-1"},
        {"collection": "shop", "type": "view", "item": "KIT-1", "usr": "u1"},
        event("view", "", "u1"),
        {"collection": "shop", "type": "view", "item": "KIT-1", "time": "2999-01-01T00:00:00Z"},
        17,
        event("view", "KIT-2", "u1"),
    ]);
    let answer = server.post("/v1/events", &mixed).json();
    assert_eq!(
        (&answer["accepted"], &answer["rejected"]),
        (&json!(2), &json!(8)),
        "{answer}"
    );
    let errors: Vec<(u64, &str)> = answer["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| {
            (
                error["position"].as_u64().unwrap(),
                error["field"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        errors,
        [
            (1, "type"),
            (2, "item"),
            (3, "time"),
            (4, "collection"),
            (5, "usr"),
            (6, "item"),
            (7, "time"),
            (8, "body")
        ]
    );
    assert_eq!(trending(&server, ""), ["KIT-1", "KIT-2"]);
    assert_eq!(
        server.metric("alike_events_total{collection=\"shop\",type=\"view\"}"),
        Some(2.0)
    );
}

#[test]
fn a_call_of_nothing_but_bad_events_is_refused() {
    let (server, _) = shared_shop();
    let path = "/v1/events";
    for (body, status, field) in [
        (event("admire", "KIT-1", "u"), 400, "type"),
        (json!([event("admire", "KIT-1", "u")]), 400, "type"),
        (json!({"type": "view", "item": "KIT-1"}), 400, "collection"),
        (
            json!({"collection": 5, "type": "view", "item": "KIT-1"}),
            400,
            "collection",
        ),
        (
            json!({"collection": "shop", "type": "view", "item": ["KIT-1"]}),
            400,
            "item",
        ),
        (
            json!({"collection": "shop", "type": "view", "item": "x".repeat(600)}),
            400,
            "item",
        ),
        (
            json!({"collection": "shop", "type": "view", "item": "KIT-1", "user": ""}),
            400,
            "user",
        ),
        (
            json!({"collection": "shop", "type": "view", "item": "KIT-1", "time": 12}),
            400,
            "time",
        ),
        (json!(["shop", "view", "KIT-1"]), 400, "body"),
        (json!([["shop", "view", "KIT-1", null, null]]), 400, "body"),
        (json!([]), 400, "body"),
        (json!("view"), 400, "body"),
    ] {
        let problem = server.post(path, &body).problem(status);
        assert_eq!(problem["field"], field, "{body}: {problem}");
    }
    // One event for a collection that is not there is that problem, not a malformed call.
    let unserved = json!({"collection": "nowhere", "type": "view", "item": "KIT-1"});
    assert_eq!(server.post(path, &unserved).problem(404)["field"], "collection");
    let both = server
        .post(path, &json!([unserved, event("admire", "KIT-1", "u")]))
        .problem(404);
    assert!(
        both["detail"]
            .as_str()
            .unwrap()
            .starts_with("all 2 events were refused"),
        "{both}"
    );
    for (body, needle) in [
        (&b""[..], "no events"),
        (b"   \n ", "no events"),
        (b"{\"collection\":", "EOF"),
        (b"\xff\xfe", "body"),
        (
            b"{\"collection\":\"shop\",\"type\":\"view\",\"item\":\"KIT-1\"} nonsense",
            "nothing of this call",
        ),
    ] {
        let problem = server.ask("POST", path, Some(body)).problem(400);
        assert!(problem["detail"].as_str().unwrap().contains(needle), "{problem}");
    }
}

#[test]
fn bad_trending_questions_are_named() {
    let (server, _) = shared_shop();
    for (query, field) in [
        ("window=2h", "window"),
        ("window=", "window"),
        ("limit=0", "limit"),
        ("limit=1001", "limit"),
        ("limit=-1", "limit"),
        ("limit=ten", "limit"),
        ("lmit=5", "lmit"),
        ("limit=5&limit=6", "limit"),
        ("fields=title,titel", "fields[1]"),
    ] {
        let problem = server
            .get(&format!("/v1/collections/shop/trending?{query}"))
            .problem(400);
        assert_eq!(problem["field"], field, "{query}: {problem}");
    }
    let problem = server
        .get("/v1/collections/points/trending?category=Toys")
        .problem(400);
    assert_eq!(problem["field"], "category", "{problem}");
    let long = format!("/v1/collections/shop/trending?category={}", "x".repeat(600));
    assert_eq!(server.get(&long).problem(400)["field"], "category");
    server.get("/v1/collections/nowhere/trending").problem(404);
}

/// What a job that a call starts has made.
#[track_caller]
fn finished(server: &Server, path: &str, body: &Value) -> Value {
    let started = server.post(path, body).json_of(202);
    let job = format!("/v1/jobs/{}", started["id"].as_str().unwrap());
    let ended = poll("the end of a job", || {
        let job = server.get(&job).json();
        (job["state"] != "running").then_some(job)
    });
    assert_eq!(ended["state"], "succeeded", "{ended}");
    ended["result"].clone()
}

/// The files of a collection's log of events.
fn segments(data: &Path) -> Vec<String> {
    let names = fs::read_dir(data.join("collections/shop/events")).unwrap();
    let mut names: Vec<String> = names
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".log"))
        .collect();
    names.sort();
    names
}

#[test]
fn what_is_sent_again_counts_once_and_says_so() {
    let (_data, server) = own_shop();
    let mut once = event("view", "KIT-1", "u1");
    once["id"] = json!("e-1");
    let first = server
        .post("/v1/events", &json!([once, event("view", "KIT-2", "u2")]))
        .json();
    assert_eq!(
        (&first["accepted"], &first["duplicates"], &first["position"]),
        (&json!(2), &json!(0), &json!(2)),
        "{first}"
    );
    let again = server.post("/v1/events", &json!([once])).json();
    assert_eq!(
        (&again["accepted"], &again["duplicates"]),
        (&json!(1), &json!(1)),
        "{again}"
    );
    assert_eq!(
        server.metric("alike_events_duplicate_total{collection=\"shop\"}"),
        Some(1.0)
    );
    assert_eq!(
        server.metric("alike_signals_entries{collection=\"shop\",kind=\"users\"}"),
        Some(2.0)
    );
    assert!(server.metric("alike_signals_bytes{collection=\"shop\"}").unwrap() > 0.0);
}

#[test]
fn types_and_weights_of_the_settings_are_used() {
    let data = temp_dir();
    copy_tree(
        &shared_shop().1.join("collections/shop"),
        &data.path().join("collections/shop"),
    );
    let settings = [
        ("ALIKE__SERVER__TRENDING_TTL_MS", "1"),
        ("ALIKE__EVENTS__TYPES__WISHLIST__WEIGHT", "20"),
        ("ALIKE__EVENTS__TYPES__PURCHASE__WEIGHT", "0.5"),
    ];
    let server = Server::start_with(data.path(), &[], &settings);
    let events = json!([
        event("purchase", "KIT-1", "u1"),
        event("wishlist", "KIT-2", "u1"),
        event("view", "KIT-3", "u1"),
        {"collection": "shop", "type": "rating", "item": "KIT-4", "user": "u1", "value": 4, "segment": "uk", "basket": "b"},
    ]);
    assert_eq!(server.post("/v1/events", &events).json()["accepted"], 4);
    assert_eq!(trending(&server, ""), ["KIT-2", "KIT-4", "KIT-3", "KIT-1"]);
    let problem = server
        .post(
            "/v1/events",
            &json!({"collection": "shop", "type": "rating", "item": "KIT-4", "value": 9}),
        )
        .problem(400);
    assert_eq!(problem["field"], "value");
    let problem = server
        .post("/v1/events", &event("admire", "KIT-4", "u"))
        .problem(400);
    assert!(
        problem["detail"].as_str().unwrap().contains("wishlist"),
        "{problem}"
    );
}

#[test]
fn documents_of_user_behavior_insights_are_taken_as_they_are() {
    let (_data, server) = own_shop();
    let act = |action: &str, object: Value| {
        json!({"application": "shop", "action_name": action, "query_id": "q", "client_id": "c1", "session_id": "s1",
            "user_id": "u1", "timestamp": hours_ago(1), "message": null, "anything": [1],
            "event_attributes": {"object": object, "position": {"ordinal": 1}}})
    };
    let of = |id: &str| json!({"object_id": id, "object_id_field": "id"});
    let query = json!({"kind": "query", "application": "shop", "query_id": "q", "client_id": "c1", "user_query": "pan",
        "query_response_hit_ids": ["KIT-5"], "timestamp": hours_ago(1)});
    let documents = json!([
        query,
        act("impression", of("KIT-1")),
        act("item_click", of("KIT-2")),
        act("add_to_cart", of("KIT-3")),
        act("purchase", of("KIT-4")),
        act("product_sort", json!(null)),
        act("click", json!({"description": "a banner"})),
    ]);
    let answer = server.post("/v1/events", &documents).json();
    assert_eq!(
        (&answer["accepted"], &answer["ignored"], &answer["rejected"]),
        (&json!(4), &json!(3), &json!(0)),
        "{answer}"
    );
    assert_eq!(
        answer["ignored_reasons"],
        json!({"a query": 1, "action_name `product_sort`": 1, "no event_attributes.object.object_id": 1})
    );
    assert_eq!(trending(&server, ""), ["KIT-4", "KIT-3", "KIT-2"]);
    let mut elsewhere = act("click", of("KIT-5"));
    elsewhere["application"] = json!("storefront");
    assert_eq!(
        server.post("/v1/events?collection=shop", &elsewhere).json()["accepted"],
        1
    );
    assert_eq!(
        server.post("/v1/events", &elsewhere).json()["duplicates"],
        1,
        "it is the only collection"
    );
    server
        .post("/v1/events?collection=nowhere", &elsewhere)
        .problem(404);
    let problem = server.post("/v1/events?colection=shop", &elsewhere).problem(400);
    assert_eq!(problem["field"], "colection");
    let (both, _) = shared_shop();
    let problem = both.post("/v1/events", &elsewhere).problem(400);
    assert!(
        problem["field"] == "collection" && problem["detail"].as_str().unwrap().contains("?collection=NAME"),
        "{problem}"
    );
}

#[test]
fn events_of_items_that_come_later_count_then() {
    let (_data, server) = own_points(&[]);
    let waiting = || server.metric("alike_signals_entries{collection=\"points\",kind=\"waiting_events\"}");
    let bought = json!({"collection": "points", "type": "purchase", "item": "p1", "user": "u1"});
    let answer = server.post("/v1/events", &bought).json();
    assert_eq!(
        (&answer["accepted"], &answer["unknown_items"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(waiting(), Some(1.0));
    server.post(ITEMS, &point(1)).json();
    poll("the event of an item that came later to count", || {
        (waiting() == Some(0.0)).then_some(())
    });
    assert_eq!(server.get("/v1/collections/points/trending").ids(), ["p1"]);
}

#[test]
fn the_journal_of_an_earlier_version_is_taken_over() {
    let (data, server) = own_shop();
    drop(server);
    let folder = data.path().join("collections/shop/events");
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    let lines: String = (0..3)
        .map(|user| {
            let mut event = event("view", "KIT-3", &format!("u{user}"));
            event["time"] = json!(hours_ago(1));
            format!("{event}\n")
        })
        .collect();
    fs::write(folder.join("events.jsonl"), lines).unwrap();
    let server = start(data.path());
    assert_eq!(trending(&server, ""), ["KIT-3"]);
    assert!(folder.join("events.jsonl.imported").exists() && !folder.join("events.jsonl").exists());
    let next = server.post("/v1/events", &event("view", "KIT-1", "u")).json();
    assert_eq!(next["position"], 4);
    drop(server);
    assert_eq!(trending(&start(data.path()), ""), ["KIT-3", "KIT-1"]);
}

#[test]
fn a_snapshot_holds_what_events_have_taught() {
    let data = temp_dir();
    copy_tree(
        &shared_shop().1.join("collections/shop"),
        &data.path().join("collections/shop"),
    );
    let settings = [
        ("ALIKE__SERVER__TRENDING_TTL_MS", "1"),
        ("ALIKE__LOG__SEGMENT_BYTES", "65536"),
        ("ALIKE__SNAPSHOTS__KEEP", "0"),
    ];
    let server = Server::start_with(data.path(), &[], &settings);
    record_a_trend(&server);
    let many: Vec<Value> = (0..4_000)
        .map(|user| event("view", "TOY-1", &format!("v{user}")))
        .collect();
    for batch in many.chunks(200) {
        assert_eq!(server.post("/v1/events", &json!(batch)).json()["durable"], true);
    }
    let before = (trending(&server, ""), segments(data.path()));
    assert!(before.1.len() > 2, "{before:?}");
    let built = finished(&server, "/v1/collections/shop/snapshots", &json!({"force": true}));
    let snapshots = data.path().join("collections/shop/snapshots");
    let checkpoint = snapshots
        .join(built["snapshot"].as_str().unwrap())
        .join("signals.bin");
    assert!(checkpoint.exists(), "{built}");
    finished(&server, "/v1/collections/shop/snapshots/gc", &json!({}));
    assert!(segments(data.path()).len() < before.1.len(), "the log is shorter");
    drop(server);
    let server = Server::start_with(data.path(), &[], &settings);
    assert_eq!(trending(&server, ""), before.0);
}

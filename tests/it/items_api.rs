//! Items change over HTTP: every acknowledged change shows at once, and every answer says what became of each item.

use crate::support::points::{ITEMS, count, own_points, point, point_lines, state};
use crate::support::{Server, shared_shop, shop_rows, temp_dir};
use serde_json::{Value, json};

fn counts(answer: &Value) -> [u64; 5] {
    ["created", "updated", "deleted", "missing", "rejected"].map(|name| answer[name].as_u64().unwrap())
}

fn nearest(server: &Server, at: usize) -> Vec<String> {
    let vector = &point(at)["v"];
    server
        .search("points", &json!({"vector": vector, "limit": 1}))
        .ids()
}

#[test]
fn what_is_acknowledged_is_found_at_once() {
    let (_data, server) = own_points(&[]);
    let first = server.post(ITEMS, &json!([point(1), point(2), point(3)])).json();
    assert_eq!(counts(&first), [3, 0, 0, 0, 0], "{first}");
    assert_eq!(first["errors"], json!([]));
    assert_eq!(nearest(&server, 2), ["p2"]);

    let again = server.post(ITEMS, &json!([point(3), point(4)])).json();
    assert_eq!(counts(&again), [1, 1, 0, 0, 0], "{again}");
    assert!(again["position"].as_u64() > first["position"].as_u64());

    let one = server.post(ITEMS, &point(5)).json();
    assert_eq!(counts(&one), [1, 0, 0, 0, 0], "one object is one item");
    let printed = serde_json::to_string_pretty(&point(6)).unwrap();
    let printed = server.ask("POST", ITEMS, Some(printed.as_bytes())).json();
    assert_eq!(counts(&printed), [1, 0, 0, 0, 0], "over several lines, too");
    assert_eq!(count(&server), 6);

    let item = server.get(&format!("{ITEMS}/p2?vector=true")).json();
    assert_eq!((&item["id"], &item["fields"]["n"]), (&json!("p2"), &json!(2)));
    assert_eq!(
        item["fields"].get("v"),
        None,
        "the vector is no part of the document"
    );
    let length: f64 = item["vector"]
        .as_array()
        .unwrap()
        .iter()
        .map(|x| x.as_f64().unwrap().powi(2))
        .sum();
    assert!((length - 1.0).abs() < 1e-6, "{item}");
    assert_eq!(item["position"], printed["position"]);
    assert_eq!(server.get(&format!("{ITEMS}/p2")).json().get("vector"), None);
}

#[test]
fn it_is_all_there_after_a_kill() {
    let (data, server) = own_points(&[]);
    let written = server.post(ITEMS, &json!([point(1), point(2), point(3)])).json();
    server.ask("DELETE", &format!("{ITEMS}/p2"), None).json();
    let patched = server
        .send("PATCH", &format!("{ITEMS}/p3"), &json!({"n": 33}))
        .json();
    let before = state(&server);
    drop(server);
    let server = Server::start(data.path());
    assert_eq!(state(&server), before);
    assert_eq!(before.1, patched["position"]);
    assert_eq!(
        written["position"].as_u64().unwrap() + 2,
        before.1.as_u64().unwrap()
    );
    assert_eq!(server.get(&format!("{ITEMS}/p3")).json()["fields"]["n"], 33);
    server.get(&format!("{ITEMS}/p2")).problem(404);
}

#[test]
fn fields_change_and_the_rest_stays() {
    let (_data, server) = own_points(&[]);
    server.post(ITEMS, &json!([point(1), point(2)])).json();
    let answer = server
        .send(
            "PATCH",
            &format!("{ITEMS}/p1"),
            &json!({"n": 10.5, "tag": ["a", "b"], "note": {"x": [1]}}),
        )
        .json();
    assert_eq!(counts(&answer), [0, 1, 0, 0, 0]);
    let fields = server.get(&format!("{ITEMS}/p1")).json()["fields"].clone();
    assert_eq!(
        fields,
        json!({"id": "p1", "n": 10.5, "tag": ["a", "b"], "note": {"x": [1]}})
    );
    assert_eq!(nearest(&server, 1), ["p1"], "its vector is as it was");
    let tagged = json!({"vector": [1, 0], "filter": {"tag": "b"}});
    assert_eq!(
        server.search("points", &tagged).ids(),
        ["p1"],
        "filters see it at once"
    );

    let many = json!([{"id": "p1", "tag": null}, {"id": "p9", "n": 1}, {"id": "p2", "n": "many"}]);
    let answer = server.send("PATCH", ITEMS, &many).json();
    assert_eq!(counts(&answer), [0, 1, 0, 1, 1], "{answer}");
    let errors = answer["errors"].as_array().unwrap();
    let named: Vec<_> = errors
        .iter()
        .map(|error| (&error["position"], &error["id"]))
        .collect();
    assert_eq!(named, [(&json!(1), &json!("p9")), (&json!(2), &json!("p2"))]);
    assert_eq!(errors[1]["field"], "n", "{answer}");
    assert_eq!(
        server.get(&format!("{ITEMS}/p1")).json()["fields"].get("tag"),
        None
    );

    let turned = server
        .send("PATCH", &format!("{ITEMS}/p2"), &json!({"v": [0, 1], "id": "p2"}))
        .json();
    assert_eq!(counts(&turned), [0, 1, 0, 0, 0]);
    assert_eq!(
        server
            .search("points", &json!({"vector": [0, 1], "limit": 1}))
            .ids(),
        ["p2"]
    );
}

#[test]
fn items_are_deleted_by_id_and_by_filter() {
    let (_data, server) = own_points(&[]);
    server.send_lines("POST", ITEMS, &point_lines(0..100)).json();
    let one = server.ask("DELETE", &format!("{ITEMS}/p7"), None).json();
    assert_eq!(counts(&one), [0, 0, 1, 0, 0]);
    server.ask("DELETE", &format!("{ITEMS}/p7"), None).problem(404);
    let some = server
        .post(&format!("{ITEMS}/delete"), &json!({"ids": ["p8", "p7", "p9"]}))
        .json();
    assert_eq!(counts(&some), [0, 0, 2, 1, 0], "{some}");
    let rest = server
        .post(&format!("{ITEMS}/delete"), &json!({"filter": {"n": {"gte": 50}}}))
        .json();
    assert_eq!(
        (&rest["deleted"], &rest["missing"]),
        (&json!(50), &json!(0)),
        "{rest}"
    );
    assert_eq!(count(&server), 47);
    let none = server
        .post(&format!("{ITEMS}/delete"), &json!({"filter": {"n": {"gte": 50}}}))
        .json();
    assert_eq!(
        (&none["deleted"], &none["position"]),
        (&json!(0), &rest["position"]),
        "nothing to do, no record"
    );
    let found = server
        .search(
            "points",
            &json!({"vector": point(8)["v"], "limit": 1000, "exact": true}),
        )
        .ids();
    assert_eq!(found.len(), 47);
    assert!(
        !found
            .iter()
            .any(|id| ["p7", "p8", "p9", "p50", "p99"].contains(&id.as_str()))
    );
}

#[test]
fn outcomes_are_named_in_order() {
    let (_data, server) = own_points(&[]);
    server.post(ITEMS, &point(1)).json();
    let items = json!([point(2), point(1), {"id": "p3"}, point(4)]);
    let answer = server.post(&format!("{ITEMS}?outcomes=true"), &items).json();
    assert_eq!(
        answer["outcomes"],
        json!(["created", "updated", "rejected", "created"])
    );
    assert_eq!(server.post(ITEMS, &point(1)).json().get("outcomes"), None);
    let patches = json!([{"id": "p9", "n": 1}, {"id": "p4", "n": 1}]);
    let answer = server
        .send("PATCH", &format!("{ITEMS}?outcomes=true"), &patches)
        .json();
    assert_eq!(answer["outcomes"], json!(["missing", "updated"]));
}

#[test]
fn several_items_by_their_ids() {
    let (_data, server) = own_points(&[]);
    server.post(ITEMS, &json!([point(1), point(2), point(3)])).json();
    let answer = server
        .post(
            &format!("{ITEMS}/get"),
            &json!({"ids": ["p3", "p8", "p1"], "vector": true}),
        )
        .json();
    let ids: Vec<&Value> = answer["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| &item["id"])
        .collect();
    assert_eq!(ids, ["p3", "p1"]);
    assert_eq!(answer["missing"], json!(["p8"]));
    assert_eq!(answer["items"][0]["vector"].as_array().unwrap().len(), 2);
    for (body, field) in [
        (json!({"ids": []}), "ids"),
        (json!({"ids": vec!["x"; 1001]}), "ids"),
        (json!({"ids": "p1"}), "ids"),
        (json!({}), "ids"),
        (json!({"ids": ["p1"], "vectors": true}), "vectors"),
    ] {
        assert_eq!(
            server.post(&format!("{ITEMS}/get"), &body).problem(400)["field"],
            field
        );
    }
}

/// All pages of a scroll; after each, `between` is called.
fn scroll(server: &Server, body: &Value, between: impl Fn(usize)) -> Vec<String> {
    let (mut ids, mut body, mut pages) = (Vec::new(), body.clone(), 0);
    loop {
        let page = server.post(&format!("{ITEMS}/scroll"), &body).json();
        ids.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|item| item["id"].as_str().unwrap().to_owned()),
        );
        let Some(cursor) = page["cursor"].as_str() else {
            return ids;
        };
        body["cursor"] = cursor.into();
        between(pages);
        pages += 1;
    }
}

#[test]
fn a_scroll_shows_one_state_whatever_changes() {
    let (_data, server) = own_points(&[]);
    server.send_lines("POST", ITEMS, &point_lines(0..250)).json();
    let all = scroll(&server, &json!({"limit": 40}), |page| {
        server
            .ask("DELETE", &format!("{ITEMS}/p{}", 249 - page), None)
            .json();
        server
            .post(
                ITEMS,
                &json!([point(1000 + page), {"id": "p100", "v": [0, 1], "n": -1}]),
            )
            .json();
    });
    let wanted: Vec<String> = (0..250).map(|at| format!("p{at}")).collect();
    assert_eq!(all, wanted, "every item once, none that came later");
    assert_eq!(count(&server), 250, "six went and six came");
    let some = scroll(&server, &json!({"limit": 7, "filter": {"n": {"lt": 30}}}), |_| ());
    assert_eq!(some.len(), 31, "with the one that has changed");
    assert_eq!(scroll(&server, &json!({"filter": {"n": 12345}}), |_| ()), [""; 0]);
}

#[test]
fn cursors_are_checked() {
    let (data, server) = own_points(&[]);
    server
        .send(
            "PUT",
            "/v1/collections/others",
            &crate::support::points::points_body(),
        )
        .json_of(201);
    server.send_lines("POST", ITEMS, &point_lines(0..10)).json();
    let path = format!("{ITEMS}/scroll");
    let first = server
        .post(
            &path,
            &json!({"limit": 3, "fields": ["n"], "filter": {"n": {"lt": 9}}}),
        )
        .json();
    let cursor = first["cursor"].as_str().unwrap();
    assert_eq!(first["items"][0], json!({"id": "p0", "fields": {"n": 0}}));
    let second = server.post(&path, &json!({"cursor": cursor})).json();
    assert_eq!(
        second,
        server.post(&path, &json!({"cursor": cursor})).json(),
        "a cursor can be asked for again"
    );
    assert_eq!(
        second["items"][2],
        json!({"id": "p5", "fields": {"n": 5}}),
        "limit and fields are kept"
    );
    let others = "/v1/collections/others/items/scroll";
    for (path, body, field) in [
        (path.as_str(), json!({"cursor": "x"}), "cursor"),
        (&path, json!({"cursor": ""}), "cursor"),
        (&path, json!({"cursor": format!("{cursor}A")}), "cursor"),
        (&path, json!({"cursor": 7}), "cursor"),
        (
            &path,
            json!({"cursor": cursor, "filter": {"n": {"lt": 8}}}),
            "filter",
        ),
        (
            &path,
            json!({"cursor": cursor, "min_position": 1_000_000}),
            "min_position",
        ),
        (&path, json!({"limit": 0}), "limit"),
        (&path, json!({"limit": 1001}), "limit"),
        (&path, json!({"fields": ["x"]}), "fields[0]"),
        (&path, json!({"filter": {"x": 1}}), "filter.x"),
        (&path, json!({"curser": cursor}), "curser"),
        (others, json!({"cursor": cursor}), "cursor"),
    ] {
        let problem = server.post(path, &body).problem(400);
        assert_eq!(problem["field"], field, "{body}: {problem}");
    }
    let cursor = cursor.to_owned();
    drop(server);
    let server = Server::start(data.path());
    let problem = server.post(&path, &json!({"cursor": cursor})).problem(410);
    assert_eq!(
        problem["field"], "cursor",
        "the view went with the process: {problem}"
    );
}

#[test]
fn a_scroll_that_rests_too_long_is_let_go() {
    let (_data, server) = own_points(&[("ALIKE__SERVER__SCROLL_TTL_MS", "20")]);
    server.send_lines("POST", ITEMS, &point_lines(0..10)).json();
    let path = format!("{ITEMS}/scroll");
    let first = server.post(&path, &json!({"limit": 3})).json();
    let rested = std::time::Instant::now();
    crate::support::poll("the end of the rest", || {
        (rested.elapsed().as_millis() > 40).then_some(())
    });
    let gone = server
        .post(&path, &json!({"cursor": first["cursor"]}))
        .problem(410);
    assert!(
        gone["detail"].as_str().unwrap().contains("scroll_ttl_ms"),
        "{gone}"
    );
}

#[test]
fn min_position_waits_for_what_was_written() {
    let (_data, server) = own_points(&[("ALIKE__SERVER__REQUEST_TIMEOUT_MS", "2000")]);
    let position = server.post(ITEMS, &point(1)).json()["position"].as_u64().unwrap();
    for answer in [
        server.get(&format!("{ITEMS}/p1?min_position={position}")),
        server.get(&format!("/v1/collections/points?min_position={position}")),
        server.get(&format!(
            "/v1/collections/points/trending?min_position={position}"
        )),
        server.get(&format!(
            "/v1/collections/points/snapshots?min_position={position}"
        )),
        server.post(&format!("{ITEMS}/count?min_position={position}"), &json!({})),
        server.post(&format!("{ITEMS}/scroll"), &json!({"min_position": position})),
        server.post(
            &format!("{ITEMS}/get"),
            &json!({"ids": ["p1"], "min_position": position}),
        ),
        server.search("points", &json!({"vector": [1, 0], "min_position": position})),
        server.post(
            "/v1/collections/points/recommend",
            &json!({"like": ["p1"], "min_position": position}),
        ),
    ] {
        let answer = answer.json();
        assert_eq!(answer["position"], position, "{answer}");
        assert_eq!(answer["snapshot"], server.snapshot("points"), "{answer}");
    }
    let later = server.search("points", &json!({"vector": [1, 0], "min_position": position + 1}));
    assert_eq!(later.retry_after.as_deref(), Some("1"));
    let problem = later.problem(503);
    assert_eq!(
        (&problem["field"], &problem["position"]),
        (&json!("min_position"), &json!(position))
    );
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| server.get(&format!("{ITEMS}/p2?min_position={}", position + 1)));
        server.post(ITEMS, &point(2)).json();
        assert_eq!(waiting.join().unwrap().json()["id"], "p2");
    });
}

#[test]
fn a_key_makes_a_call_happen_once() {
    let (data, server) = own_points(&[]);
    let headers = [("idempotency-key", "order-66/1")];
    let body = json!([point(1), point(2), {"id": "p3"}]).to_string();
    let send = |server: &Server| server.ask_with("POST", ITEMS, &headers, Some(body.as_bytes()));
    let first = send(&server);
    assert!(!first.replayed);
    assert_eq!(counts(&first.json()), [2, 0, 0, 0, 1]);
    server.ask("DELETE", &format!("{ITEMS}/p1"), None).json();
    let before = state(&server);
    let second = send(&server);
    assert!(second.replayed);
    assert_eq!(second.body, first.body, "byte by byte");
    assert_eq!(state(&server), before, "p1 stays deleted");

    for (method, path, body) in [
        ("POST", ITEMS.to_owned(), point(1)),
        ("PATCH", format!("{ITEMS}/p2"), json!({"n": 5})),
        ("POST", format!("{ITEMS}/delete"), json!({"ids": ["p2"]})),
        ("POST", format!("{ITEMS}/delete"), json!({"filter": {"n": 2}})),
    ] {
        let body = body.to_string();
        let problem = server
            .ask_with(method, &path, &headers, Some(body.as_bytes()))
            .problem(422);
        assert_eq!(problem["field"], "Idempotency-Key", "{method} {path}: {problem}");
    }
    server
        .ask_with("DELETE", &format!("{ITEMS}/p2"), &headers, None)
        .problem(422);
    assert_eq!(state(&server), before);

    drop(server);
    let server = Server::start(data.path());
    let third = send(&server);
    assert!(third.replayed);
    assert_eq!(third.body, first.body, "after a kill, too");
    assert_eq!(state(&server), before);
}

#[test]
fn every_change_takes_a_key() {
    let (_data, server) = own_points(&[]);
    server.send_lines("POST", ITEMS, &point_lines(0..10)).json();
    let calls = [
        ("PATCH", format!("{ITEMS}/p2"), Some(json!({"n": 5}))),
        ("PATCH", ITEMS.to_owned(), Some(json!([{"id": "p3", "n": 6}]))),
        ("DELETE", format!("{ITEMS}/p4"), None),
        ("POST", format!("{ITEMS}/delete"), Some(json!({"ids": ["p5"]}))),
        (
            "POST",
            format!("{ITEMS}/delete"),
            Some(json!({"filter": {"n": 7}})),
        ),
    ];
    for (at, (method, path, body)) in calls.iter().enumerate() {
        let (key, body) = (format!("key-{at}"), body.as_ref().map(Value::to_string));
        let send = || {
            let headers = [("idempotency-key", key.as_str())];
            server.ask_with(method, path, &headers, body.as_deref().map(str::as_bytes))
        };
        let first = send();
        first.json();
        let before = state(&server);
        let second = send();
        assert_eq!(
            (second.replayed, &second.body),
            (true, &first.body),
            "{method} {path}"
        );
        assert_eq!(state(&server), before, "{method} {path}");
    }
    // A call that failed did nothing, and is free to be sent again under its key.
    let headers = [("idempotency-key", "key-x")];
    let path = format!("{ITEMS}/p4");
    server.ask_with("DELETE", &path, &headers, None).problem(404);
    server.post(ITEMS, &point(4)).json();
    server.ask_with("DELETE", &path, &headers, None).json();
}

#[test]
fn keys_that_cannot_be_kept_are_refused() {
    let (_data, server) = own_points(&[]);
    let (body, before) = (point(1).to_string(), state(&server));
    for key in ["", "a b", &"k".repeat(256)] {
        let headers = [("idempotency-key", key)];
        let Ok(answer) = server.try_ask_with("POST", ITEMS, &headers, Some(body.as_bytes())) else {
            continue; // The client itself refuses to send such a header.
        };
        assert_eq!(answer.problem(400)["field"], "Idempotency-Key", "{key:?}");
    }
    assert_eq!(state(&server), before);
    let headers = [("idempotency-key", "a"), ("idempotency-key", "b")];
    server
        .ask_with("POST", ITEMS, &headers, Some(body.as_bytes()))
        .problem(400);
    let longest = "k".repeat(255);
    server
        .ask_with(
            "POST",
            ITEMS,
            &[("idempotency-key", longest.as_str())],
            Some(body.as_bytes()),
        )
        .json();
}

#[test]
fn a_second_process_reads_and_says_why_it_does_not_write() {
    let (data, first) = own_points(&[]);
    let position = first.post(ITEMS, &point(1)).json()["position"].clone();
    let second = Server::start(data.path());
    let problem = second.post(ITEMS, &point(2)).problem(503);
    assert!(
        problem["detail"].as_str().unwrap().contains("another process"),
        "{problem}"
    );
    let info = second.get("/v1/collections/points").json();
    assert_eq!(
        (&info["writable"], &info["items"]),
        (&json!(false), &json!(1)),
        "{info}"
    );
    assert_eq!(first.get("/v1/collections/points").json()["writable"], true);
    assert_eq!(info["position"], position);
    let position = first.post(ITEMS, &point(3)).json()["position"].clone();
    let followed = second.get(&format!("{ITEMS}/p3?min_position={position}")).json();
    assert_eq!(followed["id"], "p3", "it follows what the other one writes");
}

/// Texts that a model has encoded since the server started.
fn texts_encoded(server: &Server) -> f64 {
    let text = server.get("/metrics").text();
    let series = text
        .lines()
        .filter(|line| line.starts_with("alike_encoder_texts_total{"));
    series
        .map(|line| line.rsplit(' ').next().unwrap().parse::<f64>().unwrap())
        .sum()
}

#[test]
fn texts_are_found_by_words_at_once() {
    let data = temp_dir();
    crate::support::copy_tree(
        &shared_shop().1.join("collections/shop"),
        &data.path().join("collections/shop"),
    );
    let server = Server::start(data.path());
    let items = "/v1/collections/shop/items";
    let query = json!({"text": "a musical instrument with six strings", "limit": 1});
    assert_ne!(server.search("shop", &query).ids(), ["MUS-1"]);
    let guitar = json!({"id": "MUS-1", "title": "Acoustic guitar", "brand": "Lute", "price": 150, "category": "Music"});
    let answer = server.post(items, &guitar).json();
    assert_eq!(counts(&answer), [1, 0, 0, 0, 0], "{answer}");
    assert_eq!(server.search("shop", &query).ids(), ["MUS-1"]);

    let encoded = || texts_encoded(&server);
    let before = encoded();
    server
        .send("PATCH", &format!("{items}/MUS-1"), &json!({"price": 99.5}))
        .json();
    server
        .send(
            "PATCH",
            &format!("{items}/KIT-1"),
            &json!({"price": 1, "in_stock": false}),
        )
        .json();
    assert_eq!(encoded(), before, "a price is not encoded");
    let cheap =
        json!({"text": "a musical instrument", "filter": {"price": {"lt": 100}, "category": "Music"}});
    assert_eq!(server.search("shop", &cheap).ids(), ["MUS-1"]);
    let thermos = server.get(&format!("{items}/KIT-1")).json()["fields"].clone();
    assert_eq!(thermos["title"], shop_rows()[0]["title"]);
    assert_eq!(
        (&thermos["price"], &thermos["in_stock"]),
        (&json!(1), &json!(false))
    );

    let before = encoded();
    assert!(before > 0.0);
    server
        .send(
            "PATCH",
            &format!("{items}/MUS-1"),
            &json!({"title": "Grand piano"}),
        )
        .json();
    assert_eq!(encoded(), before + 1.0);
    let piano = json!({"text": "grand piano", "limit": 1});
    assert_eq!(
        server.search("shop", &piano).ids(),
        ["MUS-1"],
        "a text that changes is encoded"
    );
    let problem = server
        .post(items, &json!({"id": "MUS-2", "title": " ", "price": 1}))
        .problem(400);
    assert!(
        problem["detail"].as_str().unwrap().contains("nothing to embed"),
        "{problem}"
    );
}

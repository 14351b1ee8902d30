//! Collections come and go over HTTP, and say how they are.

use crate::support::points::{ITEMS, count, own_points, point, point_lines, points_body};
use crate::support::{Server, poll, temp_dir};
use serde_json::{Value, json};

const POINTS: &str = "/v1/collections/points";

#[test]
fn a_collection_is_made_used_dropped_and_made_again() {
    let data = temp_dir();
    let server = Server::start(data.path());
    server.get("/readyz").problem(503);
    let info = server.send("PUT", POINTS, &points_body()).json_of(201);
    assert_eq!(
        (
            &info["items"],
            &info["dimension"],
            &info["metric"],
            &info["index"],
            &info["position"]
        ),
        (&json!(0), &json!(2), &json!("cosine"), &json!("graph"), &json!(0))
    );
    assert_eq!(info["schema"], points_body()["schema"]);
    assert_eq!(server.get("/readyz").text(), "ok\n");
    assert_eq!(server.search("points", &json!({"vector": [1, 0]})).ids(), [""; 0]);
    let exists = server.send("PUT", POINTS, &points_body()).problem(409);
    assert_eq!(exists["type"], "urn:alike:problem:exists");

    server.send_lines("POST", ITEMS, &point_lines(0..10)).json();
    let dropped = server.ask("DELETE", POINTS, None).json();
    assert_eq!(dropped, json!({"dropped": "points"}));
    server.get(POINTS).problem(404);
    server.post(ITEMS, &point(1)).problem(404);
    server.ask("DELETE", POINTS, None).problem(404);
    assert!(!data.path().join("collections/points").exists());

    server.send("PUT", POINTS, &points_body()).json_of(201);
    assert_eq!(count(&server), 0, "nothing of the old one is left");
    drop(server);
    assert_eq!(count(&Server::start(data.path())), 0);
}

#[test]
fn a_collection_says_how_far_it_is_from_its_snapshot() {
    let (_data, server) = own_points(&[]);
    server.send_lines("POST", ITEMS, &point_lines(0..100)).json();
    let job = server
        .send("POST", &format!("{POINTS}/snapshots"), &json!({}))
        .json_of(202);
    wait_for(&server, &job);
    server
        .post(ITEMS, &json!([point(5), point(200), point(201)]))
        .json();
    server
        .send("PATCH", &format!("{ITEMS}/p6"), &json!({"n": 0}))
        .json();
    let last = server.ask("DELETE", &format!("{ITEMS}/p7"), None).json();
    let info = server.get(POINTS).json();
    let numbers = [
        "items",
        "live_items",
        "deleted_since_snapshot",
        "changed_since_snapshot",
    ]
    .map(|name| info[name].as_u64().unwrap());
    // p5 came again with the vector that it has: only its fields are newer than the snapshot.
    assert_eq!(numbers, [101, 2, 1, 2], "{info}");
    assert_eq!(info["position"], last["position"]);
    assert_eq!(info["snapshot_position"], 100);
    assert!(
        info["log_bytes"].as_u64() > Some(1_000) && info["live_bytes"].as_u64() > Some(100),
        "{info}"
    );
    assert_eq!(
        (&info["writable"], info.get("not_writable_because")),
        (&json!(true), None)
    );
}

fn wait_for(server: &Server, job: &Value) -> Value {
    let path = format!("/v1/jobs/{}", job["id"].as_str().unwrap());
    poll("the end of a job", || {
        let job = server.get(&path).json();
        (job["state"] != "running").then_some(job)
    })
}

#[test]
fn a_text_collection_is_made_with_the_installed_model() {
    let data = temp_dir();
    let server = Server::start(data.path());
    let body = json!({"schema": {"id": "sku", "embed": ["title"], "fields": {"price": {"type": "number", "filter": true}}}, "index": "flat"});
    let info = server.send("PUT", "/v1/collections/shop", &body).json_of(201);
    assert_eq!(
        (&info["dimension"], &info["index"]),
        (&json!(384), &json!("flat"))
    );
    assert!(info["model"].as_str().is_some(), "{info}");
    let items = json!([
        {"sku": 1, "title": "Insulated travel mug that keeps coffee warm", "price": 19},
        {"sku": 2, "title": "Trail running shoes", "price": 99},
    ]);
    server.post("/v1/collections/shop/items", &items).json();
    let found = server.search(
        "shop",
        &json!({"text": "something to drink from on the train", "limit": 1}),
    );
    assert_eq!(found.ids(), ["1"]);
    let body = json!({"schema": {"id": "sku", "embed": ["title"]}, "dimension": 12});
    assert_eq!(
        server.send("PUT", "/v1/collections/other", &body).problem(400)["field"],
        "dimension"
    );
}

#[test]
fn collections_that_make_no_sense_are_refused() {
    let (_data, server) = own_points(&[]);
    let with = |key: &str, value: Value| {
        let mut body = points_body();
        body[key] = value;
        body
    };
    let schema = |schema: Value| with("schema", schema);
    for (name, body, field) in [
        ("x", json!({}), "schema"),
        ("x", with("metrics", json!("dot")), "metrics"),
        ("x", with("metric", json!("cosin")), "metric"),
        ("x", with("index", json!("tree")), "index"),
        ("x", with("dimension", json!(0)), "dimension"),
        ("x", with("dimension", json!(-1)), "dimension"),
        ("x", with("dimension", Value::Null), "dimension"),
        ("x", with("dimension", json!(10_000_000)), "dimension"),
        ("x", schema(json!({"id": "id"})), "schema"),
        (
            "x",
            schema(json!({"id": "id", "vector": "v", "embed": ["t"]})),
            "schema",
        ),
        (
            "x",
            schema(json!({"id": "id", "vector": "v", "colour": 1})),
            "schema.colour",
        ),
        (
            "x",
            schema(json!({"id": "id", "vector": "v", "fields": {"n": {"type": "num"}}})),
            "schema.fields.n.type",
        ),
        (
            "x",
            schema(json!({"id": "id", "vector": "v", "fields": {"t": {"type": "text", "filter": true}}})),
            "schema",
        ),
        ("x", schema(json!([])), "schema"),
        ("a%20b", points_body(), "collection"),
        ("..", points_body(), "collection"),
        (&"x".repeat(200), points_body(), "collection"),
    ] {
        let answer = server.send("PUT", &format!("/v1/collections/{name}"), &body);
        assert_eq!(
            answer.problem(400)["field"],
            field,
            "{name} {body}: {}",
            answer.text()
        );
    }
    let twice = r#"{"schema": {"id": "id", "vector": "v", "fields": {"n": {"type": "number"}, "n": {"type": "keyword"}}}, "dimension": 2}"#;
    server
        .ask("PUT", "/v1/collections/x", Some(twice.as_bytes()))
        .problem(400);
    let list = server.get("/v1/collections").json();
    assert_eq!(list["collections"].as_array().unwrap().len(), 1, "{list}");
}

#[test]
fn a_schema_is_altered_and_items_stay() {
    let (_data, server) = own_points(&[]);
    let items = json!([point(1), {"id": "a", "v": [0, 1], "n": 2, "size": "L"}]);
    server.post(ITEMS, &items).json();
    let filter = json!({"vector": [1, 0], "filter": {"size": "L"}});
    assert_eq!(
        server.search("points", &filter).problem(400)["field"],
        "filter.size"
    );
    let mut schema = points_body()["schema"].clone();
    schema["fields"]["size"] = json!({"type": "keyword", "filter": true});
    let job = server
        .send("PATCH", POINTS, &json!({"schema": schema}))
        .json_of(202);
    assert_eq!(job["kind"], "alter");
    let job = wait_for(&server, &job);
    assert_eq!(job["state"], "succeeded", "{job}");
    assert_eq!(server.search("points", &filter).ids(), ["a"]);
    assert_eq!(count(&server), 2);

    // An item that contradicts the schema is named, and nothing changes.
    let before = server.get(POINTS).json();
    schema["fields"]["size"] = json!({"type": "number", "filter": true});
    let job = server
        .send("PATCH", POINTS, &json!({"schema": schema}))
        .json_of(202);
    let job = wait_for(&server, &job);
    let error = job["error"].as_str().unwrap();
    assert!(
        job["state"] == "failed" && error.contains("\"a\"") && error.contains("size"),
        "{job}"
    );
    assert_eq!(server.get(POINTS).json(), before);
    for (schema, field) in [
        (json!({"id": "other", "vector": "v"}), "schema.id"),
        (
            json!({"id": "id", "vector": "v", "fields": {"n": {"type": "money"}}}),
            "schema.fields.n.type",
        ),
    ] {
        let problem = server
            .send("PATCH", POINTS, &json!({"schema": schema}))
            .problem(400);
        assert_eq!(problem["field"], field, "{problem}");
    }
    assert_eq!(server.get(POINTS).json(), before);
}

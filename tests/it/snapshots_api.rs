//! Snapshots and jobs over HTTP: built beside serving, swapped, gone back from, refused when they do not fit.

use crate::support::points::{ITEMS, count, own_points, point, point_lines, points_body, state};
use crate::support::{Server, poll};
use serde_json::{Value, json};

const SNAPSHOTS: &str = "/v1/collections/points/snapshots";

/// Waits for the end of the job that a call has started.
#[track_caller]
fn ended(server: &Server, started: &Value) -> Value {
    let path = format!("/v1/jobs/{}", started["id"].as_str().unwrap());
    poll("the end of a job", || {
        let job = server.get(&path).json();
        (job["state"] != "running").then_some(job)
    })
}

#[track_caller]
fn job(server: &Server, path: &str, body: &Value) -> Value {
    let job = ended(server, &server.post(path, body).json_of(202));
    assert_eq!(job["state"], "succeeded", "{job}");
    job["result"].clone()
}

#[test]
fn a_snapshot_takes_the_log_in_and_a_rollback_keeps_every_change() {
    let (data, server) = own_points(&[]);
    let empty = server.snapshot("points");
    server.send_lines("POST", ITEMS, &point_lines(0..300)).json();
    server
        .send("PATCH", &format!("{ITEMS}/p7"), &json!({"n": -7}))
        .json();
    server.ask("DELETE", &format!("{ITEMS}/p8"), None).json();
    let before = state(&server);
    let built = job(&server, SNAPSHOTS, &json!({}));
    assert_eq!(
        (&built["items"], &built["position"]),
        (&json!(299), &before.1),
        "{built}"
    );
    assert_eq!(server.snapshot("points"), built["snapshot"]);
    assert_eq!(state(&server), before, "the same items at the same position");

    let list = server.get(SNAPSHOTS).json();
    let mut states: Vec<_> = list["snapshots"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (&one["id"], &one["state"]))
        .collect();
    states.sort_by_key(|(_, state)| state.as_str());
    assert_eq!(
        states,
        [
            (&json!(empty), &json!("previous")),
            (&built["snapshot"], &json!("served"))
        ],
        "{list}"
    );

    server.post(ITEMS, &point(1_000)).json();
    let before = state(&server);
    let taken = server.post(&format!("{SNAPSHOTS}/rollback"), &json!({})).json();
    assert_eq!(
        (&taken["snapshot"], &taken["from"], &taken["position"]),
        (&json!(empty), &built["snapshot"], &before.1)
    );
    assert_eq!(
        state(&server),
        before,
        "the empty snapshot and the whole log are the same items"
    );
    let problem = server
        .post(&format!("{SNAPSHOTS}/rollback"), &json!({}))
        .problem(409);
    assert_eq!(problem["type"], "urn:alike:problem:nothing-before");
    assert_eq!(state(&server), before);

    let path = format!("{SNAPSHOTS}/{}/promote", built["snapshot"].as_str().unwrap());
    let taken = server.post(&path, &json!({})).json();
    assert_eq!(
        (&taken["snapshot"], &taken["from"]),
        (&built["snapshot"], &json!(empty))
    );
    assert_eq!(state(&server), before);
    drop(server);
    let server = Server::start(data.path());
    assert_eq!(state(&server), before);
    assert_eq!(server.snapshot("points"), built["snapshot"]);
}

#[test]
fn snapshots_are_verified_and_collected() {
    let (_data, server) = own_points(&[]);
    server.send_lines("POST", ITEMS, &point_lines(0..100)).json();
    let first = job(&server, SNAPSHOTS, &json!({}));
    let verified = job(
        &server,
        &format!("{SNAPSHOTS}/{}/verify", first["snapshot"].as_str().unwrap()),
        &json!({}),
    );
    assert_eq!(verified["verified"]["items"], 100, "{verified}");
    server.post(ITEMS, &point(500)).json();
    let aside = job(&server, SNAPSHOTS, &json!({"publish": false}));
    assert_eq!(
        server.snapshot("points"),
        first["snapshot"],
        "it was only put aside"
    );
    assert_eq!(aside["published"], false, "{aside}");
    let before = state(&server);
    job(&server, &format!("{SNAPSHOTS}/gc"), &json!({}));
    assert_eq!(state(&server), before);
    let jobs = server.get("/v1/jobs").json();
    let kinds: Vec<_> = jobs["jobs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|job| job["kind"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["collect", "build", "verify", "build"], "newest first");
    let id = jobs["jobs"][0]["id"].as_str().unwrap();
    let canceled = server.ask("DELETE", &format!("/v1/jobs/{id}"), None).json();
    assert_eq!(canceled["state"], "succeeded", "what has ended stays as it is");
    assert_eq!(
        job(&server, SNAPSHOTS, &json!({"force": true}))["items"],
        count(&server)
    );
}

#[test]
fn what_does_not_fit_is_refused() {
    let (_data, server) = own_points(&[]);
    server.send_lines("POST", ITEMS, &point_lines(0..10)).json();
    let old = server.snapshot("points");
    let mut schema = points_body()["schema"].clone();
    schema["fields"]["size"] = json!({"type": "keyword", "filter": true});
    let started = server
        .send("PATCH", "/v1/collections/points", &json!({"schema": schema}))
        .json_of(202);
    assert_eq!(ended(&server, &started)["state"], "succeeded");
    let (served, before) = (server.snapshot("points"), state(&server));
    assert_ne!(served, old);
    let path = format!("{SNAPSHOTS}/{old}/promote");
    let problem = server.post(&path, &json!({})).problem(409);
    assert!(
        problem["detail"].as_str().unwrap().contains("schema"),
        "{problem}"
    );
    for (method, path, body, status, field) in [
        ("POST", path.clone(), json!({"forced": true}), 400, "forced"),
        ("POST", path, json!([true]), 400, "body"),
        (
            "POST",
            format!("{SNAPSHOTS}/nowhere/promote"),
            json!({}),
            404,
            "id",
        ),
        (
            "POST",
            format!("{SNAPSHOTS}/nowhere/verify"),
            json!({}),
            404,
            "id",
        ),
        ("POST", SNAPSHOTS.to_owned(), json!({"force": 1}), 400, "force"),
        (
            "POST",
            SNAPSHOTS.to_owned(),
            json!({"pubish": true}),
            400,
            "pubish",
        ),
        ("GET", "/v1/jobs/nothing".to_owned(), json!({}), 404, "id"),
        ("DELETE", "/v1/jobs/nothing".to_owned(), json!({}), 404, "id"),
        (
            "GET",
            "/v1/collections/nowhere/snapshots".to_owned(),
            json!({}),
            404,
            "collection",
        ),
        (
            "POST",
            "/v1/collections/nowhere/snapshots".to_owned(),
            json!({}),
            404,
            "collection",
        ),
        (
            "POST",
            "/v1/collections/nowhere/snapshots/rollback".to_owned(),
            json!({}),
            404,
            "collection",
        ),
        (
            "POST",
            "/v1/collections/nowhere/snapshots/gc".to_owned(),
            json!({}),
            404,
            "collection",
        ),
    ] {
        let problem = match method {
            "GET" => server.get(&path),
            _ => server.send(method, &path, &body),
        }
        .problem(status);
        assert_eq!(problem["field"], field, "{method} {path}: {problem}");
    }
    assert_eq!((server.snapshot("points"), state(&server)), (served, before));
}

//! Changes that are wrong: each a clear error that names the field, and nothing of the collection is different afterwards.

use crate::support::Server;
use crate::support::points::{ITEMS, own_points, point, point_lines, state};
use serde_json::{Value, json};

/// A server with a few points.
fn some_points() -> (tempfile::TempDir, Server) {
    let (data, server) = own_points(&[]);
    server.send_lines("POST", ITEMS, &point_lines(0..5)).json();
    (data, server)
}

/// Each of `cases` (a body, and the field at fault) is refused, and changes nothing.
#[track_caller]
fn refused(server: &Server, method: &str, path: &str, cases: &[(&[u8], &str)]) {
    let before = state(server);
    for (body, field) in cases {
        let shown: String = String::from_utf8_lossy(body).chars().take(120).collect();
        let answer = server.ask(method, path, Some(body));
        let problem = answer.problem(400);
        assert_eq!(problem["field"], *field, "{method} {path} {shown}: {problem}");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.len() < 2_000, "{shown}: {} bytes of detail", detail.len());
        assert_eq!(state(server), before, "{method} {path} {shown}");
    }
    assert!(!server.log().contains("request failed"), "{}", server.log());
}

#[test]
fn items_that_are_wrong() {
    let (_data, server) = some_points();
    let many_ids = "x".repeat(600);
    let long_id = json!({"id": many_ids, "v": [1, 0]}).to_string();
    refused(
        &server,
        "POST",
        ITEMS,
        &[
            (br#"{"id": "a"}"#, "v"),
            (br#"{"v": [1, 0]}"#, "id"),
            (br#"{"id": "", "v": [1, 0]}"#, "id"),
            (br#"{"id": null, "v": [1, 0]}"#, "id"),
            (br#"{"id": 1.5, "v": [1, 0]}"#, "id"),
            (br#"{"id": ["a"], "v": [1, 0]}"#, "id"),
            (long_id.as_bytes(), "id"),
            (br#"{"id": "a", "v": [1, 0, 0]}"#, "v"),
            (br#"{"id": "a", "v": [1]}"#, "v"),
            (br#"{"id": "a", "v": []}"#, "v"),
            (br#"{"id": "a", "v": [0, 0]}"#, "v"),
            (br#"{"id": "a", "v": "far"}"#, "v"),
            (br#"{"id": "a", "v": null}"#, "v"),
            (br#"{"id": "a", "v": [1, 0], "n": "many"}"#, "n"),
            (br#"{"id": "a", "v": [1, 0], "n": {"x": 1}}"#, "n"),
            (br#"{"id": "a", "v": [1, 0], "tag": {"x": 1}}"#, "tag"),
            (br#"{"id": "a", "v": [1, 0], "n": 1, "n": 2}"#, "n"),
            (br#"{"id": "a", "v": [1, 0], "x": {"y": 1, "y": 2}}"#, "x.y"),
            (br#"{"id": "a", "v": [1, 0], "x": "\ud800"}"#, "x"),
            (br#"["#, "body"),
            (br#"[1]"#, "body"),
            (br#"[{"id": "a", "v": [1, 0]},]"#, "body"),
            (br#"[{"id": "a", "v": [1, 0]}] and more"#, "body"),
            (br#""a""#, "body"),
            (br#"null"#, "body"),
            (br#"{"id": "#, "id"),
            (b"", "body"),
            (b" \n ", "body"),
            (b"[]", "body"),
            (b"\xff\xfe", "body"),
        ],
    );
}

#[test]
fn numbers_that_json_does_not_have() {
    let (_data, server) = some_points();
    for (item, field) in [
        (r#"{"id": "a", "v": [1, NaN]}"#, "v[1]"),
        (r#"{"id": "a", "v": [Infinity, 1]}"#, "v[0]"),
        (r#"{"id": "a", "v": [1, 0], "n": NaN}"#, "n"),
    ] {
        refused(&server, "POST", ITEMS, &[(item.as_bytes(), field)]);
        let before = state(&server);
        let problem = server.send_lines("POST", ITEMS, item).problem(400);
        assert_eq!(problem["field"], field, "{item}: {problem}");
        assert!(
            problem["detail"].as_str().unwrap().contains("no number in JSON"),
            "{problem}"
        );
        assert_eq!(state(&server), before);
    }
    let huge = br#"{"id": "a", "v": [1e39, 0]}"#;
    let answer = server.ask("POST", ITEMS, Some(huge)).problem(400);
    assert!(answer["field"].as_str().unwrap().starts_with('v'), "{answer}");
}

#[test]
fn one_bad_item_does_not_keep_the_others_out() {
    let (_data, server) = some_points();
    let items = json!([point(10), {"id": "bad", "v": [1]}, point(11), point(10), 5]);
    let answer = server.post(ITEMS, &items).json();
    assert_eq!(
        (&answer["created"], &answer["rejected"]),
        (&json!(2), &json!(3)),
        "{answer}"
    );
    let errors = answer["errors"].as_array().unwrap();
    let named: Vec<_> = errors
        .iter()
        .map(|error| {
            (
                error["position"].as_u64().unwrap(),
                error["id"].as_str(),
                error["field"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        named,
        [(1, Some("bad"), "v"), (3, Some("p10"), "id"), (4, None, "body")],
        "{answer}"
    );
    let twice = errors[1]["detail"].as_str().unwrap();
    assert!(twice.contains("\"p10\"") && twice.contains("item 0"), "{answer}");
    assert_eq!(
        server.get(&format!("{ITEMS}/p10")).json()["fields"]["n"],
        10,
        "the first one stands"
    );
}

#[test]
fn a_batch_over_the_limit() {
    let (_data, server) = some_points();
    let items = format!("[{}{{}}]", "{},".repeat(100_000));
    refused(&server, "POST", ITEMS, &[(items.as_bytes(), "body")]);
    let before = state(&server);
    let large = "[".to_owned() + &" ".repeat(9 << 20) + "]";
    server.ask("POST", ITEMS, Some(large.as_bytes())).problem(413);
    let ids = json!({"ids": vec!["p1"; 100_001]}).to_string();
    refused(
        &server,
        "POST",
        &format!("{ITEMS}/delete"),
        &[(ids.as_bytes(), "ids")],
    );
    assert_eq!(state(&server), before);
}

#[test]
fn changes_of_fields_that_are_wrong() {
    let (_data, server) = some_points();
    refused(
        &server,
        "PATCH",
        &format!("{ITEMS}/p1"),
        &[
            (br#"{"n": "many"}"#, "n"),
            (br#"{"v": [1]}"#, "v"),
            (br#"{"v": null}"#, "v"),
            (br#"{"id": "p2"}"#, "id"),
            (br#"{"id": null}"#, "id"),
            (br#"{"n": 1, "n": 2}"#, "n"),
            (br#"[{"n": 1}]"#, "body"),
            (br#"7"#, "body"),
            (b"", "body"),
        ],
    );
    refused(
        &server,
        "PATCH",
        ITEMS,
        &[
            (br#"[{"n": 1}]"#, "id"),
            (br#"[{"id": {}, "n": 1}]"#, "id"),
            (br#"[{"id": "p1", "n": "x"}]"#, "n"),
            (br#"[{"id": "p1", "v": [1, 2, 3]}]"#, "v"),
        ],
    );
    let before = state(&server);
    let missing = server
        .send("PATCH", &format!("{ITEMS}/nobody"), &json!({"n": 1}))
        .problem(404);
    assert_eq!(missing["field"], "id");
    server
        .send("PATCH", ITEMS, &json!([{"id": "nobody", "n": 1}]))
        .problem(404);
    assert_eq!(state(&server), before);
}

#[test]
fn deletions_that_are_wrong() {
    let (_data, server) = some_points();
    refused(
        &server,
        "POST",
        &format!("{ITEMS}/delete"),
        &[
            (b"{}", "ids"),
            (br#"{"ids": []}"#, "ids"),
            (br#"{"ids": ["p1"], "filter": {"n": 1}}"#, "ids"),
            (br#"{"ids": "p1"}"#, "ids"),
            (br#"{"ids": [1]}"#, "ids[0]"),
            (br#"{"id": "p1"}"#, "id"),
            (br#"{"filter": {"x": 1}}"#, "filter.x"),
            (br#"{"filter": {"n": {"gte": "a"}}}"#, "filter.n.gte"),
            (br#"{"filter": {"n": 1, "n": 2}}"#, "filter.n"),
            (br#"{"filter": []}"#, "filter"),
            (b"", "body"),
        ],
    );
}

#[test]
fn parameters_that_are_wrong() {
    let (_data, server) = some_points();
    let before = state(&server);
    for (method, path, field) in [
        ("POST", format!("{ITEMS}?outcome=true"), "outcome"),
        ("POST", format!("{ITEMS}?outcomes=1"), "outcomes"),
        ("GET", format!("{ITEMS}/p1?min_position=x"), "min_position"),
        ("GET", format!("{ITEMS}/p1?min_position=-1"), "min_position"),
        ("GET", format!("{ITEMS}/p1?vectors=true"), "vectors"),
        ("GET", "/v1/collections/points?min_pos=1".to_owned(), "min_pos"),
        ("GET", format!("{ITEMS}/%ff"), "path"),
        ("DELETE", format!("{ITEMS}/%ff"), "path"),
    ] {
        let body = (method == "POST").then(|| point(9).to_string());
        let problem = server
            .ask(method, &path, body.as_deref().map(str::as_bytes))
            .problem(400);
        assert_eq!(problem["field"], field, "{method} {path}: {problem}");
    }
    let body: Value = json!({"vector": [1, 0], "min_position": "1"});
    assert_eq!(
        server.search("points", &body).problem(400)["field"],
        "min_position"
    );
    for (method, path) in [
        ("POST", "/v1/collections/nowhere/items"),
        ("PATCH", "/v1/collections/nowhere/items"),
        ("PATCH", "/v1/collections/nowhere/items/a"),
        ("DELETE", "/v1/collections/nowhere/items/a"),
    ] {
        let body = (method != "DELETE").then_some(&b"{\"id\": \"a\"}"[..]);
        assert_eq!(
            server.ask(method, path, body).problem(404)["field"],
            "collection",
            "{method} {path}"
        );
    }
    server.ask("PUT", ITEMS, Some(b"{}")).problem(405);
    assert_eq!(state(&server), before);
}

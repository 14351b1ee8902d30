//! Hostile requests: each is refused with the right status and the offender's name, and nothing breaks.

use crate::support::{POINTS_SCHEMA, Server, build, build_points, points_jsonl, shared_shop, temp_dir};
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::TcpStream;

pub(crate) const SEARCH: &str = "/v1/collections/shop/search";
const RECOMMEND: &str = "/v1/collections/shop/recommend";
const POINTS: &str = "/v1/collections/points/search";

/// A refused request: its route, its body, the status, and what the problem's `field` is (`""`: none).
pub(crate) type Case = (&'static str, Vec<u8>, u16, &'static str);

fn text(body: &str) -> Vec<u8> {
    body.as_bytes().to_vec()
}

#[track_caller]
pub(crate) fn check(cases: Vec<Case>) {
    let (server, _) = shared_shop();
    for (path, body, status, field) in cases {
        let shown = String::from_utf8_lossy(&body)
            .chars()
            .take(150)
            .collect::<String>();
        let answer = server.ask("POST", path, Some(&body));
        assert_eq!(answer.status, status, "{shown}: {}", answer.text());
        let problem = answer.problem(status);
        assert_eq!(
            problem["field"].as_str().unwrap_or_default(),
            field,
            "{shown}: {problem}"
        );
        let detail = problem["detail"].as_str().unwrap();
        assert!(
            detail.len() < 2_000,
            "{shown}: a detail of {} bytes echoes the request",
            detail.len()
        );
    }
    assert_eq!(server.get("/livez").text(), "ok\n");
    assert_eq!(
        server
            .search("shop", &json!({"text": "espresso", "limit": 1}))
            .ids(),
        ["KIT-4"]
    );
    let log = server.log();
    assert!(
        !log.contains("panicked") && !log.contains("request failed"),
        "{log}"
    );
}

/// `{"text": "x", FIELD: VALUE}` is refused for FIELD.
fn wrong_values(path: &'static str, base: &'static str, values: &[(&'static str, &[&str])]) -> Vec<Case> {
    let cases = values.iter().flat_map(|&(field, values)| {
        values.iter().map(move |value| {
            (
                path,
                text(&format!("{{{base}, \"{field}\": {value}}}")),
                400,
                field,
            )
        })
    });
    cases.collect()
}

#[test]
fn wrong_types_name_their_field() {
    let shared: &[(&str, &[&str])] = &[
        (
            "limit",
            &[
                "\"10\"",
                "-1",
                "0",
                "1001",
                "1000000000000000000",
                "1e18",
                "99999999999999999999999",
                "2.5",
                "true",
                "[1]",
                "{}",
            ],
        ),
        ("fields", &["\"title\"", "{}", "7", "true"]),
        ("min_score", &["\"0.5\"", "[0.5]", "true", "{}"]),
        ("exact", &["1", "\"true\"", "[]"]),
        (
            "recall",
            &[
                "\"0.9\"", "0", "-0.5", "1.01", "1e300", "1e-300", "true", "[0.9]", "{}",
            ],
        ),
        ("plan", &["1", "\"yes\"", "{}"]),
        (
            "filter",
            &["\"brand\"", "[]", "7", "true", "[{\"brand\": \"Velo\"}]"],
        ),
    ];
    let mut cases = wrong_values(SEARCH, "\"text\": \"x\"", shared);
    cases.extend(wrong_values(RECOMMEND, "\"like\": [\"KIT-1\"]", shared));
    cases.extend([
        (SEARCH, text(r#"{"text": 5}"#), 400, "text"),
        (SEARCH, text(r#"{"text": ["x"]}"#), 400, "text"),
        (SEARCH, text(r#"{"text": {"x": 1}}"#), 400, "text"),
        (SEARCH, text(r#"{"vector": "1,2"}"#), 400, "vector"),
        (SEARCH, text(r#"{"vector": {"0": 1}}"#), 400, "vector"),
        (SEARCH, text(r#"{"vector": [1, "2"]}"#), 400, "vector[1]"),
        (SEARCH, text(r#"{"vector": [1, null]}"#), 400, "vector[1]"),
        (SEARCH, text(r#"{"like": "KIT-1"}"#), 400, "like"),
        (SEARCH, text(r#"{"like": ["KIT-1", 5]}"#), 400, "like[1]"),
        (
            SEARCH,
            text(r#"{"like": ["KIT-1"], "unlike": "KIT-2"}"#),
            400,
            "unlike",
        ),
        (
            SEARCH,
            text(r#"{"text": "x", "fields": ["title", 1]}"#),
            400,
            "fields[1]",
        ),
        (
            SEARCH,
            text(r#"{"text": "x", "fields": ["title", "titel"]}"#),
            400,
            "fields[1]",
        ),
        (
            SEARCH,
            text(&json!({"text": "x", "fields": vec!["title"; 100]}).to_string()),
            400,
            "fields",
        ),
        (RECOMMEND, text(r#"{"like": {"id": "KIT-1"}}"#), 400, "like"),
        (RECOMMEND, text(r#"{"unlike": ["KIT-1"]}"#), 400, "like"),
        (RECOMMEND, text(r#"{"text": "x"}"#), 400, "text"),
    ]);
    check(cases);
}

#[test]
fn numbers_that_are_none_are_refused() {
    check(vec![
        (
            SEARCH,
            text(r#"{"text": "x", "min_score": NaN}"#),
            400,
            "min_score",
        ),
        (
            SEARCH,
            text(r#"{"text": "x", "min_score": Infinity}"#),
            400,
            "min_score",
        ),
        (
            SEARCH,
            text(r#"{"text": "x", "min_score": -Infinity}"#),
            400,
            "min_score",
        ),
        (
            SEARCH,
            text(r#"{"text": "x", "min_score": 1e999}"#),
            400,
            "min_score",
        ),
        (
            SEARCH,
            text(r#"{"text": "x", "min_score": 1e39}"#),
            400,
            "min_score",
        ),
        (SEARCH, text(r#"{"text": "x", "limit": 1e999}"#), 400, "limit"),
        (POINTS, text(r#"{"vector": [NaN, 1]}"#), 400, "vector[0]"),
        (POINTS, text(r#"{"vector": [1, Infinity]}"#), 400, "vector[1]"),
        (POINTS, text(r#"{"vector": [1, 1e999]}"#), 400, "vector[1]"),
        (POINTS, text(r#"{"vector": [1, -1e39]}"#), 400, "vector[1]"),
        (
            SEARCH,
            text(r#"{"text": "x", "filter": {"price": 1e999}}"#),
            400,
            "filter.price",
        ),
        (
            SEARCH,
            text(r#"{"text": "x", "filter": {"price": {"gte": NaN}}}"#),
            400,
            "filter.price.gte",
        ),
    ]);
}

#[test]
fn vectors_that_do_not_fit_are_refused() {
    let zeros = format!("{{\"vector\": {:?}}}", vec![0.0; 384]);
    let long = format!("{{\"vector\": {:?}}}", vec![0.5; 100_000]);
    check(vec![
        (SEARCH, text(r#"{"vector": [1, 2]}"#), 400, "vector"),
        (SEARCH, text(r#"{"vector": []}"#), 400, "vector"),
        (SEARCH, zeros.into_bytes(), 400, "vector"),
        (SEARCH, long.into_bytes(), 400, "vector"),
        (POINTS, text(r#"{"vector": [1, 2, 3]}"#), 400, "vector"),
        (POINTS, text(r#"{"vector": [0, -0.0]}"#), 400, "vector"),
    ]);
}

#[test]
fn texts_that_say_nothing_or_too_much_are_refused() {
    let long = json!({"text": "word ".repeat(20_480)}).to_string();
    let blank = json!({"text": " \t\n\u{a0}\u{2003}"}).to_string();
    check(vec![
        (SEARCH, text(r#"{"text": ""}"#), 400, "text"),
        (SEARCH, text(r#"{"text": "   "}"#), 400, "text"),
        (SEARCH, blank.into_bytes(), 400, "text"),
        (SEARCH, long.into_bytes(), 400, "text"),
        (SEARCH, text(r#"{"text": "\ud800"}"#), 400, "text"),
        (SEARCH, text(r#"{"text": "a\udfff\ud800b"}"#), 400, "text"),
        (SEARCH, text(r#"{"text": "\ud83d"}"#), 400, "text"),
        (SEARCH, text("{\"text\": \"line\nbreak\"}"), 400, "text"),
        (SEARCH, text(r#"{"text": null}"#), 400, "text"),
    ]);
    let (server, _) = shared_shop();
    for odd in [
        "\u{0}",
        "🦀",
        "\u{202e}ecaf",
        "'; DROP TABLE items; --",
        "<script>",
        "%00%ff",
        &"x".repeat(60_000),
        "…",
    ] {
        assert_eq!(
            server
                .search("shop", &json!({"text": odd, "limit": 2}))
                .ids()
                .len(),
            2,
            "{odd:?} is just text"
        );
    }
}

#[test]
fn bodies_that_are_no_request_are_refused() {
    let positional = json!(["x", null, null, null, null, 1, null, null, false, false]).to_string();
    check(vec![
        (SEARCH, text(""), 400, "body"),
        (SEARCH, text("   "), 400, "body"),
        (SEARCH, text("shoes"), 400, "body"),
        (SEARCH, text("{text: \"x\"}"), 400, "body"),
        (SEARCH, text("{\"text\": \"x\""), 400, "body"),
        (SEARCH, text("[]"), 400, "body"),
        (SEARCH, positional.into_bytes(), 400, "body"),
        (SEARCH, text("[{\"text\": \"x\"}]"), 400, "body"),
        (SEARCH, text("\"x\""), 400, "body"),
        (SEARCH, text("null"), 400, "body"),
        (SEARCH, text("{\"text\": \"x\"} {}"), 400, "body"),
        (SEARCH, text("{\"text\": \"x\"}garbage"), 400, "body"),
        (SEARCH, b"{\"text\": \"\xff\xfe\"}".to_vec(), 400, "body"),
        (SEARCH, b"\x1f\x8b\x08\x00".to_vec(), 400, "body"),
        (SEARCH, vec![0; 1_000], 400, "body"),
        (SEARCH, text(r#"{"text": "x", "text": "y"}"#), 400, "text"),
        (
            SEARCH,
            text(r#"{"text": "x", "limit": 1, "limit": 2}"#),
            400,
            "limit",
        ),
        (SEARCH, text(r#"{"text": "x", "limt": 1}"#), 400, "limt"),
        (SEARCH, text(r#"{"text": "x", "": 1}"#), 400, ""),
        (SEARCH, text("{}"), 400, "text"),
        (RECOMMEND, text("{}"), 400, "like"),
        (SEARCH, text(r#"{"limit": 5}"#), 400, "text"),
        (SEARCH, text(r#"{"text": "x", "like": ["KIT-1"]}"#), 400, "text"),
        (SEARCH, text(r#"{"text": "x", "vector": [1]}"#), 400, "text"),
        (SEARCH, text(r#"{"vector": [1], "like": ["KIT-1"]}"#), 400, "text"),
        (
            SEARCH,
            text(r#"{"text": "x", "unlike": ["KIT-1"]}"#),
            400,
            "unlike",
        ),
    ]);
}

#[test]
fn endless_names_are_not_echoed() {
    let (server, _) = shared_shop();
    let name = "é".repeat(100_000);
    for body in [
        json!({"text": "x", &name: 1}),
        json!({"text": "x", "filter": {&name: 1}}),
        json!({"text": "x", "filter": {"price": {&name: 1}}}),
        json!({"text": "x", "fields": [&name]}),
        json!({"text": "x", "limit": &name}),
    ] {
        let problem = server.post(SEARCH, &body).problem(400);
        assert!(
            problem["field"].as_str().is_some_and(|field| !field.is_empty()),
            "{problem}"
        );
        assert!(
            problem.to_string().len() < 2_000,
            "{} bytes",
            problem.to_string().len()
        );
    }
}

#[test]
fn examples_that_are_none_are_refused() {
    let ids: Vec<String> = (0..2_000).map(|_| "KIT-1".to_owned()).collect();
    check(vec![
        (SEARCH, text(r#"{"like": []}"#), 400, "like"),
        (RECOMMEND, text(r#"{"like": []}"#), 400, "like"),
        (SEARCH, text(r#"{"like": ["KIT-1", "KIT-99"]}"#), 404, "like[1]"),
        (
            RECOMMEND,
            text(r#"{"like": ["KIT-1"], "unlike": ["", "KIT-2"]}"#),
            404,
            "unlike[0]",
        ),
        (SEARCH, json!({"like": ids}).to_string().into_bytes(), 400, "like"),
        (
            RECOMMEND,
            json!({"like": ["KIT-1"], "unlike": ids}).to_string().into_bytes(),
            400,
            "unlike",
        ),
        (
            SEARCH,
            json!({"like": ["x".repeat(100_000)]}).to_string().into_bytes(),
            404,
            "like[0]",
        ),
    ]);
}

#[test]
fn names_of_collections_lead_nowhere_else() {
    let (server, _) = shared_shop();
    let long = "x".repeat(5_000);
    let body = br#"{"text": "x"}"#;
    for name in [
        "",
        "nowhere",
        "SHOP",
        "shop%00",
        "%00",
        "..",
        "../shop",
        "..%2Fshop",
        "%2e%2e%2f%2e%2e",
        ".",
        "shop%2F..",
        " ",
        "%20",
        "shop%20",
        "*",
        "%F0%9F%A6%80",
        &long,
    ] {
        let name = name.replace(' ', "%20");
        let problem = server
            .ask("POST", &format!("/v1/collections/{name}/search"), Some(body))
            .problem(404);
        assert!(
            ["collection", "path"].contains(&problem["field"].as_str().unwrap()),
            "{name}: {problem}"
        );
        assert!(problem["detail"].as_str().unwrap().len() < 1_000, "{problem}");
        server
            .get(&format!("/v1/collections/{name}/items/KIT-1"))
            .problem(404);
    }
    for name in ["%ff", "a%c3%28", "%fe%ff"] {
        let problem = server
            .ask("POST", &format!("/v1/collections/{name}/search"), Some(body))
            .problem(400);
        assert_eq!(problem["field"], "path", "{name}");
    }
}

#[test]
fn unknown_routes_and_methods_are_refused() {
    let (server, _) = shared_shop();
    for path in [
        "/v1",
        "/v1/",
        "/v2/collections",
        "/v1/collections/shop/search/more",
        "//",
        "/.env",
        "/livez/",
    ] {
        let problem = server.get(path).problem(404);
        assert_eq!(problem["field"], "path", "{path}");
    }
    for (method, path) in [
        ("GET", SEARCH),
        ("PUT", SEARCH),
        ("DELETE", SEARCH),
        ("PATCH", RECOMMEND),
        ("POST", "/v1/collections"),
        ("POST", "/v1/collections/shop"),
        ("PUT", "/v1/collections/shop/items"),
        ("GET", "/v1/events"),
        ("POST", "/livez"),
        ("POST", "/metrics"),
        ("POST", "/"),
    ] {
        let problem = server.ask(method, path, None).problem(405);
        assert_eq!(problem["field"], "method", "{method} {path}");
    }
}

#[test]
fn oversized_bodies_are_refused() {
    let data = temp_dir();
    build_points(data.path(), "points", 0);
    let server = Server::start_with(data.path(), &[], &[("ALIKE__SERVER__BODY_LIMIT_BYTES", "2000")]);
    let body = |bytes: usize| format!("{{\"vector\": [1, 0]{}}}", " ".repeat(bytes - 18)).into_bytes();
    for path in [POINTS, "/v1/events"] {
        for bytes in [2_001, 4_000, 100_000, 5_000_000] {
            let problem = server.ask("POST", path, Some(&body(bytes))).problem(413);
            assert!(
                problem["detail"].as_str().unwrap().contains("2000 bytes"),
                "{problem}"
            );
        }
    }
    assert_eq!(
        server.ask("POST", POINTS, Some(&body(2_000))).ids().len(),
        10,
        "the limit itself fits"
    );
    let answer = raw(
        &server,
        "POST /v1/collections/points/search HTTP/1.1\r\nhost: x\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n",
        &chunks(30, 100),
    );
    assert!(
        answer.starts_with("HTTP/1.1 413") && answer.contains("application/problem+json"),
        "{answer}"
    );
}

/// A chunked body of `count` chunks of `bytes` blanks.
fn chunks(count: usize, bytes: usize) -> String {
    let chunk = format!("{bytes:x}\r\n{}\r\n", " ".repeat(bytes));
    format!("{}0\r\n\r\n", chunk.repeat(count))
}

/// Sends bytes as they are and reads until the server closes.
fn raw(server: &Server, head: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(crate::support::PATIENCE)).unwrap();
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[test]
fn broken_http_does_not_stop_the_server() {
    let (server, _) = shared_shop();
    for nonsense in [
        "GARBAGE\r\n\r\n",
        "GET / HTTP/9.9\r\n\r\n",
        "\r\n\r\n\r\n\x00\x01\x02\r\n\r\n",
        "POST /v1/events HTTP/1.1\r\ncontent-length: -5\r\n\r\n",
    ] {
        let answer = raw(server, nonsense, "");
        assert!(
            answer.is_empty() || answer.starts_with("HTTP/1.1 4") || answer.starts_with("HTTP/1.0 4"),
            "{nonsense:?}: {answer}"
        );
    }
    // A caller that hangs up in the middle of its body.
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream
        .write_all(
            b"POST /v1/collections/shop/search HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{\"te",
        )
        .unwrap();
    drop(stream);
    assert_eq!(server.get("/livez").text(), "ok\n");
    let answer: Value = server
        .search("shop", &json!({"text": "espresso", "limit": 1}))
        .json();
    assert_eq!(answer["hits"][0]["id"], "KIT-4");
}

/// Lengths whose squares do not fit into a 32-bit float: no direction is lost under cosine, but a dot product would be.
#[test]
fn vectors_too_long_to_compare_are_the_callers_fault() {
    let data = temp_dir();
    let flags = [&POINTS_SCHEMA[..], &["--metric", "dot"]].concat();
    build(data.path(), "dots", &points_jsonl(50, 0), &flags).succeeded();
    let server = Server::start(data.path());
    server.search("dots", &json!({"vector": [1e9, 1.0]})).json();
    let problem = server
        .search("dots", &json!({"vector": [1e30, 1.0]}))
        .problem(400);
    assert_eq!(problem["field"], "vector", "{problem}");
}

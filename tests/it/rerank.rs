//! `/rerank`: a cross-encoder's scores, in the shapes of text-embeddings-inference.

use crate::support::cross::{self, score};
use crate::support::{Answer, Server, alike, shared_shop, temp_dir};
use crate::tei::refused;
use serde_json::{Value, json};
use std::ffi::OsStr;
use tempfile::TempDir;

/// A server with the tiny cross-encoder.
pub(crate) fn reranking(variables: &[(&str, &str)]) -> (Server, TempDir, TempDir) {
    let (data, model) = (temp_dir(), cross::write(&cross::settings()));
    let flags: [&OsStr; 2] = ["--reranker".as_ref(), model.path().as_os_str()];
    (Server::start_with(data.path(), &flags, variables), data, model)
}

/// Index and score of each rank, best first.
#[track_caller]
pub(crate) fn ranks(answer: &Answer) -> Vec<(usize, f32)> {
    let answer = answer.json();
    let ranks = answer.as_array().expect("a list");
    ranks
        .iter()
        .map(|rank| {
            (
                rank["index"].as_u64().expect("an index") as usize,
                rank["score"].as_f64().expect("a score") as f32,
            )
        })
        .collect()
}

#[test]
fn pairs_are_scored_in_their_order_and_ranked() {
    let (server, _data, _model) = reranking(&[]);
    let texts = ["pear", "plum plum", "kiwi", "apple"];
    let ask = |raw: bool, with_text: bool| {
        server.post(
            "/rerank",
            &json!({"query": "apple pear", "texts": texts, "raw_scores": raw, "return_text": with_text}),
        )
    };
    let expected: Vec<f32> = texts.iter().map(|text| score("apple pear", text)).collect();
    assert_eq!(
        ranks(&ask(true, false)),
        [
            (1, expected[1]),
            (3, expected[3]),
            (2, expected[2]),
            (0, expected[0])
        ]
    );
    let sigmoid = |logit: f32| 1.0 / (1.0 + (-logit).exp());
    for (index, found) in ranks(&ask(false, false)) {
        assert!(
            (found - sigmoid(expected[index])).abs() < 1e-6,
            "{index}: {found}"
        );
    }
    assert!(ask(true, false).json()[0].get("text").is_none());
    for rank in ask(true, true).json().as_array().unwrap() {
        assert_eq!(rank["text"], texts[rank["index"].as_u64().unwrap() as usize]);
    }
    let swapped = server.post(
        "/rerank",
        &json!({"query": "plum", "texts": ["apple"], "raw_scores": true}),
    );
    assert_eq!(ranks(&swapped), [(0, score("plum", "apple"))]);
    assert_ne!(score("plum", "apple"), score("apple", "plum"));
}

#[test]
fn long_pairs_lose_what_was_asked_for() {
    let (server, _data, _model) = reranking(&[("ALIKE__SERVER__LONG_TEXT", "refuse")]);
    let text = "plum apple apple pear plum pear plum";
    let ask = |truncate: Value, direction: &str| {
        server.post(
            "/rerank",
            &json!({"query": "apple", "texts": ["pear", text], "raw_scores": true, "truncate": truncate, "truncation_direction": direction}),
        )
    };
    for (direction, kept) in [
        ("Right", "plum apple apple pear plum"),
        ("Left", "apple pear plum pear plum"),
    ] {
        let answer = ask(json!(true), direction);
        assert_eq!(answer.truncated.as_deref(), Some("1"));
        let found = ranks(&answer).into_iter().find(|(index, _)| *index == 1);
        assert_eq!(found, Some((1, score("apple", kept))), "{direction}");
    }
    for truncate in [json!(false), json!(null)] {
        let error = refused(&ask(truncate, "Right"), 413, "Validation");
        assert!(
            error.contains("texts[1]") && error.contains("9 tokens"),
            "{error}"
        );
    }
    let megabytes =
        json!({"query": "x".repeat(1_000_000), "texts": ["y ".repeat(1_000_000)], "truncate": true});
    assert_eq!(server.post("/rerank", &megabytes).status, 200);
}

#[test]
fn wrong_rerank_requests_are_refused() {
    let (server, _data, _model) = reranking(&[]);
    let ask = |body: &Value| server.post("/rerank", body);
    refused(&ask(&json!({"query": "x", "texts": []})), 400, "Empty");
    refused(
        &ask(&json!({"query": "x", "texts": vec!["y"; 2_049]})),
        413,
        "Validation",
    );
    for body in [
        json!({"query": "x"}),
        json!({"texts": ["x"]}),
        json!({"query": "x", "texts": "y"}),
        json!({"query": ["x"], "texts": ["y"]}),
        json!({"query": "x", "texts": ["y", 7]}),
        json!({"query": "x", "texts": ["y"], "raw_scores": 1}),
    ] {
        refused(&ask(&body), 422, "Validation");
    }
    let surrogate = br#"{"query": "\udfff", "texts": ["y"]}"#;
    refused(&server.ask("POST", "/rerank", Some(surrogate)), 400, "Validation");
    assert_eq!(
        ranks(&ask(&json!({"query": "", "texts": ["", "\u{0}"]}))).len(),
        2
    );
}

#[test]
fn without_a_reranker_it_is_said_how_to_get_one() {
    let (server, _) = shared_shop();
    let answer = server.post("/rerank", &json!({"query": "x", "texts": ["y"]}));
    let error = refused(&answer, 424, "Backend");
    assert!(
        error.contains("--reranker") && error.contains("[reranker] path"),
        "{error}"
    );
    assert_eq!(server.get("/info").json()["reranker"], Value::Null);
}

#[test]
fn a_reranker_that_cannot_be_opened_stops_the_start() {
    let data = temp_dir();
    let encoder = cross::write(&cross::settings().replace("task = \"rerank\"\n", ""));
    let start = |reranker: &str| {
        let data = data.path().to_str().unwrap();
        let listen = ["--listen", "127.0.0.1:0", "--reranker", reranker];
        alike([&["serve", "--data", data], listen.as_slice()].concat())
    };
    start(encoder.path().to_str().unwrap()).failed_naming(&["task", "rerank"]);
    start("/no/such").failed_naming(&["/no/such"]);
}

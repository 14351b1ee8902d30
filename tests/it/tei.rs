//! The protocol of text-embeddings-inference: its documented requests as they are, and every bad input in its error shape.

use crate::rerank::{ranks, reranking};
use crate::support::{Answer, Server, cross, refused_in_a_crowd, shared_shop, temp_dir};
use serde_json::{Value, json};
use std::ffi::OsStr;

/// "hello world" in the model's vocabulary, with the tokens around it.
const HELLO_WORLD: [u32; 4] = [101, 7592, 2088, 102];

/// The error of a refusal with that status and type.
#[track_caller]
pub(crate) fn refused(answer: &Answer, status: u16, kind: &str) -> String {
    assert_eq!(
        (answer.status, answer.content_type.as_str()),
        (status, "application/json"),
        "{}",
        answer.text()
    );
    let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
    let keys: Vec<&str> = body
        .as_object()
        .expect("an object")
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(keys, ["error", "error_type"], "{body}");
    assert_eq!(body["error_type"], kind, "{body}");
    body["error"].as_str().expect("a message").to_owned()
}

#[track_caller]
fn vectors(answer: &Answer) -> Vec<Vec<f32>> {
    serde_json::from_value(answer.json()).expect("a list of vectors")
}

fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn embed(server: &Server, body: &Value) -> Answer {
    server.post("/embed", body)
}

#[test]
fn the_documented_requests_are_answered() {
    let (server, _) = shared_shop();
    let one = vectors(&embed(server, &json!({"inputs": "What is Deep Learning?"})));
    assert_eq!((one.len(), one[0].len()), (1, 384));
    assert!((dot(&one[0], &one[0]) - 1.0).abs() < 1e-5);
    let batch = embed(server, &json!({"inputs": ["Today is a nice day", "I like you"]}));
    assert_eq!(vectors(&batch).len(), 2);
    let (server, _data, _model) = reranking(&[]);
    let body = json!({"query": "What is Deep Learning?", "texts": ["Deep Learning is not...", "Deep learning is..."], "raw_scores": false});
    assert_eq!(ranks(&server.post("/rerank", &body)).len(), 2);
}

#[test]
fn every_shape_of_inputs_gives_the_same_vector() {
    let (server, _) = shared_shop();
    let expected = vectors(&embed(server, &json!({"inputs": "hello world"}))).remove(0);
    for (inputs, count) in [
        (json!(["hello world"]), 1),
        (json!(HELLO_WORLD), 1),
        (json!([HELLO_WORLD, "hello world"]), 2),
    ] {
        let found = vectors(&embed(server, &json!({"inputs": inputs})));
        assert_eq!(found.len(), count, "{inputs}");
        assert!(
            found.iter().all(|vector| dot(vector, &expected) > 0.99999),
            "{inputs}"
        );
    }
    let body = json!({"inputs": "hello world", "normalize": true, "truncate": true, "truncation_direction": "Right",
                      "prompt_name": "query", "dimensions": 384, "of_a_later_version": 1});
    assert_eq!(vectors(&embed(server, &body)), [expected]);
}

#[test]
fn too_long_is_cut_at_either_end_or_refused() {
    let (server, data) = shared_shop();
    let words = |word: &str, count: usize| format!("{word} ").repeat(count);
    let long = format!("{}{}", words("apple", 400), words("tent", 254));
    let ask = |truncate: Value, direction: &str| {
        let body = json!({"inputs": ["x", long], "truncate": truncate, "truncation_direction": direction});
        embed(server, &body)
    };
    let plain = |text: &str| vectors(&embed(server, &json!({"inputs": text}))).remove(0);
    let (apples, tents) = (plain(&words("apple", 254)), plain(&words("tent", 254)));
    for (truncate, direction, kept) in [
        (json!(true), "Right", &apples),
        (json!(null), "right", &apples),
        (json!(true), "Left", &tents),
        (json!(true), "left", &tents),
    ] {
        let answer = ask(truncate, direction);
        assert_eq!(answer.truncated.as_deref(), Some("1"), "{direction}");
        assert!(dot(&vectors(&answer)[1], kept) > 0.9999, "{direction}");
    }
    assert!(dot(&apples, &tents) < 0.9);
    for direction in ["Left", "Right"] {
        let error = refused(&ask(json!(false), direction), 413, "Validation");
        assert!(
            error.contains("inputs[1]") && error.contains("256 tokens"),
            "{error}"
        );
    }
    let ids = json!({"inputs": [vec![7592; 300]], "truncation_direction": "Left"});
    assert_eq!(embed(server, &ids).truncated.as_deref(), Some("0"));
    let megabytes = json!({"inputs": "x".repeat(3_000_000), "truncation_direction": "Left"});
    assert_eq!(embed(server, &megabytes).truncated.as_deref(), Some("0"));

    let strict = Server::start_with(data, &[], &[("ALIKE__SERVER__LONG_TEXT", "refuse")]);
    refused(&embed(&strict, &json!({"inputs": long})), 413, "Validation");
    assert_eq!(
        embed(&strict, &json!({"inputs": long, "truncate": true})).status,
        200
    );
    assert_eq!(strict.get("/info").json()["auto_truncate"], false);
}

#[test]
fn wrong_requests_have_their_status_and_type() {
    let (server, _) = shared_shop();
    for (body, status, kind, needle) in [
        (json!({"inputs": ""}), 400, "Empty", "cannot be empty"),
        (json!({"inputs": []}), 400, "Empty", "cannot be empty"),
        (json!({"inputs": ["a", ""]}), 400, "Empty", "inputs[1]"),
        (json!({"inputs": vec!["x"; 2_049]}), 413, "Validation", "2048"),
        (json!({"inputs": "x", "dimensions": 3}), 413, "Validation", "384"),
        (
            json!({"inputs": "x", "prompt_name": "sts"}),
            413,
            "Validation",
            "sts",
        ),
        (
            json!({"inputs": "x", "normalize": false}),
            413,
            "Validation",
            "length 1",
        ),
        (json!({"inputs": [7592, 30_522]}), 422, "Tokenizer", "30522"),
        (json!({"inputs": [-1]}), 422, "Validation", "-1"),
        (json!({"inputs": null}), 422, "Validation", "expected a string"),
        (
            json!({"inputs": "x", "truncate": "yes"}),
            422,
            "Validation",
            "truncate",
        ),
        (
            json!({"inputs": "x", "truncation_direction": "Up"}),
            422,
            "Validation",
            "Up",
        ),
        (json!({"texts": "x"}), 422, "Validation", "missing field"),
    ] {
        let error = refused(&embed(server, &body), status, kind);
        assert!(error.contains(needle), "{needle}: {error}");
    }
    for (body, needle) in [
        (&b"{"[..], "EOF"),
        (b"", "empty"),
        (b"{\"inputs\": \"caf\xe9\"}", "UTF-8"),
        (br#"{"inputs": "\ud800"}"#, "surrogate"),
        (b"{\"inputs\": \"a\x07\"}", "control character"),
    ] {
        let error = refused(&server.ask("POST", "/embed", Some(body)), 400, "Validation");
        assert!(error.contains(needle), "{needle}: {error}");
    }
    assert_eq!(
        vectors(&embed(server, &json!({"inputs": "a\u{0}\u{7}b"}))).len(),
        1
    );
    let large = format!(r#"{{"inputs": "{}"}}"#, "x".repeat(9 << 20));
    refused(
        &server.ask("POST", "/embed", Some(large.as_bytes())),
        413,
        "Validation",
    );
    for path in ["/predict", "/embed_all", "/embed_sparse"] {
        refused(&server.post(path, &json!({"inputs": "x"})), 404, "Validation");
    }
    refused(&server.get("/embed"), 405, "Validation");
    assert_eq!(embed(server, &json!({"inputs": "still here"})).status, 200);
}

#[test]
fn info_describes_the_models_and_the_limits() {
    let (server, _data, _model) = reranking(&[("ALIKE__SERVER__MAX_IN_FLIGHT", "17")]);
    let info = server.get("/info").json();
    for (key, value) in [
        ("model_id", json!("all-minilm-l6-v2@1")),
        ("model_type", json!({"embedding": {"pooling": "none"}})),
        ("max_concurrent_requests", json!(17)),
        ("max_input_length", json!(256)),
        ("max_client_batch_size", json!(2048)),
        ("max_batch_requests", json!(null)),
        ("auto_truncate", json!(true)),
        ("version", json!(env!("CARGO_PKG_VERSION"))),
        ("sha", json!(null)),
        ("docker_label", json!(null)),
        ("reranker", json!("tiny-cross@1")),
    ] {
        assert_eq!(info[key], value, "{key} in {info}");
    }
    assert!(
        ["float32", "int8"].contains(&info["model_dtype"].as_str().unwrap()),
        "{info}"
    );
    assert_eq!(info["model_sha"].as_str().unwrap().len(), 64, "{info}");
    assert!(
        info["max_batch_tokens"].as_u64().unwrap() > 0 && info["tokenization_workers"].as_u64().unwrap() > 0
    );
    assert_eq!(server.get("/health").status, 200);
}

#[test]
fn a_reranker_alone_is_described_and_healthy() {
    let (data, model) = (temp_dir(), cross::write(&cross::settings()));
    let nowhere = data.path().join("no-such-model");
    let flags: [&OsStr; 4] = [
        "--reranker".as_ref(),
        model.path().as_os_str(),
        "--model".as_ref(),
        nowhere.as_os_str(),
    ];
    let server = Server::start_with(data.path(), &flags, &[]);
    let info = server.get("/info").json();
    assert_eq!(
        (
            &info["model_id"],
            &info["model_type"]["reranker"]["id2label"]["0"]
        ),
        (&json!("tiny-cross@1"), &json!("LABEL_0")),
        "{info}"
    );
    assert_eq!(
        (
            server.get("/health").status,
            server.post("/embed", &json!({"inputs": "x"})).status
        ),
        (200, 503)
    );
    let alone = Server::start_with(data.path(), &flags[2..], &[]);
    let error = refused(&alone.get("/health"), 503, "Unhealthy");
    assert!(error.contains("no-such-model"), "{error}");
    refused(&alone.get("/info"), 503, "Unhealthy");
}

#[test]
fn similarity_is_the_cosine() {
    let (server, _) = shared_shop();
    let texts = ["What is Machine Learning?", "A kettle", "What is Deep Learning?"];
    let body = json!({"inputs": {"source_sentence": "What is Deep Learning?", "sentences": texts},
                      "parameters": {"truncate": true, "prompt_name": null}});
    let found: Vec<f32> = serde_json::from_value(server.post("/similarity", &body).json()).unwrap();
    let vectors = vectors(&embed(server, &json!({"inputs": texts})));
    for (cosine, vector) in found.iter().zip(&vectors) {
        assert!((cosine - dot(vector, &vectors[2])).abs() < 1e-4, "{found:?}");
    }
    assert!(
        found.len() == 3 && found[0] > found[1] && found[2] > 0.9999,
        "{found:?}"
    );
    let ask = |source: &str, sentences: Value| {
        server.post(
            "/similarity",
            &json!({"inputs": {"source_sentence": source, "sentences": sentences}}),
        )
    };
    assert!(refused(&ask("", json!(["x"])), 400, "Empty").contains("source_sentence"));
    assert!(refused(&ask("x", json!([])), 400, "Empty").contains("sentences"));
    assert!(refused(&ask("x", json!(["a", ""])), 400, "Empty").contains("sentences[1]"));
}

#[test]
fn tokens_are_shown_and_turned_back() {
    let (server, _) = shared_shop();
    let tokens = server.post("/tokenize", &json!({"inputs": "héllo world"})).json();
    let shown: Vec<_> = tokens[0]
        .as_array()
        .unwrap()
        .iter()
        .map(|token| {
            let (id, text) = (token["id"].as_u64().unwrap(), token["text"].as_str().unwrap());
            let special = token["special"].as_bool().unwrap();
            (id, text, special, token["start"].as_u64(), token["stop"].as_u64())
        })
        .collect();
    assert_eq!(
        shown,
        [
            (101, "[CLS]", true, None, None),
            (7592, "héllo", false, Some(0), Some(5)),
            (2088, "world", false, Some(6), Some(11)),
            (102, "[SEP]", true, None, None),
        ]
    );
    let bare = server
        .post(
            "/tokenize",
            &json!({"inputs": ["hello", "world"], "add_special_tokens": false}),
        )
        .json();
    assert_eq!(
        (&bare[0][0]["id"], &bare[1][0]["id"]),
        (&json!(7592), &json!(2088))
    );
    let decoded = |body: Value| server.post("/decode", &body).json();
    assert_eq!(decoded(json!({"ids": HELLO_WORLD})), json!(["hello world"]));
    assert_eq!(
        decoded(json!({"ids": [HELLO_WORLD, [7592]], "skip_special_tokens": false})),
        json!(["[CLS] hello world [SEP]", "hello"])
    );
    refused(
        &server.post("/decode", &json!({"ids": [4_000_000]})),
        422,
        "Tokenizer",
    );
    refused(&server.post("/decode", &json!({"ids": "x"})), 422, "Validation");
    refused(
        &server.post("/tokenize", &json!({"inputs": [5]})),
        422,
        "Validation",
    );
    let endless = refused(
        &server.post("/tokenize", &json!({"inputs": "x".repeat(3_000_000)})),
        422,
        "Tokenizer",
    );
    assert!(endless.contains("3000000 bytes"), "{endless}");
}

#[test]
fn callers_beyond_the_limit_are_told_to_come_back() {
    let (server, _data, _model) = reranking(&[("ALIKE__SERVER__MAX_IN_FLIGHT", "1")]);
    let body = json!({"inputs": vec!["something to keep my coffee warm on the train ".repeat(10); 20]});
    for answer in &refused_in_a_crowd(|| embed(&server, &body)) {
        refused(answer, 429, "Overloaded");
        assert_eq!(answer.retry_after.as_deref(), Some("1"));
    }
}

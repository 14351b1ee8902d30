//! `/v1/embeddings` and `/v1/models`: every shape that OpenAI's protocol has, and every bad input in its error shape.

use crate::encoder::home;
use crate::support::{Answer, Server, refused_in_a_crowd, shared_shop, temp_dir};
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::path::PathBuf;
use tempfile::TempDir;

const MODEL: &str = "all-minilm-l6-v2";
/// "hello world" in the model's vocabulary.
const HELLO_WORLD: [u32; 2] = [7592, 2088];

fn embed(server: &Server, input: &Value) -> Answer {
    server.post("/v1/embeddings", &json!({"model": MODEL, "input": input}))
}

/// The vectors of a good answer, in order.
#[track_caller]
fn vectors(answer: &Answer) -> Vec<Vec<f32>> {
    let answer = answer.json();
    assert_eq!(answer["object"], "list");
    let data = answer["data"].as_array().expect("data");
    let vector = |(position, entry): (usize, &Value)| {
        assert_eq!(
            (&entry["object"], &entry["index"]),
            (&json!("embedding"), &json!(position))
        );
        let numbers = entry["embedding"].as_array().expect("numbers");
        numbers
            .iter()
            .map(|number| number.as_f64().expect("a number") as f32)
            .collect()
    };
    data.iter().enumerate().map(vector).collect()
}

/// The error of a refusal with that status.
#[track_caller]
fn refused(answer: &Answer, status: u16) -> Value {
    assert_eq!(
        (answer.status, answer.content_type.as_str()),
        (status, "application/json"),
        "{}",
        answer.text()
    );
    let body: Value = serde_json::from_slice(&answer.body).expect("JSON");
    let error = body["error"]
        .as_object()
        .unwrap_or_else(|| panic!("no error in {body}"));
    let keys: Vec<&str> = error.keys().map(String::as_str).collect();
    assert_eq!(keys, ["code", "message", "param", "type"], "{body}");
    assert!(
        error["message"]
            .as_str()
            .is_some_and(|message| !message.is_empty()),
        "{body}"
    );
    body["error"].clone()
}

#[track_caller]
fn assert_near(found: &[f32], expected: &[f32]) {
    let cosine: f32 = found.iter().zip(expected).map(|(a, b)| a * b).sum();
    assert!((cosine - 1.0).abs() < 1e-5, "cosine {cosine}");
}

/// The installed model with prefixes of its own.
fn prefixed() -> TempDir {
    let folder = temp_dir();
    let model = home().join("models").join(MODEL);
    for name in ["model.onnx", "tokenizer.json"] {
        std::os::unix::fs::symlink(model.join(name), folder.path().join(name)).unwrap();
    }
    let settings = "name = \"prefixed\"\nversion = \"7\"\ndimension = 384\nmax_tokens = 16\npooling = \"none\"\n\
                    normalize = false\nquery_prefix = \"query: \"\ndocument_prefix = \"passage: \"\n";
    std::fs::write(folder.path().join("model.toml"), settings).unwrap();
    folder
}

#[test]
fn every_shape_of_input_gives_the_same_vector() {
    let (server, _) = shared_shop();
    let expected = vectors(&embed(server, &json!("hello world"))).remove(0);
    assert_eq!(expected.len(), 384);
    for (input, count) in [
        (json!(["hello world"]), 1),
        (json!(["hello world", "hello world"]), 2),
        (json!(HELLO_WORLD), 1),
        (json!([101, 7592, 2088, 102]), 1),
        (json!([HELLO_WORLD, HELLO_WORLD]), 2),
        (json!(["hello world", HELLO_WORLD]), 2),
    ] {
        let answer = embed(server, &input);
        let found = vectors(&answer);
        assert_eq!(found.len(), count, "{input}");
        found.iter().for_each(|vector| assert_near(vector, &expected));
        let answer = answer.json();
        let tokens = 4 * count;
        assert_eq!(
            answer["usage"],
            json!({"prompt_tokens": tokens, "total_tokens": tokens}),
            "{input}"
        );
        assert!(
            answer["model"]
                .as_str()
                .unwrap()
                .starts_with("all-minilm-l6-v2@1:"),
            "{answer}"
        );
    }
}

#[test]
fn vectors_come_in_the_order_of_the_texts() {
    let (server, _) = shared_shop();
    let texts: Vec<String> = (0..40)
        .map(|at| format!("{} thing number {at}", "very ".repeat(at % 7)))
        .collect();
    let together = vectors(&embed(server, &json!(texts)));
    assert_eq!(together.len(), 40);
    for (text, vector) in texts.iter().zip(&together).step_by(7) {
        assert_near(&vectors(&embed(server, &json!(text)))[0], vector);
    }
}

#[test]
fn base64_holds_the_same_numbers() {
    let (server, _) = shared_shop();
    let body = |format: &str| json!({"model": MODEL, "input": "hello world", "encoding_format": format});
    let expected = vectors(&server.post("/v1/embeddings", &body("float"))).remove(0);
    let answer = server.post("/v1/embeddings", &body("base64")).json();
    let text = answer["data"][0]["embedding"].as_str().expect("base64");
    assert_eq!(decoded(text), expected);
}

/// Little-endian float32 out of base64.
fn decoded(text: &str) -> Vec<f32> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bits, mut count, mut bytes) = (0_u32, 0, Vec::new());
    for digit in text.bytes().take_while(|digit| *digit != b'=') {
        let value = DIGITS.iter().position(|known| *known == digit).expect("base64");
        (bits, count) = (bits << 6 | value as u32, count + 6);
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    let number = |bytes: &[u8]| f32::from_le_bytes(bytes.try_into().expect("four bytes"));
    bytes.chunks(4).map(number).collect()
}

#[test]
fn fields_that_change_nothing_are_taken() {
    let (server, _) = shared_shop();
    let expected = vectors(&embed(server, &json!("hello world")));
    for (field, value) in [
        ("user", json!("somebody")),
        ("user", json!(7)),
        ("dimensions", json!(384)),
        ("dimensions", json!(null)),
        ("encoding_format", json!("float")),
        ("encoding_format", json!(null)),
        ("input_type", json!("query")),
        ("input_type", json!("document")),
    ] {
        let mut body = json!({"model": MODEL, "input": "hello world"});
        body[field] = value;
        assert_eq!(vectors(&server.post("/v1/embeddings", &body)), expected, "{body}");
    }
}

#[test]
fn a_model_answers_to_its_names_and_puts_its_prefixes() {
    let (data, model) = (temp_dir(), prefixed());
    let flags: [&OsStr; 2] = ["--model".as_ref(), model.path().as_os_str()];
    let server = Server::start_with(data.path(), &flags, &[]);
    let list = server.get("/v1/models").json();
    let only = &list["data"][0];
    assert_eq!(
        (&list["object"], &only["id"], &only["object"]),
        (&json!("list"), &json!("prefixed@7"), &json!("model"))
    );
    assert_eq!(
        (&only["dimension"], &only["max_tokens"], &only["created"]),
        (&json!(384), &json!(16), &json!(0))
    );
    let digest = only["digest"].as_str().unwrap();
    let short = format!("prefixed@7:{}", &digest[..12]);
    let whole = format!("prefixed@7:{digest}");
    let ask = |model: &str, input: &str, kind: Option<&str>| {
        let body = json!({"model": model, "input": input, "input_type": kind});
        vectors(&server.post("/v1/embeddings", &body)).remove(0)
    };
    let plain = ask("prefixed", "red shoes", None);
    for name in ["prefixed@7", &short, &whole] {
        assert_eq!(ask(name, "red shoes", None), plain, "{name}");
        assert_eq!(server.get(&format!("/v1/models/{name}")).json(), *only, "{name}");
    }
    assert_near(
        &ask("prefixed", "red shoes", Some("query")),
        &ask("prefixed", "query: red shoes", None),
    );
    assert_near(
        &ask("prefixed", "red shoes", Some("document")),
        &ask("prefixed", "passage: red shoes", None),
    );
    assert_ne!(ask("prefixed", "red shoes", Some("query")), plain);
}

#[test]
fn other_models_are_not_found() {
    let (server, _) = shared_shop();
    for name in [
        "text-embedding-3-small",
        "all-minilm-l6-v2@2",
        "All-MiniLM-L6-v2",
        "",
        "x".repeat(5_000).as_str(),
    ] {
        let answer = server.post("/v1/embeddings", &json!({"model": name, "input": "x"}));
        let error = refused(&answer, 404);
        assert_eq!(
            (&error["code"], &error["param"]),
            (&json!("model_not_found"), &json!("model")),
            "{error}"
        );
        let message = error["message"].as_str().unwrap();
        assert!(
            message.contains("all-minilm-l6-v2@1:") && message.len() < 500,
            "{message}"
        );
    }
    let error = refused(&server.get("/v1/models/text-embedding-3-small"), 404);
    assert_eq!(error["code"], "model_not_found");
}

#[test]
fn long_texts_are_cut_and_named_or_refused() {
    let (server, data) = shared_shop();
    let long = "shoe ".repeat(1_000);
    let answer = embed(server, &json!([long, "shoe", long]));
    assert_eq!(answer.truncated.as_deref(), Some("0,2"));
    assert_eq!(answer.json()["usage"]["prompt_tokens"], 256 + 3 + 256);
    assert_eq!(embed(server, &json!("shoe")).truncated, None);
    assert_eq!(
        embed(server, &json!(vec![7592; 300])).truncated.as_deref(),
        Some("0")
    );
    let megabytes = embed(server, &json!("x".repeat(3_000_000)));
    assert_eq!(
        (megabytes.status, megabytes.truncated.as_deref()),
        (200, Some("0"))
    );

    let strict = Server::start_with(data, &[], &[("ALIKE__SERVER__LONG_TEXT", "refuse")]);
    let error = refused(&embed(&strict, &json!(["shoe", long])), 400);
    assert_eq!(
        (&error["code"], &error["param"]),
        (&json!("context_length_exceeded"), &json!("input[1]")),
        "{error}"
    );
    assert!(
        error["message"].as_str().unwrap().contains("256 tokens"),
        "{error}"
    );
    assert_eq!(refused(&embed(&strict, &json!(long)), 400)["param"], "input");
    assert_eq!(vectors(&embed(&strict, &json!("shoe ".repeat(254)))).len(), 1);
}

#[test]
fn wrong_values_are_refused_by_name() {
    let (server, _) = shared_shop();
    let with = |field: &str, value: Value| {
        let mut body = json!({"model": MODEL, "input": "x"});
        body[field] = value;
        body
    };
    let many = vec!["x"; 2_049];
    for (body, param, needle) in [
        (with("input", json!("")), "input", "cannot be empty"),
        (with("input", json!([])), "input", "cannot be empty"),
        (with("input", json!(["a", ""])), "input[1]", "cannot be empty"),
        (with("input", json!([[]])), "input[0]", "cannot be empty"),
        (with("input", json!(many)), "input", "at most 2048"),
        (with("input", json!(null)), "input", "expected a string"),
        (with("input", json!({"text": "x"})), "input", "expected a string"),
        (with("input", json!(["a", 5])), "input", "token ids beside texts"),
        (with("input", json!(["a", null])), "input[1]", "expected a string"),
        (with("input", json!([7592, 30_522])), "input", "30522"),
        (
            with("input", json!(["a", [4_294_967_295_u32]])),
            "input[1]",
            "4294967295",
        ),
        (
            with("input", json!([4_294_967_296_u64])),
            "input[0]",
            "4294967296",
        ),
        (with("input", json!([-1])), "input[0]", "-1"),
        (
            with("input", json!([1.5])),
            "input[0]",
            "expected a string, a token id",
        ),
        (with("model", json!(null)), "model", "expected a string"),
        (with("encoding_format", json!("hex")), "encoding_format", "base64"),
        (with("dimensions", json!(256)), "dimensions", "384"),
        (with("dimensions", json!(0)), "dimensions", "384"),
        (with("dimensions", json!(-1)), "dimensions", "-1"),
        (with("dimensions", json!("384")), "dimensions", "expected usize"),
        (with("input_type", json!("passage")), "input_type", "document"),
        (with("stream", json!(true)), "stream", "unknown field"),
        (json!({"model": MODEL}), "input", "missing field"),
        (json!({"input": "x"}), "model", "missing field"),
        (json!([MODEL, "x"]), "body", "object"),
        (json!("x"), "body", "invalid type"),
    ] {
        let error = refused(&server.post("/v1/embeddings", &body), 400);
        let shown: String = body.to_string().chars().take(80).collect();
        assert_eq!(
            (&error["param"], &error["type"]),
            (&json!(param), &json!("invalid_request_error")),
            "{shown}: {error}"
        );
        assert!(
            error["message"].as_str().unwrap().contains(needle),
            "{shown}: {error}"
        );
    }
    assert_eq!(embed(server, &json!("still here")).status, 200);
}

#[test]
fn bytes_that_are_no_request_are_refused() {
    let (server, _) = shared_shop();
    let deep = format!("{{\"input\": {}1{}}}", "[".repeat(500), "]".repeat(500));
    for (body, needle) in [
        (&b""[..], "empty"),
        (b"{", "EOF"),
        (b"\x00\xff\xfe", "UTF-8"),
        (
            b"{\"model\": \"all-minilm-l6-v2\", \"input\": \"caf\xe9\"}",
            "UTF-8",
        ),
        (
            br#"{"model": "all-minilm-l6-v2", "input": "\ud800"}"#,
            "surrogate",
        ),
        (
            br#"{"model": "all-minilm-l6-v2", "input": ["a", "\udc00x"]}"#,
            "surrogate",
        ),
        (
            b"{\"model\": \"all-minilm-l6-v2\", \"input\": \"a\x07b\"}",
            "control character",
        ),
        (
            br#"{"model": "all-minilm-l6-v2", "input": "a"} trailing"#,
            "trailing",
        ),
        (
            br#"{"model": "m", "model": "m", "input": "a"}"#,
            "duplicate field",
        ),
        (deep.as_bytes(), "recursion limit"),
    ] {
        let error = refused(&server.ask("POST", "/v1/embeddings", Some(body)), 400);
        let message = error["message"].as_str().unwrap().to_lowercase();
        assert!(message.contains(&needle.to_lowercase()), "{needle}: {error}");
    }
    let controls = embed(server, &json!("a\u{0}\u{7}\u{1b}[31m\u{202e}b\u{feff}"));
    assert_eq!(vectors(&controls)[0].len(), 384);
    assert_eq!(vectors(&embed(server, &json!("\u{0}"))).len(), 1);
}

#[test]
fn other_refusals_have_the_same_shape() {
    let (server, data) = shared_shop();
    let error = refused(&server.get("/v1/embeddings"), 405);
    assert_eq!(error["code"], "method_not_supported");
    let large = format!(r#"{{"model": "{MODEL}", "input": "{}"}}"#, "x".repeat(9 << 20));
    let error = refused(&server.ask("POST", "/v1/embeddings", Some(large.as_bytes())), 413);
    assert!(
        error["message"].as_str().unwrap().contains("body_limit_bytes"),
        "{error}"
    );
    assert_eq!(embed(server, &json!("still here")).status, 200);

    let hurried = Server::start_with(data, &[], &[("ALIKE__SERVER__REQUEST_TIMEOUT_MS", "1")]);
    let long = json!(vec!["something to keep my coffee warm ".repeat(20); 200]);
    let error = refused(&embed(&hurried, &long), 504);
    assert_eq!(error["type"], "server_error", "{error}");

    let nowhere: PathBuf = data.join("no-such-model");
    let flags: [&OsStr; 2] = ["--model".as_ref(), nowhere.as_os_str()];
    let empty = temp_dir();
    let modelless = Server::start_with(empty.path(), &flags, &[]);
    let error = refused(&embed(&modelless, &json!("x")), 503);
    assert!(
        error["message"].as_str().unwrap().contains("no-such-model"),
        "{error}"
    );
    assert_eq!(modelless.get("/livez").status, 200);
}

#[test]
fn callers_beyond_the_limit_are_told_to_come_back() {
    let (_, data) = shared_shop();
    let server = Server::start_with(data, &[], &[("ALIKE__SERVER__MAX_IN_FLIGHT", "1")]);
    let texts = json!(vec![
        "something to keep my coffee warm on the train ".repeat(10);
        20
    ]);
    for answer in &refused_in_a_crowd(|| embed(&server, &texts)) {
        let error = refused(answer, 429);
        assert_eq!(error["code"], "rate_limit_exceeded");
        assert_eq!(answer.retry_after.as_deref(), Some("1"));
    }
}

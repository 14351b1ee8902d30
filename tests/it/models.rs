//! `alike model check`, `list` and `optimize`: what is installed, what is wrong with it, and its fastest variant.

use crate::support::models::{check, installed, model};
use crate::support::{Finished, temp_dir, tiny};
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// A folder with links to the installed model's plain files.
fn linked(folder: &Path) -> PathBuf {
    let copy = folder.join("copy");
    fs::create_dir_all(&copy).unwrap();
    for name in ["model.onnx", "tokenizer.json", "model.toml"] {
        std::os::unix::fs::symlink(installed().join(name), copy.join(name)).unwrap();
    }
    copy
}

#[test]
fn the_installed_model_is_good() {
    let found = check(&installed()).succeeded().last_line_json();
    assert_eq!(
        (&found["name"], &found["dimension"]),
        (&json!("all-minilm-l6-v2"), &json!(384))
    );
    assert_eq!(found["digest"].as_str().unwrap().len(), 64);
    assert_eq!(
        (&found["task"], &found["max_tokens"]),
        (&json!("embed"), &json!(256))
    );
    let plain = &found["variants"][0];
    assert_eq!(plain["variant"], "plain");
    let cosines = plain["agreement"].as_array().unwrap();
    assert_eq!((cosines.len(), &found["golden"]), (4, &json!(4)));
    assert!(
        cosines.iter().all(|cosine| cosine.as_f64().unwrap() > 0.999_999),
        "{found}"
    );
    let text = model(&["check".as_ref(), installed().as_ref()])
        .succeeded()
        .stdout;
    for expected in [
        "all-minilm-l6-v2 version 1",
        found["digest"].as_str().unwrap(),
        "plain: good, cosines 1.000000",
    ] {
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
    assert!(
        found["variants"][0]["error"].as_str().unwrap().contains("cosine"),
        "{found}"
    );
    finished.failed_naming(&[
        "variant plain",
        "wireless headphones for running",
        "cosine 0.7",
        "0.9999",
    ]);
}

#[test]
fn damaged_models_are_named() {
    let folder = temp_dir();
    let copy = linked(folder.path());
    fs::write(copy.join("model.int8.onnx"), "damaged").unwrap();
    let finished = check(&copy);
    let variants = finished.last_line_json()["variants"].clone();
    assert!(
        variants[0]["error"].is_null() && variants[1]["error"].is_string(),
        "{variants}"
    );
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
    let lines: Vec<Value> = finished
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert_eq!(
        (&lines[0]["name"], &lines[0]["variants"]),
        (&json!("all-minilm-l6-v2"), &json!(["plain"]))
    );
    assert!(
        lines[1]["error"]
            .as_str()
            .unwrap()
            .contains("model.onnx is missing"),
        "{lines:?}"
    );
    let text = model(&["list".as_ref(), folder.path().as_ref()])
        .succeeded()
        .stdout;
    assert!(
        text.contains("all-minilm-l6-v2@1:") && text.contains("can't be used"),
        "{text}"
    );
    model(&["list".as_ref(), "/does/not/exist".as_ref()]).failed_naming(&["/does/not/exist"]);
}

fn optimize(dir: &Path, flags: &[&str]) -> Finished {
    let flags: Vec<&OsStr> = flags.iter().map(OsStr::new).collect();
    model(&[&["optimize".as_ref(), dir.as_ref()], flags.as_slice()].concat())
}

/// Which variants can be used, as `alike model check` says.
fn good_variants(dir: &Path) -> Vec<(String, bool)> {
    let found = check(dir).last_line_json();
    let variants = found["variants"].as_array().unwrap().iter();
    variants
        .map(|variant| {
            (
                variant["variant"].as_str().unwrap().to_owned(),
                variant["error"].is_null(),
            )
        })
        .collect()
}

#[test]
fn a_variant_is_made_kept_refused_when_stale_and_made_again() {
    let both = |int8: bool| vec![("plain".to_owned(), true), ("int8".to_owned(), int8)];
    let folder = temp_dir();
    let copy = linked(folder.path());
    let before = check(&copy).succeeded().last_line_json();
    let report = optimize(&copy, &["--json"]).succeeded().last_line_json();
    assert!(report["mean"].as_f64().unwrap() >= 0.998, "{report}");
    assert_eq!((&report["layers"], &report["width"]), (&json!(6), &json!(384)));
    let after = check(&copy).succeeded().last_line_json();
    assert_eq!(before["digest"], after["digest"]);
    let cosines = after["variants"][1]["agreement"].as_array().unwrap();
    assert!(
        cosines.iter().all(|cosine| cosine.as_f64().unwrap() >= 0.99),
        "{after}"
    );

    let variant = copy.join("model.int8.onnx");
    let made = fs::metadata(&variant).unwrap().ino();
    let finished = optimize(&copy, &["--if-needed"]).succeeded();
    assert!(finished.stdout.contains("up to date"), "{finished:?}");
    assert_eq!(fs::metadata(&variant).unwrap().ino(), made);

    let data = copy.join("model.int8.onnx.data");
    let mut weights = fs::read(&data).unwrap();
    let middle = weights.len() / 2;
    weights[middle] ^= 1;
    fs::write(&data, weights).unwrap();
    check(&copy).failed_naming(&["variant int8", "model.int8.onnx.data", "damaged"]);
    assert_eq!(good_variants(&copy), both(false));

    // The same graph with a description added: another file.
    let mut graph = fs::read(copy.join("model.onnx")).unwrap();
    graph.extend([0x32, 1, b'a']);
    fs::remove_file(copy.join("model.onnx")).unwrap();
    fs::write(copy.join("model.onnx"), graph).unwrap();
    check(&copy).failed_naming(&["variant int8", "another model.onnx", "alike model optimize"]);
    optimize(&copy, &["--if-needed"]).succeeded();
    assert_eq!(good_variants(&copy), both(true));
}

#[test]
fn a_graph_that_is_no_bert_stays_as_it_is() {
    let bundle = tiny::Tiny::new("mean").write();
    optimize(bundle.path(), &[]).failed_naming(&["model.onnx", "can't be optimized"]);
    let mut names: Vec<_> = fs::read_dir(bundle.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    names.sort();
    assert_eq!(names, ["model.onnx", "model.toml", "tokenizer.json"]);
    optimize(Path::new("/no/such/model"), &[]).failed_naming(&["/no/such/model"]);
}

//! A tiny bundle is optimized, and its variant answers like the plain graph.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::*;
use crate::onnx::styles::{
    self, Activations, Attentions, Norms, OURS, POSITIONS, Places, Style, WIDTH, WORDS,
};
use crate::{Encoder, EncoderSettings};

/// A bundle of a tiny model in this style.
fn bundle(style: Style) -> TempDir {
    styles::start();
    let dir = tempfile::tempdir().unwrap();
    let words: Vec<String> = (3..WORDS).map(|id| format!("\"w{id}\": {id}")).collect();
    let tokenizer = format!(
        r#"{{"version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
        "pre_tokenizer": {{"type": "Whitespace"}}, "decoder": null,
        "post_processor": {{"type": "BertProcessing", "sep": ["[SEP]", 1], "cls": ["[CLS]", 0]}},
        "model": {{"type": "WordLevel", "vocab": {{"[CLS]": 0, "[SEP]": 1, "[UNK]": 2, {}}}, "unk_token": "[UNK]"}}}}"#,
        words.join(", ")
    );
    let settings = format!(
        "name = \"tiny\"\nversion = \"1\"\ndimension = {WIDTH}\nmax_tokens = {POSITIONS}\npooling = \"mean\"\n\
         normalize = true\nquery_prefix = \"\"\ndocument_prefix = \"\"\n"
    );
    fs::write(
        dir.path().join("model.onnx"),
        styles::model(style).encode_to_vec(),
    )
    .unwrap();
    fs::write(dir.path().join("tokenizer.json"), tokenizer).unwrap();
    fs::write(dir.path().join("model.toml"), settings).unwrap();
    dir
}

fn encode(dir: &Path, variant: Variant, texts: &[&str]) -> Vec<Vec<f32>> {
    let bundle = ModelBundle::open(dir).unwrap();
    let settings = EncoderSettings {
        variant: Some(variant),
        ..EncoderSettings::for_bulk(1)
    };
    let encoder = Encoder::open(&bundle, settings).unwrap();
    let vectors = encoder.encode_documents(texts).unwrap();
    vectors.rows().map(<[f32]>::to_vec).collect()
}

fn names(dir: &TempDir) -> Vec<String> {
    let entries = dir
        .path()
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = entries.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn the_variant_of_every_style_answers_like_its_plain_graph() {
    let texts = [
        "w3 w4 w5",
        "",
        "w12 w7 unknown w7 w3 w9 w10 w11 w4 w4 w4 w4 w4",
        "w8",
    ];
    let others = [
        OURS,
        Style {
            attentions: Attentions::Sdpa,
            norms: Norms::Apart,
            places: Places::Range,
            types: false,
            ..OURS
        },
        Style {
            attentions: Attentions::Packed,
            norms: Norms::Skip,
            activations: Activations::BiasGelu,
            ..OURS
        },
        Style {
            attentions: Attentions::ScaledQuery,
            activations: Activations::Tanh,
            ..OURS
        },
        Style {
            activations: Activations::Relu,
            ..OURS
        },
    ];
    for style in others {
        let dir = bundle(style);
        let report = optimize(dir.path(), &OptimizeOptions::default()).unwrap();
        assert_eq!(
            (report.layers, report.width, report.heads, report.texts),
            (2, WIDTH, 2, 64)
        );
        assert!(
            report.mean >= 0.998 && report.least >= 0.99 && report.mean <= 1.0 + 1e-9,
            "{report:?}"
        );
        let (plain, int8) = (
            encode(dir.path(), Variant::Plain, &texts),
            encode(dir.path(), Variant::Int8, &texts),
        );
        for (plain, int8) in plain.iter().zip(&int8) {
            assert!(cosine(plain, int8) > 0.99, "{style:?}");
            assert_ne!(plain, int8, "the variant is not the plain graph");
        }
    }
}

#[test]
fn a_bundle_keeps_its_identity_and_gains_two_files() {
    let dir = bundle(OURS);
    let before = ModelBundle::open(dir.path()).unwrap();
    let report = optimize(dir.path(), &OptimizeOptions::default()).unwrap();
    let after = ModelBundle::open(dir.path()).unwrap();
    assert_eq!(before.identity(), after.identity());
    assert_eq!(after.variants(), [Variant::Plain, Variant::Int8]);
    after.check_variant(Variant::Int8).unwrap();
    let expected = [
        "model.int8.onnx",
        "model.int8.onnx.data",
        "model.onnx",
        "model.toml",
        "tokenizer.json",
    ];
    assert_eq!(names(&dir), expected);
    let sizes = expected[..2]
        .iter()
        .map(|name| dir.path().join(name).metadata().unwrap().len());
    assert_eq!(sizes.sum::<u64>(), report.bytes);
}

#[test]
fn the_same_bundle_gives_the_same_bytes() {
    let (a, b) = (bundle(OURS), bundle(OURS));
    for dir in [&a, &b, &b] {
        optimize(dir.path(), &OptimizeOptions::default()).unwrap();
    }
    for name in ["model.int8.onnx", "model.int8.onnx.data"] {
        assert_eq!(
            fs::read(a.path().join(name)).unwrap(),
            fs::read(b.path().join(name)).unwrap()
        );
    }
}

#[test]
fn a_variant_that_answers_otherwise_is_not_kept_and_an_older_one_stays() {
    let dir = bundle(OURS);
    let unreachable = OptimizeOptions {
        least_mean: 1.1,
        least: 0.0,
    };
    let error = optimize(dir.path(), &unreachable).unwrap_err().to_string();
    assert!(error.contains("on average") && error.contains("1.1"), "{error}");
    assert_eq!(names(&dir), ["model.onnx", "model.toml", "tokenizer.json"]);
    optimize(dir.path(), &OptimizeOptions::default()).unwrap();
    let older = fs::read(dir.path().join("model.int8.onnx")).unwrap();
    optimize(dir.path(), &unreachable).unwrap_err();
    assert_eq!(fs::read(dir.path().join("model.int8.onnx")).unwrap(), older);
}

#[test]
fn an_unknown_graph_is_refused_with_the_reason() {
    let dir = bundle(Style {
        places: Places::FromIds,
        ..OURS
    });
    let error = optimize(dir.path(), &OptimizeOptions::default()).unwrap_err();
    assert!(matches!(error, EmbeddingError::Optimize { .. }), "{error}");
    assert_eq!(names(&dir), ["model.onnx", "model.toml", "tokenizer.json"]);
}

#[test]
fn a_limit_beyond_the_position_table_is_refused() {
    let dir = bundle(OURS);
    let path = dir.path().join("model.toml");
    let settings = fs::read_to_string(&path).unwrap();
    fs::write(&path, settings.replace("max_tokens = 12", "max_tokens = 13")).unwrap();
    let error = optimize(dir.path(), &OptimizeOptions::default())
        .unwrap_err()
        .to_string();
    assert!(error.contains("max_tokens is 13"), "{error}");
}

#[test]
fn pairs_have_two_types_and_one_first_token() {
    let tokens = |ids: &[u32]| Tokens {
        ids: ids.to_vec(),
        types: vec![0; ids.len()],
        truncated: false,
    };
    let pair = pair(&tokens(&[0, 5, 1]), &tokens(&[0, 6, 7, 1]), 12);
    assert_eq!(pair.ids, [0, 5, 1, 6, 7, 1]);
    assert_eq!(pair.types, [0, 0, 0, 1, 1, 1]);
}

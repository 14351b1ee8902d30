//! Bundles that are damaged or contradict themselves are refused by name, and small graphs with known answers are not.

mod support;

use alike_embeddings::{
    EmbeddingError, Encoder, EncoderSettings, LaneSettings, ModelBundle, Result, Variant,
};
use support::installed::{linked_copy, model, replace, start};
use support::tiny::{Tiny, WIDTH};
use tempfile::TempDir;

fn settings() -> EncoderSettings {
    EncoderSettings {
        batch_tokens: 64,
        ..EncoderSettings::for_bulk(2)
    }
}

fn open(dir: &TempDir) -> Result<Encoder> {
    start();
    Encoder::open(&ModelBundle::open(dir.path())?, settings())
}

fn refusal(dir: &TempDir) -> EmbeddingError {
    open(dir).err().expect("the bundle is refused")
}

fn refusal_of(tiny: &Tiny) -> EmbeddingError {
    refusal(&tiny.write())
}

fn mean<const N: usize>(states: [[f32; WIDTH]; N]) -> Vec<f32> {
    (0..WIDTH)
        .map(|axis| states.iter().map(|state| state[axis]).sum::<f32>() / N as f32)
        .collect()
}

fn assert_close(found: &[f32], expected: &[f32]) {
    let close = found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-4);
    assert!(
        close && found.len() == expected.len(),
        "{found:?} is not {expected:?}"
    );
}

#[test]
fn mean_pooling_counts_a_texts_own_tokens_only() {
    let tiny = Tiny::new("mean");
    let encoder = open(&tiny.write()).unwrap();
    let (cls, sep) = (tiny.state("[CLS]"), tiny.state("[SEP]"));
    let (apple, pear) = (tiny.state("apple"), tiny.state("pear"));
    let vectors = encoder
        .encode_documents(&["apple", "apple pear pear", "", "kiwi"])
        .unwrap();
    assert_close(vectors.row(0), &mean([cls, apple, sep]));
    assert_close(vectors.row(1), &mean([cls, apple, pear, pear, sep]));
    assert_close(vectors.row(2), &mean([cls, sep]));
    assert_close(vectors.row(3), &mean([cls, tiny.state("[UNK]"), sep]));
}

#[test]
fn shipped_truncation_and_padding_are_overridden() {
    // The tokenizer file says: truncate at 3, pad to 7. The settings say: at most 8 tokens.
    let tiny = Tiny::new("mean");
    let encoder = open(&tiny.write()).unwrap();
    let [cls, sep, apple] = ["[CLS]", "[SEP]", "apple"].map(|word| tiny.state(word));
    let longest = mean([cls, apple, apple, apple, apple, apple, apple, sep]);
    assert_eq!(
        encoder
            .encode_query("apple apple apple apple apple apple")
            .unwrap(),
        longest
    );
    assert_close(
        &encoder.encode_query(&"apple ".repeat(100_000)).unwrap(),
        &longest,
    );
}

#[test]
fn cls_pooling_takes_the_first_token_and_normalizes_on_request() {
    let mut tiny = Tiny::new("cls");
    tiny.settings = tiny.settings.replace("normalize = false", "normalize = true");
    let encoder = open(&tiny.write()).unwrap();
    let state = tiny.state("[CLS]");
    let length = state.iter().map(|value| value * value).sum::<f32>().sqrt();
    for (found, value) in encoder.encode_query("pear").unwrap().iter().zip(state) {
        assert!((found - value / length).abs() < 1e-6);
    }
}

#[test]
fn a_graph_may_do_without_mask_and_types_or_take_all_three() {
    for inputs in [
        vec!["input_ids"],
        vec!["input_ids", "token_type_ids", "attention_mask"],
    ] {
        let mut tiny = Tiny::new("cls");
        tiny.inputs = inputs;
        assert_eq!(
            open(&tiny.write()).unwrap().encode_query("pear").unwrap(),
            tiny.state("[CLS]")
        );
    }
}

#[test]
fn a_graph_with_other_inputs_is_refused() {
    for inputs in [vec!["input_ids", "pixel_values"], vec!["attention_mask"]] {
        let mut tiny = Tiny::new("cls");
        tiny.inputs = inputs.clone();
        let error = refusal_of(&tiny);
        assert!(
            matches!(&error, EmbeddingError::Graph { found, .. } if *found == inputs.join(", ")),
            "{error}"
        );
    }
}

#[test]
fn several_outputs_need_a_choice() {
    let mut tiny = Tiny::new("cls");
    tiny.outputs = vec!["states", "pooled"];
    let error = refusal_of(&tiny).to_string();
    assert!(
        error.contains("states, pooled") && error.contains("`output`"),
        "{error}"
    );

    tiny.settings += "output = \"pooler\"\n";
    let error = refusal_of(&tiny).to_string();
    assert!(error.contains("`pooler`"), "{error}");

    tiny.settings = tiny.settings.replace("pooler", "pooled");
    assert_eq!(
        open(&tiny.write()).unwrap().encode_query("pear").unwrap(),
        tiny.state("[CLS]")
    );
}

#[test]
fn pooling_that_does_not_fit_the_output_is_refused() {
    let error = refusal_of(&Tiny::new("none")).to_string();
    assert!(error.contains("states") && error.contains("[1, 3, 4]"), "{error}");

    let dir = linked_copy();
    let settings = std::fs::read_to_string(model().join("model.toml")).unwrap();
    replace(&dir, "model.toml", settings.replace("\"none\"", "\"mean\""));
    let error = refusal(&dir);
    assert!(matches!(error, EmbeddingError::Graph { .. }), "{error}");
}

#[test]
fn a_wrong_dimension_names_both() {
    let dir = linked_copy();
    let settings = std::fs::read_to_string(model().join("model.toml")).unwrap();
    // Golden vectors would contradict the dimension before the graph does.
    let settings = settings.split("[[golden]]").next().unwrap();
    replace(
        &dir,
        "model.toml",
        settings.replace("dimension = 384", "dimension = 512"),
    );
    let error = refusal(&dir);
    assert!(
        matches!(
            error,
            EmbeddingError::Dimension {
                declared: 512,
                found: 384,
                ..
            }
        ),
        "{error}"
    );
    let message = error.to_string();
    assert!(
        message.contains("384") && message.contains("512") && message.contains("model.toml"),
        "{message}"
    );
}

#[test]
fn more_tokens_than_the_graph_has_positions_are_refused_at_open() {
    let dir = linked_copy();
    let settings = std::fs::read_to_string(model().join("model.toml")).unwrap();
    replace(
        &dir,
        "model.toml",
        settings.replace("max_tokens = 256", "max_tokens = 600"),
    );
    let error = refusal(&dir);
    assert!(
        matches!(
            error,
            EmbeddingError::Run {
                texts: 1,
                tokens: 600,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn no_room_for_a_token_beside_the_special_ones_is_refused() {
    let mut tiny = Tiny::new("mean");
    tiny.settings = tiny.settings.replace("max_tokens = 8", "max_tokens = 2");
    let error = refusal_of(&tiny);
    assert!(
        matches!(
            error,
            EmbeddingError::Setting {
                field: "max_tokens",
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn vectors_that_are_not_finite_never_leave() {
    for bad in [f32::NAN, f32::INFINITY] {
        let mut tiny = Tiny::new("mean");
        tiny.table[5][2] = bad;
        let encoder = open(&tiny.write()).unwrap();
        let texts: Vec<&str> = (0..40).map(|i| if i == 23 { "pear" } else { "apple" }).collect();
        let error = encoder.encode_documents(&texts).unwrap_err();
        assert!(matches!(error, EmbeddingError::NotFinite { text: 23 }), "{error}");
        let error = encoder.encode_query("apple pear").unwrap_err();
        assert!(matches!(error, EmbeddingError::NotFinite { text: 0 }), "{error}");
        encoder.encode_query("apple").expect("the encoder lives on");
    }
}

#[test]
fn a_zero_vector_is_refused_where_it_has_to_be_normalized() {
    let mut tiny = Tiny::new("cls");
    tiny.table[1] = [0.0; WIDTH];
    tiny.settings = tiny.settings.replace("normalize = false", "normalize = true");
    let error = refusal_of(&tiny);
    assert!(matches!(error, EmbeddingError::NotFinite { .. }), "{error}");
}

/// A tiny bundle with one golden answer to "apple".
fn golden(vector: &[f32]) -> Tiny {
    let mut tiny = Tiny::new("mean");
    tiny.settings += &format!("[[golden]]\ntext = \"apple\"\nvector = {vector:?}\n");
    tiny
}

#[test]
fn golden_answers_are_checked_at_open() {
    let tiny = Tiny::new("mean");
    let [cls, sep, apple] = ["[CLS]", "[SEP]", "apple"].map(|word| tiny.state(word));
    let right = mean([cls, apple, sep]);
    open(&golden(&right).write()).unwrap();
    // Prefixes are not put before golden texts.
    let mut prefixed = golden(&right);
    prefixed.settings = prefixed
        .settings
        .replace("query_prefix = \"\"", "query_prefix = \"pear \"");
    open(&prefixed.write()).unwrap();
    let mut wrong = right;
    wrong[0] += 1.0;
    let error = refusal_of(&golden(&wrong));
    match &error {
        EmbeddingError::Golden {
            path,
            text,
            cosine,
            bound,
        } => {
            assert!(path.ends_with("model.onnx") && text == "apple", "{error}");
            assert!(*cosine < *bound && *cosine > 0.9 && *bound > 0.999, "{error}");
        }
        _ => panic!("{error}"),
    }
    let message = error.to_string();
    assert!(
        message.contains("\"apple\"") && message.contains("0.99"),
        "{message}"
    );
}

#[test]
fn the_installed_model_gives_its_golden_answers_and_another_graph_does_not() {
    start();
    let bundle = ModelBundle::open(&model()).unwrap();
    assert!(bundle.settings().golden.len() >= 4, "run scripts/setup again");
    let plain = EncoderSettings {
        variant: Some(Variant::Plain),
        ..settings()
    };
    let encoder = Encoder::open(&bundle, plain).unwrap();
    let cosines = bundle
        .check_golden(Variant::Plain, |golden| encoder.encode_query(&golden.text))
        .unwrap();
    assert!(cosines.iter().all(|cosine| *cosine > 0.999_999), "{cosines:?}");
    // A part of one layer's weights is lost.
    let mut graph = std::fs::read(model().join("model.onnx")).unwrap();
    let layer = graph.len() / 4 * 3;
    graph[layer..layer + 200_000].fill(0);
    let dir = linked_copy();
    replace(&dir, "model.onnx", graph);
    let error = refusal(&dir);
    assert!(matches!(error, EmbeddingError::Golden { .. }), "{error}");
}

#[test]
fn a_reranker_is_no_encoder() {
    let mut tiny = Tiny::new("none");
    tiny.settings = tiny
        .settings
        .replace("dimension = 4", "task = \"rerank\"\ndimension = 1");
    let message = refusal_of(&tiny).to_string();
    assert!(message.contains("task is \"rerank\""), "{message}");
}

#[test]
fn a_variant_that_is_missing_or_stale_is_refused_before_it_is_loaded() {
    start();
    let int8 = EncoderSettings {
        variant: Some(Variant::Int8),
        ..settings()
    };
    let dir = linked_copy();
    for (content, reason) in [(None, "no such file"), (Some("not a graph"), "damaged")] {
        if let Some(content) = content {
            std::fs::write(dir.path().join("model.int8.onnx"), content).unwrap();
        }
        let error = Encoder::open(&ModelBundle::open(dir.path()).unwrap(), int8)
            .err()
            .unwrap();
        assert!(matches!(error, EmbeddingError::Variant { .. }), "{error}");
        assert!(error.to_string().contains(reason), "{error}");
    }
}

#[test]
fn a_damaged_graph_is_refused() {
    let graph = std::fs::read(model().join("model.onnx")).unwrap();
    let middle = graph.len() / 2;
    for content in [&[][..], b"not a graph", &graph[..middle]] {
        let dir = linked_copy();
        replace(&dir, "model.onnx", content);
        let error = refusal(&dir);
        assert!(
            matches!(&error, EmbeddingError::Model { path, .. } if path.ends_with("model.onnx")),
            "{error}"
        );
    }
}

#[test]
fn a_damaged_tokenizer_is_refused() {
    let tokenizer = std::fs::read(model().join("tokenizer.json")).unwrap();
    for content in [&[][..], b"{}", b"\xff\xfe", &tokenizer[..tokenizer.len() / 2]] {
        let dir = linked_copy();
        replace(&dir, "tokenizer.json", content);
        let error = refusal(&dir);
        assert!(
            matches!(&error, EmbeddingError::Tokenizer { path, .. } if path.ends_with("tokenizer.json")),
            "{error}"
        );
    }
}

#[test]
fn a_missing_file_is_named() {
    for name in ["model.onnx", "tokenizer.json", "model.toml"] {
        let dir = linked_copy();
        std::fs::remove_file(dir.path().join(name)).unwrap();
        let error = refusal(&dir);
        assert!(
            matches!(&error, EmbeddingError::MissingFile { path } if path.ends_with(name)),
            "{error}"
        );
        assert!(error.to_string().contains("scripts/setup"), "{error}");
    }
}

#[test]
fn settings_out_of_range_are_refused() {
    start();
    let bundle = ModelBundle::open(&model()).unwrap();
    let none = EncoderSettings {
        documents: LaneSettings::SHARED,
        ..settings()
    };
    let error = Encoder::open(&bundle, none)
        .err()
        .expect("zero sessions are refused");
    assert!(
        matches!(
            error,
            EmbeddingError::Setting {
                field: "queries.sessions and documents.sessions",
                ..
            }
        ),
        "{error}"
    );
}

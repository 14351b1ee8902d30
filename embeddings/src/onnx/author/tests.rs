use std::fs;

use ort::session::Session;
use ort::value::TensorRef;
use safetensors::tensor::TensorView;
use tempfile::TempDir;

use super::*;
use crate::onnx::file::ModelFile;
use crate::onnx::recognize::recognize;
use crate::onnx::styles::{HEADS, INNER, OURS, POSITIONS, WIDTH, WORDS, start, weights};
use crate::runtime;
use crate::transformer::{BertWeights, Linear, Norm};

const MEAN: GraphHead = GraphHead::Embedding {
    pooling: Pooling::Mean,
    normalize: true,
};

type Named = Vec<(String, Vec<usize>, Vec<f32>)>;

/// A model's tensors as its framework stores them: matrices `[outputs, inputs]`.
fn tensors(model: &BertWeights, prefix: &str) -> Named {
    let mut all: Named = Vec::new();
    let mut linear = |name: &str, linear: &Linear| {
        let outputs = linear.bias.len();
        let columns =
            (0..outputs).flat_map(|column| linear.weight.iter().skip(column).step_by(outputs).copied());
        let inputs = linear.weight.len() / outputs;
        all.push((
            format!("{prefix}{name}.weight"),
            vec![outputs, inputs],
            columns.collect(),
        ));
        all.push((format!("{prefix}{name}.bias"), vec![outputs], linear.bias.clone()));
    };
    for (number, layer) in model.layers.iter().enumerate() {
        let at = |name: &str| format!("encoder.layer.{number}.{name}");
        linear(&at("attention.self.query"), &layer.query);
        linear(&at("attention.self.key"), &layer.key);
        linear(&at("attention.self.value"), &layer.value);
        linear(&at("attention.output.dense"), &layer.output);
        linear(&at("intermediate.dense"), &layer.up);
        linear(&at("output.dense"), &layer.down);
    }
    let mut norm = |name: &str, norm: &Norm| {
        all.push((format!("{prefix}{name}.weight"), vec![WIDTH], norm.gamma.clone()));
        all.push((format!("{prefix}{name}.bias"), vec![WIDTH], norm.beta.clone()));
    };
    for (number, layer) in model.layers.iter().enumerate() {
        norm(
            &format!("encoder.layer.{number}.attention.output.LayerNorm"),
            &layer.attention_norm,
        );
        norm(
            &format!("encoder.layer.{number}.output.LayerNorm"),
            &layer.output_norm,
        );
    }
    norm("embeddings.LayerNorm", &model.norm);
    let tables = [
        ("word", &model.words),
        ("position", &model.positions),
        ("token_type", model.types.as_ref().unwrap()),
    ];
    for (name, table) in tables {
        let name = format!("{prefix}embeddings.{name}_embeddings.weight");
        all.push((name, vec![table.len() / WIDTH, WIDTH], table.clone()));
    }
    all
}

/// What a cross-encoder has beside its encoder.
fn with_head(mut all: Named) -> Named {
    let values = |count: usize| (0..count).map(|at| ((at * 7 % 11) as f32 - 5.0) / 20.0).collect();
    all.push((
        "bert.pooler.dense.weight".to_owned(),
        vec![WIDTH, WIDTH],
        values(WIDTH * WIDTH),
    ));
    all.push(("bert.pooler.dense.bias".to_owned(), vec![WIDTH], values(WIDTH)));
    all.push(("classifier.weight".to_owned(), vec![1, WIDTH], values(WIDTH)));
    all.push(("classifier.bias".to_owned(), vec![1], vec![0.25]));
    all
}

fn config() -> String {
    format!(
        r#"{{"model_type": "bert", "hidden_act": "gelu", "hidden_size": {WIDTH}, "num_hidden_layers": 2,
        "num_attention_heads": {HEADS}, "intermediate_size": {INNER}, "layer_norm_eps": 1e-6, "vocab_size": {WORDS}}}"#
    )
}

fn folder(all: &Named, config: &str) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let bytes: Vec<Vec<u8>> = all
        .iter()
        .map(|(_, _, values)| values.iter().flat_map(|value| value.to_le_bytes()).collect())
        .collect();
    let views = all.iter().zip(&bytes).map(|((name, dims, _), bytes)| {
        (
            name.as_str(),
            TensorView::new(Dtype::F32, dims.clone(), bytes).unwrap(),
        )
    });
    fs::write(
        dir.path().join(WEIGHTS),
        safetensors::serialize(views, None).unwrap(),
    )
    .unwrap();
    fs::write(dir.path().join(CONFIG), config).unwrap();
    dir
}

/// The one output for two texts, the second one padded.
fn run(model: &[u8]) -> (Vec<i64>, Vec<f32>) {
    start();
    let environment = runtime::environment().unwrap();
    let mut session = Session::builder(&environment)
        .unwrap()
        .commit_from_memory(model)
        .unwrap();
    let (ids, mask, types) = (
        [1_i64, 5, 7, 2, 3, 0],
        [1_i64, 1, 1, 1, 1, 0],
        [0_i64, 0, 1, 0, 1, 0],
    );
    let tensor = |values| TensorRef::from_array_view(([2_usize, 3], values)).unwrap();
    let inputs =
        ort::inputs![IDS => tensor(&ids[..]), MASK => tensor(&mask[..]), TYPES => tensor(&types[..])];
    let outputs = session.run(inputs).unwrap();
    let (shape, values) = outputs[0].try_extract_tensor::<f32>().unwrap();
    (shape.to_vec(), values.to_vec())
}

#[test]
fn an_authored_graph_has_the_weights_of_its_file() {
    let expected = weights(&OURS);
    for prefix in ["", "bert."] {
        let dir = folder(&tensors(&expected, prefix), &config());
        let bytes = author_graph(dir.path(), "tiny", MEAN).unwrap();
        assert_eq!(
            bytes,
            author_graph(dir.path(), "tiny", MEAN).unwrap(),
            "the same bytes each time"
        );
        let path = dir.path().join("model.onnx");
        fs::write(&path, &bytes).unwrap();
        let found = recognize(&ModelFile::read(&path).unwrap()).unwrap();
        assert!(found.weights == expected);
    }
}

#[test]
fn heads_follow_from_the_states() {
    let dir = folder(&with_head(tensors(&weights(&OURS), "bert.")), &config());
    let head = |pooling, normalize| GraphHead::Embedding { pooling, normalize };
    let answer = |head| run(&author_graph(dir.path(), "tiny", head).unwrap());
    let (shape, states) = answer(head(Pooling::None, false));
    assert_eq!(shape, [2, 3, WIDTH as i64]);
    let state = |text: usize, token: usize| &states[(text * 3 + token) * WIDTH..][..WIDTH];
    let close = |found: &[f32], expected: &[f32]| {
        assert_eq!(found.len(), expected.len());
        for (a, b) in found.iter().zip(expected) {
            assert!((a - b).abs() < 1e-5, "{a} {b}");
        }
    };
    let (shape, first) = answer(head(Pooling::Cls, false));
    assert_eq!(shape, [2, WIDTH as i64]);
    close(&first, &[state(0, 0), state(1, 0)].concat());
    let (_, mean) = answer(head(Pooling::Mean, false));
    let expected: Vec<f32> = state(1, 0)
        .iter()
        .zip(state(1, 1))
        .map(|(a, b)| (a + b) / 2.0)
        .collect();
    close(&mean[WIDTH..], &expected);
    let (_, unit) = answer(head(Pooling::Mean, true));
    let length = expected.iter().map(|value| value * value).sum::<f32>().sqrt();
    close(
        &unit[WIDTH..],
        &expected.iter().map(|value| value / length).collect::<Vec<_>>(),
    );
    let (shape, scores) = answer(GraphHead::Score);
    assert_eq!(shape, [2, 1]);
    let all = with_head(Vec::new());
    let pooled = (0..WIDTH).map(|row| {
        let sum: f32 = state(0, 0)
            .iter()
            .zip(&all[0].2[row * WIDTH..])
            .map(|(a, b)| a * b)
            .sum();
        (sum + all[1].2[row]).tanh() * all[2].2[row]
    });
    close(&scores[..1], &[pooled.sum::<f32>() + 0.25]);
}

#[test]
fn every_activation_is_the_one_that_is_found_again() {
    for (name, expected) in [
        ("gelu", Activation::Gelu),
        ("gelu_new", Activation::GeluTanh),
        ("gelu_pytorch_tanh", Activation::GeluTanh),
        ("relu", Activation::Relu),
    ] {
        let dir = folder(
            &tensors(&weights(&OURS), ""),
            &config().replace("\"gelu\"", &format!("\"{name}\"")),
        );
        let path = dir.path().join("model.onnx");
        fs::write(&path, author_graph(dir.path(), "tiny", MEAN).unwrap()).unwrap();
        let found = recognize(&ModelFile::read(&path).unwrap()).unwrap();
        assert_eq!(found.weights.activation, expected, "{name}");
    }
}

#[test]
fn what_is_missing_or_contradictory_is_named() {
    let good = tensors(&weights(&OURS), "");
    let error = |all: &Named, config: &str, head| {
        author_graph(folder(all, config).path(), "tiny", head)
            .unwrap_err()
            .to_string()
    };
    for (from, to, word) in [
        ("\"bert\"", "\"roberta\"", "model_type"),
        ("\"gelu\"", "\"silu\"", "hidden_act"),
        (
            "\"num_attention_heads\": 2",
            "\"num_attention_heads\": 5",
            "heads",
        ),
        ("\"num_hidden_layers\": 2", "\"num_hidden_layers\": 0", "layers"),
        (
            "\"num_hidden_layers\": 2",
            "\"num_hidden_layers\": 3",
            "encoder.layer.2",
        ),
        ("\"hidden_size\": 32", "\"hidden_size\": 64", "word_embeddings"),
        ("\"layer_norm_eps\"", "\"eps\"", "layer_norm_eps"),
        (
            "\"vocab_size\"",
            "\"position_embedding_type\": \"relative_key\", \"vocab_size\"",
            "position_embedding_type",
        ),
    ] {
        let message = error(&good, &config().replace(from, to), MEAN);
        assert!(message.contains(word), "{word}: {message}");
    }
    for missing in 0..good.len() {
        let mut all = good.clone();
        let (name, ..) = all.remove(missing);
        assert!(error(&all, &config(), MEAN).contains(&name), "{name}");
    }
    assert!(error(&good, &config(), GraphHead::Score).contains("pooler"));
    let mut labels = with_head(tensors(&weights(&OURS), "bert."));
    labels.last_mut().unwrap().1 = vec![2];
    labels.last_mut().unwrap().2 = vec![0.0; 2];
    assert!(error(&labels, &config(), GraphHead::Score).contains("one label"));
    let states = GraphHead::Embedding {
        pooling: Pooling::None,
        normalize: true,
    };
    assert!(error(&good, &config(), states).contains("normalized"));
    let dir = folder(&good, &config());
    fs::write(dir.path().join(WEIGHTS), b"not tensors").unwrap();
    assert!(
        author_graph(dir.path(), "tiny", MEAN)
            .unwrap_err()
            .to_string()
            .contains(WEIGHTS)
    );
    fs::remove_file(dir.path().join(CONFIG)).unwrap();
    let missing = author_graph(dir.path(), "tiny", MEAN).unwrap_err();
    assert!(matches!(missing, EmbeddingError::MissingFile { .. }), "{missing}");
    assert_eq!(POSITIONS * WIDTH, weights(&OURS).positions.len());
}

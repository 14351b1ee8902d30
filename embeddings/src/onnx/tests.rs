//! Recognition and rewriting on graphs as different exporters write them, and on graphs that are not BERT's.

use std::path::PathBuf;

use ort::session::Session;
use ort::value::TensorRef;
use prost::Message;

use super::file::ModelFile;
use super::graph::{IDS, MASK, TYPES};
use super::proto::{ModelProto, NodeProto, data_type};
use super::recognize::{Recognized, recognize};
use super::rewrite::{DOMAIN, OPERATOR, rewrite};
use super::styles::{
    Activations, Attentions, Linears, Norms, OURS, POSITIONS, Places, Style, WIDTH, WORDS, model, weights,
};
use crate::transformer::PackedModel;
use crate::{Result, runtime};

/// All the ways of each part, each in two graphs at least.
fn styles() -> Vec<Style> {
    use {Activations as Acts, Attentions as Att};
    let linears = [Linears::Product, Linears::Turned, Linears::Gemm];
    let norms = [Norms::Whole, Norms::Apart, Norms::Twice];
    let acts = [
        Acts::ErfLast,
        Acts::ErfHalfFirst,
        Acts::Gelu,
        Acts::Tanh,
        Acts::Relu,
    ];
    let attentions = [Att::Penalty, Att::ScaledQuery, Att::Sdpa, Att::Split];
    let places = [Places::Slice, Places::Buffer, Places::Range];
    let mut styles: Vec<Style> = (0..30)
        .map(|number| Style {
            linears: linears[number % 3],
            norms: norms[number / 3 % 3],
            activations: acts[number % 5],
            attentions: attentions[number / 2 % 4],
            places: places[number / 5 % 3],
            types: number % 4 != 1,
        })
        .collect();
    for (attentions, norms) in [
        (Att::Packed, Norms::Skip),
        (Att::MultiHead, Norms::Skip),
        (Att::Packed, Norms::Whole),
    ] {
        styles.push(Style {
            attentions,
            norms,
            activations: Acts::BiasGelu,
            ..OURS
        });
    }
    styles
}

fn file(model: &ModelProto) -> ModelFile {
    ModelFile {
        path: PathBuf::from("model.onnx"),
        model: model.clone(),
    }
}

fn found(model: &ModelProto) -> Result<Recognized> {
    recognize(&file(model))
}

fn reason(model: &ModelProto) -> String {
    found(model).unwrap_err().to_string()
}

/// States of two texts, the second one padded, by ONNX Runtime.
fn run(model: &ModelProto) -> Vec<f32> {
    super::styles::start();
    let environment = runtime::environment().unwrap();
    let mut session = Session::builder(&environment).unwrap();
    let mut session = session.commit_from_memory(&model.encode_to_vec()).unwrap();
    let ids: Vec<i64> = (0..14).map(|at| (at * 5 + 1) % WORDS as i64).collect();
    let mask: Vec<i64> = (0..14).map(|at| i64::from(at < 11)).collect();
    let types: Vec<i64> = (0..14).map(|at| i64::from(at % 7 > 3)).collect();
    let tensor = |name: &str| match name {
        IDS => TensorRef::from_array_view(([2, 7], ids.as_slice())).unwrap(),
        MASK => TensorRef::from_array_view(([2, 7], mask.as_slice())).unwrap(),
        _ => TensorRef::from_array_view(([2, 7], types.as_slice())).unwrap(),
    };
    let names: Vec<String> = session
        .inputs()
        .iter()
        .map(|input| input.name().to_owned())
        .collect();
    let inputs: Vec<_> = names.iter().map(|name| (name.as_str(), tensor(name))).collect();
    let outputs = session.run(inputs).unwrap();
    let (_, states) = outputs["states"].try_extract_tensor::<f32>().unwrap();
    states
        .chunks(WIDTH)
        .zip(&mask)
        .filter(|(_, keep)| **keep == 1)
        .flat_map(|(row, _)| row.to_vec())
        .collect()
}

#[test]
fn weights_are_found_in_every_style() {
    for style in styles() {
        let found = found(&model(style)).unwrap_or_else(|error| panic!("{style:?}: {error}"));
        assert!(found.weights == weights(&style), "{style:?}");
        assert_eq!((found.states.len(), found.half), (4, false), "{style:?}");
    }
}

/// The test's own graphs are right: whatever the style, ONNX Runtime computes the same from them.
#[test]
fn styles_differ_in_writing_only() {
    for style in styles() {
        let plain = Style {
            activations: style.activations,
            types: style.types,
            ..OURS
        };
        let plain = match plain.activations {
            Activations::Tanh | Activations::Relu => plain,
            _ => Style {
                activations: Activations::ErfLast,
                ..plain
            },
        };
        let (found, expected) = (run(&model(style)), run(&model(plain)));
        assert_eq!(found.len(), expected.len());
        let most = found
            .iter()
            .zip(&expected)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f32::max);
        assert!(most < 2e-4, "{style:?}: {most}");
    }
}

#[test]
fn half_precision_weights_are_widened() {
    let mut half = model(OURS);
    for tensor in &mut half.graph.as_mut().unwrap().initializer {
        if tensor.data_type() == data_type::FLOAT {
            let wide = tensor.raw_data.take().unwrap();
            let narrow = |raw: &[u8; 4]| half::f16::from_f32(f32::from_le_bytes(*raw)).to_le_bytes();
            tensor.raw_data = Some(wide.as_chunks::<4>().0.iter().flat_map(narrow).collect());
            tensor.data_type = Some(data_type::FLOAT16);
        }
    }
    let found = found(&half).unwrap();
    assert!(found.half);
    let exact = weights(&OURS);
    for (found, exact) in found.weights.words.iter().zip(&exact.words) {
        assert_eq!(*found, half::f16::from_f32(*exact).to_f32());
    }
    let rewritten = rewrite(&file(&half), &found, &packed(), "", "data").unwrap();
    let nodes = &rewritten.model.graph.as_ref().unwrap().node;
    assert_eq!((nodes[0].op_type(), nodes[1].op_type()), (OPERATOR, "Cast"));
    assert_eq!(nodes[1].output[0], found.hidden);
}

#[test]
fn other_architectures_are_refused_by_what_they_do_otherwise() {
    let from_ids = reason(&model(Style {
        places: Places::FromIds,
        ..OURS
    }));
    assert!(
        from_ids.contains("computed from the ids") && from_ids.contains("keep using model.onnx"),
        "{from_ids}"
    );

    let relative = changed(|model| {
        let graph = model.graph.as_mut().unwrap();
        let bias = graph
            .initializer
            .iter()
            .find(|tensor| tensor.name() == "positions_table")
            .unwrap()
            .clone();
        let name = "relative".to_owned();
        graph.initializer.push(super::proto::TensorProto {
            name: Some(name.clone()),
            ..bias
        });
        let penalty = graph
            .node
            .iter_mut()
            .find(|node| node.output[0] == "layer.1.attention.penalty.padding")
            .unwrap();
        penalty.input[0] = name;
    });
    assert!(
        reason(&relative).contains("relative positions"),
        "{}",
        reason(&relative)
    );

    let scaled = changed(|model| {
        for tensor in &mut model.graph.as_mut().unwrap().initializer {
            if tensor.name() == "factor" {
                tensor.raw_data = Some(1.0_f32.to_le_bytes().to_vec());
            }
        }
    });
    assert!(reason(&scaled).contains("scaled by 1"), "{}", reason(&scaled));

    let unmasked = changed(|model| {
        let graph = model.graph.as_mut().unwrap();
        for node in &mut graph.node {
            if node.op_type() == "Softmax" {
                node.input[0] = node.input[0].replace("scores", "scaled");
            }
        }
    });
    assert!(reason(&unmasked).contains("no mask"), "{}", reason(&unmasked));

    let sigmoid = changed(|model| rename(model, "Erf", "Sigmoid"));
    assert!(reason(&sigmoid).contains("activation"), "{}", reason(&sigmoid));
    let before = changed(|model| rename(model, "LayerNormalization", "RMSNormalization"));
    assert!(
        reason(&before).contains("no layer normalization"),
        "{}",
        reason(&before)
    );
    let quantized = changed(|model| {
        rename(model, "MatMul", "MatMulInteger");
        rename(model, "LayerNormalization", "Other");
    });
    assert!(
        reason(&quantized).contains("quantized already"),
        "{}",
        reason(&quantized)
    );
    let nameless = changed(|model| model.graph.as_mut().unwrap().input[1].name = Some("mask".to_owned()));
    assert!(
        reason(&nameless).contains("attention_mask"),
        "{}",
        reason(&nameless)
    );
}

fn changed(change: impl FnOnce(&mut ModelProto)) -> ModelProto {
    let mut model = model(OURS);
    change(&mut model);
    model
}

fn rename(model: &mut ModelProto, from: &str, to: &str) {
    for node in &mut model.graph.as_mut().unwrap().node {
        if node.op_type() == from {
            node.op_type = Some(to.to_owned());
        }
    }
}

/// Graphs with a node or an initializer less never panic, and never pass for whole ones.
#[test]
fn a_graph_that_lacks_a_part_is_refused() {
    for style in [
        OURS,
        Style {
            attentions: Attentions::Sdpa,
            norms: Norms::Apart,
            ..OURS
        },
    ] {
        let whole = model(style);
        let graph = whole.graph.as_ref().unwrap();
        for missing in 0..graph.node.len() - 1 {
            let mut model = whole.clone();
            let node = model.graph.as_mut().unwrap().node.remove(missing);
            let found = found(&model);
            // What is made of a shape alone, or guards against NaN, is not looked at.
            let unread = ["key_size", "head_width", "root", "inverse", "factor", "nan"];
            let passes = unread
                .iter()
                .any(|part| node.name().contains(&format!("attention.{part}")));
            assert!(found.is_err() || passes, "{style:?} without {}", node.name());
        }
        for missing in 0..graph.initializer.len() {
            let mut model = whole.clone();
            let tensor = model.graph.as_mut().unwrap().initializer.remove(missing);
            let large = tensor.dims.iter().product::<i64>() >= WIDTH as i64;
            assert!(
                !large || found(&model).is_err(),
                "{style:?} without {}",
                tensor.name()
            );
        }
    }
}

fn packed() -> PackedModel {
    PackedModel {
        weights: (0..200).collect(),
        floats: vec![1.0, -2.0, 3.5],
    }
}

#[test]
fn the_rewritten_graph_keeps_what_follows_and_drops_what_it_replaces() {
    let mut plain = model(OURS);
    let graph = plain.graph.as_mut().unwrap();
    // Something after the encoder asks for the shape of an inner state.
    let mut builder = super::builder::GraphBuilder::default();
    builder.node("Shape", &["layer.0.down.norm"], "asked");
    let asked = builder.finish("", 8, &[]).graph.unwrap().node.remove(0);
    graph.node.push(asked);
    graph.output.push(super::proto::ValueInfoProto {
        name: Some("asked".to_owned()),
        ..Default::default()
    });
    plain.doc_string = Some("kept".to_owned());
    let found = found(&plain).unwrap();
    let rewritten = rewrite(&file(&plain), &found, &packed(), "digest", "model.int8.onnx.data").unwrap();
    let graph = rewritten.model.graph.as_ref().unwrap();
    let kinds: Vec<&str> = graph.node.iter().map(NodeProto::op_type).collect();
    assert_eq!(kinds, [OPERATOR, "Identity", "Shape"]);
    assert_eq!(graph.node[2].input, std::slice::from_ref(&found.hidden));
    assert_eq!(
        graph.node[0].input,
        [IDS, MASK, TYPES, "alike.words", "alike.weights", "alike.floats"]
    );
    assert_eq!(graph.node[0].domain(), DOMAIN);
    assert_eq!(graph.initializer.len(), 3);
    assert_eq!(graph.input, plain.graph.as_ref().unwrap().input);
    assert_eq!(rewritten.model.doc_string(), "kept");
    assert!(
        rewritten
            .model
            .opset_import
            .iter()
            .any(|opset| opset.domain() == DOMAIN && opset.version() == 1)
    );
    let ints: Vec<(&str, i64)> = graph.node[0]
        .attribute
        .iter()
        .filter_map(|a| Some((a.name(), a.i?)))
        .collect();
    let expected = [
        ("layers", 2),
        ("heads", 2),
        ("width", 32),
        ("inner", 48),
        ("positions", POSITIONS as i64),
        ("types", 2),
    ];
    assert_eq!(ints[..6], expected);
}

#[test]
fn constants_lie_aligned_in_their_file_and_metadata_binds_it() {
    let plain = model(OURS);
    let found = found(&plain).unwrap();
    let rewritten = rewrite(&file(&plain), &found, &packed(), "digest", "model.int8.onnx.data").unwrap();
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("model.int8.onnx.data"), &rewritten.data).unwrap();
    std::fs::write(
        dir.path().join("model.int8.onnx"),
        rewritten.model.encode_to_vec(),
    )
    .unwrap();
    let file = ModelFile::read(&dir.path().join("model.int8.onnx")).unwrap();
    let tensors: Vec<_> = file.graph().unwrap().initializer.iter().collect();
    for tensor in &tensors {
        let offset = tensor
            .external_data
            .iter()
            .find(|entry| entry.key() == "offset")
            .unwrap();
        assert!(offset.value().parse::<usize>().unwrap().is_multiple_of(4096));
    }
    assert_eq!(
        file.tensor(tensors[0]).unwrap().as_floats().unwrap(),
        found.weights.words
    );
    let bytes: Vec<i64> = (0..200).collect();
    assert_eq!(file.tensor(tensors[1]).unwrap().as_ints().unwrap(), bytes);
    assert_eq!(
        file.tensor(tensors[2]).unwrap().as_floats().unwrap(),
        packed().floats
    );
    let digest = blake3::hash(&rewritten.data).to_hex();
    assert_eq!(file.metadata("alike.weights"), Some(digest.as_str()));
    assert_eq!(
        (file.metadata("alike.source"), file.metadata("alike.format")),
        (Some("digest"), Some("2"))
    );
}

#[test]
fn an_inner_state_that_someone_else_reads_is_refused() {
    let mut plain = model(OURS);
    let graph = plain.graph.as_mut().unwrap();
    graph.output.push(super::proto::ValueInfoProto {
        name: Some("layer.0.down.norm".to_owned()),
        ..Default::default()
    });
    let found = found(&plain).unwrap();
    let error = rewrite(&file(&plain), &found, &packed(), "", "data")
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("layer.0.down.norm"), "{error}");
}

#[test]
fn a_graph_without_token_types_gets_none() {
    let plain = model(Style { types: false, ..OURS });
    let found = found(&plain).unwrap();
    let rewritten = rewrite(&file(&plain), &found, &packed(), "", "data").unwrap();
    let node = &rewritten.model.graph.as_ref().unwrap().node[0];
    assert_eq!(node.input[2], IDS);
    assert_eq!(
        node.attribute.iter().find(|a| a.name() == "types").unwrap().i,
        Some(0)
    );
}

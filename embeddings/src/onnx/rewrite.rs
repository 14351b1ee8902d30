//! The graph with its encoder replaced by one `BertEncoder` node; what follows the encoder stays as it is.
//!
//! The node reads the three inputs and three constants that lie in a file of their own, each aligned to a page:
//!
//! | input | name | type | dims |
//! |---|---|---|---|
//! | 0, 1, 2 | `input_ids`, `attention_mask`, `token_type_ids` | int64 | `[texts, tokens]` |
//! | 3 | `alike.words` | float32 | `[vocabulary, width]` |
//! | 4 | `alike.weights` | uint8 | `[bytes]` |
//! | 5 | `alike.floats` | float32 | `[count]` |
//!
//! In a graph without `token_type_ids` input 2 is `input_ids` again, and the attribute `types` is 0 where token types
//! play no part: the operator must not read input 2 then.

use std::collections::HashSet;

use super::builder::{Axis, float, int, text, value_info};
use super::file::ModelFile;
use super::graph::{IDS, MASK, TYPES};
use super::proto::{
    AttributeProto, EXTERNAL, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto,
    TensorProto, data_type,
};
use super::recognize::Recognized;
use crate::bundle::{FORMAT_KEY, POOLED_BY_MEAN, POOLING_KEY, SOURCE_KEY, VARIANT_FORMAT, WEIGHTS_KEY};
use crate::transformer::{Activation, PackedModel};
use crate::{EmbeddingError, Result};

/// Domain and name of the operator.
pub(crate) const DOMAIN: &str = "ai.alike";
pub(crate) const OPERATOR: &str = "BertEncoder";
/// Version of the operator set.
const VERSION: i64 = 1;
/// Constants begin at multiples of this, so that they can be mapped.
const ALIGNMENT: usize = 4096;
/// Names of the constants.
const WORDS: &str = "alike.words";
const WEIGHTS: &str = "alike.weights";
const FLOATS: &str = "alike.floats";

/// A variant, ready to be written.
pub(crate) struct Rewritten {
    /// The graph; its `alike.weights` metadata is the digest of `data`.
    pub model: ModelProto,
    /// The constants' file.
    pub data: Vec<u8>,
}

/// Replaces the encoder that was found in `file`.
///
/// `source` is the BLAKE3 digest (hexadecimal) of the file's content, `location` the name under which the constants' file
/// will lie beside the graph.
///
/// # Errors
/// [`EmbeddingError::Optimize`] where something else in the graph reads the encoder's inside.
pub(crate) fn rewrite(
    file: &ModelFile,
    found: &Recognized,
    packed: &PackedModel,
    source: &str,
    location: &str,
) -> Result<Rewritten> {
    let mut data = DataFile {
        location,
        bytes: Vec::new(),
    };
    let weights = &found.weights;
    let vocabulary = weights.words.len() / weights.width.max(1);
    let constants = [
        data.add(
            WORDS,
            data_type::FLOAT,
            &[vocabulary, weights.width],
            &bytes(&weights.words),
        ),
        data.add(
            WEIGHTS,
            data_type::UINT8,
            &[packed.weights.len()],
            &packed.weights,
        ),
        data.add(
            FLOATS,
            data_type::FLOAT,
            &[packed.floats.len()],
            &bytes(&packed.floats),
        ),
    ];
    let mut model = file.model.clone();
    if let Some(graph) = &mut model.graph {
        replace(graph, found, constants);
        check(graph, found).map_err(|reason| EmbeddingError::Optimize {
            path: file.path.clone(),
            reason,
        })?;
    }
    import(&mut model);
    let digest = blake3::hash(&data.bytes).to_hex().to_string();
    for (key, value) in [
        (SOURCE_KEY, source),
        (WEIGHTS_KEY, &digest),
        (FORMAT_KEY, VARIANT_FORMAT),
    ] {
        model.metadata_props.retain(|entry| entry.key() != key);
        model.metadata_props.push(entry(key, value));
    }
    Ok(Rewritten {
        model,
        data: data.bytes,
    })
}

/// Ends a rewritten graph with the hidden states: whoever runs it pools them. None where they are in 16 bits.
pub(crate) fn without_pooling(rewritten: &ModelProto, found: &Recognized) -> Option<ModelProto> {
    let mut model = rewritten.clone();
    let graph = model.graph.as_mut().filter(|_| !found.half)?;
    let axes = [
        Axis::Named("texts"),
        Axis::Named("tokens"),
        Axis::Fixed(found.weights.width),
    ];
    graph.output = vec![value_info(&found.hidden, data_type::FLOAT, &axes)];
    drop_unread(graph);
    model.metadata_props.push(entry(POOLING_KEY, POOLED_BY_MEAN));
    Some(model)
}

fn bytes(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}

fn entry(key: &str, value: &str) -> StringStringEntryProto {
    StringStringEntryProto {
        key: Some(key.to_owned()),
        value: Some(value.to_owned()),
    }
}

/// The constants' file under construction.
struct DataFile<'a> {
    location: &'a str,
    bytes: Vec<u8>,
}

impl DataFile<'_> {
    fn add(&mut self, name: &str, kind: i32, dims: &[usize], content: &[u8]) -> TensorProto {
        self.bytes.resize(self.bytes.len().next_multiple_of(ALIGNMENT), 0);
        let offset = self.bytes.len();
        self.bytes.extend_from_slice(content);
        TensorProto {
            name: Some(name.to_owned()),
            data_type: Some(kind),
            dims: dims.iter().map(|&dim| dim as i64).collect(),
            external_data: vec![
                entry("location", self.location),
                entry("offset", &offset.to_string()),
                entry("length", &content.len().to_string()),
            ],
            data_location: Some(EXTERNAL),
            ..TensorProto::default()
        }
    }
}

/// Puts the node in place of what makes the hidden states, and drops what nothing reads any more.
fn replace(graph: &mut GraphProto, found: &Recognized, constants: [TensorProto; 3]) {
    let hidden = found.hidden.as_str();
    graph
        .node
        .retain(|node| !node.output.iter().any(|output| output == hidden));
    for node in graph.node.iter_mut().filter(|node| node.op_type() == "Shape") {
        // The states all have one shape: who asks for another's can take the last one's, and the others can go.
        node.input
            .iter_mut()
            .filter(|input| found.states.contains(input))
            .for_each(|input| hidden.clone_into(input));
    }
    let encoder = encoder(graph, found);
    graph.node.splice(0..0, encoder);
    graph.initializer.extend(constants);
    drop_unread(graph);
}

/// The node that computes the hidden states from the inputs, and a conversion where the graph works in 16 bits.
fn encoder(graph: &GraphProto, found: &Recognized) -> Vec<NodeProto> {
    let has_types = graph.input.iter().any(|input| input.name() == TYPES);
    let types = if has_types { TYPES } else { IDS };
    let wide = format!("{}.float", found.hidden);
    let output = if found.half {
        wide.as_str()
    } else {
        found.hidden.as_str()
    };
    let mut nodes = vec![NodeProto {
        input: [IDS, MASK, types, WORDS, WEIGHTS, FLOATS]
            .map(str::to_owned)
            .to_vec(),
        output: vec![output.to_owned()],
        name: Some("alike.encoder".to_owned()),
        op_type: Some(OPERATOR.to_owned()),
        domain: Some(DOMAIN.to_owned()),
        attribute: attributes(found),
        ..NodeProto::default()
    }];
    if found.half {
        nodes.push(NodeProto {
            input: vec![wide.clone()],
            output: vec![found.hidden.clone()],
            name: Some("alike.narrow".to_owned()),
            op_type: Some("Cast".to_owned()),
            attribute: vec![int("to", i64::from(data_type::FLOAT16))],
            ..NodeProto::default()
        });
    }
    nodes
}

fn attributes(found: &Recognized) -> Vec<AttributeProto> {
    let weights = &found.weights;
    let rows = |table: &[f32]| table.len() / weights.width.max(1);
    let activation = match weights.activation {
        Activation::Gelu => "gelu",
        Activation::GeluTanh => "gelu_tanh",
        Activation::Relu => "relu",
    };
    let count = |name, value: usize| int(name, value as i64);
    vec![
        count("layers", weights.layers.len()),
        count("heads", weights.heads),
        count("width", weights.width),
        count("inner", weights.inner),
        count("positions", rows(&weights.positions)),
        count("types", weights.types.as_deref().map_or(0, rows)),
        float("epsilon", weights.epsilon),
        text("activation", activation),
    ]
}

/// Drops nodes and initializers that no output of the graph needs.
fn drop_unread(graph: &mut GraphProto) {
    let mut needed: HashSet<String> = graph
        .output
        .iter()
        .map(|output| output.name().to_owned())
        .collect();
    let mut kept = Vec::with_capacity(graph.node.len());
    for node in graph.node.drain(..).rev() {
        if node.output.iter().any(|output| needed.contains(output)) {
            read_by(&node, &mut needed);
            kept.push(node);
        }
    }
    kept.reverse();
    graph.node = kept;
    let dropped: HashSet<String> = graph
        .initializer
        .iter()
        .map(|tensor| tensor.name().to_owned())
        .filter(|name| !needed.contains(name))
        .collect();
    graph
        .initializer
        .retain(|tensor| !dropped.contains(tensor.name()));
    // Old models declare initializers as inputs too.
    graph.input.retain(|input| !dropped.contains(input.name()));
    graph.sparse_initializer.retain(|tensor| {
        tensor
            .values
            .as_ref()
            .is_some_and(|values| needed.contains(values.name()))
    });
    graph
        .quantization_annotation
        .retain(|annotation| needed.contains(annotation.tensor_name()));
    graph.value_info.retain(|value| needed.contains(value.name()));
}

/// Adds what a node reads, its subgraphs included.
fn read_by(node: &NodeProto, names: &mut HashSet<String>) {
    names.extend(node.input.iter().filter(|input| !input.is_empty()).cloned());
    for attribute in &node.attribute {
        for graph in attribute.g.iter().chain(&attribute.graphs) {
            graph.node.iter().for_each(|node| read_by(node, names));
            names.extend(graph.output.iter().map(|output| output.name().to_owned()));
        }
    }
}

/// Refuses a graph in which the encoder's inside is still needed: it would run twice.
fn check(graph: &GraphProto, found: &Recognized) -> std::result::Result<(), String> {
    for state in &found.states {
        if graph.node.iter().any(|node| node.output.contains(state)) {
            let reader = graph.node.iter().find(|node| node.input.contains(state));
            let reader = reader.map_or("an output of the graph", node_name);
            return Err(format!("the inner state `{state}` is also read by {reader}"));
        }
    }
    Ok(())
}

fn node_name(node: &NodeProto) -> &str {
    if node.name().is_empty() {
        node.op_type()
    } else {
        node.name()
    }
}

fn import(model: &mut ModelProto) {
    model.opset_import.retain(|opset| opset.domain() != DOMAIN);
    model.opset_import.push(OperatorSetIdProto {
        domain: Some(DOMAIN.to_owned()),
        version: Some(VERSION),
    });
}

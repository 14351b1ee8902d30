//! Finds a BERT-family encoder in an ONNX graph, whoever exported it, and reads its weights.
//!
//! The search goes backwards from a layer normalization by what feeds what, and names play no part: a normalized sum of a
//! normalized state and a linear layer is a residual; that linear layer's input is either an activation (feed-forward
//! part) or joined heads (attention); two projections that meet before the softmax are queries and keys, the one
//! multiplied with it is the values. Nodes that rename, convert or reshape are looked through. It ends at a normalized
//! sum that holds a row per word.
//!
//! What is found is plausible, not proven: `optimize` compares the answers before it keeps anything.

mod activation;
mod attention;
mod embedding;
mod linear;
mod norm;

use std::collections::{HashMap, HashSet};

use self::attention::AttentionMatch;
use self::linear::LinearMatch;
use self::norm::NormMatch;
use super::file::ModelFile;
use super::graph::{Graph, IDS, MASK, input, op};
use super::proto::{TensorProto, data_type};
use crate::transformer::{Activation, BertWeights, LayerWeights};
use crate::{EmbeddingError, Result};

/// What was found, or which part was not.
type Found<T> = std::result::Result<T, String>;

/// Layers of the deepest encoder that is followed.
const MOST_LAYERS: usize = 256;
/// Largest relative difference between the epsilons of normalizations.
const EPSILON_TOLERANCE: f32 = 1e-3;

/// An encoder found in a graph.
#[derive(Debug)]
pub(crate) struct Recognized {
    /// Everything that the encoder is made of.
    pub weights: BertWeights,
    /// The value that holds the last hidden states `[texts, tokens, width]`.
    pub hidden: String,
    /// The values that hold the states before each layer and inside of it, all of the same shape as `hidden`.
    pub states: Vec<String>,
    /// Whether `hidden` is in 16-bit floats.
    pub half: bool,
}

/// Finds the encoder of a model file.
///
/// # Errors
/// [`EmbeddingError::Optimize`] says which part was not found.
pub(crate) fn recognize(file: &ModelFile) -> Result<Recognized> {
    let graph = Graph::new(file)?;
    let failed = |reason| EmbeddingError::Optimize {
        path: file.path.clone(),
        reason,
    };
    for name in [IDS, MASK] {
        if !graph.has_input(name) {
            return Err(failed(format!("the graph has no input `{name}`")));
        }
    }
    Search::new(&graph).run().map_err(failed)
}

/// A graph and its layer normalizations.
struct Search<'g, 'a> {
    graph: &'g Graph<'a>,
    norms: Vec<NormMatch<'a>>,
    by_output: HashMap<&'a str, usize>,
}

/// A transformer layer, from the states `before` to its last normalization.
struct LayerMatch<'a> {
    attention: AttentionMatch<'a>,
    output: LinearMatch<'a>,
    attention_norm: usize,
    up: LinearMatch<'a>,
    activation: Activation,
    down: LinearMatch<'a>,
    output_norm: usize,
    before: usize,
}

/// A normalized sum: of a change, and of the states (another normalization) that it changes.
struct Residual<'a> {
    change: LinearMatch<'a>,
    states: usize,
}

impl<'g, 'a> Search<'g, 'a> {
    fn new(graph: &'g Graph<'a>) -> Self {
        let norms: Vec<_> = graph
            .graph
            .node
            .iter()
            .filter_map(|node| norm::norm(graph, node))
            .collect();
        let by_output = norms
            .iter()
            .enumerate()
            .map(|(index, norm)| (norm.output, index))
            .collect();
        Self {
            graph,
            norms,
            by_output,
        }
    }

    /// The normalization whose result is `value`.
    fn norm_at(&self, value: &str) -> Option<usize> {
        self.by_output.get(value).copied()
    }

    /// Tries each normalization as the last one, the last in the graph first; where attention or a residual sum follows, a
    /// layer would be left out. The reason is that of the longest try.
    fn run(&self) -> Found<Recognized> {
        let mut reason = (0, self.nothing());
        for last in (0..self.norms.len()).rev() {
            let (layers, end) = self.layers(last);
            let found = end.and_then(|embeddings| self.assemble(last, &layers, embeddings));
            match found {
                Ok(found) if !self.layer_follows(&found.hidden) => return Ok(found),
                Ok(_) => {}
                Err(other) if layers.len() > reason.0 || (reason.0 == 0 && last + 1 == self.norms.len()) => {
                    reason = (layers.len(), other);
                }
                Err(_) => {}
            }
        }
        Err(reason.1)
    }

    /// Whether `states` are normalized in a sum, or two values made from them multiplied with each other, as attention
    /// does twice.
    fn layer_follows(&self, states: &str) -> bool {
        if self
            .norms
            .iter()
            .any(|norm| self.sum(&norm.inputs).terms.contains(&states))
        {
            return true;
        }
        let mut made = HashSet::from([states]);
        for node in &self.graph.graph.node {
            let inputs = node
                .input
                .iter()
                .filter(|input| made.contains(input.as_str()))
                .count();
            match op(node) {
                "MatMul" | "FusedMatMul" if inputs > 1 => return true,
                "Attention" | "MultiHeadAttention" if inputs > 0 => return true,
                "Shape" => {}
                _ if inputs > 0 => made.extend(node.output.iter().map(String::as_str)),
                _ => {}
            }
        }
        false
    }

    fn nothing(&self) -> String {
        let quantized = |node: &super::proto::NodeProto| {
            ["MatMulInteger", "QLinearMatMul", "MatMulNBits"].contains(&node.op_type())
        };
        if self.graph.graph.node.iter().any(quantized) {
            return "its matrices are quantized already; start from the float model".to_owned();
        }
        if !self.graph.file.model.functions.is_empty() {
            return "no layer normalization was found; the model has functions of its own: export it with them inlined"
                .to_owned();
        }
        "no layer normalization was found".to_owned()
    }

    /// The layers that end in the normalization `last`, the last one first, and the normalization of the embeddings.
    fn layers(&self, last: usize) -> (Vec<LayerMatch<'a>>, Found<usize>) {
        let (mut layers, mut at) = (Vec::new(), last);
        while layers.len() <= MOST_LAYERS {
            if self.is_embedding(&self.norms[at]) {
                let found = if layers.is_empty() {
                    Err("no transformer layer was found".to_owned())
                } else {
                    Ok(at)
                };
                return (layers, found);
            }
            match self.layer(at) {
                Ok(layer) => {
                    at = layer.before;
                    layers.push(layer);
                }
                Err(reason) => {
                    let place = format!("{reason} (in the layer that ends in `{}`)", self.norms[at].output);
                    return (layers, Err(place));
                }
            }
        }
        (layers, Err(format!("more than {MOST_LAYERS} layers")))
    }

    fn layer(&self, output_norm: usize) -> Found<LayerMatch<'a>> {
        let feed_forward = self.residual(output_norm)?;
        let (up, activation) = self.activated(feed_forward.change.input)?;
        let attention_norm = feed_forward.states;
        let inner = self.norm_at(up.input);
        if inner != Some(attention_norm) {
            return Err(format!(
                "the feed-forward part reads `{}`, not the normalized attention",
                up.input
            ));
        }
        let attended = self.residual(attention_norm)?;
        let attention = self.attention(attended.change.input)?;
        for projection in [&attention.query, &attention.key, &attention.value] {
            if self.norm_at(projection.input) != Some(attended.states) {
                return Err(format!(
                    "attention reads `{}`, not the states before the layer",
                    projection.input
                ));
            }
        }
        Ok(LayerMatch {
            attention,
            output: attended.change,
            attention_norm,
            up,
            activation,
            down: feed_forward.change,
            output_norm,
            before: attended.states,
        })
    }

    fn residual(&self, norm: usize) -> Found<Residual<'a>> {
        let norm = &self.norms[norm];
        let mut sum = self.sum(&norm.inputs);
        sum.biases.extend(norm.bias);
        let shape = || {
            format!(
                "`{}` does not normalize a sum of a linear layer and earlier states",
                norm.output
            )
        };
        let [a, b] = sum.terms.as_slice() else {
            return Err(shape());
        };
        let (states, change) = match (self.norm_at(a), self.norm_at(b)) {
            (Some(states), None) => (states, b),
            (None, Some(states)) => (states, a),
            _ => return Err(shape()),
        };
        Ok(Residual {
            change: self.product(change, sum.biases).ok_or_else(shape)?,
            states,
        })
    }

    fn assemble(&self, last: usize, layers: &[LayerMatch<'a>], embeddings: usize) -> Found<Recognized> {
        let first = layers.first().ok_or("no transformer layer was found")?;
        let norm = &self.norms[embeddings];
        let tables = self.embedding(norm)?;
        let shape = Shape {
            width: tables.width,
            inner: first.up.outputs(),
            heads: first.attention.heads,
        };
        let mut read = Vec::with_capacity(layers.len());
        for layer in layers.iter().rev() {
            shape.check(layer)?;
            if layer.activation != first.activation {
                return Err("layers differ in their activation".to_owned());
            }
            read.push(self.load(layer, tables.width)?);
        }
        let used = layers
            .iter()
            .flat_map(|layer| [layer.output_norm, layer.attention_norm])
            .chain([embeddings]);
        self.check_epsilons(used.clone(), norm.epsilon)?;
        let states = used
            .filter(|&state| state != last)
            .map(|state| self.norms[state].output.to_owned());
        let gamma = self.stored(self.norms[last].gamma);
        Ok(Recognized {
            hidden: self.norms[last].output.to_owned(),
            states: states.collect(),
            half: gamma.is_some_and(|gamma| gamma.data_type() == data_type::FLOAT16),
            weights: BertWeights {
                width: shape.width,
                heads: shape.heads,
                inner: shape.inner,
                epsilon: norm.epsilon,
                activation: first.activation,
                words: tables.words,
                positions: tables.positions,
                types: tables.types,
                norm: norm.load(self.graph, shape.width)?,
                layers: read,
            },
        })
    }

    /// The initializer behind a name, which may be an alias.
    fn stored(&self, mut value: &'a str) -> Option<&'a TensorProto> {
        while let Some(node) = self.graph.producer(value).filter(|node| op(node) == "Identity") {
            value = input(node, 0)?;
        }
        self.graph.initializer(value)
    }

    fn check_epsilons(&self, norms: impl Iterator<Item = usize>, expected: f32) -> Found<()> {
        for norm in norms {
            let epsilon = self.norms[norm].epsilon;
            if (epsilon - expected).abs() > EPSILON_TOLERANCE * expected.abs() {
                return Err(format!(
                    "layer normalizations differ in epsilon: {epsilon} and {expected}"
                ));
            }
        }
        Ok(())
    }

    fn load(&self, layer: &LayerMatch<'a>, width: usize) -> Found<LayerWeights> {
        let graph = self.graph;
        Ok(LayerWeights {
            query: layer.attention.query.load(graph)?,
            key: layer.attention.key.load(graph)?,
            value: layer.attention.value.load(graph)?,
            output: layer.output.load(graph)?,
            attention_norm: self.norms[layer.attention_norm].load(graph, width)?,
            up: layer.up.load(graph)?,
            down: layer.down.load(graph)?,
            output_norm: self.norms[layer.output_norm].load(graph, width)?,
        })
    }
}

/// Sizes that every layer has.
struct Shape {
    width: usize,
    inner: usize,
    heads: usize,
}

impl Shape {
    fn check(&self, layer: &LayerMatch<'_>) -> Found<()> {
        let (width, inner) = (self.width, self.inner);
        let attention = &layer.attention;
        let expected = [
            (&attention.query, "query", width, width),
            (&attention.key, "key", width, width),
            (&attention.value, "value", width, width),
            (&layer.output, "attention output", width, width),
            (&layer.up, "first feed-forward", width, inner),
            (&layer.down, "second feed-forward", inner, width),
        ];
        for (linear, name, inputs, outputs) in expected {
            let found = (linear.inputs, linear.outputs());
            if found != (inputs, outputs) {
                return Err(format!(
                    "the {name} matrix is {found:?}, expected {:?}",
                    (inputs, outputs)
                ));
            }
        }
        if attention.heads != self.heads || !width.is_multiple_of(self.heads) {
            return Err(format!(
                "{} heads, other layers have {}, width {width}",
                attention.heads, self.heads
            ));
        }
        Ok(())
    }
}

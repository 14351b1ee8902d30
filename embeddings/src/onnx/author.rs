//! From trained weights (`config.json`, `model.safetensors`) to an ONNX graph, without a training framework.
//!
//! Opset 17, float32; inputs `input_ids`, `attention_mask`, `token_type_ids`, int64 `[batch, tokens]`. Nodes and weights
//! are written in a fixed order and nothing that changes between runs goes in: the same weights give the same bytes.

use std::path::{Path, PathBuf};

use half::{bf16, f16};
use prost::Message;
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;

use super::builder::{Axis, GraphBuilder, float, int, ints};
use super::graph::{IDS, MASK, TYPES};
use super::proto::{ModelProto, data_type};
use crate::transformer::Activation;
use crate::{EmbeddingError, Pooling, Result};

const OPSET: i64 = 17;
/// The intermediate representation that came with opset 17.
const IR_VERSION: i64 = 8;
const CONFIG: &str = "config.json";
const WEIGHTS: &str = "model.safetensors";

/// What follows the encoder in an authored graph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GraphHead {
    /// One vector per text: output `sentence_embedding` `[batch, width]`; with [`Pooling::None`] the states themselves,
    /// output `last_hidden_state` `[batch, tokens, width]`.
    Embedding {
        /// How states become one vector.
        pooling: Pooling,
        /// Scale vectors to length 1; needs a pooling.
        normalize: bool,
    },
    /// A cross-encoder of one label: output `logits` `[batch, 1]`.
    Score,
}

/// Writes the ONNX model of the BERT weights in `dir` as `name`; returns the file's bytes.
///
/// # Errors
/// [`EmbeddingError::Weights`] names the file and what in it is missing, unknown or contradictory.
pub fn author_graph(dir: &Path, name: &str, head: GraphHead) -> Result<Vec<u8>> {
    let config = Config::read(&dir.join(CONFIG))?;
    let path = dir.join(WEIGHTS);
    let content = read(&path)?;
    let tensors = SafeTensors::deserialize(&content).map_err(|error| unexpected(&path, error.to_string()))?;
    let weights = Weights::new(path, tensors)?;
    let writer = Writer {
        config: &config,
        weights: &weights,
        graph: GraphBuilder::default(),
    };
    Ok(writer.model(name, head)?.encode_to_vec())
}

fn unexpected(path: &Path, reason: impl Into<String>) -> EmbeddingError {
    EmbeddingError::Weights {
        path: path.to_owned(),
        reason: reason.into(),
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|source| match source.kind() {
        std::io::ErrorKind::NotFound => EmbeddingError::MissingFile {
            path: path.to_owned(),
        },
        _ => EmbeddingError::Unreadable {
            path: path.to_owned(),
            source,
        },
    })
}

/// What `config.json` says and the tensors don't.
#[derive(Debug, Deserialize)]
struct Config {
    model_type: String,
    hidden_act: String,
    hidden_size: usize,
    num_hidden_layers: usize,
    num_attention_heads: usize,
    layer_norm_eps: f32,
    #[serde(default)]
    position_embedding_type: Option<String>,
}

impl Config {
    fn read(path: &Path) -> Result<Self> {
        let config: Self =
            serde_json::from_slice(&read(path)?).map_err(|error| unexpected(path, error.to_string()))?;
        let positions = config.position_embedding_type.as_deref().unwrap_or("absolute");
        for (field, found, expected) in [
            ("model_type", config.model_type.as_str(), "bert"),
            ("position_embedding_type", positions, "absolute"),
        ] {
            if found != expected {
                return Err(unexpected(
                    path,
                    format!("{field} is \"{found}\", expected \"{expected}\""),
                ));
            }
        }
        if config.activation().is_none() {
            let expected = "\"gelu\", \"gelu_new\", \"gelu_pytorch_tanh\" or \"relu\"";
            return Err(unexpected(
                path,
                format!("hidden_act is \"{}\", expected {expected}", config.hidden_act),
            ));
        }
        let (width, heads) = (config.hidden_size, config.num_attention_heads);
        if heads == 0 || width == 0 || !width.is_multiple_of(heads) || config.num_hidden_layers == 0 {
            let sizes = format!(
                "{} layers, {heads} heads, width {width}",
                config.num_hidden_layers
            );
            return Err(unexpected(
                path,
                format!("{sizes}: heads must divide the width, and none may be 0"),
            ));
        }
        Ok(config)
    }

    fn activation(&self) -> Option<Activation> {
        match self.hidden_act.as_str() {
            "gelu" => Some(Activation::Gelu),
            "gelu_new" | "gelu_pytorch_tanh" | "gelu_fast" => Some(Activation::GeluTanh),
            "relu" => Some(Activation::Relu),
            _ => None,
        }
    }
}

/// The tensors of a file, by the names that BERT gives them.
struct Weights<'a> {
    path: PathBuf,
    tensors: SafeTensors<'a>,
    /// Before the encoder's names: empty, or the name of the whole in a model with a head (`bert.`).
    prefix: String,
}

impl<'a> Weights<'a> {
    fn new(path: PathBuf, tensors: SafeTensors<'a>) -> Result<Self> {
        const WORDS: &str = "embeddings.word_embeddings.weight";
        let prefix = tensors
            .names()
            .into_iter()
            .find_map(|name| name.strip_suffix(WORDS).map(str::to_owned));
        match prefix {
            Some(prefix) => Ok(Self {
                path,
                tensors,
                prefix,
            }),
            None => Err(unexpected(&path, format!("it has no tensor `{WORDS}`"))),
        }
    }

    /// A tensor of the encoder as f32, with its dimensions.
    fn encoder(&self, name: &str) -> Result<(Vec<usize>, Vec<f32>)> {
        self.tensor(&format!("{}{name}", self.prefix))
    }

    fn tensor(&self, name: &str) -> Result<(Vec<usize>, Vec<f32>)> {
        // Weights converted from the first BERT release call a normalization's numbers so.
        let old = name
            .replace("LayerNorm.weight", "LayerNorm.gamma")
            .replace("LayerNorm.bias", "LayerNorm.beta");
        let found = self.tensors.tensor(name).or_else(|_| self.tensors.tensor(&old));
        let view = found.map_err(|_| unexpected(&self.path, format!("it has no tensor `{name}`")))?;
        let bytes = view.data();
        let pairs = || bytes.as_chunks::<2>().0.iter();
        let values = match view.dtype() {
            Dtype::F32 => bytes
                .as_chunks::<4>()
                .0
                .iter()
                .map(|&raw| f32::from_le_bytes(raw))
                .collect(),
            Dtype::F16 => pairs().map(|&raw| f16::from_le_bytes(raw).to_f32()).collect(),
            Dtype::BF16 => pairs().map(|&raw| bf16::from_le_bytes(raw).to_f32()).collect(),
            other => {
                return Err(unexpected(
                    &self.path,
                    format!("`{name}` is of type {other:?}, expected F32, F16 or BF16"),
                ));
            }
        };
        Ok((view.shape().to_vec(), values))
    }
}

/// Adds the encoder's parts to a graph, in the order in which a text passes through them.
struct Writer<'a> {
    config: &'a Config,
    weights: &'a Weights<'a>,
    graph: GraphBuilder,
}

impl Writer<'_> {
    fn model(mut self, name: &str, head: GraphHead) -> Result<ModelProto> {
        let pooled = matches!(head, GraphHead::Embedding { pooling, .. } if pooling != Pooling::None);
        let last = self.config.num_hidden_layers - 1;
        let mut states = self.embeddings()?;
        let penalty = self.mask_penalty();
        for layer in 0..=last {
            states = self.layer(
                layer,
                &states,
                &penalty,
                !pooled && head != GraphHead::Score && layer == last,
            )?;
        }
        [IDS, MASK, TYPES].iter().for_each(|name| self.graph.input(name));
        let width = Axis::Fixed(self.config.hidden_size);
        let batch = Axis::Named("batch");
        match head {
            GraphHead::Score => {
                self.score(&states)?;
                self.graph.output("logits", &[batch, Axis::Fixed(1)]);
            }
            GraphHead::Embedding {
                pooling: Pooling::None,
                normalize: true,
            } => {
                return Err(unexpected(
                    &self.weights.path,
                    "states without pooling can't be normalized in the graph",
                ));
            }
            GraphHead::Embedding {
                pooling: Pooling::None,
                ..
            } => {
                self.graph.output(STATES, &[batch, Axis::Named("tokens"), width]);
            }
            GraphHead::Embedding { pooling, normalize } => {
                self.pool(&states, pooling, normalize);
                self.graph.output(VECTORS, &[batch, width]);
            }
        }
        Ok(self.graph.finish(name, IR_VERSION, &[("", OPSET)]))
    }

    /// A tensor of the encoder as a constant of the same name; its dimensions must be `expected`.
    fn weight(&mut self, name: &str, expected: &[usize]) -> Result<String> {
        let (dims, values) = self.weights.encoder(name)?;
        self.check(name, &dims, expected)?;
        Ok(self.graph.floats(name, &dims, &values))
    }

    fn check(&self, name: &str, dims: &[usize], expected: &[usize]) -> Result<()> {
        if dims == expected {
            return Ok(());
        }
        Err(unexpected(
            &self.weights.path,
            format!("`{name}` is {dims:?}, config.json means {expected:?}"),
        ))
    }

    /// A table of embeddings, whatever its length.
    fn table(&mut self, name: &str) -> Result<String> {
        let (dims, values) = self.weights.encoder(name)?;
        let rows = dims.first().copied().unwrap_or(0).max(1);
        self.check(name, &dims, &[rows, self.config.hidden_size])?;
        Ok(self.graph.floats(name, &dims, &values))
    }

    /// states · Wᵀ + b; the weight is stored transposed so that the graph holds a plain product.
    fn linear(&mut self, prefix: &str, states: &str, sizes: (usize, usize)) -> Result<String> {
        let tensor = self.weights.encoder(&format!("{prefix}.weight"))?;
        let bias = self.weights.encoder(&format!("{prefix}.bias"))?;
        self.product(prefix, states, sizes, [tensor, bias])
    }

    fn product(
        &mut self,
        prefix: &str,
        states: &str,
        (inputs, outputs): (usize, usize),
        [(dims, values), (bias_dims, bias)]: [(Vec<usize>, Vec<f32>); 2],
    ) -> Result<String> {
        self.check(&format!("{prefix}.weight"), &dims, &[outputs, inputs])?;
        self.check(&format!("{prefix}.bias"), &bias_dims, &[outputs])?;
        let turned: Vec<f32> = (0..inputs)
            .flat_map(|input| values.iter().skip(input).step_by(inputs.max(1)).copied())
            .collect();
        let matrix = self
            .graph
            .floats(&format!("{prefix}.weight.T"), &[inputs, outputs], &turned);
        let product = self
            .graph
            .node("MatMul", &[states, &matrix], &format!("{prefix}.product"));
        let bias = self.graph.floats(&format!("{prefix}.bias"), &[outputs], &bias);
        Ok(self.graph.node("Add", &[&product, &bias], prefix))
    }

    fn layer_norm(&mut self, prefix: &str, states: &str, output: &str) -> Result<String> {
        let width = self.config.hidden_size;
        let gamma = self.weight(&format!("{prefix}.weight"), &[width])?;
        let beta = self.weight(&format!("{prefix}.bias"), &[width])?;
        let attributes = [int("axis", -1), float("epsilon", self.config.layer_norm_eps)];
        Ok(self.graph.node_with(
            "LayerNormalization",
            &[states, &gamma, &beta],
            output,
            &attributes,
        ))
    }

    /// Word, token-type and position embeddings, summed and normalized: `[batch, tokens, width]`.
    fn embeddings(&mut self) -> Result<String> {
        let words = self.table("embeddings.word_embeddings.weight")?;
        let words = self.graph.node("Gather", &[&words, IDS], "words");
        let types = self.table("embeddings.token_type_embeddings.weight")?;
        let types = self.graph.node("Gather", &[&types, TYPES], "types");
        let size = self.graph.node("Shape", &[IDS], "size");
        let (one, two) = (self.graph.integers(&[1]), self.graph.integers(&[2]));
        let tokens = self.graph.node("Slice", &[&size, &one, &two], "tokens");
        let table = self.table("embeddings.position_embeddings.weight")?;
        let zero = self.graph.integers(&[0]);
        let positions = self
            .graph
            .node("Slice", &[&table, &zero, &tokens, &zero], "positions");
        let both = self.graph.node("Add", &[&words, &types], "words_types");
        let summed = self.graph.node("Add", &[&both, &positions], "embedded");
        self.layer_norm("embeddings.LayerNorm", &summed, "embeddings.LayerNorm")
    }

    /// 0 for real tokens, the lowest float for padding: `[batch, 1, 1, tokens]`, added to attention scores.
    fn mask_penalty(&mut self) -> String {
        let to = [int("to", i64::from(data_type::FLOAT))];
        self.graph.node_with("Cast", &[MASK], MASK_AS_FLOAT, &to);
        let axes = self.graph.integers(&[1, 2]);
        let spread = self
            .graph
            .node("Unsqueeze", &[MASK_AS_FLOAT, &axes], "mask_spread");
        let one = self.graph.scalar("one", 1.0);
        let padding = self.graph.node("Sub", &[&one, &spread], "padding");
        let masked = self.graph.scalar("masked", f32::MIN);
        self.graph.node("Mul", &[&padding, &masked], "penalty")
    }

    fn layer(&mut self, layer: usize, states: &str, penalty: &str, last: bool) -> Result<String> {
        let (width, prefix) = (self.config.hidden_size, format!("encoder.layer.{layer}"));
        let attended = self.attention(&prefix, states, penalty)?;
        let attended = self.linear(
            &format!("{prefix}.attention.output.dense"),
            &attended,
            (width, width),
        )?;
        let base = format!("{prefix}.attention.output");
        let states = self.residual(&base, &attended, states, None)?;
        let up = format!("{prefix}.intermediate.dense");
        let inner = self.weights.encoder(&format!("{up}.bias"))?.1.len();
        let hidden = self.linear(&up, &states, (width, inner))?;
        let hidden = self.activate(&format!("{prefix}.intermediate"), &hidden);
        let down = self.linear(&format!("{prefix}.output.dense"), &hidden, (inner, width))?;
        self.residual(
            &format!("{prefix}.output"),
            &down,
            &states,
            last.then_some(STATES),
        )
    }

    fn residual(&mut self, prefix: &str, change: &str, states: &str, output: Option<&str>) -> Result<String> {
        let summed = self
            .graph
            .node("Add", &[change, states], &format!("{prefix}.residual"));
        let norm = format!("{prefix}.LayerNorm");
        self.layer_norm(&norm, &summed, output.unwrap_or(&norm))
    }

    /// softmax(q · kᵀ / √head_width + penalty) · v, heads side by side: `[batch, tokens, width]`.
    fn attention(&mut self, prefix: &str, states: &str, penalty: &str) -> Result<String> {
        let base = format!("{prefix}.attention");
        let query = self.heads(&format!("{base}.self.query"), states, &[0, 2, 1, 3])?;
        let key = self.heads(&format!("{base}.self.key"), states, &[0, 2, 3, 1])?;
        let value = self.heads(&format!("{base}.self.value"), states, &[0, 2, 1, 3])?;
        let head_width = self.config.hidden_size / self.config.num_attention_heads;
        let graph = &mut self.graph;
        let raw = graph.node("MatMul", &[&query, &key], &format!("{base}.raw"));
        let root = graph.scalar("root_of_head_width", (head_width as f64).sqrt() as f32);
        let scaled = graph.node("Div", &[&raw, &root], &format!("{base}.scaled"));
        let scores = graph.node("Add", &[&scaled, penalty], &format!("{base}.scores"));
        let shares = graph.node_with(
            "Softmax",
            &[&scores],
            &format!("{base}.shares"),
            &[int("axis", -1)],
        );
        let mixed = graph.node("MatMul", &[&shares, &value], &format!("{base}.mixed"));
        let order = [ints("perm", &[0, 2, 1, 3])];
        let together = graph.node_with("Transpose", &[&mixed], &format!("{base}.together"), &order);
        let size = graph.integers(&[0, 0, self.config.hidden_size as i64]);
        Ok(graph.node("Reshape", &[&together, &size], &format!("{base}.joined")))
    }

    /// A projection cut into heads; `order` says how `[batch, tokens, heads, head_width]` is turned.
    fn heads(&mut self, prefix: &str, states: &str, order: &[i64]) -> Result<String> {
        let (width, heads) = (self.config.hidden_size, self.config.num_attention_heads);
        let size = self.graph.integers(&[0, 0, heads as i64, (width / heads) as i64]);
        let projected = self.linear(prefix, states, (width, width))?;
        let cut = self
            .graph
            .node("Reshape", &[&projected, &size], &format!("{prefix}.cut"));
        Ok(self.graph.node_with(
            "Transpose",
            &[&cut],
            &format!("{prefix}.heads"),
            &[ints("perm", order)],
        ))
    }

    fn activate(&mut self, prefix: &str, states: &str) -> String {
        match self.config.activation() {
            Some(Activation::Relu) => self.graph.node("Relu", &[states], &format!("{prefix}.relu")),
            Some(Activation::GeluTanh) => self.gelu_tanh(prefix, states),
            _ => self.gelu(prefix, states),
        }
    }

    /// x · (1 + erf(x / √2)) · ½, in the order of operations that ONNX Runtime recognizes and fuses.
    fn gelu(&mut self, prefix: &str, states: &str) -> String {
        let graph = &mut self.graph;
        let root = graph.scalar("root_of_two", std::f32::consts::SQRT_2);
        let scaled = graph.node("Div", &[states, &root], &format!("{prefix}.scaled"));
        let erf = graph.node("Erf", &[&scaled], &format!("{prefix}.erf"));
        let one = graph.scalar("one", 1.0);
        let plus = graph.node("Add", &[&erf, &one], &format!("{prefix}.plus"));
        let product = graph.node("Mul", &[states, &plus], &format!("{prefix}.gated"));
        let half = graph.scalar("half", 0.5);
        graph.node("Mul", &[&product, &half], &format!("{prefix}.gelu"))
    }

    /// ½ · x · (1 + tanh(√(2/π) · (x + 0.044715 · x³))).
    fn gelu_tanh(&mut self, prefix: &str, states: &str) -> String {
        let graph = &mut self.graph;
        let three = graph.scalar("three", 3.0);
        let cube = graph.node("Pow", &[states, &three], &format!("{prefix}.cube"));
        let small = graph.scalar("cubic_share", 0.044_715);
        let small = graph.node("Mul", &[&cube, &small], &format!("{prefix}.small"));
        let sum = graph.node("Add", &[states, &small], &format!("{prefix}.sum"));
        let root = graph.scalar("root_of_two_over_pi", (2.0 / std::f64::consts::PI).sqrt() as f32);
        let scaled = graph.node("Mul", &[&sum, &root], &format!("{prefix}.scaled"));
        let tanh = graph.node("Tanh", &[&scaled], &format!("{prefix}.tanh"));
        let one = graph.scalar("one", 1.0);
        let plus = graph.node("Add", &[&tanh, &one], &format!("{prefix}.plus"));
        let product = graph.node("Mul", &[states, &plus], &format!("{prefix}.gated"));
        let half = graph.scalar("half", 0.5);
        graph.node("Mul", &[&product, &half], &format!("{prefix}.gelu"))
    }

    /// One vector per text, of length 1 if asked.
    fn pool(&mut self, states: &str, pooling: Pooling, normalize: bool) {
        let name = if normalize { "mean" } else { VECTORS };
        let pooled = match pooling {
            Pooling::Cls => self.first(states, name),
            _ => self.mean(states, name),
        };
        if normalize {
            let attributes = [ints("axes", &[1]), int("keepdims", 1)];
            let length = self
                .graph
                .node_with("ReduceL2", &[&pooled], "length", &attributes);
            let least = self.graph.scalar("smallest_length", 1e-12);
            let length = self.graph.node("Max", &[&length, &least], "length_at_least");
            self.graph.node("Div", &[&pooled, &length], VECTORS);
        }
    }

    /// Mean over the tokens that the mask keeps, as sentence-transformers computes it.
    fn mean(&mut self, states: &str, name: &str) -> String {
        let graph = &mut self.graph;
        let (one, two) = (graph.integers(&[1]), graph.integers(&[2]));
        let weights = graph.node("Unsqueeze", &[MASK_AS_FLOAT, &two], "token_weights");
        let weighted = graph.node("Mul", &[states, &weights], "weighted_states");
        let total = graph.node_with("ReduceSum", &[&weighted, &one], "total", &[int("keepdims", 0)]);
        let count = graph.node_with(
            "ReduceSum",
            &[MASK_AS_FLOAT, &one],
            "count",
            &[int("keepdims", 1)],
        );
        let least = graph.scalar("smallest_count", 1e-9);
        let count = graph.node("Max", &[&count, &least], "count_at_least");
        graph.node("Div", &[&total, &count], name)
    }

    /// The state of the first token: `[batch, width]`.
    fn first(&mut self, states: &str, name: &str) -> String {
        let zero = self
            .graph
            .constant("first", &[], data_type::INT64, 0_i64.to_le_bytes().to_vec());
        self.graph
            .node_with("Gather", &[states, &zero], name, &[int("axis", 1)])
    }

    /// `logits` of a cross-encoder: tanh(first · W + b) · w + c.
    fn score(&mut self, states: &str) -> Result<()> {
        let width = self.config.hidden_size;
        let first = self.first(states, "first_state");
        let pooled = self.linear("pooler.dense", &first, (width, width))?;
        let pooled = self.graph.node("Tanh", &[&pooled], "pooled");
        let tensors = [
            self.weights.tensor("classifier.weight")?,
            self.weights.tensor("classifier.bias")?,
        ];
        if tensors[1].0 != [1] {
            let labels = format!(
                "`classifier.bias` is {:?}: a cross-encoder has one label",
                tensors[1].0
            );
            return Err(unexpected(&self.weights.path, labels));
        }
        let score = self.product("classifier", &pooled, (width, 1), tensors)?;
        self.graph.node("Identity", &[&score], "logits");
        Ok(())
    }
}

/// The mask as floats.
const MASK_AS_FLOAT: &str = "mask";
/// Names of outputs.
const STATES: &str = "last_hidden_state";
const VECTORS: &str = "sentence_embedding";

#[cfg(test)]
mod tests;

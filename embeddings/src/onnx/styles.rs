//! A tiny BERT with random weights, written the way different exporters write it.

use std::path::Path;

use super::builder::{Axis, GraphBuilder, float, int, ints};
use super::graph::{IDS, MASK, TYPES};
use super::proto::{AttributeProto, ModelProto, NodeProto, data_type};
use crate::transformer::{Activation, BertWeights, LayerWeights, Linear, Norm};

pub(crate) const WIDTH: usize = 32;
pub(crate) const HEADS: usize = 2;
pub(crate) const INNER: usize = 48;
pub(crate) const WORDS: usize = 13;
pub(crate) const POSITIONS: usize = 12;
const KINDS: usize = 2;
const EPSILON: f32 = 1e-6;
const HEAD: usize = WIDTH / HEADS;

/// Loads the library that scripts/setup installed.
pub(crate) fn start() {
    let lib = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|dir| dir.join(".alike/lib"))
        .find(|dir| dir.is_dir())
        .expect("no library in .alike: run scripts/setup");
    let mut files = lib.read_dir().unwrap().map(|entry| entry.unwrap().path());
    let library = files
        .find(|path| path.to_string_lossy().contains("libonnxruntime.so"))
        .unwrap();
    crate::initialize(&library).unwrap();
}

/// How a linear layer is written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Linears {
    /// `states · W + b`
    Product,
    /// `b + states · W`, the matrix behind `Transpose` and `Identity`.
    Turned,
    /// `Gemm` with `transB` between reshapes to two axes and back.
    Gemm,
}

/// How a layer normalization is written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Norms {
    Whole,
    /// ReduceMean, Sub, Pow, ReduceMean, Add, Sqrt, Div, Mul, Add.
    Apart,
    /// The same with Mul for Pow, each difference computed twice, and γ first.
    Twice,
    /// SkipLayerNormalization after layers, which adds the bias of the layer before.
    Skip,
}

/// How an activation is written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Activations {
    /// x · (1 + erf(x / √2)) · ½
    ErfLast,
    /// x · ½ · (1 + erf(x · √½))
    ErfHalfFirst,
    /// Gelu, the operator.
    Gelu,
    Tanh,
    BiasGelu,
    Relu,
}

/// How attention and its mask are written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Attentions {
    /// Scores / √d + (1 − mask) · −1e4
    Penalty,
    /// Queries / √d, then Where(mask, scores, lowest).
    ScaledQuery,
    /// Queries and keys by √√d, the second computed from a shape; a mask by Where, an IsNaN guard, three-axis keys.
    Sdpa,
    /// One matrix for queries, keys and values, and Split.
    Split,
    /// com.microsoft.Attention
    Packed,
    /// com.microsoft.MultiHeadAttention
    MultiHead,
}

/// How positions are written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Places {
    /// A slice of the table.
    Slice,
    /// A gather with a slice of a buffer of ids.
    Buffer,
    /// A gather with Range, expanded to all texts.
    Range,
    /// Ids counted by CumSum, as in RoBERTa.
    FromIds,
}

/// One way of writing the whole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Style {
    pub linears: Linears,
    pub norms: Norms,
    pub activations: Activations,
    pub attentions: Attentions,
    pub places: Places,
    pub types: bool,
}

/// As scripts/export_onnx.py and `author` write it.
pub(crate) const OURS: Style = Style {
    linears: Linears::Product,
    norms: Norms::Whole,
    activations: Activations::ErfLast,
    attentions: Attentions::Penalty,
    places: Places::Slice,
    types: true,
};

/// Numbers that look random, the same each time.
struct Noise(u64);

impl Noise {
    fn take(&mut self, count: usize, size: f32) -> Vec<f32> {
        let mut next = || {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            ((self.0 >> 40) as f32 / (1 << 24) as f32 * 2.0 - 1.0) * size
        };
        (0..count).map(|_| next()).collect()
    }

    fn linear(&mut self, inputs: usize, outputs: usize) -> Linear {
        Linear {
            weight: self.take(inputs * outputs, 0.3),
            bias: self.take(outputs, 0.3),
        }
    }

    fn norm(&mut self) -> Norm {
        Norm {
            gamma: self.take(WIDTH, 0.5).iter().map(|value| value + 1.0).collect(),
            beta: self.take(WIDTH, 0.3),
        }
    }
}

/// The weights that `style` stands for.
pub(crate) fn weights(style: &Style) -> BertWeights {
    let mut noise = Noise(7);
    let words = noise.take(WORDS * WIDTH, 1.0);
    let positions = noise.take(POSITIONS * WIDTH, 1.0);
    let types = noise.take(KINDS * WIDTH, 1.0);
    let norm = noise.norm();
    let layer = |noise: &mut Noise| LayerWeights {
        query: noise.linear(WIDTH, WIDTH),
        key: noise.linear(WIDTH, WIDTH),
        value: noise.linear(WIDTH, WIDTH),
        output: noise.linear(WIDTH, WIDTH),
        attention_norm: noise.norm(),
        up: noise.linear(WIDTH, INNER),
        down: noise.linear(INNER, WIDTH),
        output_norm: noise.norm(),
    };
    BertWeights {
        width: WIDTH,
        heads: HEADS,
        inner: INNER,
        epsilon: EPSILON,
        activation: match style.activations {
            Activations::Tanh => Activation::GeluTanh,
            Activations::Relu => Activation::Relu,
            _ => Activation::Gelu,
        },
        words,
        positions,
        types: style.types.then_some(types),
        norm,
        layers: (0..2).map(|_| layer(&mut noise)).collect(),
    }
}

/// The model in this style: output `states` `[batch, tokens, width]`.
pub(crate) fn model(style: Style) -> ModelProto {
    let mut exporter = Exporter {
        style,
        weights: weights(&style),
        graph: GraphBuilder::default(),
    };
    let mut states = exporter.embeddings();
    for layer in 0..exporter.weights.layers.len() {
        states = exporter.layer(layer, &states);
    }
    let graph = &mut exporter.graph;
    graph.node("Identity", &[&states], "states");
    [IDS, MASK].iter().for_each(|name| graph.input(name));
    if style.types {
        graph.input(TYPES);
    }
    graph.output(
        "states",
        &[Axis::Named("batch"), Axis::Named("tokens"), Axis::Fixed(WIDTH)],
    );
    exporter.graph.finish(
        "tiny",
        8,
        &[
            (
                "",
                if style.activations == Activations::Gelu {
                    20
                } else {
                    17
                },
            ),
            ("com.microsoft", 1),
        ],
    )
}

struct Exporter {
    style: Style,
    weights: BertWeights,
    graph: GraphBuilder,
}

impl Exporter {
    fn microsoft(&mut self, op: &str, inputs: &[&str], name: &str, attributes: &[AttributeProto]) -> String {
        self.graph.push(NodeProto {
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: vec![name.to_owned()],
            name: Some(name.to_owned()),
            op_type: Some(op.to_owned()),
            domain: Some("com.microsoft".to_owned()),
            attribute: attributes.to_vec(),
            ..NodeProto::default()
        });
        name.to_owned()
    }

    fn embeddings(&mut self) -> String {
        let graph = &mut self.graph;
        let words = graph.floats("words_table", &[WORDS, WIDTH], &self.weights.words);
        let mut summed = graph.node("Gather", &[&words, IDS], "words");
        if let Some(types) = &self.weights.types {
            let types = graph.floats("types_table", &[KINDS, WIDTH], types);
            let types = graph.node("Gather", &[&types, TYPES], "types");
            summed = graph.node("Add", &[&summed, &types], "words_types");
        }
        let positions = self.positions();
        let summed = self.graph.node("Add", &[&positions, &summed], "embedded");
        let norm = self.weights.norm.clone();
        self.norm("embeddings.norm", &[&summed], None, &norm)
    }

    fn positions(&mut self) -> String {
        let graph = &mut self.graph;
        let table = graph.floats("positions_table", &[POSITIONS, WIDTH], &self.weights.positions);
        let size = graph.node("Shape", &[IDS], "size");
        let (zero, one, two) = (graph.integers(&[0]), graph.integers(&[1]), graph.integers(&[2]));
        let tokens = graph.node("Slice", &[&size, &one, &two], "tokens");
        let ids = match self.style.places {
            Places::Slice => return graph.node("Slice", &[&table, &zero, &tokens, &zero], "positions"),
            Places::Buffer => {
                let buffer: Vec<u8> = (0..POSITIONS as i64).flat_map(i64::to_le_bytes).collect();
                let buffer = graph.constant("buffer", &[1, POSITIONS], data_type::INT64, buffer);
                graph.node("Slice", &[&buffer, &zero, &tokens, &one, &one], "position_ids")
            }
            Places::Range => {
                let first = graph.constant("first", &[], data_type::INT64, 0_i64.to_le_bytes().to_vec());
                let step = graph.constant("step", &[], data_type::INT64, 1_i64.to_le_bytes().to_vec());
                let end = graph.node("Squeeze", &[&tokens, &zero], "end");
                let range = graph.node("Range", &[&first, &end, &step], "range");
                let row = graph.node("Unsqueeze", &[&range, &zero], "row");
                graph.node("Expand", &[&row, &size], "position_ids")
            }
            Places::FromIds => {
                let step = graph.constant("along", &[], data_type::INT64, 1_i64.to_le_bytes().to_vec());
                let shifted = graph.node("Sub", &[IDS, IDS], "nought");
                let ones = graph.node("Add", &[&shifted, &one], "ones");
                let counted = graph.node("CumSum", &[&ones, &step], "counted");
                graph.node("Sub", &[&counted, &one], "position_ids")
            }
        };
        graph.node("Gather", &[&table, &ids], "positions")
    }

    /// Normalizes the sum of `inputs` and of `bias`.
    fn norm(&mut self, name: &str, inputs: &[&str], bias: Option<&str>, norm: &Norm) -> String {
        let gamma = self.graph.floats(&format!("{name}.gamma"), &[WIDTH], &norm.gamma);
        let beta = self.graph.floats(&format!("{name}.beta"), &[WIDTH], &norm.beta);
        if let (Norms::Skip, &[change, states], Some(bias)) = (self.style.norms, inputs, bias) {
            let inputs = [change, states, &gamma, &beta, bias];
            return self.microsoft(
                "SkipLayerNormalization",
                &inputs,
                name,
                &[float("epsilon", EPSILON)],
            );
        }
        let graph = &mut self.graph;
        let mut summed = inputs[0].to_owned();
        if let Some(bias) = bias {
            summed = graph.node("Add", &[&summed, bias], &format!("{name}.biased"));
        }
        if let Some(states) = inputs.get(1) {
            summed = graph.node("Add", &[&summed, states], &format!("{name}.sum"));
        }
        if matches!(self.style.norms, Norms::Whole | Norms::Skip) {
            let attributes = [int("axis", -1), float("epsilon", EPSILON)];
            return graph.node_with("LayerNormalization", &[&summed, &gamma, &beta], name, &attributes);
        }
        self.norm_apart(name, &summed, &gamma, &beta)
    }

    fn norm_apart(&mut self, name: &str, summed: &str, gamma: &str, beta: &str) -> String {
        let twice = self.style.norms == Norms::Twice;
        let graph = &mut self.graph;
        let at = |part: &str| format!("{name}.{part}");
        // From opset 18 on the axes are an input.
        let newer = self.style.activations == Activations::Gelu;
        let last = graph.integers(&[-1]);
        let axes = if newer {
            Vec::new()
        } else {
            vec![ints("axes", &[-1])]
        };
        let inputs = |value| {
            if newer {
                vec![value, last.as_str()]
            } else {
                vec![value]
            }
        };
        let mean = graph.node_with("ReduceMean", &inputs(summed), &at("mean"), &axes);
        let centered = graph.node("Sub", &[summed, &mean], &at("centered"));
        let square = if twice {
            let again = graph.node("Sub", &[summed, &mean], &at("again"));
            graph.node("Mul", &[&again, &again], &at("square"))
        } else {
            let two = graph.scalar("two", 2.0);
            graph.node("Pow", &[&centered, &two], &at("square"))
        };
        let variance = graph.node_with("ReduceMean", &inputs(&square), &at("variance"), &axes);
        let epsilon = graph.scalar("epsilon", EPSILON);
        let shifted = graph.node("Add", &[&variance, &epsilon], &at("shifted"));
        let spread = graph.node("Sqrt", &[&shifted], &at("spread"));
        let unit = graph.node("Div", &[&centered, &spread], &at("unit"));
        let order = if twice { [gamma, &unit] } else { [&unit, gamma] };
        let scaled = graph.node("Mul", &order, &at("scaled"));
        let order = if twice { [beta, &scaled] } else { [&scaled, beta] };
        graph.node("Add", &order, name)
    }

    /// The product without its bias.
    fn product(&mut self, name: &str, states: &str, linear: &Linear, outputs: usize) -> String {
        let inputs = linear.weight.len() / outputs;
        let graph = &mut self.graph;
        let at = |part: &str| format!("{name}.{part}");
        if self.style.linears == Linears::Product {
            let matrix = graph.floats(&at("weight"), &[inputs, outputs], &linear.weight);
            return graph.node("MatMul", &[states, &matrix], &at("product"));
        }
        let rows = (0..outputs).flat_map(|column| linear.weight.iter().skip(column).step_by(outputs));
        let turned: Vec<f32> = rows.copied().collect();
        let matrix = graph.floats(&at("weight"), &[outputs, inputs], &turned);
        let alias = graph.node("Identity", &[&matrix], &at("alias"));
        let matrix = graph.node_with("Transpose", &[&alias], &at("turned"), &[ints("perm", &[1, 0])]);
        graph.node("MatMul", &[states, &matrix], &at("product"))
    }

    fn bias(&mut self, name: &str, linear: &Linear) -> String {
        self.graph
            .floats(&format!("{name}.bias"), &[linear.bias.len()], &linear.bias)
    }

    fn linear(&mut self, name: &str, states: &str, linear: &Linear, outputs: usize) -> String {
        let bias = self.bias(name, linear);
        if self.style.linears == Linears::Gemm {
            return self.gemm(name, states, linear, outputs);
        }
        let product = self.product(name, states, linear, outputs);
        let order = if self.style.linears == Linears::Turned {
            [&bias, &product]
        } else {
            [&product, &bias]
        };
        self.graph.node("Add", &order.map(String::as_str), name)
    }

    fn gemm(&mut self, name: &str, states: &str, linear: &Linear, outputs: usize) -> String {
        let inputs = linear.weight.len() / outputs;
        let graph = &mut self.graph;
        let at = |part: &str| format!("{name}.{part}");
        let rows = (0..outputs).flat_map(|column| linear.weight.iter().skip(column).step_by(outputs));
        let turned: Vec<f32> = rows.copied().collect();
        let matrix = graph.floats(&at("weight"), &[outputs, inputs], &turned);
        let flat = graph.integers(&[-1, inputs as i64]);
        let flat = graph.node("Reshape", &[states, &flat], &at("flat"));
        let product = graph.node_with(
            "Gemm",
            &[&flat, &matrix, &at("bias")],
            &at("gemm"),
            &[int("transB", 1)],
        );
        let size = graph.node("Shape", &[IDS], &at("size"));
        let last = graph.integers(&[outputs as i64]);
        let size = graph.node_with("Concat", &[&size, &last], &at("full"), &[int("axis", 0)]);
        graph.node("Reshape", &[&product, &size], name)
    }

    fn layer(&mut self, number: usize, states: &str) -> String {
        let layer = self.weights.layers[number].clone();
        let at = |part: &str| format!("layer.{number}.{part}");
        let joined = self.attention(&at("attention"), states, &layer);
        let attended = self.residual(
            &at("attended"),
            &joined,
            &layer.output,
            states,
            &layer.attention_norm,
        );
        let hidden = self.activated(&at("up"), &attended, &layer.up);
        self.residual(&at("down"), &hidden, &layer.down, &attended, &layer.output_norm)
    }

    fn residual(&mut self, name: &str, input: &str, linear: &Linear, states: &str, norm: &Norm) -> String {
        let at = |part: &str| format!("{name}.{part}");
        if self.style.norms == Norms::Skip {
            let product = self.product(&at("linear"), input, linear, WIDTH);
            let bias = self.bias(&at("linear"), linear);
            return self.norm(&at("norm"), &[&product, states], Some(&bias), norm);
        }
        let change = self.linear(&at("linear"), input, linear, WIDTH);
        let order = if self.style.norms == Norms::Twice {
            [states, &change]
        } else {
            [&change, states]
        };
        self.norm(&at("norm"), &order, None, norm)
    }

    fn activated(&mut self, name: &str, states: &str, linear: &Linear) -> String {
        if self.style.activations == Activations::BiasGelu {
            let product = self.product(name, states, linear, INNER);
            let bias = self.bias(name, linear);
            return self.microsoft("BiasGelu", &[&product, &bias], &format!("{name}.gelu"), &[]);
        }
        let x = self.linear(name, states, linear, INNER);
        let graph = &mut self.graph;
        let at = |part: &str| format!("{name}.{part}");
        let (half, one) = (graph.scalar("half", 0.5), graph.scalar("one", 1.0));
        match self.style.activations {
            Activations::Relu => graph.node("Relu", &[&x], &at("relu")),
            Activations::Gelu => graph.node("Gelu", &[&x], &at("gelu")),
            Activations::Tanh => {
                let (three, small) = (graph.scalar("three", 3.0), graph.scalar("small", 0.044_715));
                let root = graph.scalar("root", 0.797_884_6);
                let cube = graph.node("Pow", &[&x, &three], &at("cube"));
                let cube = graph.node("Mul", &[&small, &cube], &at("part"));
                let sum = graph.node("Add", &[&x, &cube], &at("sum"));
                let scaled = graph.node("Mul", &[&root, &sum], &at("scaled"));
                let tanh = graph.node("Tanh", &[&scaled], &at("tanh"));
                let plus = graph.node("Add", &[&one, &tanh], &at("plus"));
                let halved = graph.node("Mul", &[&half, &x], &at("halved"));
                graph.node("Mul", &[&halved, &plus], &at("gelu"))
            }
            Activations::ErfHalfFirst => {
                let root = graph.scalar("inverse", std::f32::consts::FRAC_1_SQRT_2);
                let scaled = graph.node("Mul", &[&x, &root], &at("scaled"));
                let erf = graph.node("Erf", &[&scaled], &at("erf"));
                let plus = graph.node("Add", &[&one, &erf], &at("plus"));
                let halved = graph.node("Mul", &[&half, &x], &at("halved"));
                graph.node("Mul", &[&halved, &plus], &at("gelu"))
            }
            _ => {
                let root = graph.scalar("root_of_two", std::f32::consts::SQRT_2);
                let scaled = graph.node("Div", &[&x, &root], &at("scaled"));
                let erf = graph.node("Erf", &[&scaled], &at("erf"));
                let plus = graph.node("Add", &[&erf, &one], &at("plus"));
                let gated = graph.node("Mul", &[&x, &plus], &at("gated"));
                graph.node("Mul", &[&gated, &half], &at("gelu"))
            }
        }
    }

    fn attention(&mut self, name: &str, states: &str, layer: &LayerWeights) -> String {
        match self.style.attentions {
            Attentions::Packed => return self.packed(name, states, layer),
            Attentions::MultiHead => return self.multi_head(name, states, layer),
            _ => {}
        }
        let at = |part: &str| format!("{name}.{part}");
        let [query, key, value] = if self.style.attentions == Attentions::Split {
            self.split(name, states, layer)
        } else {
            let parts = [
                ("query", &layer.query),
                ("key", &layer.key),
                ("value", &layer.value),
            ];
            parts.map(|(part, linear)| self.linear(&at(part), states, linear, WIDTH))
        };
        let query = self.heads(&at("query"), &query, &[0, 2, 1, 3]);
        let value = self.heads(&at("value"), &value, &[0, 2, 1, 3]);
        let scores = match self.style.attentions {
            Attentions::Sdpa => {
                let key = self.heads(&at("key"), &key, &[0, 2, 1, 3]);
                self.sdpa_scores(name, &query, &key)
            }
            Attentions::ScaledQuery => {
                let key = self.heads(&at("key"), &key, &[0, 2, 3, 1]);
                let root = self.graph.scalar("root_of_head", (HEAD as f32).sqrt());
                let query = self.graph.node("Div", &[&query, &root], &at("small"));
                let scores = self.graph.node("MatMul", &[&query, &key], &at("raw"));
                let keep = self.spread_mask(data_type::BOOL);
                let lowest = self.graph.scalar("lowest", f32::MIN);
                self.graph
                    .node("Where", &[&keep, &scores, &lowest], &at("scores"))
            }
            _ => {
                let key = self.heads(&at("key"), &key, &[0, 2, 3, 1]);
                let raw = self.graph.node("MatMul", &[&query, &key], &at("raw"));
                let factor = self.graph.scalar("factor", (HEAD as f32).sqrt().recip());
                let scaled = self.graph.node("Mul", &[&raw, &factor], &at("scaled"));
                let penalty = self.penalty(&at("penalty"));
                self.graph.node("Add", &[&penalty, &scaled], &at("scores"))
            }
        };
        let graph = &mut self.graph;
        let mut shares = graph.node_with("Softmax", &[&scores], &at("shares"), &[int("axis", -1)]);
        if self.style.attentions == Attentions::Sdpa {
            let (nan, zero) = (
                graph.node("IsNaN", &[&shares], &at("nan")),
                graph.scalar("nought_share", 0.0),
            );
            shares = graph.node("Where", &[&nan, &zero, &shares], &at("guarded"));
        }
        let mixed = graph.node("MatMul", &[&shares, &value], &at("mixed"));
        let together = graph.node_with(
            "Transpose",
            &[&mixed],
            &at("together"),
            &[ints("perm", &[0, 2, 1, 3])],
        );
        let size = graph.integers(&[0, 0, WIDTH as i64]);
        graph.node("Reshape", &[&together, &size], &at("joined"))
    }

    fn heads(&mut self, name: &str, projected: &str, order: &[i64]) -> String {
        let graph = &mut self.graph;
        // The number of heads is left open: the head width alone has to do.
        let size = graph.integers(&[0, 0, -1, HEAD as i64]);
        let cut = graph.node("Reshape", &[projected, &size], &format!("{name}.cut"));
        graph.node_with(
            "Transpose",
            &[&cut],
            &format!("{name}.heads"),
            &[ints("perm", order)],
        )
    }

    /// The mask as `[batch, 1, 1, tokens]`.
    fn spread_mask(&mut self, kind: i32) -> String {
        let name = format!("mask.{kind}");
        let graph = &mut self.graph;
        let axes = graph.integers(&[1, 2]);
        let wide = format!("{name}.wide");
        if !graph.has(&wide) {
            let cast = graph.node_with(
                "Cast",
                &[MASK],
                &format!("{name}.cast"),
                &[int("to", i64::from(kind))],
            );
            graph.node("Unsqueeze", &[&cast, &axes], &wide);
        }
        wide
    }

    fn penalty(&mut self, name: &str) -> String {
        let mask = self.spread_mask(data_type::FLOAT);
        let (one, low) = (
            self.graph.scalar("one", 1.0),
            self.graph.scalar("minus", -10_000.0),
        );
        let padding = self.graph.node("Sub", &[&one, &mask], &format!("{name}.padding"));
        self.graph.node("Mul", &[&padding, &low], name)
    }

    fn sdpa_scores(&mut self, name: &str, query: &str, key: &str) -> String {
        let mask = self.spread_mask(data_type::BOOL);
        let graph = &mut self.graph;
        let at = |part: &str| format!("{name}.{part}");
        let quarter = graph.scalar("quarter", (HEAD as f32).powf(-0.25));
        let query = graph.node("Mul", &[query, &quarter], &at("small_query"));
        // √√(1/d) from the shape, as the exporter of PyTorch 2.0 writes it.
        let size = graph.node("Shape", &[key], &at("key_size"));
        let last = graph.constant("last", &[], data_type::INT64, (-1_i64).to_le_bytes().to_vec());
        let width = graph.node("Gather", &[&size, &last], &at("head_width"));
        let width = graph.node_with("Cast", &[&width], &at("head_width_float"), &[int("to", 1)]);
        let (root, one) = (
            graph.node("Sqrt", &[&width], &at("root")),
            graph.scalar("one", 1.0),
        );
        let inverse = graph.node("Div", &[&one, &root], &at("inverse"));
        let factor = graph.node("Sqrt", &[&inverse], &at("factor"));
        let merge = graph.integers(&[0, HEADS as i64, HEAD as i64, -1]);
        let turned = graph.node_with("Transpose", &[key], &at("turned"), &[ints("perm", &[0, 1, 3, 2])]);
        let turned = graph.node("Reshape", &[&turned, &merge], &at("merged"));
        let key = graph.node("Mul", &[&turned, &factor], &at("small_key"));
        let raw = graph.node("MatMul", &[&query, &key], &at("raw"));
        let (zero, lowest) = (graph.scalar("nought", 0.0), graph.scalar("lowest", f32::MIN));
        let added = graph.node("Where", &[&mask, &zero, &lowest], &at("added"));
        graph.node("Add", &[&raw, &added], &at("scores"))
    }

    /// The three matrices side by side, and their biases.
    fn side_by_side(layer: &LayerWeights) -> Linear {
        let parts = [&layer.query, &layer.key, &layer.value];
        let row = |row: usize| {
            parts
                .iter()
                .flat_map(move |part| part.weight[row * WIDTH..(row + 1) * WIDTH].to_vec())
        };
        Linear {
            weight: (0..WIDTH).flat_map(row).collect(),
            bias: parts.iter().flat_map(|part| part.bias.clone()).collect(),
        }
    }

    fn split(&mut self, name: &str, states: &str, layer: &LayerWeights) -> [String; 3] {
        let all = self.linear(
            &format!("{name}.all"),
            states,
            &Self::side_by_side(layer),
            3 * WIDTH,
        );
        let outputs = ["query", "key", "value"].map(|part| format!("{name}.{part}"));
        let sizes = self.graph.integers(&[WIDTH as i64; 3]);
        self.graph.push(NodeProto {
            input: vec![all, sizes],
            output: outputs.to_vec(),
            op_type: Some("Split".to_owned()),
            attribute: vec![int("axis", -1)],
            ..NodeProto::default()
        });
        outputs
    }

    fn mask_as_int(&mut self) -> String {
        let name = "mask.int".to_owned();
        if !self.graph.has(&name) {
            self.graph
                .node_with("Cast", &[MASK], &name, &[int("to", i64::from(data_type::INT32))]);
        }
        name
    }

    fn packed(&mut self, name: &str, states: &str, layer: &LayerWeights) -> String {
        let all = Self::side_by_side(layer);
        let weight = self
            .graph
            .floats(&format!("{name}.weight"), &[WIDTH, 3 * WIDTH], &all.weight);
        let bias = self
            .graph
            .floats(&format!("{name}.bias"), &[3 * WIDTH], &all.bias);
        let mask = self.mask_as_int();
        let heads = [int("num_heads", HEADS as i64)];
        self.microsoft(
            "Attention",
            &[states, &weight, &bias, &mask],
            &format!("{name}.joined"),
            &heads,
        )
    }

    fn multi_head(&mut self, name: &str, states: &str, layer: &LayerWeights) -> String {
        let at = |part: &str| format!("{name}.{part}");
        let parts = [
            ("query", &layer.query),
            ("key", &layer.key),
            ("value", &layer.value),
        ];
        let [query, key, value] = parts.map(|(part, linear)| self.product(&at(part), states, linear, WIDTH));
        let bias = self
            .graph
            .floats(&at("bias"), &[3 * WIDTH], &Self::side_by_side(layer).bias);
        let mask = self.mask_as_int();
        let inputs = [query.as_str(), &key, &value, &bias, &mask];
        self.microsoft(
            "MultiHeadAttention",
            &inputs,
            &at("joined"),
            &[int("num_heads", HEADS as i64)],
        )
    }
}

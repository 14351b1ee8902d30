//! A BERT-family encoder's weights as they were trained, in `f32`.

pub(crate) use super::kernel::Activation;

/// A BERT-family encoder's weights; every matrix is row-major `[inputs, outputs]`. 1/√(head width) is not part of them.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BertWeights {
    /// Length of a token's state.
    pub width: usize,
    /// Attention heads, each `width / heads` wide.
    pub heads: usize,
    /// Length of a state between the two products of a feed-forward layer.
    pub inner: usize,
    /// Added to variances in layer normalization.
    pub epsilon: f32,
    /// The function between the two products.
    pub activation: Activation,
    /// `[vocabulary, width]`.
    pub words: Vec<f32>,
    /// `[positions, width]`; the first row is the first token's.
    pub positions: Vec<f32>,
    /// `[types, width]`, where the model has token types.
    pub types: Option<Vec<f32>>,
    /// After the embeddings.
    pub norm: Norm,
    /// First to last.
    pub layers: Vec<LayerWeights>,
}

impl BertWeights {
    /// All values, part by part.
    pub fn values(&self) -> impl Iterator<Item = &[f32]> {
        let tables = [&self.words, &self.positions, &self.norm.gamma, &self.norm.beta];
        let tables = tables.into_iter().chain(&self.types);
        let layers = self.layers.iter().flat_map(LayerWeights::values);
        tables.map(Vec::as_slice).chain(layers)
    }
}

/// Layer normalization: a factor and a summand per value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Norm {
    /// Factors.
    pub gamma: Vec<f32>,
    /// Summands.
    pub beta: Vec<f32>,
}

/// states · weight + bias.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Linear {
    /// Row-major `[inputs, outputs]`.
    pub weight: Vec<f32>,
    /// `[outputs]`.
    pub bias: Vec<f32>,
}

/// One layer: attention and a feed-forward network, each followed by a residual sum and a normalization.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LayerWeights {
    /// To the queries of all heads, `[width, width]`.
    pub query: Linear,
    /// To the keys.
    pub key: Linear,
    /// To the values.
    pub value: Linear,
    /// From all heads' results back to the state.
    pub output: Linear,
    /// After the attention's residual sum.
    pub attention_norm: Norm,
    /// `[width, inner]`.
    pub up: Linear,
    /// `[inner, width]`.
    pub down: Linear,
    /// After the feed-forward network's residual sum.
    pub output_norm: Norm,
}

impl LayerWeights {
    fn values(&self) -> impl Iterator<Item = &[f32]> {
        let linears = [
            &self.query,
            &self.key,
            &self.value,
            &self.output,
            &self.up,
            &self.down,
        ];
        let norms = [&self.attention_norm, &self.output_norm];
        let linears = linears.into_iter().flat_map(|part| [&part.weight, &part.bias]);
        let norms = norms.into_iter().flat_map(|part| [&part.gamma, &part.beta]);
        linears.chain(norms).map(Vec::as_slice)
    }
}

//! A BERT-family encoder's weights, as they pass from a recognized graph to quantization.

/// A BERT-family encoder's weights in f32; every matrix is row-major `[inputs, outputs]`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BertWeights {
    pub width: usize,
    pub heads: usize,
    pub inner: usize,
    pub epsilon: f32,
    pub activation: Activation,
    /// `[vocabulary, width]`
    pub words: Vec<f32>,
    /// `[positions, width]`, first row = position of the first token
    pub positions: Vec<f32>,
    /// `[types, width]`
    pub types: Option<Vec<f32>>,
    /// After the embeddings.
    pub norm: Norm,
    pub layers: Vec<LayerWeights>,
}

/// A layer normalization's scale and shift.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Norm {
    pub gamma: Vec<f32>,
    pub beta: Vec<f32>,
}

/// A matrix `[inputs, outputs]` and its bias `[outputs]`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Linear {
    pub weight: Vec<f32>,
    pub bias: Vec<f32>,
}

/// One transformer layer; 1/√head_width is not folded into the query.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct LayerWeights {
    pub query: Linear,
    pub key: Linear,
    pub value: Linear,
    pub output: Linear,
    pub attention_norm: Norm,
    pub up: Linear,
    pub down: Linear,
    pub output_norm: Norm,
}

/// What stands between the two matrices of a layer's feed-forward part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activation {
    Gelu,
    GeluTanh,
    Relu,
}

//! The encoder's own forward pass.

mod weights;

pub(crate) use weights::{Activation, BertWeights, LayerWeights, Linear, Norm};

/// A model's two blocks, quantized.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PackedModel {
    /// Signed bytes.
    pub weights: Vec<u8>,
    /// Everything else.
    pub floats: Vec<f32>,
}

/// A token of a text: rows of the three tables of embeddings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Token {
    pub word: usize,
    pub position: usize,
    pub kind: usize,
}

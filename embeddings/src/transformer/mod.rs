//! A transformer encoder of the BERT family in 8-bit arithmetic, for one processor core or several.
//!
//! A forward pass works on packed tokens: the texts of a batch lie one after the other, none is padded. Every token is
//! quantized with a scale of its own, every column of weights with a scale of its own, so a text's states do not depend
//! on who shares its batch: they are the same bits alone and among others, on one thread and on several, and with every
//! instruction set.
//!
//! `weights` is what a model was trained to be, `quantize` packs it, `model` finds the parts of a packed model,
//! `forward` runs it, `kernel` is the arithmetic, `reference` the same in plain `f32`.

mod forward;
mod kernel;
mod model;
mod quantize;
mod reference;
#[cfg(test)]
mod tests;
mod weights;

pub(crate) use forward::{Forward, Parallel, Scratch, Token, alone};
pub use kernel::Level;
pub(crate) use kernel::{Kernels, Team};
pub(crate) use model::{Model, Sizes};
pub(crate) use quantize::{PackedModel, pack};
pub(crate) use weights::{Activation, BertWeights, LayerWeights, Linear, Norm};

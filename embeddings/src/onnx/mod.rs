//! ONNX model files: their messages (`proto`), their tensors (`tensor`), a file of them (`file`); graphs put together
//! (`builder`) from trained weights (`author`); a graph by its data flow (`graph`), small parts of it computed
//! (`evaluate`), the encoder in it found (`recognize`) and replaced (`rewrite`).

pub(crate) mod author;
mod builder;
mod evaluate;
pub(crate) mod file;
mod graph;
pub(crate) mod proto;
pub(crate) mod recognize;
pub(crate) mod rewrite;
#[cfg(test)]
pub(crate) mod styles;
pub(crate) mod tensor;
#[cfg(test)]
mod tests;

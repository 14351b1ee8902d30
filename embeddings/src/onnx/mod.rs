//! ONNX model files: their messages (`proto`), their tensors (`tensor`), a file of them (`file`).

#![allow(dead_code, reason = "the modules that use the rest come next")]

pub(crate) mod file;
pub(crate) mod proto;
pub(crate) mod tensor;

//! An ONNX model file and what lies beside it.

use std::io;
use std::path::{Path, PathBuf};

use prost::Message;

use super::proto::{GraphProto, ModelProto, StringStringEntryProto};
use super::tensor::Tensor;
use crate::{EmbeddingError, Result};

/// A model file, decoded; large tensors may still lie in files of the same folder.
#[derive(Debug, Clone)]
pub(crate) struct ModelFile {
    /// Where it was read from; external data is relative to its folder.
    pub path: PathBuf,
    /// What it says.
    pub model: ModelProto,
}

impl ModelFile {
    /// Reads and decodes `path`; external data is not read yet.
    ///
    /// # Errors
    /// [`EmbeddingError::MissingFile`], [`EmbeddingError::Unreadable`]; [`EmbeddingError::Model`] for what isn't a model.
    pub fn read(path: &Path) -> Result<Self> {
        let content = std::fs::read(path).map_err(|source| match source.kind() {
            io::ErrorKind::NotFound => EmbeddingError::MissingFile {
                path: path.to_owned(),
            },
            _ => EmbeddingError::Unreadable {
                path: path.to_owned(),
                source,
            },
        })?;
        let damaged = |reason: String| EmbeddingError::Model {
            path: path.to_owned(),
            reason,
        };
        let model = ModelProto::decode(content.as_slice()).map_err(|error| damaged(error.to_string()))?;
        if model.graph.is_none() {
            return Err(damaged("it holds no graph".to_owned()));
        }
        Ok(Self {
            path: path.to_owned(),
            model,
        })
    }

    /// The model's graph; [`ModelFile::read`] refuses a file without one.
    pub fn graph(&self) -> Result<&GraphProto> {
        self.model.graph.as_ref().ok_or_else(|| EmbeddingError::Model {
            path: self.path.clone(),
            reason: "it holds no graph".to_owned(),
        })
    }

    /// The value of a key in the model's `metadata_props`.
    pub fn metadata(&self, key: &str) -> Option<&str> {
        let found = |entry: &&StringStringEntryProto| entry.key() == key;
        self.model
            .metadata_props
            .iter()
            .find(found)
            .map(StringStringEntryProto::value)
    }

    /// An initializer's values, from wherever the file keeps them.
    ///
    /// # Errors
    /// [`EmbeddingError::Model`] with the tensor's name.
    pub fn tensor(&self, tensor: &super::proto::TensorProto) -> Result<Tensor> {
        let dir = self.path.parent().unwrap_or(Path::new("."));
        Tensor::read(tensor, dir).map_err(|reason| EmbeddingError::Model {
            path: self.path.clone(),
            reason: format!("tensor `{}`: {reason}", tensor.name()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(content: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("model.onnx");
        std::fs::write(&path, content).unwrap();
        (dir, path)
    }

    #[test]
    fn metadata_is_found_by_key() {
        let entry = |key: &str, value: &str| StringStringEntryProto {
            key: Some(key.to_owned()),
            value: Some(value.to_owned()),
        };
        let model = ModelProto {
            graph: Some(GraphProto::default()),
            metadata_props: vec![entry("a", "1"), entry("b", "2")],
            ..ModelProto::default()
        };
        let (_dir, path) = written(&model.encode_to_vec());
        let file = ModelFile::read(&path).unwrap();
        assert_eq!(file.metadata("b"), Some("2"));
        assert_eq!(file.metadata("c"), None);
    }

    #[test]
    fn damaged_empty_and_missing_files_are_named() {
        for content in [&b"not a model at all"[..], b"", &[0x3a, 0xff, 0xff, 0xff, 0x7f]] {
            let (_dir, path) = written(content);
            let error = ModelFile::read(&path).unwrap_err();
            assert!(
                matches!(&error, EmbeddingError::Model { path: p, .. } if *p == path),
                "{error}"
            );
        }
        let (dir, path) = written(b"");
        drop(dir);
        let error = ModelFile::read(&path).unwrap_err();
        assert!(matches!(error, EmbeddingError::MissingFile { .. }), "{error}");
    }
}

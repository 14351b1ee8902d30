//! What a collection's items have to be, and what makes their vectors.

use crate::engine::EngineError;
use crate::log::Origin;
use crate::schema::{Fault, FieldValues, Item, Schema};
use crate::snapshot::{Manifest, ModelRef, SnapshotError, TextDigest};
use alike_embeddings::Encoder;
use alike_indexes::Metric;
use serde_json::{Map, Value};
use std::sync::Arc;

type Fields = Map<String, Value>;

/// The rules of a snapshot: changes that were prepared under other ones are prepared again.
pub(crate) struct Rules {
    collection: String,
    schema: Schema,
    /// The schema without a source of vectors: it takes documents of items whose vector stays.
    documents: Schema,
    metric: Metric,
    dimension: usize,
    model: Option<ModelRef>,
    /// None where nothing has to be encoded yet.
    encoder: Option<Arc<Encoder>>,
}

/// An item that has passed the schema; its vector is still to be made where it brings none.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) id: Box<str>,
    pub(crate) document: Box<str>,
    pub(crate) values: Vec<FieldValues>,
    /// The text to encode; empty where items bring their vectors.
    pub(crate) text: String,
    /// The vector that it brings.
    pub(crate) vector: Option<Arc<[f32]>>,
}

impl Rules {
    /// The rules of a snapshot, whose texts `encoder` encodes.
    ///
    /// # Errors
    /// The manifest names a metric that there is not.
    pub(crate) fn new(manifest: &Manifest, encoder: Option<Arc<Encoder>>) -> Result<Self, SnapshotError> {
        let metric = manifest.metric.parse::<Metric>();
        let metric = metric.map_err(|source| SnapshotError::Index {
            path: manifest.collection.clone().into(),
            source,
        })?;
        let schema = manifest.schema.clone();
        Ok(Self {
            collection: manifest.collection.clone(),
            documents: Schema {
                embed: Vec::new(),
                vector: None,
                ..schema.clone()
            },
            schema,
            metric,
            dimension: manifest.dimension as usize,
            model: manifest.model.clone(),
            encoder,
        })
    }

    /// Whether a change that was prepared under the one is as good under the other.
    pub(crate) fn same(&self, other: &Self) -> bool {
        (self.metric, self.dimension) == (other.metric, other.dimension)
            && self.schema == other.schema
            && self.model == other.model
    }

    pub(crate) fn collection(&self) -> &str {
        &self.collection
    }

    pub(crate) fn schema(&self) -> &Schema {
        &self.schema
    }

    pub(crate) fn encoder(&self) -> Option<&Arc<Encoder>> {
        self.encoder.as_ref()
    }

    /// Numbers per vector.
    pub(crate) fn dimension(&self) -> usize {
        self.dimension
    }

    /// Whether items bring their own vectors.
    pub(crate) fn own_vectors(&self) -> bool {
        self.schema.vector.is_some()
    }

    /// What an encoded vector's origin is.
    pub(crate) fn origin(&self, text: &str) -> Option<Origin> {
        let (model, encoder) = (self.model.as_ref()?, self.encoder.as_ref()?);
        Some(Origin {
            model: model_bytes(&model.digest),
            variant: padded(&encoder.state().variant.to_string()),
            text: TextDigest::of(text),
        })
    }

    /// Whether a vector of this origin is that of `text`.
    pub(crate) fn made(&self, origin: &Origin, text: &str) -> bool {
        let model = self.model.as_ref().map(|model| model_bytes(&model.digest));
        model == Some(origin.model) && origin.text == TextDigest::of(text)
    }

    /// Checks the fields of a whole item.
    pub(crate) fn item(&self, fields: Fields) -> Result<Checked, EngineError> {
        let item = self.schema.item_of(fields).map_err(|fault| invalid(&fault))?;
        self.checked(item)
    }

    /// Checks a document whose item keeps its vector.
    pub(crate) fn document(&self, fields: Fields) -> Result<Checked, EngineError> {
        let item = self.documents.item_of(fields).map_err(|fault| invalid(&fault))?;
        self.checked(item)
    }

    fn checked(&self, item: Item) -> Result<Checked, EngineError> {
        if let Some(vector) = &item.vector {
            self.check_vector(vector)?;
        }
        Ok(Checked {
            id: item.id.into(),
            document: item.document.into(),
            values: item.values,
            text: item.text,
            vector: item.vector.map(Arc::from),
        })
    }

    /// Whether a vector is the one that is kept as `kept`: under cosine, scaled to length 1.
    pub(crate) fn compares_as(&self, vector: &[f32], kept: &[f32]) -> bool {
        if self.metric != Metric::Cosine {
            return vector == kept;
        }
        let squares: f64 = vector
            .iter()
            .map(|&number| f64::from(number) * f64::from(number))
            .sum();
        let scale = 1.0 / squares.sqrt();
        let scaled = vector.iter().map(|&number| (f64::from(number) * scale) as f32);
        vector.len() == kept.len() && scaled.zip(kept).all(|(number, &kept)| number == kept)
    }

    /// Whether an index takes the vector.
    pub(crate) fn check_vector(&self, vector: &[f32]) -> Result<(), EngineError> {
        let field = self.schema.vector.as_deref().unwrap_or("vector");
        if vector.len() != self.dimension {
            let (found, expected) = (vector.len(), self.dimension);
            let detail = format!("has {found} numbers, this collection's vectors have {expected}");
            return Err(EngineError::invalid(field, detail));
        }
        let squares: f64 = vector
            .iter()
            .map(|&number| f64::from(number) * f64::from(number))
            .sum();
        if !squares.is_finite() {
            return Err(EngineError::invalid(field, "has a number that is not finite"));
        }
        let longest = f64::from(f32::MAX).sqrt() / 4.0;
        match self.metric {
            Metric::Cosine if squares == 0.0 => {
                let detail = "is all zeros: it has no direction to compare by cosine";
                Err(EngineError::invalid(field, detail))
            }
            Metric::Dot | Metric::L2 if squares.sqrt() > longest => {
                let detail = format!(
                    "is {:e} long, at most {longest:e} can be compared",
                    squares.sqrt()
                );
                Err(EngineError::invalid(field, detail))
            }
            _ => Ok(()),
        }
    }
}

fn invalid(fault: &Fault) -> EngineError {
    EngineError::invalid(fault.path(), fault.detail())
}

/// The start of a model's digest, which is written in hexadecimal; of a name that is no such digest, its digest.
pub(crate) fn model_bytes(digest: &str) -> [u8; 16] {
    let pairs = digest.as_bytes().as_chunks::<2>().0;
    let bytes = pairs.iter().take(16).map(|pair| {
        let pair = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(pair, 16).ok()
    });
    let bytes: Option<Vec<u8>> = bytes.collect();
    bytes
        .and_then(|bytes| bytes.try_into().ok())
        .unwrap_or_else(|| TextDigest::of(digest).0)
}

fn padded(name: &str) -> [u8; 16] {
    let mut bytes = [0; 16];
    let length = name.len().min(bytes.len());
    bytes[..length].copy_from_slice(&name.as_bytes()[..length]);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_models_digest_starts_its_origin() {
        let digest = "000102030405060708090a0b0c0d0e0fffff";
        assert_eq!(
            model_bytes(digest),
            [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15]
        );
        assert_eq!(model_bytes("short"), TextDigest::of("short").0);
        assert_ne!(model_bytes("another"), model_bytes("short"));
    }
}

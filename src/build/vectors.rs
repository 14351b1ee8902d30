//! Where items' vectors come from: the model, or the catalog itself.

use super::BuildError;
use crate::engine::{ModelPlace, cores};
use crate::schema::{Item, Schema};
use crate::snapshot::{ModelRef, SnapshotError, SnapshotWriter};
use alike_embeddings::{Encoder, EncoderSettings};

pub(super) enum Vectors {
    Model(Box<Encoder>),
    Own,
}

impl Vectors {
    pub(super) fn open(schema: &Schema, place: &ModelPlace) -> Result<Self, BuildError> {
        if schema.vector.is_some() {
            return Ok(Self::Own);
        }
        let bundle = place.open_bundle()?;
        let encoder = Encoder::open(&bundle, place.run.over(EncoderSettings::for_bulk(cores())))?;
        Ok(Self::Model(Box::new(encoder)))
    }

    pub(super) fn model(&self) -> Option<ModelRef> {
        match self {
            Self::Model(encoder) => Some(encoder.identity().into()),
            Self::Own => None,
        }
    }

    pub(super) fn dimension(&self) -> Option<usize> {
        match self {
            Self::Model(encoder) => Some(encoder.dimension()),
            Self::Own => None,
        }
    }

    /// Stores `items` with their vectors; `advance` hears how many are encoded.
    pub(super) fn store(
        &self,
        items: &[Item],
        writer: &mut SnapshotWriter,
        advance: impl FnMut(usize),
    ) -> Result<(), BuildError> {
        let stored: Result<(), SnapshotError> = match self {
            Self::Model(encoder) => {
                let texts: Vec<&str> = items.iter().map(|item| item.text.as_str()).collect();
                let embeddings = encoder.encode_documents_with(&texts, advance)?;
                items
                    .iter()
                    .enumerate()
                    .try_for_each(|(at, item)| writer.push(item, embeddings.row(at)))
            }
            Self::Own => items
                .iter()
                .try_for_each(|item| writer.push(item, item.vector.as_deref().unwrap_or_default())),
        };
        Ok(stored?)
    }
}

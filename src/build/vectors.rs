//! Where items' vectors come from: the model, an earlier build, or the catalog itself.

use super::known::{Encoding, Known};
use super::{BuildError, Order, Watcher};
use crate::engine::cores;
use crate::schema::Item;
use crate::snapshot::{Collection, ModelRef, SnapshotWriter, TextDigest};
use alike_embeddings::{Encoder, EncoderSettings};

pub(super) enum Vectors {
    Model {
        encoder: Box<Encoder>,
        known: Box<Known>,
    },
    Own,
}

impl Vectors {
    pub(super) fn open(
        collection: &Collection,
        order: &Order,
        watcher: &dyn Watcher,
    ) -> Result<Self, BuildError> {
        if order.schema.vector.is_some() {
            return Ok(Self::Own);
        }
        let bundle = order.models.open_bundle()?;
        let settings = order.models.run.over(EncoderSettings::for_bulk(cores()));
        let encoder = Box::new(Encoder::open(&bundle, settings)?);
        let known = Known::open(collection, &encoder, order.index.metric, !order.reuse, watcher)?;
        let known = Box::new(known);
        Ok(Self::Model { encoder, known })
    }

    pub(super) fn model(&self) -> Option<ModelRef> {
        match self {
            Self::Model { encoder, .. } => Some(encoder.identity().into()),
            Self::Own => None,
        }
    }

    /// The model's variant that encodes.
    pub(super) fn variant(&self) -> Option<String> {
        match self {
            Self::Model { encoder, .. } => Some(encoder.state().variant.to_string()),
            Self::Own => None,
        }
    }

    pub(super) fn dimension(&self) -> Option<usize> {
        match self {
            Self::Model { encoder, .. } => Some(encoder.dimension()),
            Self::Own => None,
        }
    }

    /// How the rows so far got their vectors; none where the catalog brings its own.
    pub(super) fn counts(&self) -> Option<Encoding> {
        match self {
            Self::Model { known, .. } => Some(known.counts()),
            Self::Own => None,
        }
    }

    /// Everything is published.
    pub(super) fn done(self) {
        if let Self::Model { known, .. } = self {
            known.done();
        }
    }

    /// Stores `items` with their vectors; `advance` hears how many have one.
    pub(super) fn store(
        &mut self,
        items: &[Item],
        writer: &mut SnapshotWriter,
        advance: impl FnMut(usize),
    ) -> Result<(), BuildError> {
        match self {
            Self::Model { encoder, known } => store_encoded(encoder, known, items, writer, advance),
            Self::Own => {
                for item in items {
                    writer.push(item, item.vector.as_deref().unwrap_or_default())?;
                }
                Ok(())
            }
        }
    }
}

/// Texts after which their vectors are kept for the next build, should this one die.
const KEPT_TOGETHER: usize = 1_024;

/// Encodes what is not known yet, then stores all.
fn store_encoded(
    encoder: &Encoder,
    known: &mut Known,
    items: &[Item],
    writer: &mut SnapshotWriter,
    mut advance: impl FnMut(usize),
) -> Result<(), BuildError> {
    let digests: Vec<TextDigest> = items.iter().map(|item| TextDigest::of(&item.text)).collect();
    let unknown = known.unknown(&digests);
    let mut had = items.len() - unknown.len();
    for part in unknown.chunks(KEPT_TOGETHER) {
        let texts: Vec<&str> = part.iter().map(|&at| items[at].text.as_str()).collect();
        let embeddings = encoder.encode_documents_with(&texts, |done| advance(had + done))?;
        for (&at, vector) in part.iter().zip(embeddings.rows()) {
            known.add(digests[at], vector)?;
        }
        had += part.len();
    }
    for (item, digest) in items.iter().zip(digests) {
        writer.push(item, known.vector(digest)?)?;
    }
    Ok(())
}

//! All items of a view, with their vectors, into a snapshot under construction.

use super::{RebuildError, Watcher, check};
use crate::engine::View;
use crate::live::ItemRef;
use crate::log::Origin;
use crate::schema::{Item, Schema, joined_text};
use crate::snapshot::{NewRow, SnapshotError, SnapshotWriter, TextDigest, TextDigests};
use alike_embeddings::{Embeddings, Encoder};
use rayon::prelude::*;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// Items that are read together.
const CHUNK: usize = 4_096;

/// What the items of a view become.
pub(super) struct Sources<'a> {
    /// Their schema in the snapshot.
    pub(super) schema: Schema,
    /// As `schema`, for items whose vector is elsewhere.
    plain: Schema,
    /// Encodes texts that are others under the new schema; none where texts stay what they are.
    encoder: Option<&'a Encoder>,
    /// The fields that were embedded before.
    embedded: Vec<String>,
    /// What the vectors of the snapshot's rows were made from.
    texts: Option<TextDigests>,
    /// The variant whose texts are noted.
    variant: Option<String>,
}

/// What was gathered.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    pub(super) rows: u64,
    /// Rows with the vector of a row of the snapshot before.
    pub(super) kept: u64,
    /// Rows whose text was encoded.
    pub(super) encoded: u64,
    /// Names of all fields of documents.
    pub(super) fields: BTreeSet<String>,
}

/// An item that was read, and where its vector is.
struct Read {
    item: Item,
    /// The text to encode is another one than before.
    anew: bool,
    digest: Option<TextDigest>,
}

impl<'a> Sources<'a> {
    /// The items as the view has them.
    pub(super) fn as_they_are(view: &View) -> Result<Self, SnapshotError> {
        Self::under(view, view.snapshot().manifest().schema.clone(), None)
    }

    /// The items under another schema; `encoder` for texts that are others then.
    pub(super) fn under(
        view: &View,
        schema: Schema,
        encoder: Option<&'a Encoder>,
    ) -> Result<Self, SnapshotError> {
        let base = view.snapshot();
        let texts = base.text_digests()?;
        let variant = match (&base.manifest().model, encoder, &texts) {
            (None, ..) => None,
            (_, Some(encoder), _) => Some(encoder.state().variant.to_string()),
            (_, None, Some(texts)) => Some(texts.variant.clone()),
            (_, None, None) => {
                let mut origins = view.live().items().filter_map(|item| item.ok()?.origin);
                origins.next().map(variant_of)
            }
        };
        Ok(Self {
            plain: Schema {
                vector: None,
                ..schema.clone()
            },
            schema,
            encoder,
            embedded: base.manifest().schema.embed.clone(),
            texts,
            variant,
        })
    }

    /// The model's variant whose texts are noted; none where vectors come without texts.
    pub(super) fn variant(&self) -> Option<&str> {
        self.variant.as_deref()
    }

    /// Stores every item.
    pub(super) fn gather(
        &self,
        view: &View,
        writer: &mut SnapshotWriter,
        watcher: &dyn Watcher,
    ) -> Result<Gathered, RebuildError> {
        let total = view.live().len().max(1) as f64;
        let phase = if self.encoder.is_some() {
            "encode"
        } else {
            "gather"
        };
        let mut gathered = Gathered::default();
        let mut items = view.live().items();
        loop {
            check(watcher)?;
            watcher.at(phase, gathered.rows as f64 / total);
            let chunk: Vec<ItemRef<'_>> = items.by_ref().take(CHUNK).collect::<Result<_, _>>()?;
            if chunk.is_empty() {
                return Ok(gathered);
            }
            self.store(&chunk, writer, &mut gathered)?;
        }
    }

    fn store(
        &self,
        chunk: &[ItemRef<'_>],
        writer: &mut SnapshotWriter,
        gathered: &mut Gathered,
    ) -> Result<(), RebuildError> {
        let read: Vec<Result<(Read, Vec<String>), RebuildError>> = chunk
            .par_iter()
            .map(|item| self.read(item, &gathered.fields))
            .collect();
        // In their order, so that it is the first item that is named.
        let read: Vec<(Read, Vec<String>)> = read.into_iter().collect::<Result<_, _>>()?;
        let texts: Vec<&str> = read
            .iter()
            .filter(|(read, _)| read.anew)
            .map(|(read, _)| read.item.text.as_str())
            .collect();
        let embeddings = match self.encoder {
            Some(encoder) if !texts.is_empty() => Some(encoder.encode_documents_with(&texts, |_| ())?),
            _ => None,
        };
        let mut encoded = embeddings.iter().flat_map(Embeddings::rows);
        for (item, (read, fields)) in chunk.iter().zip(&read) {
            gathered.fields.extend(fields.iter().cloned());
            let made = if read.anew { encoded.next() } else { None };
            gathered.encoded += u64::from(made.is_some());
            gathered.kept += u64::from(made.is_none() && item.row().is_some());
            writer.push_row(&NewRow {
                id: item.id,
                document: &read.item.document,
                values: &read.item.values,
                vector: made.unwrap_or(item.vector),
                text: read.digest,
            })?;
            gathered.rows += 1;
        }
        Ok(())
    }

    /// Reads an item; with it, names of fields that are not known yet.
    fn read(
        &self,
        item: &ItemRef<'_>,
        known: &BTreeSet<String>,
    ) -> Result<(Read, Vec<String>), RebuildError> {
        let contradiction = |reason: String| RebuildError::Contradiction {
            id: item.id.to_owned(),
            reason,
        };
        let fields: Map<String, Value> =
            serde_json::from_slice(item.document).map_err(|error| contradiction(error.to_string()))?;
        let new = fields
            .keys()
            .filter(|name| !known.contains(*name))
            .cloned()
            .collect();
        let anew = match self.encoder {
            Some(_) => {
                joined_text(&self.embedded, &fields).ok() != joined_text(&self.plain.embed, &fields).ok()
            }
            None => false,
        };
        let checked = self
            .plain
            .item_of(fields)
            .map_err(|fault| contradiction(fault.to_string()))?;
        let digest = match anew {
            true => Some(TextDigest::of(&checked.text)),
            false => self.digest(item),
        };
        let read = Read {
            item: checked,
            anew,
            digest,
        };
        Ok((read, new))
    }

    /// What the item's vector was made from, where the variant whose texts are noted made it.
    fn digest(&self, item: &ItemRef<'_>) -> Option<TextDigest> {
        match (item.origin, item.row(), &self.texts) {
            (Some(origin), ..) => (Some(variant_of(origin)) == self.variant).then_some(origin.text),
            (None, Some(row), Some(texts)) if Some(&texts.variant) == self.variant.as_ref() => {
                texts.digests.get(row.index()).copied()
            }
            _ => None,
        }
    }
}

/// The name of the variant that made a vector.
fn variant_of(origin: Origin) -> String {
    let name = String::from_utf8_lossy(&origin.variant);
    name.trim_end_matches('\0').to_owned()
}

//! Vectors that need not be encoded: those of the published snapshot, those that a dead build has left, and those of
//! texts that came before in the same catalog.
//!
//! A vector is reused for an equal text under the same model and variant. Those of a build that died are what the
//! encoder gave. Those of a snapshot are what its index keeps: under cosine, vectors scaled to length 1 in 64-bit
//! arithmetic; scaling one again gives the same bits, or in rare cases one off by a last bit.

use super::Watcher;
use super::spill::Spill;
use crate::snapshot::{Collection, ModelRef, Snapshot, SnapshotError, TextDigest, Verify};
use alike_embeddings::Encoder;
use alike_indexes::{Metric, RowId};
use std::collections::HashMap;

/// How the rows of a build got their vectors.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Encoding {
    /// Texts that the model encoded.
    pub encoded: u64,
    /// Rows whose vector the published snapshot or a dead build had.
    pub reused: u64,
    /// Rows whose text came before in the same catalog.
    pub duplicates: u64,
}

pub(super) struct Known {
    places: HashMap<TextDigest, Place>,
    previous: Option<Snapshot>,
    spill: Spill,
    /// Records of the spill that a dead build has left.
    left: u32,
    counts: Encoding,
    row: Vec<f32>,
}

#[derive(Debug, Clone, Copy)]
enum Place {
    Previous(RowId),
    Spilled(u32),
}

impl Known {
    /// Looks for vectors of `encoder`'s model. `anew`: none is reused.
    pub fn open(
        collection: &Collection,
        encoder: &Encoder,
        metric: Metric,
        anew: bool,
        watcher: &dyn Watcher,
    ) -> Result<Self, SnapshotError> {
        let (model, variant) = (
            ModelRef::from(encoder.identity()),
            encoder.state().variant.to_string(),
        );
        let origin = format!("{}\n{}\n{}\n{variant}", model.name, model.version, model.digest);
        let path = collection.spill_path();
        let (spill, left) = Spill::open(&path, &origin, encoder.dimension(), anew)?;
        let mut places = HashMap::with_capacity(left.len());
        for (record, digest) in left.iter().enumerate() {
            places.insert(*digest, Place::Spilled(record as u32));
        }
        let mut known = Self {
            places,
            previous: None,
            left: spill.records(),
            spill,
            counts: Encoding::default(),
            row: Vec::new(),
        };
        if !anew {
            match previous(collection, &model, &variant, metric) {
                Ok(Some((snapshot, digests))) => known.take_over(snapshot, &digests),
                Ok(None) => {}
                Err(reason) => watcher.not_reused(&reason),
            }
        }
        Ok(known)
    }

    fn take_over(&mut self, snapshot: Snapshot, digests: &[TextDigest]) {
        self.places.reserve(digests.len());
        for (row, digest) in digests.iter().enumerate() {
            if *digest == TextDigest::UNKNOWN {
                continue;
            }
            let place = Place::Previous(RowId(row as u32));
            self.places.entry(*digest).or_insert(place);
        }
        self.previous = Some(snapshot);
    }

    /// Which of these texts have to be encoded, by their place in `digests`; counts all of them.
    pub fn unknown(&mut self, digests: &[TextDigest]) -> Vec<usize> {
        let next = self.spill.records();
        let mut unknown = Vec::new();
        for (at, digest) in digests.iter().enumerate() {
            match self.places.get(digest) {
                Some(Place::Previous(_)) => self.counts.reused += 1,
                Some(Place::Spilled(record)) if *record < self.left => self.counts.reused += 1,
                Some(Place::Spilled(_)) => self.counts.duplicates += 1,
                None => {
                    let record = next + unknown.len() as u32;
                    self.places.insert(*digest, Place::Spilled(record));
                    unknown.push(at);
                }
            }
        }
        self.counts.encoded += unknown.len() as u64;
        unknown
    }

    /// Takes the vector of a text that [`Known::unknown`] named, in that order.
    pub fn add(&mut self, digest: TextDigest, vector: &[f32]) -> Result<(), SnapshotError> {
        self.spill.append(digest, vector)
    }

    /// The vector of a text that is known; empty for one that isn't.
    pub fn vector(&mut self, digest: TextDigest) -> Result<&[f32], SnapshotError> {
        self.row.clear();
        match self.places.get(&digest) {
            Some(Place::Spilled(record)) => self.spill.vector(*record, &mut self.row)?,
            Some(Place::Previous(row)) => {
                let vector = self.previous.as_ref().and_then(|old| old.index().vector(*row));
                self.row.extend_from_slice(vector.unwrap_or_default());
            }
            None => {}
        }
        Ok(&self.row)
    }

    /// How the rows so far got their vectors.
    pub fn counts(&self) -> Encoding {
        self.counts
    }

    /// Everything is published: nothing has to be left to the next build.
    pub fn done(self) {
        self.spill.remove();
    }
}

/// The published snapshot with its texts' digests, if its vectors can be used; else why not, where that is worth a word.
fn previous(
    collection: &Collection,
    model: &ModelRef,
    variant: &str,
    metric: Metric,
) -> Result<Option<(Snapshot, Vec<TextDigest>)>, String> {
    let id = match collection.current() {
        Err(SnapshotError::NoCollection { .. }) => return Ok(None),
        id => id.map_err(|error| error.to_string())?,
    };
    // Vectors that are taken over live on in later snapshots: every byte is checked.
    let snapshot = collection.open(&id, Verify::Full);
    let snapshot = snapshot.map_err(|error| error.to_string())?;
    let manifest = snapshot.manifest();
    let Some(before) = &manifest.model else {
        return Ok(None);
    };
    let texts = snapshot.text_digests().map_err(|error| error.to_string())?;
    let Some(texts) = texts else {
        return Err(format!(
            "snapshot {id} was built before digests of texts were kept"
        ));
    };
    if (before, texts.variant.as_str()) != (model, variant) {
        let before = format!("{before} ({})", texts.variant);
        return Err(format!(
            "snapshot {id} was encoded with {before}, not {model} ({variant})"
        ));
    }
    if manifest.metric != metric.to_string() && manifest.metric == Metric::Cosine.to_string() {
        return Err(format!(
            "snapshot {id} keeps vectors of length 1 for cosine, not {metric}"
        ));
    }
    Ok(Some((snapshot, texts.digests)))
}

//! What was learned from events, in a snapshot: `recommend.model`, and `recommend.alike` with the item vectors.

use super::manifest::Manifest;
use super::mapped::MappedWords;
use super::writer::{INDEX_FILE, SnapshotWriter, write_synced};
use super::{Snapshot, SnapshotError};
use crate::learn::{self, Interactions, Model, ModelError, TrainSettings, Watch};
use alike_indexes::{Index, Metric, Request, RowId, Scratch};
use rayon::prelude::*;
use std::collections::HashMap;
use std::path::Path;

/// The file with everything but the item vectors.
pub(super) const MODEL_FILE: &str = "recommend.model";
/// The index of the item vectors.
const VECTORS_FILE: &str = "recommend.alike";

/// Items of like content that an item leads to.
const ALIKE: usize = 30;

/// Gathers what a model is trained on: for that many rows, with the row of an item's id.
pub type Gather<'a> = &'a dyn Fn(usize, &dyn Fn(&str) -> Option<u32>) -> Interactions;

impl SnapshotWriter {
    /// Trains a model on what `gather` gives for the rows pushed, and adds it to the snapshot; call it when the index is
    /// built. Uses the current pool; `threads` are those of the index of item vectors. False where there is too little to
    /// learn from (see [`learn::enough`]), or where `watch` said to stop.
    ///
    /// # Errors
    /// A file cannot be written, or the index cannot be read.
    pub fn learn(
        &mut self,
        gather: Gather<'_>,
        watch: &dyn Watch,
        threads: Option<usize>,
    ) -> Result<bool, SnapshotError> {
        let interactions = {
            let ids = self.ids();
            let rows: HashMap<&str, u32> = ids.enumerate().map(|(row, id)| (id, row as u32)).collect();
            gather(rows.len(), &|id| rows.get(id).copied())
        };
        if !learn::enough(&interactions) {
            return Ok(false);
        }
        let (model, vectors) = (self.file(MODEL_FILE), self.file(VECTORS_FILE));
        let settings = TrainSettings {
            alike: alike(&self.file(INDEX_FILE), &interactions)?,
            ..TrainSettings::default()
        };
        let trained = learn::train(&interactions, &settings, watch);
        let Some(trained) = trained.map_err(|error| refused(&model, error))? else {
            return Ok(false);
        };
        let written = trained.build_index(&vectors, threads);
        written.map_err(|error| refused(&vectors, error.into()))?;
        let bytes: Vec<u8> = trained.words.iter().flat_map(|word| word.to_le_bytes()).collect();
        write_synced(&model, &bytes)?;
        Ok(true)
    }
}

/// Per item that anybody touched, items whose content is like its own; nothing where the index has another measure than
/// the cosine.
fn alike(path: &Path, interactions: &Interactions) -> Result<Vec<Vec<(u32, f32)>>, SnapshotError> {
    let index = open_index(path)?;
    if index.metric() != Metric::Cosine || index.len() != interactions.items {
        return Ok(Vec::new());
    }
    let mut touched = vec![false; index.len()];
    let touches = interactions.users.iter().flat_map(|user| &user.touches);
    let baskets = interactions.baskets.iter().chain(&interactions.sessions);
    let items = touches
        .map(|touch| touch.item)
        .chain(baskets.flat_map(|basket| basket.items.iter().copied()));
    for item in items {
        if let Some(touched) = touched.get_mut(item as usize) {
            *touched = true;
        }
    }
    let row = |scratch: &mut Scratch, (row, touched): (usize, &bool)| match touched {
        true => nearest(index.as_ref(), row as u32, scratch),
        false => Vec::new(),
    };
    Ok(touched
        .par_iter()
        .enumerate()
        .map_init(Scratch::new, row)
        .collect())
}

fn nearest(index: &dyn Index, row: u32, scratch: &mut Scratch) -> Vec<(u32, f32)> {
    let Some(vector) = index.vector(RowId(row)) else {
        return Vec::new();
    };
    let request = Request {
        k: ALIKE + 1,
        ..Request::default()
    };
    // A vector of zeros is like nothing.
    if index.search(vector, &request, scratch).is_err() {
        return Vec::new();
    }
    let found = scratch
        .neighbors()
        .iter()
        .filter(|found| found.row.0 != row && found.score > 0.0);
    let mut found: Vec<_> = found.map(|found| (found.row.0, found.score)).collect();
    found.sort_unstable_by_key(|entry| entry.0);
    found
}

fn open_index(path: &Path) -> Result<Box<dyn Index>, SnapshotError> {
    alike_indexes::open(path).map_err(|source| SnapshotError::Index {
        path: path.to_path_buf(),
        source,
    })
}

fn refused(path: &Path, error: ModelError) -> SnapshotError {
    match error {
        ModelError::Damaged { found, expected } => SnapshotError::damaged(path, found, expected),
        ModelError::Index(source) => SnapshotError::Index {
            path: path.to_path_buf(),
            source,
        },
        other => SnapshotError::damaged(path, other.to_string(), "another version"),
    }
}

/// Opens the model of a snapshot; none where nothing was learned, or where it was learned by another version, which the
/// next build puts right.
pub(super) fn open(dir: &Path, manifest: &Manifest) -> Result<Option<Model>, SnapshotError> {
    let has = |name: &str| manifest.files.iter().any(|file| file.name == name);
    if !has(MODEL_FILE) {
        return Ok(None);
    }
    let path = dir.join(MODEL_FILE);
    let vectors = match has(VECTORS_FILE) {
        true => Some(open_index(&dir.join(VECTORS_FILE))?),
        false => None,
    };
    match Model::open(Box::new(MappedWords::open(&path)?), vectors) {
        Err(error @ ModelError::Version { .. }) => {
            tracing::warn!(path = %path.display(), %error, "recommendations do without what was learned");
            Ok(None)
        }
        Err(error) => Err(refused(&path, error)),
        Ok(model) if model.items() as u64 == manifest.rows => Ok(Some(model)),
        Ok(model) => Err(SnapshotError::damaged(
            &path,
            format!("a model of {} items", model.items()),
            format!("one of {}", manifest.rows),
        )),
    }
}

impl Snapshot {
    /// What was learned from events when it was built, its items being the rows; none where there were too few.
    #[must_use]
    pub fn learned(&self) -> Option<&Model> {
        self.learned.as_ref()
    }
}

#[cfg(test)]
#[path = "learned_tests.rs"]
mod tests;

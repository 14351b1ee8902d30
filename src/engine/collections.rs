//! Collections come and go.

use super::{Engine, EngineError, View};
use crate::schema::Schema;
use crate::snapshot::{BuildFacts, Collection, Made, Manifest, ModelRef, SnapshotError, SnapshotWriter};
use alike_indexes::vectors::MAX_DIMENSION;
use alike_indexes::{BuildSettings, Kind, Metric};
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// What a collection's folder is called while its files are being removed; no collection is named so.
const DROPPED: &str = ".dropped-";

/// A collection to create.
#[derive(Debug, Clone)]
pub struct NewCollection {
    /// What its items look like.
    pub schema: Schema,
    /// By what vectors are compared.
    pub metric: Metric,
    /// The kind of index that its snapshots get.
    pub kind: Kind,
    /// Numbers per vector: needed where items bring their own, that of the model elsewhere.
    pub dimension: Option<usize>,
}

impl Engine {
    /// Creates an empty collection and serves it.
    ///
    /// # Errors
    /// [`EngineError::Exists`]; the name, schema or dimension is wrong; the model that it needs is not installed.
    pub fn create_collection(&self, name: &str, new: &NewCollection) -> Result<Arc<View>, EngineError> {
        let collection = self.store.collection(name).map_err(|error| match error {
            error @ SnapshotError::CollectionName { .. } => {
                EngineError::invalid("collection", error.to_string())
            }
            error => error.into(),
        })?;
        self.check_writes()?;
        self.check_disk(collection.dir())?;
        let schema = new.schema.validate();
        schema.map_err(|error| EngineError::invalid("schema", error.to_string()))?;
        self.alone(name, || self.publish_empty(&collection, new))?;
        self.adopt_now(name)
    }

    pub(super) fn check_writes(&self) -> Result<(), EngineError> {
        if self.writes.read_only {
            let reason = "it only reads".to_owned();
            return Err(EngineError::WritesOff { reason });
        }
        Ok(())
    }

    fn publish_empty(&self, collection: &Collection, new: &NewCollection) -> Result<(), EngineError> {
        let exists = || EngineError::Exists {
            name: collection.name().to_owned(),
        };
        match collection.current() {
            Err(SnapshotError::NoCollection { .. }) => {}
            _ => return Err(exists()),
        }
        let (dimension, model, variant) = self.vectors_of(new)?;
        let _lock = collection.lock_for_build()?;
        // Another process may have been faster.
        if collection.current().is_ok() {
            return Err(exists());
        }
        let mut writer = SnapshotWriter::new(collection, &new.schema)?;
        writer.set_dimension(dimension);
        if let Some(variant) = variant {
            writer.keep_digests(&variant)?;
        }
        let settings = BuildSettings::new(new.kind, new.metric);
        settings.check()?;
        let (_report, description) = writer.build_index(&settings, &|_| ())?;
        let made = Made {
            schema: new.schema.clone(),
            document_fields: Vec::new(),
            model,
            metric: new.metric,
            dimension,
            index: new.kind,
        };
        let mut facts = BuildFacts::default();
        facts.describe(&description);
        let manifest = Manifest::new(collection.name(), made, facts);
        let id = writer.finish(collection, manifest)?;
        collection.publish(&id)?;
        Ok(())
    }

    /// The dimension of a new collection's vectors, and the model and variant that make them.
    fn vectors_of(
        &self,
        new: &NewCollection,
    ) -> Result<(usize, Option<ModelRef>, Option<String>), EngineError> {
        if new.schema.vector.is_none() {
            let encoder = self.models.encoder()?;
            let dimension = encoder.dimension();
            if new.dimension.is_some_and(|asked| asked != dimension) {
                let detail = format!(
                    "the vectors of model {} have {dimension} numbers; leave it out",
                    encoder.identity()
                );
                return Err(EngineError::invalid("dimension", detail));
            }
            let variant = encoder.state().variant.to_string();
            return Ok((dimension, Some(encoder.identity().into()), Some(variant)));
        }
        match new.dimension {
            Some(dimension) if (1..=MAX_DIMENSION).contains(&dimension) => Ok((dimension, None, None)),
            Some(dimension) => {
                let detail = format!("is {dimension}, must be 1 to {MAX_DIMENSION}");
                Err(EngineError::invalid("dimension", detail))
            }
            None => {
                let detail = "is missing: items bring their own vectors, say how many numbers each has";
                Err(EngineError::invalid("dimension", detail))
            }
        }
    }

    /// Takes a collection away with everything in it: its files are gone when this returns, calls in flight finish.
    ///
    /// # Errors
    /// There is none of that name, another process writes it, or its files cannot be removed.
    pub fn drop_collection(&self, name: &str) -> Result<(), EngineError> {
        let collection = self.store.collection(name)?;
        self.check_writes()?;
        self.alone(name, || {
            if let Some(serving) = self.slots.load().get(name).and_then(|slot| slot.serving.clone()) {
                serving.stage.check_on()?;
            } else if matches!(collection.current(), Err(SnapshotError::NoCollection { .. })) {
                self.view(name)?;
            }
            // No build goes on in it.
            let lock = collection.lock_for_build()?;
            self.forget(name);
            let dropped = remove(collection.dir());
            drop(lock);
            dropped.map_err(EngineError::from)
        })
    }
}

/// Renames a collection's folder, which is when it is gone, and removes it.
fn remove(dir: &Path) -> Result<(), SnapshotError> {
    let (Some(above), Some(name)) = (dir.parent(), dir.file_name()) else {
        return Ok(());
    };
    let io = |path: &Path, action, source| SnapshotError::Io {
        path: path.to_path_buf(),
        action,
        source,
    };
    let place = tempfile::Builder::new()
        .prefix(&format!("{DROPPED}{}-", name.to_string_lossy()))
        .tempdir_in(above)
        .map_err(|source| io(above, "create a folder in", source))?;
    let moved = place.path().join("collection");
    fs::rename(dir, &moved).map_err(|source| io(dir, "rename", source))?;
    let synced = fs::File::open(above).and_then(|above| above.sync_all());
    synced.map_err(|source| io(above, "sync", source))?;
    let path = place.path().to_path_buf();
    place.close().map_err(|source| io(&path, "remove", source))
}

/// Removes what an interrupted drop has left.
pub(super) fn remove_dropped(data: &Path) {
    let entries = fs::read_dir(data.join("collections"))
        .into_iter()
        .flatten()
        .flatten();
    let dropped = entries.filter(|entry| {
        entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(DROPPED.as_bytes())
    });
    for left in dropped {
        if let Err(error) = fs::remove_dir_all(left.path()) {
            tracing::warn!(folder = %left.path().display(), %error, "a dropped collection's files cannot be removed");
        }
    }
}

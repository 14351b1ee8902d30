//! The placements of collections.

use super::{Engine, EngineError};
use crate::placements::{Placement, Placements, PlacementsError};
use std::sync::{Arc, PoisonError};

impl Engine {
    /// The placements of a collection; reading them never waits for anybody who writes.
    ///
    /// # Errors
    /// No such collection, or its file of placements cannot be read.
    pub fn placements(&self, collection: &str) -> Result<Arc<Placements>, EngineError> {
        self.serving(collection)?;
        let mut opened = self.placements.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(placements) = opened.get(collection) {
            return Ok(Arc::clone(placements));
        }
        let path = self.store.collection(collection)?.placements_path();
        let placements = Arc::new(Placements::open(&path)?);
        opened.insert(collection.to_owned(), Arc::clone(&placements));
        Ok(placements)
    }

    /// One placement of a collection.
    ///
    /// # Errors
    /// [`EngineError::NoPlacement`], or as [`Engine::placements`].
    pub fn placement(&self, collection: &str, name: &str) -> Result<Arc<Placement>, EngineError> {
        let found = self.placements(collection)?.get(name);
        found.ok_or_else(|| no_placement(collection, name))
    }

    /// Checks a placement against the collection's schema and keeps it; durable when this returns. Says whether it is a
    /// new one.
    ///
    /// # Errors
    /// [`EngineError::Invalid`] naming the field, [`EngineError::WritesOff`], [`EngineError::DiskLow`], or as
    /// [`Engine::placements`].
    pub fn put_placement(
        &self,
        collection: &str,
        name: &str,
        placement: Placement,
    ) -> Result<bool, EngineError> {
        let placements = self.placements(collection)?;
        placement.check(&self.view(collection)?.snapshot().manifest().schema)?;
        self.check_placements_change(collection)?;
        Ok(placements.put(name, placement)?)
    }

    /// Removes a placement, durably.
    ///
    /// # Errors
    /// As [`Engine::placement`], or [`EngineError::WritesOff`].
    pub fn remove_placement(&self, collection: &str, name: &str) -> Result<(), EngineError> {
        let placements = self.placements(collection)?;
        self.check_placements_change(collection)?;
        if placements.remove(name)? {
            return Ok(());
        }
        Err(no_placement(collection, name))
    }

    /// Whether this process is the one that changes the collection, and there is room on the disk.
    fn check_placements_change(&self, collection: &str) -> Result<(), EngineError> {
        self.check_writes()?;
        let serving = self.serving(collection)?;
        self.check_room(&serving, false)
    }
}

fn no_placement(collection: &str, name: &str) -> EngineError {
    EngineError::NoPlacement {
        collection: collection.to_owned(),
        name: name.chars().take(80).collect(),
    }
}

impl From<PlacementsError> for EngineError {
    fn from(error: PlacementsError) -> Self {
        match error {
            PlacementsError::Name { .. } | PlacementsError::TooMany | PlacementsError::TooLarge { .. } => {
                Self::invalid("placement", error.to_string())
            }
            error => Self::Placements(Box::new(error)),
        }
    }
}

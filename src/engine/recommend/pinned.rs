//! Snapshots beside the one that is served, for variants that pin one: candidates come from there, and are shown as the
//! collection has them now.

use super::scene::Scene;
use super::{gather as gather_in, rank};
use crate::engine::{Engine, EngineError, View};
use crate::ranking::{Candidate, Strategy};
use moka::sync::Cache;
use std::cell::Cell;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

/// Snapshots that are open beside those served.
const MAX_OPEN: u64 = 4;
/// One that nobody asked for so long is let go.
const IDLE: Duration = Duration::from_secs(600);

/// Opened snapshots, by collection and id.
pub(super) struct Pinned(Cache<(String, String), Arc<View>>);

impl Default for Pinned {
    fn default() -> Self {
        Self(Cache::builder().max_capacity(MAX_OPEN).time_to_idle(IDLE).build())
    }
}

impl Pinned {
    /// The view of a snapshot alone; the served one where it is that.
    pub(super) fn view(
        &self,
        engine: &Engine,
        served: &Arc<View>,
        id: &str,
    ) -> Result<Arc<View>, EngineError> {
        if served.snapshot().id() == id {
            return Ok(Arc::clone(served));
        }
        let key = (served.collection().to_owned(), id.to_owned());
        let open = || -> Result<Arc<View>, EngineError> {
            let snapshot = engine.collection(served.collection())?.open(id, engine.verify)?;
            Ok(Arc::new(served.of_snapshot(snapshot)))
        };
        let opened = self.0.try_get_with(key, open);
        opened.map_err(|error| EngineError::Refused {
            name: served.collection().to_owned(),
            reason: format!("snapshot {id}, which the experiment's variant pins: {error}"),
        })
    }
}

/// What a strategy finds in a snapshot, where the items are now.
pub(super) fn gather(
    scene: &Scene<'_>,
    beside: &Arc<View>,
    strategy: Strategy,
) -> Result<Vec<Candidate>, EngineError> {
    let selection = rank::selection(beside, scene.wanted)?;
    let mut excluded = HashSet::with_capacity(scene.excluded.len());
    for &place in scene.excluded {
        let item = scene.view.live().item(place);
        let item = item.map_err(|error| scene.view.unreadable(&error))?;
        excluded.extend(item.and_then(|item| Some(beside.live().find(item.id)?.place)));
    }
    let there = Scene {
        view: beside,
        selection: &selection,
        excluded: &excluded,
        searched: Cell::default(),
        ..*scene
    };
    let found = gather_in(&there, strategy)?;
    scene.searched.set(there.searched.get().or(scene.searched.get()));
    rank::translated(scene, beside, &found)
}

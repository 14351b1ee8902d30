//! Items whose content is like that of given items.

use super::scene::Scene;
use crate::engine::EngineError;
use crate::engine::query::resolve_examples;
use crate::ranking::{Candidate, Strategy};

/// Items like those of the call, or else like its basket, moved away from those it does not want. Examples that this view
/// does not have are passed over here; the call's own view refuses them before.
pub(super) fn gather(scene: &Scene<'_>) -> Result<Vec<Candidate>, EngineError> {
    let like = scene.call.like.as_ref().or(scene.call.basket.as_ref());
    let Some(like) = like else { return Ok(Vec::new()) };
    let owned = |ids: Vec<&str>| ids.into_iter().map(str::to_owned).collect::<Vec<_>>();
    let (like, unlike) = (owned(scene.known(like)), owned(scene.known(&scene.call.unlike)));
    if like.is_empty() {
        return Ok(Vec::new());
    }
    let examples = resolve_examples(&like, &unlike, scene.view)?;
    scene
        .nearest(
            &examples.vector,
            scene.selection,
            (scene.depth, scene.call.effort),
            Strategy::Similar,
        )
        .map_err(|error| match error {
            EngineError::Index(error) => EngineError::invalid("like", error.to_string()),
            error => error,
        })
}

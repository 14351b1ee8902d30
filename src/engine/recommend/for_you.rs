//! What a shopper will want next.

use super::interests;
use super::learned;
use super::scene::Scene;
use crate::engine::EngineError;
use crate::live::Place;
use crate::ranking::{Candidate, Strategy};
use alike_indexes::Effort;
use std::collections::HashSet;

/// What was learned from all shoppers counts most; what is like the shopper's own items brings in what nobody has bought
/// yet, and all there is before a model has been learned.
const LEARNED_WEIGHT: f32 = 1.0;
const CONTENT_WEIGHT: f32 = 0.25;

/// What the model expects of a shopper with this history, and what is like each of their interests but none of the items
/// that these are made of, weighted with the interest's share. Nothing where no item of a history is known.
pub(super) fn gather(scene: &Scene<'_>) -> Result<Vec<Candidate>, EngineError> {
    let mut lists = vec![(LEARNED_WEIGHT, learned::for_you(scene))];
    let touched = touched(scene);
    for interest in interests::of(scene) {
        let near = scene.nearest(&interest.vector, Effort::Default, Strategy::ForYou, &touched)?;
        lists.push((CONTENT_WEIGHT * interest.share, near));
    }
    Ok(super::joined(lists, Strategy::ForYou))
}

fn touched(scene: &Scene<'_>) -> HashSet<Place> {
    let touched = scene.shopper.latest().iter();
    touched
        .filter_map(|seen| Some(scene.view.live().find(&seen.item)?.place))
        .collect()
}

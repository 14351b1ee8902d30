//! What a shopper will want next.

use super::interests;
use super::learned;
use super::scene::Scene;
use crate::engine::EngineError;
use crate::live::Place;
use crate::ranking::{Candidate, Strategy};
use alike_indexes::Effort;

/// What was learned from all shoppers counts most; what is like the shopper's own items brings in what nobody has bought
/// yet, and all there is before a model has been learned.
const LEARNED_WEIGHT: f32 = 1.0;
const CONTENT_WEIGHT: f32 = 0.25;
/// An interest brings at least so many candidates, or all that are to be found.
const LEAST_CANDIDATES: usize = 10;

/// What the model expects of a shopper with this history, and what is like each of their interests but none of the items
/// that these are made of, weighted with the interest's share. Nothing where no item of a history is known.
pub(super) fn gather(scene: &Scene<'_>) -> Result<Vec<Candidate>, EngineError> {
    let mut lists = vec![(LEARNED_WEIGHT, learned::for_you(scene))];
    let interests = interests::of(scene);
    // What the shopper knows is nearest to what they like, and would be all that is found.
    let known = touched(scene).chain(scene.excluded.iter().copied());
    let among = scene.selection.without(known);
    for interest in interests {
        let asked = (wanted(scene, interest.share), Effort::Default);
        let near = scene.nearest(&interest.vector, &among, asked, Strategy::ForYou)?;
        lists.push((CONTENT_WEIGHT * interest.share, near));
    }
    Ok(super::joined(lists, Strategy::ForYou))
}

/// How many candidates an interest brings: all together twice as many as are to be found, since some are alike.
fn wanted(scene: &Scene<'_>, share: f32) -> usize {
    let part = (2.0 * share * scene.depth as f32).ceil() as usize;
    part.max(LEAST_CANDIDATES).min(scene.depth)
}

fn touched<'a>(scene: &'a Scene<'_>) -> impl Iterator<Item = Place> + 'a {
    let touched = scene.shopper.latest().iter();
    touched.filter_map(|seen| Some(scene.view.live().find(&seen.item)?.place))
}

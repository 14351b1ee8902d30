//! What is bought, or looked at, together with given items.

use super::learned;
use super::scene::Scene;
use crate::ranking::{Candidate, Strategy};
use crate::signals::Within;

/// The model has seen all history, recent baskets what came after it: where both say something, the model counts twice.
const LEARNED_WEIGHT: f32 = 1.0;
const FRESH_WEIGHT: f32 = 0.5;

/// Neighbors of the items of the basket and of those to resemble, as the model has them and as recent baskets (or
/// sessions) hold them, each list on its own scale; what stands high in both comes first.
pub(super) fn gather(scene: &Scene<'_>, within: Within) -> Vec<Candidate> {
    let (basket, like) = (
        scene.call.basket.iter().flatten(),
        scene.call.like.iter().flatten(),
    );
    let anchors = scene.known(basket.chain(like));
    if anchors.is_empty() {
        return Vec::new();
    }
    let learned = learned::together(scene, &anchors, within);
    let fresh = fresh(scene, &anchors, within);
    super::joined(
        vec![(LEARNED_WEIGHT, learned), (FRESH_WEIGHT, fresh)],
        strategy(within),
    )
}

fn fresh(scene: &Scene<'_>, anchors: &[&str], within: Within) -> Vec<Candidate> {
    let admits = |id: &str| scene.place(id).is_some();
    let found = scene
        .view
        .signals()
        .together(anchors, within, &admits, scene.depth);
    super::placed(scene, found, strategy(within))
}

fn strategy(within: Within) -> Strategy {
    match within {
        Within::Basket => Strategy::BoughtTogether,
        Within::Session => Strategy::ViewedTogether,
    }
}

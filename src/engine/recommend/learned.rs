//! What the snapshot's model says. Without a model it says nothing, and strategies go by signals and content alone.

use super::scene::Scene;
use super::shopper::Shopper;
use crate::learn::{Model, Touch};
use crate::live::Place;
use crate::ranking::{Candidate, Strategy};
use crate::signals::Within;

/// The model of the scene's snapshot.
fn model<'a>(scene: &Scene<'a>) -> Option<&'a Model> {
    scene.view.snapshot().learned()
}

/// What a shopper with this history will want next, best first: only what is new to them where rules exclude what they
/// have seen or bought, which the model weighs otherwise than what is bought again and again.
pub(super) fn for_you(scene: &Scene<'_>) -> Vec<Candidate> {
    let Some(model) = model(scene) else {
        return Vec::new();
    };
    let profile = profile(scene);
    let only_new = scene
        .wanted
        .rules
        .exclude
        .as_ref()
        .is_some_and(|exclude| exclude.seen || exclude.bought);
    let admits = |row: u32| scene.place_of_row(row).is_some();
    let found = model.for_you(
        &profile,
        scene.now.as_second(),
        (scene.depth, only_new),
        Some(&admits),
    );
    candidates(scene, found, Strategy::ForYou)
}

/// What goes together with the items named, best first; for the scene's shopper, where what is bought together depends on
/// what they bought before.
pub(super) fn together(scene: &Scene<'_>, anchors: &[&str], within: Within) -> Vec<Candidate> {
    let Some(model) = model(scene) else {
        return Vec::new();
    };
    let rows = anchors
        .iter()
        .filter_map(|id| row(scene, id))
        .collect::<Vec<u32>>();
    let (now, admits) = (scene.now.as_second(), |row: u32| {
        scene.place_of_row(row).is_some()
    });
    match within {
        Within::Basket => {
            let profile = profile(scene);
            let found = model.together((&rows, &profile), now, scene.depth, Some(&admits));
            candidates(scene, found, Strategy::BoughtTogether)
        }
        Within::Session => {
            let found = model.viewed_together(&rows, now, scene.depth, Some(&admits));
            candidates(scene, found, Strategy::ViewedTogether)
        }
    }
}

/// The model's number of an item: its row in the snapshot, also where the item is newer now.
fn row(scene: &Scene<'_>, id: &str) -> Option<u32> {
    Some(scene.view.snapshot().row_of(id)?.0)
}

/// The shopper's history as the model reads it, oldest first.
fn profile(scene: &Scene<'_>) -> Vec<Touch> {
    let shopper: &Shopper = scene.shopper;
    let touches = shopper.latest().iter().rev().filter_map(|seen| {
        Some(Touch {
            item: row(scene, &seen.item)?,
            time: seen.time.as_second(),
            weight: seen.weight,
            bought: seen.bought,
        })
    });
    touches.collect()
}

/// Rows of the model as candidates of the scene: those that may be shown.
fn candidates(scene: &Scene<'_>, rows: Vec<(u32, f32)>, strategy: Strategy) -> Vec<Candidate> {
    let placed = rows.into_iter().filter_map(|(row, score)| {
        let place: Place = scene.place_of_row(row)?;
        Some(Candidate {
            place,
            score,
            strategy,
        })
    });
    placed.take(scene.depth).collect()
}

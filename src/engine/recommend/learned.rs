//! What the snapshot's model says. Without a model it says nothing, and strategies go by signals and content alone.

use super::scene::Scene;
use crate::live::Place;
use crate::ranking::{Candidate, Strategy};
use crate::signals::Within;

/// What a shopper with this history will want next, best first.
pub(super) fn for_you(_scene: &Scene<'_>) -> Vec<Candidate> {
    Vec::new()
}

/// What goes together with the items named, best first.
pub(super) fn together(_scene: &Scene<'_>, _anchors: &[&str], _within: Within) -> Vec<Candidate> {
    Vec::new()
}

/// Rows of the model as candidates of the scene: those that may be shown, each once.
#[allow(dead_code, reason = "used with the model of a snapshot")]
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

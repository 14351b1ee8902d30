//! Experiments as they are used, and what their statistics promise.

use super::*;

/// An experiment of collection `shop` whose variants have these weights.
pub(super) fn experiment(name: &str, weights: &[f64]) -> Experiment {
    Experiment {
        name: name.to_owned(),
        generation: 1,
        started_ms: 0,
        definition: definition(weights),
    }
}

/// A definition with variants `v0`, `v1` and so on.
pub(super) fn definition(weights: &[f64]) -> Definition {
    let variants = weights.iter().enumerate();
    let variants = variants.map(|(at, &weight)| Variant {
        name: format!("v{at}"),
        weight,
        placement: None,
        settings: None,
        snapshot: None,
    });
    Definition {
        collection: "shop".to_owned(),
        variants: variants.collect(),
        attribution_window_s: 3_600,
        shadow: None,
        status: Status::Running,
    }
}

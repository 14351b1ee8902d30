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

mod crashes;
mod definitions;
mod ids;
mod outcomes;
mod processes;
mod simulations;

use std::path::Path;

/// The experiments of a data directory, as the process that counts has them.
fn open(data: &Path) -> Experiments {
    Experiments::open(data, false, metrics()).unwrap()
}

fn metrics() -> Arc<Metrics> {
    Arc::new(Metrics::new().unwrap())
}

/// Gives an answer to a unit in an experiment of `shop`.
fn answer(experiments: &Experiments, experiment: &str, unit: &str) -> String {
    let assigned = experiments.assign(experiment, "shop", unit).unwrap();
    let id = experiments.answered(Some(&assigned), "shop", Some(unit));
    id.to_string()
}

/// An outcome of now for item `i`.
fn outcome(id: &str, kind: OutcomeKind) -> Outcome<'_> {
    Outcome {
        recommendation_id: id,
        collection: "shop",
        item: "i",
        kind,
        time_ms: now_ms(),
    }
}

/// Counts of all variants: exposures, units, clicks, conversions, units that clicked, units that converted.
fn totals(experiments: &Experiments, experiment: &str) -> [u64; 6] {
    let report = experiments.report(experiment).unwrap();
    let mut totals = [0; 6];
    for variant in &report.variants {
        let counts = [
            variant.exposures,
            variant.units,
            variant.clicks,
            variant.conversions,
            variant.clicked_units,
            variant.converted_units,
        ];
        for (total, count) in totals.iter_mut().zip(counts) {
            *total += count;
        }
    }
    totals
}

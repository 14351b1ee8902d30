//! What many want.

use super::scene::Scene;
use crate::ranking::{Candidate, Strategy};
use crate::signals::Chart;

/// The chart that a strategy stands for, where it is one.
pub(super) fn chart_of(scene: &Scene<'_>, strategy: Strategy) -> Option<Chart> {
    match strategy {
        Strategy::Trending => Some(Chart::Trending(scene.wanted.window)),
        Strategy::Rising => Some(Chart::Rising(scene.wanted.window)),
        Strategy::Popular => Some(Chart::Popular),
        _ => None,
    }
}

/// The best of a chart among what may be shown.
pub(super) fn gather(scene: &Scene<'_>, chart: Chart, strategy: Strategy) -> Vec<Candidate> {
    let admits = |id: &str| scene.place(id).is_some();
    let segment = scene.wanted.segment.as_deref();
    let found = scene
        .view
        .signals()
        .chart(chart, segment, scene.now, &admits, scene.depth);
    super::placed(scene, found, strategy)
}

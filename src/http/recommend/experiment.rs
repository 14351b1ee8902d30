//! The experiment of a call: which variant answers, and what another one would have answered, which nobody is shown.

use super::body::Asked;
use super::by_variant;
use crate::engine::{Recommended, View};
use crate::experiments::{Assigned, Comparison, RecommendationId};
use crate::http::problem::Problem;
use crate::http::state::App;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// At most as many variants in the shadow are computed at the same time; what comes on top is not compared.
const MAX_SHADOWS: usize = 2;

static SHADOWS: AtomicUsize = AtomicUsize::new(0);

/// A call's part in an experiment.
pub(super) struct Trial {
    pub(super) assigned: Assigned,
}

/// What has to be computed to compare a variant in the shadow with what was shown.
pub(super) struct Shadow {
    assigned: Assigned,
    view: Arc<View>,
    asked: Asked,
    shown: Vec<String>,
    took: Duration,
}

impl Trial {
    /// The part of a call that names an experiment.
    pub(super) fn of(app: &App, collection: &str, asked: &Asked) -> Result<Option<Self>, Problem> {
        let (Some(experiment), Some(unit)) = (&asked.experiment, &asked.unit) else {
            return Ok(None);
        };
        let assigned = app.engine().experiments().assign(experiment, collection, unit)?;
        Ok(Some(Self { assigned }))
    }

    /// The comparison that this call is to bring, where it is.
    pub(super) fn shadow(
        &self,
        view: &Arc<View>,
        asked: &Asked,
        shown: &Recommended,
        took: Duration,
    ) -> Option<Shadow> {
        self.assigned.shadow()?;
        Some(Shadow {
            assigned: self.assigned.clone(),
            view: Arc::clone(view),
            asked: asked.clone(),
            shown: shown.hits.iter().map(|hit| hit.id.clone()).collect(),
            took,
        })
    }
}

impl App {
    /// The id of an answer that is about to be given.
    pub(super) fn recommendation_id(
        &self,
        assigned: Option<&Assigned>,
        collection: &str,
        unit: Option<&str>,
    ) -> RecommendationId {
        self.engine().experiments().answered(assigned, collection, unit)
    }

    /// Computes what was not shown, after the answer and beside everything else; not at all where that is busy already.
    pub(super) fn compare_in_the_shadow(&self, shadow: Shadow) {
        let Some(turn) = Turn::take() else { return };
        let app = self.clone();
        tokio::task::spawn_blocking(move || {
            let _turn = turn;
            compare(&app, &shadow);
        });
    }
}

fn compare(app: &App, shadow: &Shadow) {
    let start = Instant::now();
    let Ok(other) = by_variant(app, &shadow.view, &shadow.asked, shadow.assigned.shadow()) else {
        return;
    };
    let comparison = Comparison {
        shown: shadow.shown.clone(),
        other: other.hits.into_iter().map(|hit| hit.id).collect(),
        shown_ms: shadow.took.as_secs_f64() * 1e3,
        other_ms: start.elapsed().as_secs_f64() * 1e3,
    };
    app.engine().experiments().shadowed(&shadow.assigned, comparison);
}

/// Leave to compute a variant in the shadow.
struct Turn;

impl Turn {
    fn take() -> Option<Self> {
        let free = |running: usize| (running < MAX_SHADOWS).then_some(running + 1);
        let taken = SHADOWS.fetch_update(Ordering::AcqRel, Ordering::Acquire, free);
        taken.is_ok().then_some(Self)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        SHADOWS.fetch_sub(1, Ordering::AcqRel);
    }
}

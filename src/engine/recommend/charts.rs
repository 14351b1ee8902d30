//! What many want.
//!
//! A chart is put in order once for all calls, and kept as long as trending lists are: a call walks it from the top until
//! enough items pass its filter. So a chart costs a call what its filter passes over, not a look at every item.

use super::cache::{Ages, Shared};
use super::scene::Scene;
use crate::engine::{EngineError, View};
use crate::live::Place;
use crate::ranking::{Candidate, Strategy};
use crate::signals::Chart;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// Bytes of charts that are kept, of all collections.
const MAX_BYTES: u64 = 256 << 20;

/// Charts in order, by collection, snapshot, chart and segment.
pub(super) struct Charts(Shared<ChartOf, Vec<Charted>>);

/// Which chart of which items.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(in crate::engine) struct ChartOf {
    collection: String,
    snapshot: String,
    chart: Chart,
    segment: Option<String>,
}

impl ChartOf {
    pub(in crate::engine) fn new(view: &View, chart: Chart, segment: Option<&str>) -> Self {
        Self {
            collection: view.collection().to_owned(),
            snapshot: view.snapshot().id().to_owned(),
            chart,
            segment: segment.map(str::to_owned),
        }
    }

    /// The bytes of memory it takes.
    pub(in crate::engine) fn bytes(&self) -> usize {
        let segment = self.segment.as_ref().map_or(0, String::len);
        size_of::<Self>() + self.collection.len() + self.snapshot.len() + segment
    }
}

/// One item of a chart.
struct Charted {
    item: Item,
    score: f32,
}

/// An item by its row in the snapshot, which is quick to look up; by its id where it came later.
enum Item {
    Row(u32),
    Id(Arc<str>),
}

impl Charts {
    pub(super) fn new(ttl: Duration) -> Self {
        Self(Shared::new(Ages::of(ttl), MAX_BYTES, |of, chart| {
            of.bytes() + chart.len() * size_of::<Charted>()
        }))
    }

    fn get(&self, scene: &Scene<'_>, chart: Chart) -> Result<Arc<Vec<Charted>>, EngineError> {
        let (view, segment) = (scene.view, scene.wanted.segment.as_deref());
        let compute = || Ok(in_order(view, (chart, segment), scene.now));
        let again = || {
            let (view, segment) = (Arc::clone(view), scene.wanted.segment.clone());
            move || Ok(in_order(&view, (chart, segment.as_deref()), Timestamp::now()))
        };
        let of = ChartOf::new(view, chart, segment);
        let (kept, _) = self.0.get(of, false, compute, again)?;
        Ok(kept.value)
    }
}

/// All items of a chart that the collection has, best first (equal scores by id).
fn in_order(view: &View, (chart, segment): (Chart, Option<&str>), now: Timestamp) -> Vec<Charted> {
    let mut all = view.signals().whole_chart(chart, segment, now);
    all.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    let charted = all.into_iter().filter_map(|(id, score)| {
        let item = match view.snapshot().row_of(&id) {
            Some(row) => Item::Row(row.0),
            None => view.live().find(&id).map(|_| Item::Id(id))?,
        };
        Some(Charted {
            item,
            score: score as f32,
        })
    });
    charted.collect()
}

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
pub(super) fn gather(
    scene: &Scene<'_>,
    chart: Chart,
    strategy: Strategy,
) -> Result<Vec<Candidate>, EngineError> {
    let chart = scene.orders.charts.get(scene, chart)?;
    let candidate = |charted: &Charted| {
        let place: Option<Place> = match &charted.item {
            Item::Row(row) => scene.place_of_row(*row),
            Item::Id(id) => scene.place(id),
        };
        Some(Candidate {
            place: place?,
            score: charted.score,
            strategy,
        })
    };
    Ok(chart.iter().filter_map(candidate).take(scene.depth).collect())
}

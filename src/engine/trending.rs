//! Charts of a whole collection, from a cache that computes each one once however many ask at the same time.

use super::filter::Filter;
use super::query::{check_fields, check_limit};
use super::recommend::cache::{Ages, Outcome, Shared};
use super::recommend::charts::ChartOf;
use super::{EngineError, Suggestion, View};
use crate::live::Place;
use crate::ranking::Strategy;
use crate::signals::{Chart, Window};
use crate::telemetry::Metrics;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// As many items are kept per cached list; a call takes its first `limit`.
const CACHED_ITEMS: usize = super::MAX_LIMIT;
/// Bytes of lists that are kept, of all collections.
const MAX_BYTES: u64 = 64 << 20;
/// The field that `category` narrows by.
const CATEGORY_FIELD: &str = "category";
/// Longest category and segment asked for; they are part of the cache's key.
const MAX_NAME_BYTES: usize = 512;

/// Which list is wanted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrendingQuery {
    /// The chart.
    pub chart: Chart,
    /// Only what people of this segment did.
    pub segment: Option<String>,
    /// Only items with this value in their `category` field.
    pub category: Option<String>,
    /// Most items wanted.
    pub limit: usize,
    /// The document fields wanted; all when absent.
    pub fields: Option<Vec<String>>,
    /// Where a list is past its time, it is computed first instead of given.
    pub renew: bool,
}

/// The first items of a chart.
#[derive(Debug)]
pub struct Charted {
    /// The items, best first.
    pub hits: Vec<Suggestion>,
    /// When the chart was made.
    pub made: Instant,
    /// How the cache had it.
    pub outcome: Outcome,
}

impl Default for TrendingQuery {
    fn default() -> Self {
        Self {
            chart: Chart::Trending(Window::default()),
            segment: None,
            category: None,
            limit: 10,
            fields: None,
            renew: false,
        }
    }
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    of: ChartOf,
    category: Option<String>,
}

type List = Vec<(String, f32)>;

pub(super) struct TrendingCache {
    lists: Shared<Key, List>,
}

impl TrendingCache {
    pub(super) fn new(ttl: Duration) -> Self {
        Self {
            lists: Shared::new(Ages::of(ttl), MAX_BYTES, weigh),
        }
    }

    pub(super) fn get(
        &self,
        view: &Arc<View>,
        query: &TrendingQuery,
        metrics: &Metrics,
    ) -> Result<Charted, EngineError> {
        check_limit(query.limit)?;
        check_fields(query.fields.as_deref(), view)?;
        check_segment(query.segment.as_deref())?;
        let filter = category_filter(view, query.category.as_deref())?;
        let compute = || Ok(compute(view, query, filter.as_ref()));
        let again = || {
            let (view, query, filter) = (Arc::clone(view), query.clone(), filter.clone());
            move || Ok(self::compute(&view, &query, filter.as_ref()))
        };
        let (list, outcome) = self.lists.get(key(view, query), query.renew, compute, again)?;
        // What is renewed in the background was nobody's request.
        if !query.renew {
            metrics.trending_requested(outcome);
        }
        Ok(Charted {
            hits: shown(view, query, &list.value)?,
            made: list.made(),
            outcome,
        })
    }
}

fn weigh(key: &Key, list: &List) -> usize {
    let category = size_of::<Option<String>>() + key.category.as_ref().map_or(0, String::len);
    let items: usize = list
        .iter()
        .map(|(id, _)| size_of::<(String, f32)>() + id.len())
        .sum();
    key.of.bytes() + category + items
}

fn key(view: &View, query: &TrendingQuery) -> Key {
    Key {
        of: ChartOf::new(view, query.chart, query.segment.as_deref()),
        category: query.category.clone(),
    }
}

/// The first items of a list that are still there: it outlives views.
fn shown(view: &View, query: &TrendingQuery, list: &List) -> Result<Vec<Suggestion>, EngineError> {
    let strategy = strategy(query.chart);
    let hits = list.iter().filter_map(|(id, score)| {
        let found = view.live().find(id)?;
        let hit = view
            .hit(found.place, *score, query.fields.as_deref())
            .transpose()?;
        Some(hit.map(|hit| Suggestion {
            id: hit.id,
            score: hit.score,
            fields: hit.fields,
            strategy: Some(strategy),
            pinned: false,
            explored: false,
            version: found.version,
        }))
    });
    hits.take(query.limit).collect()
}

fn strategy(chart: Chart) -> Strategy {
    match chart {
        Chart::Trending(_) => Strategy::Trending,
        Chart::Rising(_) => Strategy::Rising,
        Chart::Popular => Strategy::Popular,
    }
}

fn check_segment(segment: Option<&str>) -> Result<(), EngineError> {
    match segment {
        Some(name) if name.is_empty() || name.len() > MAX_NAME_BYTES => {
            let detail = format!("has {} bytes, must have 1 to {MAX_NAME_BYTES}", name.len());
            Err(EngineError::invalid("segment", detail))
        }
        _ => Ok(()),
    }
}

fn category_filter(view: &View, category: Option<&str>) -> Result<Option<Filter>, EngineError> {
    let Some(category) = category else { return Ok(None) };
    if category.len() > MAX_NAME_BYTES {
        let detail = format!(
            "has {} bytes, at most {MAX_NAME_BYTES} are accepted",
            category.len()
        );
        return Err(EngineError::invalid(CATEGORY_FIELD, detail));
    }
    let category = serde_json::Value::from(category);
    Filter::parse_field(
        CATEGORY_FIELD,
        &category,
        &view.snapshot().manifest().schema,
        CATEGORY_FIELD,
    )
    .map(Some)
}

pub(super) fn compute(view: &View, query: &TrendingQuery, filter: Option<&Filter>) -> List {
    let selection = view.live().select(filter);
    let served = |id: &str| {
        let place: Option<Place> = view.live().find(id).map(|found| found.place);
        place.is_some_and(|place| selection.admits(place))
    };
    let top = view.signals().chart(
        query.chart,
        query.segment.as_deref(),
        jiff::Timestamp::now(),
        &served,
        CACHED_ITEMS,
    );
    top.into_iter().map(|(id, score)| (id, score as f32)).collect()
}

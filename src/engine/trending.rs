//! Trending lists, from a cache that computes each one once however many ask at the same time.

use super::filter::Filter;
use super::query::{check_fields, check_limit};
use super::{EngineError, Hit, View};
use crate::signals::Window;
use crate::telemetry::Metrics;
use moka::sync::Cache;
use std::sync::Arc;
use std::time::Duration;

/// As many items are kept per cached list; a call takes its first `limit`.
const CACHED_ITEMS: usize = super::MAX_LIMIT;
const CACHED_LISTS: u64 = 10_000;
/// The field that `category` narrows by.
const CATEGORY_FIELD: &str = "category";
/// Longest category asked for; it is part of the cache's key.
const MAX_CATEGORY_BYTES: usize = 512;

/// Which trending list is wanted.
#[derive(Debug, Clone)]
pub struct TrendingQuery {
    /// The time window.
    pub window: Window,
    /// Only items with this value in their `category` field.
    pub category: Option<String>,
    /// Most items wanted.
    pub limit: usize,
    /// The document fields wanted; all when absent.
    pub fields: Option<Vec<String>>,
}

type Key = (String, String, Window, Option<String>);
type List = Arc<Vec<(String, f32)>>;

pub(super) struct TrendingCache {
    lists: Cache<Key, List>,
}

impl TrendingCache {
    pub(super) fn new(ttl: Duration) -> Self {
        Self {
            lists: Cache::builder()
                .max_capacity(CACHED_LISTS)
                .time_to_live(ttl)
                .build(),
        }
    }

    pub(super) fn get(
        &self,
        view: &View,
        query: &TrendingQuery,
        metrics: &Metrics,
    ) -> Result<Vec<Hit>, EngineError> {
        check_limit(query.limit)?;
        check_fields(query.fields.as_deref(), view)?;
        let filter = category_filter(view, query.category.as_deref())?;
        let key = (
            view.collection().to_owned(),
            view.snapshot().id().to_owned(),
            query.window,
            query.category.clone(),
        );
        let entry = self
            .lists
            .entry(key)
            .or_insert_with(|| Arc::new(compute(view, query.window, filter.as_ref())));
        metrics.trending_requested(!entry.is_fresh());
        let list = entry.into_value();
        // A list outlives views: items that went since are passed over.
        let hits = list.iter().filter_map(|(id, score)| {
            let found = view.live().find(id)?;
            view.hit(found.place, *score, query.fields.as_deref()).transpose()
        });
        hits.take(query.limit).collect()
    }
}

fn category_filter(view: &View, category: Option<&str>) -> Result<Option<Filter>, EngineError> {
    let Some(category) = category else { return Ok(None) };
    if category.len() > MAX_CATEGORY_BYTES {
        let detail = format!(
            "has {} bytes, at most {MAX_CATEGORY_BYTES} are accepted",
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

pub(super) fn compute(view: &View, window: Window, filter: Option<&Filter>) -> Vec<(String, f32)> {
    let selection = view.live().select(filter);
    let served = |id: &str| {
        let found = view.live().find(id);
        found.is_some_and(|found| selection.admits(found.place))
    };
    let top = view
        .signals()
        .trending(jiff::Timestamp::now(), window, &served, CACHED_ITEMS);
    top.into_iter().map(|(id, score)| (id, score as f32)).collect()
}

//! What is trending.

use super::extract::{Params, Path};
use super::problem::Problem;
use super::recommend::SuggestionSchema;
use super::shared::{Made, Maker, Of, Sent};
use super::state::App;
use crate::engine::{Suggestion, TrendingQuery};
use crate::signals::{Chart, UnknownWindow, Window};
use axum::extract::{FromRequestParts, Request, State};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// Which list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct TrendingParams {
    /// Which chart: `trending` (time-decayed interest), `rising` (interest of the window against the one before) or
    /// `popular` (interest of months, whatever the window).
    #[serde(default)]
    #[param(value_type = Option<String>, example = "trending")]
    chart: ChartName,
    /// How far to look back: `1h`, `6h`, `24h`, `7d` or `30d`.
    #[param(value_type = Option<String>, example = "24h")]
    window: Option<String>,
    /// Only what people of this segment did, as events name it.
    segment: Option<String>,
    /// Only items with this value in their `category` field.
    category: Option<String>,
    /// Most items wanted, 1 to 1,000.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// The document fields wanted, separated by commas; all when absent.
    fields: Option<String>,
    /// Answer from a state that contains this position, as a write has given it; 503 with `Retry-After` where it is not
    /// reached in time.
    min_position: Option<u64>,
}

/// A chart by name.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum ChartName {
    #[default]
    Trending,
    Rising,
    Popular,
}

/// What is trending.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Trending {
    /// The items, strongest first; the score of `trending` is a time-decayed count of weighted events.
    #[schema(value_type = Vec<SuggestionSchema>)]
    hits: Vec<Suggestion>,
    /// The window.
    #[schema(value_type = String)]
    window: Window,
    /// The log position of the state that answered.
    position: u64,
    /// The snapshot that answered.
    snapshot: String,
}

/// Trending items
///
/// Also rising and popular ones; per time window, per segment of shoppers, and per category where the collection has a
/// filterable field `category`. Answers are shared: events count within `[server] trending_ttl_ms`, items that were deleted
/// or changed are never shown as they were. `ETag` and `Cache-Control` let caches outside hold them, too.
#[utoipa::path(
    get, path = "/v1/collections/{collection}/trending", tag = "Recommend",
    params(("collection" = String, Path, description = "Name of the collection"), TrendingParams),
    responses(
        (status = 200, body = Trending),
        (status = 304, description = "The answer is the one that `If-None-Match` names"),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn trending(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let (mut parts, _body) = request.into_parts();
    let asked = parts.uri.path_and_query().cloned();
    let key = asked.as_ref().map_or("", |asked| asked.as_str());
    let Path(collection) = Path::<String>::from_request_parts(&mut parts, &app).await?;
    let Params(params) = Params::<TrendingParams>::from_request_parts(&mut parts, &app).await?;
    let maker = maker(collection, params)?;
    app.make_answer(Of::Trending, key, &parts.headers, maker).await
}

fn maker(collection: String, params: TrendingParams) -> Result<Maker, Problem> {
    let window = params.window.as_deref().map_or(Ok(Window::default()), str::parse);
    let window: Window =
        window.map_err(|error: UnknownWindow| Problem::invalid(error.to_string()).with_field("window"))?;
    let chart = match params.chart {
        ChartName::Trending => Chart::Trending(window),
        ChartName::Rising => Chart::Rising(window),
        ChartName::Popular => Chart::Popular,
    };
    let query = TrendingQuery {
        chart,
        segment: params.segment,
        category: params.category,
        limit: params.limit.unwrap_or(10),
        fields: params.fields.as_deref().map(names),
        renew: false,
    };
    let least = params.min_position;
    Ok(Arc::new(move |app, renew| {
        let query = TrendingQuery {
            renew,
            ..query.clone()
        };
        make(app, &collection, least, window, &query)
    }))
}

/// Names that are separated by commas.
pub(super) fn names(list: &str) -> Vec<String> {
    list.split(',').map(|name| name.trim().to_owned()).collect()
}

fn make(
    app: &App,
    collection: &str,
    least: Option<u64>,
    window: Window,
    query: &TrendingQuery,
) -> Result<Made, Problem> {
    let view = app.view_at(collection, least)?;
    let charted = app.engine().trending(&view, query)?;
    let answer = Trending {
        hits: charted.hits,
        window,
        position: view.position().0,
        snapshot: view.snapshot().id().to_owned(),
    };
    Ok(Made {
        sent: Sent::new(&view, &answer, &answer.hits, None)?,
        made: charted.made,
        outcome: charted.outcome,
    })
}

//! What is trending.

use super::extract::{Params, Path};
use super::problem::Problem;
use super::search::HitSchema;
use super::state::App;
use crate::engine::{Hit, TrendingQuery};
use crate::signals::Window;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Which trending list.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct TrendingParams {
    /// How far to look back: `1h`, `6h`, `24h`, `7d` or `30d`.
    #[param(value_type = Option<String>, example = "24h")]
    window: Option<String>,
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

/// What is trending.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Trending {
    /// The items, strongest first; the score is a time-decayed count of weighted events.
    #[schema(value_type = Vec<HitSchema>)]
    hits: Vec<Hit>,
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
/// Per time window, and per category where the collection has a filterable field `category`.
#[utoipa::path(
    get, path = "/v1/collections/{collection}/trending", tag = "Recommend",
    params(("collection" = String, Path, description = "Name of the collection"), TrendingParams),
    responses(
        (status = 200, body = Trending),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn trending(
    State(app): State<App>,
    Path(collection): Path<String>,
    Params(params): Params<TrendingParams>,
) -> Result<axum::Json<Trending>, Problem> {
    let window = params.window.as_deref().map_or(Ok(Window::default()), str::parse);
    let window: Window = window.map_err(|error: crate::signals::UnknownWindow| {
        Problem::invalid(error.to_string()).with_field("window")
    })?;
    let query = TrendingQuery {
        window,
        category: params.category,
        limit: params.limit.unwrap_or(10),
        fields: params
            .fields
            .map(|list| list.split(',').map(|name| name.trim().to_owned()).collect()),
    };
    app.run(move |app| {
        let view = app.view_at(&collection, params.min_position)?;
        let hits = app.engine().trending(&view, &query)?;
        Ok(axum::Json(Trending {
            hits,
            window,
            position: view.position().0,
            snapshot: view.snapshot().id().to_owned(),
        }))
    })
    .await
}

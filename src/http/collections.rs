//! `GET /v1/collections`, one collection, one item, and what is trending.

use super::extract::{Params, Path};
use super::problem::Problem;
use super::search::HitSchema;
use super::state::App;
use crate::engine::{Hit, TrendingQuery, View};
use crate::schema::Schema;
use crate::signals::Window;
use crate::snapshot::BuildFacts;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::{IntoParams, ToSchema};

/// All collections.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Collections {
    /// The served collections, by name.
    collections: Vec<CollectionInfo>,
}

/// What a collection is and what it serves.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CollectionInfo {
    /// Its name.
    name: String,
    /// Number of items.
    items: usize,
    /// The snapshot that is served.
    snapshot: String,
    /// The model of its vectors; null where the catalog brought its own.
    model: Option<String>,
    /// Numbers per vector.
    dimension: usize,
    /// Similarity: `cosine`, `dot` or `l2`.
    metric: String,
    /// Index kind: `flat`, `hnsw`, `graph` or `faiss`.
    index: String,
    /// When the snapshot was built, RFC 3339.
    created: String,
    /// Bytes of the snapshot's files.
    bytes: u64,
    /// The schema it was built with.
    #[schema(value_type = Object)]
    schema: Schema,
    /// Build settings and measurements; `targets` says what searches for a recall of 0.9, 0.95 and 0.99 take and reach.
    #[schema(value_type = Object)]
    build: BuildFacts,
}

impl CollectionInfo {
    fn new(view: &View) -> Self {
        let snapshot = view.snapshot();
        let manifest = snapshot.manifest();
        Self {
            name: view.collection().to_owned(),
            items: snapshot.rows(),
            snapshot: snapshot.id().to_owned(),
            model: view.model().map(ToString::to_string),
            dimension: snapshot.index().dimension(),
            metric: manifest.metric.clone(),
            index: manifest.index.clone(),
            created: jiff::Timestamp::from_millisecond(manifest.created_ms)
                .map_or_else(|_| String::new(), |time| time.to_string()),
            bytes: manifest.bytes(),
            schema: manifest.schema.clone(),
            build: manifest.build.clone(),
        }
    }
}

/// List collections
#[utoipa::path(get, path = "/v1/collections", tag = "Collections", responses((status = 200, body = Collections)))]
pub(super) async fn list(State(app): State<App>) -> axum::Json<Collections> {
    let collections = app
        .engine()
        .views()
        .iter()
        .map(|view| CollectionInfo::new(view))
        .collect();
    axum::Json(Collections { collections })
}

/// Describe a collection
#[utoipa::path(
    get, path = "/v1/collections/{collection}", tag = "Collections",
    params(("collection" = String, Path, description = "Name of the collection")),
    responses(
        (status = 200, body = CollectionInfo),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn describe(
    State(app): State<App>,
    Path(collection): Path<String>,
) -> Result<axum::Json<CollectionInfo>, Problem> {
    Ok(axum::Json(CollectionInfo::new(&*app.engine().view(&collection)?)))
}

/// One item.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Item {
    /// Its id.
    id: String,
    /// Its fields.
    #[schema(value_type = Object)]
    fields: Box<RawValue>,
    /// The snapshot that answered.
    snapshot: String,
}

/// Get an item
#[utoipa::path(
    get, path = "/v1/collections/{collection}/items/{id}", tag = "Collections",
    params(
        ("collection" = String, Path, description = "Name of the collection"),
        ("id" = String, Path, description = "Id of the item"),
    ),
    responses(
        (status = 200, body = Item),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn item(
    State(app): State<App>,
    Path((collection, id)): Path<(String, String)>,
) -> Result<axum::Json<Item>, Problem> {
    app.run(move |app| {
        let view = app.engine().view(&collection)?;
        let fields = app.engine().item(&view, &id)?;
        let snapshot = view.snapshot().id().to_owned();
        Ok(axum::Json(Item { id, fields, snapshot }))
    })
    .await
}

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
        let view = app.engine().view(&collection)?;
        let hits = app.engine().trending(&view, &query)?;
        Ok(axum::Json(Trending {
            hits,
            window,
            snapshot: view.snapshot().id().to_owned(),
        }))
    })
    .await
}

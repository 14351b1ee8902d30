//! Collections: what they are, and how they come and go.

use super::extract::{Json, Params, Path};
use super::problem::Problem;
use super::reads::AtLeast;
use super::schemas::schema_of;
use super::state::App;
use crate::engine::{NewCollection, View};
use crate::rebuild::usage as usage_of;
use crate::schema::Schema;
use crate::snapshot::BuildFacts;
use alike_indexes::{IndexError, Kind, Metric};
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::str::FromStr;
use utoipa::ToSchema;

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
    /// Number of items, the changes since the snapshot included.
    items: usize,
    /// Items that are new since the snapshot, or whose vector is: they are held in memory until the next one.
    live_items: usize,
    /// Items of the snapshot that were deleted or replaced since.
    deleted_since_snapshot: usize,
    /// Items of the snapshot of which fields other than the embedded ones changed since.
    changed_since_snapshot: usize,
    /// Bytes of memory that the changes since the snapshot take.
    live_bytes: usize,
    /// The log position of this state.
    position: u64,
    /// The snapshot that is served.
    snapshot: String,
    /// The log position that the snapshot contains.
    snapshot_position: u64,
    /// Bytes of the log on disk.
    log_bytes: u64,
    /// Whether this process takes items.
    writable: bool,
    /// Why it does not.
    #[serde(skip_serializing_if = "Option::is_none")]
    not_writable_because: Option<String>,
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
    fn new(app: &App, view: &View) -> Self {
        let (snapshot, live) = (view.snapshot(), view.live());
        let manifest = snapshot.manifest();
        let usage = app.engine().collection(view.collection());
        let usage = usage.and_then(|collection| Ok(usage_of(&collection)?));
        let writable = app.engine().check_writable(view.collection());
        Self {
            name: view.collection().to_owned(),
            items: live.len(),
            live_items: live.live_rows(),
            deleted_since_snapshot: live.dead_rows(),
            changed_since_snapshot: live.patched_rows(),
            live_bytes: live.bytes(),
            position: view.position().0,
            snapshot: snapshot.id().to_owned(),
            snapshot_position: manifest.log_position,
            log_bytes: usage.map_or(0, |usage| usage.log),
            writable: writable.is_ok(),
            not_writable_because: writable.err().map(|error| error.to_string()),
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
pub(super) async fn list(State(app): State<App>) -> Result<axum::Json<Collections>, Problem> {
    app.run(|app| {
        let views = app.engine().views();
        let collections = views.iter().map(|view| CollectionInfo::new(app, view));
        Ok(axum::Json(Collections {
            collections: collections.collect(),
        }))
    })
    .await
}

/// Describe a collection
#[utoipa::path(
    get, path = "/v1/collections/{collection}", tag = "Collections",
    params(("collection" = String, Path, description = "Name of the collection"), AtLeast),
    responses(
        (status = 200, body = CollectionInfo),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = 503, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn describe(
    State(app): State<App>,
    Path(collection): Path<String>,
    Params(least): Params<AtLeast>,
) -> Result<axum::Json<CollectionInfo>, Problem> {
    app.run(move |app| {
        let view = app.view_at(&collection, least.or(None))?;
        Ok(axum::Json(CollectionInfo::new(app, &view)))
    })
    .await
}

/// A collection to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({
    "schema": {"id": "id", "embed": ["title", "brand"], "fields": {"price": {"type": "number", "filter": true}}},
    "metric": "cosine",
}))]
pub(super) struct CreateBody {
    /// What its items look like, as in `alike.toml`: `id` (the field with the id), `embed` (text fields to encode, in this
    /// order) or `vector` (the field with a ready vector), `fields` (declared fields by name, each with its `type`, which is
    /// `text`, `keyword`, `number`, `boolean` or `timestamp`, and whether searches may `filter` on it).
    #[serde(deserialize_with = "super::unique_keys::required")]
    #[schema(value_type = Object)]
    schema: Value,
    /// Similarity of vectors: `cosine`, `dot` or `l2`.
    #[schema(default = "cosine")]
    metric: Option<String>,
    /// Index kind of its snapshots: `flat`, `hnsw` or `graph`.
    #[schema(default = "graph")]
    index: Option<String>,
    /// Numbers per vector: needed where items bring their own, that of the model elsewhere.
    #[schema(minimum = 1)]
    dimension: Option<usize>,
}

/// Reads a setting by name; the error names the field.
fn setting<T: FromStr<Err = IndexError>>(
    field: &str,
    value: Option<String>,
    default: T,
) -> Result<T, Problem> {
    let Some(value) = value else { return Ok(default) };
    value
        .parse()
        .map_err(|error: IndexError| Problem::invalid(format!("{field}: {error}")).with_field(field))
}

/// Create a collection
///
/// Empty, and served at once; its schema, metric, index kind, dimension and model are its own from then on. Names have 1 to
/// 64 letters, digits, `-` and `_`.
#[utoipa::path(
    put, path = "/v1/collections/{collection}", tag = "Collections",
    params(("collection" = String, Path, description = "Name of the collection")),
    request_body = CreateBody,
    responses(
        (status = 201, body = CollectionInfo),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "There is one of that name"),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn create(
    State(app): State<App>,
    Path(collection): Path<String>,
    Json(body): Json<CreateBody>,
) -> Result<(StatusCode, axum::Json<CollectionInfo>), Problem> {
    let new = NewCollection {
        schema: schema_of(body.schema)?,
        metric: setting("metric", body.metric, Metric::Cosine)?,
        kind: setting("index", body.index, Kind::Graph)?,
        dimension: body.dimension,
    };
    app.run(move |app| {
        let view = app.engine().create_collection(&collection, &new)?;
        Ok((StatusCode::CREATED, axum::Json(CollectionInfo::new(app, &view))))
    })
    .await
}

/// What was dropped.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DropAnswer {
    /// The collection's name.
    dropped: String,
}

/// Drop a collection
///
/// With everything in it: items, snapshots, log and events. Calls in flight finish.
#[utoipa::path(
    delete, path = "/v1/collections/{collection}", tag = "Collections",
    params(("collection" = String, Path, description = "Name of the collection")),
    responses(
        (status = 200, body = DropAnswer),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn drop_one(
    State(app): State<App>,
    Path(collection): Path<String>,
) -> Result<axum::Json<DropAnswer>, Problem> {
    app.run(move |app| {
        app.engine().drop_collection(&collection)?;
        Ok(axum::Json(DropAnswer { dropped: collection }))
    })
    .await
}

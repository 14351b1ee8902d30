//! Snapshots over HTTP: listed, built, verified, promoted, rolled back, collected; and a collection's schema altered,
//! which is a build, too.

use super::extract::{Body, Json, Params, Path, body_object};
use super::jobs::JobAnswer;
use super::observe::TimeLimit;
use super::problem::Problem;
use super::reads::AtLeast;
use super::schemas::schema_of;
use super::state::App;
use crate::engine::EngineError;
use crate::rebuild::{Asked, Listed, Taken};
use axum::Extension;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// The snapshots of a collection.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Snapshots {
    /// All of them, newest first: `id`, `state` (`served`, `previous`: a rollback may go back to it, or `aside`), `created`
    /// (RFC 3339), `items`, `position` (the last change that it contains), `bytes`, `recall@10`; `problem` where it cannot be
    /// read.
    #[schema(value_type = Vec<Object>)]
    snapshots: Vec<Listed>,
    /// The log position of what is served.
    position: u64,
    /// The snapshot that is served.
    snapshot: String,
}

/// List the snapshots of a collection
#[utoipa::path(
    get, path = "/v1/collections/{collection}/snapshots", tag = "Snapshots",
    params(("collection" = String, Path, description = "Name of the collection"), AtLeast),
    responses(
        (status = 200, body = Snapshots),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    State(app): State<App>,
    Path(collection): Path<String>,
    Params(least): Params<AtLeast>,
) -> Result<axum::Json<Snapshots>, Problem> {
    app.run(move |app| {
        let view = app.view_at(&collection, least.or(None))?;
        Ok(axum::Json(Snapshots {
            snapshots: app.maintenance().list(&collection)?,
            position: view.position().0,
            snapshot: view.snapshot().id().to_owned(),
        }))
    })
    .await
}

/// How to build a snapshot.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct BuildBody {
    /// Build though nothing has changed, and publish though it answers worse than what is served.
    force: bool,
    /// Serve it when it is built; else it is put aside, to be promoted.
    #[schema(default = true)]
    publish: Option<bool>,
}

/// Build a snapshot of a collection as it is
///
/// As a job, beside serving: gathers, builds, verifies (recall against exact search, golden queries, that every row is
/// found), and publishes what answers no worse than what is served.
#[utoipa::path(
    post, path = "/v1/collections/{collection}/snapshots", tag = "Snapshots",
    params(("collection" = String, Path, description = "Name of the collection")),
    request_body(content = Option<BuildBody>),
    responses(
        (status = 202, body = JobAnswer),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "Another job is at work on it"),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn build(
    State(app): State<App>,
    Path(collection): Path<String>,
    Body(bytes): Body,
) -> Result<(StatusCode, axum::Json<JobAnswer>), Problem> {
    let body: BuildBody = optional(&bytes)?;
    let asked = Asked {
        force: body.force,
        publish: body.publish.unwrap_or(true),
    };
    app.run(move |app| Ok(accepted(app.maintenance().build(&collection, asked)?)))
        .await
}

/// A body that may be left out.
fn optional<T: Default + serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    if bytes.trim_ascii().is_empty() {
        return Ok(T::default());
    }
    body_object(bytes)
}

fn accepted(job: crate::jobs::JobStatus) -> (StatusCode, axum::Json<JobAnswer>) {
    (StatusCode::ACCEPTED, axum::Json(job.into()))
}

/// Whether to promote what is refused otherwise.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(super) struct PromoteBody {
    /// Serve it though it answers worse than what is served. Another model, schema, metric or dimension is refused all the
    /// same.
    force: bool,
}

/// What took over.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TakenAnswer {
    /// The snapshot that is served now.
    snapshot: String,
    /// The one that was served before.
    from: String,
    /// The log position of what is served now: changes after the snapshot stay.
    position: u64,
}

impl TakenAnswer {
    fn new(app: &App, collection: &str, taken: Taken) -> Result<Self, EngineError> {
        Ok(Self {
            position: app.engine().view(collection)?.position().0,
            snapshot: taken.snapshot,
            from: taken.from,
        })
    }
}

/// Serve a snapshot from now on
///
/// It is opened and warmed beside the one that is served and takes over between two requests, with all changes after it.
#[utoipa::path(
    post, path = "/v1/collections/{collection}/snapshots/{id}/promote", tag = "Snapshots",
    params(
        ("collection" = String, Path, description = "Name of the collection"),
        ("id" = String, Path, description = "Id of the snapshot"),
    ),
    request_body(content = Option<PromoteBody>),
    responses(
        (status = 200, body = TakenAnswer),
        (status = 409, body = Problem, content_type = "application/problem+json",
            description = "It has another model or schema, or answers worse, by how much the detail says"),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn promote(
    State(app): State<App>,
    Path((collection, id)): Path<(String, String)>,
    Extension(time): Extension<TimeLimit>,
    Body(bytes): Body,
) -> Result<axum::Json<TakenAnswer>, Problem> {
    let body: PromoteBody = optional(&bytes)?;
    // Every byte of it is looked at first, and what has begun is not left half-way.
    time.lift();
    app.run(move |app| {
        let taken = app.maintenance().promote(&collection, &id, body.force)?;
        Ok(axum::Json(TakenAnswer::new(app, &collection, taken)?))
    })
    .await
}

/// Go back to the snapshot that was served before
///
/// Takes effect at once; the items are the same, since the changes after that snapshot are applied to it.
#[utoipa::path(
    post, path = "/v1/collections/{collection}/snapshots/rollback", tag = "Snapshots",
    params(("collection" = String, Path, description = "Name of the collection")),
    responses(
        (status = 200, body = TakenAnswer),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "There is nothing to go back to"),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn rollback(
    State(app): State<App>,
    Path(collection): Path<String>,
    Extension(time): Extension<TimeLimit>,
) -> Result<axum::Json<TakenAnswer>, Problem> {
    time.lift();
    app.run(move |app| {
        let taken = app.maintenance().rollback(&collection)?;
        Ok(axum::Json(TakenAnswer::new(app, &collection, taken)?))
    })
    .await
}

/// Check a snapshot
///
/// As a job: every byte, that every row is found, recall against exact search, golden queries.
#[utoipa::path(
    post, path = "/v1/collections/{collection}/snapshots/{id}/verify", tag = "Snapshots",
    params(
        ("collection" = String, Path, description = "Name of the collection"),
        ("id" = String, Path, description = "Id of the snapshot"),
    ),
    responses(
        (status = 202, body = JobAnswer),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn verify(
    State(app): State<App>,
    Path((collection, id)): Path<(String, String)>,
) -> Result<(StatusCode, axum::Json<JobAnswer>), Problem> {
    app.run(move |app| Ok(accepted(app.maintenance().verify(&collection, &id)?)))
        .await
}

/// Collect what nothing needs
///
/// As a job: snapshots that are neither served nor kept to go back to, and the part of the log that every kept one contains.
#[utoipa::path(
    post, path = "/v1/collections/{collection}/snapshots/gc", tag = "Snapshots",
    params(("collection" = String, Path, description = "Name of the collection")),
    responses(
        (status = 202, body = JobAnswer),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "Another job is at work on it"),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn collect(
    State(app): State<App>,
    Path(collection): Path<String>,
) -> Result<(StatusCode, axum::Json<JobAnswer>), Problem> {
    app.run(move |app| Ok(accepted(app.maintenance().collect(&collection)?)))
        .await
}

/// Another schema for a collection.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"schema": {"id": "id", "embed": ["title"], "fields": {"price": {"type": "number", "filter": true}}}}))]
pub(super) struct AlterBody {
    /// The whole schema, as for a collection that is created.
    #[serde(deserialize_with = "super::unique_keys::required")]
    #[schema(value_type = Object)]
    schema: Value,
}

/// Alter a collection's schema
///
/// As a job: a snapshot with the same items under the new schema takes over. Items are encoded again where the embedded
/// text changes. The first item that contradicts the schema fails the job, which names it and its field, and nothing
/// changes.
#[utoipa::path(
    patch, path = "/v1/collections/{collection}", tag = "Collections",
    params(("collection" = String, Path, description = "Name of the collection")),
    request_body = AlterBody,
    responses(
        (status = 202, body = JobAnswer),
        (status = 409, body = Problem, content_type = "application/problem+json", description = "Another job is at work on it"),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn alter(
    State(app): State<App>,
    Path(collection): Path<String>,
    Json(body): Json<AlterBody>,
) -> Result<(StatusCode, axum::Json<JobAnswer>), Problem> {
    let schema = schema_of(body.schema)?;
    app.run(move |app| Ok(accepted(app.maintenance().alter(&collection, schema)?)))
        .await
}

//! Jobs: work that takes longer than a call.

use super::extract::Path;
use super::problem::Problem;
use super::state::App;
use crate::jobs::{JobKind, JobState, JobStatus};
use axum::extract::State;
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A job, as it stands.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct JobAnswer {
    /// Its id: `GET /v1/jobs/{id}` says how it gets on.
    id: String,
    /// What it does: `build`, `verify`, `alter` or `collect`.
    #[schema(value_type = String)]
    kind: JobKind,
    /// The collection.
    collection: String,
    /// How it stands: `running`, `succeeded`, `failed` or `canceled`.
    #[schema(value_type = String)]
    state: JobState,
    /// What it is busy with: `gather`, `encode`, `index`, `learn`, `write`, `verify`, `publish`.
    phase: String,
    /// Share of the phase that is done, 0 to 1.
    progress: f64,
    /// When it started, RFC 3339.
    started: String,
    /// When it ended, RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended: Option<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    /// What it made.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    result: Option<Value>,
}

impl From<JobStatus> for JobAnswer {
    fn from(job: JobStatus) -> Self {
        Self {
            id: job.id,
            kind: job.kind,
            collection: job.collection,
            state: job.state,
            phase: job.phase,
            progress: job.progress,
            started: job.started,
            ended: job.ended,
            error: job.error,
            result: job.result,
        }
    }
}

/// All jobs.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Jobs {
    /// Those that are running and the last hundred, newest first; forgotten when the server stops.
    jobs: Vec<JobAnswer>,
}

/// List jobs
#[utoipa::path(get, path = "/v1/jobs", tag = "Snapshots", responses((status = 200, body = Jobs)))]
pub(super) async fn list(State(app): State<App>) -> axum::Json<Jobs> {
    let jobs = app.maintenance().jobs().list();
    axum::Json(Jobs {
        jobs: jobs.into_iter().map(JobAnswer::from).collect(),
    })
}

/// Describe a job
#[utoipa::path(
    get, path = "/v1/jobs/{id}", tag = "Snapshots",
    params(("id" = String, Path, description = "Id of the job")),
    responses(
        (status = 200, body = JobAnswer),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn describe(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<axum::Json<JobAnswer>, Problem> {
    Ok(axum::Json(app.maintenance().jobs().get(&id)?.into()))
}

/// Cancel a job
///
/// It stops between two steps; nothing that is served has changed then. A job that has ended stays as it is.
#[utoipa::path(
    delete, path = "/v1/jobs/{id}", tag = "Snapshots",
    params(("id" = String, Path, description = "Id of the job")),
    responses(
        (status = 200, body = JobAnswer),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn cancel(
    State(app): State<App>,
    Path(id): Path<String>,
) -> Result<axum::Json<JobAnswer>, Problem> {
    Ok(axum::Json(app.maintenance().jobs().cancel(&id)?.into()))
}

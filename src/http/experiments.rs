//! Experiments: which way to recommend does better.

use super::extract::{Json, Params, Path};
use super::problem::Problem;
use super::state::App;
use crate::experiments::{Definition, Experiment, ExperimentError, Report};
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use std::io::ErrorKind;
use utoipa::{IntoParams, ToSchema};

/// All experiments.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ExperimentList {
    /// The experiments, by name.
    experiments: Vec<ExperimentInfo>,
}

/// An experiment as it is defined.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ExperimentInfo {
    /// Its name.
    experiment: String,
    /// Which of the beginnings this is: every restart gets a higher number.
    generation: u32,
    /// Since when it counts, RFC 3339.
    started: String,
    /// What it is.
    #[serde(flatten)]
    #[schema(inline)]
    definition: Definition,
}

impl From<&Experiment> for ExperimentInfo {
    fn from(experiment: &Experiment) -> Self {
        Self {
            experiment: experiment.name.clone(),
            generation: experiment.generation,
            started: experiment.started(),
            definition: experiment.definition.clone(),
        }
    }
}

/// List experiments
#[utoipa::path(get, path = "/v1/experiments", tag = "Experiments", responses((status = 200, body = ExperimentList)))]
pub(super) async fn list(State(app): State<App>) -> Result<axum::Json<ExperimentList>, Problem> {
    app.run(|app| {
        let all = app.engine().experiments().all();
        Ok(axum::Json(ExperimentList {
            experiments: all.iter().map(|experiment| (&**experiment).into()).collect(),
        }))
    })
    .await
}

/// Report on an experiment
///
/// Exposures, clicks and conversions of every variant; the rates of units that clicked and bought, with 95 % intervals;
/// how they compare with those of the control, which is the first variant; whether units are split as the weights say.
/// Only what happened within the attribution window after a recommendation counts, and only for units that were shown one.
#[utoipa::path(
    get, path = "/v1/experiments/{experiment}", tag = "Experiments",
    params(("experiment" = String, Path, description = "Name of the experiment")),
    responses(
        (status = 200, body = Report),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn report(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<axum::Json<Report>, Problem> {
    app.run(move |app| Ok(axum::Json(app.engine().experiments().report(&name)?)))
        .await
}

/// How an experiment is defined.
#[derive(Debug, Clone, Copy, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct PutParams {
    /// Begin anew: count from zero, and assign every unit again.
    #[serde(default)]
    #[param(required = false)]
    restart: bool,
}

/// Define or change an experiment
///
/// A unit (what a call names as `unit`, else its user or session) gets one of the variants by a hash, always the same. Once
/// there are exposures, only `status` and `shadow.share` can change: what was counted would say nothing of other variants,
/// weights or windows. `restart=true` changes the rest and begins anew. While an experiment is `paused` or `ended` every
/// unit gets the control and no exposure is counted. Names have 1 to 64 letters, digits, `-` and `_`; there are at most 100
/// experiments.
#[utoipa::path(
    put, path = "/v1/experiments/{experiment}", tag = "Experiments",
    params(("experiment" = String, Path, description = "Name of the experiment"), PutParams),
    request_body = Definition,
    responses(
        (status = 200, body = ExperimentInfo, description = "It has changed"),
        (status = 201, body = ExperimentInfo, description = "It is new"),
        (status = 409, body = Problem, content_type = "application/problem+json",
            description = "It has counted exposures, and they would say nothing of it"),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn put(
    State(app): State<App>,
    Path(name): Path<String>,
    Params(params): Params<PutParams>,
    Json(definition): Json<Definition>,
) -> Result<(StatusCode, axum::Json<ExperimentInfo>), Problem> {
    app.run(move |app| {
        let (experiment, new) = app.engine().put_experiment(&name, definition, params.restart)?;
        let status = if new { StatusCode::CREATED } else { StatusCode::OK };
        Ok((status, axum::Json((&*experiment).into())))
    })
    .await
}

/// What was deleted.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeletedExperiment {
    /// The experiment's name.
    deleted: String,
}

/// Delete an experiment
///
/// With everything that it has counted.
#[utoipa::path(
    delete, path = "/v1/experiments/{experiment}", tag = "Experiments",
    params(("experiment" = String, Path, description = "Name of the experiment")),
    responses(
        (status = 200, body = DeletedExperiment),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn delete(
    State(app): State<App>,
    Path(name): Path<String>,
) -> Result<axum::Json<DeletedExperiment>, Problem> {
    app.run(move |app| {
        app.engine().experiments().remove(&name)?;
        Ok(axum::Json(DeletedExperiment { deleted: name }))
    })
    .await
}

impl From<ExperimentError> for Problem {
    fn from(error: ExperimentError) -> Self {
        let detail = error.to_string();
        match error {
            ExperimentError::Unknown { .. } => Self::not_found(detail).with_field("experiment"),
            ExperimentError::Invalid { field, .. } => Self::invalid(detail).with_field(field),
            ExperimentError::Counted { field, exposures, .. } => {
                let title = "The experiment has counted exposures";
                let problem = Self::conflict("experiment-counted", title, detail).with_field(field);
                problem.with("exposures", exposures)
            }
            ExperimentError::ReadOnly { .. } => Self::unavailable(detail),
            ExperimentError::Io { ref source, .. } if source.kind() == ErrorKind::StorageFull => {
                Self::disk_low(detail)
            }
            error => Self::internal(&error),
        }
    }
}

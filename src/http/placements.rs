//! Placements: settings of recommendation calls, kept by name.

use super::extract::{Json, Path};
use super::problem::Problem;
use super::state::App;
use crate::placements::Placement;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// All placements of a collection.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct PlacementList {
    /// The placements, by name.
    placements: Vec<NamedPlacement>,
}

/// One placement.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct NamedPlacement {
    /// Its name.
    name: String,
    /// Its settings.
    #[serde(flatten)]
    #[schema(inline)]
    settings: Placement,
}

/// List placements
#[utoipa::path(
    get, path = "/v1/collections/{collection}/placements", tag = "Recommend",
    params(("collection" = String, Path, description = "Name of the collection")),
    responses(
        (status = 200, body = PlacementList),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn list(
    State(app): State<App>,
    Path(collection): Path<String>,
) -> Result<axum::Json<PlacementList>, Problem> {
    app.run(move |app| {
        let all = app.engine().placements(&collection)?.all().into_iter();
        let placements = all.map(|(name, settings)| NamedPlacement {
            name,
            settings: Arc::unwrap_or_clone(settings),
        });
        Ok(axum::Json(PlacementList {
            placements: placements.collect(),
        }))
    })
    .await
}

/// Describe a placement
#[utoipa::path(
    get, path = "/v1/collections/{collection}/placements/{placement}", tag = "Recommend",
    params(
        ("collection" = String, Path, description = "Name of the collection"),
        ("placement" = String, Path, description = "Name of the placement"),
    ),
    responses(
        (status = 200, body = NamedPlacement),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn describe(
    State(app): State<App>,
    Path((collection, name)): Path<(String, String)>,
) -> Result<axum::Json<NamedPlacement>, Problem> {
    app.run(move |app| {
        let settings = Arc::unwrap_or_clone(app.engine().placement(&collection, &name)?);
        Ok(axum::Json(NamedPlacement { name, settings }))
    })
    .await
}

/// Create or replace a placement
///
/// Checked against the collection's schema and kept durably; calls that begin afterwards use it. Names have 1 to 64
/// characters of a-z, 0-9, `_` and `-`; a collection has at most 1,000.
#[utoipa::path(
    put, path = "/v1/collections/{collection}/placements/{placement}", tag = "Recommend",
    params(
        ("collection" = String, Path, description = "Name of the collection"),
        ("placement" = String, Path, description = "Name of the placement"),
    ),
    request_body = Placement,
    responses(
        (status = 200, body = NamedPlacement, description = "It has replaced the one of that name"),
        (status = 201, body = NamedPlacement, description = "It is new"),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn put(
    State(app): State<App>,
    Path((collection, name)): Path<(String, String)>,
    Json(placement): Json<Placement>,
) -> Result<(StatusCode, axum::Json<NamedPlacement>), Problem> {
    app.run(move |app| {
        let settings = placement.clone();
        let new = app.engine().put_placement(&collection, &name, placement)?;
        let status = if new { StatusCode::CREATED } else { StatusCode::OK };
        Ok((status, axum::Json(NamedPlacement { name, settings })))
    })
    .await
}

/// What was deleted.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeletedPlacement {
    /// The placement's name.
    deleted: String,
}

/// Delete a placement
#[utoipa::path(
    delete, path = "/v1/collections/{collection}/placements/{placement}", tag = "Recommend",
    params(
        ("collection" = String, Path, description = "Name of the collection"),
        ("placement" = String, Path, description = "Name of the placement"),
    ),
    responses(
        (status = 200, body = DeletedPlacement),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn delete(
    State(app): State<App>,
    Path((collection, name)): Path<(String, String)>,
) -> Result<axum::Json<DeletedPlacement>, Problem> {
    app.run(move |app| {
        app.engine().remove_placement(&collection, &name)?;
        Ok(axum::Json(DeletedPlacement { deleted: name }))
    })
    .await
}

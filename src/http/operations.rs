//! `/livez`, `/readyz`, `/metrics`.

use super::problem::Problem;
use super::state::App;
use crate::telemetry::CONTENT_TYPE;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

/// Is the process alive?
#[utoipa::path(get, path = "/livez", tag = "Operations", responses((status = 200, body = String)))]
pub(super) async fn livez() -> &'static str {
    "ok\n"
}

/// Can it answer?
///
/// 200 once every published collection is served; 503 while starting with none, when a snapshot was refused with no
/// earlier one in memory, and while draining.
#[utoipa::path(
    get, path = "/readyz", tag = "Operations",
    responses(
        (status = 200, body = String),
        (status = 503, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn readyz(State(app): State<App>) -> Result<&'static str, Problem> {
    if app.draining() {
        return Err(Problem::unavailable("the server is draining before it stops"));
    }
    match app.engine().problems().as_slice() {
        [] => Ok("ok\n"),
        problems => Err(Problem::unavailable(problems.join("; "))),
    }
}

/// Metrics in Prometheus' text format
#[utoipa::path(get, path = "/metrics", tag = "Operations", responses((status = 200, body = String)))]
pub(super) async fn metrics(State(app): State<App>) -> impl IntoResponse {
    app.engine().report();
    ([(header::CONTENT_TYPE, CONTENT_TYPE)], app.metrics().encode())
}

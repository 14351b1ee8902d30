//! Around every request: its id, its metrics, its time limit, and what becomes of a panic.

use super::problem::Problem;
use super::shapes;
use super::state::App;
use axum::extract::{MatchedPath, Request, State};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Requests that match no route share one label, so that probing cannot grow the metrics.
const NO_ROUTE: &str = "none";

/// Counts and times a request under its route's template, and hands its `X-Request-Id` back.
pub(super) async fn observe(State(app): State<App>, request: Request, next: Next) -> Response {
    let start = Instant::now();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    let id = request.headers().get(&REQUEST_ID).cloned();
    let in_flight = app.metrics().request_started();
    let response = shapes::reshape(&path, within_time(&app, request, next).await);
    drop(in_flight);
    let route = route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
    answered(&app, (&method, route, id), response, start)
}

/// Counts an answer to a method and route, and gives the request's id back.
pub(super) fn answered(
    app: &App,
    (method, route, id): (&Method, &str, Option<HeaderValue>),
    mut response: Response,
    start: Instant,
) -> Response {
    let (status, took) = (response.status().as_u16(), start.elapsed());
    app.metrics()
        .request_answered(method.as_str(), route, status, took);
    tracing::debug!(%method, route, status, duration_ms = took.as_secs_f64() * 1e3, request_id = ?id, "request");
    if let Some(id) = id {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

async fn within_time(app: &App, mut request: Request, next: Next) -> Response {
    let limit = app.settings().request_timeout();
    let time = TimeLimit::default();
    request.extensions_mut().insert(time.clone());
    tokio::select! {
        response = next.run(request) => response,
        () = time.passed(limit) => Problem::timeout(limit).into_response(),
    }
}

/// The time limit of a request as a whole. A call that comes in parts, as long as it likes, lifts it and limits the time
/// of each part instead.
#[derive(Clone, Default)]
pub(super) struct TimeLimit(Arc<AtomicBool>);

impl TimeLimit {
    pub(super) fn lift(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    async fn passed(&self, limit: Duration) {
        tokio::time::sleep(limit).await;
        if self.0.load(Ordering::Relaxed) {
            std::future::pending::<()>().await;
        }
    }
}

/// A panic is our fault and ends one request, not the server.
#[allow(
    clippy::needless_pass_by_value,
    reason = "the signature that CatchPanicLayer calls"
)]
pub(super) fn on_panic(panic: Box<dyn std::any::Any + Send>) -> Response {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied());
    let mut response = Problem::internal(&message.unwrap_or("panic")).into_response();
    response
        .headers_mut()
        .insert("connection", HeaderValue::from_static("close"));
    response
}

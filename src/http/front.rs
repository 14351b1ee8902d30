//! Ahead of all routes: an answer that is kept is given without a route, a timer or a place among the calls in flight.

use super::observe::{self, REQUEST_ID};
use super::state::App;
use axum::Router;
use axum::extract::Request;
use axum::http::Method;
use axum::response::Response;
use axum::routing::future::RouteFuture;
use futures_util::future::Either;
use std::convert::Infallible;
use std::future::{Ready, ready};
use std::task::{Context, Poll};
use std::time::Instant;
use tower_service::Service;

/// Answers what is kept, and has the routes answer everything else.
#[derive(Clone)]
pub(super) struct Front {
    app: App,
    routes: Router,
}

impl Front {
    pub(super) fn new(app: App, routes: Router) -> Self {
        Self { app, routes }
    }

    fn kept(&self, request: &Request) -> Option<Response> {
        let start = Instant::now();
        if !matches!(*request.method(), Method::GET | Method::HEAD) {
            return None;
        }
        let asked = request.uri().path_and_query()?;
        let (route, response) = self.app.kept_answer(asked.as_str(), request.headers())?;
        let id = request.headers().get(&REQUEST_ID).cloned();
        let request = (request.method(), route, id);
        Some(observe::answered(&self.app, request, response, start))
    }
}

impl Service<Request> for Front {
    type Response = Response;
    type Error = Infallible;
    type Future = Either<Ready<Result<Response, Infallible>>, RouteFuture<Infallible>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Service::<Request>::poll_ready(&mut self.routes, context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        match self.kept(&request) {
            Some(response) => Either::Left(ready(Ok(response))),
            None => Either::Right(self.routes.call(request)),
        }
    }
}

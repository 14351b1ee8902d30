//! HTTP: reads requests, calls the [`engine`](crate::engine), writes answers. Nothing is decided here.

mod collections;
mod cursors;
mod encoding;
mod events;
mod experiments;
mod extract;
mod front;
mod inputs;
mod items;
mod jobs;
mod observe;
mod openai;
mod operations;
mod pages;
mod placements;
mod problem;
mod reads;
mod recommend;
mod schemas;
mod search;
mod server;
mod shapes;
mod shared;
mod snapshots;
mod state;
mod tei;
mod trending;
mod writes;

pub use server::{StopSignal, serve};
pub use state::App;

use crate::schema::unique_keys;
use axum::routing::get;
use axum::{Router, middleware};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::OpenApi;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use utoipa_swagger_ui::SwaggerUi;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Alike",
        description = "Semantic search and recommendations from one service. Errors are `application/problem+json`; \
            those of calls that speak OpenAI's or TEI's protocol have its shape."
    ),
    tags(
        (name = "Search", description = "Find items by meaning"),
        (name = "Recommend", description = "Similar and trending items, and the events behind them"),
        (name = "Experiments", description = "Which way to recommend does better"),
        (name = "Embeddings", description = "Texts to vectors and ranks, in OpenAI's and TEI's protocols"),
        (name = "Items", description = "What is in a collection, and how it changes"),
        (name = "Collections", description = "What is served"),
        (name = "Snapshots", description = "What is served is built, checked, swapped, and gone back from"),
        (name = "Operations", description = "Probes and metrics"),
    )
)]
struct ApiDocument;

/// Every route of the service.
fn router(app: App) -> Router {
    let (routes, document) = OpenApiRouter::with_openapi(ApiDocument::openapi())
        .routes(routes!(search::search))
        .routes(routes!(recommend::recommend))
        .routes(routes!(recommend::by_placement))
        .routes(routes!(trending::trending))
        .routes(routes!(events::record))
        .routes(routes!(experiments::list))
        .routes(routes!(
            experiments::report,
            experiments::put,
            experiments::delete
        ))
        .routes(routes!(placements::list))
        .routes(routes!(placements::describe, placements::put, placements::delete))
        .routes(routes!(collections::list))
        .routes(routes!(
            collections::describe,
            collections::create,
            snapshots::alter,
            collections::drop_one
        ))
        .routes(routes!(items::upsert, items::update))
        .routes(routes!(reads::item, items::update_one, items::delete_one))
        .routes(routes!(items::delete))
        .routes(routes!(reads::get))
        .routes(routes!(reads::count))
        .routes(routes!(reads::scroll))
        .routes(routes!(snapshots::list, snapshots::build))
        .routes(routes!(snapshots::promote))
        .routes(routes!(snapshots::rollback))
        .routes(routes!(snapshots::verify))
        .routes(routes!(snapshots::collect))
        .routes(routes!(jobs::list))
        .routes(routes!(jobs::describe, jobs::cancel))
        .routes(routes!(openai::embeddings))
        .routes(routes!(openai::list))
        .routes(routes!(openai::describe))
        .routes(routes!(tei::embed))
        .routes(routes!(tei::rerank))
        .routes(routes!(tei::similarity))
        .routes(routes!(tei::tokenize))
        .routes(routes!(tei::decode))
        .routes(routes!(tei::info))
        .routes(routes!(tei::health))
        .routes(routes!(operations::livez))
        .routes(routes!(operations::readyz))
        .routes(routes!(operations::metrics))
        .split_for_parts();
    routes
        .route("/", get(pages::home))
        .merge(SwaggerUi::new("/docs").url("/openapi.json", document))
        .fallback(pages::not_found)
        .method_not_allowed_fallback(pages::method_not_allowed)
        .layer(CatchPanicLayer::custom(observe::on_panic))
        .layer(middleware::from_fn_with_state(app.clone(), observe::observe))
        .with_state(app)
}

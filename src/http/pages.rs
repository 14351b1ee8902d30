//! The page to try queries on, and what answers where there is nothing.

use super::problem::Problem;
use axum::http::{Method, Uri, header};
use axum::response::{Html, IntoResponse};

/// The try-it page: one file, no script from elsewhere.
pub(super) async fn home() -> impl IntoResponse {
    let headers = [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, Html(include_str!("home.html")))
}

pub(super) async fn not_found(uri: Uri) -> Problem {
    Problem::not_found(format!("no route {}; /docs lists them", uri.path())).with_field("path")
}

pub(super) async fn method_not_allowed(method: Method, uri: Uri) -> Problem {
    Problem::method_not_allowed(format!(
        "{method} is not allowed on {}; /docs lists what is",
        uri.path()
    ))
    .with_field("method")
}

//! Errors in the shape that a route's callers expect: our own, OpenAI's or TEI's. Every part of the service answers with
//! a [`Problem`], also where no handler runs (no such route, too large, too slow, a panic); here, around all of them, it
//! is put into the other shapes.

use super::problem::Problem;
use super::{openai, tei};
use axum::Json;
use axum::http::header;
use axum::response::{IntoResponse, Response};

/// Whose protocol a path speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Shape {
    Problem,
    OpenAi,
    Tei,
}

impl Shape {
    fn of(path: &str) -> Self {
        let path = path.trim_end_matches('/');
        if path == "/v1/embeddings" || path == "/v1/models" || path.starts_with("/v1/models/") {
            Self::OpenAi
        } else if tei::ROUTES.contains(&path) {
            Self::Tei
        } else {
            Self::Problem
        }
    }
}

/// `response`, with its problem, if it is one, in the shape of the route's protocol.
pub(super) fn reshape(path: &str, mut response: Response) -> Response {
    let shape = Shape::of(path);
    if shape == Shape::Problem {
        return response;
    }
    let Some(problem) = response.extensions_mut().remove::<Problem>() else {
        return response;
    };
    let reshaped = match shape {
        Shape::OpenAi => (problem.status(), Json(openai::ErrorAnswer::from(&problem))).into_response(),
        _ => (tei::status(&problem), Json(tei::ErrorAnswer::from(&problem))).into_response(),
    };
    let (mut parts, _) = response.into_parts();
    let (new_parts, body) = reshaped.into_parts();
    parts.status = new_parts.status;
    parts.headers.remove(header::CONTENT_LENGTH);
    parts.headers.extend(new_parts.headers);
    Response::from_parts(parts, body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_shape() {
        for (path, shape) in [
            ("/v1/embeddings", Shape::OpenAi),
            ("/v1/embeddings/", Shape::OpenAi),
            ("/v1/models", Shape::OpenAi),
            ("/v1/models/a@1", Shape::OpenAi),
            ("/v1/modelsx", Shape::Problem),
            ("/v1/collections", Shape::Problem),
            ("/embed", Shape::Tei),
            ("/rerank", Shape::Tei),
            ("/predict", Shape::Tei),
            ("/embedding", Shape::Problem),
            ("/", Shape::Problem),
        ] {
            assert_eq!(Shape::of(path), shape, "{path}");
        }
    }

    #[test]
    fn what_is_no_problem_stays_as_it_is() {
        let response = reshape("/embed", "[[1.0]]".into_response());
        assert_eq!(response.status(), 200);
        assert_eq!(
            response.headers()[header::CONTENT_TYPE],
            "text/plain; charset=utf-8"
        );
    }

    #[test]
    fn headers_of_a_problem_are_kept() {
        let response = reshape("/embed", Problem::overloaded(1).into_response());
        assert_eq!(response.status(), 429);
        assert_eq!(response.headers()[header::RETRY_AFTER], "1");
        assert_eq!(response.headers()[header::CONTENT_TYPE], "application/json");
    }
}

//! Errors as OpenAI's clients read them.

use crate::http::problem::{Cause, Problem};
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

/// An error answer in OpenAI's shape.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenAiError)]
pub(in crate::http) struct ErrorAnswer {
    error: ErrorDetail,
}

/// What went wrong.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenAiErrorDetail)]
struct ErrorDetail {
    /// What exactly is wrong and what would be right.
    #[schema(example = "dimensions: is 256; this model's vectors have 384 dimensions")]
    message: String,
    /// `invalid_request_error`, `requests` (too many) or `server_error`.
    #[serde(rename = "type")]
    #[schema(example = "invalid_request_error")]
    kind: &'static str,
    /// The offending field.
    #[schema(example = "dimensions")]
    param: Option<String>,
    /// `model_not_found`, `context_length_exceeded`, `rate_limit_exceeded`, `method_not_supported`, or null.
    code: Option<&'static str>,
}

impl From<&Problem> for ErrorAnswer {
    fn from(problem: &Problem) -> Self {
        let (message, param) = problem.clone().into_parts();
        let status = problem.status();
        let kind = match status {
            StatusCode::TOO_MANY_REQUESTS => "requests",
            status if status.is_server_error() => "server_error",
            _ => "invalid_request_error",
        };
        let code = match (problem.cause(), status) {
            (Cause::NoModel, _) => Some("model_not_found"),
            (Cause::TooLong, _) => Some("context_length_exceeded"),
            (_, StatusCode::TOO_MANY_REQUESTS) => Some("rate_limit_exceeded"),
            (_, StatusCode::METHOD_NOT_ALLOWED) => Some("method_not_supported"),
            _ => None,
        };
        let error = ErrorDetail {
            message,
            kind,
            param,
            code,
        };
        Self { error }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn every_kind_of_problem_has_its_shape() {
        let invalid = Problem::invalid("input: is empty").with_field("input");
        for (problem, kind, param, code) in [
            (invalid.clone(), "invalid_request_error", Some("input"), None),
            (
                invalid.with_cause(Cause::TooLong),
                "invalid_request_error",
                Some("input"),
                Some("context_length_exceeded"),
            ),
            (
                Problem::not_found("no such model").with_cause(Cause::NoModel),
                "invalid_request_error",
                None,
                Some("model_not_found"),
            ),
            (
                Problem::overloaded(1),
                "requests",
                None,
                Some("rate_limit_exceeded"),
            ),
            (Problem::unavailable("no model"), "server_error", None, None),
            (Problem::too_large(1), "invalid_request_error", None, None),
        ] {
            let answer = serde_json::to_value(ErrorAnswer::from(&problem)).unwrap();
            let message = problem.into_parts().0;
            let expected = json!({"error": {"message": message, "type": kind, "param": param, "code": code}});
            assert_eq!(answer, expected);
        }
    }
}

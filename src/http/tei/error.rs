//! Errors as TEI's clients read them.

use crate::http::problem::{Cause, Problem};
use axum::http::StatusCode;
use serde::Serialize;
use utoipa::ToSchema;

/// An error answer in TEI's shape.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TeiError)]
pub(in crate::http) struct ErrorAnswer {
    /// What exactly is wrong and what would be right.
    #[schema(example = "inputs: cannot be empty")]
    error: String,
    error_type: ErrorType,
}

/// Kind of error; each has its status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = TeiErrorType)]
enum ErrorType {
    /// 503.
    Unhealthy,
    /// 424: the model failed, or cannot do this. 500 and 504: the service failed.
    Backend,
    /// 429.
    Overloaded,
    /// 413: too many texts, a text too long, an impossible option. 400 and 422: no valid request.
    Validation,
    /// 422.
    Tokenizer,
    /// 400.
    Empty,
}

impl From<&Problem> for ErrorAnswer {
    fn from(problem: &Problem) -> Self {
        let error_type = error_type(problem);
        let (error, _) = problem.clone().into_parts();
        Self { error, error_type }
    }
}

fn error_type(problem: &Problem) -> ErrorType {
    match (problem.cause(), problem.status()) {
        (Cause::Empty, _) => ErrorType::Empty,
        (Cause::Tokens, _) => ErrorType::Tokenizer,
        (Cause::Unsupported, _) => ErrorType::Backend,
        (_, StatusCode::TOO_MANY_REQUESTS) => ErrorType::Overloaded,
        (_, StatusCode::SERVICE_UNAVAILABLE) => ErrorType::Unhealthy,
        (_, status) if status.is_server_error() => ErrorType::Backend,
        _ => ErrorType::Validation,
    }
}

/// The status that TEI gives such an error. A body that is no request gets what the web framework under TEI says: 400
/// where it is no JSON, 422 where its values are wrong.
pub(in crate::http) fn status(problem: &Problem) -> StatusCode {
    match (problem.cause(), problem.status()) {
        (Cause::Unsupported, _) => StatusCode::FAILED_DEPENDENCY,
        (Cause::Value | Cause::Tokens, StatusCode::BAD_REQUEST) => StatusCode::UNPROCESSABLE_ENTITY,
        (Cause::Other | Cause::TooLong, StatusCode::BAD_REQUEST) => StatusCode::PAYLOAD_TOO_LARGE,
        (_, status) => status,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_problem_has_its_status_and_type() {
        let invalid = |cause| Problem::invalid("x").with_cause(cause);
        for (problem, code, kind) in [
            (invalid(Cause::Other), 413, ErrorType::Validation),
            (invalid(Cause::TooLong), 413, ErrorType::Validation),
            (invalid(Cause::Syntax), 400, ErrorType::Validation),
            (invalid(Cause::Value), 422, ErrorType::Validation),
            (invalid(Cause::Tokens), 422, ErrorType::Tokenizer),
            (invalid(Cause::Empty), 400, ErrorType::Empty),
            (invalid(Cause::Unsupported), 424, ErrorType::Backend),
            (Problem::too_large(1), 413, ErrorType::Validation),
            (Problem::not_found("x"), 404, ErrorType::Validation),
            (Problem::overloaded(1), 429, ErrorType::Overloaded),
            (Problem::unavailable("x"), 503, ErrorType::Unhealthy),
            (
                Problem::timeout(std::time::Duration::ZERO),
                504,
                ErrorType::Backend,
            ),
        ] {
            assert_eq!(
                (status(&problem).as_u16(), error_type(&problem)),
                (code, kind),
                "{problem:?}"
            );
        }
    }

    #[test]
    fn the_shape_is_tei_s() {
        let problem = Problem::invalid("inputs: cannot be empty").with_cause(Cause::Empty);
        let answer = serde_json::to_value(ErrorAnswer::from(&problem)).unwrap();
        assert_eq!(
            answer,
            serde_json::json!({"error": "inputs: cannot be empty", "error_type": "Empty"})
        );
    }
}

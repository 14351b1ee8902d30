//! `POST /embed`.

use super::error::ErrorAnswer;
use super::{TruncationDirection, long_text, prefix};
use crate::http::encoding::{Call, TRUNCATED, default_encoder, positions};
use crate::http::extract::Json;
use crate::http::inputs::{Inputs, InputsSchema};
use crate::http::problem::Problem;
use crate::http::state::App;
use alike_embeddings::Encoded;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// How many tokens the model read.
const COMPUTE_TOKENS: HeaderName = HeaderName::from_static("x-compute-tokens");

/// As much may a squared length differ from 1 for a vector to have length 1.
const UNIT: f32 = 1e-3;

/// Texts to encode.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"inputs": "What is Deep Learning?"}))]
pub(in crate::http) struct EmbedBody {
    /// One text or up to 2,048, each as a string or as token ids of the model's own tokenizer; none empty.
    #[schema(value_type = InputsSchema)]
    inputs: Inputs,
    /// Cut texts that are too long (`true`) or refuse them (`false`); `auto_truncate` of `/info` when absent.
    #[serde(default)]
    truncate: Option<bool>,
    #[serde(default)]
    truncation_direction: TruncationDirection,
    /// `query` or `document`: which of the model's prefixes is put before the texts; none when absent.
    #[serde(default)]
    prompt_name: Option<String>,
    /// Vectors of length 1. `false` is refused where the model itself makes them so.
    #[serde(default = "yes")]
    #[schema(default = true)]
    normalize: bool,
    /// The length of the vectors: the model's own or nothing.
    #[serde(default)]
    dimensions: Option<usize>,
}

fn yes() -> bool {
    true
}

/// The vectors, in the order of the texts.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!([[0.0, 1.0, 2.0]]))]
pub(in crate::http) struct EmbedAnswer(Vec<Vec<f32>>);

impl EmbedBody {
    fn answer(&self, app: &App) -> Result<Response, Problem> {
        let call = Call {
            inputs: &self.inputs,
            field: "inputs",
            prefix: prefix(self.prompt_name.as_deref())?,
            long_text: long_text(app, self.truncate),
            lost: self.truncation_direction.into(),
        };
        call.check()?;
        let encoder = default_encoder(app)?;
        self.check_dimensions(encoder.dimension())?;
        let encoded = call.encode(&encoder)?;
        let vectors = self.vectors(&encoded)?;
        let mut response = axum::Json(EmbedAnswer(vectors)).into_response();
        report(&mut response, &encoded.tokens, &encoded.truncated);
        Ok(response)
    }

    fn check_dimensions(&self, own: usize) -> Result<(), Problem> {
        match self.dimensions {
            Some(asked) if asked != own => {
                let detail = format!("dimensions: is {asked}; this model's vectors have {own} dimensions");
                Err(Problem::invalid(detail).with_field("dimensions"))
            }
            _ => Ok(()),
        }
    }

    fn vectors(&self, encoded: &Encoded) -> Result<Vec<Vec<f32>>, Problem> {
        if !self.normalize && encoded.vectors.rows().all(is_unit) {
            let detail = "normalize: false is not possible: the model itself makes vectors of length 1";
            return Err(Problem::invalid(detail).with_field("normalize"));
        }
        let vector = |row: &[f32]| {
            let mut vector = row.to_vec();
            if self.normalize && !is_unit(row) {
                normalize(&mut vector);
            }
            vector
        };
        Ok(encoded.vectors.rows().map(vector).collect())
    }
}

fn squared_length(vector: &[f32]) -> f32 {
    vector.iter().map(|number| number * number).sum()
}

fn is_unit(vector: &[f32]) -> bool {
    (squared_length(vector) - 1.0).abs() <= UNIT
}

fn normalize(vector: &mut [f32]) {
    let length = squared_length(vector).sqrt();
    if length > 0.0 {
        vector.iter_mut().for_each(|number| *number /= length);
    }
}

/// Says in headers how many tokens the model read, and which texts were cut.
pub(super) fn report(response: &mut Response, tokens: &[u32], truncated: &[bool]) {
    let total: u64 = tokens.iter().copied().map(u64::from).sum();
    let headers = response.headers_mut();
    headers.insert(COMPUTE_TOKENS, HeaderValue::from(total));
    if let Some(positions) = positions(truncated) {
        headers.insert(TRUNCATED, positions);
    }
}

/// Texts to vectors, as TEI's clients ask for them
///
/// Errors have TEI's shape and statuses.
#[utoipa::path(
    post, path = "/embed", tag = "Embeddings",
    request_body = EmbedBody,
    responses(
        (status = 200, body = EmbedAnswer,
            headers(("x-alike-truncated" = Option<String>, description = "Positions of texts that were cut, such as `0,3`"))),
        (status = "4XX", body = ErrorAnswer),
        (status = "5XX", body = ErrorAnswer),
    )
)]
pub(in crate::http) async fn embed(
    State(app): State<App>,
    Json(body): Json<EmbedBody>,
) -> Result<Response, Problem> {
    app.run(move |app| body.answer(app)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn vectors_get_length_one() {
        let mut vector = [3.0, 4.0];
        assert!(!is_unit(&vector));
        normalize(&mut vector);
        assert_eq!(vector, [0.6, 0.8]);
        assert!(is_unit(&vector));
        let mut zero = [0.0; 2];
        normalize(&mut zero);
        assert_eq!(zero, [0.0; 2]);
    }
}

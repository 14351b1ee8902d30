//! `POST /similarity`.

use super::embed::report;
use super::error::ErrorAnswer;
use super::{TruncationDirection, long_text, prefix};
use crate::http::encoding::{Call, default_encoder};
use crate::http::extract::Json;
use crate::http::inputs::Inputs;
use crate::http::problem::Problem;
use crate::http::state::App;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Sentences to compare.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"inputs": {"source_sentence": "What is Deep Learning?", "sentences": ["What is Machine Learning?"]}}))]
pub(in crate::http) struct SimilarityBody {
    inputs: SimilarityInputs,
    #[serde(default)]
    parameters: Option<SimilarityParameters>,
}

/// One sentence and those that it is compared with.
#[derive(Debug, Deserialize, ToSchema)]
struct SimilarityInputs {
    source_sentence: String,
    /// 1 to 2,048 sentences.
    sentences: Vec<String>,
}

/// As in `/embed`.
#[derive(Debug, Default, Deserialize, ToSchema)]
struct SimilarityParameters {
    #[serde(default)]
    truncate: Option<bool>,
    #[serde(default)]
    truncation_direction: TruncationDirection,
    #[serde(default)]
    prompt_name: Option<String>,
}

/// Cosines, in the order of `sentences`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!([0.42]))]
pub(in crate::http) struct SimilarityAnswer(Vec<f32>);

impl SimilarityBody {
    fn answer(self, app: &App) -> Result<Response, Problem> {
        let parameters = self.parameters.unwrap_or_default();
        let sentences = Inputs::from(self.inputs.sentences);
        let source = Inputs::from(self.inputs.source_sentence);
        let sentences = Call {
            inputs: &sentences,
            field: "inputs.sentences",
            prefix: prefix(parameters.prompt_name.as_deref())?,
            long_text: long_text(app, parameters.truncate),
            lost: parameters.truncation_direction.into(),
        };
        let source = Call {
            inputs: &source,
            field: "inputs.source_sentence",
            ..sentences
        };
        source.check()?;
        sentences.check()?;
        let encoder = default_encoder(app)?;
        let source = source.encode(&encoder)?;
        let encoded = sentences.encode(&encoder)?;
        let source = source.vectors.row(0);
        let cosines = encoded.vectors.rows().map(|row| cosine(row, source));
        let mut response = axum::Json(SimilarityAnswer(cosines.collect())).into_response();
        report(&mut response, &encoded.tokens, &encoded.truncated);
        Ok(response)
    }
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| -> f32 { a.iter().zip(b).map(|(a, b)| a * b).sum() };
    let lengths = (dot(a, a) * dot(b, b)).sqrt();
    if lengths > 0.0 { dot(a, b) / lengths } else { 0.0 }
}

/// How alike sentences are, as TEI's clients ask for it
#[utoipa::path(
    post, path = "/similarity", tag = "Embeddings",
    request_body = SimilarityBody,
    responses(
        (status = 200, body = SimilarityAnswer),
        (status = "4XX", body = ErrorAnswer),
        (status = "5XX", body = ErrorAnswer),
    )
)]
pub(in crate::http) async fn similarity(
    State(app): State<App>,
    Json(body): Json<SimilarityBody>,
) -> Result<Response, Problem> {
    app.run(move |app| body.answer(app)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cosines_do_not_depend_on_lengths() {
        assert_eq!(cosine(&[3.0, 4.0], &[6.0, 8.0]), 1.0);
        assert_eq!(cosine(&[1.0, 0.0], &[0.0, 2.0]), 0.0);
        assert_eq!(cosine(&[1.0, 0.0], &[-2.0, 0.0]), -1.0);
        assert_eq!(cosine(&[0.0, 0.0], &[1.0, 0.0]), 0.0);
    }
}

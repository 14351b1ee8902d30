//! `POST /v1/embeddings`.

use super::error::ErrorAnswer;
use super::models::find;
use crate::http::encoding::{Call, TRUNCATED, positions};
use crate::http::extract::Json;
use crate::http::inputs::{Inputs, InputsSchema};
use crate::http::problem::Problem;
use crate::http::state::App;
use alike_embeddings::{Encoded, LostEnd, Prefix};
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Texts to encode.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"model": "all-minilm-l6-v2", "input": ["red running shoes", "a kettle"]}))]
pub(in crate::http) struct EmbeddingsBody {
    /// One text or up to 2,048, each as a string or as token ids of the model's own tokenizer; none empty.
    #[schema(value_type = InputsSchema)]
    input: Inputs,
    /// A served model: `name`, `name@version`, or its whole identity (`GET /v1/models` lists them).
    #[schema(example = "all-minilm-l6-v2")]
    model: String,
    /// How vectors are written; `base64` is little-endian float32.
    #[serde(default)]
    encoding_format: Option<EncodingFormat>,
    /// The length of the vectors: the model's own or nothing.
    #[serde(default)]
    #[schema(example = 384)]
    dimensions: Option<usize>,
    /// Read and ignored.
    #[serde(default, rename = "user")]
    #[schema(value_type = Option<String>)]
    _user: Option<IgnoredAny>,
    /// Not in OpenAI's protocol: which of the model's own prefixes is put before the texts. None when absent: then give
    /// the texts as the model's makers say.
    #[serde(default)]
    input_type: Option<InputType>,
}

/// How vectors are written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum EncodingFormat {
    #[default]
    Float,
    Base64,
}

/// What the texts are to the model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum InputType {
    Query,
    Document,
}

/// The vectors, in the order of the texts.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct EmbeddingsAnswer {
    #[schema(example = "list")]
    object: &'static str,
    data: Vec<Embedding>,
    /// Identity of the model that made them.
    #[schema(example = "all-minilm-l6-v2@1:0123456789ab")]
    model: String,
    usage: Usage,
}

/// One vector.
#[derive(Debug, Serialize, ToSchema)]
struct Embedding {
    #[schema(example = "embedding")]
    object: &'static str,
    index: usize,
    embedding: Numbers,
}

/// A vector's numbers.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
enum Numbers {
    /// A list.
    Float(Vec<f32>),
    /// Little-endian float32 in base64.
    Base64(String),
}

/// How much the model read.
#[derive(Debug, Serialize, ToSchema)]
struct Usage {
    /// Tokens, special tokens and prefixes included; of a text that was cut, those that were left.
    prompt_tokens: u64,
    /// The same.
    total_tokens: u64,
}

impl Numbers {
    fn new(vector: &[f32], format: EncodingFormat) -> Self {
        match format {
            EncodingFormat::Float => Self::Float(vector.to_vec()),
            EncodingFormat::Base64 => {
                let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
                Self::Base64(STANDARD.encode(bytes))
            }
        }
    }
}

impl EmbeddingsBody {
    fn prefix(&self) -> Prefix {
        match self.input_type {
            Some(InputType::Query) => Prefix::Query,
            Some(InputType::Document) => Prefix::Document,
            None => Prefix::None,
        }
    }

    fn check_dimensions(&self, own: usize) -> Result<(), Problem> {
        match self.dimensions {
            Some(asked) if asked != own => {
                let detail = format!(
                    "dimensions: is {asked}; this model's vectors have {own} dimensions, leave it out or say {own}"
                );
                Err(Problem::invalid(detail).with_field("dimensions"))
            }
            _ => Ok(()),
        }
    }

    fn answer(&self, app: &App) -> Result<Response, Problem> {
        let call = Call {
            inputs: &self.input,
            field: "input",
            prefix: self.prefix(),
            long_text: app.settings().long_text,
            lost: LostEnd::Right,
        };
        call.check()?;
        let encoder = find(app, &self.model)?;
        self.check_dimensions(encoder.dimension())?;
        let encoded = call.encode(&encoder)?;
        let model = encoder.identity().to_string();
        let format = self.encoding_format.unwrap_or_default();
        let mut response = axum::Json(EmbeddingsAnswer::new(&encoded, model, format)).into_response();
        if let Some(positions) = positions(&encoded.truncated) {
            response.headers_mut().insert(TRUNCATED, positions);
        }
        Ok(response)
    }
}

impl EmbeddingsAnswer {
    fn new(encoded: &Encoded, model: String, format: EncodingFormat) -> Self {
        let embedding = |(index, vector)| Embedding {
            object: "embedding",
            index,
            embedding: Numbers::new(vector, format),
        };
        let tokens = encoded.tokens.iter().copied().map(u64::from).sum();
        Self {
            object: "list",
            data: encoded.vectors.rows().enumerate().map(embedding).collect(),
            model,
            usage: Usage {
                prompt_tokens: tokens,
                total_tokens: tokens,
            },
        }
    }
}

/// Texts to vectors, as OpenAI's clients ask for them
///
/// Texts that are longer than the model reads are cut, and their positions named in the header `x-alike-truncated`; with
/// `server.long_text = "refuse"` they are refused instead. Errors have OpenAI's shape.
#[utoipa::path(
    post, path = "/v1/embeddings", tag = "Embeddings",
    request_body = EmbeddingsBody,
    responses(
        (status = 200, body = EmbeddingsAnswer,
            headers(("x-alike-truncated" = Option<String>, description = "Positions of texts that were cut, such as `0,3`"))),
        (status = "4XX", body = ErrorAnswer),
        (status = "5XX", body = ErrorAnswer),
    )
)]
pub(in crate::http) async fn embeddings(
    State(app): State<App>,
    Json(body): Json<EmbeddingsBody>,
) -> Result<Response, Problem> {
    app.run(move |app| body.answer(app)).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_is_little_endian_float32() {
        let Numbers::Base64(text) = Numbers::new(&[1.0, -2.5], EncodingFormat::Base64) else {
            panic!("base64 was asked for")
        };
        assert_eq!(text, "AACAPwAAIMA=");
    }
}

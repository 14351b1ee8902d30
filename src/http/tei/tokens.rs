//! `POST /tokenize` and `POST /decode`.

use super::error::ErrorAnswer;
use super::prefix;
use crate::engine::EngineError;
use crate::http::encoding::default_encoder;
use crate::http::extract::Json;
use crate::http::inputs::{Inputs, InputsSchema};
use crate::http::problem::{Cause, Problem};
use crate::http::state::App;
use alike_embeddings::{Encoder, Input, Prefix, Token};
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Texts to tokenize.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"inputs": "red running shoes"}))]
pub(in crate::http) struct TokenizeBody {
    /// One text or several, as strings.
    #[schema(value_type = InputsSchema)]
    inputs: Inputs,
    /// With those that the model expects around every text.
    #[serde(default = "yes")]
    #[schema(default = true)]
    add_special_tokens: bool,
    /// `query` or `document`: which of the model's prefixes is put before the texts; none when absent.
    #[serde(default)]
    prompt_name: Option<String>,
}

fn yes() -> bool {
    true
}

/// Most tokens of an answer.
const MAX_TOKENS: usize = 500_000;

/// The tokens of each text, uncut.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct TokenizeAnswer(Vec<Vec<SimpleToken>>);

/// One token.
#[derive(Debug, Serialize, ToSchema)]
struct SimpleToken {
    #[schema(example = 2417)]
    id: u32,
    /// The part of the text that it stands for; its name where it stands for none.
    #[schema(example = "red")]
    text: String,
    special: bool,
    /// First character of that part, prefix included; null for special tokens.
    #[schema(example = 0)]
    start: Option<usize>,
    /// The character after it.
    #[schema(example = 3)]
    stop: Option<usize>,
}

impl From<Token> for SimpleToken {
    fn from(token: Token) -> Self {
        Self {
            id: token.id,
            text: token.text,
            special: token.special,
            start: token.span.as_ref().map(|span| span.start),
            stop: token.span.map(|span| span.end),
        }
    }
}

impl TokenizeBody {
    fn answer(&self, app: &App) -> Result<TokenizeAnswer, Problem> {
        let prefix = prefix(self.prompt_name.as_deref())?;
        let encoder = default_encoder(app)?;
        let texts = self.inputs.texts();
        let (mut lists, mut count) = (Vec::new(), 0);
        for (position, text) in texts.iter().enumerate() {
            let tokens = self.tokens(&encoder, position, *text, prefix)?;
            count += tokens.len();
            if count > MAX_TOKENS {
                let detail = format!("inputs: have more than {MAX_TOKENS} tokens; send them in parts");
                return Err(Problem::invalid(detail).with_field("inputs"));
            }
            lists.push(tokens);
        }
        Ok(TokenizeAnswer(lists))
    }

    fn tokens(
        &self,
        encoder: &Encoder,
        position: usize,
        text: Input<'_>,
        prefix: Prefix,
    ) -> Result<Vec<SimpleToken>, Problem> {
        let name = self.inputs.name("inputs", position);
        let Input::Text(text) = text else {
            let detail = format!("{name}: is a list of token ids, a string is expected");
            return Err(Problem::invalid(detail).with_field(name).with_cause(Cause::Value));
        };
        let tokens = encoder
            .tokenize(text, prefix, self.add_special_tokens)
            .map_err(|error| Problem::from(EngineError::from(error)).with_field(name))?;
        Ok(tokens.into_iter().map(SimpleToken::from).collect())
    }
}

/// Token ids to turn into text.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(example = json!({"ids": [2417, 2770, 6007]}))]
pub(in crate::http) struct DecodeBody {
    /// One list of token ids or several.
    #[schema(value_type = InputsSchema)]
    ids: Inputs,
    /// Without those that the model expects around every text.
    #[serde(default = "yes")]
    #[schema(default = true)]
    skip_special_tokens: bool,
}

/// The texts.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct DecodeAnswer(Vec<String>);

impl DecodeBody {
    fn answer(&self, app: &App) -> Result<DecodeAnswer, Problem> {
        let encoder = default_encoder(app)?;
        let lists = self.ids.texts();
        let texts = lists.iter().enumerate().map(|(position, ids)| {
            let name = self.ids.name("ids", position);
            let Input::Tokens(ids) = ids else {
                let detail = format!("{name}: is a string, a list of token ids is expected");
                return Err(Problem::invalid(detail).with_field(name).with_cause(Cause::Value));
            };
            let text = encoder.decode(ids, self.skip_special_tokens);
            text.map_err(|error| Problem::from(EngineError::from(error)).with_field(name))
        });
        Ok(DecodeAnswer(texts.collect::<Result<_, _>>()?))
    }
}

/// The tokens of texts, as TEI's clients ask for them
#[utoipa::path(
    post, path = "/tokenize", tag = "Embeddings",
    request_body = TokenizeBody,
    responses(
        (status = 200, body = TokenizeAnswer),
        (status = "4XX", body = ErrorAnswer),
        (status = "5XX", body = ErrorAnswer),
    )
)]
pub(in crate::http) async fn tokenize(
    State(app): State<App>,
    Json(body): Json<TokenizeBody>,
) -> Result<axum::Json<TokenizeAnswer>, Problem> {
    app.run(move |app| body.answer(app).map(axum::Json)).await
}

/// The texts of tokens, as TEI's clients ask for them
#[utoipa::path(
    post, path = "/decode", tag = "Embeddings",
    request_body = DecodeBody,
    responses(
        (status = 200, body = DecodeAnswer),
        (status = "4XX", body = ErrorAnswer),
        (status = "5XX", body = ErrorAnswer),
    )
)]
pub(in crate::http) async fn decode(
    State(app): State<App>,
    Json(body): Json<DecodeBody>,
) -> Result<axum::Json<DecodeAnswer>, Problem> {
    app.run(move |app| body.answer(app).map(axum::Json)).await
}

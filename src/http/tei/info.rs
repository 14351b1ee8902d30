//! `GET /info` and `GET /health`.

use super::error::ErrorAnswer;
use crate::config::LongText;
use crate::engine::cores;
use crate::http::encoding::{MAX_TEXTS, default_encoder};
use crate::http::problem::Problem;
use crate::http::state::App;
use alike_embeddings::{ModelIdentity, ModelSettings};
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// The model and the limits.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Info {
    /// Name and version of the embedding model; of the reranker where there is no embedding model.
    #[schema(example = "all-minilm-l6-v2@1")]
    model_id: String,
    /// Digest of the bundle's content.
    model_sha: Option<String>,
    /// Numbers the model computes with.
    #[schema(example = "float32")]
    model_dtype: &'static str,
    model_type: ModelType,
    /// `server.max_in_flight`.
    max_concurrent_requests: usize,
    /// Most tokens of a text.
    #[schema(example = 256)]
    max_input_length: usize,
    /// Most tokens that the model reads at once.
    max_batch_tokens: usize,
    /// Always null: batches are limited by tokens alone.
    max_batch_requests: Option<usize>,
    /// Most texts of a call.
    #[schema(example = 2048)]
    max_client_batch_size: usize,
    /// Whether texts that are too long are cut when `truncate` is absent (`server.long_text`).
    auto_truncate: bool,
    /// Threads that tokenize.
    tokenization_workers: usize,
    /// Version of this service.
    #[schema(example = "0.1.0")]
    version: &'static str,
    /// Always null.
    sha: Option<String>,
    /// Always null.
    docker_label: Option<String>,
    /// Name and version of the model that answers `/rerank`, or null. Not in TEI's protocol.
    reranker: Option<String>,
}

/// What the model does.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum ModelType {
    Embedding {
        /// How token states become a vector; `none` where the graph does it.
        #[schema(example = "mean")]
        pooling: String,
    },
    Reranker {
        id2label: BTreeMap<String, String>,
        label2id: BTreeMap<String, usize>,
    },
}

/// A model, as far as `/info` describes it.
struct Described<'a> {
    identity: &'a ModelIdentity,
    model: &'a ModelSettings,
    dtype: &'static str,
    batch_tokens: usize,
    model_type: ModelType,
}

impl Info {
    fn new(app: &App, described: Described<'_>) -> Self {
        let name = |identity: &ModelIdentity| format!("{}@{}", identity.name, identity.version);
        Self {
            model_id: name(described.identity),
            model_sha: Some(described.identity.digest.clone()),
            model_dtype: described.dtype,
            model_type: described.model_type,
            max_concurrent_requests: app.settings().max_in_flight,
            max_input_length: described.model.max_tokens,
            max_batch_tokens: described.batch_tokens,
            max_batch_requests: None,
            max_client_batch_size: MAX_TEXTS,
            auto_truncate: app.settings().long_text == LongText::Truncate,
            tokenization_workers: cores(),
            version: env!("CARGO_PKG_VERSION"),
            sha: None,
            docker_label: None,
            reranker: app
                .engine()
                .reranker()
                .ok()
                .map(|reranker| name(reranker.identity())),
        }
    }

    fn of(app: &App) -> Result<Self, Problem> {
        let encoder = match default_encoder(app) {
            Ok(encoder) => encoder,
            Err(problem) => return Self::of_reranker(app).ok_or(problem),
        };
        let model = encoder.model();
        let described = Described {
            identity: encoder.identity(),
            model,
            dtype: dtype(encoder.state().variant),
            batch_tokens: encoder.batch_tokens(),
            model_type: ModelType::Embedding {
                pooling: format!("{:?}", model.pooling).to_lowercase(),
            },
        };
        Ok(Self::new(app, described))
    }

    fn of_reranker(app: &App) -> Option<Self> {
        let reranker = app.engine().reranker().ok()?;
        let label = "LABEL_0".to_owned();
        let described = Described {
            identity: reranker.identity(),
            model: reranker.model(),
            dtype: dtype(reranker.variant()),
            batch_tokens: reranker.batch_tokens(),
            model_type: ModelType::Reranker {
                id2label: BTreeMap::from([("0".to_owned(), label.clone())]),
                label2id: BTreeMap::from([(label, 0)]),
            },
        };
        Some(Self::new(app, described))
    }
}

fn dtype(variant: alike_embeddings::Variant) -> &'static str {
    match variant {
        alike_embeddings::Variant::Plain => "float32",
        alike_embeddings::Variant::Int8 => "int8",
    }
}

/// The model and the limits, as TEI's clients ask for them
#[utoipa::path(
    get, path = "/info", tag = "Embeddings",
    responses((status = 200, body = Info), (status = "5XX", body = ErrorAnswer))
)]
pub(in crate::http) async fn info(State(app): State<App>) -> Result<Json<Info>, Problem> {
    app.run(|app| Info::of(app).map(Json)).await
}

/// Can a model answer?
///
/// TEI's probe: of the models alone, not of the collections (`/readyz`).
#[utoipa::path(
    get, path = "/health", tag = "Operations",
    responses((status = 200), (status = 503, body = ErrorAnswer))
)]
pub(in crate::http) async fn health(State(app): State<App>) -> Result<(), Problem> {
    if app.draining() {
        return Err(Problem::unavailable("the server is draining before it stops"));
    }
    app.run(|app| match (default_encoder(app), app.engine().reranker()) {
        (Err(problem), Err(_)) => Err(problem),
        _ => Ok(()),
    })
    .await
}

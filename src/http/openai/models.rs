//! `GET /v1/models` and `GET /v1/models/{model}`.

use super::error::ErrorAnswer;
use crate::http::extract::Path;
use crate::http::problem::{Cause, Problem};
use crate::http::state::App;
use alike_embeddings::{Encoder, ModelIdentity};
use axum::Json;
use axum::extract::State;
use serde::Serialize;
use std::sync::Arc;
use utoipa::ToSchema;

/// The models that are loaded.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct ModelList {
    #[schema(example = "list")]
    object: &'static str,
    data: Vec<Model>,
}

/// A model.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::http) struct Model {
    /// Name and version; the name alone and the whole identity are understood too.
    #[schema(example = "all-minilm-l6-v2@1")]
    id: String,
    #[schema(example = "model")]
    object: &'static str,
    /// Always 0: a model bundle does not say when it was made.
    created: u64,
    #[schema(example = "alike")]
    owned_by: &'static str,
    /// Digest of the bundle's content. Not in OpenAI's protocol.
    digest: String,
    /// Numbers per vector. Not in OpenAI's protocol.
    #[schema(example = 384)]
    dimension: usize,
    /// Most tokens of a text. Not in OpenAI's protocol.
    #[schema(example = 256)]
    max_tokens: usize,
}

impl Model {
    fn new(encoder: &Encoder) -> Self {
        let identity = encoder.identity();
        Self {
            id: with_version(identity),
            object: "model",
            created: 0,
            owned_by: "alike",
            digest: identity.digest.clone(),
            dimension: encoder.dimension(),
            max_tokens: encoder.model().max_tokens,
        }
    }
}

fn with_version(identity: &ModelIdentity) -> String {
    format!("{}@{}", identity.name, identity.version)
}

/// Whether a caller who says `name` means this model.
fn answers_to(identity: &ModelIdentity, name: &str) -> bool {
    let short = with_version(identity);
    name == identity.name
        || name == short
        || name == identity.to_string()
        || name.strip_prefix(&short).and_then(|rest| rest.strip_prefix(':')) == Some(&identity.digest)
}

/// The one served model of that name. No other name stands for it: vectors of another model than the caller means would
/// be of no use to him.
pub(super) fn find(app: &App, name: &str) -> Result<Arc<Encoder>, Problem> {
    let served = app.engine().encoders()?;
    let meant = |encoder: &&Arc<Encoder>| answers_to(encoder.identity(), name);
    let mut found = served.iter().filter(meant);
    match (found.next(), found.next()) {
        (Some(encoder), None) => Ok(Arc::clone(encoder)),
        (first, _) => Err(not_found(name, &served, first.is_some())),
    }
}

fn not_found(name: &str, served: &[Arc<Encoder>], ambiguous: bool) -> Problem {
    let served: Vec<String> = served
        .iter()
        .map(|encoder| encoder.identity().to_string())
        .collect();
    let name: String = name.chars().take(80).collect();
    let what = if ambiguous {
        "is more than one model"
    } else {
        "is not served here"
    };
    let detail = format!("model: {name:?} {what}; served: {}", served.join(", "));
    Problem::not_found(detail)
        .with_field("model")
        .with_cause(Cause::NoModel)
}

/// List the models that are loaded
#[utoipa::path(
    get, path = "/v1/models", tag = "Embeddings",
    responses(
        (status = 200, body = ModelList),
        (status = "5XX", body = ErrorAnswer),
    )
)]
pub(in crate::http) async fn list(State(app): State<App>) -> Result<Json<ModelList>, Problem> {
    app.run(|app| {
        let encoders = app.engine().encoders()?;
        let data = encoders.iter().map(|encoder| Model::new(encoder)).collect();
        Ok(Json(ModelList { object: "list", data }))
    })
    .await
}

/// Describe a model
#[utoipa::path(
    get, path = "/v1/models/{model}", tag = "Embeddings",
    params(("model" = String, Path, description = "`name`, `name@version`, or its whole identity")),
    responses(
        (status = 200, body = Model),
        (status = "4XX", body = ErrorAnswer),
        (status = "5XX", body = ErrorAnswer),
    )
)]
pub(in crate::http) async fn describe(
    State(app): State<App>,
    Path(model): Path<String>,
) -> Result<Json<Model>, Problem> {
    app.run(move |app| Ok(Json(Model::new(&*find(app, &model)?))))
        .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_model_answers_to_its_own_names_only() {
        let digest = "0123456789abcdef".repeat(4);
        let identity = ModelIdentity {
            name: "tiny".to_owned(),
            version: "1".to_owned(),
            digest: digest.clone(),
        };
        let whole = format!("tiny@1:{digest}");
        for name in ["tiny", "tiny@1", "tiny@1:0123456789ab", &whole] {
            assert!(answers_to(&identity, name), "{name}");
        }
        for name in [
            "",
            "tin",
            "Tiny",
            "tiny@",
            "tiny@2",
            "tiny@1:",
            "tiny@1:0123",
            "text-embedding-3-small",
        ] {
            assert!(!answers_to(&identity, name), "{name}");
        }
    }
}

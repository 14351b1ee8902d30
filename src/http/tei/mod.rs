//! The protocol of Hugging Face's text-embeddings-inference (TEI), for its clients unchanged: `/embed`, `/rerank`,
//! `/similarity`, `/tokenize`, `/decode`, `/info`, `/health`. Fields that it does not know are ignored, as there.

mod embed;
mod error;
mod info;
mod rerank;
mod similarity;
mod tokens;

pub(super) use embed::*;
pub(super) use error::{ErrorAnswer, status};
pub(super) use info::*;
pub(super) use rerank::*;
pub(super) use similarity::*;
pub(super) use tokens::*;

use crate::config::LongText;
use crate::http::problem::Problem;
use crate::http::state::App;
use alike_embeddings::{LostEnd, Prefix};
use serde::Deserialize;
use utoipa::ToSchema;

/// Paths whose errors have TEI's shape: those of this module, and those of TEI's that this service does not have.
pub(super) const ROUTES: [&str; 10] = [
    "/embed",
    "/rerank",
    "/similarity",
    "/tokenize",
    "/decode",
    "/info",
    "/health",
    "/embed_all",
    "/embed_sparse",
    "/predict",
];

/// Which end of a text that is too long is lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
enum TruncationDirection {
    #[serde(alias = "left")]
    Left,
    #[default]
    #[serde(alias = "right")]
    Right,
}

impl From<TruncationDirection> for LostEnd {
    fn from(direction: TruncationDirection) -> Self {
        match direction {
            TruncationDirection::Left => Self::Left,
            TruncationDirection::Right => Self::Right,
        }
    }
}

/// What `truncate` asks for; the service's own setting where it is absent.
fn long_text(app: &App, truncate: Option<bool>) -> LongText {
    match truncate {
        Some(true) => LongText::Truncate,
        Some(false) => LongText::Refuse,
        None => app.settings().long_text,
    }
}

/// The prefix that a `prompt_name` stands for.
fn prefix(name: Option<&str>) -> Result<Prefix, Problem> {
    match name {
        None => Ok(Prefix::None),
        Some("query") => Ok(Prefix::Query),
        Some("document" | "passage") => Ok(Prefix::Document),
        Some(other) => {
            let other: String = other.chars().take(80).collect();
            let detail =
                format!("prompt_name: there is no prompt {other:?}; there are `query` and `document`");
            Err(Problem::invalid(detail).with_field("prompt_name"))
        }
    }
}

//! OpenAI's embeddings protocol: `/v1/embeddings` and `/v1/models`, for its clients unchanged.

mod embeddings;
mod error;
mod models;

pub(super) use embeddings::*;
pub(super) use error::ErrorAnswer;
pub(super) use models::*;

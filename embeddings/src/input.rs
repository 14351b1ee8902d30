//! What is asked of an encoder, and what it answers.

use std::sync::Arc;
use std::time::Duration;

use crate::tokenizer::Tokens;
use crate::{Device, Embeddings, ModelSettings, Variant};

/// One text to encode.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Input<'a> {
    /// The text itself.
    Text(&'a str),
    /// Ids of the model's vocabulary. The special tokens that the tokenizer puts around every text are added where they
    /// are not there yet.
    Tokens(&'a [u32]),
}

/// What the model wants before a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Prefix {
    /// `query_prefix` of `model.toml`.
    Query,
    /// `document_prefix` of `model.toml`.
    Document,
    /// Nothing.
    None,
}

impl ModelSettings {
    /// What is put before a text.
    pub(crate) fn prefix(&self, prefix: Prefix) -> &str {
        match prefix {
            Prefix::Query => &self.query_prefix,
            Prefix::Document => &self.document_prefix,
            Prefix::None => "",
        }
    }
}

/// Whose work it is: queries go first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    /// Texts that someone waits for.
    Queries,
    /// Texts in bulk.
    Documents,
}

/// A query as the model reads it: equal for texts that the model can't tell apart (other capitals, other spaces, more words
/// than it reads, as far as its tokenizer has it so).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct QueryTokens(pub(crate) Arc<Tokens>);

impl QueryTokens {
    /// Bytes of memory that it takes, about.
    pub fn bytes(&self) -> usize {
        size_of::<Tokens>() + 2 * size_of::<u32>() * self.0.len()
    }
}

/// The vectors of one call.
#[derive(Debug, Clone, PartialEq)]
pub struct Encoded {
    /// One row per input, in input order.
    pub vectors: Embeddings,
    /// Tokens of each input that the model read, special tokens and prefix included.
    pub tokens: Vec<u32>,
    /// Whether each input was longer than the model reads, and was cut.
    pub truncated: Vec<bool>,
}

/// How an encoder runs and what it has done.
#[derive(Debug, Clone, PartialEq)]
pub struct EncoderState {
    /// The graph that runs.
    pub variant: Variant,
    /// Where it runs; never [`Device::Auto`].
    pub device: Device,
    /// Why the device that was asked for is not in use.
    pub device_fallback: Option<String>,
    /// The instruction set of this crate's own kernels; `None` where the graph needs none of them.
    pub kernel_level: Option<&'static str>,
    /// The lane of queries.
    pub queries: LaneState,
    /// The lane of documents.
    pub documents: LaneState,
}

/// What one lane has done since the encoder was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LaneState {
    /// Batches that ran.
    pub batches: u64,
    /// Texts in them.
    pub texts: u64,
    /// Tokens in them, without padding.
    pub tokens: u64,
    /// Calls (or parts of large ones) that had to wait for a session.
    pub waits: u64,
    /// How long they waited together.
    pub waited: Duration,
    /// Calls that were refused with [`Overloaded`](crate::EmbeddingError::Overloaded).
    pub overloads: u64,
    /// Tokens that wait now.
    pub waiting_tokens: usize,
}

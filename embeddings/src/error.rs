//! What can go wrong between a text and its vector, each with what was found, what was expected and what to do.

use std::path::PathBuf;

/// Result of this crate's calls.
pub type Result<T, E = EmbeddingError> = std::result::Result<T, E>;

/// Why a model could not be opened or a text could not be encoded.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EmbeddingError {
    /// The ONNX Runtime library is missing, is not one, or is too old.
    #[error(
        "ONNX Runtime library {}: {reason}; run scripts/setup, or name a libonnxruntime file of version 1.{} or newer",
        path.display(),
        ort::MINOR_VERSION
    )]
    Library {
        /// The file that was asked for.
        path: PathBuf,
        /// What the loader said.
        reason: String,
    },

    /// A second library was asked for in a process that already runs on another.
    #[error(
        "ONNX Runtime is already loaded from {}; {} can't replace it in this process: restart with one library",
        loaded.display(),
        requested.display()
    )]
    LibraryConflict {
        /// The library in use.
        loaded: PathBuf,
        /// The library asked for now.
        requested: PathBuf,
    },

    /// An encoder was opened before [`initialize`](crate::initialize).
    #[error("ONNX Runtime is not loaded: call alike_embeddings::initialize with its library first")]
    NotInitialized,

    /// A file of the model bundle is absent.
    #[error(
        "model bundle: {} is missing; a bundle is a folder with model.onnx, tokenizer.json and model.toml (scripts/setup makes one)",
        path.display()
    )]
    MissingFile {
        /// The absent file.
        path: PathBuf,
    },

    /// A file of the model bundle can't be read.
    #[error("model bundle: can't read {}: {source}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },

    /// `model.toml` is not TOML, lacks a key, has an unknown one, or one of the wrong type.
    #[error("{}: {reason}", path.display())]
    SettingsSyntax {
        /// The settings file.
        path: PathBuf,
        /// The parser's message, with line and column.
        reason: String,
    },

    /// A value in `model.toml` or in [`EncoderSettings`](crate::EncoderSettings) is out of range.
    #[error("{origin}: {field} is {found}; expected {expected}")]
    Setting {
        /// The settings file, or the settings type.
        origin: String,
        /// Key.
        field: &'static str,
        /// Value found.
        found: String,
        /// What is acceptable.
        expected: String,
    },

    /// `tokenizer.json` is damaged or of an unknown kind.
    #[error("tokenizer {}: {reason}; restore the file (scripts/setup)", path.display())]
    Tokenizer {
        /// The tokenizer file.
        path: PathBuf,
        /// What the tokenizer library said.
        reason: String,
    },

    /// ONNX Runtime refuses `model.onnx`: damaged, or of an unknown operator set.
    #[error("model {}: {reason}; restore the file (scripts/setup)", path.display())]
    Model {
        /// The graph file.
        path: PathBuf,
        /// What ONNX Runtime said.
        reason: String,
    },

    /// The graph's inputs or outputs are not those of a sentence encoder with these settings.
    #[error("model {}: {what} is {found}; expected {expected}", path.display())]
    Graph {
        /// The graph file.
        path: PathBuf,
        /// Which part of the graph's interface.
        what: String,
        /// What the graph has.
        found: String,
        /// What this crate can drive, or what `model.toml` says.
        expected: String,
    },

    /// The graph's vectors are not as long as `model.toml` says.
    #[error(
        "model {}: output `{output}` has dimension {found}, but model.toml says dimension = {declared}",
        path.display()
    )]
    Dimension {
        /// The graph file.
        path: PathBuf,
        /// Name of the graph's output.
        output: String,
        /// What `model.toml` says.
        declared: usize,
        /// What the graph answered.
        found: usize,
    },

    /// No faster variant can be made of a model.
    #[error("model {}: it can't be optimized: {reason}; keep using model.onnx as it is", path.display())]
    Optimize {
        /// The graph file.
        path: PathBuf,
        /// Which part of the graph is not that of a BERT-family encoder, or which answers differ too much.
        reason: String,
    },

    /// No graph can be made from a folder's `config.json` and `model.safetensors`.
    #[error("{}: {reason}; export the model to ONNX with the tools of its framework instead", path.display())]
    Weights {
        /// The file that says something unexpected.
        path: PathBuf,
        /// What it says and what would be expected.
        reason: String,
    },

    /// A text can't be tokenized.
    #[error("text {text}: the tokenizer failed: {reason}")]
    Tokenize {
        /// Position of the text in the call's input.
        text: usize,
        /// What the tokenizer library said.
        reason: String,
    },

    /// ONNX Runtime failed on a batch.
    #[error("model {}: running the graph on {texts} texts × {tokens} tokens failed: {reason}", path.display())]
    Run {
        /// The graph file.
        path: PathBuf,
        /// Texts in the batch.
        texts: usize,
        /// Tokens per text, padding included.
        tokens: usize,
        /// What ONNX Runtime said.
        reason: String,
    },

    /// The model answered with NaN or infinity, or with a zero vector that can't be normalized.
    #[error(
        "text {text}: the model's vector has no usable direction (NaN, infinite, or zero); the model is damaged or overflows"
    )]
    NotFinite {
        /// Position of the text in the call's input.
        text: usize,
    },

    /// More work waits already than [`queue_tokens`](crate::EncoderSettings::queue_tokens) admits. Nothing was encoded:
    /// try again later.
    #[error("the encoder's queue is full: {waiting} tokens wait, at most {limit} may; try again later")]
    Overloaded {
        /// Tokens that wait, those of this call included.
        waiting: usize,
        /// Most that may wait.
        limit: usize,
    },

    /// A token id is not in the model's vocabulary.
    #[error("text {text}: token id {id} is not in the model's vocabulary, which has ids 0 to {}", vocabulary.saturating_sub(1))]
    TokenId {
        /// Position of the text in the call's input.
        text: usize,
        /// The id.
        id: u32,
        /// Size of the vocabulary.
        vocabulary: usize,
    },

    /// The device that is required can't run the model.
    #[error(
        "device {device} can't run the model: {reason}; make it work, or choose device \"cpu\", or do without require_device"
    )]
    Device {
        /// The device, such as `cuda:0`.
        device: String,
        /// What is in the way.
        reason: String,
    },

    /// A loaded graph answers one of the bundle's golden texts with another vector than `model.toml` has.
    #[error(
        "model {}: the vector of the golden text {text:?} has cosine {cosine:.6} to the one in model.toml, at least {bound} is needed; \
         this file, this ONNX Runtime or this processor computes something else: restore the file, or take another variant",
        path.display()
    )]
    Golden {
        /// The graph file.
        path: PathBuf,
        /// The text.
        text: String,
        /// Cosine found.
        cosine: f64,
        /// Least cosine that passes.
        bound: f64,
    },

    /// A loaded graph of a reranker scores one of the bundle's golden pairs otherwise than `model.toml` says.
    #[error(
        "model {}: the golden pair {query:?} and {text:?} scores {found}, but {expected} in model.toml; \
         this file, this ONNX Runtime or this processor computes something else: restore the file, or take another variant",
        path.display()
    )]
    GoldenScore {
        /// The graph file.
        path: PathBuf,
        /// The query.
        query: String,
        /// The text.
        text: String,
        /// Score found.
        found: f32,
        /// Score in `model.toml`.
        expected: f32,
    },

    /// A variant of the model is missing or does not belong to the bundle.
    #[error("model variant {}: {reason}; run `alike model optimize` on the bundle's folder, or remove the file", path.display())]
    Variant {
        /// The variant's graph file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}

impl EmbeddingError {
    /// The same error, its text's position mapped from a part of the input to the whole.
    #[must_use]
    pub fn at(self, position: impl Fn(usize) -> usize) -> Self {
        match self {
            Self::NotFinite { text } => Self::NotFinite { text: position(text) },
            Self::Tokenize { text, reason } => Self::Tokenize {
                text: position(text),
                reason,
            },
            Self::TokenId { text, id, vocabulary } => Self::TokenId {
                text: position(text),
                id,
                vocabulary,
            },
            other => other,
        }
    }
}

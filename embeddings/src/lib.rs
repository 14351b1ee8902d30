//! Texts in, vectors out: ONNX sentence encoders on the CPU, synchronous, for one query or a whole catalog.
//!
//! The way of a text, one module per step:
//!
//! 1. [`ModelBundle::open`] (`bundle`) reads a model's folder: its settings, and its identity from its content.
//! 2. [`initialize`] (`runtime`) loads the ONNX Runtime library, once per process.
//! 3. [`Encoder::open`] (`encoder`) loads the tokenizer (`tokenizer`) and sessions (`session`) on the device that was asked
//!    for (`device`), and proves on probe texts that the graph answers as the settings say.
//! 4. A text becomes token ids (`tokenizer`). Callers share sessions and batches in two lanes (`lanes`; what waits and who
//!    is next: `queue`); calls with many texts are planned by length first (`bulk`, `batch`).
//! 5. A session runs the graph (`session`), token states become one vector per text (`pooling`), and rows return in input
//!    order.
//!
//! This crate knows nothing of indexes, items, HTTP or async runtimes.
//!
//! ```no_run
//! use std::path::Path;
//! use alike_embeddings::{Encoder, EncoderSettings, ModelBundle, initialize};
//!
//! initialize(Path::new(".alike/lib/libonnxruntime.so.1.31.1"))?;
//! let bundle = ModelBundle::open(Path::new(".alike/models/all-minilm-l6-v2"))?;
//! let encoder = Encoder::open(&bundle, EncoderSettings::for_bulk(2))?;
//! let vectors = encoder.encode_documents(&["red running shoes", "a kettle"])?;
//! assert_eq!(vectors.row(1).len(), encoder.dimension());
//! # Ok::<(), alike_embeddings::EmbeddingError>(())
//! ```

mod batch;
mod bulk;
mod bundle;
mod device;
mod embeddings;
mod encoder;
mod error;
mod golden;
mod input;
mod lanes;
mod onnx;
mod operator;
mod optimize;
mod pooling;
mod queue;
mod runtime;
mod session;
mod settings;
mod tokenizer;
mod transformer;

pub use bundle::{ModelBundle, ModelIdentity, ModelSettings, Task};
pub use embeddings::Embeddings;
pub use encoder::Encoder;
pub use error::{EmbeddingError, Result};
pub use golden::Golden;
pub use input::{Encoded, EncoderState, Input, Lane, LaneState, Prefix, QueryTokens};
pub use onnx::author::{GraphHead, author_graph};
pub use optimize::{OptimizeOptions, OptimizeReport, optimize};
pub use pooling::Pooling;
pub use runtime::initialize;
pub use settings::{Device, EncoderSettings, LaneSettings, Variant};

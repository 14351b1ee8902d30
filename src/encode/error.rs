//! Why texts were not encoded.

use super::{Order, Source};
use crate::catalog::{CatalogError, RowError};
use crate::engine::EngineError;
use crate::schema::SchemaError;
use alike_embeddings::EmbeddingError;
use std::fs;
use std::path::PathBuf;

/// A run that wrote no array.
#[derive(Debug, thiserror::Error)]
pub enum EncodeError {
    /// The input can't be read.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The input lacks a field.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// A row has no text. Rows are not left out: row `i` of the array is row `i` of the input.
    #[error("{input}: {error}")]
    Row {
        /// The input.
        input: String,
        /// The row and its trouble.
        error: RowError,
    },
    /// Rows have fields, and none was named.
    #[error("{input}: name what to encode with --field NAME; it has {}", found.join(", "))]
    NoField {
        /// The input.
        input: String,
        /// Its fields.
        found: Vec<String>,
    },
    /// A field was named, and lines have none.
    #[error(
        "--field {fields}: {input} is read as plain text, one text per line; leave --field out, or give the file the ending of its format (.jsonl, .json, .csv, .tsv, .parquet)"
    )]
    PlainText {
        /// The input.
        input: String,
        /// The fields named.
        fields: String,
    },
    /// Field names that make no sense by themselves.
    #[error("--field {reason}")]
    FieldName {
        /// What is wrong with them.
        reason: String,
    },
    /// The model is missing or refused.
    #[error(transparent)]
    Model(#[from] EngineError),
    /// The encoder can't be opened.
    #[error(transparent)]
    Encoder(#[from] EmbeddingError),
    /// Texts can't be encoded.
    #[error("{input}: among the texts from line {line} on: {source}")]
    Text {
        /// The input.
        input: String,
        /// The line of the chunk's first text; positions count from it.
        line: u64,
        /// Why.
        source: Box<EmbeddingError>,
    },
    /// The file to write can't be one.
    #[error("--out {}: {reason}", path.display())]
    BadOut {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// Writing failed.
    #[error("{}: cannot {action}: {source}", path.display())]
    Out {
        /// The file.
        path: PathBuf,
        /// What was being done.
        action: &'static str,
        /// The system's own error.
        source: std::io::Error,
    },
    /// Another run writes the same file.
    #[error("{} is being written by another run; wait for it or stop it", path.display())]
    Busy {
        /// The partial file.
        path: PathBuf,
    },
    /// Standard input differs from what an interrupted run has read, and can't be read again.
    #[error(
        "standard input does not start with the {rows} texts of the interrupted run; start over with --restart"
    )]
    OtherStdin {
        /// Texts that the interrupted run has encoded.
        rows: u64,
    },
    /// A signal asked to stop.
    #[error("stopped by a signal; the file is not whole yet")]
    Interrupted,
}

/// Finds out before the work starts whether the file can be written.
pub(super) fn check_out(order: &Order) -> Result<(), EncodeError> {
    let refused = |reason| {
        let path = order.out.clone();
        Err(EncodeError::BadOut { path, reason })
    };
    if order.out.file_name().is_none() || order.out.is_dir() {
        return refused("is a folder; name a file in it");
    }
    if !super::partial::folder_of(&order.out).is_dir() {
        return refused("its folder does not exist; make it first");
    }
    if let Source::File(input) = &order.input
        && let (Ok(input), Ok(out)) = (fs::canonicalize(input), fs::canonicalize(&order.out))
        && input == out
    {
        return refused("is the input itself; name another file");
    }
    Ok(())
}

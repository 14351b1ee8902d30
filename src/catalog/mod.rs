//! Reads a catalog file row by row: JSON lines, CSV or Parquet, each also `.gz` or `.zst`.

use serde_json::{Map, Value};

/// One row as the file has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// The 1-based line it starts on (JSON lines, CSV) or its 1-based row number (Parquet).
    pub line: u64,
    /// The row's fields.
    pub fields: Map<String, Value>,
}

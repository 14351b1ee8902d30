//! Manifests of format version 1, as the first builds wrote them: read only. Types that later versions share (schema, model,
//! files) must not change without a version of their own; `tests/it/older.rs` opens a snapshot of that time.

use super::manifest::{BuildFacts, FileEntry, Manifest as Current, ModelRef, RecallPoint};
use crate::schema::Schema;
use rkyv::{Archive, Deserialize, Serialize};

/// As the manifest of today, but for `build`.
#[derive(Archive, Serialize, Deserialize)]
pub(super) struct Manifest {
    format_version: u32,
    alike_version: String,
    collection: String,
    created_ms: i64,
    rows: u64,
    schema: Schema,
    model: Option<ModelRef>,
    metric: String,
    dimension: u64,
    index: String,
    document_fields: Vec<String>,
    build: Facts,
    files: Vec<FileEntry>,
}

/// A walk was limited by its beam only, and distances were not counted.
#[derive(Archive, Serialize, Deserialize)]
struct Facts {
    input: String,
    rows_read: u64,
    rows_rejected: u64,
    m: u64,
    ef_construction: u64,
    held_out: u64,
    recall: Vec<Point>,
    recall_target: f32,
    beam: u64,
    recall_at_10: Option<f32>,
    encode_seconds: f64,
    index_seconds: f64,
}

#[derive(Archive, Serialize, Deserialize)]
struct Point {
    beam: u64,
    recall: f32,
}

impl From<Manifest> for Current {
    fn from(old: Manifest) -> Self {
        Self {
            format_version: old.format_version,
            alike_version: old.alike_version,
            collection: old.collection,
            created_ms: old.created_ms,
            rows: old.rows,
            log_position: 0,
            parent: None,
            schema: old.schema,
            model: old.model,
            metric: old.metric,
            dimension: old.dimension,
            index: old.index,
            document_fields: old.document_fields,
            build: old.build.into(),
            files: old.files,
        }
    }
}

/// What the manifest did not say yet is filled in from the index file when the snapshot is opened.
impl From<Facts> for BuildFacts {
    fn from(old: Facts) -> Self {
        Self {
            input: old.input,
            rows_read: old.rows_read,
            rows_rejected: old.rows_rejected,
            m: old.m,
            ef_construction: old.ef_construction,
            code_bits: None,
            held_out: old.held_out,
            recall_target: old.recall_target,
            recall_at_10: old.recall_at_10,
            targets: Vec::new(),
            calibration: old.recall.into_iter().map(RecallPoint::from).collect(),
            encode_seconds: old.encode_seconds,
            index_seconds: old.index_seconds,
        }
    }
}

impl From<Point> for RecallPoint {
    fn from(old: Point) -> Self {
        Self {
            beam: old.beam,
            slack: None,
            recall: old.recall,
            distances: None,
        }
    }
}

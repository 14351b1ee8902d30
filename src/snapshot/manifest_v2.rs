//! Manifests of format version 2, from before there was a log: read only. Types that later versions share (schema, model,
//! build facts, files) must not change without a version of their own.

use super::manifest::{BuildFacts, FileEntry, Manifest as Current, ModelRef};
use crate::schema::Schema;
use rkyv::{Archive, Deserialize, Serialize};

/// As the manifest of today, but for the place in the log and the parent.
#[derive(Archive, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) format_version: u32,
    pub(super) alike_version: String,
    pub(super) collection: String,
    pub(super) created_ms: i64,
    pub(super) rows: u64,
    pub(super) schema: Schema,
    pub(super) model: Option<ModelRef>,
    pub(super) metric: String,
    pub(super) dimension: u64,
    pub(super) index: String,
    pub(super) document_fields: Vec<String>,
    pub(super) build: BuildFacts,
    pub(super) files: Vec<FileEntry>,
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
            build: old.build,
            files: old.files,
        }
    }
}

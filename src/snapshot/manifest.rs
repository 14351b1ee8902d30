//! The manifest: what a snapshot is, and the length and digest of every file in it.

use crate::schema::Schema;
use alike_indexes::{Kind, Metric};
use rkyv::{Archive, Deserialize, Serialize};

/// The format version this binary writes and reads.
pub const FORMAT_VERSION: u32 = 1;

/// What a snapshot holds and how it was made.
#[derive(Debug, Clone, Archive, Serialize, Deserialize, serde::Serialize)]
pub struct Manifest {
    /// Version of the snapshot format.
    pub format_version: u32,
    /// The `alike` version that wrote it.
    pub alike_version: String,
    /// The collection it belongs to.
    pub collection: String,
    /// When it was built, milliseconds since the Unix epoch.
    pub created_ms: i64,
    /// Number of items.
    pub rows: u64,
    /// The collection's schema.
    pub schema: Schema,
    /// The model that made the vectors; none where the catalog brought its own.
    pub model: Option<ModelRef>,
    /// Similarity (`cosine`, `dot` or `l2`).
    pub metric: String,
    /// Numbers per vector.
    pub dimension: u64,
    /// Index kind (`flat` or `hnsw`).
    pub index: String,
    /// Names of all fields found in the documents.
    pub document_fields: Vec<String>,
    /// Position in the log up to which changes are contained (0: none; the log comes with live catalogs).
    pub log_position: u64,
    /// Build settings and measurements.
    pub build: BuildFacts,
    /// Every other file of the snapshot.
    pub files: Vec<FileEntry>,
}

/// A model's identity.
#[derive(Debug, Clone, PartialEq, Eq, Archive, Serialize, Deserialize, serde::Serialize)]
pub struct ModelRef {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// Digest over its files.
    pub digest: String,
}

/// What a snapshot was made from.
#[derive(Debug, Clone)]
pub struct Made {
    /// The schema of its items.
    pub schema: Schema,
    /// Names of all fields found in the documents.
    pub document_fields: Vec<String>,
    /// The model that made its vectors, if one did.
    pub model: Option<ModelRef>,
    /// Similarity.
    pub metric: Metric,
    /// Numbers per vector.
    pub dimension: usize,
    /// Index kind.
    pub index: Kind,
}

impl std::fmt::Display for ModelRef {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{}@{}:{}",
            self.name,
            self.version,
            self.digest.get(..12).unwrap_or(&self.digest)
        )
    }
}

impl From<&alike_embeddings::ModelIdentity> for ModelRef {
    fn from(model: &alike_embeddings::ModelIdentity) -> Self {
        Self {
            name: model.name.clone(),
            version: model.version.clone(),
            digest: model.digest.clone(),
        }
    }
}

/// How the snapshot was built and what was measured while building.
#[derive(Debug, Clone, Default, Archive, Serialize, Deserialize, serde::Serialize)]
pub struct BuildFacts {
    /// The catalog file's name.
    pub input: String,
    /// Rows the catalog had.
    pub rows_read: u64,
    /// Rows that could not be used.
    pub rows_rejected: u64,
    /// Graph degree (HNSW's M).
    pub m: u64,
    /// Candidate pool while building (efConstruction).
    pub ef_construction: u64,
    /// Rows kept out of the graph and used as queries when recall was measured.
    pub held_out: u64,
    /// Recall@10 against exact search on the held-out rows, by beam.
    pub recall: Vec<RecallPoint>,
    /// The recall the default beam was chosen for.
    pub recall_target: f32,
    /// The beam a search uses unless told otherwise.
    pub beam: u64,
    /// Recall@10 measured at that beam; none where too few rows could be held out.
    pub recall_at_10: Option<f32>,
    /// Seconds spent encoding.
    pub encode_seconds: f64,
    /// Seconds spent building the index.
    pub index_seconds: f64,
}

/// Recall measured at one beam.
#[derive(Debug, Clone, Copy, Archive, Serialize, Deserialize, serde::Serialize)]
pub struct RecallPoint {
    /// Candidate pool of the search (HNSW's ef).
    pub beam: u64,
    /// Mean recall@10.
    pub recall: f32,
}

/// One file of the snapshot.
#[derive(Debug, Clone, Archive, Serialize, Deserialize, serde::Serialize)]
pub struct FileEntry {
    /// Its name inside the snapshot's directory.
    pub name: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// BLAKE3 digest of its content, in hexadecimal.
    pub blake3: String,
}

impl Manifest {
    /// The manifest of a snapshot built now. Rows and files are filled in when it is published.
    #[must_use]
    pub fn new(collection: &str, made: Made, build: BuildFacts) -> Self {
        Self {
            format_version: FORMAT_VERSION,
            alike_version: env!("CARGO_PKG_VERSION").to_owned(),
            collection: collection.to_owned(),
            created_ms: jiff::Timestamp::now().as_millisecond(),
            rows: 0,
            schema: made.schema,
            model: made.model,
            metric: made.metric.to_string(),
            dimension: made.dimension as u64,
            index: made.index.to_string(),
            document_fields: made.document_fields,
            log_position: 0,
            build,
            files: Vec::new(),
        }
    }

    /// Length of all files together.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

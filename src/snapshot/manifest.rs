//! The manifest: what a snapshot is, and the length and digest of every file in it.
//!
//! | offset | bytes | content of `manifest.rkyv` |
//! |---|---|---|
//! | 0 | 8 | magic `ALIKEsnp` |
//! | 8 | 4 | format version, 1 to 3, little-endian; in this place in every version |
//! | 12 | 4 | zero |
//! | 16 | – | [`Manifest`] as an rkyv archive; versions 1 and 2: those of `manifest_v1` and `manifest_v2` |
//!
//! The last 16 digits of a snapshot's id are the start of the BLAKE3 digest of this file.

use super::{SnapshotError, manifest_v1, manifest_v2};
use crate::schema::Schema;
use alike_indexes::{BeamRecall, Description, Kind, Metric};
use rkyv::{Archive, Deserialize, Serialize, rancor};
use std::path::Path;

/// The format version this binary writes; it reads this one and those before.
pub(super) const FORMAT_VERSION: u32 = 3;
/// The first version whose build facts are all there.
pub(super) const WITH_FACTS: u32 = 2;
const MAGIC: &[u8; 8] = b"ALIKEsnp";
const HEADER_BYTES: usize = 16;

/// Recall targets whose settings a manifest names: those that a call is most likely to ask for.
const TARGETS: [f32; 3] = [0.9, 0.95, 0.99];

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
    /// The position in the collection's log up to which every change is in it; 0: none of the log.
    pub log_position: u64,
    /// The snapshot that it was made from; none where a catalog was read.
    pub parent: Option<String>,
    /// The collection's schema.
    pub schema: Schema,
    /// The model that made the vectors; none where the catalog brought its own.
    pub model: Option<ModelRef>,
    /// Similarity (`cosine`, `dot` or `l2`).
    pub metric: String,
    /// Numbers per vector.
    pub dimension: u64,
    /// Index kind (`flat`, `hnsw`, `graph` or `faiss`).
    pub index: String,
    /// Names of all fields found in the documents.
    pub document_fields: Vec<String>,
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
    /// Half the links per node of a graph (HNSW's M); 0 for other kinds.
    pub m: u64,
    /// Candidate pool while building (efConstruction); 0 for other kinds.
    pub ef_construction: u64,
    /// Bits per dimension of the codes that a walk compares; none where it compares full vectors.
    pub code_bits: Option<u32>,
    /// Rows kept out of the graph and used as queries when recall was measured.
    pub held_out: u64,
    /// The recall@10 of a search that names none.
    pub recall_target: f32,
    /// Recall@10 measured at that search's setting; none where too few rows could be held out.
    pub recall_at_10: Option<f32>,
    /// What asking for a recall of 0.9, 0.95 and 0.99 takes and reaches; empty where nothing was measured.
    pub targets: Vec<TargetPoint>,
    /// All settings measured, against exact search on the held-out rows.
    pub calibration: Vec<RecallPoint>,
    /// Seconds spent encoding.
    pub encode_seconds: f64,
    /// Seconds spent building the index.
    pub index_seconds: f64,
}

/// Recall measured at one setting.
#[derive(Debug, Clone, Copy, PartialEq, Archive, Serialize, Deserialize, serde::Serialize)]
pub struct RecallPoint {
    /// Candidate pool of the search (HNSW's ef).
    pub beam: u64,
    /// How much farther than the tenth nearest a candidate may be to be followed, in distance; none where only the beam
    /// limits a walk.
    pub slack: Option<f32>,
    /// Mean recall@10.
    pub recall: f32,
    /// Mean number of distances computed; none where they were not counted.
    pub distances: Option<f32>,
}

/// The setting that a search for a recall uses.
#[derive(Debug, Clone, Copy, PartialEq, Archive, Serialize, Deserialize, serde::Serialize)]
pub struct TargetPoint {
    /// The recall@10 asked for.
    pub recall_target: f32,
    /// The cheapest setting that reached it, else the one that found most.
    pub setting: RecallPoint,
}

impl From<BeamRecall> for RecallPoint {
    fn from(measured: BeamRecall) -> Self {
        Self {
            beam: measured.beam.into(),
            slack: measured.slack,
            recall: measured.recall,
            distances: (measured.distances > 0.0).then_some(measured.distances),
        }
    }
}

impl BuildFacts {
    /// Takes over what the index says about itself.
    pub fn describe(&mut self, index: &Description) {
        let of_target = |recall_target| {
            let setting = index.setting_for(recall_target)?.into();
            Some(TargetPoint {
                recall_target,
                setting,
            })
        };
        self.m = index.m.into();
        self.ef_construction = index.ef_construction.into();
        self.code_bits = (index.code_bits > 0).then_some(index.code_bits);
        self.held_out = index.held_out.into();
        self.recall_target = index.recall_target;
        self.targets = TARGETS.into_iter().filter_map(of_target).collect();
        self.calibration = index.calibration.iter().copied().map(RecallPoint::from).collect();
    }
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
    /// The manifest of a snapshot built now from a catalog, that contains nothing of the log. Rows and files are filled in
    /// when it is published.
    #[must_use]
    pub fn new(collection: &str, made: Made, build: BuildFacts) -> Self {
        Self {
            format_version: FORMAT_VERSION,
            alike_version: env!("CARGO_PKG_VERSION").to_owned(),
            collection: collection.to_owned(),
            created_ms: jiff::Timestamp::now().as_millisecond(),
            rows: 0,
            log_position: 0,
            parent: None,
            schema: made.schema,
            model: made.model,
            metric: made.metric.to_string(),
            dimension: made.dimension as u64,
            index: made.index.to_string(),
            document_fields: made.document_fields,
            build,
            files: Vec::new(),
        }
    }

    /// The bytes of the manifest's file, and the id of the snapshot: when it was built, and the digest of these bytes.
    pub(super) fn encode(&self, path: &Path) -> Result<(Vec<u8>, String), SnapshotError> {
        let archive = rkyv::to_bytes::<rancor::Error>(self).map_err(|error| {
            SnapshotError::io(path, "serialize", std::io::Error::other(error.to_string()))
        })?;
        let mut bytes = Vec::with_capacity(HEADER_BYTES + archive.len());
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&self.format_version.to_le_bytes());
        bytes.extend_from_slice(&[0; 4]);
        bytes.extend_from_slice(&archive);
        let stamp = jiff::Timestamp::from_millisecond(self.created_ms).map_or_else(
            |_| "undated".to_owned(),
            |time| time.strftime("%Y%m%dT%H%M%SZ").to_string(),
        );
        let id = format!("{stamp}-{}", digest(&bytes));
        Ok((bytes, id))
    }

    /// Reads the manifest of the snapshot named `id`.
    pub(super) fn decode(bytes: &[u8], path: &Path, id: &str) -> Result<Self, SnapshotError> {
        let (Some(MAGIC), Some(version)) =
            (bytes.first_chunk(), bytes.get(8..).and_then(<[u8]>::first_chunk))
        else {
            return Err(SnapshotError::damaged(
                path,
                "another kind of file",
                "a snapshot's manifest",
            ));
        };
        let found = u32::from_le_bytes(*version);
        if !(1..=FORMAT_VERSION).contains(&found) {
            let path = path.to_path_buf();
            return Err(SnapshotError::Version {
                path,
                found,
                newest: FORMAT_VERSION,
            });
        }
        let version = found;
        let (found, expected) = (digest(bytes), id.rsplit('-').next().unwrap_or(id));
        if found != expected {
            return Err(SnapshotError::damaged(
                path,
                format!("content with digest {found}"),
                expected,
            ));
        }
        // The archive is read in place, which needs its alignment.
        let mut aligned = rkyv::util::AlignedVec::<16>::with_capacity(bytes.len());
        aligned.extend_from_slice(bytes.get(HEADER_BYTES..).unwrap_or(&[]));
        let decoded = match version {
            1 => rkyv::from_bytes::<manifest_v1::Manifest, rancor::Error>(&aligned).map(Self::from),
            2 => rkyv::from_bytes::<manifest_v2::Manifest, rancor::Error>(&aligned).map(Self::from),
            _ => rkyv::from_bytes::<Self, rancor::Error>(&aligned),
        };
        decoded.map_err(|error| SnapshotError::damaged(path, error.to_string(), "a valid manifest"))
    }

    /// Length of all files together.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.files.iter().map(|file| file.bytes).sum()
    }
}

/// The part of a BLAKE3 digest that stands in a snapshot's id.
fn digest(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex()[..16].to_owned()
}

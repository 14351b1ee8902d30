//! Vectors in, `(row, score)` out: exact and approximate nearest neighbor search in memory-mapped files.
//!
//! [`build()`] writes one immutable index file ([`rebuild()`] out of an older one), [`open()`] maps it,
//! [`Index::search`] answers from the map. The crate is synchronous and knows nothing about texts, items, HTTP or
//! snapshots; a row is a number ([`RowId`]).
//!
//! ```
//! use alike_indexes::{BuildSettings, Kind, Metric, Request, Scratch, VectorsView};
//!
//! # fn main() -> Result<(), alike_indexes::IndexError> {
//! # let folder = tempfile::tempdir().expect("a temporary folder");
//! # let path = folder.path().join("colors.index");
//! let vectors = VectorsView::new(&[1.0, 0.0, 0.0, 1.0, 0.7, 0.7], 2)?;
//! let settings = BuildSettings::new(Kind::Hnsw, Metric::Cosine);
//! alike_indexes::build(vectors, &settings, &|_progress| (), &path)?;
//!
//! let index = alike_indexes::open(&path)?;
//! let mut scratch = Scratch::new();
//! index.search(&[0.9, 0.1], &Request { k: 2, ..Request::default() }, &mut scratch)?;
//! let rows: Vec<u32> = scratch.neighbors().iter().map(|neighbor| neighbor.row.0).collect();
//! assert_eq!(rows, [0, 2]);
//! # Ok(())
//! # }
//! ```
//!
//! Layout, in the order a vector travels: [`vectors`] (what comes in) → `prepare` (checked, normalized, padded) →
//! `build` → `hnsw`, `flat` or `faiss` (optional feature) → `file` (sections, checksums, the map) → `search` (request, plan, scratch) with
//! [`kernel`] below everything. The file format is written down in `FORMAT.md`.

mod block;
mod build;
mod connect;
mod description;
mod error;
#[cfg(feature = "faiss")]
mod faiss;
#[cfg(not(feature = "faiss"))]
#[path = "faiss/absent.rs"]
mod faiss;
mod file;
mod flat;
mod graph;
mod hnsw;
mod index;
pub mod kernel;
mod metric;
mod prepare;
mod random;
pub mod recall;
mod row;
mod row_set;
mod search;
pub mod vectors;

pub use block::Block;
pub use build::{BuildReport, BuildSettings, Phase, Progress, build, rebuild};
pub use description::{BeamRecall, Description};
pub use error::{IndexError, Place};
pub use graph::CodeBits;
pub use index::{Index, Kind, open, verify};
pub use metric::Metric;
pub use row::{Neighbor, RowId};
pub use row_set::RowSet;
pub use search::{Answer, Effort, Plan, Report, Request, Scratch};
pub use vectors::VectorsView;

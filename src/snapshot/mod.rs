//! Snapshots: immutable directories holding everything needed to answer, and the store that publishes them.
//!
//! ```text
//! DATA/collections/NAME/
//!   CURRENT                      the small pointer: {"snapshot": "20261120T103000Z-1f0c…", "history": [those before it]}
//!   log/                         what came after: see `log`
//!   placements.json              see `placements`
//!   golden.jsonl                 queries that every snapshot has to answer well, where somebody put some there
//!   snapshots/ID/                never changes once it is here
//!     manifest.rkyv              what this is: model, schema, counts, recall, every file with length and digest
//!     manifest.json              the same for people; never read back
//!     index.alike                vectors and graph (written and read by alike-indexes)
//!     items.rkyv                 ids by row, rows by id, where each document ends
//!     documents.bin              the items' JSON documents, back to back, in row order
//!     columns.rkyv               one inverted column per filterable field
//!     texts.digests              what each row's vector was made from (only where a model made it)
//!     signals.bin                what events had taught when it was built (only where there were any): see `signals`
//!     recommend.model            what was learned from events (only where there were enough): see `learn`
//!     recommend.alike            item vectors learned from events
//!     rejected.jsonl             rows the build could not use, with line and reason (only when there were any)
//!   staging/                     builds under way; whatever a dead build left is removed by the next one
//!   encoded.spill                vectors of a build under way or of one that died; goes when one publishes
//!   events/                      the log of events, in the format of `log`: what came after `signals.bin`
//! ```
//!
//! A snapshot's id ends in the digest of its manifest, and the manifest holds the digest of every other file, so the id
//! names the content down to the last byte. Opening maps the files; nothing is parsed row by row.

mod columns;
mod error;
mod items;
mod learned;
mod manifest;
mod manifest_v1;
mod manifest_v2;
mod mapped;
mod open;
mod pointer;
mod store;
mod texts;
mod writer;

pub use columns::{ArchivedColumn, Columns, ColumnsBuilder, Test};
pub use error::SnapshotError;
pub use learned::Gather;
pub use manifest::{BuildFacts, FileEntry, Made, Manifest, ModelRef, RecallPoint, TargetPoint};
pub use open::{Snapshot, Verify};
pub use pointer::Pointer;
pub(crate) use pointer::is_snapshot_id;
pub use store::{Collection, Store};
pub(crate) use store::{make_read_only, open_like, sync_dir};
pub use texts::{TextDigest, TextDigests};
pub(crate) use writer::write_synced;
pub use writer::{NewRow, SnapshotWriter};

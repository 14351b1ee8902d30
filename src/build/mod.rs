//! The offline path: catalog → items → vectors → index → published snapshot.
//!
//! Everything happens in a staging directory; what was published before is untouched until the pointer moves at the
//! very end. A build that dies at any moment leaves nothing but a staging directory, which the next one removes, and the
//! vectors it has encoded, which the next one uses.

mod error;
mod known;
mod rows;
mod spill;
mod vectors;

pub use error::BuildError;
pub use known::Encoding;

use crate::catalog::{self, RowError};
use crate::engine::{ModelPlace, read_signals, write_lessons};
use crate::learn::Watch;
use crate::log;
use crate::schema::Schema;
use crate::signals::Settings as SignalSettings;
use crate::snapshot::{BuildFacts, Collection, Made, Manifest, SnapshotWriter};
use alike_indexes::{BuildReport, BuildSettings, Description, Phase};
use rows::Rows;
use std::collections::HashSet;
use std::path::PathBuf;
use std::time::Instant;
use vectors::Vectors;

/// What to build.
#[derive(Debug, Clone)]
pub struct Order {
    /// The catalog file.
    pub input: PathBuf,
    /// The schema of its items.
    pub schema: Schema,
    /// The index to build.
    pub index: BuildSettings,
    /// Where the model is, if the schema embeds.
    pub models: ModelPlace,
    /// What becomes of a build with a row that can't be used.
    pub on_error: OnError,
    /// Whether texts that the same model has encoded before keep their vectors.
    pub reuse: bool,
    /// What is counted of events.
    pub events: SignalSettings,
}

/// What becomes of a build with a row that can't be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum OnError {
    /// Stop with an error and publish nothing
    Fail,
    /// Leave the row out, report it, and go on
    Skip,
}

/// Hears how a build gets on.
pub trait Watcher: Sync {
    /// The model that encodes is loaded.
    fn model(&self, name: &str);
    /// Why vectors of the published snapshot can't be reused.
    fn not_reused(&self, reason: &str);
    /// `items` are encoded and stored, which is `share` (0 to 1) of the catalog.
    fn encoded(&self, items: u64, share: f64);
    /// All of the catalog is encoded and stored.
    fn encoding_done(&self);
    /// `done` of `total` steps of a phase of the index build are done.
    fn indexed(&self, phase: Phase, done: u64, total: u64);
    /// The index is built.
    fn indexing_done(&self);
    /// A row was left out, the `count`th.
    fn skipped(&self, error: &RowError, count: u64);
}

/// What was published.
#[derive(Debug, Clone)]
pub struct Published {
    /// The snapshot's id.
    pub snapshot: String,
    /// Its manifest.
    pub manifest: Manifest,
    /// How its rows got their vectors; none where the catalog brought them.
    pub encoding: Option<Encoding>,
}

/// Builds a snapshot of `collection` and publishes it.
///
/// # Errors
/// [`BuildError`]; then nothing was published and what was published before still is.
pub fn build(collection: &Collection, order: &Order, watcher: &dyn Watcher) -> Result<Published, BuildError> {
    order.index.check()?;
    let reader = catalog::open(&order.input)?;
    let _lock = collection.lock_for_build()?;
    // The catalog is the whole truth up to here; what is written from now on stays on top of it.
    let log_position = log::end(&collection.log_dir())?;
    let mut vectors = Vectors::open(collection, order, watcher)?;
    if let Some(model) = vectors.model() {
        watcher.model(&model.to_string());
    }
    let mut writer = SnapshotWriter::new(collection, &order.schema)?;
    if let Some(variant) = vectors.variant() {
        writer.keep_digests(&variant)?;
    }
    let start = Instant::now();
    let mut rows = Rows::new(order, watcher);
    rows.store_all(reader, &mut vectors, &mut writer)?;
    let encode_seconds = start.elapsed().as_secs_f64();
    watcher.encoding_done();
    let (report, description) = writer.build_index(&order.index, &|step| {
        watcher.indexed(step.phase, step.done, step.total);
    })?;
    watcher.indexing_done();
    learn(collection, order, &mut writer)?;
    let made = Made {
        schema: order.schema.clone(),
        model: vectors.model(),
        metric: order.index.metric,
        dimension: vectors.dimension().or(rows.dimension()).unwrap_or(0),
        index: order.index.kind,
        document_fields: rows.field_names(),
    };
    let facts = facts(order, &rows, (&report, &description), encode_seconds);
    let mut manifest = Manifest::new(collection.name(), made, facts);
    manifest.log_position = log_position.0;
    let snapshot = writer.finish(collection, manifest)?;
    let opened = collection.publish(&snapshot)?;
    let encoding = vectors.counts();
    vectors.done();
    Ok(Published {
        snapshot,
        manifest: opened.manifest().clone(),
        encoding,
    })
}

/// Puts what events have taught into the snapshot.
fn learn(collection: &Collection, order: &Order, writer: &mut SnapshotWriter) -> Result<(), BuildError> {
    let signals = {
        let ids: HashSet<&str> = writer.ids().collect();
        read_signals(collection, &order.events, &|id| ids.contains(id))
    };
    write_lessons(&signals, writer, &Unwatched, order.index.threads)
}

/// Nobody watches how training gets on.
struct Unwatched;

impl Watch for Unwatched {
    fn at(&self, _share: f64) {}

    fn canceled(&self) -> bool {
        false
    }
}

fn facts(
    order: &Order,
    rows: &Rows<'_>,
    (report, description): (&BuildReport, &Description),
    encode_seconds: f64,
) -> BuildFacts {
    let input = order.input.file_name().unwrap_or_default();
    let mut facts = BuildFacts {
        input: input.to_string_lossy().into_owned(),
        rows_read: rows.read(),
        rows_rejected: rows.rejected(),
        recall_at_10: report.recall,
        encode_seconds,
        index_seconds: report.seconds,
        ..BuildFacts::default()
    };
    facts.describe(description);
    facts
}

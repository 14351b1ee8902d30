//! New snapshots out of old ones: previous snapshot + log → build → verify → gate → publish; promote, roll back, collect.
//!
//! What a server does with it is [`Maintenance`]; the command line goes through the same functions, without jobs. All of
//! it leaves what is served alone until the small pointer moves, which is the last step.
//!
//! A snapshot that is built keeps the vectors of the items that are there: nothing is encoded that was encoded before. Of
//! an index of kind graph the links are kept too.

mod alter;
mod background;
mod collect;
mod error;
mod gather;
mod golden;
mod listing;
mod maintenance;
mod policy;
mod promote;
mod usage;
mod verify;

#[cfg(test)]
mod tests;

pub use alter::alter;
pub use background::in_background;
pub use collect::{Collected, Keep, collect, truncate_events_offline, truncate_offline};
pub use error::RebuildError;
pub use golden::{GoldenQuery, read_golden};
pub use listing::{Listed, list};
pub use maintenance::{Asked, Maintenance};
pub use policy::{Due, Standing, due};
pub use promote::{Gate, Taken, promote, rollback};
pub use usage::{free_bytes, usage};
pub use verify::{Verified, verify};

use crate::config::SnapshotSettings;
use crate::engine::{Engine, View, new_events, read_signals, write_lessons};
use crate::jobs::Handle;
use crate::learn::Watch;
use crate::log::Position;
use crate::schema::Schema;
use crate::snapshot::{
    BuildFacts, Collection, Made, Manifest, Snapshot, SnapshotError, SnapshotWriter, Verify,
};
use alike_indexes::{BuildReport, BuildSettings, CodeBits, Description, Kind, Metric, Phase};
use gather::{Gathered, Sources};
use serde::Serialize;
use std::sync::Arc;
use std::time::Instant;

/// Hears how a build gets on, and says when it is to stop.
pub trait Watcher: Sync {
    /// The build is busy with `phase` (`gather`, `encode`, `index`, `learn`, `write`, `verify`, `publish`), of which `share` (0 to
    /// 1) is done.
    fn at(&self, phase: &'static str, share: f64);
    /// Whether the build is to stop.
    fn canceled(&self) -> bool;
}

impl Watcher for Handle {
    fn at(&self, phase: &'static str, share: f64) {
        Self::at(self, phase, share);
    }

    fn canceled(&self) -> bool {
        Self::canceled(self)
    }
}

/// How to build.
#[derive(Debug, Clone, Default)]
pub struct Order {
    /// Build though nothing has changed, and publish though it answers worse.
    pub force: bool,
    /// Whether the snapshot is published; else it is only put in its place, to be promoted.
    pub publish: bool,
    /// Threads, gate, and what is kept.
    pub settings: SnapshotSettings,
}

/// What a build made.
#[derive(Debug, Clone, Serialize)]
pub struct Rebuilt {
    /// The snapshot: the new one, or the one that is served where nothing has changed since.
    pub snapshot: String,
    /// Whether nothing had changed, so that nothing was built.
    pub unchanged: bool,
    /// Whether it is served now.
    pub published: bool,
    /// What it was built from.
    pub from: String,
    /// The last change that it contains.
    pub position: Position,
    /// Its items.
    pub items: u64,
    /// Its size on disk.
    pub bytes: u64,
    /// What its graph took over of the one before; none where it was built from nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub merged: Option<Merged>,
    /// Items whose text was encoded again.
    pub encoded: u64,
    /// Seconds spent on the index.
    pub index_seconds: f64,
    /// Seconds spent altogether.
    pub seconds: f64,
    /// What was found when it was verified.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verified: Option<Verified>,
    /// The same measures of what was served.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Verified>,
}

/// What a graph took over of the one before.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Merged {
    /// Rows whose links were kept.
    pub kept: usize,
    /// Rows whose links were kept but for neighbors that went.
    pub healed: usize,
    /// Rows that were linked anew.
    pub inserted: usize,
}

pub(crate) fn check(watcher: &dyn Watcher) -> Result<(), RebuildError> {
    match watcher.canceled() {
        true => Err(RebuildError::Canceled),
        false => Ok(()),
    }
}

/// Builds a snapshot of what `view` shows, verifies it, and publishes it where it answers no worse than what is served.
/// One build of a collection runs at a time, whichever process it is in.
///
/// # Errors
/// [`RebuildError`]; what was served still is.
pub fn rebuild(
    engine: &Engine,
    collection: &Collection,
    view: &View,
    order: &Order,
    watcher: &dyn Watcher,
) -> Result<Rebuilt, RebuildError> {
    let base = view.snapshot();
    let position = view.position();
    if !order.force && position.0 == base.manifest().log_position && new_events(view) == 0 {
        return Ok(unchanged(view));
    }
    let sources = Sources::as_they_are(view)?;
    in_background(order.settings.threads(), || {
        build(engine, collection, view, &sources, order, watcher)
    })?
}

fn unchanged(view: &View) -> Rebuilt {
    let (base, manifest) = (view.snapshot(), view.snapshot().manifest());
    Rebuilt {
        snapshot: base.id().to_owned(),
        unchanged: true,
        published: true,
        from: base.id().to_owned(),
        position: view.position(),
        items: manifest.rows,
        bytes: manifest.bytes(),
        merged: None,
        encoded: 0,
        index_seconds: 0.0,
        seconds: 0.0,
        verified: None,
        before: None,
    }
}

/// Builds, verifies and publishes what `sources` say, on the current pool.
fn build(
    engine: &Engine,
    collection: &Collection,
    view: &View,
    sources: &Sources<'_>,
    order: &Order,
    watcher: &dyn Watcher,
) -> Result<Rebuilt, RebuildError> {
    let started = Instant::now();
    let lock = collection.lock_for_build()?;
    must_have_room(collection, view)?;
    let staged = stage(collection, view, sources, order, watcher)?;
    let from = view.snapshot().id().to_owned();
    let accepted = accept(engine, collection, view, &staged, order, watcher);
    let (verified, before) = match accepted {
        // A snapshot that is only worse may still be promoted; one that is wrong may not.
        Err(error @ RebuildError::Worse { .. }) => return Err(error),
        Err(error) => {
            collection.remove(&staged.id)?;
            return Err(error);
        }
        Ok(measured) => measured,
    };
    if order.publish {
        watcher.at("publish", 0.0);
        take_over(collection, &staged.id, &from)?;
    }
    drop(lock);
    Ok(Rebuilt {
        unchanged: false,
        published: order.publish,
        from,
        position: Position(staged.manifest.log_position),
        items: staged.manifest.rows,
        bytes: staged.manifest.bytes(),
        merged: staged.merged,
        encoded: staged.encoded,
        index_seconds: staged.manifest.build.index_seconds,
        seconds: started.elapsed().as_secs_f64(),
        verified: Some(verified),
        before,
        snapshot: staged.id,
    })
}

/// # Errors
/// The disk has less room than a new snapshot and the vectors staged beside it take.
fn must_have_room(collection: &Collection, view: &View) -> Result<(), RebuildError> {
    let live = view.live();
    let row = (live.dimension() * size_of::<f32>()) as u64;
    let needed = view.snapshot().manifest().bytes() + live.bytes() as u64 + live.len() as u64 * row;
    let free = free_bytes(collection.dir())?;
    match free < needed {
        true => Err(RebuildError::NoRoom { free, needed }),
        false => Ok(()),
    }
}

/// A snapshot in its place that is not published yet.
struct Staged {
    id: String,
    manifest: Manifest,
    merged: Option<Merged>,
    encoded: u64,
}

/// Gathers all items, builds the index, and puts the snapshot in its place.
fn stage(
    collection: &Collection,
    view: &View,
    sources: &Sources<'_>,
    order: &Order,
    watcher: &dyn Watcher,
) -> Result<Staged, RebuildError> {
    let base = view.snapshot();
    // Vectors that are taken over live on: every byte is checked.
    drop(collection.open(base.id(), Verify::Full)?);
    let mut writer = SnapshotWriter::new(collection, &sources.schema)?;
    writer.set_dimension(base.index().dimension());
    if let Some(variant) = sources.variant() {
        writer.keep_digests(variant)?;
    }
    let gathering = Instant::now();
    let gathered = sources.gather(view, &mut writer, watcher)?;
    let encode_seconds = gathering.elapsed().as_secs_f64();
    check(watcher)?;
    let settings = index_settings(base, order)?;
    watcher.at("index", 0.0);
    let previous = (settings.kind == Kind::Graph && gathered.kept > 0).then(|| base.index_path());
    let (report, description) = writer.build_index_on(previous.as_deref(), &settings, &|step| {
        // Inserting is nearly all of the work; the phases around it count other things.
        if step.phase == Phase::Insert {
            watcher.at("index", step.done as f64 / step.total.max(1) as f64);
        }
    })?;
    check(watcher)?;
    learn(collection, view, &mut writer, order, watcher)?;
    watcher.at("write", 0.0);
    let manifest = manifest(
        collection,
        view,
        sources,
        (&gathered, encode_seconds),
        (&report, &description),
    )?;
    let merged = previous.map(|_| Merged {
        kept: report.kept,
        healed: report.healed,
        inserted: report.inserted,
    });
    let id = writer.finish(collection, manifest)?;
    Ok(Staged {
        manifest: collection.manifest(&id)?,
        id,
        merged,
        encoded: gathered.encoded,
    })
}

/// Puts what events have taught into the snapshot: from memory where this process writes them, else from the disk.
fn learn(
    collection: &Collection,
    view: &View,
    writer: &mut SnapshotWriter,
    order: &Order,
    watcher: &dyn Watcher,
) -> Result<(), RebuildError> {
    watcher.at("learn", 0.0);
    let mut signals = Arc::clone(view.signals());
    if !signals.durable() {
        let known = |id: &str| view.live().find(id).is_some();
        signals = Arc::new(read_signals(collection, signals.settings(), &known));
    }
    let threads = Some(order.settings.threads());
    write_lessons::<RebuildError>(&signals, writer, &Learning(watcher), threads)?;
    check(watcher)
}

/// Passes on how training gets on.
struct Learning<'a>(&'a dyn Watcher);

impl Watch for Learning<'_> {
    fn at(&self, share: f64) {
        self.0.at("learn", share);
    }

    fn canceled(&self) -> bool {
        self.0.canceled()
    }
}

/// Checks the snapshot, and compares it with what is served.
fn accept(
    engine: &Engine,
    collection: &Collection,
    view: &View,
    staged: &Staged,
    order: &Order,
    watcher: &dyn Watcher,
) -> Result<(Verified, Option<Verified>), RebuildError> {
    watcher.at("verify", 0.0);
    let snapshot = collection.open(&staged.id, Verify::Full)?;
    let rows = snapshot.rows() as u64;
    let gathered = view.live().len() as u64;
    if rows != gathered {
        return Err(RebuildError::Wrong {
            id: staged.id.clone(),
            detail: format!("it holds {rows} items, {gathered} were there"),
        });
    }
    check(watcher)?;
    watcher.at("verify", 0.3);
    let golden = read_golden(&collection.golden_path())?;
    let candidate = view.of_snapshot(snapshot);
    let verified = verify::measure(engine, &candidate, &golden)?;
    verified.must_be_right(&staged.id)?;
    check(watcher)?;
    watcher.at("verify", 0.7);
    let before = verify::measure(engine, view, &golden)?;
    if !order.force {
        let gate = Gate::of(&order.settings);
        gate.compare((&staged.id, &verified), (view.snapshot().id(), &before))?;
    }
    check(watcher)?;
    Ok((verified, Some(before)))
}

/// Points to `id`, if `from` is what is still served.
fn take_over(collection: &Collection, id: &str, from: &str) -> Result<(), RebuildError> {
    collection.change_pointer(|pointer| {
        let pointer = pointer.ok_or_else(|| RebuildError::NothingBefore {
            collection: collection.name().to_owned(),
            detail: "it is not published any more".to_owned(),
        })?;
        match pointer.snapshot == from {
            true => Ok(pointer.followed_by(id)),
            false => Err(RebuildError::Overtaken {
                id: id.to_owned(),
                from: from.to_owned(),
                now: pointer.snapshot,
            }),
        }
    })?;
    Ok(())
}

/// The settings that the snapshot before was built with, as far as it tells.
fn index_settings(base: &Snapshot, order: &Order) -> Result<BuildSettings, SnapshotError> {
    let (manifest, description) = (base.manifest(), base.index().description());
    let wrong = |what: &str| SnapshotError::damaged(base.dir(), what, "one that this binary knows");
    let kind: Kind = manifest.index.parse().map_err(|_| wrong("its kind of index"))?;
    let metric: Metric = manifest.metric.parse().map_err(|_| wrong("its metric"))?;
    let defaults = BuildSettings::new(kind, metric);
    let or = |found: u64, default: usize| if found > 0 { found as usize } else { default };
    let codes = match (kind, manifest.build.code_bits) {
        (Kind::Graph, Some(4)) if base.rows() > 0 => Some(CodeBits::Four),
        (Kind::Graph, Some(8)) if base.rows() > 0 => Some(CodeBits::Eight),
        _ => None,
    };
    Ok(BuildSettings {
        m: or(manifest.build.m, defaults.m),
        ef_construction: or(manifest.build.ef_construction, defaults.ef_construction),
        factory: description.factory.clone(),
        codes,
        threads: Some(order.settings.threads()),
        ..defaults
    })
}

fn manifest(
    collection: &Collection,
    view: &View,
    sources: &Sources<'_>,
    (gathered, encode_seconds): (&Gathered, f64),
    (report, description): (&BuildReport, &Description),
) -> Result<Manifest, SnapshotError> {
    let base = view.snapshot();
    let made = Made {
        schema: Schema::clone(&sources.schema),
        document_fields: gathered.fields.iter().cloned().collect(),
        model: base.manifest().model.clone(),
        metric: description.metric,
        dimension: description.dimension,
        index: description.kind,
    };
    let mut facts = BuildFacts {
        input: format!("snapshot {} and the log up to {}", base.id(), view.position()),
        rows_read: gathered.rows,
        recall_at_10: report.recall,
        encode_seconds: if gathered.encoded > 0 { encode_seconds } else { 0.0 },
        index_seconds: report.seconds,
        ..BuildFacts::default()
    };
    facts.describe(description);
    let mut manifest = Manifest::new(collection.name(), made, facts);
    manifest.log_position = view.position().0;
    manifest.parent = Some(base.id().to_owned());
    Ok(manifest)
}

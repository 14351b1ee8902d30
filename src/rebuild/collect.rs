//! What nothing needs any more: snapshots beyond those that are kept, and what the log has before all of them.
//!
//! Kept are the snapshot that is served, the newest of those that were served before it, as many of the newest ones that
//! were built aside after it, and those that are pinned by name. The log keeps everything after the oldest of them. A snapshot that goes is first moved
//! to `trash`, which takes one step; the trash is emptied then, and again by whoever comes next, should this one die.
//!
//! No build and no export of the collection runs meanwhile.

use super::{RebuildError, Watcher, check};
use crate::log::{EmbeddedLog, Log, LogError, LogSettings, Position};
use crate::signals::{CHECKPOINT_FILE, checkpoint_position};
use crate::snapshot::{Collection, Manifest, Pointer, SnapshotError};
use serde::Serialize;
use std::collections::{BTreeSet, HashSet};

/// What was collected.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Collected {
    /// Snapshots that are gone.
    pub removed: Vec<String>,
    /// Their bytes.
    pub bytes: u64,
    /// Snapshots that are kept.
    pub kept: Vec<String>,
    /// Changes up to this one may have gone from the log: every snapshot that is kept contains them.
    pub log_through: Position,
    /// Why the log was left as it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log_left: Option<String>,
    /// Events up to this one may go from their log: every snapshot that is kept and holds a checkpoint of signals contains
    /// them.
    #[serde(skip_serializing_if = "is_start")]
    pub events_through: Position,
}

fn is_start(position: &Position) -> bool {
    *position == Position::START
}

/// What is kept beside the snapshot that is served.
#[derive(Debug, Clone, Default)]
pub struct Keep {
    /// As many snapshots that were served before it, and as many that were built aside since.
    pub earlier: usize,
    /// Snapshots that something else answers from: variants of experiments.
    pub pinned: BTreeSet<String>,
}

/// Collects what nothing needs; `truncate` shortens the log.
///
/// # Errors
/// Another build, export or collection of the same collection runs; a file cannot be removed.
pub fn collect(
    collection: &Collection,
    keep: &Keep,
    truncate: &dyn Fn(Position) -> Result<(), String>,
    watcher: &dyn Watcher,
) -> Result<Collected, RebuildError> {
    let _build = collection.lock_for_build()?;
    let _files = collection.lock_files_alone()?;
    watcher.at("collect", 0.0);
    check(watcher)?;
    collection.empty_trash()?;
    // Nobody points to what is on its way out.
    let pointer_lock = collection.lock_pointer()?;
    let pointer = collection.pointer()?;
    let all = in_order(collection)?;
    let kept = kept(&pointer, &all, keep);
    let mut collected = Collected::default();
    for (id, manifest) in &all {
        if kept.contains(id.as_str()) {
            collected.kept.push(id.clone());
            continue;
        }
        collection.throw_away(id)?;
        collected.bytes += manifest.as_ref().map_or(0, Manifest::bytes);
        collected.removed.push(id.clone());
    }
    drop(pointer_lock);
    collection.empty_trash()?;
    let needed = all.iter().filter(|(id, _)| kept.contains(id.as_str()));
    let positions = needed.map(|(_, manifest)| manifest.as_ref().map_or(0, |manifest| manifest.log_position));
    collected.log_through = Position(positions.min().unwrap_or(0));
    if collected.log_through > Position::START {
        collected.log_left = truncate(collected.log_through).err();
    }
    collected.events_through = events_through(collection, &collected.kept);
    Ok(collected)
}

/// The least position of the kept snapshots' checkpoints: any one of them and the log of events after it are enough. A
/// snapshot without one needs none, since all others are good with it, too.
fn events_through(collection: &Collection, kept: &[String]) -> Position {
    let path = |id: &String| collection.snapshot_dir(id).join(CHECKPOINT_FILE);
    let positions = kept.iter().filter_map(|id| checkpoint_position(&path(id)).ok());
    positions.min().unwrap_or_default()
}

/// Shortens the log of events of a collection that no other process writes; where one does, it is left as it is.
///
/// # Errors
/// What keeps it from being shortened.
pub fn truncate_events_offline(collection: &Collection, through: Position) -> Result<(), LogError> {
    let dir = collection.events_dir();
    if through == Position::START || !dir.exists() {
        return Ok(());
    }
    let settings = LogSettings {
        start: through,
        ..LogSettings::default()
    };
    let opened = EmbeddedLog::open(&dir, settings);
    match opened.and_then(|(mut log, _)| log.truncate(through)) {
        Err(LogError::Locked { .. }) => Ok(()),
        result => result,
    }
}

/// Shortens the log of a collection that no other process writes.
///
/// # Errors
/// Why it was left as it is.
pub fn truncate_offline(collection: &Collection, through: Position) -> Result<(), String> {
    let dir = collection.log_dir();
    if !dir.exists() {
        return Ok(());
    }
    let settings = LogSettings {
        start: through,
        ..LogSettings::default()
    };
    let opened = EmbeddedLog::open(&dir, settings);
    match opened.and_then(|(mut log, _)| log.truncate(through)) {
        Err(LogError::Locked { .. }) => Err(
            "a server writes this collection; it collects its log by itself, or when told to over HTTP"
                .to_owned(),
        ),
        result => result.map_err(|error| error.to_string()),
    }
}

/// All snapshots, oldest first; without a manifest where it cannot be read.
fn in_order(collection: &Collection) -> Result<Vec<(String, Option<Manifest>)>, SnapshotError> {
    let mut all = Vec::new();
    for id in collection.snapshot_ids()? {
        let manifest = collection.manifest(&id).ok();
        all.push((id, manifest));
    }
    all.sort_by_key(|(id, manifest)| {
        (
            manifest.as_ref().map_or(0, |manifest| manifest.created_ms),
            id.clone(),
        )
    });
    Ok(all)
}

fn kept<'a>(pointer: &'a Pointer, all: &'a [(String, Option<Manifest>)], keep: &'a Keep) -> HashSet<&'a str> {
    let there = |id: &&String| {
        all.iter()
            .any(|(found, manifest)| found == *id && manifest.is_some())
    };
    let before = pointer.history.iter().rev().filter(there).take(keep.earlier);
    let after = all.iter().rev().take_while(|(id, _)| *id != pointer.snapshot);
    let aside = after
        .map(|(id, _)| id)
        .filter(|id| !pointer.history.contains(id) && there(id));
    let kept = std::iter::once(&pointer.snapshot)
        .chain(before)
        .chain(aside.take(keep.earlier))
        .chain(&keep.pinned);
    kept.map(String::as_str).collect()
}

//! Moving the pointer: to a snapshot that somebody names, or back.

use super::verify::{self, Verified};
use super::{RebuildError, Watcher, check, in_background, read_golden};
use crate::config::SnapshotSettings;
use crate::engine::{Engine, View};
use crate::log::{Position, ReadOnlyLog};
use crate::snapshot::{Collection, Manifest, Pointer, Verify};
use serde::Serialize;

/// The most that a new snapshot may lose.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Gate {
    /// Of recall@10.
    pub recall: f64,
    /// Of the golden queries' score.
    pub golden: f64,
}

/// What took over from what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Taken {
    /// What is published now.
    pub snapshot: String,
    /// What was before.
    pub from: String,
}

impl Gate {
    /// That of the settings.
    #[must_use]
    pub fn of(settings: &SnapshotSettings) -> Self {
        Self {
            recall: settings.gate_recall,
            golden: settings.gate_golden,
        }
    }

    /// # Errors
    /// The candidate answers worse than what is served, by more than it may.
    pub fn compare(
        &self,
        (id, candidate): (&str, &Verified),
        (served, before): (&str, &Verified),
    ) -> Result<(), RebuildError> {
        let measures = [
            (
                "recall@10",
                before.recall_at_10.zip(candidate.recall_at_10),
                self.recall,
                "snapshots.gate_recall",
            ),
            (
                "golden score",
                before.golden.zip(candidate.golden),
                self.golden,
                "snapshots.gate_golden",
            ),
        ];
        for (what, measured, bound, setting) in measures {
            let Some((before, found)) = measured else { continue };
            let drop = before - found;
            if drop > bound {
                return Err(RebuildError::Worse {
                    id: id.to_owned(),
                    served: served.to_owned(),
                    what,
                    before,
                    found,
                    drop,
                    bound,
                    setting,
                });
            }
        }
        Ok(())
    }
}

/// # Errors
/// The collection has no such snapshot.
pub(super) fn must_exist(collection: &Collection, id: &str) -> Result<(), RebuildError> {
    let found = collection.snapshot_ids()?;
    if found.iter().any(|there| there == id) {
        return Ok(());
    }
    Err(RebuildError::NoSnapshot {
        collection: collection.name().to_owned(),
        id: id.chars().take(80).collect(),
        found,
    })
}

/// Publishes the snapshot `id`, if it is whole, of the same make as what is served, answers no worse (unless `force`),
/// and the log still has everything after it. `view` is what is served.
///
/// # Errors
/// [`RebuildError`]; what was served still is.
pub fn promote(
    engine: &Engine,
    collection: &Collection,
    view: &View,
    id: &str,
    (settings, force): (&SnapshotSettings, bool),
    watcher: &dyn Watcher,
) -> Result<Taken, RebuildError> {
    must_exist(collection, id)?;
    let served = collection.current()?;
    if served == id {
        return Ok(Taken {
            snapshot: id.to_owned(),
            from: served,
        });
    }
    must_be_like(id, &collection.manifest(id)?, view.snapshot().manifest())?;
    in_background(settings.threads(), || {
        watcher.at("verify", 0.0);
        log_must_follow(collection, id)?;
        drop(collection.open(id, Verify::Full)?);
        check(watcher)?;
        let golden = read_golden(&collection.golden_path())?;
        let candidate = engine.beside(view, id)?;
        let verified = verify::measure(engine, &candidate, &golden)?;
        verified.must_be_right(id)?;
        check(watcher)?;
        if !force {
            watcher.at("verify", 0.5);
            let before = verify::measure(engine, view, &golden)?;
            Gate::of(settings).compare((id, &verified), (view.snapshot().id(), &before))?;
        }
        Ok::<_, RebuildError>(())
    })??;
    watcher.at("publish", 0.0);
    let mut from = served;
    collection.change_pointer::<RebuildError>(|pointer| {
        must_exist(collection, id)?;
        let first = || Pointer {
            snapshot: id.to_owned(),
            history: Vec::new(),
        };
        Ok(pointer.map_or_else(first, |pointer| {
            pointer.snapshot.clone_into(&mut from);
            pointer.followed_by(id)
        }))
    })?;
    Ok(Taken {
        snapshot: id.to_owned(),
        from,
    })
}

/// Something of a manifest, by its name.
type Feature<'a> = (&'static str, &'a dyn Fn(&Manifest) -> String);

/// # Errors
/// The two differ in what decides whether they can answer the same queries.
fn must_be_like(id: &str, found: &Manifest, served: &Manifest) -> Result<(), RebuildError> {
    let model = |manifest: &Manifest| {
        manifest
            .model
            .as_ref()
            .map_or_else(|| "no model".to_owned(), ToString::to_string)
    };
    let kind = |manifest: &Manifest| match &manifest.model {
        Some(_) => "vectors made by a model".to_owned(),
        None => "vectors that items bring".to_owned(),
    };
    let schema = |manifest: &Manifest| serde_json::to_string(&manifest.schema).unwrap_or_default();
    let features: [Feature<'_>; 5] = [
        ("kind of vectors", &kind),
        ("model", &model),
        ("metric", &|manifest| manifest.metric.clone()),
        ("dimension", &|manifest| manifest.dimension.to_string()),
        ("schema", &schema),
    ];
    match features.iter().find(|(_, of)| of(found) != of(served)) {
        None => Ok(()),
        Some((what, of)) => Err(RebuildError::Differs {
            id: id.to_owned(),
            what,
            found: of(found),
            served: of(served),
        }),
    }
}

/// # Errors
/// Changes after the snapshot are not in the log any more.
fn log_must_follow(collection: &Collection, id: &str) -> Result<(), RebuildError> {
    let position = Position(collection.manifest(id)?.log_position);
    let start = log_start(collection)?;
    match start > position {
        true => Err(RebuildError::LogGone {
            id: id.to_owned(),
            position,
            start,
        }),
        false => Ok(()),
    }
}

/// The position before the first record that the log still has.
pub(super) fn log_start(collection: &Collection) -> Result<Position, RebuildError> {
    Ok(ReadOnlyLog::open(&collection.log_dir()).start()?)
}

/// Points back to the newest of the snapshots served before that is still there and that the log can follow.
///
/// # Errors
/// There is none; what was served still is.
pub fn rollback(collection: &Collection) -> Result<Taken, RebuildError> {
    let start = log_start(collection)?;
    let mut from = String::new();
    let nothing = |detail: String| RebuildError::NothingBefore {
        collection: collection.name().to_owned(),
        detail,
    };
    let pointer = collection.change_pointer(|pointer| {
        let mut pointer = pointer.ok_or_else(|| nothing("nothing is published".to_owned()))?;
        pointer.snapshot.clone_into(&mut from);
        let mut gone = Vec::new();
        while let Some(id) = pointer.history.pop() {
            match collection.manifest(&id) {
                Ok(manifest) if start.0 <= manifest.log_position => {
                    pointer.snapshot = id;
                    return Ok(pointer);
                }
                Ok(_) => gone.push(format!("the log has no longer everything after {id}")),
                Err(_) => gone.push(format!("{id} is gone or damaged")),
            }
        }
        Err(nothing(match gone.as_slice() {
            [] => format!("{} is the first that was published", pointer.snapshot),
            gone => gone.join(", "),
        }))
    })?;
    Ok(Taken {
        snapshot: pointer.snapshot,
        from,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verified(recall: f64, golden: Option<f64>) -> Verified {
        Verified {
            items: 10,
            unreachable: 0,
            recall_at_10: Some(recall),
            sampled: 10,
            golden,
            golden_queries: 1,
        }
    }

    #[test]
    fn what_answers_worse_is_refused_with_both_figures() {
        let gate = Gate {
            recall: 0.01,
            golden: 0.02,
        };
        let compare =
            |candidate: &Verified, before: &Verified| gate.compare(("new", candidate), ("old", before));
        let before = verified(0.99, Some(0.9));
        assert!(compare(&verified(0.985, Some(0.89)), &before).is_ok());
        assert!(compare(&verified(1.0, Some(1.0)), &before).is_ok());
        assert!(
            compare(&verified(0.99, None), &before).is_ok(),
            "nothing to compare"
        );
        let error = compare(&verified(0.95, Some(0.9)), &before)
            .unwrap_err()
            .to_string();
        for needle in [
            "new",
            "old",
            "recall@10",
            "0.9500",
            "0.9900",
            "0.0400",
            "0.0100",
            "snapshots.gate_recall",
            "force",
        ] {
            assert!(error.contains(needle), "{needle}: {error}");
        }
        let error = compare(&verified(0.99, Some(0.5)), &before)
            .unwrap_err()
            .to_string();
        assert!(error.contains("golden score 0.5000 after 0.9000"), "{error}");
    }
}

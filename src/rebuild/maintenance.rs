//! What a server does about its snapshots: jobs that are asked for, and rebuilds when it is time.

use super::collect::truncate_offline;
use super::{
    Collected, Due, Keep, Listed, Order, RebuildError, Rebuilt, Standing, Taken, alter, collect, due,
    free_bytes, in_background, list, promote, rebuild, rollback, usage, verify,
};
use crate::config::SnapshotSettings;
use crate::engine::{Engine, EngineError, View};
use crate::jobs::{Handle, JobKind, JobState, JobStatus, Jobs};
use crate::log::Position;
use crate::schema::Schema;
use crate::snapshot::{Collection, Pointer};
use crate::telemetry::Metrics;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often the disk is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);
/// How long to wait after a rebuild that failed by itself, doubled each time.
const BACK_OFF: Duration = Duration::from_secs(60);
/// The longest such wait.
const LONGEST: Duration = Duration::from_secs(3_600);

/// How to build a snapshot that somebody asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Asked {
    /// Build though nothing has changed, and publish though it answers worse.
    pub force: bool,
    /// Publish it.
    pub publish: bool,
}

impl Default for Asked {
    fn default() -> Self {
        Self {
            force: false,
            publish: true,
        }
    }
}

/// Looks after the snapshots of an engine's collections. Clones are the same one.
#[derive(Clone)]
pub struct Maintenance(Arc<Shared>);

struct Shared {
    engine: Arc<Engine>,
    metrics: Arc<Metrics>,
    settings: SnapshotSettings,
    jobs: Jobs,
    automatic: Mutex<Automatic>,
    looked: Mutex<Option<Instant>>,
}

/// Rebuilds that nobody asked for.
#[derive(Default)]
struct Automatic {
    /// The job that is running, or was the last one to.
    job: Option<String>,
    trials: BTreeMap<String, Trial>,
}

/// A collection whose rebuild has failed.
#[derive(Clone, Copy)]
struct Trial {
    failures: u32,
    next: Instant,
}

/// What a build job made, and what it collected afterwards.
#[derive(Serialize)]
struct Made {
    #[serde(flatten)]
    rebuilt: Rebuilt,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Due>,
    #[serde(skip_serializing_if = "Option::is_none")]
    collected: Option<Collected>,
}

impl Maintenance {
    /// Looks after what `engine` serves.
    #[must_use]
    pub fn new(engine: Arc<Engine>, metrics: Arc<Metrics>, settings: SnapshotSettings) -> Self {
        Self(Arc::new(Shared {
            engine,
            metrics,
            settings,
            jobs: Jobs::default(),
            automatic: Mutex::default(),
            looked: Mutex::default(),
        }))
    }

    /// The jobs.
    #[must_use]
    pub fn jobs(&self) -> &Jobs {
        &self.0.jobs
    }

    /// All snapshots of a collection, newest first.
    ///
    /// # Errors
    /// The collection is not served, or its folder cannot be read.
    pub fn list(&self, collection: &str) -> Result<Vec<Listed>, RebuildError> {
        let (_, collection) = self.of(collection)?;
        list(&collection)
    }

    /// Builds a snapshot of what is served, as a job.
    ///
    /// # Errors
    /// The collection is not served, or another job is at work on it.
    pub fn build(&self, collection: &str, asked: Asked) -> Result<JobStatus, RebuildError> {
        self.start_build(collection, asked, None)
    }

    fn start_build(
        &self,
        collection: &str,
        asked: Asked,
        reason: Option<Due>,
    ) -> Result<JobStatus, RebuildError> {
        self.start(
            JobKind::Build,
            collection,
            move |this, handle, view, collection| {
                let order = this.order(asked);
                let built = rebuild(&this.0.engine, collection, view, &order, handle);
                let built = built.and_then(|rebuilt| this.adopt_built(collection, rebuilt));
                let made = built.map(|rebuilt| {
                    let collected = reason.and_then(|_| this.collect_quietly(collection, handle));
                    Made {
                        rebuilt,
                        reason,
                        collected,
                    }
                });
                if reason.is_some() {
                    this.tried(collection.name(), made.is_ok());
                }
                Ok(as_json(&made?))
            },
        )
    }

    /// Rebuilds a collection under another schema, as a job.
    ///
    /// # Errors
    /// The collection is not served, another job is at work on it, or it cannot take that schema whatever its items are.
    pub fn alter(&self, collection: &str, schema: Schema) -> Result<JobStatus, RebuildError> {
        let (view, _) = self.of(collection)?;
        super::alter::check_schema(&view, &schema)?;
        self.start(
            JobKind::Alter,
            collection,
            move |this, handle, view, collection| {
                let order = this.order(Asked::default());
                let rebuilt = alter(&this.0.engine, collection, view, schema, &order, handle)?;
                Ok(as_json(&this.adopt_built(collection, rebuilt)?))
            },
        )
    }

    /// Checks every byte of a snapshot and how well it answers, as a job.
    ///
    /// # Errors
    /// The collection is not served, or has no such snapshot.
    pub fn verify(&self, collection: &str, id: &str) -> Result<JobStatus, RebuildError> {
        let (_, there) = self.of(collection)?;
        super::promote::must_exist(&there, id)?;
        let id = id.to_owned();
        self.start(
            JobKind::Verify,
            collection,
            move |this, handle, view, collection| {
                let threads = this.0.settings.threads();
                let verified =
                    in_background(threads, || verify(&this.0.engine, collection, view, &id, handle))??;
                Ok(serde_json::json!({"snapshot": id, "verified": as_json(&verified)}))
            },
        )
    }

    /// Collects snapshots and log segments that nothing needs, as a job.
    ///
    /// # Errors
    /// The collection is not served, or another job is at work on it.
    pub fn collect(&self, collection: &str) -> Result<JobStatus, RebuildError> {
        self.start(JobKind::Collect, collection, |this, handle, _, collection| {
            Ok(as_json(&this.collect_now(collection, handle)?))
        })
    }

    /// Serves the snapshot `id` from now on; see [`promote`].
    ///
    /// # Errors
    /// [`RebuildError`]; what was served still is.
    pub fn promote(&self, collection: &str, id: &str, force: bool) -> Result<Taken, RebuildError> {
        let (view, collection) = self.of(collection)?;
        let before = collection.pointer()?;
        let settings = (&self.0.settings, force);
        let taken = promote(&self.0.engine, &collection, &view, id, settings, &Unwatched)?;
        self.adopt(&collection, &before)?;
        Ok(taken)
    }

    /// Serves what was served before; see [`rollback`].
    ///
    /// # Errors
    /// [`RebuildError`]; what was served still is.
    pub fn rollback(&self, collection: &str) -> Result<Taken, RebuildError> {
        let (_, collection) = self.of(collection)?;
        let before = collection.pointer()?;
        let taken = rollback(&collection)?;
        self.adopt(&collection, &before)?;
        Ok(taken)
    }

    /// Looks whether it is time for a rebuild, and at the disk now and then. To be called every half second or so.
    pub fn tick(&self) {
        self.look_at_disk();
        let running = |id: &String| {
            self.0
                .jobs
                .get(id)
                .is_ok_and(|job| job.state == JobState::Running)
        };
        if self.automatic().job.as_ref().is_some_and(running) {
            return;
        }
        for view in self.0.engine.views() {
            let name = view.collection();
            // Where another process writes, it also builds.
            let writable = self.0.engine.check_writable(name);
            if matches!(writable, Err(EngineError::WritesOff { .. })) {
                continue;
            }
            let standing = Standing::of(&view, self.0.engine.live_limit());
            let Some(reason) = due(&standing, &self.0.settings) else {
                continue;
            };
            let wait = self.automatic().trials.get(name).map(|trial| trial.next);
            if wait.is_some_and(|next| Instant::now() < next) {
                continue;
            }
            if let Ok(job) = self.start_build(name, Asked::default(), Some(reason)) {
                tracing::info!(
                    collection = name,
                    job = job.id,
                    ?reason,
                    "time for a new snapshot"
                );
                self.automatic().job = Some(job.id);
                return;
            }
        }
    }

    fn automatic(&self) -> std::sync::MutexGuard<'_, Automatic> {
        self.0.automatic.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Remembers how an automatic rebuild went.
    fn tried(&self, collection: &str, good: bool) {
        let mut automatic = self.automatic();
        if good {
            automatic.trials.remove(collection);
            return;
        }
        let failures = automatic.trials.get(collection).map_or(0, |trial| trial.failures);
        let wait = BACK_OFF.saturating_mul(1 << failures.min(10)).min(LONGEST);
        let trial = Trial {
            failures: failures + 1,
            next: Instant::now() + wait,
        };
        automatic.trials.insert(collection.to_owned(), trial);
    }

    fn look_at_disk(&self) {
        let mut looked = self.0.looked.lock().unwrap_or_else(PoisonError::into_inner);
        if looked.is_some_and(|looked| looked.elapsed() < LOOK_EVERY) {
            return;
        }
        *looked = Some(Instant::now());
        drop(looked);
        for view in self.0.engine.views() {
            let Ok(collection) = self.0.engine.collection(view.collection()) else {
                continue;
            };
            match usage(&collection) {
                Ok(usage) => self.0.metrics.disk_used(collection.name(), &usage),
                Err(error) => tracing::debug!(%error, "cannot look at the disk"),
            }
            if let Ok(free) = free_bytes(collection.dir()) {
                self.0.metrics.disk_free(free);
            }
        }
    }

    fn of(&self, collection: &str) -> Result<(Arc<View>, Collection), RebuildError> {
        let view = self.0.engine.view(collection)?;
        let collection = self.0.engine.collection(collection)?;
        Ok((view, collection))
    }

    fn order(&self, asked: Asked) -> Order {
        Order {
            force: asked.force,
            publish: asked.publish,
            settings: self.0.settings.clone(),
        }
    }

    /// Starts a job on what is served when it starts.
    fn start(
        &self,
        kind: JobKind,
        collection: &str,
        work: impl FnOnce(&Self, &Handle, &View, &Collection) -> Result<Value, RebuildError> + Send + 'static,
    ) -> Result<JobStatus, RebuildError> {
        let (view, there) = self.of(collection)?;
        let this = self.clone();
        let started = self.0.jobs.start(kind, collection, move |handle| {
            Ok(work(&this, handle, &view, &there)?)
        });
        Ok(started?)
    }

    fn adopt_built(&self, collection: &Collection, rebuilt: Rebuilt) -> Result<Rebuilt, RebuildError> {
        if rebuilt.published && !rebuilt.unchanged {
            let pointer = collection.pointer()?;
            let mut history = pointer.history;
            history.retain(|id| *id != rebuilt.from);
            let before = Pointer {
                snapshot: rebuilt.from.clone(),
                history,
            };
            self.adopt(collection, &before)?;
        }
        Ok(rebuilt)
    }

    /// Serves what the pointer names; where that cannot be served, the pointer goes back to what it was.
    pub(super) fn adopt(&self, collection: &Collection, before: &Pointer) -> Result<(), RebuildError> {
        let published = collection.current()?;
        let Err(error) = self.0.engine.adopt_now(collection.name()) else {
            return Ok(());
        };
        collection.change_pointer::<RebuildError>(|now| {
            let now = now.unwrap_or_else(|| before.clone());
            let ours = now.snapshot == published;
            Ok(if ours { before.clone() } else { now })
        })?;
        Err(error.into())
    }

    fn collect_now(&self, collection: &Collection, handle: &Handle) -> Result<Collected, RebuildError> {
        let truncate = |through: Position| match self.0.engine.truncate_log(collection.name(), through) {
            Ok(()) => Ok(()),
            Err(_) => truncate_offline(collection, through),
        };
        let keep = Keep {
            earlier: self.0.settings.keep,
            pinned: self.0.engine.experiments().snapshots_in_use(collection.name()),
        };
        let collected = collect(collection, &keep, &truncate, handle)?;
        let through = collected.events_through;
        // Where another process writes them, it shortens their log.
        if let Err(error) = self.0.engine.truncate_events(collection.name(), through) {
            tracing::debug!(collection = collection.name(), %error, "the log of events was left as it is");
        }
        Ok(collected)
    }

    /// As `collect_now`, after a build that does not fail because of it.
    fn collect_quietly(&self, collection: &Collection, handle: &Handle) -> Option<Collected> {
        let collected = self.collect_now(collection, handle);
        if let Err(error) = &collected {
            tracing::warn!(collection = collection.name(), %error, "nothing was collected");
        }
        collected.ok()
    }
}

fn as_json(made: &impl Serialize) -> Value {
    serde_json::to_value(made).unwrap_or(Value::Null)
}

/// Nobody watches a call that is answered when it is done.
struct Unwatched;

impl super::Watcher for Unwatched {
    fn at(&self, _phase: &'static str, _share: f64) {}

    fn canceled(&self) -> bool {
        false
    }
}

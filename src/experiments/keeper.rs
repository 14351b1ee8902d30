//! Keeps definitions and counts: which process writes them, when, and what the others do.

use super::ledger::{Key, Ledger, Refused, Tallies, counts_file, lock};
use super::pending::State;
use super::records::Record;
use super::registry::Registry;
use super::tally::{Exposed, MAX_ALL_UNITS, OutcomeKind, Tally};
use super::token::{Arm, name_hash};
use super::{Definition, Experiment, ExperimentError, files};
use arc_swap::ArcSwap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, Instant};

/// After a write has failed, the next try comes no sooner.
const RETRY: Duration = Duration::from_secs(10);

/// Locks are taken in the order of the fields.
pub(super) struct Keeper {
    data: PathBuf,
    read_only: bool,
    ledger: Mutex<Writing>,
    registry: RwLock<Registry>,
    state: Mutex<State>,
    secret: ArcSwap<[u8; 32]>,
    /// Whether this process writes.
    writes: AtomicBool,
    /// Whether what it writes reaches the disk.
    healthy: AtomicBool,
}

/// The files, where this process writes them.
struct Writing {
    ledger: Option<Ledger>,
    /// Why it does not.
    reason: String,
    /// When a failed write was last tried again.
    tried: Option<Instant>,
}

impl Keeper {
    /// Opens the files of a data directory, and takes over their writing where it may.
    pub(super) fn open(data: &Path, read_only: bool) -> Result<Self, ExperimentError> {
        let registry = Registry::open(data)?;
        let keeper = Self::without_files(data, read_only, registry, "it only reads")?;
        if read_only {
            keeper.read_secret()?;
            return Ok(keeper);
        }
        let taken = keeper.take_over(&mut keeper.writing());
        match taken {
            Ok(()) => Ok(keeper),
            Err(Refused::Elsewhere(reason)) => {
                keeper.writing().reason = reason;
                keeper.read_secret()?;
                Ok(keeper)
            }
            Err(Refused::Failed(error)) => Err(error),
        }
    }

    /// Without files: no experiments, nothing that is kept.
    pub(super) fn unavailable(data: &Path, why: &str) -> Result<Self, ExperimentError> {
        Self::without_files(data, true, Registry::empty(data), why)
    }

    fn without_files(
        data: &Path,
        read_only: bool,
        registry: Registry,
        why: &str,
    ) -> Result<Self, ExperimentError> {
        let keeper = Self {
            data: data.to_path_buf(),
            read_only,
            ledger: Mutex::new(Writing {
                ledger: None,
                reason: why.to_owned(),
                tried: None,
            }),
            state: Mutex::default(),
            secret: ArcSwap::from_pointee(files::random()?),
            writes: AtomicBool::new(false),
            healthy: AtomicBool::new(false),
            registry: RwLock::new(registry),
        };
        keeper.fit_tallies(&keeper.registry());
        Ok(keeper)
    }

    fn dir(&self) -> PathBuf {
        self.data.join("experiments")
    }

    fn writing(&self) -> MutexGuard<'_, Writing> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn registry_mut(&self) -> RwLockWriteGuard<'_, Registry> {
        self.registry.write().unwrap_or_else(PoisonError::into_inner)
    }

    /// The definitions.
    pub(super) fn registry(&self) -> RwLockReadGuard<'_, Registry> {
        self.registry.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The counts.
    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What ids are sealed with.
    pub(super) fn secret(&self) -> [u8; 32] {
        **self.secret.load()
    }

    /// Whether what is counted reaches the disk.
    pub(super) fn is_durable(&self) -> bool {
        self.writes.load(Ordering::Acquire) && self.healthy.load(Ordering::Acquire)
    }

    fn read_secret(&self) -> Result<(), ExperimentError> {
        if let Some(secret) = files::read_secret(&self.dir())? {
            self.secret.store(Arc::new(secret));
        }
        Ok(())
    }

    /// Takes the lock, reads the counts, adds what was counted in memory until now, and writes from here on.
    fn take_over(&self, writing: &mut Writing) -> Result<(), Refused> {
        let dir = self.dir();
        let lock = lock(&dir)?;
        let secret = files::read_or_make_secret(&dir)?;
        let mut registry = self.registry_mut();
        *registry = Registry::open(&self.data)?;
        let (mut ledger, tallies) = Ledger::open(&dir, lock)?;
        self.secret.store(Arc::new(secret));
        let counts = self.adopt(&registry, tallies, &mut ledger);
        self.writes.store(true, Ordering::Release);
        drop(registry);
        if let Some(Err(error)) = counts.map(|counts| ledger.write_all(&counts)) {
            tracing::error!(%error, "counts of experiments are kept in memory until they can be written");
            ledger.broken = true;
        }
        self.healthy.store(!ledger.broken, Ordering::Release);
        writing.ledger = Some(ledger);
        Ok(())
    }

    /// Makes what the files had the counts of this process; returns all of them where memory had more.
    fn adopt(&self, registry: &Registry, tallies: Tallies, ledger: &mut Ledger) -> Option<Vec<u8>> {
        let mut state = self.state();
        let counted = std::mem::replace(&mut state.tallies, tallies);
        fit(&mut state, registry);
        let mut more = false;
        for (key, tally) in counted {
            more |= tally.exposures() > 0;
            if let Some(known) = state.tallies.get_mut(&key) {
                known.absorb(&tally);
            }
        }
        state.count_units();
        ledger.synced = state.pending.changes;
        drop(state.pending.take());
        state.pending.kept = true;
        more.then(|| counts_file(&state.tallies))
    }

    /// A process that does not write sees what another one defined.
    pub(super) fn look(&self) {
        if self.writes.load(Ordering::Acquire) || !self.registry().is_stale() {
            return;
        }
        let mut registry = self.registry_mut();
        match Registry::open(&self.data) {
            Ok(read) => *registry = read,
            Err(error) => {
                registry.set_seen();
                tracing::warn!(%error, "the definitions of experiments cannot be read again");
            }
        }
        self.fit_tallies(&registry);
        if let Err(error) = self.read_secret() {
            tracing::warn!(%error, "recommendation ids of other processes are not recognized");
        }
    }

    /// Every generation that is defined has counts, and no other one.
    fn fit_tallies(&self, registry: &Registry) {
        fit(&mut self.state(), registry);
    }

    /// Whether this process may change definitions; the error says why not.
    pub(super) fn check_writes(&self) -> Result<(), ExperimentError> {
        if self.writes.load(Ordering::Acquire) {
            return Ok(());
        }
        let reason = self.writing().reason.clone();
        Err(ExperimentError::ReadOnly { reason })
    }

    /// Defines an experiment, durably; says whether it is new, and what it was before.
    pub(super) fn put(
        &self,
        name: &str,
        definition: Definition,
        restart: bool,
        now_ms: i64,
    ) -> Result<(Arc<Experiment>, Option<Arc<Experiment>>), ExperimentError> {
        self.check_writes()?;
        let mut registry = self.registry_mut();
        let before = registry.experiments.get(name).cloned();
        let next = registry.next(name, definition, restart, now_ms)?;
        if let Some(before) = before.as_ref().filter(|_| !restart) {
            self.check_counted(before, &next.definition)?;
        }
        let experiment = registry.put(next)?;
        self.fit_tallies(&registry);
        Ok((experiment, before))
    }

    fn check_counted(&self, before: &Experiment, after: &Definition) -> Result<(), ExperimentError> {
        let exposures = self.state().tallies.get(&key(before)).map_or(0, Tally::exposures);
        match before.definition.incomparable(after) {
            Some(field) if exposures > 0 => Err(ExperimentError::Counted {
                name: before.name.clone(),
                field,
                exposures,
            }),
            _ => Ok(()),
        }
    }

    /// Removes an experiment and its counts, durably.
    pub(super) fn remove(&self, name: &str) -> Result<Arc<Experiment>, ExperimentError> {
        self.check_writes()?;
        let mut registry = self.registry_mut();
        let removed = registry.remove(name)?;
        self.fit_tallies(&registry);
        Ok(removed)
    }

    /// Counts an exposure; says whether it counts.
    pub(super) fn expose(&self, arm: Arm, unit: Option<u64>) -> bool {
        let mut state = self.state();
        let room = state.units < MAX_ALL_UNITS;
        let Some(tally) = state.tallies.get_mut(&(arm.experiment, arm.generation)) else {
            return false;
        };
        let told = tally.truncated;
        let record = match (tally.expose(arm.variant, unit, room), unit) {
            (Exposed::First, Some(unit)) => Some(Record::Exposed { arm, unit }),
            (Exposed::Refused, _) => (tally.truncated && !told).then_some(Record::Truncated { arm }),
            _ => Some(Record::Again { arm, times: 1 }),
        };
        state.units += usize::from(matches!(record, Some(Record::Exposed { .. })));
        let counts = !matches!(record, None | Some(Record::Truncated { .. }));
        if let Some(record) = record {
            state.pending.add(record);
        }
        counts
    }

    /// Counts an outcome; says whether it counts, and after which number of changes it is written.
    pub(super) fn outcome(&self, arm: Arm, unit: Option<u64>, kind: OutcomeKind, key: u64) -> (bool, u64) {
        let mut state = self.state();
        let Some(tally) = state.tallies.get_mut(&(arm.experiment, arm.generation)) else {
            return (false, 0);
        };
        let counts = tally.outcome(arm.variant, unit, kind, key);
        if counts {
            state.pending.add(Record::Outcome { arm, unit, kind, key });
        }
        (counts, state.pending.changes)
    }

    /// Takes note of a comparison.
    pub(super) fn compare(&self, arm: Arm, sums: super::shadow::ShadowSums) {
        let mut state = self.state();
        if let Some(tally) = state.tallies.get_mut(&(arm.experiment, arm.generation)) {
            tally.shadow.add(&sums);
            state.pending.add(Record::Shadow { arm, sums });
        }
    }

    /// Returns once that change is on the disk, where this process writes. Callers that come meanwhile share a write.
    pub(super) fn sync(&self, change: u64) {
        let mut writing = self.writing();
        match &mut writing.ledger {
            Some(ledger) if ledger.synced >= change => {}
            Some(ledger) if !ledger.broken => self.append(ledger),
            _ => drop(self.state().pending.take()),
        }
    }

    fn append(&self, ledger: &mut Ledger) {
        let (bytes, changes) = {
            let mut state = self.state();
            (state.pending.take(), state.pending.changes)
        };
        ledger.synced = changes;
        if let Err(error) = ledger.append(&bytes) {
            tracing::error!(%error, "counts of experiments are kept in memory until they can be written");
            self.healthy.store(false, Ordering::Release);
        }
    }

    /// What has to be done once in a while: writes what was counted, folds a long journal, mends what failed, and takes
    /// over from a process that has ended.
    pub(super) fn tend(&self) {
        self.sync(u64::MAX);
        let mut writing = self.writing();
        if writing.ledger.is_some() {
            self.tend_files(&mut writing);
        } else if !self.read_only
            && let Err(Refused::Failed(error)) = self.take_over(&mut writing)
        {
            tracing::debug!(%error, "the counts of experiments cannot be taken over");
        }
    }

    fn tend_files(&self, writing: &mut Writing) {
        let waits = writing.tried.is_some_and(|tried| tried.elapsed() < RETRY);
        let Some(ledger) = &mut writing.ledger else { return };
        if waits || !(ledger.broken || ledger.is_long()) {
            return;
        }
        let counts = {
            let mut state = self.state();
            ledger.synced = state.pending.changes;
            drop(state.pending.take());
            counts_file(&state.tallies)
        };
        let written = ledger.write_all(&counts);
        let broken = ledger.broken || written.is_err();
        ledger.broken = broken;
        self.healthy.store(!broken, Ordering::Release);
        writing.tried = broken.then(Instant::now);
        if let Err(error) = written {
            tracing::error!(%error, "all counts of experiments cannot be written");
        }
    }
}

/// What the counts of an experiment are kept under.
pub(super) fn key(experiment: &Experiment) -> Key {
    (name_hash(&experiment.name), experiment.generation)
}

fn fit(state: &mut State, registry: &Registry) {
    let defined = registry
        .experiments
        .values()
        .map(|experiment| (key(experiment), experiment.definition.variants.len()));
    let mut before = std::mem::take(&mut state.tallies);
    for (key, variants) in defined {
        let mut tally = before.remove(&key).unwrap_or_default();
        tally.variants.resize_with(variants, Default::default);
        state.tallies.insert(key, tally);
    }
    state.count_units();
}

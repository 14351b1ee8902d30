//! The definitions, in memory and in `experiments.json`.

use super::definition::{Definition, Experiment, check_name, shortened};
use super::token::name_hash;
use super::{ExperimentError, files};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Most experiments of a data directory; their names are labels of metrics.
pub const MAX_EXPERIMENTS: usize = 100;
const FILE: &str = "experiments.json";
const VERSION: u32 = 1;

/// What the file holds.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Content {
    version: u32,
    next_generation: u32,
    experiments: Vec<Experiment>,
}

/// By which a file is told from the one that took its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    bytes: u64,
    seconds: i64,
    nanoseconds: i64,
}

impl From<Metadata> for Stamp {
    fn from(file: Metadata) -> Self {
        Self {
            inode: file.ino(),
            bytes: file.len(),
            seconds: file.mtime(),
            nanoseconds: file.mtime_nsec(),
        }
    }
}

/// Every experiment, by name.
#[derive(Debug)]
pub(super) struct Registry {
    path: PathBuf,
    pub experiments: BTreeMap<String, Arc<Experiment>>,
    by_hash: HashMap<u64, Arc<Experiment>>,
    next_generation: u32,
    stamp: Option<Stamp>,
}

impl Registry {
    /// None at all, of a data directory.
    pub(super) fn empty(data: &Path) -> Self {
        Self {
            path: data.join(FILE),
            experiments: BTreeMap::new(),
            by_hash: HashMap::new(),
            next_generation: 1,
            stamp: None,
        }
    }

    /// Those that the file has; none where there is no file.
    pub(super) fn open(data: &Path) -> Result<Self, ExperimentError> {
        let mut registry = Self::empty(data);
        registry.stamp = registry.stamp_now();
        let bytes = match fs::read(&registry.path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(registry),
            Err(source) => return Err(ExperimentError::io(&registry.path, "read", source)),
        };
        let content = read(&registry.path, &bytes)?;
        registry.next_generation = content.next_generation;
        let experiments = content.experiments.into_iter();
        registry.set(
            experiments
                .map(|experiment| (experiment.name.clone(), Arc::new(experiment)))
                .collect(),
        );
        Ok(registry)
    }

    fn set(&mut self, experiments: BTreeMap<String, Arc<Experiment>>) {
        self.by_hash = experiments
            .values()
            .map(|experiment| (name_hash(&experiment.name), Arc::clone(experiment)))
            .collect();
        self.experiments = experiments;
    }

    /// Whether the file is another one than when it was read or written.
    pub(super) fn is_stale(&self) -> bool {
        self.stamp != self.stamp_now()
    }

    /// The file as it is now is not worth another look.
    pub(super) fn set_seen(&mut self) {
        self.stamp = self.stamp_now();
    }

    fn stamp_now(&self) -> Option<Stamp> {
        fs::metadata(&self.path).ok().map(Stamp::from)
    }

    /// The experiment of that name.
    pub(super) fn get(&self, name: &str) -> Result<&Arc<Experiment>, ExperimentError> {
        self.experiments
            .get(name)
            .ok_or_else(|| ExperimentError::Unknown {
                name: shortened(name),
                names: self.experiments.keys().cloned().collect(),
            })
    }

    /// The experiment of that hash.
    pub(super) fn by_hash(&self, hash: u64) -> Option<&Arc<Experiment>> {
        self.by_hash.get(&hash)
    }

    /// What `name` becomes with that definition: of a new generation where that is asked for or where what was counted
    /// would say nothing of it.
    pub(super) fn next(
        &self,
        name: &str,
        definition: Definition,
        restart: bool,
        now_ms: i64,
    ) -> Result<Experiment, ExperimentError> {
        check_name("experiment", name)?;
        definition.check()?;
        let before = self.experiments.get(name);
        if before.is_none() {
            self.check_new(name)?;
        }
        let kept = before.filter(|before| !restart && before.definition.incomparable(&definition).is_none());
        Ok(Experiment {
            name: name.to_owned(),
            generation: kept.map_or(self.next_generation, |kept| kept.generation),
            started_ms: kept.map_or(now_ms, |kept| kept.started_ms),
            definition,
        })
    }

    fn check_new(&self, name: &str) -> Result<(), ExperimentError> {
        if self.experiments.len() >= MAX_EXPERIMENTS {
            let detail =
                format!("there are {MAX_EXPERIMENTS} experiments already; delete one that has ended");
            return Err(ExperimentError::invalid("experiment", detail));
        }
        if self.by_hash.contains_key(&name_hash(name)) {
            let detail = "ids cannot tell this name from that of another experiment; choose another one";
            return Err(ExperimentError::invalid("experiment", detail));
        }
        Ok(())
    }

    /// Puts an experiment in its place, on the disk first.
    pub(super) fn put(&mut self, experiment: Experiment) -> Result<Arc<Experiment>, ExperimentError> {
        let experiment = Arc::new(experiment);
        let mut experiments = self.experiments.clone();
        experiments.insert(experiment.name.clone(), Arc::clone(&experiment));
        let next = self.next_generation.max(experiment.generation.saturating_add(1));
        self.write(experiments, next)?;
        Ok(experiment)
    }

    /// Takes an experiment away, on the disk first.
    pub(super) fn remove(&mut self, name: &str) -> Result<Arc<Experiment>, ExperimentError> {
        let removed = Arc::clone(self.get(name)?);
        let mut experiments = self.experiments.clone();
        experiments.remove(name);
        self.write(experiments, self.next_generation)?;
        Ok(removed)
    }

    fn write(
        &mut self,
        experiments: BTreeMap<String, Arc<Experiment>>,
        next_generation: u32,
    ) -> Result<(), ExperimentError> {
        let content = Content {
            version: VERSION,
            next_generation,
            experiments: experiments
                .values()
                .map(|experiment| (**experiment).clone())
                .collect(),
        };
        let bytes = serde_json::to_vec_pretty(&content)
            .map_err(|error| ExperimentError::io(&self.path, "write", std::io::Error::other(error)))?;
        files::replace(&self.path, &bytes)?;
        self.set(experiments);
        self.next_generation = next_generation;
        self.stamp = self.stamp_now();
        Ok(())
    }
}

fn read(path: &Path, bytes: &[u8]) -> Result<Content, ExperimentError> {
    #[derive(Deserialize)]
    struct Versioned {
        version: u32,
    }
    let damaged = |error: serde_json::Error| ExperimentError::damaged(path, error.to_string());
    let Versioned { version } = serde_json::from_slice(bytes).map_err(damaged)?;
    if version != VERSION {
        let detail = format!("it is of version {version}, this program reads version {VERSION}");
        return Err(ExperimentError::damaged(path, detail));
    }
    let content: Content = serde_json::from_slice(bytes).map_err(damaged)?;
    for experiment in &content.experiments {
        let checked = experiment.definition.check();
        checked.map_err(|error| {
            ExperimentError::damaged(path, format!("experiment {:?}: {error}", experiment.name))
        })?;
    }
    Ok(content)
}

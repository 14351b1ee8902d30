//! The jobs of a process: started, looked at, told to stop.

use super::{JobError, JobKind, JobState, JobStatus};
use serde_json::Value;
use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// As many jobs that have ended are remembered.
const HISTORY: usize = 100;

/// How a job that made nothing ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ended {
    /// It was told to stop.
    Canceled,
    /// It could not be done.
    Failed(String),
}

/// All jobs of a process. Clones are the same jobs.
#[derive(Clone, Default)]
pub struct Jobs(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Default)]
struct State {
    /// Oldest first.
    jobs: VecDeque<Job>,
    started: u64,
}

struct Job {
    status: JobStatus,
    cancel: Arc<AtomicBool>,
}

/// What the work of a job has of it: to say how far it is, and to hear that it is to stop.
pub struct Handle {
    jobs: Jobs,
    id: String,
    cancel: Arc<AtomicBool>,
}

impl Handle {
    /// The job is busy with `phase`, of which `share` (0 to 1) is done.
    pub fn at(&self, phase: &str, share: f64) {
        let mut state = self.jobs.state();
        if let Some(job) = state.find(&self.id) {
            if job.status.phase != phase {
                phase.clone_into(&mut job.status.phase);
            }
            job.status.progress = share.clamp(0.0, 1.0);
        }
    }

    /// Whether the job is to stop.
    #[must_use]
    pub fn canceled(&self) -> bool {
        self.cancel.load(Ordering::Relaxed)
    }
}

impl State {
    fn find(&mut self, id: &str) -> Option<&mut Job> {
        self.jobs.iter_mut().find(|job| job.status.id == id)
    }

    /// Forgets the oldest of those that have ended.
    fn forget(&mut self) {
        while self.jobs.len() > HISTORY {
            let ended = |job: &Job| job.status.state != JobState::Running;
            match self.jobs.iter().position(ended) {
                Some(at) => drop(self.jobs.remove(at)),
                None => return,
            }
        }
    }
}

impl Jobs {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts `work` on a thread of its own. Of one collection, jobs that make or
    /// remove snapshots run one at a time, and so do jobs of one kind.
    ///
    /// # Errors
    /// [`JobError::Busy`]; [`JobError::NoThread`].
    pub fn start(
        &self,
        kind: JobKind,
        collection: &str,
        work: impl FnOnce(&Handle) -> Result<Value, Ended> + Send + 'static,
    ) -> Result<JobStatus, JobError> {
        let (status, cancel) = self.enter(kind, collection)?;
        let handle = Handle {
            jobs: self.clone(),
            id: status.id.clone(),
            cancel,
        };
        let thread = std::thread::Builder::new().name(format!("alike-{}", kind.name()));
        let spawned = thread.spawn(move || {
            let result = catch_unwind(AssertUnwindSafe(|| work(&handle)));
            let result = result.unwrap_or_else(|panic| Err(Ended::Failed(said(panic.as_ref()))));
            handle.jobs.end(&handle.id, result);
        });
        match spawned {
            Ok(_detached) => Ok(status),
            Err(source) => {
                self.end(&status.id, Err(Ended::Failed(source.to_string())));
                Err(JobError::NoThread { source })
            }
        }
    }

    fn enter(&self, kind: JobKind, collection: &str) -> Result<(JobStatus, Arc<AtomicBool>), JobError> {
        let mut state = self.state();
        let rival = state.jobs.iter().find(|job| {
            let same = job.status.collection == collection && job.status.state == JobState::Running;
            let other = job.status.kind;
            same && (kind == other || kind.changes() && other.changes())
        });
        if let Some(rival) = rival {
            return Err(JobError::Busy {
                collection: collection.to_owned(),
                job: rival.status.id.clone(),
                kind: rival.status.kind,
            });
        }
        state.started += 1;
        let now = jiff::Timestamp::now();
        let status = JobStatus {
            id: format!("{}-{}", now.strftime("%Y%m%dT%H%M%SZ"), state.started),
            kind,
            collection: collection.to_owned(),
            state: JobState::Running,
            phase: "start".to_owned(),
            progress: 0.0,
            started: now.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string(),
            ended: None,
            error: None,
            result: None,
        };
        let cancel = Arc::new(AtomicBool::new(false));
        state.jobs.push_back(Job {
            status: status.clone(),
            cancel: Arc::clone(&cancel),
        });
        state.forget();
        Ok((status, cancel))
    }

    fn end(&self, id: &str, result: Result<Value, Ended>) {
        let mut state = self.state();
        if let Some(job) = state.find(id) {
            let status = &mut job.status;
            status.ended = Some(
                jiff::Timestamp::now()
                    .strftime("%Y-%m-%dT%H:%M:%S%.3fZ")
                    .to_string(),
            );
            match result {
                Ok(result) => {
                    status.state = JobState::Succeeded;
                    status.progress = 1.0;
                    status.result = Some(result);
                }
                Err(Ended::Canceled) => status.state = JobState::Canceled,
                Err(Ended::Failed(error)) => {
                    tracing::error!(job = id, collection = status.collection, error, "job failed");
                    status.state = JobState::Failed;
                    status.error = Some(error);
                }
            }
        }
        drop(state);
        self.0.ended.notify_all();
    }

    /// All that are remembered, newest first.
    #[must_use]
    pub fn list(&self) -> Vec<JobStatus> {
        let state = self.state();
        state.jobs.iter().rev().map(|job| job.status.clone()).collect()
    }

    /// One job.
    ///
    /// # Errors
    /// There is none of that id, or it is forgotten.
    pub fn get(&self, id: &str) -> Result<JobStatus, JobError> {
        let mut state = self.state();
        let job = state.find(id).ok_or_else(|| JobError::unknown(id))?;
        Ok(job.status.clone())
    }

    /// Tells a job to stop, which it does between two steps of its work; one that has ended stays as it is.
    ///
    /// # Errors
    /// There is none of that id, or it is forgotten.
    pub fn cancel(&self, id: &str) -> Result<JobStatus, JobError> {
        let mut state = self.state();
        let job = state.find(id).ok_or_else(|| JobError::unknown(id))?;
        job.cancel.store(true, Ordering::Relaxed);
        Ok(job.status.clone())
    }

    /// Tells all of them to stop and waits for their end, no longer than `patience`.
    pub fn stop_all(&self, patience: Duration) {
        let deadline = Instant::now() + patience;
        let mut state = self.state();
        for job in &state.jobs {
            job.cancel.store(true, Ordering::Relaxed);
        }
        let running = |state: &State| state.jobs.iter().any(|job| job.status.state == JobState::Running);
        while running(&state) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return;
            }
            let waited = self.0.ended.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Waits for the end of a job, no longer than `patience`; then it is as it is.
    ///
    /// # Errors
    /// There is none of that id, or it is forgotten.
    pub fn wait(&self, id: &str, patience: Duration) -> Result<JobStatus, JobError> {
        let deadline = Instant::now() + patience;
        let mut state = self.state();
        loop {
            let job = state.find(id).ok_or_else(|| JobError::unknown(id))?;
            let left = deadline.saturating_duration_since(Instant::now());
            if job.status.state != JobState::Running || left.is_zero() {
                return Ok(job.status.clone());
            }
            let waited = self.0.ended.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// What a panic said.
fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("a defect stopped it: {}", text.unwrap_or("it did not say why"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use std::sync::mpsc;

    const PATIENCE: Duration = Duration::from_secs(60);

    #[test]
    fn a_job_says_how_far_it_is_and_what_it_made() {
        let jobs = Jobs::default();
        let (go, wait) = mpsc::channel();
        let (told, heard) = mpsc::channel();
        let started = jobs
            .start(JobKind::Build, "c", move |handle| {
                handle.at("index", 0.5);
                told.send(()).unwrap();
                wait.recv().unwrap();
                Ok(json!({"snapshot": "s"}))
            })
            .unwrap();
        assert_eq!(
            (started.state, started.phase.as_str()),
            (JobState::Running, "start")
        );
        heard.recv().unwrap();
        let now = jobs.get(&started.id).unwrap();
        assert_eq!((now.phase.as_str(), now.progress), ("index", 0.5));
        go.send(()).unwrap();
        let ended = jobs.wait(&started.id, PATIENCE).unwrap();
        assert_eq!(ended.state, JobState::Succeeded);
        assert_eq!(ended.result, Some(json!({"snapshot": "s"})));
        assert!(ended.ended.is_some() && ended.error.is_none());
        assert_eq!(jobs.list(), [ended]);
    }

    #[test]
    fn a_collection_has_one_changing_job_at_a_time() {
        let jobs = Jobs::default();
        let (go, wait) = mpsc::channel::<()>();
        let first = jobs
            .start(JobKind::Build, "c", move |_| {
                wait.recv().unwrap();
                Ok(Value::Null)
            })
            .unwrap();
        let again = jobs.start(JobKind::Alter, "c", |_| Ok(Value::Null)).unwrap_err();
        assert!(again.to_string().contains(&first.id), "{again}");
        for (kind, collection) in [(JobKind::Verify, "c"), (JobKind::Build, "d")] {
            let other = jobs.start(kind, collection, |_| Ok(Value::Null)).unwrap();
            assert_eq!(jobs.wait(&other.id, PATIENCE).unwrap().state, JobState::Succeeded);
        }
        go.send(()).unwrap();
        assert_eq!(jobs.wait(&first.id, PATIENCE).unwrap().state, JobState::Succeeded);
        assert!(jobs.start(JobKind::Collect, "c", |_| Ok(Value::Null)).is_ok());
    }

    #[test]
    fn canceled_jobs_stop_and_panics_are_failures() {
        let jobs = Jobs::default();
        let endless = jobs
            .start(JobKind::Build, "c", |handle| {
                while !handle.canceled() {
                    std::thread::yield_now();
                }
                Err(Ended::Canceled)
            })
            .unwrap();
        jobs.cancel(&endless.id).unwrap();
        assert_eq!(
            jobs.wait(&endless.id, PATIENCE).unwrap().state,
            JobState::Canceled
        );
        let broken = jobs
            .start(JobKind::Build, "c", |_| -> Result<Value, Ended> {
                panic!("index out of bounds")
            })
            .unwrap();
        let ended = jobs.wait(&broken.id, PATIENCE).unwrap();
        assert_eq!(ended.state, JobState::Failed);
        assert!(ended.error.unwrap().contains("index out of bounds"));
        assert!(matches!(jobs.get("nothing"), Err(JobError::Unknown { .. })));
    }

    #[test]
    fn only_the_last_hundred_are_remembered() {
        let jobs = Jobs::default();
        let mut last = String::new();
        for _ in 0..HISTORY + 5 {
            let job = jobs.start(JobKind::Verify, "c", |_| Ok(Value::Null)).unwrap();
            last = job.id;
            jobs.wait(&last, PATIENCE).unwrap();
        }
        let list = jobs.list();
        assert_eq!((list.len(), &list[0].id), (HISTORY, &last));
    }
}

//! The one thread per collection that writes.

use super::desk::Desk;
use super::prepare::Prepared;
use super::queue::{Note, Queue, Submission, Verdict};
use super::rules::Rules;
use crate::engine::EngineError;
use crate::live::Sealed;
use crate::telemetry::Metrics;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Instant;

/// Takes changes of one collection, one commit after the other. Dropped, it finishes what waits and lets go of the log.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    /// Started by the first call.
    thread: Mutex<Option<JoinHandle<()>>>,
}

pub(crate) struct Shared {
    name: String,
    queue: Queue,
    desk: Mutex<Desk>,
    /// Rows are being sealed.
    sealing: AtomicBool,
    sealer: Arc<super::sealer::Sealer>,
    metrics: Arc<Metrics>,
    #[cfg(test)]
    taken: std::sync::atomic::AtomicUsize,
}

impl Writer {
    pub(crate) fn new(
        name: &str,
        desk: Desk,
        queue_changes: usize,
        sealer: Arc<super::sealer::Sealer>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                name: name.to_owned(),
                queue: Queue::new(queue_changes),
                desk: Mutex::new(desk),
                sealing: AtomicBool::new(false),
                sealer,
                metrics,
                #[cfg(test)]
                taken: std::sync::atomic::AtomicUsize::new(0),
            }),
            thread: Mutex::default(),
        }
    }

    /// Has changes made, and waits until they are or are not.
    ///
    /// # Errors
    /// The queue is full or closed; they are not made.
    pub(crate) fn submit(
        &self,
        changes: Vec<Prepared>,
        note: Option<Note>,
        rules: Arc<Rules>,
        deadline: Instant,
    ) -> Result<Verdict, EngineError> {
        self.start()?;
        let (submission, verdict) = Submission::new(changes, note, rules, deadline);
        self.shared.queue.push(submission)?;
        self.shared.report();
        verdict.recv().map_err(|_| EngineError::WritesOff {
            reason: "its writer has ended".to_owned(),
        })
    }

    /// The newest state and the log, between two commits.
    pub(crate) fn desk(&self) -> MutexGuard<'_, Desk> {
        self.shared.desk()
    }

    /// Starts sealing in the background where there is something to seal.
    pub(crate) fn look_for_sealing(&self) {
        self.shared.look_for_sealing();
    }

    /// Changes that wait.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        self.shared.queue.changes()
    }

    /// Calls that the writer's thread has taken.
    #[cfg(test)]
    pub(crate) fn taken(&self) -> usize {
        self.shared.taken.load(Ordering::Acquire)
    }

    fn start(&self) -> Result<(), EngineError> {
        let mut thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if thread.as_ref().is_some_and(|thread| !thread.is_finished()) {
            return Ok(());
        }
        let shared = Arc::clone(&self.shared);
        let named = std::thread::Builder::new().name("alike-writer".to_owned());
        let spawned = named.spawn(move || shared.run());
        *thread = Some(spawned.map_err(|error| EngineError::WritesOff {
            reason: format!("no thread can be started to write ({error}); the next call tries again"),
        })?);
        Ok(())
    }

    /// Takes nothing more, and returns when what waits is done.
    pub(crate) fn stop(&self) {
        self.shared.queue.close();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread
            && thread.join().is_err()
        {
            tracing::error!(collection = self.shared.name, "the writer has failed");
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop();
        // Rows that are being sealed may hold on to the rest for a while.
        self.desk().close("this process has stopped writing");
    }
}

impl Shared {
    fn run(self: Arc<Self>) {
        while let Some(batch) = self.queue.take() {
            self.report();
            #[cfg(test)]
            self.taken.fetch_add(batch.len(), Ordering::Release);
            self.desk().commit(batch);
            self.look_for_sealing();
        }
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn report(&self) {
        self.metrics.writes_waiting(&self.name, self.queue.changes());
    }

    fn look_for_sealing(self: &Arc<Self>) {
        if self.sealing.swap(true, Ordering::AcqRel) {
            return;
        }
        let desk = self.desk();
        let Some(order) = desk.live().sealing() else {
            self.sealing.store(false, Ordering::Release);
            return;
        };
        let folder = desk.sealing_folder();
        drop(desk);
        let shared = Arc::downgrade(self);
        self.sealer.seal(order, folder, move |sealed: Option<Sealed>| {
            let Some(shared) = shared.upgrade() else {
                return;
            };
            if let Some(sealed) = sealed {
                shared.desk().seal(sealed);
            }
            shared.sealing.store(false, Ordering::Release);
        });
    }
}

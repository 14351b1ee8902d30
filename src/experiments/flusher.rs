//! The thread that tends to the counts once a second.

use super::keeper::Keeper;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long an exposure may wait to be written.
const EVERY: Duration = Duration::from_secs(1);

#[derive(Default)]
struct Stop {
    told: Mutex<bool>,
    changed: Condvar,
}

impl Stop {
    /// Waits until it is time again; whether to stop instead.
    fn wait(&self) -> bool {
        let told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self.changed.wait_timeout_while(told, EVERY, |told| !*told);
        *waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// The thread; ends, after a last write, when dropped.
pub(super) struct Flusher {
    stop: Arc<Stop>,
    thread: Option<JoinHandle<()>>,
}

impl Flusher {
    /// Starts it.
    pub(super) fn start(keeper: &Arc<Keeper>) -> std::io::Result<Self> {
        let stop = Arc::new(Stop::default());
        let (keeper, told) = (Arc::clone(keeper), Arc::clone(&stop));
        let work = move || {
            while !told.wait() {
                keeper.tend();
            }
            keeper.sync(u64::MAX);
        };
        let thread = std::thread::Builder::new()
            .name("experiments".to_owned())
            .spawn(work)?;
        Ok(Self {
            stop,
            thread: Some(thread),
        })
    }
}

impl Drop for Flusher {
    fn drop(&mut self) {
        *self.stop.told.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.stop.changed.notify_all();
        if let Some(thread) = self.thread.take() {
            // A panic of the thread was reported when it happened.
            drop(thread.join());
        }
    }
}

//! What every handler shares, and the one way from async handlers to the synchronous engine.

use super::problem::Problem;
use crate::config::ServerSettings;
use crate::engine::Engine;
use crate::telemetry::Metrics;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::sync::Semaphore;

/// Shared by all handlers; cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Shared>);

struct Shared {
    engine: Engine,
    metrics: Arc<Metrics>,
    settings: ServerSettings,
    in_flight: Arc<Semaphore>,
    draining: AtomicBool,
}

impl App {
    /// An app that serves `engine`.
    #[must_use]
    pub fn new(engine: Engine, metrics: Arc<Metrics>, settings: ServerSettings) -> Self {
        let in_flight = Arc::new(Semaphore::new(settings.max_in_flight));
        Self(Arc::new(Shared {
            engine,
            metrics,
            settings,
            in_flight,
            draining: AtomicBool::new(false),
        }))
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.0.engine
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    pub(super) fn settings(&self) -> &ServerSettings {
        &self.0.settings
    }

    /// Whether the server has been told to stop.
    pub(super) fn draining(&self) -> bool {
        self.0.draining.load(Ordering::Relaxed)
    }

    pub(super) fn start_draining(&self) {
        self.0.draining.store(true, Ordering::Relaxed);
    }

    /// Runs engine work off the async threads. At most `max_in_flight` calls are admitted; the next one is told so at
    /// once instead of waiting in an unbounded queue. A place is held until its work is done, also when the caller has
    /// left or was told that it takes too long.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let limit = self.settings().max_in_flight;
        let Ok(place) = Arc::clone(&self.0.in_flight).try_acquire_owned() else {
            return Err(Problem::overloaded(limit));
        };
        let app = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            let _place = place;
            work(&app)
        });
        done.await.unwrap_or_else(|panic| Err(Problem::internal(&panic)))
    }
}

//! What every handler shares, and the one way from async handlers to the synchronous engine.

use super::cursors::Cursors;
use super::problem::Problem;
use super::shared::Answers;
use crate::config::ServerSettings;
use crate::engine::Engine;
use crate::rebuild::Maintenance;
use crate::telemetry::Metrics;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

/// Shared by all handlers; cheap to clone.
#[derive(Clone)]
pub struct App(Arc<Shared>);

struct Shared {
    engine: Arc<Engine>,
    maintenance: Maintenance,
    metrics: Arc<Metrics>,
    settings: ServerSettings,
    in_flight: Arc<Semaphore>,
    /// When it was told to stop.
    draining: watch::Sender<Option<Instant>>,
    cursors: Cursors,
    answers: Answers,
}

impl App {
    /// An app that serves `engine`, whose snapshots `maintenance` looks after.
    #[must_use]
    pub fn new(
        engine: Arc<Engine>,
        maintenance: Maintenance,
        metrics: Arc<Metrics>,
        settings: ServerSettings,
    ) -> Self {
        let in_flight = Arc::new(Semaphore::new(settings.max_in_flight));
        let cursors = Cursors::new(settings.scroll_ttl());
        let answers = Answers::new(Duration::from_millis(settings.trending_ttl_ms));
        Self(Arc::new(Shared {
            engine,
            maintenance,
            metrics,
            settings,
            in_flight,
            draining: watch::Sender::new(None),
            cursors,
            answers,
        }))
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.0.engine
    }

    pub(super) fn maintenance(&self) -> &Maintenance {
        &self.0.maintenance
    }

    pub(super) fn metrics(&self) -> &Metrics {
        &self.0.metrics
    }

    pub(super) fn settings(&self) -> &ServerSettings {
        &self.0.settings
    }

    /// Whether the server has been told to stop.
    pub(super) fn draining(&self) -> bool {
        self.0.draining.borrow().is_some()
    }

    pub(super) fn start_draining(&self) {
        self.0.draining.send_replace(Some(Instant::now()));
    }

    /// Ends when a call that could go on for ever has to be brought to an end: half of the time that requests in flight
    /// get after the server has been told to stop.
    pub(super) async fn stopping(&self) {
        // An error means that the sender is gone, which it is not while `self` is here.
        let mut draining = self.0.draining.subscribe();
        let told = {
            let told = draining.wait_for(Option::is_some).await;
            told.ok().and_then(|told| *told)
        };
        let end = told.unwrap_or_else(Instant::now) + self.settings().drain_timeout() / 2;
        tokio::time::sleep_until(end.into()).await;
    }

    /// Answers that are kept for everybody.
    pub(super) fn answers(&self) -> &Answers {
        &self.0.answers
    }

    /// The views that scrolls hold.
    pub(super) fn cursors(&self) -> &Cursors {
        &self.0.cursors
    }

    /// When work that begins now has to be done, so that its own word on that comes before the request's time limit.
    pub(super) fn deadline(&self) -> Instant {
        Instant::now() + self.settings().request_timeout() * 9 / 10
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
        self.work(place, work).await
    }

    /// As [`App::run`], but waits for a place as long as a request may take: for the parts of a call that is under way.
    pub(super) async fn run_part<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Self) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let free = Arc::clone(&self.0.in_flight).acquire_owned();
        match tokio::time::timeout(self.settings().request_timeout(), free).await {
            Ok(Ok(place)) => self.work(place, work).await,
            _ => Err(Problem::overloaded(self.settings().max_in_flight)),
        }
    }

    async fn work<T: Send + 'static>(
        &self,
        place: OwnedSemaphorePermit,
        work: impl FnOnce(&Self) -> Result<T, Problem> + Send + 'static,
    ) -> Result<T, Problem> {
        let app = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            let _place = place;
            work(&app)
        });
        done.await.unwrap_or_else(|panic| Err(Problem::internal(&panic)))
    }
}

//! One collection as it is served, and what is known of snapshots that cannot be.

use super::{EngineError, Stage, View};
use crate::changes::{Calls, Desk, Journal, Rules, Sealer, Writer};
use crate::live::Live;
use crate::log::{LogError, Position};
use crate::signals::Signals;
use crate::telemetry::Metrics;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A collection that is served: what readers see, and who writes.
pub(super) struct Serving {
    pub(super) stage: Arc<Stage>,
    pub(super) calls: Arc<Calls>,
    pub(super) writer: Writer,
}

/// What a collection starts with.
pub(super) struct Start {
    pub(super) live: Live,
    pub(super) rules: Rules,
    pub(super) journal: Journal,
    pub(super) calls: Arc<Calls>,
    pub(super) signals: Arc<Signals>,
}

/// How often a process that does not write looks for what another one wrote while somebody waits for it.
const FOLLOW_EVERY: Duration = Duration::from_millis(20);

impl Serving {
    pub(super) fn new(
        name: &str,
        start: Start,
        queue_changes: usize,
        sealer: Arc<Sealer>,
        metrics: Arc<Metrics>,
    ) -> Self {
        let rules = Arc::new(start.rules);
        let stage = Arc::new(Stage::new(name, start.signals, start.live.clone(), &rules));
        let desk = Desk::new(
            (start.live, rules),
            start.journal,
            Arc::clone(&start.calls),
            Arc::clone(&stage),
            Arc::clone(&metrics),
        );
        Self {
            stage,
            calls: start.calls,
            writer: Writer::new(name, desk, queue_changes, sealer, metrics),
        }
    }

    pub(super) fn view(&self) -> Arc<View> {
        self.stage.view()
    }

    /// Takes in what another process has written, where one does. Says whether the collection has to be opened again: what
    /// was served had been taken back.
    pub(super) fn follow(&self) -> Result<bool, EngineError> {
        // The desk is free again before anybody looks at what there is to seal.
        let followed = self.writer.desk().follow();
        match followed {
            Ok(()) => {
                self.writer.look_for_sealing();
                Ok(false)
            }
            Err(EngineError::Log(LogError::Withdrawn { .. })) => Ok(true),
            Err(error) => Err(error),
        }
    }

    /// Waits until the newest view contains `least`; says whether it does before `deadline`.
    pub(super) fn wait(&self, least: Position, deadline: Instant) -> Result<bool, EngineError> {
        while self.stage.check_on().is_err() {
            self.follow()?;
            let soon = deadline.min(Instant::now() + FOLLOW_EVERY);
            if self.stage.wait(least, soon) {
                return Ok(true);
            }
            if soon == deadline {
                return Ok(false);
            }
        }
        Ok(self.stage.wait(least, deadline))
    }
}

/// What one collection name stands for at the moment.
#[derive(Clone, Default)]
pub(super) struct Slot {
    pub(super) serving: Option<Arc<Serving>>,
    /// The snapshot that was refused last, and why.
    pub(super) refused: Option<Refusal>,
}

#[derive(Clone)]
pub(super) struct Refusal {
    pub(super) snapshot: String,
    pub(super) reason: String,
    /// Whether trying again is pointless: the files themselves are wrong.
    lasting: bool,
    since: Instant,
}

/// After this long, a snapshot that was refused for a reason that may pass (no memory, no model yet) is tried again.
const RETRY_AFTER: Duration = Duration::from_secs(5);

impl Refusal {
    pub(super) fn new(snapshot: String, error: &EngineError) -> Self {
        let reason = match error {
            EngineError::Refused { reason, .. } => reason.clone(),
            error => error.to_string(),
        };
        Self {
            snapshot,
            reason,
            lasting: error.is_lasting(),
            since: Instant::now(),
        }
    }

    pub(super) fn is_due(&self) -> bool {
        !self.lasting && self.since.elapsed() >= RETRY_AFTER
    }
}

//! What readers of a collection see: the newest view, and who waits for a newer one.

use super::{EngineError, View};
use crate::changes::Rules;
use crate::live::Live;
use crate::log::Position;
use crate::signals::Signals;
use arc_swap::ArcSwap;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Instant;

/// The newest view of a collection, with the rules for its changes.
pub(crate) struct Stage {
    name: Arc<str>,
    signals: Arc<Signals>,
    current: ArcSwap<Current>,
    /// The position of the newest view.
    reached: Mutex<Position>,
    moved: Condvar,
    /// Why nothing can be written here at the moment.
    off: Mutex<Option<String>>,
}

/// A view and its rules.
pub(crate) struct Current {
    pub(crate) view: Arc<View>,
    pub(crate) rules: Arc<Rules>,
}

impl Current {
    fn new(name: &Arc<str>, signals: &Arc<Signals>, live: Live, rules: &Arc<Rules>) -> Self {
        let encoder = rules.encoder().cloned();
        let view = View::new(Arc::clone(name), live, encoder, Arc::clone(signals));
        Self {
            view: Arc::new(view),
            rules: Arc::clone(rules),
        }
    }
}

impl Stage {
    pub(crate) fn new(name: &str, signals: Arc<Signals>, live: Live, rules: &Arc<Rules>) -> Self {
        let name = Arc::from(name);
        let reached = Mutex::new(live.position());
        Self {
            current: ArcSwap::from_pointee(Current::new(&name, &signals, live, rules)),
            name,
            signals,
            reached,
            moved: Condvar::new(),
            off: Mutex::default(),
        }
    }

    /// Shows a newer state from now on.
    pub(crate) fn show(&self, live: Live, rules: &Arc<Rules>) {
        let position = live.position();
        let current = Current::new(&self.name, &self.signals, live, rules);
        self.current.store(Arc::new(current));
        *self.reached.lock().unwrap_or_else(PoisonError::into_inner) = position;
        self.moved.notify_all();
    }

    pub(crate) fn current(&self) -> Arc<Current> {
        self.current.load_full()
    }

    pub(crate) fn view(&self) -> Arc<View> {
        Arc::clone(&self.current.load().view)
    }

    /// Waits until the newest view contains `least`, at most until `until`; says whether it does.
    pub(crate) fn wait(&self, least: Position, until: Instant) -> bool {
        let mut reached = self.reached.lock().unwrap_or_else(PoisonError::into_inner);
        while *reached < least {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let woken = self.moved.wait_timeout(reached, left);
            reached = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Says why nothing can be written, or that something can.
    pub(crate) fn set_off(&self, reason: Option<&str>) {
        let mut off = self.off.lock().unwrap_or_else(PoisonError::into_inner);
        if off.as_deref() != reason {
            *off = reason.map(str::to_owned);
        }
    }

    /// Whether changes can be taken at the moment.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn check_on(&self) -> Result<(), EngineError> {
        let off = self.off.lock().unwrap_or_else(PoisonError::into_inner);
        match &*off {
            None => Ok(()),
            Some(reason) => Err(EngineError::WritesOff {
                reason: reason.clone(),
            }),
        }
    }
}

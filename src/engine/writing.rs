//! Changes of items, as calls bring them.

use super::serving::Serving;
use super::stage::Current;
use super::{Engine, EngineError, View};
use crate::changes::{
    Action, CallStart, Calls, Change, Counts, Encoded, Key, MAX_TOGETHER, Note, Outcome, Prepared, Ready,
    Verdict, WriteOptions, Written, prepare, read_answer,
};
use crate::log::Position;
use crate::telemetry::Committed;
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// When a call that found the live part full is to come again: a snapshot has to be built first.
const RETRY_WHEN_FULL_S: u64 = 5;

/// A call with a key that is at work; given up when dropped, unless it is noted.
struct AtWork<'a> {
    calls: &'a Calls,
    key: &'a Key,
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.calls.abandon(self.key);
    }
}

impl Engine {
    /// Makes at most [`MAX_TOGETHER`] changes as one commit, durable and visible when this returns. A change that is wrong
    /// is rejected by itself and does not keep the others from being made.
    ///
    /// # Errors
    /// Nothing was done: [`EngineError::Full`], [`EngineError::DiskLow`], [`EngineError::WritesOff`],
    /// [`EngineError::Conflict`], [`EngineError::KeyReused`], [`EngineError::KeyInProgress`], the model fails, or there is
    /// no such collection.
    #[allow(
        clippy::needless_pass_by_value,
        reason = "changes are made once: who sends them has no more use for them"
    )]
    pub fn write(
        &self,
        collection: &str,
        changes: Vec<Change>,
        options: &WriteOptions,
    ) -> Result<Written, EngineError> {
        let serving = self.serving(collection)?;
        if changes.len() > MAX_TOGETHER {
            let detail = format!(
                "{} changes are more than {MAX_TOGETHER}; send them in parts",
                changes.len()
            );
            return Err(EngineError::invalid("items", detail));
        }
        let Some(key) = &options.key else {
            return self.make(&serving, &changes, None, options.deadline);
        };
        match serving.calls.begin(key)? {
            CallStart::Answered(answer) => return read_answer(&answer, &key.name),
            CallStart::InProgress => {
                return Err(EngineError::KeyInProgress {
                    key: key.name.clone(),
                });
            }
            CallStart::New => {}
        }
        let _at_work = AtWork {
            calls: &serving.calls,
            key,
        };
        self.make(&serving, &changes, Some(key), options.deadline)
    }

    /// Prepares and submits until nothing came between.
    fn make(
        &self,
        serving: &Serving,
        changes: &[Change],
        key: Option<&Key>,
        deadline: Instant,
    ) -> Result<Written, EngineError> {
        let adds = changes
            .iter()
            .any(|change| !matches!(change, Change::Delete { .. }));
        self.check_room(serving, adds)?;
        let mut encoded = Encoded::default();
        loop {
            let current = serving.stage.current();
            let prepared = prepare(&current.rules, current.view.live(), changes, &mut encoded)?;
            if key.is_none()
                && prepared
                    .iter()
                    .all(|change| matches!(change, Prepared::Settled(_)))
            {
                return Ok(self.nothing_to_do(&current, prepared));
            }
            let note = key.cloned().map(Note::Outcomes);
            let rules = Arc::clone(&current.rules);
            match serving.writer.submit(prepared, note, rules, deadline)? {
                Verdict::Written(written) => return Ok(written),
                Verdict::Refused(error) => return Err(error),
                Verdict::Again { id } if Instant::now() >= deadline => {
                    return Err(EngineError::Conflict { id: id.into() });
                }
                Verdict::Again { .. } => {}
            }
        }
    }

    /// The answer where every change is settled without a commit.
    fn nothing_to_do(&self, current: &Current, prepared: Vec<Prepared>) -> Written {
        let mut counts = Counts::default();
        let outcome = |change| match change {
            Prepared::Settled(outcome) => Some(outcome),
            Prepared::Ready(_) => None,
        };
        let outcomes: Vec<Outcome> = prepared.into_iter().filter_map(outcome).collect();
        outcomes.iter().for_each(|outcome| counts.add(outcome));
        self.metrics.committed(&Committed {
            collection: current.view.collection(),
            callers: 0,
            counts,
            synced: Duration::ZERO,
            took: Duration::ZERO,
        });
        Written {
            position: current.view.position(),
            outcomes,
        }
    }

    /// Whether there is room for changes, on disk and, for those that take some, in memory.
    pub(super) fn check_room(&self, serving: &Serving, adds: bool) -> Result<(), EngineError> {
        serving.stage.check_on()?;
        self.check_disk(&self.data)?;
        let view = serving.view();
        if adds && self.is_full(&view) {
            return Err(EngineError::Full {
                what: format!(
                    "the changes of collection {:?} since its snapshot take {} bytes of memory, `[live] max_bytes` is {}; a new snapshot has to take them in",
                    view.collection(),
                    view.live().bytes(),
                    self.writes.live_bytes
                ),
                retry_after: RETRY_WHEN_FULL_S,
            });
        }
        Ok(())
    }

    /// Whether this process would take items of a collection now; the error says why it would not.
    ///
    /// # Errors
    /// [`EngineError::WritesOff`], [`EngineError::DiskLow`], [`EngineError::Full`], or no such collection.
    pub fn check_writable(&self, collection: &str) -> Result<(), EngineError> {
        let serving = self.serving(collection)?;
        self.check_room(&serving, true)
    }

    /// Whether a collection takes no more items until a new snapshot has taken in those that came since the last.
    #[must_use]
    pub fn is_full(&self, view: &View) -> bool {
        view.live().bytes() as u64 >= self.writes.live_bytes
    }

    /// Whether there is room on the disk of `dir`, or of the folder above it where it isn't there.
    pub(super) fn check_disk(&self, dir: &Path) -> Result<(), EngineError> {
        let least = self.writes.min_free_bytes;
        // Where the system does not say, the write itself will.
        let Some(free) = dir.ancestors().find_map(free_bytes) else {
            return Ok(());
        };
        if free < least {
            return Err(EngineError::DiskLow { free, least });
        }
        Ok(())
    }

    /// Starts a call in several parts that has an idempotency key. A call that is [`CallStart::New`] must be ended by
    /// [`Engine::end_call`] or given up by [`Engine::abandon_call`].
    ///
    /// # Errors
    /// [`EngineError::KeyReused`], or no such collection.
    pub fn begin_call(&self, collection: &str, key: &Key) -> Result<CallStart, EngineError> {
        self.serving(collection)?.calls.begin(key)
    }

    /// Notes what a call in several parts was answered; durable when this returns, and given to whoever sends the same
    /// call again within a day.
    ///
    /// # Errors
    /// As [`Engine::write`]; the call is then as good as given up.
    pub fn end_call(
        &self,
        collection: &str,
        key: &Key,
        answer: &str,
        deadline: Instant,
    ) -> Result<Position, EngineError> {
        let serving = self.serving(collection)?;
        let _at_work = AtWork {
            calls: &serving.calls,
            key,
        };
        self.check_room(&serving, false)?;
        loop {
            let note = Note::Answer(key.clone(), answer.into());
            let rules = Arc::clone(&serving.stage.current().rules);
            match serving.writer.submit(Vec::new(), Some(note), rules, deadline)? {
                Verdict::Written(written) => return Ok(written.position),
                Verdict::Refused(error) => return Err(error),
                // The snapshot has been swapped.
                Verdict::Again { .. } => {}
            }
        }
    }

    /// A call that was started is given up: the next one with its key starts anew. One that was ended stays so.
    pub fn abandon_call(&self, collection: &str, key: &Key) {
        if let Ok(serving) = self.serving(collection) {
            serving.calls.abandon(key);
        }
    }

    /// Deletes every item that passes `filter`, and says how many and the position at which they are gone. Items that come
    /// to pass while it works may be deleted, too; none is that did not pass when it was.
    ///
    /// # Errors
    /// As [`Engine::write`], and where the filter is wrong. What was deleted before the error stays deleted.
    pub fn delete_matching(
        &self,
        collection: &str,
        filter: &Value,
        deadline: Instant,
    ) -> Result<(usize, Position), EngineError> {
        let serving = self.serving(collection)?;
        self.check_room(&serving, false)?;
        let mut deleted = 0;
        loop {
            let current = serving.stage.current();
            let mut doomed = matching(&current.view, filter)?;
            if doomed.is_empty() {
                return Ok((deleted, current.view.position()));
            }
            let mut done = None;
            while !doomed.is_empty() {
                let part = doomed.split_off(doomed.len().saturating_sub(MAX_TOGETHER));
                let rules = Arc::clone(&current.rules);
                match serving.writer.submit(part, None, rules, deadline)? {
                    Verdict::Written(written) => {
                        let is_deleted = |outcome: &&Outcome| matches!(outcome, Outcome::Deleted);
                        deleted += written.outcomes.iter().filter(is_deleted).count();
                        done = Some(written.position);
                    }
                    Verdict::Refused(error) => return Err(error),
                    Verdict::Again { id } if Instant::now() >= deadline => {
                        return Err(EngineError::Conflict { id: id.into() });
                    }
                    // Some of them have changed: which ones pass now?
                    Verdict::Again { .. } => {
                        done = None;
                        break;
                    }
                }
            }
            if let Some(position) = done {
                return Ok((deleted, position));
            }
        }
    }

    /// The view of a collection once it contains the position `least`.
    ///
    /// # Errors
    /// [`EngineError::PositionNotReached`] at the deadline, or no such collection.
    pub fn view_at(
        &self,
        collection: &str,
        least: Option<Position>,
        deadline: Instant,
    ) -> Result<Arc<View>, EngineError> {
        let serving = self.serving(collection)?;
        let view = serving.view();
        match least {
            Some(wanted) if wanted > view.position() => {
                drop(view);
                let reached = serving.wait(wanted, deadline)?;
                let view = serving.view();
                if reached {
                    return Ok(view);
                }
                let at = view.position();
                Err(EngineError::PositionNotReached { wanted, at })
            }
            _ => Ok(view),
        }
    }

    /// Forgets log records of a collection at and below `through`, as far as that is cheap.
    ///
    /// # Errors
    /// The log cannot be written here.
    pub fn truncate_log(&self, collection: &str, through: Position) -> Result<(), EngineError> {
        let serving = self.serving(collection)?;
        let mut desk = serving.writer.desk();
        desk.truncate(through)
    }
}

/// Deletions of what passes, each good only while the item is as it is.
fn matching(view: &View, filter: &Value) -> Result<Vec<Prepared>, EngineError> {
    let filter = view.filter(Some(filter))?;
    let selection = view.live().select(filter.as_ref());
    let items = view.live().items_after(&selection, None);
    items
        .map(|item| {
            let item = item.map_err(|error| view.unreadable(&error))?;
            Ok(Prepared::Ready(Ready {
                id: item.id.into(),
                action: Action::Delete,
                version: Some(item.version),
            }))
        })
        .collect()
}

fn free_bytes(dir: &Path) -> Option<u64> {
    let disk = rustix::fs::statvfs(dir).ok()?;
    Some(disk.f_bavail.saturating_mul(disk.f_frsize))
}

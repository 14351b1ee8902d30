//! Calls that wait for the writer.

use super::prepare::Prepared;
use super::rules::Rules;
use super::{Key, Written};
use crate::engine::EngineError;
use crate::log::MAX_FRAME_BYTES;
use std::collections::VecDeque;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Most changes of one commit: as many as are applied in some milliseconds.
const MOST_TOGETHER: usize = 4_096;
/// Most bytes of one commit, but for one call alone: notes come on top.
const MOST_BYTES: usize = MAX_FRAME_BYTES / 4 * 3;

/// The changes of one call.
pub(crate) struct Submission {
    pub(crate) changes: Vec<Prepared>,
    pub(crate) note: Option<Note>,
    /// What they were prepared under.
    pub(crate) rules: Arc<Rules>,
    /// They are not made later than this.
    pub(crate) deadline: Instant,
    /// What its records take, at most.
    bytes: usize,
    reply: SyncSender<Verdict>,
}

/// What is noted about a call.
pub(crate) enum Note {
    /// That it made these changes, and what became of them.
    Outcomes(Key),
    /// That it was answered so.
    Answer(Key, Box<str>),
}

/// What the writer says.
#[derive(Debug)]
pub(crate) enum Verdict {
    /// They are made.
    Written(Written),
    /// None is made: this item is not what it was when they were prepared.
    Again { id: Box<str> },
    /// None is made.
    Refused(EngineError),
}

impl Submission {
    pub(crate) fn new(
        changes: Vec<Prepared>,
        note: Option<Note>,
        rules: Arc<Rules>,
        deadline: Instant,
    ) -> (Self, Receiver<Verdict>) {
        let (reply, verdict) = sync_channel(1);
        let submission = Self {
            bytes: changes.iter().map(Prepared::bytes).sum(),
            changes,
            note,
            rules,
            deadline,
            reply,
        };
        (submission, verdict)
    }

    /// As what it counts in the queue: a note is a change, too.
    fn size(&self) -> usize {
        self.changes.len().max(1)
    }

    pub(crate) fn answer(&self, verdict: Verdict) {
        // Who left does not hear it.
        let _left = self.reply.try_send(verdict);
    }
}

/// First come, first served; bounded.
pub(crate) struct Queue {
    waiting: Mutex<Waiting>,
    more: Condvar,
    limit: usize,
}

#[derive(Default)]
struct Waiting {
    submissions: VecDeque<Submission>,
    changes: usize,
    closed: bool,
}

impl Queue {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            waiting: Mutex::default(),
            more: Condvar::new(),
            limit,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a call at the end. An empty queue takes a call of any size.
    ///
    /// # Errors
    /// It is full, or closed.
    pub(crate) fn push(&self, submission: Submission) -> Result<(), EngineError> {
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(EngineError::WritesOff {
                reason: "it is stopping, or the collection is being dropped".to_owned(),
            });
        }
        let changes = waiting.changes + submission.size();
        if waiting.changes > 0 && changes > self.limit {
            return Err(EngineError::Full {
                what: format!(
                    "{} changes wait to be written, at most {} may (`[writes] queue_changes`)",
                    waiting.changes, self.limit
                ),
                retry_after: 1,
            });
        }
        waiting.changes = changes;
        waiting.submissions.push_back(submission);
        drop(waiting);
        self.more.notify_one();
        Ok(())
    }

    /// Takes what waits, as much as one commit takes; waits for something. None: it is closed and empty.
    pub(crate) fn take(&self) -> Option<Vec<Submission>> {
        let mut waiting = self.lock();
        while waiting.submissions.is_empty() {
            if waiting.closed {
                return None;
            }
            waiting = self.more.wait(waiting).unwrap_or_else(PoisonError::into_inner);
        }
        let (mut taken, mut changes, mut bytes) = (Vec::new(), 0, 0);
        while let Some(next) = waiting.submissions.front()
            && (taken.is_empty()
                || changes + next.size() <= MOST_TOGETHER && bytes + next.bytes <= MOST_BYTES)
        {
            changes += next.size();
            bytes += next.bytes;
            taken.extend(waiting.submissions.pop_front());
        }
        waiting.changes -= changes;
        Some(taken)
    }

    /// Changes that wait.
    pub(crate) fn changes(&self) -> usize {
        self.lock().changes
    }

    /// Takes nothing more; what waits is still done.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.more.notify_all();
    }
}

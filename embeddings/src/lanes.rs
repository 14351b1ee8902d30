//! Two lanes of callers share sessions and batches: whoever gets a session takes others' texts along.
//!
//! A call that finds a session idle runs at once, on its own thread. Else it joins its lane's queue. Whoever returns a
//! session hands it to the oldest call that waits; that call's thread leads: it adds waiting texts of like length to its
//! own until the batch is full, runs it, and answers the others. So every call that waits is the next leader, or a mate
//! in somebody's batch: there is no other thread, and no timer but [`linger`](crate::EncoderSettings::linger).
//!
//! - A batch that fails is repeated call by call, so that an error or a panic reaches only whoever caused it.
//! - A call waits for at most as many batches of its lane as calls were in the queue before it, for the oldest is in every
//!   batch; one that was passed over [`MOST_PASSES`] times in favor of later ones is considered before them.
//! - Documents start only while no query waits or runs, or after the queries that started since the last batch of
//!   documents have [`QUERY_SHARE`] times the tokens of a full batch: documents always get on.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::batch::{BatchLimit, Size};
use crate::queue::{Queues, Ticket, Turn};
use crate::tokenizer::Tokens;
use crate::{EmbeddingError, Lane, LaneState, Result};

#[cfg(doc)]
use crate::queue::{MOST_PASSES, QUERY_SHARE};

/// What runs batches: a session.
pub(crate) trait Worker: Send {
    /// One row of numbers per text, all of one length, one after the other. An error names a text's position.
    fn run(&mut self, texts: &[Arc<Tokens>]) -> Result<Vec<f32>>;
}

/// What a call comes to: its rows, its error, or the panic that it caused.
type Outcome = std::thread::Result<Result<Vec<f32>>>;

/// How much may wait, and how long for company.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    pub batch: BatchLimit,
    pub linger: Duration,
    pub queue_tokens: usize,
}

/// Whether a call may wait where much waits already.
pub(crate) enum Admission<'a, S: Worker> {
    /// Refused where the queue is full.
    Limited,
    /// Part of a call that has been admitted as a whole.
    Pledged(&'a Pledge<'a, S>),
    /// Waits however long it takes.
    Patient,
}

/// Sessions, and the calls that share them.
pub(crate) struct Lanes<S: Worker> {
    queues: Mutex<Queues<S, Outcome>>,
    /// A query joined the queue: a leader that lingers looks again.
    joined: Condvar,
    limits: Limits,
}

impl<S: Worker> Lanes<S> {
    /// Sessions of each lane; where a lane has none it shares the other's.
    pub fn new(queries: Vec<S>, documents: Vec<S>, limits: Limits) -> Self {
        Self {
            queues: Mutex::new(Queues::new(queries, documents, limits.batch)),
            joined: Condvar::new(),
            limits,
        }
    }

    /// Sessions that a lane can use.
    pub fn sessions(&self, lane: Lane) -> usize {
        self.lock().sessions(lane)
    }

    /// How batches are filled.
    pub fn batch_limit(&self) -> BatchLimit {
        self.limits.batch
    }

    /// What a lane has done.
    pub fn state(&self, lane: Lane) -> LaneState {
        self.lock().state(lane)
    }

    /// The rows of `texts`, which go into one batch, as soon as it is their turn.
    ///
    /// # Errors
    /// [`EmbeddingError::Overloaded`]; what the session says of one of these texts.
    pub fn run(&self, lane: Lane, texts: &[Arc<Tokens>], admission: &Admission<'_, S>) -> Result<Vec<f32>> {
        match self.enter(lane, texts, admission)? {
            Entered::Session(mut session) => session.worker().run(texts),
            Entered::Queue(turn, since) => match turn.recv() {
                Ok(Turn::Lead(session)) => self.lead(Lease::new(self, lane, session), texts, since),
                Ok(Turn::Answer(outcome)) => outcome.unwrap_or_else(|panic| resume_unwind(panic)),
                // Only where a leader's thread died of something else than its batch.
                Err(_) => resume_unwind(Box::new("the thread that ran this text's batch is gone")),
            },
        }
    }

    /// Promises that `tokens` will wait in a lane, part by part.
    ///
    /// # Errors
    /// [`EmbeddingError::Overloaded`].
    pub fn pledge(&self, lane: Lane, tokens: usize) -> Result<Pledge<'_, S>> {
        let mut queues = self.lock();
        self.admit(&mut queues, lane, tokens)?;
        *queues.pledged(lane) += tokens;
        Ok(Pledge {
            lanes: self,
            lane,
            left: AtomicUsize::new(tokens),
        })
    }

    /// A session, or a place in the queue.
    fn enter(
        &self,
        lane: Lane,
        texts: &[Arc<Tokens>],
        admission: &Admission<'_, S>,
    ) -> Result<Entered<'_, S>> {
        let size = Size::of(texts);
        let mut queues = self.lock();
        if let Admission::Pledged(pledge) = admission {
            pledge.left.fetch_sub(size.tokens, Ordering::Relaxed);
            *queues.pledged(lane) -= size.tokens;
        }
        if let Some(session) = queues.take_idle(lane, size) {
            return Ok(Entered::Session(Lease::new(self, lane, session)));
        }
        if matches!(admission, Admission::Limited) {
            self.admit(&mut queues, lane, size.tokens)?;
        }
        let (reply, turn) = sync_channel(1);
        let since = Instant::now();
        let texts = texts.to_vec();
        queues.join(lane, Ticket::new(texts, size, since, reply));
        drop(queues);
        if lane == Lane::Queries {
            self.joined.notify_all();
        }
        Ok(Entered::Queue(turn, since))
    }

    /// A call that finds nothing waiting is admitted however large it is.
    fn admit(&self, queues: &mut Queues<S, Outcome>, lane: Lane, tokens: usize) -> Result<()> {
        let (before, limit) = (queues.state(lane).waiting_tokens, self.limits.queue_tokens);
        if before == 0 || before + tokens <= limit {
            return Ok(());
        }
        queues.refused(lane);
        Err(EmbeddingError::Overloaded {
            waiting: before + tokens,
            limit,
        })
    }

    /// Runs `texts` and mates on a session; answers the mates.
    fn lead(&self, mut session: Lease<'_, S>, texts: &[Arc<Tokens>], since: Instant) -> Result<Vec<f32>> {
        let lane = session.lane;
        let size = Size::of(texts);
        let mut queues = self.linger(self.lock(), lane, size, since);
        let mates = queues.start(lane, size, since);
        drop(queues);
        if mates.is_empty() {
            return session.worker().run(texts);
        }
        let mut outcomes = run_together(session.worker(), texts, &mates);
        // The next batch starts while this one's callers are told.
        drop(session);
        for (mate, outcome) in mates.into_iter().zip(outcomes.drain(1..)) {
            mate.tell(Turn::Answer(outcome));
        }
        let own = outcomes.pop().expect("the leader's own outcome is the first");
        own.unwrap_or_else(|panic| resume_unwind(panic))
    }

    /// A leader whose batch has room and who knows of others waits a little for more, counted from its own arrival.
    fn linger<'a>(
        &self,
        mut queues: MutexGuard<'a, Queues<S, Outcome>>,
        lane: Lane,
        size: Size,
        since: Instant,
    ) -> MutexGuard<'a, Queues<S, Outcome>> {
        let deadline = since + self.limits.linger;
        while lane == Lane::Queries && queues.has_room_beside_others(lane, size) {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            let woken = self.joined.wait_timeout(queues, left);
            queues = woken.unwrap_or_else(PoisonError::into_inner).0;
        }
        queues
    }

    fn lock(&self) -> MutexGuard<'_, Queues<S, Outcome>> {
        self.queues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

enum Entered<'a, S: Worker> {
    Session(Lease<'a, S>),
    Queue(Receiver<Turn<S, Outcome>>, Instant),
}

/// The outcomes of the leader's own texts and of each mate, in this order.
fn run_together<S: Worker>(
    worker: &mut S,
    own: &[Arc<Tokens>],
    mates: &[Ticket<S, Outcome>],
) -> Vec<Outcome> {
    let calls = || std::iter::once(own).chain(mates.iter().map(Ticket::texts));
    let all: Vec<Arc<Tokens>> = calls().flatten().cloned().collect();
    if let Ok(Ok(rows)) = attempt(worker, &all) {
        let width = rows.len() / all.len();
        let mut rest = rows.as_slice();
        let part = |texts: &[Arc<Tokens>]| {
            let (part, later) = rest.split_at(texts.len() * width);
            rest = later;
            Ok(Ok(part.to_vec()))
        };
        return calls().map(part).collect();
    }
    calls().map(|texts| attempt(worker, texts)).collect()
}

fn attempt<S: Worker>(worker: &mut S, texts: &[Arc<Tokens>]) -> Outcome {
    catch_unwind(AssertUnwindSafe(|| worker.run(texts)))
}

/// A session on loan; it goes to whoever is next when dropped.
struct Lease<'a, S: Worker> {
    lanes: &'a Lanes<S>,
    lane: Lane,
    /// Present until the lease is dropped.
    session: Option<S>,
}

impl<'a, S: Worker> Lease<'a, S> {
    fn new(lanes: &'a Lanes<S>, lane: Lane, session: S) -> Self {
        Self {
            lanes,
            lane,
            session: Some(session),
        }
    }

    fn worker(&mut self) -> &mut S {
        let session = self.session.as_mut();
        session.expect("a lease holds its session until it is dropped")
    }
}

impl<S: Worker> Drop for Lease<'_, S> {
    fn drop(&mut self) {
        if let Some(session) = self.session.take() {
            self.lanes.lock().give_back(self.lane, session);
        }
    }
}

/// Tokens of a call that are about to wait; what is left is forgotten when dropped.
pub(crate) struct Pledge<'a, S: Worker> {
    lanes: &'a Lanes<S>,
    lane: Lane,
    left: AtomicUsize,
}

impl<S: Worker> Drop for Pledge<'_, S> {
    fn drop(&mut self) {
        let left = *self.left.get_mut();
        if left > 0 {
            *self.lanes.lock().pledged(self.lane) -= left;
        }
    }
}

#[cfg(test)]
mod tests;

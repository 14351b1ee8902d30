//! What waits in the two lanes, what is idle, and who is next. No threads here: [`Lanes`](crate::lanes::Lanes) holds it
//! behind a lock.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, TrySendError};
use std::time::Instant;

use crate::batch::{BatchLimit, Size};
use crate::tokenizer::Tokens;
use crate::{Lane, LaneState};

/// A call is passed over this often in favor of later ones of better length; then it is taken before them.
pub(crate) const MOST_PASSES: u32 = 3;

/// Documents that wait get a batch after queries of this many full batches.
pub(crate) const QUERY_SHARE: usize = 8;

/// How a call that waits goes on.
pub(crate) enum Turn<S, O> {
    /// With this session it leads the next batch.
    Lead(S),
    /// Somebody's batch had its texts.
    Answer(O),
}

/// A call that waits.
pub(crate) struct Ticket<S, O> {
    texts: Vec<Arc<Tokens>>,
    size: Size,
    since: Instant,
    passes: u32,
    reply: SyncSender<Turn<S, O>>,
}

impl<S, O> Ticket<S, O> {
    /// `reply` has room for one turn, the only one it gets.
    pub fn new(texts: Vec<Arc<Tokens>>, size: Size, since: Instant, reply: SyncSender<Turn<S, O>>) -> Self {
        Self {
            texts,
            size,
            since,
            passes: 0,
            reply,
        }
    }

    pub fn texts(&self) -> &[Arc<Tokens>] {
        &self.texts
    }

    /// Never blocks. A caller that is gone does not miss it; a session it would have had comes back.
    pub fn tell(self, turn: Turn<S, O>) -> Option<S> {
        match self.reply.try_send(turn) {
            Err(
                TrySendError::Full(Turn::Lead(session)) | TrySendError::Disconnected(Turn::Lead(session)),
            ) => Some(session),
            _ => None,
        }
    }
}

/// One lane.
struct Queue<S, O> {
    waiting: VecDeque<Ticket<S, O>>,
    /// Tokens of calls that are admitted and not here yet.
    pledged: usize,
    running: usize,
    /// Which idle sessions it uses.
    pool: usize,
    done: LaneState,
}

impl<S, O> Queue<S, O> {
    fn new(pool: usize) -> Self {
        Self {
            waiting: VecDeque::new(),
            pledged: 0,
            running: 0,
            pool,
            done: LaneState::default(),
        }
    }

    fn is_active(&self) -> bool {
        self.running > 0 || !self.waiting.is_empty()
    }

    fn waited(&mut self, since: Instant) {
        self.done.waits += 1;
        self.done.waited += since.elapsed();
    }
}

/// Both lanes.
pub(crate) struct Queues<S, O> {
    lanes: [Queue<S, O>; 2],
    pools: [Pool<S>; 2],
    limit: BatchLimit,
    /// Tokens of queries that started since documents began to wait.
    ahead_of_documents: usize,
}

struct Pool<S> {
    idle: Vec<S>,
    size: usize,
}

const QUERIES: usize = Lane::Queries as usize;
const DOCUMENTS: usize = Lane::Documents as usize;

impl<S, O> Queues<S, O> {
    /// Sessions of each lane; a lane without any uses the other's.
    pub fn new(queries: Vec<S>, documents: Vec<S>, limit: BatchLimit) -> Self {
        let pool = |own: &[S], lane: usize| if own.is_empty() { 1 - lane } else { lane };
        let lanes = [pool(&queries, QUERIES), pool(&documents, DOCUMENTS)];
        let pools = [queries, documents].map(|idle| Pool {
            size: idle.len(),
            idle,
        });
        Self {
            lanes: lanes.map(Queue::new),
            pools,
            limit,
            ahead_of_documents: 0,
        }
    }

    /// Sessions that a lane can use.
    pub fn sessions(&self, lane: Lane) -> usize {
        self.pools[self.lanes[lane as usize].pool].size
    }

    pub fn state(&self, lane: Lane) -> LaneState {
        let queue = &self.lanes[lane as usize];
        let waiting = queue.waiting.iter().map(|ticket| ticket.size.tokens);
        LaneState {
            waiting_tokens: waiting.sum::<usize>() + queue.pledged,
            ..queue.done
        }
    }

    /// Tokens of a lane's calls that are admitted and about to wait.
    pub fn pledged(&mut self, lane: Lane) -> &mut usize {
        &mut self.lanes[lane as usize].pledged
    }

    /// Counts a call that was turned away.
    pub fn refused(&mut self, lane: Lane) {
        self.lanes[lane as usize].done.overloads += 1;
    }

    /// A session for a call of that size, where one is idle and nobody is before it. The call runs alone.
    pub fn take_idle(&mut self, lane: Lane, size: Size) -> Option<S> {
        let lane = lane as usize;
        if !self.lanes[lane].waiting.is_empty() || !self.may_start(lane) {
            return None;
        }
        let session = self.pools[self.lanes[lane].pool].idle.pop()?;
        self.lanes[lane].running += 1;
        self.started(lane, size);
        Some(session)
    }

    /// Puts a call at the end of its lane's queue.
    pub fn join(&mut self, lane: Lane, ticket: Ticket<S, O>) {
        self.lanes[lane as usize].waiting.push_back(ticket);
    }

    /// Whether a batch of that size has room, and there are others to fill it.
    pub fn has_room_beside_others(&self, lane: Lane, size: Size) -> bool {
        let waiting = &self.lanes[lane as usize].waiting;
        let all = waiting.iter().fold(size, |all, ticket| all.and(ticket.size));
        !waiting.is_empty() && self.limit.cost(all) < self.limit.tokens
    }

    /// A leader that waited since then starts a batch: the calls it takes along.
    pub fn start(&mut self, lane: Lane, size: Size, since: Instant) -> Vec<Ticket<S, O>> {
        let lane = lane as usize;
        self.lanes[lane].waited(since);
        let mates = self.take_mates(lane, size);
        for mate in &mates {
            self.lanes[lane].waited(mate.since);
        }
        let all = mates.iter().fold(size, |all, mate| all.and(mate.size));
        self.started(lane, all);
        mates
    }

    /// A session comes back from a batch of that lane.
    pub fn give_back(&mut self, lane: Lane, session: S) {
        let lane = lane as usize;
        self.lanes[lane].running -= 1;
        self.pools[self.lanes[lane].pool].idle.push(session);
        self.hand_out();
    }

    /// Hands idle sessions to the oldest calls that may start.
    fn hand_out(&mut self) {
        while let Some(lane) = self.next_lane() {
            let pool = self.lanes[lane].pool;
            let (Some(ticket), Some(session)) =
                (self.lanes[lane].waiting.pop_front(), self.pools[pool].idle.pop())
            else {
                return;
            };
            match ticket.tell(Turn::Lead(session)) {
                None => self.lanes[lane].running += 1,
                Some(session) => self.pools[pool].idle.push(session),
            }
            if lane == DOCUMENTS {
                self.ahead_of_documents = 0;
            }
        }
    }

    /// The lane whose oldest call gets a session next.
    fn next_lane(&self) -> Option<usize> {
        let order = if self.documents_are_due() {
            [DOCUMENTS, QUERIES]
        } else {
            [QUERIES, DOCUMENTS]
        };
        order.into_iter().find(|&lane| {
            let queue = &self.lanes[lane];
            let waits = !queue.waiting.is_empty();
            waits && !self.pools[queue.pool].idle.is_empty() && self.may_start(lane)
        })
    }

    fn may_start(&self, lane: usize) -> bool {
        lane == QUERIES || self.documents_are_due() || !self.lanes[QUERIES].is_active()
    }

    fn documents_are_due(&self) -> bool {
        self.ahead_of_documents >= QUERY_SHARE.saturating_mul(self.limit.tokens)
    }

    /// Counts a batch that starts.
    fn started(&mut self, lane: usize, size: Size) {
        let done = &mut self.lanes[lane].done;
        done.batches += 1;
        done.texts += size.texts as u64;
        done.tokens += size.tokens as u64;
        if lane == DOCUMENTS {
            self.ahead_of_documents = 0;
        } else if !self.lanes[DOCUMENTS].waiting.is_empty() {
            self.ahead_of_documents = self.ahead_of_documents.saturating_add(size.tokens);
            self.hand_out();
        }
    }

    /// Takes calls out of the queue that fit into the batch of a leader of that size: first those that were passed over
    /// often, then those nearest in length, or the oldest where length does not matter.
    fn take_mates(&mut self, lane: usize, leader: Size) -> Vec<Ticket<S, O>> {
        let waiting = &mut self.lanes[lane].waiting;
        let mut order: Vec<usize> = (0..waiting.len()).collect();
        if self.limit.padded {
            order.sort_by_key(|&at| {
                let ticket = &waiting[at];
                let distance = ticket.size.longest.abs_diff(leader.longest);
                (ticket.passes < MOST_PASSES, distance, at)
            });
        }
        let (mut size, mut taken) = (leader, vec![false; waiting.len()]);
        for at in order {
            let larger = size.and(waiting[at].size);
            if self.limit.admits(larger) {
                (size, taken[at]) = (larger, true);
            }
        }
        let last = taken.iter().rposition(|&taken| taken).unwrap_or(0);
        let mut mates = Vec::new();
        let mut later = VecDeque::with_capacity(waiting.len());
        for (at, mut ticket) in waiting.drain(..).enumerate() {
            if taken[at] {
                mates.push(ticket);
            } else {
                // Passed over are those that a later one was preferred to.
                ticket.passes += u32::from(at < last);
                later.push_back(ticket);
            }
        }
        *waiting = later;
        mates
    }
}

#[cfg(test)]
mod tests;

//! Group commit: callers wait in a queue; one of them writes for all that wait, with one append and one sync.

use super::fact::Fact;
use crate::log::{LogError, Position, Record};
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

/// Most bytes of records that share an append (a call of more goes alone).
const TOGETHER_BYTES: usize = 32 << 20;

/// The events of one caller: what the log keeps, and what the memory takes, with whether the item is known.
pub(super) struct Call {
    pub(super) records: Vec<Record>,
    pub(super) facts: Vec<(Fact, bool)>,
    pub(super) bytes: usize,
}

/// What became of a call.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) duplicates: usize,
    pub(super) unknown: usize,
    /// The last of its records, where they are in a log.
    pub(super) position: Option<Position>,
}

/// Why a call failed.
#[derive(Debug, Clone)]
pub(super) enum Failed {
    /// So many events wait already.
    Full(usize),
    /// The log refused them.
    Log(Arc<LogError>),
}

/// Callers that wait.
pub(super) struct Queue {
    state: Mutex<Waiting>,
    moved: Condvar,
    limit: usize,
}

#[derive(Default)]
struct Waiting {
    calls: VecDeque<(u64, Call)>,
    /// Events of the calls that wait or are being written.
    events: usize,
    /// Tickets of the calls that are being written.
    writing: Vec<u64>,
    leading: bool,
    done: HashMap<u64, Result<Taken, Failed>>,
    next: u64,
}

impl Queue {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            state: Mutex::default(),
            moved: Condvar::new(),
            limit,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has a call written, by whoever's turn it is, and returns when it is. `write` is given calls that share an append,
    /// and says for each what became of it.
    pub(super) fn submit(
        &self,
        call: Call,
        write: &dyn Fn(Vec<Call>) -> Result<Vec<Taken>, Arc<LogError>>,
    ) -> Result<Taken, Failed> {
        let mut waiting = self.lock();
        if waiting.events > 0 && waiting.events + call.facts.len() > self.limit {
            return Err(Failed::Full(waiting.events));
        }
        let ticket = waiting.enter(call);
        loop {
            if let Some(outcome) = waiting.done.remove(&ticket) {
                return outcome;
            }
            if waiting.leading {
                waiting = self.moved.wait(waiting).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            let (calls, lead) = self.lead(&mut waiting);
            drop(waiting);
            lead.finish(write(calls));
            waiting = self.lock();
        }
    }

    fn lead(&self, waiting: &mut Waiting) -> (Vec<Call>, Lead<'_>) {
        waiting.leading = true;
        let calls = waiting.next_batch();
        let events = calls.iter().map(|call| call.facts.len()).sum();
        let lead = Lead {
            queue: self,
            events,
            outcome: None,
        };
        (calls, lead)
    }
}

impl Waiting {
    fn enter(&mut self, call: Call) -> u64 {
        let ticket = self.next;
        self.next += 1;
        self.events += call.facts.len();
        self.calls.push_back((ticket, call));
        ticket
    }

    /// Calls that share an append; one at least, where any waits.
    fn next_batch(&mut self) -> Vec<Call> {
        let (mut calls, mut bytes) = (Vec::new(), 0);
        while let Some((_, call)) = self.calls.front() {
            if !calls.is_empty() && bytes + call.bytes > TOGETHER_BYTES {
                break;
            }
            bytes += call.bytes;
            if let Some((ticket, call)) = self.calls.pop_front() {
                self.writing.push(ticket);
                calls.push(call);
            }
        }
        calls
    }
}

/// The right to write; given up when dropped, with what came of it, so that nobody waits for a thread that died.
struct Lead<'a> {
    queue: &'a Queue,
    events: usize,
    outcome: Option<Result<Vec<Taken>, Arc<LogError>>>,
}

impl Lead<'_> {
    fn finish(mut self, outcome: Result<Vec<Taken>, Arc<LogError>>) {
        self.outcome = Some(outcome);
    }
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        let died = || {
            Err(Arc::new(LogError::Stopped(
                "the thread that wrote the events died".to_owned(),
            )))
        };
        let outcome = self.outcome.take().unwrap_or_else(died);
        let mut waiting = self.queue.lock();
        waiting.events -= self.events;
        waiting.leading = false;
        let tickets = std::mem::take(&mut waiting.writing);
        match outcome {
            Ok(taken) => waiting
                .done
                .extend(tickets.into_iter().zip(taken.into_iter().map(Ok))),
            Err(error) => {
                let failed = tickets
                    .into_iter()
                    .map(|ticket| (ticket, Err(Failed::Log(Arc::clone(&error)))));
                waiting.done.extend(failed);
            }
        }
        drop(waiting);
        self.queue.moved.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc::channel;

    fn call(events: usize) -> Call {
        let event = super::super::Event::new("c", super::super::EventType::View, "i");
        let fact = Fact::of(&event, &super::super::Types::default()).unwrap();
        Call {
            records: Vec::new(),
            facts: vec![(fact, true); events],
            bytes: events,
        }
    }

    #[test]
    fn who_waits_shares_the_next_append() {
        let queue = Queue::new(1_000);
        let appends = AtomicUsize::new(0);
        let (started, starting) = channel();
        let (go, gone) = channel::<()>();
        let first = std::sync::Mutex::new(Some((started, gone)));
        let write = |calls: Vec<Call>| -> Result<Vec<Taken>, Arc<LogError>> {
            appends.fetch_add(1, Ordering::Relaxed);
            // The first append lasts until everybody waits.
            if let Some((started, gone)) = first.lock().unwrap().take() {
                started.send(()).unwrap();
                gone.recv().unwrap();
            }
            Ok(calls
                .iter()
                .map(|call| Taken {
                    duplicates: call.facts.len(),
                    ..Taken::default()
                })
                .collect())
        };
        std::thread::scope(|scope| {
            scope.spawn(|| assert_eq!(queue.submit(call(1), &write).unwrap().duplicates, 1));
            starting.recv().unwrap();
            for events in 2..12 {
                let (queue, write) = (&queue, &write);
                scope
                    .spawn(move || assert_eq!(queue.submit(call(events), write).unwrap().duplicates, events));
            }
            while queue.lock().calls.len() < 10 {
                std::thread::yield_now();
            }
            go.send(()).unwrap();
        });
        assert_eq!(appends.into_inner(), 2);
        let waiting = queue.lock();
        assert_eq!(
            (waiting.events, waiting.done.len(), waiting.leading),
            (0, 0, false)
        );
    }

    #[test]
    fn a_full_queue_refuses_and_a_failed_append_fails_everyone_in_it() {
        let queue = Queue::new(10);
        let nested = |_: Vec<Call>| {
            let refused = queue.submit(call(9), &|_| Ok(vec![Taken::default()]));
            assert!(matches!(refused, Err(Failed::Full(5))), "{refused:?}");
            Err(Arc::new(LogError::Stopped("no".to_owned())))
        };
        assert!(matches!(queue.submit(call(5), &nested), Err(Failed::Log(_))));
        let large = queue.submit(call(50), &|_| Ok(vec![Taken::default()]));
        assert!(large.is_ok(), "a call of more than the queue goes alone");
    }
}

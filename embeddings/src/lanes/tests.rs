//! Callers on threads of their own, and sessions whose batches run when the test says so.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{Scope, ScopedJoinHandle, ThreadId};

use proptest::prelude::*;

use super::*;
use crate::bulk::run_all;

/// A text with this id makes its batch fail.
const BAD: u32 = 666;
/// A text with this id makes its batch panic.
const FATAL: u32 = 667;

/// What the sessions of a test ran, and how many batches more may run.
#[derive(Default)]
struct Stage {
    state: Mutex<(Vec<Ran>, usize)>,
    changed: Condvar,
}

#[derive(Debug, Clone)]
struct Ran {
    /// First id of each text.
    texts: Vec<u32>,
    lengths: Vec<usize>,
    thread: ThreadId,
}

impl Stage {
    fn lock(&self) -> MutexGuard<'_, (Vec<Ran>, usize)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets that many more batches run.
    fn admit(&self, batches: usize) {
        self.lock().1 += batches;
        self.changed.notify_all();
    }

    /// The texts of each batch that was started.
    fn batches(&self) -> Vec<Vec<u32>> {
        self.lock().0.iter().map(|ran| ran.texts.clone()).collect()
    }

    /// Waits until that many batches were started.
    fn wait_for(&self, batches: usize) {
        let few = |state: &mut (Vec<Ran>, usize)| state.0.len() < batches;
        drop(self.changed.wait_while(self.lock(), few));
    }
}

/// Answers `[id, length]` for each text.
struct Actor(Arc<Stage>);

impl Worker for Actor {
    fn run(&mut self, texts: &[Arc<Tokens>]) -> Result<Vec<f32>> {
        let mut state = self.0.lock();
        state.0.push(Ran {
            texts: texts.iter().map(|text| text.ids[0]).collect(),
            lengths: texts.iter().map(|text| text.len()).collect(),
            thread: std::thread::current().id(),
        });
        self.0.changed.notify_all();
        let closed = |state: &mut (Vec<Ran>, usize)| state.1 == 0;
        let mut state = self.0.changed.wait_while(state, closed).unwrap();
        state.1 -= 1;
        drop(state);
        let first = |bad| texts.iter().position(|text| text.ids[0] == bad);
        assert_eq!(first(FATAL), None, "the text is fatal");
        if let Some(text) = first(BAD) {
            return Err(EmbeddingError::NotFinite { text });
        }
        Ok(texts.iter().flat_map(|text| answer(text)).collect())
    }
}

fn answer(text: &Tokens) -> [f32; 2] {
    [text.ids[0] as f32, text.len() as f32]
}

fn text(id: u32, length: usize) -> Arc<Tokens> {
    Arc::new(Tokens {
        ids: vec![id; length],
        types: vec![0; length],
        truncated: false,
    })
}

/// Batches of 32 tokens, no more than 64 may wait.
const LIMITS: Limits = Limits {
    batch: BatchLimit {
        tokens: 32,
        padded: true,
    },
    linger: Duration::ZERO,
    queue_tokens: 64,
};

fn lanes(queries: usize, documents: usize, limits: Limits) -> (Lanes<Actor>, Arc<Stage>) {
    let stage = Arc::new(Stage::default());
    let actors = |count| (0..count).map(|_| Actor(Arc::clone(&stage))).collect();
    (
        Lanes::new(actors(queries), actors(documents), limits),
        Arc::clone(&stage),
    )
}

type Caller<'s> = ScopedJoinHandle<'s, Result<Vec<f32>>>;

/// A query on a thread of its own, which waits in the queue when this returns.
fn waiting<'s>(scope: &'s Scope<'s, '_>, lanes: &'s Lanes<Actor>, id: u32, length: usize) -> Caller<'s> {
    let before = lanes.state(Lane::Queries).waiting_tokens;
    let caller = query(scope, lanes, id, length);
    while lanes.state(Lane::Queries).waiting_tokens < before + length {
        std::thread::yield_now();
    }
    caller
}

fn query<'s>(scope: &'s Scope<'s, '_>, lanes: &'s Lanes<Actor>, id: u32, length: usize) -> Caller<'s> {
    scope.spawn(move || lanes.run(Lane::Queries, &[text(id, length)], &Admission::Limited))
}

fn rows(caller: Caller<'_>) -> Vec<f32> {
    caller.join().unwrap().unwrap()
}

#[test]
fn a_lone_call_runs_on_its_own_thread_at_once() {
    let limits = Limits {
        linger: Duration::from_secs(600),
        ..LIMITS
    };
    let (lanes, stage) = lanes(1, 0, limits);
    stage.admit(2);
    for lane in [Lane::Queries, Lane::Documents] {
        assert_eq!(
            lanes.run(lane, &[text(7, 3)], &Admission::Limited).unwrap(),
            [7.0, 3.0]
        );
    }
    let ran = stage.lock().0.clone();
    assert!(ran.iter().all(|ran| ran.thread == std::thread::current().id()));
    assert_eq!(lanes.state(Lane::Queries).waits, 0);
}

#[test]
fn calls_that_wait_share_the_next_batch() {
    let (lanes, stage) = lanes(1, 0, LIMITS);
    std::thread::scope(|scope| {
        let first = query(scope, &lanes, 1, 4);
        stage.wait_for(1);
        let others = [2, 3, 4].map(|id| waiting(scope, &lanes, id, 4));
        stage.admit(2);
        assert_eq!(rows(first), [1.0, 4.0]);
        for (caller, id) in others.into_iter().zip([2.0, 3.0, 4.0]) {
            assert_eq!(rows(caller), [id, 4.0]);
        }
    });
    assert_eq!(stage.batches(), [vec![1], vec![2, 3, 4]]);
    let state = lanes.state(Lane::Queries);
    assert_eq!((state.batches, state.texts, state.tokens), (2, 4, 16));
    assert_eq!((state.waits, state.waiting_tokens), (3, 0));
    assert!(state.waited > Duration::ZERO);
}

#[test]
fn the_oldest_leads_and_takes_those_of_like_length() {
    let (lanes, stage) = lanes(1, 0, LIMITS);
    std::thread::scope(|scope| {
        query(scope, &lanes, 1, 4);
        stage.wait_for(1);
        // 4 × 8 tokens are a batch; the text of 20 tokens would make it 4 × 20.
        for (id, length) in [(2, 8), (3, 20), (4, 6), (5, 7), (6, 8)] {
            waiting(scope, &lanes, id, length);
        }
        stage.admit(3);
    });
    assert_eq!(stage.batches(), [vec![1], vec![2, 4, 5, 6], vec![3]]);
}

#[test]
fn an_error_reaches_its_own_caller_alone() {
    let (lanes, stage) = lanes(1, 0, LIMITS);
    std::thread::scope(|scope| {
        let first = query(scope, &lanes, 1, 4);
        stage.wait_for(1);
        let good = waiting(scope, &lanes, 2, 4);
        let bad = waiting(scope, &lanes, BAD, 4);
        let second = scope.spawn(|| {
            let texts = [text(3, 4), text(BAD, 4)];
            lanes.run(Lane::Queries, &texts, &Admission::Limited)
        });
        while lanes.state(Lane::Queries).waiting_tokens < 16 {
            std::thread::yield_now();
        }
        stage.admit(5);
        rows(first);
        assert_eq!(rows(good), [2.0, 4.0]);
        let error = bad.join().unwrap().unwrap_err();
        assert!(matches!(error, EmbeddingError::NotFinite { text: 0 }), "{error}");
        let error = second.join().unwrap().unwrap_err();
        assert!(matches!(error, EmbeddingError::NotFinite { text: 1 }), "{error}");
    });
    let together = vec![2, BAD, 3, BAD];
    assert_eq!(
        stage.batches(),
        [vec![1], together, vec![2], vec![BAD], vec![3, BAD]]
    );
}

#[test]
fn a_panic_reaches_its_own_caller_alone() {
    for (first, second) in [(FATAL, 2), (2, FATAL)] {
        let (lanes, stage) = lanes(1, 0, LIMITS);
        std::thread::scope(|scope| {
            let running = query(scope, &lanes, FATAL, 4);
            stage.wait_for(1);
            let callers = [first, second].map(|id| (id, waiting(scope, &lanes, id, 4)));
            stage.admit(5);
            assert!(running.join().is_err());
            for (id, caller) in callers {
                match caller.join() {
                    Ok(outcome) => assert_eq!(outcome.unwrap(), [2.0, 4.0]),
                    Err(panic) => {
                        let message = panic.downcast_ref::<String>().unwrap();
                        assert!(id == FATAL && message.contains("fatal"), "{id}: {message}");
                    }
                }
            }
            rows(query(scope, &lanes, 9, 4));
        });
        assert_eq!(lanes.state(Lane::Queries).waiting_tokens, 0);
    }
}

#[test]
fn a_leader_with_company_waits_for_more_until_the_batch_is_full() {
    let limits = Limits {
        linger: Duration::from_secs(600),
        ..LIMITS
    };
    let (lanes, stage) = lanes(1, 0, limits);
    std::thread::scope(|scope| {
        query(scope, &lanes, 1, 8);
        stage.wait_for(1);
        // One that waits alone does not wait for company.
        let alone = waiting(scope, &lanes, 2, 8);
        stage.admit(1);
        stage.wait_for(2);
        let others = [3, 4, 5].map(|id| waiting(scope, &lanes, id, 8));
        stage.admit(1);
        rows(alone);
        // Three of 8 tokens leave room for one more, which starts the batch.
        assert_eq!(stage.batches().len(), 2);
        let last = query(scope, &lanes, 6, 8);
        stage.admit(1);
        rows(last);
        for other in others {
            rows(other);
        }
    });
    assert_eq!(stage.batches(), [vec![1], vec![2], vec![3, 4, 5, 6]]);
}

#[test]
fn a_full_queue_refuses_at_once_and_forgets_nothing() {
    let (lanes, stage) = lanes(1, 0, LIMITS);
    let overloaded = |outcome: Result<Vec<f32>>| match outcome.unwrap_err() {
        EmbeddingError::Overloaded { waiting, limit } => (waiting, limit),
        other => panic!("{other}"),
    };
    let large = [text(4, 20), text(5, 20), text(6, 20)];
    let ask = |lane, length| lanes.run(lane, &[text(9, length)], &Admission::Limited);
    std::thread::scope(|scope| {
        query(scope, &lanes, 1, 4);
        stage.wait_for(1);
        // However large, the first one may wait.
        waiting(scope, &lanes, 2, 60);
        waiting(scope, &lanes, 3, 4);
        assert_eq!(overloaded(ask(Lane::Queries, 1)), (65, 64));
        // The lanes' queues are their own: documents may still wait, as much as fits.
        scope.spawn(|| run_all(&lanes, Lane::Documents, &large, false, |_, _| {}).unwrap());
        while lanes.state(Lane::Documents).waiting_tokens < 60 {
            std::thread::yield_now();
        }
        assert_eq!(overloaded(ask(Lane::Documents, 5)), (65, 64));
        let refused = run_all(
            &lanes,
            Lane::Documents,
            &[text(7, 20), text(8, 20)],
            false,
            |_, _| {},
        );
        assert_eq!(overloaded(refused.map(|()| Vec::new())), (100, 64));
        stage.admit(100);
    });
    for lane in [Lane::Queries, Lane::Documents] {
        assert_eq!(lanes.state(lane).waiting_tokens, 0, "{lane:?}");
    }
    assert_eq!(lanes.state(Lane::Queries).overloads, 1);
    assert_eq!(lanes.state(Lane::Documents).overloads, 2);
    ask(Lane::Queries, 1000).expect("room again");
}

#[test]
fn a_call_that_fails_half_way_leaves_no_promise_behind() {
    let (lanes, stage) = lanes(1, 0, LIMITS);
    stage.admit(100);
    let texts = [text(1, 30), text(BAD, 29), text(3, 28)];
    let mut seen = Vec::new();
    let outcome = run_all(&lanes, Lane::Documents, &texts, false, |batch, _| {
        seen.extend_from_slice(batch);
    });
    let error = outcome.unwrap_err();
    assert!(matches!(error, EmbeddingError::NotFinite { text: 1 }), "{error}");
    assert_eq!((seen, lanes.state(Lane::Documents).waiting_tokens), (vec![0], 0));
}

#[test]
fn queries_come_before_the_next_batch_of_a_huge_document_job() {
    for (queries, documents) in [(1, 0), (0, 1)] {
        let (lanes, stage) = lanes(queries, documents, LIMITS);
        let texts: Vec<_> = (0..200).map(|id| text(1000 + id, 30)).collect();
        std::thread::scope(|scope| {
            scope.spawn(|| run_all(&lanes, Lane::Documents, &texts, true, |_, _| {}).unwrap());
            for round in 0..20 {
                stage.wait_for(2 * round + 1);
                let query = waiting(scope, &lanes, 1, 4);
                stage.admit(2);
                assert_eq!(rows(query), [1.0, 4.0]);
            }
            stage.admit(1000);
        });
        let batches = stage.batches();
        assert!(batches[..40].iter().step_by(2).all(|batch| batch[0] >= 1000));
        assert!(batches[..40].iter().skip(1).step_by(2).all(|batch| *batch == [1]));
        assert_eq!(batches.len(), 220);
    }
}

#[test]
fn documents_get_on_while_queries_flood() {
    for (queries, documents) in [(1, 0), (1, 1)] {
        let (lanes, stage) = lanes(queries, documents, LIMITS);
        stage.admit(usize::MAX / 2);
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            for id in 0..4 {
                let (lanes, done) = (&lanes, &done);
                scope.spawn(move || {
                    while !done.load(Ordering::Relaxed) {
                        let found = lanes.run(Lane::Queries, &[text(id, 8)], &Admission::Patient);
                        assert_eq!(found.unwrap(), [id as f32, 8.0]);
                    }
                });
            }
            let texts: Vec<_> = (0..50).map(|id| text(1000 + id, 30)).collect();
            run_all(&lanes, Lane::Documents, &texts, true, |_, _| {}).unwrap();
            done.store(true, Ordering::Relaxed);
        });
        assert_eq!(lanes.state(Lane::Documents).batches, 50);
    }
}

/// What one caller of the property test does, call by call: lengths of its texts.
fn calls() -> impl Strategy<Value = Vec<Vec<usize>>> {
    prop::collection::vec(prop::collection::vec(1_usize..40, 1..6), 1..8)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    /// Texts in, their own rows out, whoever calls at the same time; no batch over the limit, unless of one text.
    #[test]
    fn every_caller_gets_its_own_rows(
        callers in prop::collection::vec((any::<bool>(), any::<bool>(), calls()), 1..10),
        (queries, documents) in prop::sample::select(vec![(1, 0), (0, 1), (1, 1), (2, 0), (2, 2)]),
        padded in any::<bool>(),
        linger in 0_u64..300,
    ) {
        let batch = BatchLimit { tokens: 32, padded };
        let linger = Duration::from_micros(linger);
        let (lanes, stage) = lanes(queries, documents, Limits { batch, linger, queue_tokens: usize::MAX });
        stage.admit(usize::MAX / 2);
        let total: usize = callers.iter().flat_map(|(.., calls)| calls).map(Vec::len).sum();
        std::thread::scope(|scope| {
            for (caller, (is_query, patient, calls)) in callers.iter().enumerate() {
                let lanes = &lanes;
                let lane = if *is_query { Lane::Queries } else { Lane::Documents };
                scope.spawn(move || for call in calls {
                    let id = |at: usize| (caller * 10 + at) as u32;
                    let texts: Vec<_> = call.iter().enumerate().map(|(at, &length)| text(id(at), length)).collect();
                    let mut found = vec![None; texts.len()];
                    run_all(lanes, lane, &texts, *patient, |batch, rows| {
                        for (&at, row) in batch.iter().zip(rows.chunks_exact(2)) {
                            assert!(found[at].replace([row[0], row[1]]).is_none(), "told twice");
                        }
                    }).unwrap();
                    let expected: Vec<_> = texts.iter().map(|text| Some(answer(text))).collect();
                    assert_eq!(found, expected);
                });
            }
        });
        let ran = std::mem::take(&mut stage.lock().0);
        prop_assert_eq!(ran.iter().map(|ran| ran.texts.len()).sum::<usize>(), total);
        for Ran { lengths, .. } in ran {
            let longest = lengths.iter().copied().max().unwrap();
            let cost = if padded { lengths.len() * longest } else { lengths.iter().sum() };
            prop_assert!(cost <= 32 || lengths.len() == 1, "{lengths:?}");
        }
        let (queries, documents) = (lanes.state(Lane::Queries), lanes.state(Lane::Documents));
        prop_assert_eq!((queries.texts + documents.texts) as usize, total);
        prop_assert_eq!(queries.waiting_tokens + documents.waiting_tokens, 0);
    }
}

//! Who is next, step by step, without threads. Sessions are numbers.

use std::sync::mpsc::{Receiver, sync_channel};

use proptest::prelude::*;

use super::*;

type Turns = Receiver<Turn<u32, ()>>;

const LIMIT: BatchLimit = BatchLimit {
    tokens: 32,
    padded: true,
};

fn join(queues: &mut Queues<u32, ()>, lane: Lane, length: usize) -> Turns {
    let (reply, turns) = sync_channel(1);
    let ticket = Ticket::new(Vec::new(), Size::one(length), Instant::now(), reply);
    queues.join(lane, ticket);
    turns
}

/// The session that a call was told to lead with.
fn leads(turns: &Turns) -> Option<u32> {
    match turns.try_recv() {
        Ok(Turn::Lead(session)) => Some(session),
        _ => None,
    }
}

fn start(queues: &mut Queues<u32, ()>, lane: Lane, length: usize) -> Vec<usize> {
    let mates = queues.start(lane, Size::one(length), Instant::now());
    mates.iter().map(|mate| mate.size.tokens).collect()
}

#[test]
fn documents_wait_while_a_query_waits_or_runs() {
    let mut queues = Queues::new(vec![1], vec![2], LIMIT);
    let query = queues.take_idle(Lane::Queries, Size::one(4)).unwrap();
    assert_eq!(queues.take_idle(Lane::Documents, Size::one(4)), None);
    let document = join(&mut queues, Lane::Documents, 4);
    let second = join(&mut queues, Lane::Queries, 4);
    queues.give_back(Lane::Queries, query);
    assert_eq!((leads(&second), leads(&document)), (Some(1), None));
    start(&mut queues, Lane::Queries, 4);
    queues.give_back(Lane::Queries, 1);
    assert_eq!(leads(&document), Some(2));
    // A query does not wait for documents where it has a session of its own.
    assert_eq!(queues.take_idle(Lane::Queries, Size::one(4)), Some(1));
}

#[test]
fn a_lane_without_sessions_uses_the_others() {
    for (queries, documents) in [(vec![1, 2], vec![]), (vec![], vec![1, 2])] {
        let mut queues = Queues::new(queries, documents, LIMIT);
        assert_eq!(
            (queues.sessions(Lane::Queries), queues.sessions(Lane::Documents)),
            (2, 2)
        );
        let [first, second] = [(); 2].map(|()| queues.take_idle(Lane::Documents, Size::one(4)).unwrap());
        let document = join(&mut queues, Lane::Documents, 4);
        let query = join(&mut queues, Lane::Queries, 4);
        queues.give_back(Lane::Documents, first);
        assert_eq!(
            (leads(&query), leads(&document)),
            (Some(first), None),
            "queries first"
        );
        queues.give_back(Lane::Documents, second);
        assert_eq!(leads(&document), None, "a query runs");
        queues.give_back(Lane::Queries, first);
        assert!(leads(&document).is_some());
    }
}

#[test]
fn documents_get_a_batch_after_their_share_of_queries() {
    for (queries, documents) in [(vec![1], vec![]), (vec![1], vec![2])] {
        let mut queues = Queues::new(queries, documents, LIMIT);
        let mut session = queues.take_idle(Lane::Queries, Size::one(8)).unwrap();
        for _ in 0..3 {
            let document = join(&mut queues, Lane::Documents, 8);
            let mut passed = 0;
            // Queries never end: before one is done the next one waits.
            let due = loop {
                let query = join(&mut queues, Lane::Queries, 8);
                queues.give_back(Lane::Queries, session);
                if let Some(due) = leads(&document) {
                    break (due, query);
                }
                session = leads(&query).expect("the query is next");
                start(&mut queues, Lane::Queries, 8);
                passed += 8;
                if let Some(due) = leads(&document) {
                    break (due, query);
                }
            };
            assert_eq!(passed, QUERY_SHARE * LIMIT.tokens);
            let (lent, query) = due;
            start(&mut queues, Lane::Documents, 8);
            queues.give_back(Lane::Documents, lent);
            if let Some(next) = leads(&query) {
                session = next;
                start(&mut queues, Lane::Queries, 8);
            }
        }
    }
}

#[test]
fn one_that_was_passed_over_often_comes_before_those_of_better_length() {
    let mut queues = Queues::new(vec![1], vec![], LIMIT);
    queues.take_idle(Lane::Queries, Size::one(1)).unwrap();
    // Leaders of 4 tokens; the one of 16 goes into a batch of two only, and there is always a better one.
    let long = join(&mut queues, Lane::Queries, 16);
    for _ in 0..MOST_PASSES {
        let better: Vec<_> = (0..8).map(|_| join(&mut queues, Lane::Queries, 4)).collect();
        assert_eq!(start(&mut queues, Lane::Queries, 4), [4; 7]);
        drop(better);
        assert!(start(&mut queues, Lane::Queries, 32).is_empty());
        // The rest of the eight is taken, so that only the long one stays.
        let rest = queues.lanes[QUERIES].waiting.pop_back().unwrap();
        assert_eq!(rest.size.tokens, 4);
    }
    let _better = join(&mut queues, Lane::Queries, 4);
    assert_eq!(start(&mut queues, Lane::Queries, 4), [16]);
    assert!(leads(&long).is_none());
}

#[test]
fn length_does_not_matter_where_nothing_is_padded() {
    let limit = BatchLimit {
        padded: false,
        ..LIMIT
    };
    let mut queues = Queues::new(vec![1], vec![], limit);
    queues.take_idle(Lane::Queries, Size::one(1)).unwrap();
    let _turns = [16, 4, 20, 4].map(|length| join(&mut queues, Lane::Queries, length));
    assert_eq!(
        start(&mut queues, Lane::Queries, 4),
        [16, 4, 4],
        "the oldest that fit"
    );
}

#[test]
fn a_session_is_not_lost_with_a_caller_that_is_gone() {
    let mut queues = Queues::new(vec![1], vec![], LIMIT);
    let session = queues.take_idle(Lane::Queries, Size::one(4)).unwrap();
    drop(join(&mut queues, Lane::Queries, 4));
    let next = join(&mut queues, Lane::Queries, 4);
    queues.give_back(Lane::Queries, session);
    assert_eq!(leads(&next), Some(1));
}

proptest! {
    /// The oldest is in every batch, so nobody waits for more batches than calls were before it.
    #[test]
    fn nobody_waits_for_ever(lengths in prop::collection::vec(1_usize..50, 1..60), padded in any::<bool>()) {
        let limit = BatchLimit { padded, ..LIMIT };
        let mut queues = Queues::new(vec![1], vec![], limit);
        let mut session = queues.take_idle(Lane::Queries, Size::one(1)).unwrap();
        let turns: Vec<Turns> = lengths.iter().map(|&length| join(&mut queues, Lane::Queries, length)).collect();
        let mut answered = vec![false; lengths.len()];
        while let Some(oldest) = answered.iter().position(|&answered| !answered) {
            queues.give_back(Lane::Queries, session);
            session = leads(&turns[oldest]).expect("the oldest leads");
            answered[oldest] = true;
            let mut size = Size::one(lengths[oldest]);
            for mate in queues.start(Lane::Queries, size, Instant::now()) {
                size = size.and(mate.size);
                mate.tell(Turn::Answer(()));
            }
            prop_assert!(size.texts == 1 || limit.admits(size));
            for (turns, answered) in turns.iter().zip(&mut answered) {
                if let Ok(Turn::Answer(())) = turns.try_recv() {
                    prop_assert!(!std::mem::replace(answered, true), "answered twice");
                }
            }
        }
        let state = queues.state(Lane::Queries);
        prop_assert_eq!((state.texts as usize, state.waiting_tokens), (lengths.len() + 1, 0));
    }
}

//! The model test: a seeded random sequence of operations against a real server, compared with a plain map.
//!
//! `ALIKE_MODEL_TEST_SEED` repeats a sequence, `ALIKE_MODEL_TEST_OPERATIONS` says how long it is (CONTRIBUTING.md). What
//! happens by itself (when a kill hits writes in flight, how far a build is) differs from run to run; which operations
//! come in which order does not.

mod filters;
mod items;
mod life;
mod oracle;
mod reads;
mod world;
mod writes;

use crate::support::Random;
use std::time::{SystemTime, UNIX_EPOCH};
use world::World;
use writes::Form;

/// Of the short form.
const OPERATIONS: usize = 3_000;

/// One kind of operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Upsert(Form),
    UpsertSomeWrong,
    Patch(Form),
    Delete,
    DeleteAll,
    DeleteMatching,
    Get,
    GetAll,
    Count,
    Search,
    SearchFiltered,
    SearchNear,
    Scroll,
    WaitForPosition,
    Replay,
    Build,
    Promote,
    Rollback,
    Collect,
    Restart,
    KillIdle,
    KillBusy,
}

/// How many of each there are in a thousand.
const WEIGHTS: [(Operation, usize); 25] = [
    (Operation::Upsert(Form::One), 170),
    (Operation::Upsert(Form::Array), 50),
    (Operation::Upsert(Form::Lines), 40),
    (Operation::UpsertSomeWrong, 15),
    (Operation::Patch(Form::One), 100),
    (Operation::Patch(Form::Array), 30),
    (Operation::Patch(Form::Lines), 15),
    (Operation::Delete, 60),
    (Operation::DeleteAll, 40),
    (Operation::DeleteMatching, 10),
    (Operation::Get, 120),
    (Operation::GetAll, 30),
    (Operation::Count, 60),
    (Operation::Search, 100),
    (Operation::SearchFiltered, 80),
    (Operation::SearchNear, 50),
    (Operation::Scroll, 6),
    (Operation::WaitForPosition, 5),
    (Operation::Replay, 10),
    (Operation::Build, 3),
    (Operation::Promote, 1),
    (Operation::Rollback, 1),
    (Operation::Collect, 1),
    (Operation::Restart, 1),
    (Operation::KillIdle, 1),
];

/// Comes once in as many thousands of operations.
const KILLS_IN_FLIGHT_PER_DECK: usize = 1;

/// The operations of the next thousand, in random order.
fn deck(random: &mut Random) -> Vec<Operation> {
    let kills = [(Operation::KillBusy, KILLS_IN_FLIGHT_PER_DECK)];
    let mut deck: Vec<Operation> = WEIGHTS
        .iter()
        .chain(&kills)
        .flat_map(|&(operation, count)| std::iter::repeat_n(operation, count))
        .collect();
    random.shuffle(&mut deck);
    deck
}

/// A number from the environment.
fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(
        text.parse()
            .unwrap_or_else(|error| panic!("{name} is {text:?}: {error}")),
    )
}

/// Says what to repeat when a check fails.
struct Running {
    seed: u64,
    operation: usize,
    of: usize,
    kind: Operation,
}

impl Drop for Running {
    #[allow(clippy::print_stderr, reason = "a part of the failure's message")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "model test: failed in operation {} ({:?}); repeat with ALIKE_MODEL_TEST_SEED={} ALIKE_MODEL_TEST_OPERATIONS={}",
                self.operation, self.kind, self.seed, self.of
            );
        }
    }
}

#[test]
fn a_random_sequence_of_operations_does_what_a_plain_map_does() {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let seed = variable("ALIKE_MODEL_TEST_SEED").unwrap_or(now.as_nanos() as u64);
    let of = variable("ALIKE_MODEL_TEST_OPERATIONS").map_or(OPERATIONS, |count| count as usize);
    println!("model test: ALIKE_MODEL_TEST_SEED={seed} ALIKE_MODEL_TEST_OPERATIONS={of}");
    let mut random = Random::new(seed);
    let mut world = World::new(random.next());
    let mut running = Running {
        seed,
        operation: 0,
        of,
        kind: Operation::Count,
    };
    while running.operation < of {
        for operation in deck(&mut random) {
            running.kind = operation;
            world.run(operation);
            running.operation += 1;
            if running.operation == of {
                break;
            }
        }
        if running.operation.is_multiple_of(10_000) {
            println!(
                "model test: {} operations; {}",
                running.operation,
                world.summary()
            );
        }
    }
    world.finish();
    println!(
        "model test: {} operations; {}",
        running.operation,
        world.summary()
    );
}

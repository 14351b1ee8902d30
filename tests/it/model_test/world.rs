//! The server, the oracle beside it, and what is known of both.

use super::items::{DIMENSION, schema};
use super::oracle::Oracle;
use super::writes::{Form, Write, all_ids};
use super::{Operation, oracle};
use crate::support::live::{Call, Caller, NO_REBUILDS, create, position};
use crate::support::{Answer, Random, Server, temp_dir};
use serde_json::Value;
use std::collections::VecDeque;
use tempfile::TempDir;

pub(super) const COLLECTION: &str = "/v1/collections/model";
/// Calls with a key that are remembered, to be sent again.
const REMEMBERED: usize = 24;

/// Everything a sequence works on.
pub(super) struct World {
    pub(super) data: TempDir,
    pub(super) server: Server,
    pub(super) caller: Caller,
    pub(super) oracle: Oracle,
    pub(super) random: Random,
    /// The position of the last acknowledged write.
    pub(super) last: u64,
    /// A job that may still be running.
    pub(super) job: Option<String>,
    /// Calls with a key and what they were answered.
    pub(super) keyed: VecDeque<(Call, Value)>,
    keys: u64,
    /// Of the approximate searches: hits that belong to the true ones, and true ones.
    pub(super) near: (usize, usize),
    pub(super) seen: Seen,
}

/// What came to pass, for the summary.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) acknowledged: usize,
    pub(super) replayed: usize,
    pub(super) scrolled: usize,
    pub(super) published: usize,
    pub(super) promoted: usize,
    pub(super) rolled_back: usize,
    pub(super) restarts: usize,
    pub(super) killed: usize,
    pub(super) in_doubt: usize,
    pub(super) in_doubt_done: usize,
}

impl World {
    pub(super) fn new(seed: u64) -> Self {
        let data = temp_dir();
        let server = serve(&data);
        let caller = Caller::of(&server);
        create(&caller, "model", &schema(), DIMENSION);
        Self {
            data,
            server,
            caller,
            oracle: Oracle::default(),
            random: Random::new(seed),
            last: 0,
            job: None,
            keyed: VecDeque::new(),
            keys: 0,
            near: (0, 0),
            seen: Seen::default(),
        }
    }

    pub(super) fn summary(&self) -> String {
        format!(
            "{} items, position {}, recall {:.4}, {:?}",
            self.oracle.len(),
            self.last,
            self.near.0 as f64 / self.near.1.max(1) as f64,
            self.seen
        )
    }

    /// One operation.
    pub(super) fn run(&mut self, operation: Operation) {
        match operation {
            Operation::Upsert(form) => self.write_some(|random, ids| Write::upsert(random, form, ids)),
            Operation::UpsertSomeWrong => self.write_some(Write::mixed),
            Operation::Patch(form) => self.write_some(|random, ids| Write::patch(random, form, ids)),
            Operation::Delete => self.write_some(Write::delete),
            Operation::DeleteAll => self.write_some(Write::delete_all),
            Operation::DeleteMatching => self.write_some(|random, _| Write::delete_matching(random)),
            Operation::Get => self.get_some(),
            Operation::GetAll => self.get_several(),
            Operation::Count => self.count(),
            Operation::Search => self.search_exactly(false),
            Operation::SearchFiltered => self.search_exactly(true),
            Operation::SearchNear => self.search_near(),
            Operation::Scroll => self.scroll_while_writing(),
            Operation::WaitForPosition => self.wait_for_position(),
            Operation::Replay => self.replay(),
            Operation::Build => self.start_build(),
            Operation::Promote => self.promote(),
            Operation::Rollback => self.roll_back(),
            Operation::Collect => self.collect(),
            Operation::Restart => self.restart(),
            Operation::KillIdle => self.kill_idle(),
            Operation::KillBusy => self.kill_with_writes_in_flight(),
        }
    }

    /// The end: everything once more.
    pub(super) fn finish(&mut self) {
        self.finish_job();
        self.check_everything();
        let recall = self.near.0 as f64 / self.near.1.max(1) as f64;
        assert!(
            recall >= 0.97,
            "approximate searches found {recall} of the true hits"
        );
    }

    fn write_some(&mut self, make: impl FnOnce(&mut Random, &[usize]) -> Write) {
        let mut write = make(&mut self.random, &all_ids());
        if self.random.percent(10) {
            write.key = Some(self.new_key());
        }
        self.write(&write);
    }

    pub(super) fn new_key(&mut self) -> String {
        self.keys += 1;
        format!("key-{}", self.keys)
    }

    /// Writes, checks the answer, and does the same to the oracle.
    pub(super) fn write(&mut self, write: &Write) {
        let answer = self.caller.send(&write.call());
        self.acknowledged(write, &answer);
    }

    /// A write was answered: the answer is right, and the oracle follows.
    pub(super) fn acknowledged(&mut self, write: &Write, answer: &Answer) {
        let (status, counts) = write.expected(&self.oracle);
        if status != 200 {
            answer.problem(status);
            return;
        }
        let answer = answer.json();
        for (name, expected) in counts {
            assert_eq!(answer[name], expected, "{name} of {answer} to {write:?}");
        }
        check_errors(&answer);
        let position = position(&answer);
        assert!(position >= self.last, "{answer} after {}", self.last);
        write.apply(&mut self.oracle);
        self.remember(write, &answer);
    }

    /// Notes an acknowledged write, to be sent again if it has a key.
    pub(super) fn remember(&mut self, write: &Write, answer: &Value) {
        self.last = self.last.max(position(answer));
        self.seen.acknowledged += 1;
        if write.key.is_some() {
            if self.keyed.len() == REMEMBERED {
                self.keyed.pop_front();
            }
            self.keyed.push_back((write.call(), answer.clone()));
        }
    }

    /// A call that was answered before gets the same answer and does nothing.
    fn replay(&mut self) {
        if self.keyed.is_empty() {
            let mut write = Write::upsert(&mut self.random, Form::Array, &all_ids());
            write.key = Some(self.new_key());
            self.write(&write);
        }
        let (call, before) = self.keyed[self.random.below(self.keyed.len())].clone();
        let again = self.caller.send(&call).json();
        assert_eq!(without_time(again), without_time(before), "to {call:?}");
        self.seen.replayed += 1;
        self.count();
        self.search_exactly(false);
    }

    /// Checks an item by its id; `None` where there is none.
    pub(super) fn is_as(&self, id: &str, item: Option<&super::items::Stored>) -> Result<(), String> {
        let path = format!("{COLLECTION}/items/{}?vector=true", super::items::id_in_path(id));
        let answer = self.caller.get(&path);
        match item {
            None if answer.status == 404 => Ok(()),
            Some(item) if answer.status == 200 => {
                let answer = answer.json();
                match answer["fields"].as_object() == Some(&item.document) {
                    true => {
                        oracle::assert_vector(id, &answer["vector"], item);
                        Ok(())
                    }
                    false => Err(format!("{id} is {answer}, expected {:?}", item.document)),
                }
            }
            _ => Err(format!(
                "{id}: {} {}, expected {item:?}",
                answer.status,
                answer.text()
            )),
        }
    }
}

/// A server of that directory, which builds snapshots only when it is told to. Its log has many files.
pub(super) fn serve(data: &TempDir) -> Server {
    let variables = [&NO_REBUILDS[..], &[("ALIKE__LOG__SEGMENT_BYTES", "65536")]].concat();
    Server::start_with(data.path(), &[], &variables)
}

/// Errors are listed, one per rejected item, each with what is wrong.
fn check_errors(answer: &Value) {
    let rejected = answer["rejected"].as_u64().unwrap_or(0) as usize;
    let errors = answer["errors"].as_array().map_or(&[][..], Vec::as_slice);
    if rejected > 0 && answer["created"].is_u64() {
        let positions: Vec<u64> = errors
            .iter()
            .filter_map(|error| error["position"].as_u64())
            .collect();
        assert_eq!(positions.len(), rejected, "{answer}");
        assert!(
            errors
                .iter()
                .all(|error| error["detail"].as_str().is_some_and(|detail| !detail.is_empty())),
            "{answer}"
        );
    }
}

fn without_time(mut answer: Value) -> Value {
    if let Some(answer) = answer.as_object_mut() {
        answer.remove("took_ms");
    }
    answer
}

//! What happens to the process and its snapshots.

use super::oracle::Oracle;
use super::world::{COLLECTION, World, serve};
use super::writes::{Write, all_ids};
use crate::support::Answer;
use crate::support::live::{Call, Caller};
use serde_json::json;
use std::sync::mpsc;

/// Threads that write when the process is killed, each to ids of its own.
const WRITERS: usize = 3;
/// Most writes of each.
const WRITES: usize = 40;

impl World {
    /// Starts a build, which goes on beside what follows.
    pub(super) fn start_build(&mut self) {
        self.finish_job();
        self.job = Some(self.caller.start_build("model"));
    }

    /// Waits for the end of the build, if there is one; it has to be served then.
    pub(super) fn finish_job(&mut self) {
        let Some(job) = self.job.take() else { return };
        let job = self.caller.finish_job(&job);
        let served = self.caller.snapshot("model");
        assert_eq!(job["result"]["snapshot"], served.as_str(), "{job}");
        self.seen.published += 1;
        self.check_everything();
    }

    /// Promotes one of the snapshots there are.
    pub(super) fn promote(&mut self) {
        self.finish_job();
        let list = self.caller.get(&format!("{COLLECTION}/snapshots")).json();
        let snapshots = list["snapshots"].as_array().expect("a list of snapshots");
        let one = self.random.pick(snapshots)["id"]
            .as_str()
            .expect("an id")
            .to_owned();
        let path = format!("{COLLECTION}/snapshots/{one}/promote");
        let answer = self.caller.post(&path, &json!({"force": true}));
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert_eq!(self.caller.snapshot("model"), one);
        self.seen.promoted += 1;
        self.check_everything();
    }

    /// Goes back to the snapshot before; the items stay what they are. Where there is none, the call says so.
    pub(super) fn roll_back(&mut self) {
        self.finish_job();
        let before = self.caller.snapshot("model");
        let path = format!("{COLLECTION}/snapshots/rollback");
        let answer = self.caller.send(&Call::new("POST", path));
        let now = self.caller.snapshot("model");
        if answer.status == 200 {
            let answer = answer.json();
            assert_eq!(
                (&answer["from"], &answer["snapshot"]),
                (&json!(before), &json!(now))
            );
            assert_ne!(before, now);
            self.seen.rolled_back += 1;
        } else {
            answer.problem(409);
            assert_eq!(before, now, "a refused rollback changes nothing");
        }
        self.check_everything();
    }

    /// Collects what nothing needs.
    pub(super) fn collect(&mut self) {
        self.finish_job();
        let path = format!("{COLLECTION}/snapshots/gc");
        let job = self.caller.job_of(&Call::new("POST", path));
        self.caller.finish_job(&job);
        self.check_everything();
    }

    /// Stops in good order and starts again.
    pub(super) fn restart(&mut self) {
        let recall = self.recall();
        self.server.stop();
        self.come_back(recall);
    }

    /// `kill -9` while nothing is written.
    pub(super) fn kill_idle(&mut self) {
        let recall = self.recall();
        self.server.kill();
        self.seen.killed += 1;
        self.come_back(recall);
    }

    /// Starts again; whatever is found before is found afterwards.
    fn come_back(&mut self, recall: f64) {
        self.start_again();
        let now = self.recall();
        assert!(
            now >= recall - 0.02,
            "recall was {recall} before the restart, is {now} after it"
        );
        self.check_everything();
    }

    fn start_again(&mut self) {
        self.server = serve(&self.data);
        self.caller = Caller::of(&self.server);
        self.job = None;
        self.seen.restarts += 1;
        let ready = self.caller.get("/readyz");
        assert_eq!(ready.status, 200, "{}", ready.text());
    }

    /// `kill -9` while several threads write. What was acknowledged is there; of the one call of each thread that was not,
    /// all or nothing.
    pub(super) fn kill_with_writes_in_flight(&mut self) {
        let plans: Vec<Vec<Write>> = (0..WRITERS).map(|writer| self.plan(writer)).collect();
        let least = 1 + self.random.below(WRITES);
        let caller = self.caller.clone();
        let answers: Vec<Vec<Answer>> = std::thread::scope(|scope| {
            let (acknowledge, acknowledged) = mpsc::channel();
            let threads: Vec<_> = plans
                .iter()
                .map(|plan| {
                    let (caller, acknowledge) = (caller.clone(), acknowledge.clone());
                    scope.spawn(move || write_until_it_breaks(plan, &caller, &acknowledge))
                })
                .collect();
            drop(acknowledge);
            for _ in 0..least {
                acknowledged.recv().expect("another acknowledged write");
            }
            self.server.kill();
            threads
                .into_iter()
                .map(|thread| thread.join().expect("a writer ends"))
                .collect()
        });
        self.seen.killed += 1;
        self.start_again();
        // Positions are counted over all threads; those of each are in order.
        let (before, mut highest) = (self.last, self.last);
        for (plan, answers) in plans.iter().zip(&answers) {
            self.last = before;
            for (write, answer) in plan.iter().zip(answers) {
                self.acknowledged(write, answer);
            }
            if let Some(doubtful) = plan.get(answers.len()) {
                self.resolve(doubtful);
            }
            highest = highest.max(self.last);
        }
        self.last = highest;
        self.check_everything();
    }

    /// Writes to every id that is this writer's.
    fn plan(&mut self, writer: usize) -> Vec<Write> {
        let ids: Vec<usize> = all_ids()
            .into_iter()
            .filter(|id| id % WRITERS == writer)
            .collect();
        let write = |world: &mut Self| {
            let mut write = Write::some(&mut world.random, &ids);
            if world.random.percent(25) {
                write.key = Some(world.new_key());
            }
            write
        };
        (0..WRITES).map(|_| write(self)).collect()
    }

    /// Finds out whether a call that was not answered was done.
    fn resolve(&mut self, write: &Write) {
        self.seen.in_doubt += 1;
        if write.key.is_some() {
            // Whoever gave it a key can simply send it again, whether or not it was done.
            self.send_again(write);
            return;
        }
        let mut done = self.oracle.clone();
        write.apply(&mut done);
        let ids = write.ids();
        let Err(not_before) = self.all_are(&ids, &self.oracle) else {
            return;
        };
        if let Err(not_after) = self.all_are(&ids, &done) {
            panic!("half of a write was done: {write:?}\nas before: {not_before}\nas after: {not_after}");
        }
        self.oracle = done;
        self.seen.in_doubt_done += 1;
    }

    /// Sends a call again that was not answered. It may have been done without a note that it was: then doing it again
    /// changes nothing, and the answer says so.
    fn send_again(&mut self, write: &Write) {
        let answer = self.caller.send(&write.call());
        let mut done = self.oracle.clone();
        write.apply(&mut done);
        if !write.is_answer(&answer, &self.oracle) {
            assert!(
                write.is_answer(&answer, &done),
                "{} to {write:?}, sent again",
                answer.text()
            );
        }
        self.oracle = done;
        if answer.status == 200 {
            self.remember(write, &answer.json());
        }
    }

    /// Whether all of these items are as that oracle has them.
    fn all_are(&self, ids: &[String], oracle: &Oracle) -> Result<(), String> {
        ids.iter().try_for_each(|id| self.is_as(id, oracle.get(id)))
    }
}

/// Writes in order until the connection breaks; the answers.
fn write_until_it_breaks(plan: &[Write], caller: &Caller, acknowledge: &mpsc::Sender<()>) -> Vec<Answer> {
    let mut answers = Vec::new();
    for write in plan {
        let Ok(answer) = caller.try_send(&write.call()) else {
            break;
        };
        answers.push(answer);
        // Nobody listens any more once the kill is under way.
        let _ = acknowledge.send(());
    }
    answers
}

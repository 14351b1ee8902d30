//! Threads that share the steps of one pass, each step too short to wake anybody for.
//!
//! One thread leads: it runs the pass, and offers each step's units to whoever helps. Helpers look for units until the
//! pass is over. Nobody waits for a helper that has not come: the leader takes whatever units are left, and waits only
//! for those that somebody has begun.

use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// Looks for work between two offers to let other threads run.
const PATIENCE: u32 = 2_000;

/// A step's work, told the number of a unit.
type Work<'a> = &'a (dyn Fn(usize) + Sync + Send);

/// Alone in its cache lines: what one thread writes there does not slow those that read something else.
#[derive(Default)]
#[repr(align(128))]
struct Apart<T>(T);

/// The threads of one pass.
pub(crate) struct Team {
    threads: usize,
    /// Number of the step << 32 | its units << 16 | units that somebody has begun.
    state: Apart<AtomicU64>,
    /// The step's work, on the leader's stack; valid while not all of the step's units are done.
    work: AtomicPtr<Work<'static>>,
    /// Units that are done.
    done: Apart<AtomicUsize>,
    /// No further step will come.
    over: AtomicBool,
}

impl Team {
    /// A team that `threads` threads may join.
    pub fn new(threads: usize) -> Self {
        Self {
            threads: threads.max(1),
            state: Apart::default(),
            work: AtomicPtr::default(),
            done: Apart::default(),
            over: AtomicBool::new(false),
        }
    }

    /// To be called by each thread of the team: the first one leads, which takes `pass` and calls it with what runs a
    /// step; the others help until it is over.
    pub fn join<F: FnOnce(&dyn Fn(usize, Work<'_>))>(&self, pass: &Mutex<Option<F>>) {
        let pass = pass.lock().unwrap_or_else(PoisonError::into_inner).take();
        match pass {
            Some(pass) => {
                pass(&|units, work| self.run(units, work));
                self.over.store(true, Ordering::Release);
            }
            None => self.help(),
        }
    }

    /// Runs `work` for every number under `units`.
    fn run(&self, units: usize, work: Work<'_>) {
        assert!(units < 1 << 16, "a step has fewer than 65,536 units");
        let step = (self.state.0.load(Ordering::Relaxed) >> 32) + 1;
        // SAFETY: only the lifetime changes. The pointer is followed by who has begun a unit of this step, and this
        // function, whose caller keeps `work` alive, returns only after all units that were begun are done.
        let work: Work<'static> = unsafe { std::mem::transmute::<Work<'_>, Work<'static>>(work) };
        self.work.store((&raw const work).cast_mut(), Ordering::Relaxed);
        self.done.0.store(0, Ordering::Relaxed);
        (self.state.0).store(step << 32 | (units as u64) << 16, Ordering::Release);
        while self.take_units() {}
        while self.done.0.load(Ordering::Acquire) < units {
            std::hint::spin_loop();
        }
    }

    /// Does some units of the current step, if any are left.
    fn take_units(&self) -> bool {
        let state = self.state.0.load(Ordering::Acquire);
        let (units, begun) = (state >> 16 & 0xffff, state & 0xffff);
        if begun >= units {
            return false;
        }
        // One share for each thread: a step is short, and every further trip to `state` costs more than waiting.
        let share = (units / self.threads as u64).clamp(1, units - begun);
        let work = self.work.load(Ordering::Relaxed);
        let after = state + share;
        let taken = (self.state.0).compare_exchange_weak(state, after, Ordering::AcqRel, Ordering::Relaxed);
        if taken.is_ok() {
            // SAFETY: the exchange shows that the step of `state` still had units that nobody had begun, so `work` was
            // its pointer, and stays valid until `done` counts the units that are this thread's now.
            let work = unsafe { *work };
            (begun..begun + share).for_each(|unit| work(unit as usize));
            self.done.0.fetch_add(share as usize, Ordering::Release);
        }
        true
    }

    fn help(&self) {
        let mut idle = 0_u32;
        while !self.over.load(Ordering::Acquire) {
            if self.take_units() {
                idle = 0;
                continue;
            }
            idle += 1;
            if idle.is_multiple_of(PATIENCE) {
                std::thread::yield_now();
            } else {
                std::hint::spin_loop();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Steps that each add their numbers to what the step before left.
    fn sums(threads: usize, steps: usize, units: usize) -> Vec<usize> {
        let team = Team::new(threads);
        let counts: Vec<AtomicUsize> = (0..units).map(|_| AtomicUsize::new(0)).collect();
        let pass = Mutex::new(Some(|run: &dyn Fn(usize, Work<'_>)| {
            for step in 0..steps {
                run(units, &|unit| {
                    let before = counts[unit].fetch_add(unit + 1, Ordering::Relaxed);
                    assert_eq!(before, step * (unit + 1), "every unit once a step");
                });
            }
        }));
        std::thread::scope(|scope| {
            (0..threads).for_each(|_| drop(scope.spawn(|| team.join(&pass))));
        });
        counts.into_iter().map(AtomicUsize::into_inner).collect()
    }

    #[test]
    fn every_unit_of_every_step_is_done_once_by_any_number_of_threads() {
        for threads in [1, 2, 3, 8] {
            for units in [1, 2, 7, 100] {
                let expected: Vec<usize> = (1..=units).map(|unit| 500 * unit).collect();
                assert_eq!(
                    sums(threads, 500, units),
                    expected,
                    "{threads} threads, {units} units"
                );
            }
        }
    }

    #[test]
    fn a_step_without_units_and_a_late_helper_do_not_hang() {
        let team = Team::new(2);
        let pass = Mutex::new(Some(|run: &dyn Fn(usize, Work<'_>)| run(0, &|_| unreachable!())));
        team.join(&pass);
        team.join(&pass);
    }
}

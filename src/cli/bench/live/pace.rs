//! Open-loop load: calls start when they are due, not when the one before has been answered, and what a call waits for a
//! free sender counts. So a server that stalls is charged for every call of the stall (no coordinated omission).

use serde::Serialize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Senders of one load: as many calls can be under way at once.
pub(super) const SENDERS: usize = 16;

/// Latencies and failures of the calls of one load.
#[derive(Debug, Default)]
pub(super) struct Calls {
    latencies: Vec<Duration>,
    /// The first few failures, in words.
    pub(super) failures: Vec<String>,
    pub(super) failed: usize,
}

/// Quantiles in milliseconds.
#[derive(Debug, Clone, Copy, Serialize, PartialEq)]
pub(super) struct Quantiles {
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) p999_ms: f64,
    pub(super) max_ms: f64,
}

impl Calls {
    pub(super) fn add(&mut self, latency: Duration, result: anyhow::Result<()>) {
        match result {
            Ok(()) => self.latencies.push(latency),
            Err(error) => {
                self.failed += 1;
                if self.failures.len() < 5 {
                    self.failures.push(format!("{error:#}"));
                }
            }
        }
    }

    pub(super) fn join(&mut self, other: Self) {
        self.latencies.extend(other.latencies);
        self.failed += other.failed;
        let room = 5_usize.saturating_sub(self.failures.len());
        self.failures.extend(other.failures.into_iter().take(room));
    }

    /// Calls that succeeded.
    pub(super) fn succeeded(&self) -> usize {
        self.latencies.len()
    }

    /// Quantiles of those that succeeded, if any did.
    pub(super) fn quantiles(&mut self) -> Option<Quantiles> {
        self.latencies.sort_unstable();
        let quantile = |share| quantile(&self.latencies, share).map(|latency| latency.as_secs_f64() * 1e3);
        Some(Quantiles {
            p50_ms: quantile(0.5)?,
            p99_ms: quantile(0.99)?,
            p999_ms: quantile(0.999)?,
            max_ms: quantile(1.0)?,
        })
    }
}

/// The smallest value that at least this share of all are not above (the nearest-rank definition).
fn quantile(sorted: &[Duration], share: f64) -> Option<Duration> {
    let rank = (sorted.len() as f64 * share).ceil() as usize;
    sorted.get(rank.max(1) - 1).copied()
}

/// When the calls of a load are due.
#[derive(Debug)]
struct Schedule {
    start: Instant,
    per_s: f64,
    next: AtomicUsize,
}

impl Schedule {
    fn new(per_s: f64) -> Self {
        Self {
            start: Instant::now(),
            per_s,
            next: AtomicUsize::new(0),
        }
    }

    /// The next call's number and when it is due.
    fn take(&self) -> (usize, Instant) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        (number, self.due(number))
    }

    fn due(&self, number: usize) -> Instant {
        self.start + Duration::from_secs_f64(number as f64 / self.per_s)
    }
}

/// Sends `per_s` calls a second until `stop` says so. `sender` makes what one thread sends with; `send` sends the call
/// of that number. Latency counts from when a call was due.
pub(super) fn open_loop<S: Send>(
    per_s: f64,
    stop: &AtomicBool,
    sender: impl Fn() -> S,
    send: impl Fn(&mut S, usize) -> anyhow::Result<()> + Sync,
) -> Calls {
    let schedule = Schedule::new(per_s);
    let all = Mutex::new(Calls::default());
    std::thread::scope(|scope| {
        for mut sender in (0..SENDERS).map(|_| sender()) {
            let (schedule, send, all) = (&schedule, &send, &all);
            scope.spawn(move || {
                let mut calls = Calls::default();
                loop {
                    let (number, due) = schedule.take();
                    wait_until(due);
                    if stop.load(Ordering::Relaxed) {
                        break;
                    }
                    let result = send(&mut sender, number);
                    calls.add(due.elapsed(), result);
                }
                let mut all = all.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                all.join(calls);
            });
        }
    });
    all.into_inner()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Waits for the moment itself: a load is a matter of time.
#[allow(
    clippy::disallowed_methods,
    reason = "calls are due at moments, which nothing else announces"
)]
pub(super) fn wait_until(due: Instant) {
    std::thread::sleep(due.saturating_duration_since(Instant::now()));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(latencies: impl IntoIterator<Item = u64>) -> Calls {
        let mut calls = Calls::default();
        for latency in latencies {
            calls.add(Duration::from_millis(latency), Ok(()));
        }
        calls
    }

    #[test]
    fn quantiles_are_values_that_were_measured() {
        let quantiles = of((1..=1_000).rev()).quantiles().unwrap();
        let expected = Quantiles {
            p50_ms: 500.0,
            p99_ms: 990.0,
            p999_ms: 999.0,
            max_ms: 1_000.0,
        };
        assert_eq!(quantiles, expected);
        let one = of([7]).quantiles().unwrap();
        assert_eq!((one.p50_ms, one.p999_ms), (7.0, 7.0));
        assert!(of([]).quantiles().is_none());
    }

    #[test]
    fn few_slow_calls_show_in_the_tail_only() {
        let quantiles = of((0..1_000).map(|at| if at < 15 { 80 } else { 2 }))
            .quantiles()
            .unwrap();
        assert_eq!(
            (quantiles.p50_ms, quantiles.p99_ms, quantiles.p999_ms),
            (2.0, 80.0, 80.0)
        );
    }

    #[test]
    fn failures_are_counted_and_the_first_are_told() {
        let mut calls = of([1, 2]);
        for at in 0..9 {
            calls.add(Duration::ZERO, Err(anyhow::anyhow!("failure {at}")));
        }
        let mut all = of([3]);
        all.join(calls);
        assert_eq!((all.succeeded(), all.failed, all.failures.len()), (3, 9, 5));
        assert_eq!(all.failures[0], "failure 0");
    }

    #[test]
    fn calls_are_due_at_their_rate_whoever_takes_them() {
        let schedule = Schedule::new(250.0);
        let dues: Vec<_> = (0..500).map(|_| schedule.take()).collect();
        for (number, due) in dues {
            let expected = schedule.start + Duration::from_millis(4) * number as u32;
            let off = due.max(expected) - due.min(expected);
            assert!(off < Duration::from_micros(1), "{number}: {off:?}");
        }
    }

    #[test]
    fn a_stall_is_charged_to_every_call_that_was_due_in_it() {
        // All senders stop at call 32 until call 32 + 16 or the load's end is due; nothing is sent meanwhile.
        let (stop, sent) = (AtomicBool::new(false), AtomicUsize::new(0));
        let stalled = std::sync::Barrier::new(SENDERS);
        let mut calls = open_loop(
            2_000.0,
            &stop,
            || (),
            |(), number| {
                if (32..32 + SENDERS).contains(&number) {
                    stalled.wait();
                    wait_until(Instant::now() + Duration::from_millis(100));
                }
                if sent.fetch_add(1, Ordering::Relaxed) == 600 {
                    stop.store(true, Ordering::Relaxed);
                }
                Ok(())
            },
        );
        let late = calls
            .latencies
            .iter()
            .filter(|latency| **latency > Duration::from_millis(40))
            .count();
        assert!(
            late >= 100,
            "{late} of {} calls felt the stall",
            calls.succeeded()
        );
        assert!(calls.quantiles().unwrap().max_ms >= 100.0);
    }
}

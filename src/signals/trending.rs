//! What is popular right now: weighted counts per item and hour, decayed with age, in bounded memory.
//!
//! ```text
//! score(item) = Σ over hours h in the window   weight(h) · share(h) · 2^(−age(h) / (window / 2))
//! ```
//!
//! `weight(h)` is the sum of [`EventType::weight`](super::EventType::weight) over the events of that clock hour;
//! `share(h)` the part of the hour's elapsed time that lies inside the window (1 but for the oldest, partly covered
//! hour); `age(h)` the time from the middle of that part until now. An event just now counts in full, one half a
//! window old half, one at the far end a quarter.
//!
//! Repeats of one shopper within a clock hour count once per item and type. Counts are whole numbers added up, so
//! the order of arrival makes no difference, as long as none of the [`Limits`] is reached.

use super::{event::Event, repeats::Repeats, window::Window};
use jiff::Timestamp;
use std::{cmp::Ordering, collections::BinaryHeap, collections::HashMap};

const HOUR_SECONDS: i64 = 3600;

/// Hours kept before the newest event: the longest window, one hour that it covers in part, and one for events dated
/// a few minutes ahead.
const KEPT_HOURS: u32 = 30 * 24 + 2;

/// What trending may hold in memory. Beyond it, the items with the lowest scores are forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Items tracked (about 120 bytes each, beside their id).
    pub items: usize,
    /// Hours with events, summed over all items (8 to 16 bytes each).
    pub buckets: usize,
    /// Shopper-item-type triples remembered to recognize repeats (about 16 bytes each).
    pub repeats: usize,
}

impl Default for Limits {
    /// 100,000 items, 4,000,000 hours, 1,000,000 triples: under 150 MiB at worst with ids of ordinary length.
    fn default() -> Self {
        Self {
            items: 100_000,
            buckets: 4_000_000,
            repeats: 1_000_000,
        }
    }
}

/// Weighted counts of one item in one hour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bucket {
    /// Hours since the Unix epoch.
    hour: u32,
    /// The sum of the events' weights, in halves of a view.
    half_views: u32,
}

/// Weighted counts per item and hour over the last 30 days before the newest event.
#[derive(Debug)]
pub struct Trending {
    limits: Limits,
    /// Sorted by hour, oldest first; never empty.
    items: HashMap<Box<str>, Vec<Bucket>>,
    /// How many buckets all items have together.
    buckets: usize,
    repeats: Repeats,
    newest: u32,
}

impl Default for Trending {
    fn default() -> Self {
        Self::new(Limits::default())
    }
}

impl Trending {
    /// Nothing counted yet.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            items: HashMap::new(),
            buckets: 0,
            repeats: Repeats::new(limits.repeats),
            newest: 0,
        }
    }

    /// Counts one event, unless it is a repeat or more than 30 days older than the newest.
    pub fn add(&mut self, event: &Event) {
        let hour = hour_of(event.time);
        if hour > self.newest {
            self.newest = hour;
            self.forget_expired();
        }
        if hour < self.oldest_kept() || self.repeats.is_repeat(event, hour) {
            return;
        }
        self.count(&event.item, hour, event.kind.half_views());
        self.stay_within_limits();
    }

    /// The items with the highest scores among those that `filter` admits, best first (equal scores by id), at most
    /// `limit` of them. `filter` is asked only about items that would make the list.
    pub fn top(
        &self,
        now: Timestamp,
        window: Window,
        filter: &dyn Fn(&str) -> bool,
        limit: usize,
    ) -> Vec<(String, f64)> {
        let decay = Decay::new(now, window);
        let mut best = BinaryHeap::new();
        for (id, buckets) in &self.items {
            let candidate = Candidate {
                score: decay.score(buckets),
                id,
            };
            let full = best.len() >= limit;
            if candidate.score <= 0.0 || (full && best.peek().is_none_or(|worst| candidate >= *worst)) {
                continue;
            }
            if filter(id) {
                if full {
                    best.pop();
                }
                best.push(candidate);
            }
        }
        best.into_sorted_vec()
            .into_iter()
            .map(|found| (found.id.to_owned(), found.score))
            .collect()
    }

    /// How many items are tracked.
    pub fn len(&self) -> usize {
        self.items.len()
    }

    /// Whether nothing is tracked.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    fn oldest_kept(&self) -> u32 {
        self.newest.saturating_sub(KEPT_HOURS)
    }

    fn count(&mut self, item: &str, hour: u32, half_views: u32) {
        let Some(buckets) = self.items.get_mut(item) else {
            self.items.insert(item.into(), vec![Bucket { hour, half_views }]);
            self.buckets += 1;
            return;
        };
        match buckets.binary_search_by_key(&hour, |bucket| bucket.hour) {
            Ok(at) => buckets[at].half_views = buckets[at].half_views.saturating_add(half_views),
            Err(at) => {
                buckets.insert(at, Bucket { hour, half_views });
                self.buckets += 1;
            }
        }
    }

    fn forget_expired(&mut self) {
        let oldest = self.oldest_kept();
        self.repeats.forget_before(oldest);
        self.items.retain(|_, buckets| {
            let expired = buckets.partition_point(|bucket| bucket.hour < oldest);
            buckets.drain(..expired);
            if buckets.capacity() > 4 * buckets.len().max(4) {
                buckets.shrink_to_fit();
            }
            !buckets.is_empty()
        });
        self.recount();
    }

    /// Forgets the lowest eighth (or more) once a limit is passed, so that the cost is spread over many events.
    fn stay_within_limits(&mut self) {
        if self.items.len() <= self.limits.items && self.buckets <= self.limits.buckets {
            return;
        }
        let mut kept = (0, 0);
        let keep: Vec<Box<str>> = self
            .best_first()
            .into_iter()
            .take_while(|candidate| {
                kept = (kept.0 + 1, kept.1 + self.items[candidate.id].len());
                kept.0 <= seven_eighths(self.limits.items) && kept.1 <= seven_eighths(self.limits.buckets)
            })
            .map(|candidate| candidate.id.into())
            .collect();
        let mut all = std::mem::take(&mut self.items);
        self.items = keep.into_iter().filter_map(|id| all.remove_entry(&id)).collect();
        self.recount();
    }

    fn best_first(&self) -> Vec<Candidate<'_>> {
        let decay = Decay::at_end_of_hour(self.newest, Window::Month);
        let mut all: Vec<_> = self
            .items
            .iter()
            .map(|(id, buckets)| Candidate {
                score: decay.score(buckets),
                id,
            })
            .collect();
        all.sort_unstable();
        all
    }

    fn recount(&mut self) {
        self.buckets = self.items.values().map(Vec::len).sum();
    }
}

fn seven_eighths(limit: usize) -> usize {
    limit - limit / 8
}

/// Whole hours since the Unix epoch.
fn hour_of(time: Timestamp) -> u32 {
    u32::try_from(time.as_second().div_euclid(HOUR_SECONDS)).unwrap_or(0)
}

/// An item and its score; the smallest candidate is the best.
#[derive(Debug, PartialEq)]
struct Candidate<'a> {
    score: f64,
    id: &'a str,
}

impl Ord for Candidate<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        other
            .score
            .total_cmp(&self.score)
            .then_with(|| self.id.cmp(other.id))
    }
}

impl PartialOrd for Candidate<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Eq for Candidate<'_> {}

/// `share · 2^(−age / half-life)` for each hour that the window touches.
struct Decay {
    first_hour: i64,
    factors: Vec<f64>,
}

impl Decay {
    fn new(now: Timestamp, window: Window) -> Self {
        Self::at_seconds(now.as_millisecond() as f64 / 1000.0, window)
    }

    fn at_end_of_hour(hour: u32, window: Window) -> Self {
        Self::at_seconds((i64::from(hour) + 1) as f64 * HOUR_SECONDS as f64, window)
    }

    fn at_seconds(now: f64, window: Window) -> Self {
        let start = now - (window.hours() * HOUR_SECONDS) as f64;
        let first_hour = hour_containing(start);
        let factors = (first_hour..=hour_containing(now))
            .map(|hour| factor(hour, start, now))
            .collect();
        Self { first_hour, factors }
    }

    fn score(&self, buckets: &[Bucket]) -> f64 {
        let from = buckets.partition_point(|bucket| i64::from(bucket.hour) < self.first_hour);
        let half_views: f64 = buckets[from..]
            .iter()
            .map_while(|bucket| {
                let at = usize::try_from(i64::from(bucket.hour) - self.first_hour).ok()?;
                Some(f64::from(bucket.half_views) * self.factors.get(at)?)
            })
            .sum();
        half_views / 2.0
    }
}

fn hour_containing(seconds: f64) -> i64 {
    (seconds / HOUR_SECONDS as f64).floor() as i64
}

/// The factor of one clock hour in the window from `start` to `now` (seconds since the Unix epoch).
fn factor(hour: i64, start: f64, now: f64) -> f64 {
    let begin = (hour * HOUR_SECONDS) as f64;
    let elapsed_end = (begin + HOUR_SECONDS as f64).min(now);
    let covered_begin = begin.max(start);
    let elapsed = elapsed_end - begin;
    let share = if elapsed > 0.0 {
        (elapsed_end - covered_begin) / elapsed
    } else {
        1.0
    };
    let age = now - f64::midpoint(covered_begin, elapsed_end);
    let half_life = (now - start) / 2.0;
    share * (-age / half_life).exp2()
}

#[cfg(test)]
#[path = "trending_tests.rs"]
mod tests;

//! Weighted counts per item and stretch of time (an hour, a week), in bounded memory.

use super::codec::{In, Out};
use super::items::Items;
use std::cmp::Ordering;
use std::collections::{BinaryHeap, HashMap};
use std::io;
use std::ops::Range;

/// What counts may hold in memory. Beyond it, the items with the least are forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Limits {
    /// Items (about 90 bytes each).
    pub(super) items: usize,
    /// Stretches with events, summed over all items (8 to 12 bytes each).
    pub(super) buckets: usize,
}

/// How time is cut, and what is kept of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Calendar {
    /// Seconds of one stretch.
    pub(super) seconds: u32,
    /// Stretches kept before that of the newest event.
    pub(super) kept: u32,
    /// So many stretches may pass before expired ones are cleared away.
    pub(super) slack: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Bucket {
    /// The stretch, counted from the Unix epoch.
    at: u32,
    units: u32,
}

/// The score of an item's stretches and their units, which are sorted by stretch.
pub(super) type Score<'a> = dyn Fn(&[(u32, u32)]) -> f64 + 'a;

/// Weighted counts per item and stretch.
#[derive(Debug)]
pub(super) struct Counts {
    calendar: Calendar,
    limits: Limits,
    /// Sorted by stretch, oldest first; never empty.
    items: HashMap<u32, Vec<Bucket>>,
    /// How many buckets all items have together.
    buckets: usize,
    newest: u32,
    cleared: u32,
}

impl Counts {
    pub(super) fn new(calendar: Calendar, limits: Limits) -> Self {
        Self {
            calendar,
            limits,
            items: HashMap::new(),
            buckets: 0,
            newest: 0,
            cleared: 0,
        }
    }

    /// Time has come this far (in seconds).
    pub(super) fn advance(&mut self, time: u32) {
        self.newest = self.newest.max(time / self.calendar.seconds);
        if self.newest >= self.cleared + self.calendar.slack {
            self.cleared = self.newest;
            self.forget_expired();
        }
    }

    /// Adds units at a time (in seconds), unless that is too long ago.
    pub(super) fn add(&mut self, item: u32, time: u32, units: u32, names: &Items) {
        let at = time / self.calendar.seconds;
        if at < self.oldest_kept() {
            return;
        }
        let buckets = self.items.entry(item).or_default();
        match buckets.binary_search_by_key(&at, |bucket| bucket.at) {
            Ok(place) => buckets[place].units = buckets[place].units.saturating_add(units),
            Err(place) => {
                if buckets.len() == buckets.capacity() {
                    buckets.reserve_exact((buckets.len() / 2).clamp(1, 64));
                }
                buckets.insert(place, Bucket { at, units });
                self.buckets += 1;
                self.stay_within_limits(names);
            }
        }
    }

    /// Takes back what was added.
    pub(super) fn take(&mut self, item: u32, time: u32, units: u32) {
        let at = time / self.calendar.seconds;
        let Some(buckets) = self.items.get_mut(&item) else {
            return;
        };
        let Ok(place) = buckets.binary_search_by_key(&at, |bucket| bucket.at) else {
            return;
        };
        buckets[place].units = buckets[place].units.saturating_sub(units);
        if buckets[place].units == 0 {
            buckets.remove(place);
            self.buckets -= 1;
        }
        if buckets.is_empty() {
            self.items.remove(&item);
        }
    }

    /// Tells `each` of every item among `items` whose score is above 0.
    pub(super) fn each(&self, items: Range<u32>, score: &Score<'_>, each: &mut dyn FnMut(u32, f64)) {
        let mut stretches = Vec::new();
        let held = items.filter_map(|item| Some((item, self.items.get(&item)?)));
        for (item, buckets) in held {
            stretches.clear();
            stretches.extend(buckets.iter().map(|bucket| (bucket.at, bucket.units)));
            let score = score(&stretches);
            if score > 0.0 {
                each(item, score);
            }
        }
    }

    fn oldest_kept(&self) -> u32 {
        self.newest.saturating_sub(self.calendar.kept)
    }

    fn forget_expired(&mut self) {
        let oldest = self.oldest_kept();
        self.items.retain(|_, buckets| {
            let expired = buckets.partition_point(|bucket| bucket.at < oldest);
            buckets.drain(..expired);
            if buckets.capacity() > 2 * buckets.len().max(4) {
                buckets.shrink_to_fit();
            }
            !buckets.is_empty()
        });
        self.recount();
    }

    /// Forgets the least eighth (or more) once a limit is passed, so that the cost is spread over many events.
    fn stay_within_limits(&mut self, names: &Items) {
        if self.items.len() <= self.limits.items && self.buckets <= self.limits.buckets {
            return;
        }
        self.forget_expired();
        let mut order: Vec<(f64, &str, u32, usize)> = self
            .items
            .iter()
            .map(|(&item, buckets)| (self.standing(buckets), names.id(item), item, buckets.len()))
            .collect();
        order.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(b.1)));
        let mut kept = (0, 0);
        let leaving: Vec<u32> = order
            .iter()
            .skip_while(|(.., buckets)| {
                kept = (kept.0 + 1, kept.1 + buckets);
                kept.0 <= seven_eighths(self.limits.items) && kept.1 <= seven_eighths(self.limits.buckets)
            })
            .map(|&(_, _, item, _)| item)
            .collect();
        for item in leaving {
            self.items.remove(&item);
        }
        self.recount();
    }

    /// How much an item counts when some have to go: half after half of what is kept.
    fn standing(&self, buckets: &[Bucket]) -> f64 {
        let half_life = f64::from(self.calendar.kept) / 2.0;
        let decayed = |bucket: &Bucket| {
            let age = f64::from(self.newest.saturating_sub(bucket.at));
            f64::from(bucket.units) * (-age / half_life).exp2()
        };
        buckets.iter().map(decayed).sum()
    }

    fn recount(&mut self) {
        self.buckets = self.items.values().map(Vec::len).sum();
    }

    pub(super) fn len(&self) -> usize {
        self.items.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.items.capacity() * 33 + self.buckets * size_of::<Bucket>() * 5 / 4
    }

    pub(super) fn save(&self, out: &mut Out<'_>) -> io::Result<()> {
        out.short(self.newest)?;
        out.short(self.cleared)?;
        out.count(self.items.len())?;
        for (&item, buckets) in &self.items {
            out.short(item)?;
            out.short(buckets.len() as u32)?;
            for bucket in buckets {
                out.short(bucket.at)?;
                out.short(bucket.units)?;
            }
        }
        Ok(())
    }

    pub(super) fn load(from: &mut In<'_>, calendar: Calendar, limits: Limits) -> io::Result<Self> {
        let mut counts = Self::new(calendar, limits);
        (counts.newest, counts.cleared) = (from.short()?, from.short()?);
        for _ in 0..from.count()? {
            let (item, count) = (from.short()?, from.short()?);
            let mut buckets = Vec::with_capacity(count.min(4096) as usize);
            for _ in 0..count {
                let (at, units) = (from.short()?, from.short()?);
                buckets.push(Bucket { at, units });
            }
            counts.buckets += buckets.len();
            counts.items.insert(item, buckets);
        }
        Ok(counts)
    }
}

fn seven_eighths(limit: usize) -> usize {
    limit - limit / 8
}

/// The best of what is offered.
pub(super) struct Best<'a> {
    found: BinaryHeap<Candidate<'a>>,
    limit: usize,
}

impl<'a> Best<'a> {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            found: BinaryHeap::new(),
            limit,
        }
    }

    pub(super) fn offer(&mut self, score: f64, id: &'a str, admits: &dyn Fn(&str) -> bool) {
        let candidate = Candidate { score, id };
        let full = self.found.len() >= self.limit;
        if score <= 0.0 || (full && self.found.peek().is_none_or(|worst| candidate >= *worst)) {
            return;
        }
        if admits(id) {
            if full {
                self.found.pop();
            }
            self.found.push(candidate);
        }
    }

    pub(super) fn into_list(self) -> Vec<(String, f64)> {
        let sorted = self.found.into_sorted_vec();
        sorted
            .into_iter()
            .map(|found| (found.id.to_owned(), found.score))
            .collect()
    }
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

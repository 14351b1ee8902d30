//! What many want: lists over all shoppers, and one per segment.
//!
//! ```text
//! trending(item) = Σ over hours h in the window   weight(h) · share(h) · 2^(−age(h) / (window / 2))
//! popular(item)  = Σ over weeks w of two years    weight(w) · share(w) · 2^(−age(w) / 90 days)
//! rising(item)   = (weight in the window + 10) / (weight in the window before + 10), where the window has at least 3 and
//!                  more than the one before
//! ```
//!
//! `weight` is the sum of the events' weights, in views, after [`repeats`](super::repeats) has taken out what one shopper
//! or nobody in particular does too often. `share` is the part of the hour's elapsed time that lies inside the window (1
//! but for the oldest, partly covered hour); `age` the time from the middle of that part until now. An event just now
//! counts in full, one half a window old half, one at the far end a quarter.
//!
//! Counts are whole numbers added up, so the order of arrival makes no difference, as long as no limit is reached.
//!
//! A segment gets a chart with its first event. Where there are as many as the settings allow, a new one takes the place of
//! the least active, if that had fewer than 10 events or none for 30 days; else its events count in the chart over all only.

use super::codec::{In, Out};
use super::counts::{Calendar, Counts, Limits};
use super::decay::{Decay, Span};
use super::fact::{Fact, HOUR_SECONDS};
use super::items::Items;
use super::reads::Chart;
use super::repeats::{Change, Repeats};
use std::collections::BTreeMap;
use std::io;
use std::ops::Range;

const DAY_SECONDS: u32 = 24 * HOUR_SECONDS;
/// Twice the longest window, one hour that it covers in part, and one for events dated a few minutes ahead.
const HOURS: Calendar = Calendar {
    seconds: HOUR_SECONDS,
    kept: 60 * 24 + 2,
    slack: 24,
};
/// Two years.
const WEEKS: Calendar = Calendar {
    seconds: 7 * DAY_SECONDS,
    kept: 104,
    slack: 1,
};
const POPULAR_HALF_LIFE: f64 = 90.0 * DAY_SECONDS as f64;
/// Views that both windows of a rising item are taken to have in addition.
const RISING_PRIOR: f64 = 10.0;
/// Views that the window of a rising item has at least.
const RISING_LEAST: f64 = 3.0;
/// A segment with fewer events gives way to a new one.
const FEW_EVENTS: u64 = 10;
/// … and one without any for as many seconds.
const SILENT: u32 = 30 * DAY_SECONDS;
/// Shopper-item-type-day entries to recognize repeats (about 30 bytes each).
const REPEATS: usize = 4_000_000;

const LIMITS: Limits = Limits {
    items: 500_000,
    buckets: 4_000_000,
};
const SEGMENT_LIMITS: Limits = Limits {
    items: 10_000,
    buckets: 100_000,
};

/// Counts by hour and by week.
#[derive(Debug)]
struct Pair {
    hours: Counts,
    weeks: Counts,
}

impl Pair {
    fn new(limits: Limits) -> Self {
        Self {
            hours: Counts::new(HOURS, limits),
            weeks: Counts::new(WEEKS, limits),
        }
    }

    fn advance(&mut self, time: u32) {
        self.hours.advance(time);
        self.weeks.advance(time);
    }

    fn apply(&mut self, item: u32, change: Change, names: &Items) {
        for counts in [&mut self.hours, &mut self.weeks] {
            if let Some((hour, units)) = change.take {
                counts.take(item, hour * HOUR_SECONDS, units);
            }
            if let Some((hour, units)) = change.add {
                counts.add(item, hour * HOUR_SECONDS, units, names);
            }
        }
    }

    fn save(&self, out: &mut Out<'_>) -> io::Result<()> {
        self.hours.save(out)?;
        self.weeks.save(out)
    }

    fn load(from: &mut In<'_>, limits: Limits) -> io::Result<Self> {
        Ok(Self {
            hours: Counts::load(from, HOURS, limits)?,
            weeks: Counts::load(from, WEEKS, limits)?,
        })
    }
}

/// What a segment's people did.
#[derive(Debug)]
struct Segment {
    counts: Pair,
    events: u64,
    newest: u32,
}

/// The charts of a collection.
#[derive(Debug)]
pub(super) struct Charts {
    all: Pair,
    segments: BTreeMap<Box<str>, Segment>,
    most_segments: usize,
    repeats: Repeats,
    newest: u32,
    /// Events of segments that got no chart.
    refused: u64,
}

/// What charts hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Held {
    pub(super) items: usize,
    pub(super) segments: usize,
    pub(super) repeats: usize,
    /// Events of segments that got no chart.
    pub(super) refused: u64,
    pub(super) bytes: usize,
}

impl Charts {
    pub(super) fn new(most_segments: usize) -> Self {
        Self {
            all: Pair::new(LIMITS),
            segments: BTreeMap::new(),
            most_segments,
            repeats: Repeats::new(REPEATS),
            newest: 0,
            refused: 0,
        }
    }

    /// Counts one event of an item.
    pub(super) fn add(&mut self, item: u32, fact: &Fact, names: &Items) {
        if fact.time > self.newest {
            self.newest = fact.time;
            let kept = WEEKS.kept * WEEKS.seconds;
            self.repeats
                .forget_before(self.newest.saturating_sub(kept) / DAY_SECONDS);
        }
        self.all.advance(self.newest);
        let change = self.repeats.change(fact, 0);
        self.all.apply(item, change, names);
        let Some(name) = &fact.segment else { return };
        if !self.has_room_for(name) {
            self.refused += 1;
            return;
        }
        let segment = self.segments.entry(name.clone()).or_insert_with(|| Segment {
            counts: Pair::new(SEGMENT_LIMITS),
            events: 0,
            newest: 0,
        });
        segment.events += 1;
        segment.newest = segment.newest.max(fact.time);
        segment.counts.advance(self.newest);
        let change = self.repeats.change(fact, Fact::segment_hash(name));
        segment.counts.apply(item, change, names);
    }

    /// Whether a segment has a chart, or gets one in the place of another.
    fn has_room_for(&mut self, name: &str) -> bool {
        if self.segments.len() < self.most_segments || self.segments.contains_key(name) {
            return true;
        }
        let silent = self.newest.saturating_sub(SILENT);
        let weak = |segment: &Segment| segment.events < FEW_EVENTS || segment.newest < silent;
        let candidates = self.segments.iter().filter(|(_, segment)| weak(segment));
        let least =
            candidates.min_by_key(|(name, segment)| (segment.events, segment.newest, (*name).clone()));
        let Some(least) = least.map(|(name, _)| name.clone()) else {
            return false;
        };
        self.segments.remove(&least);
        true
    }

    /// Tells `each` of every item of a chart among `items` and its score; of nothing where the segment has none.
    pub(super) fn each(
        &self,
        (chart, segment): (Chart, Option<&str>),
        now: f64,
        items: Range<u32>,
        each: &mut dyn FnMut(u32, f64),
    ) {
        let counts = match segment {
            None => Some(&self.all),
            Some(name) => self.segments.get(name).map(|segment| &segment.counts),
        };
        let Some(counts) = counts else { return };
        let window = |window: super::Window| (window.hours() * i64::from(HOUR_SECONDS)) as f64;
        match chart {
            Chart::Trending(wanted) => {
                let seconds = window(wanted);
                let decay = Decay::new(HOURS.seconds, Span::last(seconds, now, Some(seconds / 2.0)));
                counts.hours.each(items, &|buckets| decay.score(buckets), each);
            }
            Chart::Popular => {
                let seconds = f64::from(WEEKS.kept * WEEKS.seconds);
                let decay = Decay::new(WEEKS.seconds, Span::last(seconds, now, Some(POPULAR_HALF_LIFE)));
                counts.weeks.each(items, &|buckets| decay.score(buckets), each);
            }
            Chart::Rising(wanted) => {
                let seconds = window(wanted);
                let recent = Decay::new(HOURS.seconds, Span::last(seconds, now, None));
                let before = Span {
                    start: now - 2.0 * seconds,
                    end: now - seconds,
                    now,
                    half_life: None,
                };
                let before = Decay::new(HOURS.seconds, before);
                let score = |buckets: &[(u32, u32)]| rising(recent.score(buckets), before.score(buckets));
                counts.hours.each(items, &score, each);
            }
        }
    }

    pub(super) fn held(&self) -> Held {
        let bytes = |pair: &Pair| pair.hours.bytes() + pair.weeks.bytes();
        let segments: usize = self.segments.values().map(|segment| bytes(&segment.counts)).sum();
        Held {
            items: self.all.hours.len(),
            segments: self.segments.len(),
            repeats: self.repeats.len(),
            refused: self.refused,
            bytes: bytes(&self.all) + segments + self.repeats.bytes(),
        }
    }

    pub(super) fn save(&self, out: &mut Out<'_>) -> io::Result<()> {
        self.all.save(out)?;
        out.short(self.newest)?;
        out.long(self.refused)?;
        out.count(self.segments.len())?;
        for (name, segment) in &self.segments {
            out.text(name)?;
            out.long(segment.events)?;
            out.short(segment.newest)?;
            segment.counts.save(out)?;
        }
        self.repeats.save(out)
    }

    pub(super) fn load(from: &mut In<'_>, most_segments: usize) -> io::Result<Self> {
        let mut charts = Self::new(most_segments);
        charts.all = Pair::load(from, LIMITS)?;
        (charts.newest, charts.refused) = (from.short()?, from.long()?);
        for _ in 0..from.count()? {
            let name = from.text()?;
            let segment = Segment {
                events: from.long()?,
                newest: from.short()?,
                counts: Pair::load(from, SEGMENT_LIMITS)?,
            };
            charts.segments.insert(name, segment);
        }
        charts.repeats = Repeats::load(from, REPEATS)?;
        Ok(charts)
    }
}

impl Span {
    /// The last `seconds` until now.
    fn last(seconds: f64, now: f64, half_life: Option<f64>) -> Self {
        Self {
            start: now - seconds,
            end: now,
            now,
            half_life,
        }
    }
}

fn rising(recent: f64, before: f64) -> f64 {
    if recent < RISING_LEAST || recent <= before {
        return 0.0;
    }
    (recent + RISING_PRIOR) / (before + RISING_PRIOR)
}

#[cfg(test)]
#[path = "charts_tests.rs"]
mod tests;

//! What strategies ask of signals.

use super::counts::Best;
use super::fact::{session_key, user_key};
use super::items::Items;
use super::profiles::{Profile, Touch};
use super::types::UNITS;
use super::{Signals, Window};
use crate::learn::{Basket, History, Interactions};
use jiff::Timestamp;
use std::sync::Arc;

/// Items of a chart that are looked at before waiting events have their turn: some tenths of a millisecond.
const AT_ONCE: u32 = 4_096;

/// One item that a user or session has touched.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// The item's id.
    pub item: Arc<str>,
    /// When it was touched last.
    pub time: Timestamp,
    /// What the touches say about interest, in views, not decayed.
    pub weight: f32,
    /// Whether it was bought.
    pub bought: bool,
}

/// Within what items go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Within {
    /// Baskets: what was bought at once.
    Basket,
    /// Visits: what was looked at in one session.
    Session,
}

/// Which list over all users.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Chart {
    /// Time-decayed interest over a window.
    Trending(super::Window),
    /// Interest over months.
    Popular,
    /// Interest of the last window against the one before, with shrinkage.
    Rising(super::Window),
}

impl Signals {
    /// The best items of a chart among those that `admits` lets in, best first (equal scores by id); only what people of
    /// `segment` did, where one is named. `admits` runs while events wait to be counted: it should be quick, and must not
    /// record events. It is asked only about items that would make the list.
    pub fn chart(
        &self,
        chart: Chart,
        segment: Option<&str>,
        now: Timestamp,
        admits: &dyn Fn(&str) -> bool,
        limit: usize,
    ) -> Vec<(String, f64)> {
        let state = self.state();
        let mut best = Best::new(limit);
        let mut offer = |item: u32, score: f64| best.offer(score, state.items.id(item), admits);
        let items = 0..state.items.len() as u32;
        state
            .charts
            .each((chart, segment), seconds(now), items, &mut offer);
        best.into_list()
    }

    /// Every item of a chart with its score, in no order. Events are counted meanwhile, so that nobody waits for a long
    /// chart: it may have some of those that come while it is made.
    pub fn whole_chart(&self, chart: Chart, segment: Option<&str>, now: Timestamp) -> Vec<(Arc<str>, f64)> {
        let mut all = Vec::new();
        let items = self.state().items.len() as u32;
        for first in (0..items).step_by(AT_ONCE as usize) {
            let state = self.state();
            let part = first..items.min(first + AT_ONCE);
            let mut add = |item: u32, score: f64| all.push((state.items.shared_id(item), score));
            state.charts.each((chart, segment), seconds(now), part, &mut add);
        }
        all
    }

    /// [`Signals::chart`] of what is trending over all segments.
    pub fn trending(
        &self,
        now: Timestamp,
        window: Window,
        admits: &dyn Fn(&str) -> bool,
        limit: usize,
    ) -> Vec<(String, f64)> {
        self.chart(Chart::Trending(window), None, now, admits, limit)
    }

    /// What a user touched, latest first, each item once; empty for unknown users.
    pub fn user(&self, user: &str) -> Vec<Seen> {
        let state = self.state();
        seen(state.users.get(user_key(user)), &state.items)
    }

    /// What was touched in a session, latest first, each item once.
    pub fn session(&self, session: &str) -> Vec<Seen> {
        let state = self.state();
        seen(state.sessions.get(session_key(session)), &state.items)
    }

    /// Items that recent baskets or sessions hold together with `items`, best first, with a score from 0 to 1: shrunk and
    /// corrected for popularity (the formula is in `groups`). None of `items` is among them.
    pub fn together(
        &self,
        items: &[&str],
        within: Within,
        admits: &dyn Fn(&str) -> bool,
        limit: usize,
    ) -> Vec<(String, f64)> {
        let state = self.state();
        let mut numbers: Vec<u32> = items.iter().filter_map(|id| state.items.find(id)).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let groups = match within {
            Within::Basket => &state.baskets,
            Within::Session => &state.sessions,
        };
        let mut best = Best::new(limit);
        for (item, score) in groups.together(&numbers) {
            best.offer(score, state.items.id(item), admits);
        }
        best.into_list()
    }

    /// Everything that a model can learn from; `number` gives the number below `items` of an item's id, none for items
    /// that are to be left out. Baskets and visits of fewer than two items are left out, too. Users are in no order that
    /// means anything, but always in the same.
    pub fn interactions(&self, items: usize, number: &dyn Fn(&str) -> Option<u32>) -> Interactions {
        let state = self.state();
        let numbered =
            |at: usize| number(state.items.id(at as u32)).filter(|&number| (number as usize) < items);
        let numbers: Vec<Option<u32>> = (0..state.items.len()).map(numbered).collect();
        let numbers = Numbers(&numbers);
        Interactions {
            items,
            users: numbers.histories(state.users.iter()),
            baskets: numbers.baskets(state.baskets.iter()),
            sessions: numbers.baskets(state.sessions.iter()),
            now: match state.newest {
                0 => Timestamp::now().as_second(),
                newest => i64::from(newest),
            },
        }
    }
}

fn seconds(time: Timestamp) -> f64 {
    time.as_millisecond() as f64 / 1000.0
}

fn seen(profile: Option<&Profile>, names: &Items) -> Vec<Seen> {
    let touches = profile.map_or(&[][..], |profile| &profile.touches);
    let mut all: Vec<Seen> = touches
        .iter()
        .map(|touch| Seen {
            item: names.shared_id(touch.item),
            time: Timestamp::constant(i64::from(touch.time), 0),
            weight: (f64::from(touch.units) / UNITS) as f32,
            bought: touch.bought(),
        })
        .collect();
    all.sort_unstable_by(|a, b| b.time.cmp(&a.time).then_with(|| a.item.cmp(&b.item)));
    all
}

/// The model's numbers of items, by ours.
struct Numbers<'a>(&'a [Option<u32>]);

impl Numbers<'_> {
    fn of(&self, touch: &Touch) -> Option<u32> {
        self.0.get(touch.item as usize).copied().flatten()
    }

    fn histories<'a>(&self, profiles: impl Iterator<Item = (u64, &'a Profile)>) -> Vec<History> {
        let history = |(key, profile): (u64, &Profile)| {
            let touch = |touch: &Touch| {
                Some(crate::learn::Touch {
                    item: self.of(touch)?,
                    time: i64::from(touch.time),
                    weight: (f64::from(touch.units) / UNITS) as f32,
                    bought: touch.bought(),
                })
            };
            let mut touches: Vec<crate::learn::Touch> = profile.touches.iter().filter_map(touch).collect();
            touches.sort_unstable_by_key(|touch| (touch.time, touch.item));
            (!touches.is_empty()).then_some((key, History { touches }))
        };
        in_order(profiles.filter_map(history))
    }

    fn baskets<'a>(&self, profiles: impl Iterator<Item = (u64, &'a Profile)>) -> Vec<Basket> {
        let basket = |(key, profile): (u64, &Profile)| {
            let mut items: Vec<u32> = profile
                .touches
                .iter()
                .filter_map(|touch| self.of(touch))
                .collect();
            items.sort_unstable();
            let time = i64::from(profile.last);
            (items.len() > 1).then_some((key, Basket { time, items }))
        };
        in_order(profiles.filter_map(basket))
    }
}

fn in_order<T>(all: impl Iterator<Item = (u64, T)>) -> Vec<T> {
    let mut all: Vec<(u64, T)> = all.collect();
    all.sort_unstable_by_key(|(key, _)| *key);
    all.into_iter().map(|(_, one)| one).collect()
}

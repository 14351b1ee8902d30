//! Everything that events have taught, in memory.

use super::charts::Charts;
use super::codec::{In, Out};
use super::fact::Fact;
use super::groups::Groups;
use super::items::Items;
use super::once::Once;
use super::profiles::{Bounds, Profiles, Touch};
use super::settings::Settings;
use std::collections::VecDeque;
use std::io;

const WEEK_SECONDS: u32 = 7 * 86_400;
/// Entries of all users, of all visits and of all baskets together, each (16 bytes each, 28 in visits and baskets).
const TOUCHES: usize = 32_000_000;
/// Items of one visit or basket.
const GROUP_ITEMS: usize = 100;

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It counts.
    Counted,
    /// It had been taken before.
    Duplicate,
    /// Its item is not in the collection; it counts once it is.
    Unknown,
}

/// Everything that is kept of a collection's events.
#[derive(Debug)]
pub(super) struct State {
    pub(super) items: Items,
    pub(super) users: Profiles,
    pub(super) sessions: Groups,
    pub(super) baskets: Groups,
    pub(super) charts: Charts,
    once: Once,
    /// Events of items that are not there yet, in order of arrival.
    unknown: VecDeque<Fact>,
    unknown_limit: usize,
    /// The time of the newest event, seconds since the Unix epoch.
    pub(super) newest: u32,
}

fn users(settings: &Settings) -> Bounds {
    Bounds {
        lists: settings.users,
        each: settings.user_items,
        touches: TOUCHES,
        grace: WEEK_SECONDS,
    }
}

fn groups(lists: usize) -> Bounds {
    Bounds {
        lists,
        each: GROUP_ITEMS,
        touches: TOUCHES,
        grace: 0,
    }
}

impl State {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            items: Items::new(settings.items),
            users: Profiles::new(users(settings)),
            sessions: Groups::new(groups(settings.sessions)),
            baskets: Groups::new(groups(settings.baskets)),
            charts: Charts::new(settings.segments),
            once: Once::new(settings.dedup_events),
            unknown: VecDeque::new(),
            unknown_limit: settings.unknown_events,
            newest: 0,
        }
    }

    /// Takes an event; `known`: its item is in the collection.
    pub(super) fn take(&mut self, fact: Fact, known: bool) -> Outcome {
        if fact.once.is_some_and(|fingerprint| !self.once.first(fingerprint)) {
            return Outcome::Duplicate;
        }
        if known {
            self.count(&fact);
            return Outcome::Counted;
        }
        if self.unknown.len() >= self.unknown_limit {
            self.unknown.pop_front();
        }
        if self.unknown_limit > 0 {
            self.unknown.push_back(fact);
        }
        Outcome::Unknown
    }

    /// Counts events whose items have come; returns how many.
    pub(super) fn settle(&mut self, known: &dyn Fn(&str) -> bool) -> usize {
        let before = self.unknown.len();
        for fact in std::mem::take(&mut self.unknown) {
            match known(&fact.item) {
                true => self.count(&fact),
                false => self.unknown.push_back(fact),
            }
        }
        before - self.unknown.len()
    }

    /// Whether any event waits whose item has come.
    pub(super) fn can_settle(&self, known: &dyn Fn(&str) -> bool) -> bool {
        self.unknown.iter().any(|fact| known(&fact.item))
    }

    pub(super) fn unknown(&self) -> usize {
        self.unknown.len()
    }

    pub(super) fn remembered(&self) -> usize {
        self.once.len()
    }

    pub(super) fn bytes(&self) -> usize {
        let parts = [
            self.items.bytes(),
            self.users.bytes(),
            self.sessions.bytes(),
            self.baskets.bytes(),
            self.charts.held().bytes,
            self.once.bytes(),
            self.unknown.capacity() * (size_of::<Fact>() + 32),
        ];
        parts.into_iter().sum()
    }

    fn count(&mut self, fact: &Fact) {
        self.newest = self.newest.max(fact.time);
        // Impressions and the like: nobody has done anything.
        if fact.units == 0 && !fact.bought {
            return;
        }
        let Some(item) = self.items.number(&fact.item) else {
            return;
        };
        let touch = Touch::of(item, fact);
        if let Some(user) = fact.user {
            self.users.touch(user, touch, &self.items, &mut |_, _| {});
        }
        if let Some(session) = fact.session {
            self.sessions.touch(session, touch, &self.items);
        }
        if let Some(basket) = fact.basket {
            self.baskets.touch(basket, touch, &self.items);
        }
        if fact.units > 0 {
            self.charts.add(item, fact, &self.items);
        }
    }

    pub(super) fn save(&self, out: &mut Out<'_>) -> io::Result<()> {
        out.short(self.newest)?;
        self.items.save(out)?;
        self.users.save(out)?;
        self.sessions.save(out)?;
        self.baskets.save(out)?;
        self.charts.save(out)?;
        self.once.save(out)?;
        out.count(self.unknown.len())?;
        self.unknown.iter().try_for_each(|fact| fact.save(out))
    }

    pub(super) fn load(from: &mut In<'_>, settings: &Settings) -> io::Result<Self> {
        let newest = from.short()?;
        let mut state = Self {
            items: Items::load(from, settings.items)?,
            users: Profiles::load(from, users(settings))?,
            sessions: Groups::load(from, groups(settings.sessions))?,
            baskets: Groups::load(from, groups(settings.baskets))?,
            charts: Charts::load(from, settings.segments)?,
            once: Once::load(from, settings.dedup_events)?,
            newest,
            unknown: VecDeque::new(),
            unknown_limit: settings.unknown_events,
        };
        for _ in 0..from.count()? {
            state.unknown.push_back(Fact::load(from)?);
        }
        Ok(state)
    }
}

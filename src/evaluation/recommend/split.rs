//! The past, to train on, and the future, to be foretold.

use super::read::{Events, Line};
use crate::learn::{Basket, History, Interactions, Touch};
use std::collections::{BTreeMap, HashMap, HashSet};

/// A visit ends when nothing is done for this long, in seconds.
const VISIT_GAP: i64 = 30 * 60;
/// Seconds of a day.
pub(super) const DAY: i64 = 86_400;

/// Events before and after a moment.
pub(super) struct Split<'a> {
    pub before: &'a [Line],
    pub after: &'a [Line],
    pub at: i64,
}

/// A basket or visit, with who it belongs to.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Group {
    pub user: Option<u32>,
    pub time: i64,
    /// Different items, in the order in which they came.
    pub items: Vec<u32>,
}

impl<'a> Split<'a> {
    /// Events from `at` on come after, up to `until`.
    pub fn new(events: &'a Events, at: i64, until: Option<i64>) -> Self {
        let first = events.lines.partition_point(|line| line.time < at);
        let end = until.map_or(events.lines.len(), |until| {
            events.lines.partition_point(|line| line.time < until).max(first)
        });
        Self {
            before: &events.lines[..first],
            after: &events.lines[first..end],
            at,
        }
    }

    /// What a model is trained on.
    pub fn interactions(&self, events: &Events) -> Interactions {
        let mut users = vec![History::default(); events.users];
        for line in self.before {
            if let Some(user) = line.user {
                users[user as usize].touches.push(touch(line));
            }
        }
        users.iter_mut().for_each(|user| once(&mut user.touches));
        // Items are numbered as they first occur in the file, which may be after the split.
        Interactions {
            items: events.items.len(),
            users,
            baskets: baskets(self.before, events)
                .into_iter()
                .map(Group::basket)
                .collect(),
            sessions: self.sessions(events),
            now: self.at,
        }
    }

    /// Visits to learn from: where the file has no views, baskets say it all.
    fn sessions(&self, events: &Events) -> Vec<Basket> {
        if !events.sessions && self.before.iter().all(Line::bought) {
            return Vec::new();
        }
        visits(self.before, events)
            .into_iter()
            .map(Group::basket)
            .collect()
    }
}

impl Group {
    fn basket(self) -> Basket {
        Basket {
            time: self.time,
            items: self.items,
        }
    }
}

fn touch(line: &Line) -> Touch {
    Touch {
        item: line.item,
        time: line.time,
        weight: line.weight,
        bought: line.bought(),
    }
}

/// One touch per item, kind and time.
fn once(touches: &mut Vec<Touch>) {
    let mut seen = HashSet::new();
    touches.retain(|touch| seen.insert((touch.item, touch.time, touch.weight.to_bits())));
}

/// What was bought together.
pub(super) fn baskets(lines: &[Line], events: &Events) -> Vec<Group> {
    let bought = lines.iter().filter(|line| line.bought());
    if events.baskets {
        return grouped(bought, |line| line.basket.map(u64::from));
    }
    grouped(bought, |line| {
        line.user
            .map(|user| u64::from(user) << 32 | (line.time.div_euclid(DAY) as u64 & 0xffff_ffff))
    })
}

/// What was looked at in one visit.
pub(super) fn visits(lines: &[Line], events: &Events) -> Vec<Group> {
    if events.sessions {
        return grouped(lines.iter(), |line| line.session.map(u64::from));
    }
    let mut open: HashMap<u32, (i64, u64)> = HashMap::new();
    let mut next = 0;
    grouped(lines.iter(), |line| {
        let (last, visit) = open.entry(line.user?).or_insert((i64::MIN / 2, 0));
        if line.time - *last > VISIT_GAP {
            next += 1;
            *visit = next;
        }
        *last = line.time;
        Some(*visit)
    })
}

fn grouped<'a>(
    lines: impl Iterator<Item = &'a Line>,
    mut key: impl FnMut(&Line) -> Option<u64>,
) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    let mut places: HashMap<u64, usize> = HashMap::new();
    for line in lines {
        let Some(key) = key(line) else { continue };
        let place = *places.entry(key).or_insert(groups.len());
        if place == groups.len() {
            groups.push(Group::default());
        }
        let group = &mut groups[place];
        group.user = group.user.or(line.user);
        group.time = line.time;
        if !group.items.contains(&line.item) {
            group.items.push(line.item);
        }
    }
    groups
}

/// What users want after the split: what they buy, or, where nothing at all is bought, what they touch.
pub(super) fn wanted(split: &Split<'_>) -> BTreeMap<u32, HashSet<u32>> {
    let purchases = split.before.iter().chain(split.after).any(Line::bought);
    let mut wanted: BTreeMap<u32, HashSet<u32>> = BTreeMap::new();
    for line in split.after.iter().filter(|line| line.bought() || !purchases) {
        if let Some(user) = line.user {
            wanted.entry(user).or_default().insert(line.item);
        }
    }
    wanted
}

//! What one shopper, or nobody in particular, can contribute to a chart.
//!
//! - A shopper (the user where known, else the session) counts for an item and a type **once per clock hour, and in at
//!   most three hours of a day**: the latest three. A script that looks at one item all day long counts as three views.
//! - Events without user and session cannot be told apart. The n of them that concern one item and type in one clock hour
//!   count in full up to 16, beyond as `16 · (1 + log2(n / 16))`: 1,000 count as 111, a million as 271.
//!
//! Both depend on what has come, not on the order in which it came.

use super::codec::{In, Out, wrong};
use super::fact::{Fact, HOURS_PER_DAY};
use super::hash::mix;
use std::collections::{BTreeMap, HashMap};
use std::io;

/// Hours of a day that one shopper counts in for an item and a type.
const HOURS_THAT_COUNT: usize = 3;
/// As many events of nobody in particular count in full.
const IN_FULL: u32 = 16;

/// What an event changes in a chart: units to be added to an hour, and units to be taken from another.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) add: Option<(u32, u32)>,
    pub(super) take: Option<(u32, u32)>,
}

/// Per day: for (shopper, item, type) the hours in which it came, as bits; for (item, type, hour) of nobody how often.
///
/// At most `limit` entries are kept. When full, the oldest day is forgotten, and what comes for that day or an earlier one
/// does not count any more.
#[derive(Debug)]
pub(super) struct Repeats {
    days: BTreeMap<u32, HashMap<u64, u32>>,
    len: usize,
    limit: usize,
    /// Days before this one are forgotten.
    horizon: u32,
}

impl Repeats {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            days: BTreeMap::new(),
            len: 0,
            limit,
            horizon: 0,
        }
    }

    /// What `fact` changes in the chart of that segment (0: the one over all).
    pub(super) fn change(&mut self, fact: &Fact, segment: u64) -> Change {
        let (hour, day) = (fact.hour(), fact.hour() / HOURS_PER_DAY);
        let what = mix(
            mix(fact.item_hash, fact.kind),
            mix(segment, u64::from(fact.units)),
        );
        let key = match fact.shopper {
            Some(shopper) => mix(what, shopper),
            None => mix(what, u64::from(hour)),
        };
        let Some(entry) = self.entry(day, key) else {
            return Change::default();
        };
        match fact.shopper {
            Some(_) => of_shopper(entry, hour, fact.units),
            None => of_nobody(entry, hour, fact.units),
        }
    }

    /// What is remembered under a key; none where there is no room for it.
    fn entry(&mut self, day: u32, key: u64) -> Option<&mut u32> {
        if day < self.horizon {
            return None;
        }
        let known = self.days.get(&day).is_some_and(|day| day.contains_key(&key));
        if !known && !self.make_room(day) {
            return None;
        }
        self.len += usize::from(!known);
        Some(self.days.entry(day).or_default().entry(key).or_insert(0))
    }

    /// Whether one more of `day` fits, once days older than it were forgotten.
    fn make_room(&mut self, day: u32) -> bool {
        while self.len >= self.limit {
            match self.days.first_entry() {
                Some(oldest) if *oldest.key() < day => {
                    self.horizon = oldest.key() + 1;
                    self.len -= oldest.remove().len();
                }
                _ => return false,
            }
        }
        true
    }

    /// Forgets what lies before `day`.
    pub(super) fn forget_before(&mut self, day: u32) {
        if self.days.first_key_value().is_some_and(|(&first, _)| first < day) {
            self.days = self.days.split_off(&day);
            self.len = self.days.values().map(HashMap::len).sum();
            self.horizon = self.horizon.max(day);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn bytes(&self) -> usize {
        self.days.values().map(|day| day.capacity() * 19).sum()
    }

    pub(super) fn save(&self, out: &mut Out<'_>) -> io::Result<()> {
        out.short(self.horizon)?;
        out.count(self.days.len())?;
        for (&day, entries) in &self.days {
            out.short(day)?;
            out.count(entries.len())?;
            for (&key, &value) in entries {
                out.long(key)?;
                out.short(value)?;
            }
        }
        Ok(())
    }

    pub(super) fn load(from: &mut In<'_>, limit: usize) -> io::Result<Self> {
        let mut repeats = Self::new(limit);
        repeats.horizon = from.short()?;
        for _ in 0..from.count()? {
            let day = from.short()?;
            let entries = repeats.days.entry(day).or_default();
            for _ in 0..from.count()? {
                entries.insert(from.long()?, from.short()?);
            }
            if entries.is_empty() {
                return Err(wrong("a day without entries"));
            }
            repeats.len += entries.len();
        }
        Ok(repeats)
    }
}

fn of_shopper(hours: &mut u32, hour: u32, units: u32) -> Change {
    let (before, start) = (latest(*hours), hour - hour % HOURS_PER_DAY);
    *hours |= 1 << (hour % HOURS_PER_DAY);
    let after = latest(*hours);
    let changed = |bits: u32| (bits != 0).then(|| (start + bits.trailing_zeros(), units));
    Change {
        add: changed(after & !before),
        take: changed(before & !after),
    }
}

/// The highest bits.
fn latest(hours: u32) -> u32 {
    let (mut kept, mut rest) = (0, hours);
    for _ in 0..HOURS_THAT_COUNT {
        let highest = rest.checked_ilog2().map_or(0, |bit| 1 << bit);
        kept |= highest;
        rest &= !highest;
    }
    kept
}

fn of_nobody(count: &mut u32, hour: u32, units: u32) -> Change {
    let before = damped(*count, units);
    *count = count.saturating_add(1);
    let more = damped(*count, units) - before;
    Change {
        add: (more > 0).then_some((hour, more)),
        take: None,
    }
}

/// What `count` events of `units` each count together.
fn damped(count: u32, units: u32) -> u32 {
    let counted = if count <= IN_FULL {
        f64::from(count)
    } else {
        let full = f64::from(IN_FULL);
        full * (1.0 + (f64::from(count) / full).log2())
    };
    (counted * f64::from(units)) as u32
}

#[cfg(test)]
mod tests {
    use super::super::types::EventType;
    use super::super::{Event, Types};
    use super::*;

    fn fact(shopper: (Option<&str>, Option<&str>), item: &str, kind: EventType, hour: i64) -> Fact {
        let mut event = Event::new("c", kind, item);
        event.user = shopper.0.map(Into::into);
        event.session = shopper.1.map(Into::into);
        event.time = jiff::Timestamp::from_second(1_700_006_400 + hour * 3600).unwrap();
        Fact::of(&event, &Types::default()).unwrap()
    }

    fn by(user: &str, item: &str, hour: i64) -> Fact {
        fact((Some(user), None), item, EventType::View, hour)
    }

    #[test]
    fn only_the_same_shopper_item_type_and_hour_repeats() {
        let mut repeats = Repeats::new(100);
        let first = by("a", "i", 7);
        let counts = |change: Change| change.add.is_some();
        assert!(counts(repeats.change(&first, 0)));
        assert_eq!(repeats.change(&first, 0), Change::default());
        assert!(counts(repeats.change(&first, 1)), "another segment's chart");
        for other in [
            by("b", "i", 7),
            by("a", "j", 7),
            by("a", "i", 8),
            fact((None, Some("a")), "i", EventType::View, 7),
            fact((Some("a"), None), "i", EventType::Click, 7),
        ] {
            assert!(counts(repeats.change(&other, 0)), "{other:?}");
        }
        let elsewhere = fact((Some("a"), Some("s2")), "i", EventType::View, 7);
        assert!(
            !counts(repeats.change(&elsewhere, 0)),
            "a user is the same in every session"
        );
    }

    #[test]
    fn the_latest_three_hours_of_a_day_count_in_any_order() {
        let orders: [[i64; 5]; 4] = [
            [1, 5, 9, 13, 17],
            [17, 13, 9, 5, 1],
            [9, 1, 17, 5, 13],
            [13, 9, 17, 1, 5],
        ];
        for order in orders {
            let mut repeats = Repeats::new(100);
            let mut hours: BTreeMap<u32, i64> = BTreeMap::new();
            for hour in order {
                let change = repeats.change(&by("a", "i", hour), 0);
                change
                    .add
                    .into_iter()
                    .for_each(|(hour, units)| *hours.entry(hour % 24).or_default() += i64::from(units));
                change
                    .take
                    .into_iter()
                    .for_each(|(hour, units)| *hours.entry(hour % 24).or_default() -= i64::from(units));
            }
            hours.retain(|_, units| *units != 0);
            assert_eq!(
                hours,
                BTreeMap::from([(9, 100), (13, 100), (17, 100)]),
                "{order:?}"
            );
        }
    }

    #[test]
    fn nobody_counts_less_and_less() {
        let mut repeats = Repeats::new(100);
        let total: u32 = (0..1000)
            .filter_map(|_| {
                repeats
                    .change(&fact((None, None), "i", EventType::View, 3), 0)
                    .add
            })
            .map(|(_, units)| units)
            .sum();
        assert_eq!((total, damped(16, 100)), (11_145, 1_600));
        assert_eq!(repeats.len(), 1, "one entry whatever the flood");
    }

    #[test]
    fn stays_within_its_limit_and_forgets_the_oldest_day() {
        let mut repeats = Repeats::new(10);
        for day in 0..5 {
            for user in ["a", "b", "c", "d"] {
                assert!(repeats.change(&by(user, "i", day * 24), 0).add.is_some());
                assert!(repeats.len() <= 10);
            }
        }
        assert_eq!(
            repeats.change(&by("d", "i", 4 * 24), 0),
            Change::default(),
            "remembered"
        );
        assert_eq!(
            repeats.change(&by("x", "i", 0), 0),
            Change::default(),
            "forgotten days do not count"
        );
        repeats.forget_before(u32::MAX);
        assert_eq!(repeats.len(), 0);
    }
}

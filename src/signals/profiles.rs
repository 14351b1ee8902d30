//! Who touched which items: compact lists by key, in bounded memory.
//!
//! A list holds one entry per item: sums and maxima of everything that was done to it, so that the order of arrival makes
//! no difference as long as no bound is reached.

use super::codec::{In, Out};
use super::fact::Fact;
use super::items::Items;
use std::collections::HashMap;
use std::io;

/// Everything that one user did to one item, or that was done to it in one visit or basket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Touch {
    /// The item's number.
    pub(super) item: u32,
    /// The last time, seconds since the Unix epoch.
    pub(super) time: u32,
    /// The sum of the weights, in hundredths of a view.
    pub(super) units: u32,
    /// How often, in all bits but the lowest; that one: whether it was bought.
    tally: u32,
}

impl Touch {
    pub(super) fn of(item: u32, fact: &Fact) -> Self {
        Self {
            item,
            time: fact.time,
            units: fact.units,
            tally: 2 | u32::from(fact.bought),
        }
    }

    pub(super) fn bought(&self) -> bool {
        self.tally & 1 != 0
    }

    fn merge(&mut self, other: &Self) {
        self.time = self.time.max(other.time);
        self.units = self.units.saturating_add(other.units);
        let count = (self.tally >> 1)
            .saturating_add(other.tally >> 1)
            .min(u32::MAX >> 1);
        self.tally = (count << 1) | ((self.tally | other.tally) & 1);
    }

    fn save(&self, out: &mut Out<'_>) -> io::Result<()> {
        [self.item, self.time, self.units, self.tally]
            .into_iter()
            .try_for_each(|part| out.short(part))
    }

    fn load(from: &mut In<'_>) -> io::Result<Self> {
        Ok(Self {
            item: from.short()?,
            time: from.short()?,
            units: from.short()?,
            tally: from.short()?,
        })
    }
}

/// One list.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Profile {
    /// When anything was touched last.
    pub(super) last: u32,
    /// One per item, in no order.
    pub(super) touches: Vec<Touch>,
}

/// Bounds of lists.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Lists.
    pub(super) lists: usize,
    /// Entries of one list; beyond, the one with the oldest time goes (equal times: the larger id).
    pub(super) each: usize,
    /// Entries of all lists together.
    pub(super) touches: usize,
    /// Seconds that a list counts as more recent per further item, up to four, when lists have to go.
    pub(super) grace: u32,
}

/// Lists by key. Beyond the bounds the eighth that was away for longest goes; a list of several items counts as more
/// recent, so that strangers who come once do not push regulars out.
#[derive(Debug)]
pub(super) struct Profiles {
    map: HashMap<u64, Profile>,
    touches: usize,
    bounds: Bounds,
}

/// What became of the other entries of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Touched {
    /// The item is new in the list.
    New,
    /// It was there; this is its time now.
    Again(u32),
    /// It is older than everything in a list that is full.
    TooOld,
}

const MOST_GRACES: usize = 4;

impl Profiles {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            map: HashMap::new(),
            touches: 0,
            bounds,
        }
    }

    /// Adds a touch; `gone` hears of every entry that goes for it.
    pub(super) fn touch(
        &mut self,
        key: u64,
        touch: Touch,
        names: &Items,
        gone: &mut dyn FnMut(u64, &Touch),
    ) -> Touched {
        let profile = self.map.entry(key).or_default();
        profile.last = profile.last.max(touch.time);
        if let Some(there) = profile.touches.iter_mut().find(|there| there.item == touch.item) {
            there.merge(&touch);
            return Touched::Again(there.time);
        }
        if profile.touches.len() >= self.bounds.each {
            let oldest = profile.oldest(names);
            let newer = |there: &Touch| age_key(&touch, names) > age_key(there, names);
            let Some(there) = profile.touches.get_mut(oldest).filter(|there| newer(there)) else {
                return Touched::TooOld;
            };
            gone(key, &std::mem::replace(there, touch));
            return Touched::New;
        }
        if profile.touches.len() == profile.touches.capacity() {
            profile
                .touches
                .reserve_exact((profile.touches.len() / 2).clamp(1, 8));
        }
        profile.touches.push(touch);
        self.touches += 1;
        self.stay_within_bounds(gone);
        Touched::New
    }

    pub(super) fn get(&self, key: u64) -> Option<&Profile> {
        self.map.get(&key)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &Profile)> {
        self.map.iter().map(|(&key, profile)| (key, profile))
    }

    pub(super) fn len(&self) -> usize {
        self.map.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.map.capacity() * 41 + self.touches * size_of::<Touch>() * 5 / 4
    }

    /// Once a bound is passed, an eighth goes, so that the cost is spread over many events.
    fn stay_within_bounds(&mut self, gone: &mut dyn FnMut(u64, &Touch)) {
        if self.map.len() <= self.bounds.lists && self.touches <= self.bounds.touches {
            return;
        }
        let mut order: Vec<(u64, u64)> = self
            .map
            .iter()
            .map(|(&key, list)| (self.standing(list), key))
            .collect();
        let leaving = (order.len() / 8).max(1);
        if leaving < order.len() {
            order.select_nth_unstable(leaving);
        }
        for &(_, key) in &order[..leaving] {
            if let Some(list) = self.map.remove(&key) {
                self.touches -= list.touches.len();
                list.touches.iter().for_each(|touch| gone(key, touch));
            }
        }
    }

    fn standing(&self, list: &Profile) -> u64 {
        let graces = list.touches.len().saturating_sub(1).min(MOST_GRACES) as u64;
        u64::from(list.last) + graces * u64::from(self.bounds.grace)
    }

    pub(super) fn save(&self, out: &mut Out<'_>) -> io::Result<()> {
        out.count(self.map.len())?;
        for (&key, list) in &self.map {
            out.long(key)?;
            out.short(list.last)?;
            out.short(list.touches.len() as u32)?;
            list.touches.iter().try_for_each(|touch| touch.save(out))?;
        }
        Ok(())
    }

    pub(super) fn load(from: &mut In<'_>, bounds: Bounds) -> io::Result<Self> {
        let mut lists = Self::new(bounds);
        for _ in 0..from.count()? {
            let (key, last, count) = (from.long()?, from.short()?, from.short()?);
            let mut touches = Vec::with_capacity(count.min(1024) as usize);
            for _ in 0..count {
                touches.push(Touch::load(from)?);
            }
            lists.touches += touches.len();
            lists.map.insert(key, Profile { last, touches });
        }
        Ok(lists)
    }
}

impl Profile {
    fn oldest(&self, names: &Items) -> usize {
        let places = 0..self.touches.len();
        let oldest = places.min_by(|&a, &b| {
            let key = |at: usize| age_key(&self.touches[at], names);
            key(a).cmp(&key(b))
        });
        oldest.unwrap_or(0)
    }
}

/// Smaller is older; equal times by id, since numbers are given in order of arrival.
fn age_key<'a>(touch: &Touch, names: &'a Items) -> (u32, std::cmp::Reverse<&'a str>) {
    (touch.time, std::cmp::Reverse(names.id(touch.item)))
}

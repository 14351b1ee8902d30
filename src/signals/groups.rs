//! What is together in baskets or visits: lists of items, and per item a ring of its most recent lists. Pairs are counted
//! when somebody asks; none is stored.
//!
//! ```text
//! share(a, b)  = lists among the latest 256 of a that hold b / lists in a's ring
//! cosine(a, b) = share(a, b) · √(lists(a) / lists(b))          lists(x): all that are kept with x
//! score(a, b)  = min(1, cosine) · n / (n + 3)                  n: the lists that were counted
//! score(b)     = 1 − Π over a of (1 − score(a, b))
//! ```
//!
//! The cosine keeps what is in every basket from going with everything; the last factor (shrinkage) keeps one coincidence
//! from looking certain.

use super::codec::{In, Out};
use super::items::Items;
use super::profiles::{Bounds, Profile, Profiles, Touch, Touched};
use std::collections::HashMap;
use std::io;

/// Most lists of one item that are counted: its most recent ones.
const RING: usize = 256;
/// As many lists are as good as no evidence.
const SHRINK: f64 = 3.0;

/// A list that an item is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Entry {
    /// When the item was touched in it.
    time: u32,
    /// Its key, in halves: a list of these takes 12 bytes, not 16.
    key: [u32; 2],
}

impl Entry {
    fn new(time: u32, key: u64) -> Self {
        Self {
            time,
            key: [key as u32, (key >> 32) as u32],
        }
    }

    fn key(&self) -> u64 {
        u64::from(self.key[0]) | (u64::from(self.key[1]) << 32)
    }
}

/// The lists of one item.
#[derive(Debug, Default, PartialEq, Eq)]
struct Ring {
    /// The most recent ones, in no order.
    entries: Vec<Entry>,
    /// All of them.
    lists: u32,
}

impl Ring {
    fn enter(&mut self, entry: Entry) {
        self.lists += 1;
        if self.entries.len() < RING {
            if self.entries.len() == self.entries.capacity() {
                self.entries.reserve_exact((self.entries.len() / 2).clamp(1, 32));
            }
            self.entries.push(entry);
            return;
        }
        let age = |entry: &Entry| (entry.time, entry.key());
        if let Some(oldest) = self.entries.iter_mut().min_by_key(|there| age(there))
            && age(oldest) < age(&entry)
        {
            *oldest = entry;
        }
    }

    /// The item was touched again in one of its lists.
    fn refresh(&mut self, entry: Entry) {
        let key = entry.key();
        match self.entries.iter_mut().find(|there| there.key() == key) {
            Some(there) => there.time = there.time.max(entry.time),
            None => {
                // It was too old for the ring.
                self.lists -= 1;
                self.enter(entry);
            }
        }
    }

    fn leave(&mut self, key: u64) {
        self.lists = self.lists.saturating_sub(1);
        if let Some(at) = self.entries.iter().position(|there| there.key() == key) {
            self.entries.swap_remove(at);
        }
    }
}

/// Lists, and in which of them each item is.
#[derive(Debug)]
pub(super) struct Groups {
    lists: Profiles,
    /// By the item's number.
    rings: Vec<Ring>,
}

impl Groups {
    pub(super) fn new(bounds: Bounds) -> Self {
        Self {
            lists: Profiles::new(bounds),
            rings: Vec::new(),
        }
    }

    pub(super) fn touch(&mut self, key: u64, touch: Touch, names: &Items) {
        let (rings, at) = (&mut self.rings, touch.item as usize);
        if rings.len() <= at {
            rings.resize_with(at + 1, Ring::default);
        }
        let touched = self.lists.touch(key, touch, names, &mut |list, gone: &Touch| {
            // The list that this is for may go at once; this item has not entered its ring yet.
            if (list, gone.item) == (key, touch.item) {
                return;
            }
            if let Some(ring) = rings.get_mut(gone.item as usize) {
                ring.leave(list);
            }
        });
        match touched {
            // The list itself may have gone at once.
            Touched::New if self.lists.get(key).is_some() => rings[at].enter(Entry::new(touch.time, key)),
            Touched::Again(time) => rings[at].refresh(Entry::new(time, key)),
            Touched::New | Touched::TooOld => {}
        }
    }

    pub(super) fn get(&self, key: u64) -> Option<&Profile> {
        self.lists.get(key)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &Profile)> {
        self.lists.iter()
    }

    pub(super) fn len(&self) -> usize {
        self.lists.len()
    }

    pub(super) fn bytes(&self) -> usize {
        let entries: usize = self.rings.iter().map(|ring| ring.entries.capacity()).sum();
        self.lists.bytes() + entries * size_of::<Entry>() + self.rings.capacity() * size_of::<Ring>()
    }

    /// Scores of everything that lists hold together with `items`.
    pub(super) fn together(&self, items: &[u32]) -> HashMap<u32, f64> {
        let mut others: HashMap<u32, f64> = HashMap::new();
        for &item in items {
            for (other, score) in self.beside(item) {
                let miss = others.entry(other).or_insert(1.0);
                *miss *= 1.0 - score;
            }
        }
        others.retain(|other, _| !items.contains(other));
        others.values_mut().for_each(|miss| *miss = 1.0 - *miss);
        others
    }

    fn beside(&self, item: u32) -> Vec<(u32, f64)> {
        let Some(ring) = self.rings.get(item as usize) else {
            return Vec::new();
        };
        let mut counts: HashMap<u32, u32> = HashMap::new();
        for entry in &ring.entries {
            let list = self.lists.get(entry.key());
            let touches = list.map_or(&[][..], |list| &list.touches);
            for touch in touches.iter().filter(|touch| touch.item != item) {
                *counts.entry(touch.item).or_default() += 1;
            }
        }
        let scored = counts
            .into_iter()
            .map(|(other, count)| (other, self.score(ring, other, count)));
        scored.collect()
    }

    fn score(&self, ring: &Ring, other: u32, count: u32) -> f64 {
        let lists = self
            .rings
            .get(other as usize)
            .map_or(count, |other| other.lists.max(count));
        let share = f64::from(count) / ring.entries.len().max(1) as f64;
        let cosine = share * (f64::from(ring.lists) / f64::from(lists)).sqrt();
        cosine.min(1.0) * f64::from(count) / (f64::from(count) + SHRINK)
    }

    pub(super) fn save(&self, out: &mut Out<'_>) -> io::Result<()> {
        self.lists.save(out)?;
        out.count(self.rings.len())?;
        for ring in &self.rings {
            out.short(ring.lists)?;
            out.short(ring.entries.len() as u32)?;
            for entry in &ring.entries {
                out.short(entry.time)?;
                out.long(entry.key())?;
            }
        }
        Ok(())
    }

    pub(super) fn load(from: &mut In<'_>, bounds: Bounds) -> io::Result<Self> {
        let mut groups = Self {
            lists: Profiles::load(from, bounds)?,
            rings: Vec::new(),
        };
        for _ in 0..from.count()? {
            let (lists, count) = (from.short()?, from.short()?);
            let mut entries = Vec::with_capacity(count.min(RING as u32) as usize);
            for _ in 0..count {
                entries.push(Entry::new(from.short()?, from.long()?));
            }
            groups.rings.push(Ring { entries, lists });
        }
        Ok(groups)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds {
        lists: 1000,
        each: 100,
        touches: 100_000,
        grace: 0,
    };

    struct World {
        names: Items,
        groups: Groups,
    }

    impl World {
        fn new(bounds: Bounds) -> Self {
            Self {
                names: Items::new(10_000),
                groups: Groups::new(bounds),
            }
        }

        fn basket(&mut self, key: u64, time: u32, items: &[&str]) {
            for item in items {
                let number = self.names.number(item).unwrap();
                let event = super::super::Event::new("c", super::super::EventType::Purchase, item);
                let fact = super::super::fact::Fact::of(&event, &super::super::Types::default()).unwrap();
                let mut touch = Touch::of(number, &fact);
                touch.time = time;
                self.groups.touch(key, touch, &self.names);
            }
        }

        fn score(&self, items: &[&str], other: &str) -> f64 {
            let number = |id: &&str| self.names.find(id).unwrap();
            let items: Vec<u32> = items.iter().map(number).collect();
            self.groups
                .together(&items)
                .get(&number(&other))
                .copied()
                .unwrap_or(0.0)
        }
    }

    #[test]
    fn scores_are_those_of_the_formula() {
        let mut world = World::new(BOUNDS);
        for key in 0..4 {
            world.basket(key, key as u32, &["bread", "butter", "bag"]);
        }
        for key in 10..30 {
            world.basket(key, key as u32, &["bag", &format!("other-{key}")]);
        }
        world.basket(40, 40, &["bread", "once"]);
        let expected = (4.0 / 5.0) * (5.0_f64 / 4.0).sqrt() * 4.0 / 7.0;
        assert!((world.score(&["bread"], "butter") - expected).abs() < 1e-12);
        let (butter, bag, once) = (
            world.score(&["bread"], "butter"),
            world.score(&["bread"], "bag"),
            world.score(&["bread"], "once"),
        );
        assert!(butter > bag && bag > once && once > 0.0, "{butter} {bag} {once}");
        let both = world.score(&["bread", "butter"], "bag");
        assert!(both > bag && both < 1.0);
        assert_eq!(world.score(&["bread"], "bread"), 0.0);
    }

    #[test]
    fn only_the_latest_lists_of_an_item_are_counted() {
        let mut world = World::new(BOUNDS);
        for key in 0..300 {
            let other = if key < 44 { "then" } else { "now" };
            world.basket(key, 1000 + key as u32, &["a", other]);
        }
        assert_eq!(world.score(&["a"], "then"), 0.0);
        assert!(world.score(&["a"], "now") > 0.9);
    }

    #[test]
    fn lists_that_go_take_their_items_out_of_the_rings() {
        let mut world = World::new(Bounds { lists: 16, ..BOUNDS });
        for key in 0..1000 {
            world.basket(key, key as u32, &["a", &format!("i{}", key % 50)]);
            assert!(world.groups.len() <= 17);
        }
        let a = world.names.find("a").unwrap() as usize;
        let ring = &world.groups.rings[a];
        assert_eq!(
            (ring.lists as usize, ring.entries.len()),
            (world.groups.len(), world.groups.len())
        );
        let entries: usize = world.groups.rings.iter().map(|ring| ring.entries.len()).sum();
        assert_eq!(entries, 2 * world.groups.len());
    }
}

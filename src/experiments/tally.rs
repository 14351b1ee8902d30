//! What is counted of one generation of an experiment.

use super::shadow::ShadowSums;
use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hash, Hasher};

/// Most units of one generation that are told apart; later ones are not counted, and the report says so.
pub(super) const MAX_UNITS: usize = 5_000_000;
/// Most units of all experiments together: 9 to 18 bytes of memory each.
pub(super) const MAX_ALL_UNITS: usize = 20_000_000;
/// So many outcomes at least are remembered, so that the same one counts once; twice as many at most.
pub(super) const REMEMBERED: usize = 500_000;

/// What an event tells of a recommendation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutcomeKind {
    /// The item was chosen.
    Click,
    /// The item was bought.
    Conversion,
}

impl OutcomeKind {
    /// As a label of metrics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Click => "click",
            Self::Conversion => "conversion",
        }
    }
}

/// The counts of one variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Counts {
    /// Answers given.
    pub exposures: u64,
    /// Units that answers were given to.
    pub units: u64,
    /// Clicks.
    pub clicks: u64,
    /// Conversions.
    pub conversions: u64,
    /// Units that clicked.
    pub clicked_units: u64,
    /// Units that converted.
    pub converted_units: u64,
}

impl Counts {
    /// In the order in which they are written.
    pub(super) fn numbers(&self) -> [u64; 6] {
        [
            self.exposures,
            self.units,
            self.clicks,
            self.conversions,
            self.clicked_units,
            self.converted_units,
        ]
    }

    pub(super) fn of_numbers(numbers: [u64; 6]) -> Self {
        let [
            exposures,
            units,
            clicks,
            conversions,
            clicked_units,
            converted_units,
        ] = numbers;
        Self {
            exposures,
            units,
            clicks,
            conversions,
            clicked_units,
            converted_units,
        }
    }
}

/// A unit in one word: 58 bits of its hash, 4 of its variant, one each for whether it clicked and converted. Equal is what
/// has equal bits of the hash.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unit(pub u64);

const CLICKED: u64 = 1;
const CONVERTED: u64 = 2;
const FLAGS: u64 = 0b11_1111;

impl Unit {
    pub(super) fn new(hash: u64, variant: u8) -> Self {
        Self(hash & !FLAGS | (u64::from(variant) << 2) & FLAGS)
    }

    fn variant(self) -> u8 {
        ((self.0 & FLAGS) >> 2) as u8
    }

    fn clicked(self) -> bool {
        self.0 & CLICKED != 0
    }

    fn converted(self) -> bool {
        self.0 & CONVERTED != 0
    }
}

impl PartialEq for Unit {
    fn eq(&self, other: &Self) -> bool {
        self.0 & !FLAGS == other.0 & !FLAGS
    }
}

impl Eq for Unit {}

impl Hash for Unit {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0 & !FLAGS);
    }
}

/// Hashes what is a keyed hash already: one multiplication spreads the bits that are left of it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Spread(u64);

impl Hasher for Spread {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes
            .iter()
            .for_each(|&byte| self.write_u64(self.0 ^ u64::from(byte)));
    }

    fn write_u64(&mut self, word: u64) {
        self.0 = (word ^ (word >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

type Words<T> = HashSet<T, BuildHasherDefault<Spread>>;

/// The last outcomes: enough of them to see that one comes again.
#[derive(Debug, Clone, Default)]
pub(super) struct Remembered {
    newer: Words<u64>,
    older: Words<u64>,
}

impl Remembered {
    /// Whether it was not among them; it is from now on.
    pub(super) fn insert(&mut self, key: u64) -> bool {
        if self.older.contains(&key) || !self.newer.insert(key) {
            return false;
        }
        if self.newer.len() >= REMEMBERED {
            self.older = std::mem::take(&mut self.newer);
        }
        true
    }

    /// All of them, the older ones first.
    pub(super) fn all(&self) -> impl Iterator<Item = u64> {
        self.older.iter().chain(&self.newer).copied()
    }
}

/// What became of an exposure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Exposed {
    /// Its unit is a new one.
    First,
    /// Its unit was there before, or it has none.
    Again,
    /// It is not counted: there are too many units.
    Refused,
}

/// What is counted of one generation of an experiment.
#[derive(Debug, Clone, Default)]
pub(super) struct Tally {
    pub variants: Vec<Counts>,
    pub units: Words<Unit>,
    pub remembered: Remembered,
    /// Outcomes of units of which no exposure was counted here.
    pub unmatched: u64,
    /// Whether there were more units than are counted.
    pub truncated: bool,
    pub shadow: ShadowSums,
}

impl Tally {
    pub(super) fn new(variants: usize) -> Self {
        Self {
            variants: vec![Counts::default(); variants],
            ..Self::default()
        }
    }

    /// Counts an exposure; a new unit only where there is room.
    pub(super) fn expose(&mut self, variant: u8, unit: Option<u64>, room: bool) -> Exposed {
        let Some(counts) = self.variants.get_mut(usize::from(variant)) else {
            return Exposed::Refused;
        };
        let Some(unit) = unit.map(|hash| Unit::new(hash, variant)) else {
            counts.exposures += 1;
            return Exposed::Again;
        };
        if self.units.contains(&unit) {
            counts.exposures += 1;
            return Exposed::Again;
        }
        if !room || self.units.len() >= MAX_UNITS {
            self.truncated = true;
            return Exposed::Refused;
        }
        counts.exposures += 1;
        counts.units += 1;
        self.units.insert(unit);
        Exposed::First
    }

    /// Counts exposures of units that were exposed before.
    pub(super) fn expose_again(&mut self, variant: u8, times: u64) {
        if let Some(counts) = self.variants.get_mut(usize::from(variant)) {
            counts.exposures += times;
        }
    }

    /// Counts an outcome, once per `key`; says whether it counts.
    pub(super) fn outcome(&mut self, variant: u8, unit: Option<u64>, kind: OutcomeKind, key: u64) -> bool {
        let Some(counts) = self.variants.get_mut(usize::from(variant)) else {
            return false;
        };
        let known = unit.map(|hash| self.units.get(&Unit::new(hash, variant)).copied());
        if known == Some(None) {
            self.unmatched += 1;
            return false;
        }
        if !self.remembered.insert(key) {
            return false;
        }
        let (events, units, flag) = match kind {
            OutcomeKind::Click => (&mut counts.clicks, &mut counts.clicked_units, CLICKED),
            OutcomeKind::Conversion => (&mut counts.conversions, &mut counts.converted_units, CONVERTED),
        };
        *events += 1;
        if let Some(unit) = known.flatten().filter(|unit| unit.0 & flag == 0) {
            *units += 1;
            self.units.replace(Unit(unit.0 | flag));
        }
        true
    }

    /// Adds what another process, or this one before it wrote, has counted of the same generation.
    pub(super) fn absorb(&mut self, other: &Self) {
        for (counts, more) in self.variants.iter_mut().zip(&other.variants) {
            counts.exposures += more.exposures;
            counts.clicks += more.clicks;
            counts.conversions += more.conversions;
        }
        other.units.iter().for_each(|unit| self.absorb_unit(*unit));
        for key in other.remembered.all() {
            self.remembered.insert(key);
        }
        self.unmatched += other.unmatched;
        self.truncated |= other.truncated;
        self.shadow.add(&other.shadow);
    }

    /// Takes a unit in with what it did; its exposures and events are counted elsewhere.
    fn absorb_unit(&mut self, unit: Unit) {
        let before = self.units.get(&unit).copied();
        let full = self.units.len() >= MAX_UNITS;
        let Some(counts) = self.variants.get_mut(usize::from(unit.variant())) else {
            return;
        };
        if before.is_none() && full {
            self.truncated = true;
            return;
        }
        let is_new = |flag: fn(Unit) -> bool| u64::from(flag(unit) && !before.is_some_and(flag));
        counts.units += u64::from(before.is_none());
        counts.clicked_units += is_new(Unit::clicked);
        counts.converted_units += is_new(Unit::converted);
        let flags = before.map_or(0, |before| before.0 & (CLICKED | CONVERTED));
        self.units.replace(Unit(unit.0 | flags));
    }

    /// All exposures.
    pub(super) fn exposures(&self) -> u64 {
        self.variants.iter().map(|counts| counts.exposures).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::OutcomeKind::{Click, Conversion};
    use super::*;

    /// Hashes as units have them.
    fn hash(unit: u64) -> u64 {
        crate::experiments::token::name_hash(&unit.to_string())
    }

    #[test]
    fn units_count_once_and_events_once_per_key() {
        let mut tally = Tally::new(2);
        let unit = Some(hash(1));
        assert_eq!(tally.expose(0, unit, true), Exposed::First);
        assert_eq!(tally.expose(0, unit, true), Exposed::Again);
        assert!(tally.outcome(0, unit, Click, 1));
        assert!(!tally.outcome(0, unit, Click, 1), "the same again");
        assert!(tally.outcome(0, unit, Click, 2));
        assert!(tally.outcome(0, unit, Conversion, 3));
        assert_eq!(tally.variants[0].numbers(), [2, 1, 2, 1, 1, 1]);
        assert!(!tally.outcome(1, Some(hash(2)), Click, 4), "never exposed");
        assert!(!tally.outcome(7, unit, Click, 5), "no such variant");
        assert_eq!((tally.unmatched, tally.variants[1]), (1, Counts::default()));
        assert_eq!(tally.expose(1, None, true), Exposed::Again, "without a unit");
        assert!(tally.outcome(1, None, Click, 6));
        assert_eq!(tally.variants[1].numbers(), [1, 0, 1, 0, 0, 0]);
    }

    #[test]
    fn without_room_nothing_of_new_units_counts() {
        let mut tally = Tally::new(2);
        tally.expose(0, Some(hash(1)), true);
        assert_eq!(tally.expose(1, Some(hash(2)), false), Exposed::Refused);
        assert_eq!(tally.expose(0, Some(hash(1)), false), Exposed::Again);
        assert!(!tally.outcome(1, Some(hash(2)), Click, 1));
        assert!(tally.truncated);
        assert_eq!((tally.exposures(), tally.variants[1]), (2, Counts::default()));
    }

    #[test]
    fn what_two_processes_counted_adds_up() {
        let mut whole = Tally::new(3);
        let mut parts = [Tally::new(3), Tally::new(3)];
        for step in 0..10_000_u64 {
            let unit = hash(step * 7 % 1_000);
            let variant = (unit % 3) as u8;
            for tally in [&mut whole, &mut parts[(step % 2) as usize]] {
                tally.expose(variant, Some(unit), true);
                if step % 5 == 0 {
                    tally.outcome(variant, Some(unit), Click, step);
                }
                if step % 11 == 0 {
                    tally.outcome(variant, Some(unit), Conversion, step + 1_000_000);
                }
            }
        }
        let [mut first, second] = parts;
        first.absorb(&second);
        assert_eq!(first.variants, whole.variants);
        assert_eq!(first.units.len(), 1_000);
    }

    #[test]
    fn outcomes_are_forgotten_in_the_end() {
        let mut remembered = Remembered::default();
        for key in 0..3 * REMEMBERED as u64 {
            assert!(remembered.insert(key));
        }
        assert!(remembered.all().count() <= 2 * REMEMBERED);
        assert!(!remembered.insert(3 * REMEMBERED as u64 - 1));
    }
}

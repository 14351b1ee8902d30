//! At most so many items with the same value.

use super::{Facts, MaxPer};
use crate::live::Place;
use std::collections::HashMap;

/// How much of each cap is taken.
pub(super) struct Caps<'a> {
    rules: &'a [MaxPer],
    facts: &'a dyn Facts,
    /// Per rule, how many items have a value.
    taken: Vec<HashMap<String, usize>>,
}

impl<'a> Caps<'a> {
    pub(super) fn new(rules: &'a [MaxPer], facts: &'a dyn Facts) -> Self {
        Self {
            rules,
            facts,
            taken: vec![HashMap::new(); rules.len()],
        }
    }

    /// Takes an item in if every cap has room for it. Where one has none there never will be any.
    pub(super) fn take(&mut self, place: Place) -> bool {
        let values = self.values(place);
        let rooms = self.rules.iter().zip(&self.taken).zip(&values);
        let fits = rooms.into_iter().all(|((rule, taken), values)| {
            let has_room = |value: &String| taken.get(value).copied().unwrap_or(0) < rule.count;
            values.iter().all(has_room)
        });
        if fits {
            self.count(values);
        }
        fits
    }

    /// Takes an item in whether or not there is room.
    pub(super) fn force(&mut self, place: Place) {
        let values = self.values(place);
        self.count(values);
    }

    /// The item's values per rule, each once.
    fn values(&self, place: Place) -> Vec<Vec<String>> {
        let rules = self.rules.iter().map(|rule| {
            let mut values = self.facts.values(place, &rule.field);
            values.sort_unstable();
            values.dedup();
            values
        });
        rules.collect()
    }

    fn count(&mut self, values: Vec<Vec<String>>) {
        for (taken, values) in self.taken.iter_mut().zip(values) {
            for value in values {
                *taken.entry(value).or_default() += 1;
            }
        }
    }
}

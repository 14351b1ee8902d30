//! Tests of ranking: each rule alone, all together, blends, and what is refused.

mod alone;
mod blends;
mod checks;
mod together;

use super::*;
use crate::live::Place;
use alike_indexes::RowId;
use std::cell::Cell;
use std::collections::{HashMap, HashSet};

pub(super) const DAY_MS: i64 = 86_400_000;

/// What is known of an item.
#[derive(Debug, Clone, Default)]
pub(super) struct Known {
    pub(super) brands: Vec<String>,
    pub(super) time: Option<i64>,
    pub(super) vector: Vec<f32>,
    /// The numbers of the conditions that it meets.
    pub(super) meets: Vec<usize>,
}

/// Facts of a few items, and how often they were asked for.
#[derive(Debug, Default)]
pub(super) struct Shop {
    pub(super) items: HashMap<Place, Known>,
    pub(super) asked: Cell<usize>,
}

impl Shop {
    pub(super) fn of(items: impl IntoIterator<Item = (u32, Known)>) -> Self {
        Self {
            items: items.into_iter().map(|(at, known)| (place(at), known)).collect(),
            asked: Cell::default(),
        }
    }

    fn known(&self, place: Place) -> Option<&Known> {
        self.asked.set(self.asked.get() + 1);
        self.items.get(&place)
    }
}

impl Facts for Shop {
    fn meets(&self, place: Place, condition: usize) -> bool {
        self.known(place)
            .is_some_and(|known| known.meets.contains(&condition))
    }

    fn values(&self, place: Place, field: &str) -> Vec<String> {
        assert_eq!(field, "brand");
        self.known(place)
            .map(|known| known.brands.clone())
            .unwrap_or_default()
    }

    fn time(&self, place: Place, field: &str) -> Option<i64> {
        assert_eq!(field, "added");
        self.known(place)?.time
    }

    fn vector(&self, place: Place) -> Option<&[f32]> {
        let vector = &self.known(place)?.vector;
        (!vector.is_empty()).then_some(vector)
    }
}

pub(super) fn place(at: u32) -> Place {
    Place::Base(RowId(at))
}

pub(super) fn number(place: Place) -> u32 {
    match place {
        Place::Base(row) => row.0,
        Place::Live(position) => panic!("{position:?} is not in the tests"),
    }
}

pub(super) fn candidate(at: u32, score: f32) -> Candidate {
    Candidate {
        place: place(at),
        score,
        strategy: Strategy::Similar,
    }
}

/// Candidates 0 to `count`, each a little worse than the one before.
pub(super) fn candidates(count: u32) -> Vec<Candidate> {
    (0..count)
        .map(|at| candidate(at, 1.0 - at as f32 / count as f32))
        .collect()
}

/// A call with its own pins and exclusions.
#[derive(Debug, Clone, Default)]
pub(super) struct Asked {
    pub(super) limit: usize,
    pub(super) seed: u64,
    pub(super) pins: Vec<(Place, usize)>,
    pub(super) excluded: HashSet<Place>,
}

impl Asked {
    pub(super) fn limit(limit: usize) -> Self {
        Self {
            limit,
            ..Self::default()
        }
    }

    pub(super) fn rank(&self, candidates: Vec<Candidate>, rules: &Rules, facts: &Shop) -> Vec<Ranked> {
        let call = Call {
            limit: self.limit,
            seed: self.seed,
            now_ms: 100 * DAY_MS,
            pins: &self.pins,
            excluded: &self.excluded,
        };
        rank(candidates, rules, &call, facts)
    }
}

/// Rules as a call has them.
pub(super) fn rules(json: serde_json::Value) -> Rules {
    serde_json::from_value(json).unwrap()
}

pub(super) fn numbers(ranked: &[Ranked]) -> Vec<u32> {
    ranked.iter().map(|ranked| number(ranked.place)).collect()
}

pub(super) fn brand(name: &str) -> Known {
    Known {
        brands: vec![name.to_owned()],
        ..Known::default()
    }
}

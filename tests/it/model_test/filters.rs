//! Filters made up by chance, as JSON and as what they mean.

use super::items::{Stored, milliseconds, some_brand, some_day, some_tag};
use crate::support::Random;
use serde_json::{Map, Value, json};

/// A filter and its meaning.
#[derive(Debug, Clone)]
pub(super) enum Filter {
    All(Vec<Filter>),
    Any(Vec<Filter>),
    Not(Box<Filter>),
    Range(&'static str, Range),
    Words(&'static str, Vec<&'static str>),
    Stock(bool),
    /// From this day on, before that one.
    Seen(Value, Value),
}

/// Bounds of a number; whether they belong to it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Range {
    low: Option<(f64, bool)>,
    high: Option<(f64, bool)>,
}

impl Range {
    /// The numbers from `low` on, below `high`.
    pub(super) fn between(low: f64, high: f64) -> Self {
        Self {
            low: Some((low, true)),
            high: Some((high, false)),
        }
    }

    fn some(random: &mut Random, least: f64, width: f64) -> Self {
        let bound = |random: &mut Random| ((least + random.unit() * width).round(), random.percent(50));
        let (first, second) = (bound(random), bound(random));
        let (low, high) = match first.0 <= second.0 {
            true => (first, second),
            false => (second, first),
        };
        match random.below(3) {
            0 => Self {
                low: Some(low),
                high: None,
            },
            1 => Self {
                low: None,
                high: Some(high),
            },
            _ => Self {
                low: Some(low),
                high: Some(high),
            },
        }
    }

    fn holds(self, number: f64) -> bool {
        let above = self
            .low
            .is_none_or(|(low, included)| number > low || (included && number == low));
        let below = self
            .high
            .is_none_or(|(high, included)| number < high || (included && number == high));
        above && below
    }

    fn json(self) -> Value {
        let mut operators = Map::new();
        if let Some((low, included)) = self.low {
            operators.insert(if included { "gte" } else { "gt" }.into(), json!(low));
        }
        if let Some((high, included)) = self.high {
            operators.insert(if included { "lte" } else { "lt" }.into(), json!(high));
        }
        Value::Object(operators)
    }
}

impl Filter {
    /// Any filter.
    pub(super) fn some(random: &mut Random) -> Self {
        Self::nested(random, 2)
    }

    fn nested(random: &mut Random, depth: usize) -> Self {
        let several = |random: &mut Random| {
            (0..1 + random.below(3))
                .map(|_| Self::nested(random, depth - 1))
                .collect()
        };
        match random.below(if depth == 0 { 6 } else { 9 }) {
            0 | 1 => Self::Range("price", Range::some(random, 0.0, 200.0)),
            2 => Self::Range("sizes", Range::some(random, 30.0, 20.0)),
            3 => Self::Words(
                "brand",
                (0..1 + random.below(3)).map(|_| some_brand(random)).collect(),
            ),
            4 => Self::Words("tags", vec![some_tag(random)]),
            5 => match random.percent(50) {
                true => Self::Stock(random.percent(50)),
                false => Self::Seen(some_day(random), some_day(random)),
            },
            6 => Self::All(several(random)),
            7 => Self::Any(several(random)),
            _ => Self::Not(Box::new(Self::nested(random, depth - 1))),
        }
    }

    /// As a request has it.
    pub(super) fn json(&self) -> Value {
        let list = |filters: &[Self]| filters.iter().map(Self::json).collect::<Value>();
        match self {
            Self::All(filters) => json!({"and": list(filters)}),
            Self::Any(filters) => json!({"or": list(filters)}),
            Self::Not(filter) => json!({"not": filter.json()}),
            Self::Range(field, range) => json!({*field: range.json()}),
            Self::Words(field, words) if words.len() == 1 => json!({*field: words[0]}),
            Self::Words(field, words) => json!({*field: words}),
            Self::Stock(stock) => json!({"stock": stock}),
            Self::Seen(from, to) => json!({"seen": {"gte": from, "lt": to}}),
        }
    }

    /// Whether an item passes.
    pub(super) fn admits(&self, item: &Stored) -> bool {
        let values = &item.values;
        match self {
            Self::All(filters) => filters.iter().all(|filter| filter.admits(item)),
            Self::Any(filters) => filters.iter().any(|filter| filter.admits(item)),
            Self::Not(filter) => !filter.admits(item),
            Self::Range("price", range) => values.price.iter().any(|&number| range.holds(number)),
            Self::Range(_, range) => values.sizes.iter().any(|&number| range.holds(number)),
            Self::Words("brand", words) => values.brand.iter().any(|word| words.contains(&word.as_str())),
            Self::Words(_, words) => values.tags.iter().any(|word| words.contains(&word.as_str())),
            Self::Stock(stock) => values.stock == Some(*stock),
            Self::Seen(from, to) => values
                .seen
                .is_some_and(|seen| milliseconds(from) <= seen && seen < milliseconds(to)),
        }
    }
}

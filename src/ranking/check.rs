//! Whether rules make sense, and fit a schema.

use super::{Freshness, Rules};
use crate::engine::{EngineError, MAX_LIMIT};
use crate::live::Filter;
use crate::schema::{FieldType, MAX_ID_BYTES, Schema, nearest};
use serde_json::Value;
use std::collections::HashMap;
use std::hash::Hash;

/// Most boosts, buries and caps, each.
pub const MAX_RULES: usize = 32;
/// Most pins.
pub const MAX_PINS: usize = 100;
/// Most items that rules exclude by id.
pub const MAX_EXCLUDED: usize = 1_000;

const MAX_FACTOR: f32 = 100.0;
const MAX_HALF_LIFE_DAYS: f64 = 36_500.0;

/// A setting that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {detail}")]
pub struct RuleError {
    /// The offending field, as a path into the settings such as `rules.boost[0].factor`.
    pub field: String,
    /// What is wrong and what is expected.
    pub detail: String,
}

impl RuleError {
    pub(crate) fn new(field: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            detail: detail.into(),
        }
    }
}

impl From<RuleError> for EngineError {
    fn from(error: RuleError) -> Self {
        Self::invalid(error.field, error.detail)
    }
}

impl Rules {
    /// Checks the rules by themselves and against `schema`. Positions of pins are checked against the most that any call
    /// may ask for; see [`Rules::check_pins`].
    ///
    /// # Errors
    /// Names the first field that is wrong, as a path that begins with `rules`.
    pub fn check(&self, schema: &Schema) -> Result<(), RuleError> {
        self.check_excluded()?;
        self.check_factors()?;
        for (path, filter) in self.conditions() {
            check_filter(filter, schema, &path)?;
        }
        self.check_pins(MAX_LIMIT)?;
        self.check_caps(schema)?;
        if let Some(diversity) = self.diversity {
            check_share(diversity, "rules.diversity")?;
        }
        if let Some(freshness) = &self.freshness {
            check_freshness(freshness, schema)?;
        }
        match &self.explore {
            Some(explore) => check_share(explore.share, "rules.explore.share"),
            None => Ok(()),
        }
    }

    /// Checks the pins of a call that asks for `limit` items.
    ///
    /// # Errors
    /// Names the pin: a position that is not from 1 to `limit`, or taken; an item that is pinned already.
    pub fn check_pins(&self, limit: usize) -> Result<(), RuleError> {
        let pins = self.pins();
        check_count(pins.len(), MAX_PINS, "rules.pin")?;
        for (at, pin) in pins.iter().enumerate() {
            check_id(&pin.item, &format!("rules.pin[{at}].item"))?;
            if !(1..=limit).contains(&pin.position) {
                let detail = format!("is {}, must be from 1 to {limit}, the limit", pin.position);
                return Err(RuleError::new(format!("rules.pin[{at}].position"), detail));
            }
        }
        let item = |at: usize| format!("rules.pin[{at}].item");
        check_once(pins.iter().map(|pin| pin.item.as_str()), &item)?;
        let position = |at: usize| format!("rules.pin[{at}].position");
        check_once(pins.iter().map(|pin| pin.position), &position)
    }

    fn check_excluded(&self) -> Result<(), RuleError> {
        let items = self.exclude.as_ref().map_or(&[][..], |exclude| &exclude.items);
        check_count(items.len(), MAX_EXCLUDED, "rules.exclude.items")?;
        let mut numbered = items.iter().enumerate();
        numbered.try_for_each(|(at, item)| check_id(item, &format!("rules.exclude.items[{at}]")))
    }

    fn check_factors(&self) -> Result<(), RuleError> {
        check_count(self.boosts().len(), MAX_RULES, "rules.boost")?;
        check_count(self.buries().len(), MAX_RULES, "rules.bury")?;
        for (at, boost) in self.boosts().iter().enumerate() {
            if !(boost.factor > 0.0 && boost.factor <= MAX_FACTOR) {
                let detail = format!("is {}, must be above 0 and at most {MAX_FACTOR}", boost.factor);
                return Err(RuleError::new(format!("rules.boost[{at}].factor"), detail));
            }
        }
        for (at, bury) in self.buries().iter().enumerate() {
            if !(0.0..1.0).contains(&bury.factor) {
                let detail = format!(
                    "is {}, must be from 0 to below 1: scores are multiplied by it",
                    bury.factor
                );
                return Err(RuleError::new(format!("rules.bury[{at}].factor"), detail));
            }
        }
        Ok(())
    }

    fn check_caps(&self, schema: &Schema) -> Result<(), RuleError> {
        let caps = self.caps();
        check_count(caps.len(), MAX_RULES, "rules.max_per")?;
        for (at, cap) in caps.iter().enumerate() {
            filterable(&cap.field, schema, &format!("rules.max_per[{at}].field"))?;
            if !(1..=MAX_LIMIT).contains(&cap.count) {
                let detail = format!("is {}, must be from 1 to {MAX_LIMIT}", cap.count);
                return Err(RuleError::new(format!("rules.max_per[{at}].count"), detail));
            }
        }
        let field = |at: usize| format!("rules.max_per[{at}].field");
        check_once(caps.iter().map(|cap| cap.field.as_str()), &field)
    }
}

/// Checks a filter against a schema.
pub(crate) fn check_filter(filter: &Value, schema: &Schema, path: &str) -> Result<(), RuleError> {
    match Filter::parse(filter, schema, path) {
        Ok(_) => Ok(()),
        Err(EngineError::Invalid { field, detail }) => Err(RuleError::new(field, detail)),
        Err(error) => Err(RuleError::new(path, error.to_string())),
    }
}

/// Checks that no two are the same; `path` names one by its place.
pub(crate) fn check_once<T: Hash + Eq + std::fmt::Debug>(
    values: impl Iterator<Item = T>,
    path: &dyn Fn(usize) -> String,
) -> Result<(), RuleError> {
    let mut places = HashMap::new();
    for (at, value) in values.enumerate() {
        if let Some(&first) = places.get(&value) {
            let detail = format!("is {value:?}, as {} is; leave one of them out", path(first));
            return Err(RuleError::new(path(at), detail));
        }
        places.insert(value, at);
    }
    Ok(())
}

pub(crate) fn check_count(count: usize, most: usize, path: &str) -> Result<(), RuleError> {
    if count <= most {
        return Ok(());
    }
    Err(RuleError::new(
        path,
        format!("has {count} entries, at most {most} are accepted"),
    ))
}

fn check_id(id: &str, path: &str) -> Result<(), RuleError> {
    if (1..=MAX_ID_BYTES).contains(&id.len()) {
        return Ok(());
    }
    let detail = format!("has {} bytes, an item's id has 1 to {MAX_ID_BYTES}", id.len());
    Err(RuleError::new(path, detail))
}

fn check_share(share: f32, path: &str) -> Result<(), RuleError> {
    if (0.0..=1.0).contains(&share) {
        return Ok(());
    }
    Err(RuleError::new(path, format!("is {share}, must be from 0 to 1")))
}

fn check_freshness(freshness: &Freshness, schema: &Schema) -> Result<(), RuleError> {
    let path = "rules.freshness.field";
    let kind = filterable(&freshness.field, schema, path)?;
    if kind != FieldType::Timestamp {
        let detail = format!(
            "{:?} is a {kind} field, ages need one of type timestamp",
            freshness.field
        );
        return Err(RuleError::new(path, detail));
    }
    let days = freshness.half_life_days;
    if !(days > 0.0 && days <= MAX_HALF_LIFE_DAYS) {
        let detail = format!("is {days}, must be above 0 and at most {MAX_HALF_LIFE_DAYS} days");
        return Err(RuleError::new("rules.freshness.half_life_days", detail));
    }
    check_share(freshness.weight, "rules.freshness.weight")
}

/// The type of a filterable field.
fn filterable(field: &str, schema: &Schema, path: &str) -> Result<FieldType, RuleError> {
    if let Some((_, kind)) = schema.filters().find(|(name, _)| *name == field) {
        return Ok(kind);
    }
    let names: Vec<String> = schema.filters().map(|(name, _)| name.to_owned()).collect();
    let known = if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    };
    let meant = nearest(field, &names).map_or_else(String::new, |name| format!("; did you mean {name:?}?"));
    let detail =
        format!("{field:?} is not a filterable field of this collection (filterable: {known}){meant}");
    Err(RuleError::new(path, detail))
}

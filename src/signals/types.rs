//! Types of events, and what each of them says about interest in an item.

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Parts of a view that weights are counted in: whole numbers, so that sums are exact in any order of arrival.
pub(super) const UNITS: f64 = 100.0;

/// The largest weight of a type, in views.
pub const MAX_WEIGHT: f64 = 1_000.0;
/// The best rating.
pub const MAX_RATING: f64 = 5.0;
/// Most types beside those that are always there.
pub const MAX_TYPES: usize = 32;

/// What was done to the item.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EventType {
    /// The item was shown in a list.
    Impression,
    /// The item's page was looked at.
    View,
    /// The item was chosen from a list of results or recommendations.
    Click,
    /// The item was put into the basket.
    Cart,
    /// The item was bought.
    Purchase,
    /// The item was rated; the event's `value` is the rating.
    Rating,
    /// A type of the settings, `[events.types]`.
    Other(Arc<str>),
}

impl EventType {
    /// The types that are always there.
    pub const ALL: [Self; 6] = [
        Self::Impression,
        Self::View,
        Self::Click,
        Self::Cart,
        Self::Purchase,
        Self::Rating,
    ];

    /// The type of a name.
    #[must_use]
    pub fn named(name: &str) -> Self {
        let known = Self::ALL.into_iter().find(|kind| kind.name() == name);
        known.unwrap_or_else(|| Self::Other(name.into()))
    }

    /// The name used in JSON and in metrics.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Impression => "impression",
            Self::View => "view",
            Self::Click => "click",
            Self::Cart => "cart",
            Self::Purchase => "purchase",
            Self::Rating => "rating",
            Self::Other(name) => name,
        }
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl Serialize for EventType {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for EventType {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|name| Self::named(&name))
    }
}

/// What one type of event says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Meaning {
    /// Its weight, in hundredths of a view.
    pub(super) units: u32,
    /// Whether it means that the item was bought.
    pub(super) bought: bool,
}

/// Every type of event that is accepted, with its weight in views: **impression 0, view 1, click 1.5, cart 3, purchase 5,
/// rating** its value (0 to 5), and what the settings add or change. What weighs nothing is kept in the log and counts
/// nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Types {
    by_name: BTreeMap<Box<str>, Meaning>,
}

impl Default for Types {
    fn default() -> Self {
        let builtin = |kind: &EventType| {
            let (units, bought) = match kind {
                EventType::View => (100, false),
                EventType::Click => (150, false),
                EventType::Cart => (300, false),
                EventType::Purchase => (500, true),
                EventType::Rating => (500, false),
                EventType::Impression | EventType::Other(_) => (0, false),
            };
            (kind.name().into(), Meaning { units, bought })
        };
        Self {
            by_name: EventType::ALL.iter().map(builtin).collect(),
        }
    }
}

impl Types {
    /// Adds a type, or changes one. `weight` is in views, 0 to [`MAX_WEIGHT`] (of a rating: what the best one weighs);
    /// `bought`: it means that the item was bought. What is left out stays as it is, or is 0 and false.
    ///
    /// # Errors
    /// What is wrong with the name or the weight, or there are more than [`MAX_TYPES`].
    pub fn set(&mut self, name: &str, weight: Option<f64>, bought: Option<bool>) -> Result<(), String> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if name.is_empty() || name.len() > 40 || !name.chars().all(allowed) {
            return Err(format!("{name:?} must be 1 to 40 of a to z, 0 to 9 and _"));
        }
        if let Some(weight) = weight
            && !(0.0..=MAX_WEIGHT).contains(&weight)
        {
            return Err(format!("{name}.weight is {weight}, must be 0 to {MAX_WEIGHT}"));
        }
        let most = EventType::ALL.len() + MAX_TYPES;
        if self.by_name.len() >= most && !self.by_name.contains_key(name) {
            return Err(format!(
                "{name} is one too many: at most {MAX_TYPES} can be added"
            ));
        }
        let nothing = Meaning {
            units: 0,
            bought: false,
        };
        let meaning = self.by_name.entry(name.into()).or_insert(nothing);
        if let Some(weight) = weight {
            meaning.units = (weight * UNITS).round() as u32;
        }
        meaning.bought = bought.unwrap_or(meaning.bought);
        Ok(())
    }

    /// All names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(AsRef::as_ref)
    }

    /// Whether events of that type are accepted.
    #[must_use]
    pub fn knows(&self, name: &str) -> bool {
        self.by_name.contains_key(name)
    }

    /// What a type's weight is, in views.
    #[must_use]
    pub fn weight(&self, kind: &EventType) -> Option<f64> {
        self.meaning(kind).map(|meaning| f64::from(meaning.units) / UNITS)
    }

    /// Whether events of that type mean that the item was bought.
    #[must_use]
    pub fn bought(&self, kind: &EventType) -> bool {
        self.meaning(kind).is_some_and(|meaning| meaning.bought)
    }

    pub(super) fn meaning(&self, kind: &EventType) -> Option<Meaning> {
        self.by_name.get(kind.name()).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_the_documented_ones() {
        let types = Types::default();
        let weights = EventType::ALL.map(|kind| types.weight(&kind).unwrap());
        assert_eq!(weights, [0.0, 1.0, 1.5, 3.0, 5.0, 5.0]);
        for kind in EventType::ALL {
            assert_eq!(serde_json::to_value(&kind).unwrap(), kind.name());
            assert_eq!(EventType::named(kind.name()), kind);
        }
    }

    #[test]
    fn settings_add_and_change_types() {
        let mut types = Types::default();
        types.set("wishlist", Some(2.0), None).unwrap();
        types.set("subscribe", None, Some(true)).unwrap();
        types.set("view", Some(0.25), None).unwrap();
        assert_eq!(types.weight(&EventType::named("wishlist")), Some(2.0));
        assert_eq!(types.weight(&EventType::View), Some(0.25));
        let subscribe = types.meaning(&EventType::named("subscribe")).unwrap();
        assert_eq!((subscribe.units, subscribe.bought), (0, true));
        assert!(types.knows("wishlist") && !types.knows("admire"));
        for (name, weight, needle) in [
            ("", 1.0, "1 to 40"),
            ("Wish", 1.0, "1 to 40"),
            ("wish", -1.0, "wish.weight is -1"),
            ("wish", f64::NAN, "wish.weight is NaN"),
            ("wish", 1e9, "must be 0 to 1000"),
        ] {
            let error = types.set(name, Some(weight), None).unwrap_err();
            assert!(error.contains(needle), "{error}");
        }
        let full = (0..100).try_for_each(|n| types.set(&format!("t{n}"), None, None));
        assert!(full.unwrap_err().contains("one too many"));
    }
}

//! The section `[events]`: what shoppers do.

use super::in_range;
use crate::signals::{Settings, Types};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Which events are accepted, and how much is kept of them.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct EventSettings {
    /// Types beside those that are built in, and other weights for these.
    pub types: BTreeMap<String, TypeSettings>,
    /// Events that are remembered to recognize those that are sent again.
    pub dedup_events: usize,
    /// More events of a collection waiting than this are refused.
    pub queue_events: usize,
    /// Most users of a collection that are remembered.
    pub users: usize,
    /// Most items that are remembered of each.
    pub user_items: usize,
    /// Most visits.
    pub sessions: usize,
    /// Most baskets.
    pub baskets: usize,
    /// Most segments with charts of their own.
    pub segments: usize,
    /// Most events that wait for their items.
    pub unknown_events: usize,
}

/// What a type of event says.
#[derive(Debug, Clone, Copy, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TypeSettings {
    /// Its weight, in views.
    pub weight: Option<f64>,
    /// Whether it means that the item was bought.
    pub bought: Option<bool>,
}

impl Default for EventSettings {
    fn default() -> Self {
        let defaults = Settings::default();
        Self {
            types: BTreeMap::new(),
            dedup_events: defaults.dedup_events,
            queue_events: defaults.queue_events,
            users: defaults.users,
            user_items: defaults.user_items,
            sessions: defaults.sessions,
            baskets: defaults.baskets,
            segments: defaults.segments,
            unknown_events: defaults.unknown_events,
        }
    }
}

impl EventSettings {
    /// What signals are told.
    #[must_use]
    pub fn settings(&self, segment_bytes: u64) -> Settings {
        Settings {
            // They were checked when they were read.
            types: self.types().unwrap_or_default(),
            dedup_events: self.dedup_events,
            queue_events: self.queue_events,
            users: self.users,
            user_items: self.user_items,
            sessions: self.sessions,
            baskets: self.baskets,
            segments: self.segments,
            unknown_events: self.unknown_events,
            segment_bytes,
            ..Settings::default()
        }
    }

    fn types(&self) -> Result<Types, String> {
        let mut types = Types::default();
        for (name, set) in &self.types {
            types.set(name, set.weight, set.bought)?;
        }
        Ok(types)
    }

    pub(super) fn check(&self) -> Result<(), String> {
        const MANY: u64 = 100_000_000;
        self.types().map_err(|error| format!("events.types: {error}"))?;
        in_range(
            "events",
            &[
                ("dedup_events", self.dedup_events as u64, 2, MANY),
                ("queue_events", self.queue_events as u64, 1, MANY),
                ("users", self.users as u64, 1, MANY),
                ("user_items", self.user_items as u64, 1, 10_000),
                ("sessions", self.sessions as u64, 1, MANY),
                ("baskets", self.baskets as u64, 1, MANY),
                ("segments", self.segments as u64, 0, 1_000),
                ("unknown_events", self.unknown_events as u64, 0, MANY),
            ],
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::parse;
    use super::*;
    use crate::signals::EventType;

    #[test]
    fn settings_of_events_are_read_and_checked() {
        let text = "[events]\nusers = 5\nsegments = 0\n[events.types]\nwishlist = { weight = 2.0 }\n\
                    subscribe = { weight = 4, bought = true }\nview = { weight = 0.5 }\n";
        let read = parse(text, &[("ALIKE__EVENTS__BASKETS", "7")])
            .unwrap()
            .write_settings()
            .events;
        assert_eq!((read.users, read.segments, read.baskets), (5, 0, 7));
        let weight = |name: &str| read.types.weight(&EventType::named(name));
        assert_eq!((weight("wishlist"), weight("subscribe")), (Some(2.0), Some(4.0)));
        assert_eq!((weight("view"), weight("click")), (Some(0.5), Some(1.5)));
        assert_eq!(
            parse("", &[]).unwrap().write_settings().events,
            Settings::default()
        );
        for (text, needle) in [
            ("[events]\nusers = 0\n", "events.users is 0, must be 1 to"),
            ("[events]\nsegments = 5000\n", "events.segments is 5000"),
            ("[events]\nuser = 1\n", "did you mean `users`?"),
            (
                "[events.types]\nwish = { wieght = 1.0 }\n",
                "did you mean `weight`?",
            ),
            (
                "[events.types]\nWish = {}\n",
                "events.types: \"Wish\" must be 1 to 40",
            ),
            (
                "[events.types]\nview = { weight = -1.0 }\n",
                "events.types: view.weight is -1",
            ),
        ] {
            let error = parse(text, &[]).unwrap_err().to_string();
            assert!(error.contains(needle), "{text}: {error}");
        }
    }
}

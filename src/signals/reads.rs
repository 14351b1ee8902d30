//! What strategies ask of signals.

use super::Signals;
use crate::learn::Interactions;
use jiff::Timestamp;
use std::sync::Arc;

/// One item that a user or session has touched.
#[derive(Debug, Clone, PartialEq)]
pub struct Seen {
    /// The item's id.
    pub item: Arc<str>,
    /// When it was touched last.
    pub time: Timestamp,
    /// What the touches say about interest, in views, not decayed.
    pub weight: f32,
    /// Whether it was bought.
    pub bought: bool,
}

/// Within what items go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Within {
    /// Baskets: what was bought at once.
    Basket,
    /// Visits: what was looked at in one session.
    Session,
}

/// Which list over all users.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Chart {
    /// Time-decayed interest over a window.
    Trending(super::Window),
    /// Interest over months.
    Popular,
    /// Interest of the last window against the one before, with shrinkage.
    Rising(super::Window),
}

impl Signals {
    /// The best items of a chart among those that `admits` lets in, best first; only what people of `segment` did, where
    /// one is named.
    pub fn chart(
        &self,
        _chart: Chart,
        _segment: Option<&str>,
        _now: Timestamp,
        _admits: &dyn Fn(&str) -> bool,
        _limit: usize,
    ) -> Vec<(String, f64)> {
        Vec::new()
    }

    /// What a user touched, latest first, each item once; empty for unknown users.
    pub fn user(&self, _user: &str) -> Vec<Seen> {
        Vec::new()
    }

    /// What was touched in a session, latest first, each item once.
    pub fn session(&self, _session: &str) -> Vec<Seen> {
        Vec::new()
    }

    /// Items that recent baskets or sessions hold together with `items`, best first, with a score from 0 to 1: shrunk and
    /// corrected for popularity. None of `items` is among them.
    pub fn together(
        &self,
        _items: &[&str],
        _within: Within,
        _admits: &dyn Fn(&str) -> bool,
        _limit: usize,
    ) -> Vec<(String, f64)> {
        Vec::new()
    }

    /// Everything that a model can learn from; `number` gives the number below `items` of an item's id, none for items
    /// that are to be left out.
    pub fn interactions(&self, items: usize, _number: &dyn Fn(&str) -> Option<u32>) -> Interactions {
        Interactions {
            items,
            now: Timestamp::now().as_second(),
            ..Interactions::default()
        }
    }
}

//! Ids of items as numbers.

use super::codec::{In, Out};
use std::collections::HashMap;
use std::io;
use std::sync::Arc;

/// Every id that anything is known of, numbered as they came.
#[derive(Debug, Default)]
pub(super) struct Items {
    ids: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, u32>,
    limit: usize,
}

impl Items {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit: limit.min(u32::MAX as usize),
            ..Self::default()
        }
    }

    /// The number of an id, which it gets now if it has none; none where there are too many.
    pub(super) fn number(&mut self, id: &str) -> Option<u32> {
        if let Some(&number) = self.numbers.get(id) {
            return Some(number);
        }
        if self.ids.len() >= self.limit {
            return None;
        }
        let number = self.ids.len() as u32;
        let id: Arc<str> = id.into();
        self.ids.push(Arc::clone(&id));
        self.numbers.insert(id, number);
        Some(number)
    }

    pub(super) fn find(&self, id: &str) -> Option<u32> {
        self.numbers.get(id).copied()
    }

    /// The id of a number that was given out.
    pub(super) fn id(&self, number: u32) -> &str {
        self.ids.get(number as usize).map_or("", |id| id)
    }

    pub(super) fn shared_id(&self, number: u32) -> Arc<str> {
        self.ids.get(number as usize).cloned().unwrap_or_default()
    }

    pub(super) fn len(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn bytes(&self) -> usize {
        let texts: usize = self.ids.iter().map(|id| id.len() + 16).sum();
        texts + self.ids.capacity() * 16 + self.numbers.capacity() * 25
    }

    pub(super) fn save(&self, out: &mut Out<'_>) -> io::Result<()> {
        out.count(self.ids.len())?;
        self.ids.iter().try_for_each(|id| out.text(id))
    }

    pub(super) fn load(from: &mut In<'_>, limit: usize) -> io::Result<Self> {
        let count = from.count()?;
        // A lower limit than that of before is kept from now on.
        let mut items = Self::new(limit.max(count));
        for _ in 0..count {
            items.number(&from.text()?);
        }
        items.limit = limit;
        Ok(items)
    }
}

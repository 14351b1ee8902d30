//! Recognizes events that are sent again.

use super::codec::{In, Out};
use std::collections::HashSet;
use std::io;

/// Fingerprints of the latest events. Once half of the limit is reached, a new half begins, and the one before the last is
/// forgotten: an event is recognized as long as fewer than half of the limit came since, and may be up to the limit.
#[derive(Debug)]
pub(super) struct Once {
    newer: HashSet<u64>,
    older: HashSet<u64>,
    half: usize,
}

impl Once {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            newer: HashSet::new(),
            older: HashSet::new(),
            half: (limit / 2).max(1),
        }
    }

    /// Whether it is there for the first time; remembers it.
    pub(super) fn first(&mut self, fingerprint: u64) -> bool {
        if self.older.contains(&fingerprint) || !self.newer.insert(fingerprint) {
            return false;
        }
        if self.newer.len() >= self.half {
            self.older = std::mem::take(&mut self.newer);
        }
        true
    }

    pub(super) fn len(&self) -> usize {
        self.newer.len() + self.older.len()
    }

    pub(super) fn bytes(&self) -> usize {
        (self.newer.capacity() + self.older.capacity()) * 10
    }

    pub(super) fn save(&self, out: &mut Out<'_>) -> io::Result<()> {
        for half in [&self.newer, &self.older] {
            out.count(half.len())?;
            half.iter().try_for_each(|&fingerprint| out.long(fingerprint))?;
        }
        Ok(())
    }

    pub(super) fn load(from: &mut In<'_>, limit: usize) -> io::Result<Self> {
        let mut once = Self::new(limit);
        for half in [&mut once.newer, &mut once.older] {
            for _ in 0..from.count()? {
                half.insert(from.long()?);
            }
        }
        Ok(once)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_are_remembered_and_memory_is_bounded() {
        let mut once = Once::new(100);
        for fingerprint in 0..10_000 {
            assert!(once.first(fingerprint));
            assert!(!once.first(fingerprint));
            assert!(
                !once.first(fingerprint.saturating_sub(49)),
                "fewer than half of the limit ago"
            );
            assert!(once.len() <= 100);
        }
        assert!(once.first(0), "long forgotten");
    }
}

//! Recognizes a shopper who does the same thing to the same item again within the same hour.

use super::event::Event;
use std::collections::{BTreeMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

/// What has been counted already: 64-bit fingerprints of (shopper, item, type) by hour.
///
/// At most `limit` fingerprints are kept. When full, the oldest hour is forgotten; an event as old as that hour is
/// then not remembered, so a late repeat may count twice. Two different triples share a fingerprint with a chance of
/// about one in 10^13 per event, which costs one uncounted view.
#[derive(Debug)]
pub(super) struct Repeats {
    hours: BTreeMap<u32, HashSet<u64>>,
    len: usize,
    limit: usize,
}

impl Repeats {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            hours: BTreeMap::new(),
            len: 0,
            limit,
        }
    }

    /// Whether this shopper did this before in this hour; remembers it. Events without user and session never repeat.
    pub(super) fn is_repeat(&mut self, event: &Event, hour: u32) -> bool {
        let Some(fingerprint) = fingerprint(event) else {
            return false;
        };
        if self
            .hours
            .get(&hour)
            .is_some_and(|seen| seen.contains(&fingerprint))
        {
            return true;
        }
        if self.make_room(hour) {
            self.hours.entry(hour).or_default().insert(fingerprint);
            self.len += 1;
        }
        false
    }

    /// Forgets what lies before `hour`.
    pub(super) fn forget_before(&mut self, hour: u32) {
        self.hours = self.hours.split_off(&hour);
        self.len = self.hours.values().map(HashSet::len).sum();
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Whether one more fingerprint of `hour` fits, once hours older than it were forgotten.
    fn make_room(&mut self, hour: u32) -> bool {
        while self.len >= self.limit {
            match self.hours.first_entry() {
                Some(oldest) if *oldest.key() < hour => self.len -= oldest.remove().len(),
                _ => return false,
            }
        }
        true
    }
}

/// Who did what to which item; the user where known, else the session.
fn fingerprint(event: &Event) -> Option<u64> {
    let shopper = match (&event.user, &event.session) {
        (Some(user), _) => (0, user),
        (None, Some(session)) => (1, session),
        (None, None) => return None,
    };
    // Fixed keys: a journal replayed by another process gives the same answers.
    let mut hasher = DefaultHasher::new();
    (shopper, &event.item, event.kind).hash(&mut hasher);
    Some(hasher.finish())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signals::EventType;

    fn event(user: Option<&str>, session: Option<&str>, item: &str, kind: EventType) -> Event {
        Event {
            collection: "c".into(),
            kind,
            item: item.into(),
            user: user.map(Into::into),
            session: session.map(Into::into),
            time: jiff::Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn only_the_same_shopper_item_type_and_hour_repeats() {
        let mut repeats = Repeats::new(100);
        let first = event(Some("a"), None, "i", EventType::View);
        assert!(!repeats.is_repeat(&first, 7));
        assert!(repeats.is_repeat(&first, 7));
        assert!(!repeats.is_repeat(&first, 8));
        for other in [
            event(Some("b"), None, "i", EventType::View),
            event(None, Some("a"), "i", EventType::View),
            event(Some("a"), None, "j", EventType::View),
            event(Some("a"), None, "i", EventType::Click),
        ] {
            assert!(!repeats.is_repeat(&other, 7), "{other:?}");
        }
    }

    #[test]
    fn a_user_is_the_same_in_every_session_and_nobody_never_repeats() {
        let mut repeats = Repeats::new(100);
        assert!(!repeats.is_repeat(&event(Some("a"), Some("s1"), "i", EventType::View), 7));
        assert!(repeats.is_repeat(&event(Some("a"), Some("s2"), "i", EventType::View), 7));
        let nobody = event(None, None, "i", EventType::View);
        assert!(!repeats.is_repeat(&nobody, 7) && !repeats.is_repeat(&nobody, 7));
    }

    #[test]
    fn stays_within_its_limit_and_forgets_the_oldest_hour() {
        let mut repeats = Repeats::new(10);
        for hour in 0..5 {
            for user in ["a", "b", "c", "d"] {
                assert!(!repeats.is_repeat(&event(Some(user), None, "i", EventType::View), hour));
                assert!(repeats.len() <= 10);
            }
        }
        let again = event(Some("d"), None, "i", EventType::View);
        assert!(repeats.is_repeat(&again, 4), "the newest hour is remembered");
        assert!(!repeats.is_repeat(&again, 0), "the oldest is not");
        repeats.forget_before(5);
        assert_eq!(repeats.len(), 0);
    }
}

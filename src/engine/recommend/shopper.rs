//! Who a call is for: what they touched, as events and the call itself tell it.

use super::Recommend;
use crate::signals::{Seen, Signals};
use jiff::{SignedDuration, Timestamp};
use std::collections::HashMap;
use std::sync::Arc;

/// Items of a profile that are looked at: the latest ones.
const MAX_TOUCHED: usize = 200;
/// Items that a call calls recent are taken to lie that far apart, the first one now.
const BETWEEN_RECENT: SignedDuration = SignedDuration::from_secs(60);

/// What one shopper touched, latest first, each item once.
#[derive(Debug, Default)]
pub(super) struct Shopper {
    pub(super) touched: Vec<Seen>,
}

impl Shopper {
    /// The shopper of a call: the user's history, the session's, and what the call names as recent.
    pub(super) fn of(call: &Recommend, signals: &Signals, now: Timestamp) -> Self {
        let user = call.user.as_deref().map(|user| signals.user(user));
        let session = call.session.as_deref().map(|session| signals.session(session));
        let recent = call.recent.iter().enumerate().map(|(at, id)| {
            let ago = BETWEEN_RECENT * i32::try_from(at).unwrap_or(i32::MAX);
            Seen {
                item: Arc::from(id.as_str()),
                time: now.checked_sub(ago).unwrap_or(now),
                weight: 1.0,
                bought: false,
            }
        });
        let histories = [user, session].into_iter().flatten().flatten();
        Self::merged(histories.chain(recent))
    }

    /// What a session saw is a part of what its user saw, so the larger weight of the two counts, not their sum.
    fn merged(touches: impl Iterator<Item = Seen>) -> Self {
        let mut by_item: HashMap<Arc<str>, Seen> = HashMap::new();
        for seen in touches {
            by_item
                .entry(Arc::clone(&seen.item))
                .and_modify(|known| {
                    known.time = known.time.max(seen.time);
                    known.weight = known.weight.max(seen.weight);
                    known.bought |= seen.bought;
                })
                .or_insert(seen);
        }
        let mut touched: Vec<Seen> = by_item.into_values().collect();
        touched.sort_unstable_by(|a, b| b.time.cmp(&a.time).then_with(|| a.item.cmp(&b.item)));
        Self { touched }
    }

    /// The latest of them, as many as strategies look at.
    pub(super) fn latest(&self) -> &[Seen] {
        &self.touched[..self.touched.len().min(MAX_TOUCHED)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(item: &str, second: i64, weight: f32, bought: bool) -> Seen {
        Seen {
            item: item.into(),
            time: Timestamp::from_second(second).unwrap(),
            weight,
            bought,
        }
    }

    #[test]
    fn histories_are_one_with_each_item_once_and_the_latest_first() {
        let touches = [
            seen("a", 10, 1.0, false),
            seen("b", 20, 5.0, true),
            seen("a", 30, 0.5, false),
            seen("b", 5, 1.0, false),
        ];
        let shopper = Shopper::merged(touches.into_iter());
        assert_eq!(
            shopper.touched,
            [seen("a", 30, 1.0, false), seen("b", 20, 5.0, true)]
        );
    }

    #[test]
    fn recent_items_stand_for_a_shopper_without_a_name() {
        let now = Timestamp::from_second(1_000).unwrap();
        let call = Recommend {
            recent: vec!["new".to_owned(), "old".to_owned(), "new".to_owned()],
            ..Recommend::default()
        };
        let shopper = Shopper::of(&call, &Signals::in_memory(), now);
        assert_eq!(
            shopper.touched,
            [seen("new", 1_000, 1.0, false), seen("old", 940, 1.0, false)]
        );
    }
}

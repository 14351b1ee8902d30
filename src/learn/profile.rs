//! What a user did, item by item.

use super::interactions::Touch;

/// Seconds of a day.
pub(super) const DAY: f32 = 86_400.0;

/// Days after which a touch says half as much about how often a user comes back to an item.
const RECENT_HALF_LIFE: f32 = 60.0;

/// As many items of one user count, the latest ones.
pub(super) const MOST_ITEMS: usize = 500;

/// The least that a touch counts, as a share of the strongest kind.
const LEAST_VALUE: f32 = 0.05;

/// All that a user did with one item.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Seen {
    pub item: u32,
    /// When last.
    pub last: i64,
    /// The strongest touch, 0 to 1.
    pub value: f32,
    /// All touches together.
    pub times: f32,
    /// All touches together, decayed.
    pub recent: f32,
    /// Whether it was bought.
    pub bought: bool,
}

impl Seen {
    /// What it says about interest now, given the days after which it says half as much.
    pub fn weight(&self, now: i64, half_life: f32) -> f32 {
        self.value * decay(now, self.last, half_life)
    }
}

/// One half per half-life (in days) that lies between; 1 for what is yet to come.
pub(super) fn decay(now: i64, then: i64, half_life: f32) -> f32 {
    let days = now.saturating_sub(then).max(0) as f32 / DAY;
    (-days / half_life).exp2()
}

/// Puts touches together by item, ordered by item; the [`MOST_ITEMS`] latest of items below `items`. `scale` is the
/// weight of the strongest kind of touch.
pub(super) fn seen(touches: &[Touch], now: i64, scale: f32, items: usize) -> Vec<Seen> {
    let mut known: Vec<&Touch> = touches
        .iter()
        .filter(|touch| (touch.item as usize) < items && touch.weight > 0.0)
        .collect();
    known.sort_unstable_by_key(|touch| (touch.item, touch.time));
    let mut seen: Vec<Seen> = Vec::new();
    for touch in known {
        let value = value(touch, scale);
        let recent = value * decay(now, touch.time, RECENT_HALF_LIFE);
        match seen.last_mut().filter(|last| last.item == touch.item) {
            Some(last) => last.take(touch, value, recent),
            None => seen.push(Seen {
                item: touch.item,
                last: touch.time,
                value,
                times: value,
                recent,
                bought: touch.bought,
            }),
        }
    }
    keep_latest(&mut seen);
    seen
}

impl Seen {
    fn take(&mut self, touch: &Touch, value: f32, recent: f32) {
        // One visit's clicks and views of one item, at one moment, count once.
        if touch.time == self.last {
            self.times += (value - self.value).max(0.0);
            self.recent += (recent - self.recent).max(0.0);
        } else {
            self.times += value;
            self.recent += recent;
        }
        self.value = self.value.max(value);
        self.last = touch.time;
        self.bought |= touch.bought;
    }
}

/// What a touch counts, 0 to 1: the root of its weight, so that a purchase counts more than a view, but not as much more
/// as it is rarer.
pub(super) fn value(touch: &Touch, scale: f32) -> f32 {
    (touch.weight / scale).sqrt().clamp(LEAST_VALUE, 1.0)
}

fn keep_latest(seen: &mut Vec<Seen>) {
    if seen.len() > MOST_ITEMS {
        seen.select_nth_unstable_by(MOST_ITEMS, |a, b| b.last.cmp(&a.last).then(a.item.cmp(&b.item)));
        seen.truncate(MOST_ITEMS);
        seen.sort_unstable_by_key(|seen| seen.item);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn touch(item: u32, days: i64, weight: f32) -> Touch {
        Touch {
            item,
            time: days * 86_400,
            weight,
            bought: weight >= 5.0,
        }
    }

    #[test]
    fn touches_of_an_item_are_put_together() {
        let touches = [
            touch(7, 0, 5.0),
            touch(2, 30, 1.25),
            touch(7, 60, 5.0),
            touch(9, 60, 1.0),
        ];
        let found = seen(&touches, 60 * 86_400, 5.0, 9);
        assert_eq!(found.len(), 2, "item 9 is none");
        assert_eq!((found[0].item, found[0].value, found[0].bought), (2, 0.5, false));
        let seven = found[1];
        assert_eq!((seven.times, seven.last, seven.bought), (2.0, 60 * 86_400, true));
        assert!((seven.recent - 1.5).abs() < 1e-6);
        assert!((found[0].weight(60 * 86_400, 30.0) - 0.25).abs() < 1e-6);
    }

    #[test]
    fn a_long_history_keeps_what_came_last() {
        let touches: Vec<Touch> = (0..600).map(|item| touch(item, i64::from(item), 1.0)).collect();
        let found = seen(&touches, 0, 1.0, 600);
        assert_eq!((found.len(), found[0].item), (MOST_ITEMS, 100));
    }
}

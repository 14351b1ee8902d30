//! The candidates of a walk: a short sorted array, nearest first.

/// Marks a candidate whose links were followed.
const EXPANDED: u64 = 1;

/// How much farther than the `k`-th nearest a candidate may be: a share of the `k`-th's own distance, so that a query far
/// from everything looks farther around (adaptive beam search, arXiv 2505.15636).
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Slack {
    /// Share of the distance.
    pub(crate) share: f32,
    /// What is added to a distance to count from the best there can be.
    pub(crate) origin: f32,
    /// It is never less than this.
    pub(crate) least: f32,
}

impl Default for Slack {
    /// Nothing is too far.
    fn default() -> Self {
        Self {
            share: 0.0,
            origin: 0.0,
            least: f32::INFINITY,
        }
    }
}

impl Slack {
    /// The greatest distance that is not too far when the `k`-th is at `distance`.
    #[inline]
    fn bound(&self, distance: f32) -> f32 {
        distance + (self.share * (distance + self.origin)).max(self.least)
    }
}

/// The nearest nodes seen so far and which of them are still to be expanded: at most `capacity` of them, and none much
/// farther than the `k`-th. For the beams in use, binary insertion into one sorted array beats a pair of heaps.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    /// Ordered distance (32 bits), node (31 bits), expanded (1 bit): one comparison sorts by distance, then node.
    entries: Vec<u64>,
    capacity: usize,
    k: usize,
    slack: Slack,
    /// Whatever is not nearer than this is of no use.
    bound: f32,
    /// No candidate before this one is unexpanded.
    cursor: usize,
}

impl Pool {
    /// Empties the pool, which then keeps `capacity` candidates.
    pub(crate) fn reset(&mut self, capacity: usize) {
        self.reset_within(capacity, 1, Slack::default());
    }

    /// Empties the pool, which then keeps `capacity` candidates, and only those not too much farther than the `k`-th
    /// nearest: what lies beyond is not worth following.
    pub(crate) fn reset_within(&mut self, capacity: usize, k: usize, slack: Slack) {
        self.entries.clear();
        self.entries.reserve(capacity + 1);
        self.capacity = capacity.max(1);
        self.k = k.max(1);
        self.slack = slack;
        self.bound = f32::INFINITY;
        self.cursor = 0;
    }

    /// Takes a node in if it is near enough; says whether it was.
    #[inline(always)]
    pub(crate) fn insert(&mut self, node: u32, distance: f32) -> bool {
        distance < self.bound && self.place(node, distance)
    }

    #[inline(never)]
    fn place(&mut self, node: u32, distance: f32) -> bool {
        if self.entries.len() >= self.capacity {
            self.entries.pop();
        }
        let entry = pack(node, distance);
        let place = self.entries.partition_point(|&other| other < entry);
        self.entries.insert(place, entry);
        self.cursor = self.cursor.min(place);
        self.tighten();
        true
    }

    /// Sets the bound after an insertion and drops what it leaves outside.
    #[inline]
    fn tighten(&mut self) {
        if let Some(&kth) = self.entries.get(self.k - 1) {
            self.bound = self.slack.bound(distance_of(kth));
            let outside = |&entry: &u64| distance_of(entry) > self.bound;
            while self.entries.last().is_some_and(outside) {
                self.entries.pop();
            }
        }
        if self.entries.len() >= self.capacity
            && let Some(&last) = self.entries.last()
        {
            self.bound = self.bound.min(distance_of(last));
        }
    }

    /// The nearest node that is not expanded yet; it then is.
    #[inline]
    pub(crate) fn expand_next(&mut self) -> Option<u32> {
        while let Some(entry) = self.entries.get_mut(self.cursor) {
            self.cursor += 1;
            if *entry & EXPANDED == 0 {
                *entry |= EXPANDED;
                return Some(node_of(*entry));
            }
        }
        None
    }

    /// Whether there may have been more candidates than it has room for.
    pub(crate) fn is_full(&self) -> bool {
        self.entries.len() >= self.capacity
    }

    /// Nodes and distances, nearest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, f32)> + '_ {
        self.entries
            .iter()
            .map(|&entry| (node_of(entry), distance_of(entry)))
    }
}

/// Bits that order as the distances do.
#[inline]
fn pack(node: u32, distance: f32) -> u64 {
    let bits = distance.to_bits();
    let ordered = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
    u64::from(ordered) << 32 | u64::from(node) << 1
}

#[inline]
fn node_of(entry: u64) -> u32 {
    (entry as u32) >> 1
}

#[inline]
fn distance_of(entry: u64) -> f32 {
    let ordered = (entry >> 32) as u32;
    f32::from_bits(if ordered >> 31 == 1 {
        ordered & !(1 << 31)
    } else {
        !ordered
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn keeps_the_nearest_and_expands_each_once(
            distances in proptest::collection::vec(-25_i8..25, 0..100),
            capacity in 1_usize..20,
            k in 1_usize..8,
            slack in proptest::option::of((0_u8..30, 0_u8..3)),
        ) {
            let slack = slack.map_or_else(Slack::default, |(least, share)| Slack {
                share: f32::from(share),
                origin: 25.0,
                least: f32::from(least),
            });
            let mut pool = Pool::default();
            pool.reset_within(capacity, k, slack);
            for (node, &distance) in (0_u32..).zip(&distances) {
                pool.insert(node, f32::from(distance));
            }
            let mut expected: Vec<(i8, u32)> = distances.iter().copied().zip(0..).collect();
            expected.sort_unstable();
            let bound = expected.get(k - 1).map_or(f32::INFINITY, |kth| slack.bound(f32::from(kth.0)));
            expected.truncate(capacity);
            let within = |entry: &&(i8, u32)| f32::from(entry.0) < bound;
            let kept: Vec<f32> = pool.iter().map(|(_, distance)| distance).filter(|&distance| distance < bound).collect();
            prop_assert_eq!(kept, expected.iter().filter(within).map(|entry| f32::from(entry.0)).collect::<Vec<_>>());
            prop_assert!(pool.iter().all(|(node, distance)| f32::from(distances[node as usize]) == distance && distance <= bound));
            let all: Vec<u32> = pool.iter().map(|(node, _)| node).collect();
            let expanded: Vec<u32> = std::iter::from_fn(|| pool.expand_next()).collect();
            prop_assert_eq!(expanded, all);
        }
    }

    #[test]
    fn a_nearer_late_comer_is_expanded_next() {
        let mut pool = Pool::default();
        pool.reset(3);
        assert!(pool.insert(1, 1.0) && pool.insert(2, 2.0));
        assert_eq!(pool.expand_next(), Some(1));
        assert!(pool.insert(3, 0.5) && pool.insert(4, 1.5) && !pool.insert(5, 9.0));
        assert_eq!(
            (pool.expand_next(), pool.expand_next(), pool.expand_next()),
            (Some(3), Some(4), None)
        );
    }
}

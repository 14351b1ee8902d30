//! The candidates of a walk: a short sorted array, nearest first.

/// Marks a candidate whose links were followed. Row numbers have 31 bits.
const EXPANDED: u32 = 1 << 31;

#[derive(Debug, Clone, Copy)]
struct Candidate {
    distance: f32,
    node: u32,
}

/// The nearest nodes seen so far, at most `capacity` of them, and which of them are still to be expanded. For the
/// beams in use, binary insertion into one sorted array beats a pair of heaps.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    candidates: Vec<Candidate>,
    capacity: usize,
    /// No candidate before this one is unexpanded.
    cursor: usize,
}

impl Pool {
    /// Empties the pool.
    pub(crate) fn reset(&mut self, capacity: usize) {
        self.candidates.clear();
        self.candidates.reserve(capacity + 1);
        self.capacity = capacity.max(1);
        self.cursor = 0;
    }

    /// Takes a node in if it is near enough; says whether it was.
    #[inline]
    pub(crate) fn insert(&mut self, node: u32, distance: f32) -> bool {
        if self.candidates.len() >= self.capacity {
            let nearer = self
                .candidates
                .last()
                .is_some_and(|last| distance < last.distance);
            if !nearer {
                return false;
            }
            self.candidates.pop();
        }
        let place = self
            .candidates
            .partition_point(|candidate| candidate.distance <= distance);
        self.candidates.insert(place, Candidate { distance, node });
        self.cursor = self.cursor.min(place);
        true
    }

    /// The nearest node that is not expanded yet; it then is.
    #[inline]
    pub(crate) fn expand_next(&mut self) -> Option<u32> {
        while let Some(candidate) = self.candidates.get_mut(self.cursor) {
            self.cursor += 1;
            if candidate.node & EXPANDED == 0 {
                let node = candidate.node;
                candidate.node |= EXPANDED;
                return Some(node);
            }
        }
        None
    }

    /// Nodes and distances, nearest first.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, f32)> + '_ {
        self.candidates
            .iter()
            .map(|candidate| (candidate.node & !EXPANDED, candidate.distance))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn keeps_the_nearest_and_expands_each_once(distances in proptest::collection::vec(0_u8..50, 0..100), capacity in 1_usize..20) {
            let mut pool = Pool::default();
            pool.reset(capacity);
            for (node, &distance) in (0_u32..).zip(&distances) {
                pool.insert(node, f32::from(distance));
            }
            let mut expected: Vec<(u8, u32)> = distances.iter().copied().zip(0..).collect();
            expected.sort_unstable();
            expected.truncate(capacity);
            let expected: Vec<u32> = expected.into_iter().map(|(_, node)| node).collect();
            prop_assert_eq!(pool.iter().map(|(node, _)| node).collect::<Vec<_>>(), expected.clone());
            let expanded: Vec<u32> = std::iter::from_fn(|| pool.expand_next()).collect();
            prop_assert_eq!(expanded, expected);
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

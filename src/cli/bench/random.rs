//! Seeded random numbers (splitmix64), so that a bench can be repeated.

/// The generator.
#[derive(Debug)]
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 if that is 0.
    pub(super) fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.next()) * end as u128) >> 64) as usize
    }

    /// `count` different numbers below `end`, all of them if there are no more, in random order.
    pub(super) fn sample(&mut self, end: usize, count: usize) -> Vec<u32> {
        let mut numbers: Vec<u32> = (0..end as u32).collect();
        for first in 0..count.min(end) {
            let other = first + self.below(end - first);
            numbers.swap(first, other);
        }
        numbers.truncate(count);
        numbers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sample_has_no_number_twice() {
        for (end, count) in [(0, 3), (5, 9), (100, 40), (1, 1)] {
            let mut sample = Random::new(3).sample(end, count);
            assert_eq!(sample, Random::new(3).sample(end, count));
            sample.sort_unstable();
            sample.dedup();
            assert_eq!(sample.len(), count.min(end));
            assert!(sample.iter().all(|&number| (number as usize) < end));
        }
        assert_ne!(Random::new(1).sample(100, 100), Random::new(2).sample(100, 100));
    }
}

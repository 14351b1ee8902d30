//! What is shown to learn about it.

use super::rank::Entry;
use crate::live::Place;
use std::collections::HashSet;

/// Which positions are for exploration, and what may stand there.
#[derive(Debug, Default)]
pub(super) struct Explorer {
    positions: HashSet<usize>,
    /// Places in the list of entries, the next one last.
    drawn: Vec<usize>,
}

impl Explorer {
    /// Draws `share` of the `free` positions, and an order of the entries (given by their places in the list, best first)
    /// that would not be shown on them.
    pub(super) fn new(share: f32, seed: u64, free: &[usize], entries: &[Entry], shown: &[bool]) -> Self {
        let count = rounded(f64::from(share.clamp(0.0, 1.0)) * free.len() as f64, seed);
        if count == 0 {
            return Self::default();
        }
        let mut positions = free.to_vec();
        positions.sort_by_cached_key(|&position| hash(seed, 1, position as u64));
        positions.truncate(count);
        let rest = (0..entries.len()).filter(|&at| !shown[at]);
        let mut drawn: Vec<usize> = rest.skip(free.len()).collect();
        drawn.sort_by_cached_key(|&at| hash_of(seed, entries[at].place));
        Self {
            positions: positions.into_iter().collect(),
            drawn,
        }
    }

    /// Whether a position is for exploration.
    pub(super) fn wants(&self, position: usize) -> bool {
        self.positions.contains(&position)
    }

    /// The next one that may stand there.
    pub(super) fn draw(&mut self) -> Option<usize> {
        self.drawn.pop()
    }
}

/// The number rounded up or down: up by so many seeds that their mean is the number.
fn rounded(number: f64, seed: u64) -> usize {
    let part = (hash(seed, 0, 0) >> 11) as f64 / (1_u64 << 53) as f64;
    number.floor() as usize + usize::from(part < number.fract())
}

fn hash_of(seed: u64, place: Place) -> u64 {
    match place {
        Place::Base(row) => hash(seed, 2, u64::from(row.0)),
        Place::Live(position) => hash(seed, 3, position.0),
    }
}

/// A hash that is the same in every process and version.
fn hash(seed: u64, kind: u64, number: u64) -> u64 {
    mix(mix(mix(seed).wrapping_add(kind)).wrapping_add(number))
}

/// The finalizer of SplitMix64 (Steele, Lea & Flood 2014): every bit of the result depends on every bit of `number`.
fn mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

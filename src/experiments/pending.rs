//! What was counted in memory and is not written yet.

use super::ledger::Tallies;
use super::records::Record;
use super::shadow::ShadowSums;
use super::token::Arm;
use std::collections::HashMap;

/// Records that wait to be written. Exposures of known units and comparisons come as one sum each.
#[derive(Debug, Default)]
pub(super) struct Pending {
    bytes: Vec<u8>,
    again: HashMap<Arm, u64>,
    shadow: HashMap<Arm, ShadowSums>,
    /// Grows with every change.
    pub changes: u64,
    /// Whether there is somebody to write them; without, nothing is kept.
    pub kept: bool,
}

impl Pending {
    /// Takes note of something that was counted.
    pub(super) fn add(&mut self, record: Record) {
        self.changes += 1;
        match record {
            _ if !self.kept => {}
            Record::Again { arm, times } => *self.again.entry(arm).or_default() += times,
            Record::Shadow { arm, sums } => self.shadow.entry(arm).or_default().add(&sums),
            record => record.write(&mut self.bytes),
        }
    }

    /// All records as bytes; none are left.
    pub(super) fn take(&mut self) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut self.bytes);
        for (arm, times) in self.again.drain() {
            Record::Again { arm, times }.write(&mut bytes);
        }
        for (arm, sums) in self.shadow.drain() {
            Record::Shadow { arm, sums }.write(&mut bytes);
        }
        bytes
    }
}

/// All counts, and which of them wait to be written.
#[derive(Debug, Default)]
pub(super) struct State {
    pub tallies: Tallies,
    pub pending: Pending,
    /// Units of all tallies.
    pub units: usize,
}

impl State {
    /// Adds up the units anew, after tallies came or went.
    pub(super) fn count_units(&mut self) {
        self.units = self.tallies.values().map(|tally| tally.units.len()).sum();
    }
}

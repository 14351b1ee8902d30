//! What journals and counts files hold, as bytes; all numbers little-endian.

use super::shadow::ShadowSums;
use super::tally::{OutcomeKind, Tally, Unit};
use super::token::Arm;

/// One thing that was counted.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Record {
    /// An exposure of a unit that is new.
    Exposed { arm: Arm, unit: u64 },
    /// Exposures of units that were exposed before, or of no unit.
    Again { arm: Arm, times: u64 },
    /// An outcome.
    Outcome {
        arm: Arm,
        unit: Option<u64>,
        kind: OutcomeKind,
        key: u64,
    },
    /// Comparisons of the variant in the shadow; the variant of the arm means nothing.
    Shadow { arm: Arm, sums: ShadowSums },
    /// There were more units than are counted; the variant of the arm means nothing.
    Truncated { arm: Arm },
}

const EXPOSED: u8 = 1;
const AGAIN: u8 = 2;
const CLICK: u8 = 3;
const CONVERSION: u8 = 4;
const SHADOW: u8 = 5;
const TRUNCATED: u8 = 6;

impl Record {
    pub(super) fn arm(&self) -> Arm {
        match self {
            Self::Exposed { arm, .. }
            | Self::Again { arm, .. }
            | Self::Outcome { arm, .. }
            | Self::Shadow { arm, .. }
            | Self::Truncated { arm } => *arm,
        }
    }

    /// Counts it.
    pub(super) fn apply(&self, tally: &mut Tally) {
        match *self {
            Self::Exposed { arm, unit } => {
                tally.expose(arm.variant, Some(unit), true);
            }
            Self::Again { arm, times } => tally.expose_again(arm.variant, times),
            Self::Outcome { arm, unit, kind, key } => {
                tally.outcome(arm.variant, unit, kind, key);
            }
            Self::Shadow { ref sums, .. } => tally.shadow.add(sums),
            Self::Truncated { .. } => tally.truncated = true,
        }
    }

    pub(super) fn write(&self, out: &mut Vec<u8>) {
        let head = |out: &mut Vec<u8>, kind: u8| {
            let arm = self.arm();
            out.extend_from_slice(&[kind, arm.variant]);
            put(out, arm.experiment);
            out.extend_from_slice(&arm.generation.to_le_bytes());
        };
        match self {
            Self::Exposed { unit, .. } => {
                head(out, EXPOSED);
                put(out, *unit);
            }
            Self::Again { times, .. } => {
                head(out, AGAIN);
                put(out, *times);
            }
            Self::Outcome { unit, kind, key, .. } => {
                head(
                    out,
                    match kind {
                        OutcomeKind::Click => CLICK,
                        OutcomeKind::Conversion => CONVERSION,
                    },
                );
                put(out, unit.unwrap_or(0));
                put(out, *key);
            }
            Self::Shadow { sums, .. } => {
                head(out, SHADOW);
                put_shadow(out, sums);
            }
            Self::Truncated { .. } => head(out, TRUNCATED),
        }
    }

    /// Reads the next one; none where the bytes are no record.
    pub(super) fn read(bytes: &mut &[u8]) -> Option<Self> {
        let [kind, variant] = take(bytes)?;
        let arm = Arm {
            variant,
            experiment: word(bytes)?,
            generation: u32::from_le_bytes(take(bytes)?),
        };
        let outcome = |bytes: &mut &[u8], kind| {
            Some(Self::Outcome {
                arm,
                kind,
                unit: Some(word(bytes)?).filter(|&unit| unit != 0),
                key: word(bytes)?,
            })
        };
        match kind {
            EXPOSED => Some(Self::Exposed {
                arm,
                unit: word(bytes)?,
            }),
            AGAIN => Some(Self::Again {
                arm,
                times: word(bytes)?,
            }),
            CLICK => outcome(bytes, OutcomeKind::Click),
            CONVERSION => outcome(bytes, OutcomeKind::Conversion),
            SHADOW => Some(Self::Shadow {
                arm,
                sums: shadow(bytes)?,
            }),
            TRUNCATED => Some(Self::Truncated { arm }),
            _ => None,
        }
    }
}

/// Writes all counts of one generation.
pub(super) fn write_tally(experiment: u64, generation: u32, tally: &Tally, out: &mut Vec<u8>) {
    put(out, experiment);
    out.extend_from_slice(&generation.to_le_bytes());
    // At most 10.
    out.extend_from_slice(&[tally.variants.len() as u8, u8::from(tally.truncated)]);
    let counts = tally.variants.iter().flat_map(super::tally::Counts::numbers);
    counts.for_each(|number| put(out, number));
    put(out, tally.unmatched);
    put_shadow(out, &tally.shadow);
    put(out, tally.units.len() as u64);
    tally.units.iter().for_each(|unit| put(out, unit.0));
    put(out, tally.remembered.all().count() as u64);
    tally.remembered.all().for_each(|key| put(out, key));
}

/// Reads the counts of one generation; none where the bytes are something else.
pub(super) fn read_tally(bytes: &mut &[u8]) -> Option<(u64, u32, Tally)> {
    let experiment = word(bytes)?;
    let generation = u32::from_le_bytes(take(bytes)?);
    let [variants, truncated] = take(bytes)?;
    let mut tally = Tally::new(usize::from(variants));
    tally.truncated = truncated != 0;
    for counts in &mut tally.variants {
        let mut numbers = [0; 6];
        for number in &mut numbers {
            *number = word(bytes)?;
        }
        *counts = super::tally::Counts::of_numbers(numbers);
    }
    tally.unmatched = word(bytes)?;
    tally.shadow = shadow(bytes)?;
    for _ in 0..word(bytes)? {
        tally.units.insert(Unit(word(bytes)?));
    }
    for _ in 0..word(bytes)? {
        tally.remembered.insert(word(bytes)?);
    }
    Some((experiment, generation, tally))
}

fn put_shadow(out: &mut Vec<u8>, sums: &ShadowSums) {
    put(out, sums.calls);
    put(out, sums.identical);
    for sum in [sums.overlap, sums.rank_biased, sums.shown_ms, sums.other_ms] {
        put(out, sum.to_bits());
    }
}

fn shadow(bytes: &mut &[u8]) -> Option<ShadowSums> {
    Some(ShadowSums {
        calls: word(bytes)?,
        identical: word(bytes)?,
        overlap: f64::from_bits(word(bytes)?),
        rank_biased: f64::from_bits(word(bytes)?),
        shown_ms: f64::from_bits(word(bytes)?),
        other_ms: f64::from_bits(word(bytes)?),
    })
}

pub(super) fn put(out: &mut Vec<u8>, word: u64) {
    out.extend_from_slice(&word.to_le_bytes());
}

pub(super) fn word(bytes: &mut &[u8]) -> Option<u64> {
    take(bytes).map(u64::from_le_bytes)
}

pub(super) fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_read_back_and_cut_ones_do_not() {
        let arm = Arm {
            experiment: u64::MAX - 1,
            generation: 7,
            variant: 3,
        };
        let records = [
            Record::Exposed { arm, unit: 5 },
            Record::Again { arm, times: 1 << 40 },
            Record::Outcome {
                arm,
                unit: None,
                kind: OutcomeKind::Click,
                key: 9,
            },
            Record::Outcome {
                arm,
                unit: Some(4),
                kind: OutcomeKind::Conversion,
                key: 0,
            },
            Record::Shadow {
                arm,
                sums: ShadowSums {
                    calls: 2,
                    overlap: 0.25,
                    ..ShadowSums::default()
                },
            },
            Record::Truncated { arm },
        ];
        for record in &records {
            let mut bytes = Vec::new();
            record.write(&mut bytes);
            for cut in 0..bytes.len() {
                assert_eq!(Record::read(&mut &bytes[..cut]), None);
            }
            let mut left = bytes.as_slice();
            assert_eq!(Record::read(&mut left).as_ref(), Some(record));
            assert!(left.is_empty());
        }
        assert_eq!(Record::read(&mut &[9; 100][..]), None, "no such kind");
    }

    #[test]
    fn counts_read_back() {
        let mut tally = Tally::new(2);
        for unit in 1..1_000_u64 {
            let hash = crate::experiments::token::name_hash(&unit.to_string());
            tally.expose((unit % 2) as u8, Some(hash), true);
            tally.outcome((unit % 2) as u8, Some(hash), OutcomeKind::Click, unit % 100);
        }
        tally.truncated = true;
        let mut bytes = Vec::new();
        write_tally(8, 9, &tally, &mut bytes);
        let (experiment, generation, read) = read_tally(&mut bytes.as_slice()).unwrap();
        assert_eq!((experiment, generation, read.truncated), (8, 9, true));
        assert_eq!(read.variants, tally.variants);
        let words = |tally: &Tally| {
            let mut words: Vec<u64> = tally.units.iter().map(|unit| unit.0).collect();
            words.sort_unstable();
            words
        };
        assert_eq!(words(&read), words(&tally), "flags included");
        assert!(!read.remembered.clone().insert(99));
        assert!(read_tally(&mut &bytes[..bytes.len() - 1]).is_none());
    }
}

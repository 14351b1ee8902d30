//! Which variant a unit gets: a hash, so the same one everywhere and for good.

use super::definition::Experiment;
use super::token::first_word;

/// Numbers below 1 that 53 bits of a hash make.
const STEP: f64 = 1.0 / (1_u64 << 53) as f64;

/// Where a unit stands among all: uniform in [0, 1), by BLAKE3 of the experiment's name, its generation and the unit.
/// Other experiments and generations put the unit elsewhere, independently.
pub(super) fn standing(experiment: &str, generation: u32, unit: &str) -> f64 {
    let mut hasher = blake3::Hasher::new_derive_key("alike 2026 experiments: assignment of units");
    hasher.update(&(experiment.len() as u64).to_le_bytes());
    hasher.update(experiment.as_bytes());
    hasher.update(&generation.to_le_bytes());
    hasher.update(unit.as_bytes());
    (first_word(&hasher.finalize()) >> 11) as f64 * STEP
}

/// The place of the weight that `standing` falls on when all weights lie side by side; never that of a weight of 0.
pub(super) fn place(weights: &[f64], standing: f64) -> usize {
    let wanted = standing * weights.iter().sum::<f64>();
    let mut reached = 0.0;
    let mut last = 0;
    for (at, &weight) in weights.iter().enumerate().filter(|(_, weight)| **weight > 0.0) {
        reached += weight;
        last = at;
        if wanted < reached {
            break;
        }
    }
    last
}

impl Experiment {
    /// The place of the variant that a unit gets while the experiment runs.
    #[must_use]
    pub fn variant_of(&self, unit: &str) -> usize {
        let standing = standing(&self.name, self.generation, unit);
        place(&self.definition.weights(), standing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiments::stats::chi_square_survival;
    use crate::experiments::tests::experiment;

    /// The p-value of counts against shares.
    fn fit(counts: &[u64], weights: &[f64]) -> f64 {
        let units: u64 = counts.iter().sum();
        let total: f64 = weights.iter().sum();
        let distances = counts.iter().zip(weights).map(|(&count, weight)| {
            let expected = units as f64 * weight / total;
            (count as f64 - expected).powi(2) / expected
        });
        chi_square_survival(distances.sum(), counts.len() as u32 - 1)
    }

    #[test]
    fn units_are_spread_by_weight() {
        for weights in [vec![1.0, 1.0], vec![0.1, 0.9], vec![5.0, 3.0, 1.0, 1.0]] {
            for name in ["home", "checkout", "a", "b"] {
                let experiment = experiment(name, &weights);
                let mut counts = vec![0; weights.len()];
                for unit in 0..100_000 {
                    counts[experiment.variant_of(&format!("user-{unit}"))] += 1;
                }
                let p = fit(&counts, &weights);
                assert!(p > 0.001, "{name} {weights:?}: {counts:?}, p {p}");
            }
        }
    }

    #[test]
    fn experiments_and_generations_are_independent() {
        let first = experiment("first", &[1.0, 1.0, 1.0]);
        let mut again = first.clone();
        again.generation += 1;
        for other in [experiment("second", &[1.0, 1.0, 1.0]), again] {
            let mut table = [0; 9];
            for unit in 0..100_000 {
                let unit = format!("user-{unit}");
                table[first.variant_of(&unit) * 3 + other.variant_of(&unit)] += 1;
            }
            // Margins are known, so every cell is expected to be a ninth.
            let p = fit(&table, &[1.0; 9]);
            assert!(p > 0.001, "{table:?}, p {p}");
        }
    }

    #[test]
    fn a_unit_stays_where_it_is() {
        // Computed by another implementation of BLAKE3: another program, machine or year has to assign the same.
        let found: Vec<usize> = ["u1", "u2", "u3", "u4", "u5", "u6", "ü", " "]
            .iter()
            .map(|unit| place(&[1.0, 1.0, 2.0], standing("home", 7, unit)))
            .collect();
        assert_eq!(found, GOLDEN);
        // Names that run into each other are told apart.
        assert!((standing("a", 1, "bc") - standing("ab", 1, "c")).abs() > 0.0);
    }

    const GOLDEN: [usize; 8] = [2, 2, 2, 1, 0, 2, 2, 0];

    #[test]
    fn more_weight_at_the_end_moves_units_there_only() {
        for unit in 0..10_000 {
            let standing = standing("home", 1, &unit.to_string());
            let before = place(&[1.0, 1.0], standing);
            let after = place(&[1.0, 1.5], standing);
            assert!(after >= before);
        }
    }

    #[test]
    fn no_unit_falls_on_a_weight_of_zero() {
        for at in 0..1_000 {
            let standing = f64::from(at) / 1_000.0;
            assert_ne!(place(&[1.0, 0.0, 1.0], standing), 1);
            assert_eq!(place(&[1.0, 0.0], standing), 0);
        }
        assert_eq!(place(&[1e-300, 1e-300, 0.0], 1.0 - STEP), 1);
    }
}

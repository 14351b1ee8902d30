//! Simulated experiments, by fixed seeds: intervals hold the truth as often as they say, and alarms are rare.

use super::*;
use crate::experiments::tally::{Counts, Tally};

const RUNS: u64 = 400;

/// Steele, Lea and Flood's SplitMix64, as numbers from 0 to 1.
struct Chance(u64);

impl Chance {
    fn below(&mut self, share: f64) -> bool {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^= word >> 31;
        ((word >> 11) as f64) < share * (1_u64 << 53) as f64
    }
}

/// The report of an experiment of so many units whose variants make these shares click. `lost` is the share of units of
/// the last variant that never come to be counted.
fn simulate(run: u64, weights: &[f64], shares: &[f64], units: u64, lost: f64) -> Report {
    let experiment = experiment(&format!("run-{run}"), weights);
    let mut chance = Chance(run);
    let mut tally = Tally::new(weights.len());
    for unit in 0..units {
        let variant = experiment.variant_of(&unit.to_string());
        let clicked = chance.below(shares[variant]);
        if variant + 1 == weights.len() && chance.below(lost) {
            continue;
        }
        let counts: &mut Counts = &mut tally.variants[variant];
        counts.units += 1;
        counts.clicked_units += u64::from(clicked);
    }
    Report::new(&experiment, Some(&tally), true)
}

#[test]
fn intervals_cover_a_known_lift_and_rate() {
    let (mut lifts, mut rates, mut found) = (0, 0, 0);
    for run in 0..RUNS {
        let report = simulate(run, &[1.0, 1.0], &[0.10, 0.13], 4_000, 0.0);
        let effect = report.variants[1].click_effect.unwrap();
        let lift = effect.lift.unwrap();
        lifts += u64::from((lift.low..=lift.high).contains(&0.3));
        let rate = report.variants[1].click_rate.unwrap();
        rates += u64::from((rate.low..=rate.high).contains(&0.13));
        found += u64::from(effect.significant);
    }
    // 95 % of 400 is 380 with a standard deviation of 4.4; power is about 0.85.
    assert!((365..=394).contains(&lifts), "lifts {lifts}");
    assert!((365..=394).contains(&rates), "rates {rates}");
    assert!((300..=380).contains(&found), "found {found}");
}

#[test]
fn nothing_is_found_where_nothing_is() {
    let found = |weights: &[f64]| {
        let shares = vec![0.1; weights.len()];
        let runs = (0..RUNS).map(|run| simulate(run + 10_000, weights, &shares, 4_000, 0.0));
        let any = runs.filter(|report| {
            let mut effects = report.variants.iter().filter_map(|variant| variant.click_effect);
            effects.any(|effect| effect.significant)
        });
        any.count()
    };
    // 5 % of 400 is 20 with a standard deviation of 4.4; with three comparisons at 1.7 % each it is a little less.
    let two = found(&[1.0, 1.0]);
    assert!((7..=34).contains(&two), "{two}");
    let four = found(&[1.0; 4]);
    assert!((5..=34).contains(&four), "{four}");
}

#[test]
fn a_broken_split_is_seen_and_a_good_one_is_not_blamed() {
    let weights = [3.0, 1.0];
    let mut blamed = 0;
    for run in 0..RUNS {
        let good = simulate(run + 20_000, &weights, &[0.1, 0.1], 5_000, 0.0);
        blamed += u64::from(good.sample_ratio.sample_ratio_mismatch);
    }
    assert!(blamed <= 3, "0.1 % of {RUNS}: {blamed}");
    for run in 0..20 {
        let broken = simulate(run, &weights, &[0.1, 0.2], 20_000, 0.15);
        assert!(
            broken.sample_ratio.sample_ratio_mismatch,
            "{:?}",
            broken.sample_ratio
        );
        assert!(
            broken.conclusion[0].starts_with("Nothing is concluded"),
            "{:?}",
            broken.conclusion
        );
        assert!(!broken.variants[1].click_effect.unwrap().significant);
    }
}

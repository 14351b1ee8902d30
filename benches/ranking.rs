//! What business rules cost: a thousand candidates with vectors of a usual model, under each rule and under all of them.
//!
//! `cargo bench --bench ranking`. One thread; times in microseconds.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use alike::live::Place;
use alike::ranking::{Call, Candidate, Facts, Rules, Strategy, rank};
use alike_indexes::RowId;
use serde_json::json;
use std::collections::HashSet;
use std::time::Instant;

const CANDIDATES: u32 = 1_000;
const DIMENSION: usize = 384;
const DAY_MS: i64 = 86_400_000;

struct Shop {
    vectors: Vec<Vec<f32>>,
}

fn row(place: Place) -> usize {
    match place {
        Place::Base(row) => row.index(),
        Place::Live(position) => position.0 as usize,
    }
}

impl Facts for Shop {
    fn meets(&self, place: Place, condition: usize) -> bool {
        [row(place) % 3, 3 + row(place) % 2].contains(&condition)
    }

    fn values(&self, place: Place, _field: &str) -> Vec<String> {
        vec![format!("brand {}", row(place) % 37)]
    }

    fn time(&self, place: Place, _field: &str) -> Option<i64> {
        Some((row(place) as i64 * 7 % 100) * DAY_MS)
    }

    fn vector(&self, place: Place) -> Option<&[f32]> {
        self.vectors.get(row(place)).map(Vec::as_slice)
    }
}

/// Vectors around twenty centers, always the same ones.
fn shop() -> Shop {
    let mut state = 7_u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        ((state >> 40) as f32) / (1_u64 << 24) as f32 - 0.5
    };
    let mut vector = || (0..DIMENSION).map(|_| random()).collect::<Vec<f32>>();
    let centers: Vec<Vec<f32>> = (0..20).map(|_| vector()).collect();
    let vectors = (0..CANDIDATES as usize).map(|at| {
        let noise = vector();
        let sums = centers[at % 20]
            .iter()
            .zip(noise)
            .map(|(center, noise)| center + 0.5 * noise);
        sums.collect()
    });
    Shop {
        vectors: vectors.collect(),
    }
}

fn candidates() -> Vec<Candidate> {
    let candidate = |at| Candidate {
        place: Place::Base(RowId(at)),
        score: 1.0 / (1.0 + at as f32),
        strategy: Strategy::ForYou,
    };
    (0..CANDIDATES).map(candidate).collect()
}

fn main() {
    let boosts =
        json!([{"filter": {}, "factor": 2}, {"filter": {}, "factor": 1.5}, {"filter": {}, "factor": 3}]);
    let weighing = json!({
        "boost": boosts, "bury": [{"filter": {}, "factor": 0.5}],
        "freshness": {"field": "added", "half_life_days": 20, "weight": 0.3},
    });
    let mut all = weighing.clone();
    for (rule, value) in [
        ("max_per", json!([{"field": "brand", "count": 2}])),
        ("diversity", json!(0.4)),
        ("explore", json!({"share": 0.1})),
    ] {
        all[rule] = value;
    }
    let only = |rule: &str| json!({ rule: all[rule] });
    let cases = [
        ("no rules", json!({})),
        ("weighing", weighing.clone()),
        ("max_per", only("max_per")),
        ("diversity", only("diversity")),
        ("explore", only("explore")),
        ("all", all.clone()),
    ];
    let shop = shop();
    let excluded: HashSet<Place> = (0..50).map(|at| Place::Base(RowId(at * 3))).collect();
    let pins = [(Place::Base(RowId(500)), 3), (Place::Base(RowId(700)), 9)];
    for (name, rules) in cases {
        let rules: Rules = serde_json::from_value(rules).unwrap();
        let mut times: Vec<f64> = (0..500)
            .map(|seed| {
                let call = Call {
                    limit: 20,
                    seed,
                    now_ms: 100 * DAY_MS,
                    pins: &pins,
                    excluded: &excluded,
                };
                let candidates = candidates();
                let start = Instant::now();
                std::hint::black_box(rank(candidates, &rules, &call, &shop));
                start.elapsed().as_secs_f64() * 1e6
            })
            .collect();
        times.sort_by(f64::total_cmp);
        println!(
            "{name:>9}: least {:.0} µs, median {:.0} µs, 99th percentile {:.0} µs",
            times[0], times[250], times[495]
        );
    }
}

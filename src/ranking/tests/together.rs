//! All rules together: what holds whatever the rules, the candidates and the seed are.

use super::*;
use proptest::collection::{hash_set, vec};
use proptest::prelude::*;
use proptest::strategy::Strategy as Generate;
use serde_json::json;
use std::time::Instant;

/// As many items there are.
const ITEMS: u32 = 40;
const BRANDS: [&str; 4] = ["a", "b", "c", "d"];

/// Candidates, rules, call and facts.
#[derive(Debug, Clone)]
struct World {
    candidates: Vec<Candidate>,
    rules: Rules,
    asked: Asked,
    items: Vec<Known>,
}

impl World {
    fn shop(&self) -> Shop {
        Shop::of((0..).zip(self.items.iter().cloned()))
    }

    fn rank(&self) -> Vec<Ranked> {
        self.asked
            .rank(self.candidates.clone(), &self.rules, &self.shop())
    }

    /// Pins that can be shown, in order, where no two are in each other's way.
    fn clean_pins(&self) -> Vec<(Place, usize)> {
        let mut pins = self.asked.pins.clone();
        pins.retain(|(place, at)| {
            !self.asked.excluded.contains(place) && (1..=self.asked.limit).contains(at)
        });
        pins.sort_by_key(|(_, at)| *at);
        pins
    }
}

fn finite_scores() -> impl Generate<Value = f32> {
    prop_oneof![
        4 => 0.0_f32..1.0,
        1 => prop::sample::select(vec![0.0, 0.5, -0.0, f32::MAX, f32::MIN, f32::MIN_POSITIVE]),
        1 => prop::num::f32::NORMAL | prop::num::f32::NEGATIVE,
    ]
}

fn known() -> impl Generate<Value = Known> {
    let brands = prop::sample::subsequence(BRANDS.to_vec(), 0..=2);
    let time = prop::option::of(prop_oneof![0..200 * DAY_MS, Just(i64::MIN), Just(i64::MAX)]);
    let vector = prop_oneof![9 => vec(-1.0_f32..1.0, 4), 1 => Just(Vec::new()), 1 => Just(vec![0.0; 4])];
    let meets = prop::sample::subsequence(vec![0, 1, 2, 3], 0..=4);
    (brands, time, vector, meets).prop_map(|(brands, time, vector, meets)| Known {
        brands: brands.into_iter().map(str::to_owned).collect(),
        time,
        vector,
        meets,
    })
}

fn some_rules() -> impl Generate<Value = Rules> {
    let boost = (0.001_f32..=100.0).prop_map(|factor| Boost {
        filter: json!({}),
        factor,
    });
    let bury = (0.0_f32..1.0).prop_map(|factor| Bury {
        filter: json!({}),
        factor,
    });
    let freshness = (0.001_f64..100.0, 0.0_f32..=1.0).prop_map(|(half_life_days, weight)| Freshness {
        field: "added".to_owned(),
        half_life_days,
        weight,
    });
    let cap = (1_usize..5).prop_map(|count| {
        vec![MaxPer {
            field: "brand".to_owned(),
            count,
        }]
    });
    let explore = (0.0_f32..=1.0).prop_map(|share| Explore { share });
    let parts = (
        prop::option::of(vec(boost, 0..=2)),
        prop::option::of(vec(bury, 0..=2)),
        prop::option::of(freshness),
        prop::option::of(cap),
        prop::option::of(explore),
        prop::option::of(0.0_f32..=1.0),
    );
    parts.prop_map(|(boost, bury, freshness, max_per, explore, diversity)| Rules {
        boost,
        bury,
        freshness,
        max_per,
        explore,
        diversity,
        ..Rules::default()
    })
}

fn asked() -> impl Generate<Value = Asked> {
    let pins = (
        hash_set(0..ITEMS + 5, 0..5),
        prop::sample::subsequence((1_usize..25).collect::<Vec<_>>(), 5),
    );
    let excluded = hash_set((0..ITEMS).prop_map(place), 0..8);
    (0_usize..20, any::<u64>(), pins, excluded).prop_map(|(limit, seed, (items, positions), excluded)| {
        let pins = items
            .into_iter()
            .zip(positions)
            .map(|(at, position)| (place(at), position));
        Asked {
            limit,
            seed,
            pins: pins.collect(),
            excluded,
        }
    })
}

fn world() -> impl Generate<Value = World> {
    let candidates = vec((0..ITEMS, finite_scores()), 0..60);
    (candidates, some_rules(), asked(), vec(known(), ITEMS as usize)).prop_map(
        |(candidates, rules, asked, items)| World {
            candidates: candidates
                .into_iter()
                .map(|(at, score)| candidate(at, score))
                .collect(),
            rules,
            asked,
            items,
        },
    )
}

/// How many of the shown have each value.
fn counts<'a>(shown: impl Iterator<Item = &'a Ranked>, shop: &Shop) -> HashMap<String, usize> {
    let mut counts = HashMap::new();
    for ranked in shown {
        for value in shop.values(ranked.place, "brand") {
            *counts.entry(value).or_default() += 1;
        }
    }
    counts
}

/// Pins are at their positions; where the list was too short for that, only pins follow.
fn check_pins(world: &World, shown: &[Ranked]) -> Result<(), TestCaseError> {
    let pins = world.clean_pins();
    let pinned = shown.iter().enumerate().filter(|(_, ranked)| ranked.pinned);
    let found: Vec<(usize, Place)> = pinned.map(|(at, ranked)| (at + 1, ranked.place)).collect();
    prop_assert_eq!(found.len(), pins.len());
    for ((at, found), (place, position)) in found.into_iter().zip(pins) {
        prop_assert_eq!(found, place);
        prop_assert!(
            at == position || at < position && shown[at - 1..].iter().all(|ranked| ranked.pinned),
            "{place} is at {at}, not {position}"
        );
    }
    Ok(())
}

/// The textbook's form: every candidate compared with everything shown, for every position.
fn naive_mmr(candidates: &[Candidate], diversity: f32, items: &[Known], limit: usize) -> Vec<u32> {
    let cosine = |a: &[f32], b: &[f32]| {
        let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f32>();
        let cosine = dot(a, b) / (dot(a, a).sqrt() * dot(b, b).sqrt());
        if cosine.is_nan() { 0.0 } else { cosine }
    };
    let (least, most) = candidates.iter().fold((f32::MAX, f32::MIN), |(least, most), c| {
        (least.min(c.score), most.max(c.score))
    });
    let scaled = |score: f32| {
        if most > least {
            0.1 + 0.9 * (score - least) / (most - least)
        } else {
            1.0
        }
    };
    let (mut shown, mut left) = (Vec::new(), candidates.to_vec());
    while shown.len() < limit && !left.is_empty() {
        let value = |c: &Candidate| {
            let vector = |at: u32| &items[at as usize].vector;
            let likeness = |other: &u32| cosine(vector(number(c.place)), vector(*other));
            let greatest = shown.iter().map(likeness).fold(-1.0, f32::max);
            (1.0 - diversity) * scaled(c.score) - diversity * greatest
        };
        let mut best = 0;
        for at in 1..left.len() {
            if value(&left[at]) > value(&left[best]) {
                best = at;
            }
        }
        shown.push(number(left.remove(best).place));
    }
    shown
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn rules_keep_their_word(world in world()) {
        let shop = world.shop();
        let shown = world.rank();
        prop_assert!(shown.len() <= world.asked.limit);
        let places: HashSet<Place> = shown.iter().map(|ranked| ranked.place).collect();
        prop_assert_eq!(places.len(), shown.len(), "each once");
        prop_assert!(places.is_disjoint(&world.asked.excluded));
        prop_assert!(shown.iter().all(|ranked| ranked.score.is_finite()));
        check_pins(&world, &shown)?;
        if let Some(cap) = world.rules.caps().first() {
            let by_hand = counts(shown.iter().filter(|ranked| ranked.pinned), &shop);
            for (value, count) in counts(shown.iter(), &shop) {
                let most = cap.count.max(by_hand.get(&value).copied().unwrap_or(0));
                prop_assert!(count <= most, "{count} of {value}");
            }
        }
        let free = world.asked.limit - world.clean_pins().len();
        let share = world.rules.explore.as_ref().map_or(0.0, |explore| f64::from(explore.share));
        let explored = shown.iter().filter(|ranked| ranked.explored).count();
        prop_assert!(explored <= (share * free as f64).ceil() as usize);
    }

    #[test]
    fn no_position_stays_empty_without_need(mut world in world()) {
        world.rules.max_per = None;
        let there = world.candidates.iter().map(|candidate| candidate.place);
        let there: HashSet<Place> = there
            .chain(world.clean_pins().into_iter().map(|(place, _)| place))
            .filter(|place| !world.asked.excluded.contains(place))
            .collect();
        prop_assert_eq!(world.rank().len(), there.len().min(world.asked.limit));
        // Of those that have something deeper to show, none falls short of its share.
        let free = world.asked.limit - world.clean_pins().len();
        if let Some(explore) = world.rules.explore.as_ref().filter(|_| there.len() >= 2 * world.asked.limit) {
            let explored = world.rank().iter().filter(|ranked| ranked.explored).count();
            // Diversity may have taken what was drawn.
            if world.rules.diversity.is_none() {
                prop_assert!(explored >= (f64::from(explore.share) * free as f64).floor() as usize);
            }
        }
    }

    #[test]
    fn the_same_call_has_the_same_answer(world in world(), turn in 0_usize..60) {
        let mut other = world.clone();
        if !other.candidates.is_empty() {
            let turn = turn % other.candidates.len();
            other.candidates.rotate_left(turn);
        }
        prop_assert_eq!(world.rank(), other.rank());
    }

    #[test]
    fn no_rules_no_difference(mut world in world()) {
        world.rules = Rules::default();
        world.asked.pins.clear();
        world.asked.excluded.clear();
        let mut met = HashSet::new();
        world.candidates.retain(|candidate| met.insert(candidate.place));
        world.candidates.sort_by(|a, b| (b.score + 0.0).total_cmp(&(a.score + 0.0)).then(a.place.cmp(&b.place)));
        let shown = world.rank();
        let first = world.candidates.iter().take(world.asked.limit);
        let first: Vec<(Place, f32)> = first.map(|candidate| (candidate.place, candidate.score)).collect();
        prop_assert_eq!(shown.iter().map(|r| (r.place, r.score)).collect::<Vec<_>>(), first);
    }

    #[test]
    fn odd_scores_and_times_do_no_harm(world in world(), odd in vec((0..ITEMS, prop::num::f32::ANY), 0..20)) {
        let mut world = world;
        world.candidates.extend(odd.into_iter().map(|(at, score)| candidate(at, score)));
        let shown = world.rank();
        prop_assert!(shown.iter().all(|ranked| ranked.score.is_finite()));
        check_pins(&world, &shown)?;
    }

    #[test]
    fn the_short_way_to_marginal_relevance_finds_what_the_long_one_does(
        scores in vec(0.0_f32..1.0, 1..40),
        vectors in vec(vec(-1.0_f32..1.0, 3), 40),
        diversity in 0.05_f32..=1.0,
        limit in 1_usize..20,
    ) {
        let items: Vec<Known> = vectors.into_iter().map(|vector| Known { vector, ..Known::default() }).collect();
        let mut candidates: Vec<Candidate> =
            (0..).zip(scores).map(|(at, score)| candidate(at, score)).collect();
        candidates.sort_by(|a, b| b.score.total_cmp(&a.score).then(a.place.cmp(&b.place)));
        let shop = Shop::of((0..).zip(items.iter().cloned()));
        let rules = Rules { diversity: Some(diversity), ..Rules::default() };
        let shown = numbers(&Asked::limit(limit).rank(candidates.clone(), &rules, &shop));
        let expected = naive_mmr(&candidates, diversity, &items, limit);
        // Rounding may swap what is all but equal; then both are as good, which is not worth proving here.
        prop_assume!(shown[0] == expected[0]);
        let same = shown.iter().zip(&expected).take_while(|(a, b)| a == b).count();
        prop_assert!(same == shown.len() || close(&candidates, &items, diversity, &shown, &expected, same));
    }
}

/// Whether the choices after the first `same` ones are equally good but for rounding.
fn close(
    candidates: &[Candidate],
    items: &[Known],
    diversity: f32,
    shown: &[u32],
    expected: &[u32],
    same: usize,
) -> bool {
    // Without the one chosen, the long way has to choose the other.
    let rest: Vec<Candidate> = candidates.to_vec();
    let without: Vec<Candidate> = rest
        .into_iter()
        .filter(|candidate| number(candidate.place) != expected[same])
        .collect();
    naive_mmr(&without, diversity, items, same + 1).get(same) == Some(&shown[same])
}

/// A thousand candidates with vectors of a usual model, under every rule.
fn large_world(dimension: usize) -> World {
    let mut state = 7_u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        ((state >> 40) as f32) / (1_u64 << 24) as f32 - 0.5
    };
    let centers: Vec<Vec<f32>> = (0..20)
        .map(|_| (0..dimension).map(|_| random()).collect())
        .collect();
    let items = (0..1_000_usize).map(|at| Known {
        brands: vec![format!("brand {}", at % 37)],
        time: Some((at as i64 * 7 % 100) * DAY_MS),
        vector: centers[at % 20]
            .iter()
            .map(|center| center + 0.5 * random())
            .collect(),
        meets: vec![at % 3, 3 + at % 2],
    });
    let mut asked = Asked::limit(20);
    asked.pins = vec![(place(500), 3), (place(700), 9)];
    asked.excluded = (0..50).map(|at| place(at * 3)).collect();
    World {
        candidates: candidates(1_000),
        items: items.collect(),
        asked,
        rules: rules(json!({
            "boost": [{"filter": {}, "factor": 2}, {"filter": {}, "factor": 1.5}, {"filter": {}, "factor": 3}],
            "bury": [{"filter": {}, "factor": 0.5}], "max_per": [{"field": "brand", "count": 2}], "diversity": 0.4,
            "freshness": {"field": "added", "half_life_days": 20, "weight": 0.3}, "explore": {"share": 0.1},
        })),
    }
}

#[test]
fn facts_are_asked_for_once_and_as_needed() {
    let world = large_world(8);
    let shop = world.shop();
    let shown = world.asked.rank(world.candidates.clone(), &world.rules, &shop);
    assert_eq!(shown.len(), 20);
    let for_scores = 950 * 5;
    let vectors_and_brands = shop.asked.get() - for_scores;
    assert!(vectors_and_brands < 950, "{vectors_and_brands}");
}

/// Prints how long ranking takes; to be read in optimized builds only.
#[test]
#[ignore = "a measurement"]
fn a_thousand_candidates_with_all_rules() {
    let all = large_world(384);
    let shop = all.shop();
    let only = |keep: &dyn Fn(&Rules) -> Rules| World {
        rules: keep(&all.rules),
        ..all.clone()
    };
    let none = Rules::default;
    for (name, world) in [
        ("none", only(&|_| none())),
        (
            "weighing",
            only(&|all| Rules {
                max_per: None,
                diversity: None,
                explore: None,
                ..all.clone()
            }),
        ),
        (
            "diversity",
            only(&|all| Rules {
                diversity: all.diversity,
                ..none()
            }),
        ),
        (
            "max_per",
            only(&|all| Rules {
                max_per: all.max_per.clone(),
                ..none()
            }),
        ),
        (
            "explore",
            only(&|all| Rules {
                explore: all.explore.clone(),
                ..none()
            }),
        ),
        ("all", only(&Clone::clone)),
    ] {
        let mut times: Vec<f64> = (0..500).map(|_| microseconds(&world, &shop)).collect();
        times.sort_by(f64::total_cmp);
        println!(
            "{name:>9}: least {:.0} µs, median {:.0} µs, 99th percentile {:.0} µs",
            times[0], times[250], times[495]
        );
    }
}

fn microseconds(world: &World, shop: &Shop) -> f64 {
    let candidates = world.candidates.clone();
    let start = Instant::now();
    let shown = world.asked.rank(candidates, &world.rules, shop);
    let took = start.elapsed().as_secs_f64() * 1e6;
    assert_eq!(shown.len(), 20);
    took
}

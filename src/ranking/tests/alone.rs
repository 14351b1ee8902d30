//! Each rule alone.

use super::*;
use serde_json::json;

#[test]
fn without_rules_the_first_come_first_with_their_scores() {
    let shop = Shop::default();
    let mut unsorted = candidates(5);
    unsorted.rotate_left(2);
    let ranked = Asked::limit(3).rank(unsorted, &Rules::default(), &shop);
    assert_eq!(numbers(&ranked), [0, 1, 2]);
    let scores: Vec<f32> = ranked.iter().map(|ranked| ranked.score).collect();
    assert_eq!(scores, [1.0, 0.8, 0.6]);
    assert!(ranked.iter().all(|ranked| !ranked.pinned && !ranked.explored));
    assert_eq!(shop.asked.get(), 0, "no rule asks for facts");
}

#[test]
fn nothing_comes_of_nothing() {
    let all = rules(json!({
        "boost": [{"filter": {}, "factor": 2}], "bury": [{"filter": {}, "factor": 0}], "diversity": 1,
        "max_per": [{"field": "brand", "count": 1}], "explore": {"share": 1},
        "freshness": {"field": "added", "half_life_days": 1, "weight": 1},
    }));
    assert!(
        Asked::limit(3)
            .rank(Vec::new(), &all, &Shop::default())
            .is_empty()
    );
    assert!(
        Asked::limit(0)
            .rank(candidates(3), &all, &Shop::default())
            .is_empty()
    );
}

#[test]
fn the_excluded_are_gone_pinned_or_not() {
    let mut asked = Asked::limit(3);
    asked.excluded = [place(0), place(2)].into();
    asked.pins = vec![(place(2), 1), (place(4), 2)];
    let ranked = asked.rank(candidates(5), &Rules::default(), &Shop::default());
    assert_eq!(numbers(&ranked), [1, 4, 3]);
    assert_eq!([false, true, false], [0, 1, 2].map(|at| ranked[at].pinned));
}

#[test]
fn equal_scores_stand_by_place_and_a_place_stands_once() {
    let twice = vec![
        candidate(2, 0.5),
        candidate(1, 0.5),
        candidate(2, 0.9),
        candidate(1, 0.5),
    ];
    let ranked = Asked::limit(9).rank(twice, &Rules::default(), &Shop::default());
    assert_eq!(numbers(&ranked), [2, 1]);
    assert_eq!(ranked[0].score, 0.9);
    let zeros = vec![candidate(1, -0.0), candidate(0, 0.0), candidate(2, 0.0)];
    let ranked = Asked::limit(9).rank(zeros, &Rules::default(), &Shop::default());
    assert_eq!(numbers(&ranked), [0, 1, 2]);
}

#[test]
fn boosts_and_buries_multiply_and_mean_the_same_on_every_scale() {
    let meets = |conditions: &[usize]| Known {
        meets: conditions.to_vec(),
        ..Known::default()
    };
    // Condition 0 and 1 are boosts, 2 is a bury.
    let shop = Shop::of([(4, meets(&[0, 1])), (3, meets(&[1])), (0, meets(&[2]))]);
    let rules = rules(json!({
        "boost": [{"filter": {}, "factor": 5}, {"filter": {}, "factor": 4}],
        "bury": [{"filter": {}, "factor": 0}],
    }));
    let asked = Asked::limit(9);
    let ranked = asked.rank(candidates(5), &rules, &shop);
    // On the common scale: 1, 0.775, 0.55, 0.325, 0.1.
    assert_eq!(numbers(&ranked), [4, 3, 1, 2, 0]);
    let expected = [2.0, 1.3, 0.775, 0.55, 0.0];
    for (ranked, expected) in ranked.iter().zip(expected) {
        assert!((ranked.score - expected).abs() < 1e-6, "{ranked:?} {expected}");
    }
    for (factor, shift) in [(1e-6, 0.0), (3000.0, -1e6), (1.0, 77.0)] {
        let other = candidates(5)
            .into_iter()
            .map(|candidate| Candidate {
                score: candidate.score * factor + shift,
                ..candidate
            })
            .collect();
        assert_eq!(numbers(&asked.rank(other, &rules, &shop)), [4, 3, 1, 2, 0]);
    }
}

#[test]
fn a_factor_of_ten_lifts_the_last_to_the_first() {
    let shop = Shop::of([(
        4,
        Known {
            meets: vec![0],
            ..Known::default()
        },
    )]);
    let lifted = |factor: f64| {
        let rules = rules(json!({"boost": [{"filter": {}, "factor": factor}]}));
        numbers(&Asked::limit(9).rank(candidates(5), &rules, &shop))
    };
    assert_eq!(lifted(10.1)[0], 4);
    assert_eq!(lifted(9.9)[1], 4);
}

#[test]
fn freshness_halves_with_every_half_life() {
    let dated = |age_days: i64| Known {
        time: Some((100 - age_days) * DAY_MS),
        ..Known::default()
    };
    let shop = Shop::of([(0, dated(20)), (1, dated(10)), (2, dated(0)), (3, dated(-50))]);
    let rules = rules(json!({"freshness": {"field": "added", "half_life_days": 10, "weight": 1}}));
    let ranked = Asked::limit(9).rank(candidates(5), &rules, &shop);
    let scores: Vec<(u32, f32)> = ranked
        .iter()
        .map(|ranked| (number(ranked.place), ranked.score))
        .collect();
    assert_eq!(scores, [(2, 1.0), (3, 1.0), (1, 0.5), (0, 0.25), (4, 0.0)]);
}

#[test]
fn what_is_buried_stays_buried_however_new_it_is() {
    let new = Known {
        time: Some(100 * DAY_MS),
        meets: vec![0],
        ..Known::default()
    };
    let rules = rules(json!({
        "freshness": {"field": "added", "half_life_days": 10, "weight": 1},
        "bury": [{"filter": {}, "factor": 0}],
    }));
    let ranked = Asked::limit(9).rank(candidates(3), &rules, &Shop::of([(0, new)]));
    assert_eq!(numbers(&ranked), [0, 1, 2], "all are 0");
    assert!(ranked.iter().all(|ranked| ranked.score == 0.0));
}

#[test]
fn pins_stand_at_their_positions() {
    let ranked = |limit: usize, pins: &[(u32, usize)]| {
        let mut asked = Asked::limit(limit);
        asked.pins = pins.iter().map(|&(at, position)| (place(at), position)).collect();
        asked.rank(candidates(4), &Rules::default(), &Shop::default())
    };
    assert_eq!(numbers(&ranked(4, &[(3, 1), (9, 3)])), [3, 0, 9, 1]);
    let shown = ranked(4, &[(3, 1), (9, 3)]);
    assert_eq!(
        (shown[0].score, shown[0].strategy),
        (0.25, Some(Strategy::Similar))
    );
    assert_eq!(
        (shown[2].score, shown[2].strategy, shown[2].pinned),
        (0.0, None, true)
    );
    // Beyond the limit, and at no position.
    assert_eq!(numbers(&ranked(2, &[(9, 3), (8, 0)])), [0, 1]);
    // The same item or position twice.
    assert_eq!(numbers(&ranked(4, &[(9, 3), (9, 1)])), [9, 0, 1, 2]);
    assert_eq!(numbers(&ranked(4, &[(9, 1), (8, 1), (7, 2)])), [9, 8, 7, 0]);
    assert_eq!(numbers(&ranked(2, &[(9, 2), (8, 2)])), [0, 9]);
    // Too few items to reach the position.
    assert_eq!(numbers(&ranked(20, &[(9, 15), (8, 11)])), [0, 1, 2, 3, 8, 9]);
}

#[test]
fn caps_are_strict_and_pins_take_up_their_room() {
    let shop = Shop::of((0..6).map(|at| (at, brand(if at < 4 { "a" } else { "b" }))));
    let rules = rules(json!({"max_per": [{"field": "brand", "count": 2}]}));
    let mut asked = Asked::limit(6);
    let ranked = asked.rank(candidates(7), &rules, &shop);
    assert_eq!(numbers(&ranked), [0, 1, 4, 5, 6], "6 has no brand");
    asked.pins = vec![(place(3), 5)];
    assert_eq!(
        numbers(&asked.rank(candidates(7), &rules, &shop)),
        [0, 4, 5, 6, 3]
    );
    asked.pins = vec![(place(1), 1), (place(2), 2), (place(3), 3)];
    let ranked = asked.rank(candidates(7), &rules, &shop);
    assert_eq!(numbers(&ranked), [1, 2, 3, 4, 5, 6], "pins may exceed it");
}

#[test]
fn an_item_with_several_values_counts_for_each() {
    let brands = |names: &[&str]| Known {
        brands: names.iter().map(|name| (*name).to_owned()).collect(),
        ..Known::default()
    };
    let shop = Shop::of([
        (0, brands(&["a", "b", "a"])),
        (1, brands(&["b"])),
        (2, brands(&["a"])),
        (3, brands(&["c"])),
    ]);
    let rules = rules(json!({"max_per": [{"field": "brand", "count": 1}]}));
    assert_eq!(
        numbers(&Asked::limit(4).rank(candidates(4), &rules, &shop)),
        [0, 3]
    );
}

fn pointing(degrees: f32) -> Known {
    let angle = degrees.to_radians();
    Known {
        // Lengths say nothing about likeness.
        vector: vec![angle.cos() * 7.0, angle.sin() * 7.0],
        ..Known::default()
    }
}

#[test]
fn diversity_prefers_what_is_unlike_what_is_shown() {
    let shop = Shop::of([
        (0, pointing(0.0)),
        (1, pointing(1.0)),
        (2, pointing(2.0)),
        (3, pointing(90.0)),
        (4, pointing(180.0)),
    ]);
    let order = |diversity: f32, pins: Vec<(Place, usize)>| {
        let mut asked = Asked::limit(5);
        asked.pins = pins;
        let rules = Rules {
            diversity: Some(diversity),
            ..Rules::default()
        };
        let ranked = asked.rank(candidates(5), &rules, &shop);
        assert!(ranked.iter().all(|ranked| ranked.score > 0.1), "scores as given");
        numbers(&ranked)
    };
    assert_eq!(order(0.0, Vec::new()), [0, 1, 2, 3, 4]);
    assert_eq!(order(0.01, Vec::new()), [0, 1, 2, 3, 4]);
    assert_eq!(order(0.5, Vec::new()), [0, 4, 3, 1, 2]);
    assert_eq!(order(1.0, Vec::new())[..2], [0, 4]);
    // What is pinned to the last position is shown, too.
    assert_eq!(order(1.0, vec![(place(4), 5)])[..2], [0, 3]);
}

#[test]
fn items_without_a_direction_are_like_nothing() {
    let shop = Shop::of([
        (0, pointing(0.0)),
        (1, pointing(0.0)),
        (
            2,
            Known {
                vector: vec![0.0, 0.0],
                ..Known::default()
            },
        ),
        (
            3,
            Known {
                vector: vec![f32::NAN, 1.0],
                ..Known::default()
            },
        ),
    ]);
    let rules = rules(json!({"diversity": 0.6}));
    assert_eq!(
        numbers(&Asked::limit(9).rank(candidates(5), &rules, &shop)),
        [0, 2, 3, 4, 1]
    );
}

#[test]
fn exploration_draws_its_share_from_what_would_not_be_shown() {
    let rules = rules(json!({"explore": {"share": 0.3}}));
    let mut asked = Asked::limit(10);
    let (mut drawn, mut positions) = (HashMap::<u32, usize>::new(), HashSet::new());
    let seeds = 2_000;
    for seed in 0..seeds {
        asked.seed = seed;
        let ranked = asked.rank(candidates(40), &rules, &Shop::default());
        assert_eq!(ranked, asked.rank(candidates(40), &rules, &Shop::default()));
        let explored = ranked.iter().enumerate().filter(|(_, ranked)| ranked.explored);
        let explored: Vec<(usize, u32)> = explored.map(|(at, ranked)| (at, number(ranked.place))).collect();
        assert_eq!(explored.len(), 3, "{ranked:?}");
        positions.extend(explored.iter().map(|(at, _)| *at));
        explored
            .iter()
            .for_each(|(_, number)| *drawn.entry(*number).or_default() += 1);
        let others = ranked.iter().filter(|ranked| !ranked.explored);
        assert_eq!(
            others.map(|other| number(other.place)).collect::<Vec<_>>(),
            [0, 1, 2, 3, 4, 5, 6]
        );
    }
    assert_eq!(positions.len(), 10, "every position has its turn");
    assert!(drawn.keys().all(|number| (10..40).contains(number)));
    // 200 on average, with a standard deviation of 14.
    assert!(
        drawn.len() == 30 && drawn.values().all(|count| (130..270).contains(count)),
        "{drawn:?}"
    );
}

#[test]
fn a_share_of_less_than_one_position_has_its_turn() {
    let rules = rules(json!({"explore": {"share": 0.05}}));
    let mut asked = Asked::limit(5);
    let explored = (0..4_000).filter(|&seed| {
        asked.seed = seed;
        let ranked = asked.rank(candidates(9), &rules, &Shop::default());
        ranked.iter().filter(|ranked| ranked.explored).count() == 1
    });
    // A quarter of the calls: 1,000, with a standard deviation of 27.
    let explored = explored.count();
    assert!((860..1_140).contains(&explored), "{explored}");
}

#[test]
fn where_nothing_is_left_to_explore_positions_are_filled_as_ever() {
    let rules = rules(json!({"explore": {"share": 1}}));
    let ranked = Asked::limit(4).rank(candidates(4), &rules, &Shop::default());
    assert_eq!(numbers(&ranked), [0, 1, 2, 3]);
    assert!(ranked.iter().all(|ranked| !ranked.explored));
    let ranked = Asked::limit(4).rank(candidates(6), &rules, &Shop::default());
    assert_eq!(
        (ranked.len(), ranked.iter().filter(|r| r.explored).count()),
        (4, 2)
    );
}

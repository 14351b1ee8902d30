//! What each strategy finds, and what fills up.

use super::*;
use crate::engine::{Query, Search};

#[test]
fn similar_items_are_those_of_a_search() {
    let data = tempfile::tempdir().unwrap();
    let engine = with_shop(data.path());
    let view = engine.view(SHOP).unwrap();
    for (like, unlike, limit) in [
        (&["east0"][..], &[][..], 5),
        (&["east0", "north1"], &["above0"], 3),
        (&["north3"], &["north2", "north0"], 1_000),
    ] {
        let call = Recommend {
            settings: Placement {
                limit: Some(limit),
                ..Placement::default()
            },
            like: Some(names(like)),
            unlike: names(unlike),
            ..Recommend::default()
        };
        let answer = ask(&engine, &call);
        let search = Search {
            query: Query::Examples {
                like: names(like),
                unlike: names(unlike),
            },
            limit,
            ..Search::default()
        };
        let expected = engine.search(&view, &search).unwrap();
        let found: Vec<(&str, f32)> = answer
            .hits
            .iter()
            .map(|hit| (hit.id.as_str(), hit.score))
            .collect();
        let wanted: Vec<(&str, f32)> = expected
            .hits
            .iter()
            .map(|hit| (hit.id.as_str(), hit.score))
            .collect();
        assert_eq!(found, wanted);
        assert_eq!((answer.exact, answer.partial), (expected.exact, expected.partial));
        assert!(answer.plan.is_some());
        assert!(
            answer
                .hits
                .iter()
                .all(|hit| hit.strategy == Some(Strategy::Similar))
        );
    }
}

#[test]
fn the_newest_come_first_wherever_they_are() {
    let data = tempfile::tempdir().unwrap();
    let engine = with_shop(data.path());
    let call = Recommend {
        settings: by(Strategy::New),
        ..Recommend::default()
    };
    assert_eq!(
        ids(&ask(&engine, &call)),
        ["above3", "above2", "above1", "above0"]
    );
    let mut dated = shop_item(0);
    dated.insert("created".to_owned(), json!("2026-02-01"));
    write_shop(
        &engine,
        vec![
            Change::Upsert(dated),
            update("north0", json!({"created": "2026-01-31"})),
            delete("above3"),
        ],
    );
    assert_eq!(ids(&ask(&engine, &call)), ["east0", "north0", "above2", "above1"]);
    write_shop(&engine, vec![update("above2", json!({"created": null}))]);
    let all = Recommend {
        settings: Placement {
            limit: Some(100),
            ..by(Strategy::New)
        },
        ..Recommend::default()
    };
    let answer = ask(&engine, &all);
    assert_eq!(answer.hits.len(), 11);
    assert_eq!(
        ids(&answer).last(),
        Some(&"above2"),
        "one without a time is the last"
    );
    let filtered = Recommend {
        settings: Placement {
            filter: Some(json!({"color": "blue"})),
            ..by(Strategy::New)
        },
        ..Recommend::default()
    };
    assert_eq!(
        ids(&ask(&engine, &filtered)),
        ["north0", "north3", "north2", "north1"]
    );
}

#[test]
fn without_times_the_last_written_is_the_newest() {
    let data = tempfile::tempdir().unwrap();
    let engine = with_points(data.path());
    write(
        &engine,
        vec![upsert("a", 1.0), upsert("b", 1.0), upsert("c", 1.0)],
    );
    let at = engine.view(POINTS).unwrap().position();
    super::super::swaps::publish_at(&engine, data.path(), at);
    engine.refresh().unwrap();
    write(&engine, vec![upsert("d", 1.0), upsert("a", 2.0)]);
    let view = engine.view(POINTS).unwrap();
    let call = Recommend {
        settings: by(Strategy::New),
        ..Recommend::default()
    };
    let answer = engine.recommend(&view, &call, Instead::default()).unwrap();
    assert_eq!(
        ids(&answer)[0],
        "d",
        "an update keeps the vector, and so the place"
    );
    assert_eq!(sorted(&answer), ["a", "b", "c", "d"]);
}

#[test]
fn each_interest_of_somebody_without_a_name_is_met() {
    let data = tempfile::tempdir().unwrap();
    let engine = with_shop(data.path());
    let call = Recommend {
        settings: Placement {
            fallback: Some(Vec::new()),
            ..by(Strategy::ForYou)
        },
        recent: names(&["north0", "gone", "east0", "north1"]),
        ..Recommend::default()
    };
    let answer = ask(&engine, &call);
    assert_eq!(answer.unknown, 1);
    let found = ids(&answer);
    assert!(found.iter().any(|id| id.starts_with("north")), "{found:?}");
    assert!(found.iter().any(|id| id.starts_with("east")), "{found:?}");
    for seen in ["north0", "east0", "north1"] {
        assert!(!found.contains(&seen), "{found:?}");
    }
}

#[test]
fn who_is_unknown_gets_what_fills_up() {
    let data = tempfile::tempdir().unwrap();
    let engine = with_shop(data.path());
    let mut call = Recommend {
        settings: by(Strategy::ForYou),
        user: Some("nobody".to_owned()),
        ..Recommend::default()
    };
    let answer = ask(&engine, &call);
    assert_eq!(ids(&answer), ["above3", "above2", "above1", "above0"]);
    assert_eq!(
        tried(&answer),
        [
            (Strategy::ForYou, 0, 0, false),
            (Strategy::Trending, 0, 0, true),
            (Strategy::Popular, 0, 0, true),
            (Strategy::New, 4, 4, true)
        ]
    );
    assert!(answer.hits.iter().all(|hit| hit.strategy == Some(Strategy::New)));
    call.settings.fallback = Some(Vec::new());
    let answer = ask(&engine, &call);
    assert!(answer.hits.is_empty() && answer.partial);
    assert_eq!(tried(&answer), [(Strategy::ForYou, 0, 0, false)]);
}

#[test]
fn a_basket_that_nobody_had_is_filled_up_with_what_is_similar() {
    let data = tempfile::tempdir().unwrap();
    let engine = with_shop(data.path());
    let call = Recommend {
        settings: Placement {
            limit: Some(100),
            ..Placement::default()
        },
        basket: Some(names(&["east1", "east2", "gone"])),
        ..Recommend::default()
    };
    let answer = ask(&engine, &call);
    let found = ids(&answer);
    assert_eq!(found.len(), 10, "everything but the basket: {found:?}");
    assert!(
        !found.contains(&"east1") && !found.contains(&"east2"),
        "{found:?}"
    );
    let first: std::collections::BTreeSet<&str> = found[..2].iter().copied().collect();
    assert_eq!(first, ["east0", "east3"].into());
    assert_eq!(answer.unknown, 1);
    let asked: Vec<Strategy> = answer.strategies.iter().map(|tried| tried.strategy).collect();
    assert_eq!(
        asked[..3],
        [
            Strategy::BoughtTogether,
            Strategy::ViewedTogether,
            Strategy::Similar
        ]
    );
    let scores: Vec<f32> = answer.hits.iter().map(|hit| hit.score).collect();
    assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
}

#[test]
fn a_blend_says_whose_each_item_is() {
    let data = tempfile::tempdir().unwrap();
    let engine = with_shop(data.path());
    let part = |strategy, weight| Part { strategy, weight };
    let call = Recommend {
        settings: Placement {
            blend: Some(vec![part(Strategy::Similar, 3.0), part(Strategy::New, 1.0)]),
            limit: Some(6),
            ..Placement::default()
        },
        like: Some(names(&["east0"])),
        ..Recommend::default()
    };
    let answer = ask(&engine, &call);
    let of = |strategy| {
        answer
            .hits
            .iter()
            .filter(|hit| hit.strategy == Some(strategy))
            .count()
    };
    assert_eq!(of(Strategy::Similar) + of(Strategy::New), 6);
    assert!(of(Strategy::Similar) >= 3, "{:?}", answer.hits);
    assert!(!ids(&answer).contains(&"east0"), "examples are not returned");
    assert!(answer.strategies.iter().all(|tried| !tried.fallback));
}

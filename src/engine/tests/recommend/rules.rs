//! Rules of a call, with what they ask of the view.

use super::*;
use crate::ranking::Rules;

fn with_rules(call: &Recommend, rules: Value) -> Recommend {
    let mut call = call.clone();
    call.settings.rules = Some(serde_json::from_value::<Rules>(rules).unwrap());
    call
}

fn newest(limit: usize) -> Recommend {
    Recommend {
        settings: Placement {
            limit: Some(limit),
            ..by(Strategy::New)
        },
        ..Recommend::default()
    }
}

#[test]
fn what_rules_exclude_is_not_shown() {
    let data = tempfile::tempdir().unwrap();
    let engine = with_shop(data.path());
    let call = Recommend {
        recent: names(&["above2", "north0"]),
        basket: Some(names(&["above1", "gone"])),
        ..newest(100)
    };
    for (exclude, gone) in [
        (json!({}), &[][..]),
        (json!({"items": ["above3", "nothing"]}), &["above3"]),
        (json!({"seen": true}), &["above2", "north0"]),
        (json!({"bought": true}), &[]),
        (json!({"basket": true}), &["above1"]),
        (
            json!({"items": ["above3"], "seen": true, "basket": true}),
            &["above3", "above2", "north0", "above1"],
        ),
    ] {
        let answer = ask(&engine, &with_rules(&call, json!({"exclude": exclude})));
        assert_eq!(answer.hits.len(), ITEMS - gone.len(), "{exclude}");
        assert!(gone.iter().all(|id| !ids(&answer).contains(id)), "{exclude}");
    }
}

#[test]
fn pinned_items_stand_where_they_are_pinned() {
    let data = tempfile::tempdir().unwrap();
    let engine = with_shop(data.path());
    let rules = json!({"pin": [{"item": "east0", "position": 2}, {"item": "gone", "position": 1}]});
    let answer = ask(&engine, &with_rules(&newest(3), rules.clone()));
    assert_eq!(ids(&answer), ["above3", "east0", "above2"]);
    let pinned: Vec<bool> = answer.hits.iter().map(|hit| hit.pinned).collect();
    assert_eq!(pinned, [false, true, false]);
    let mut call = with_rules(&newest(3), rules);
    call.settings.filter = Some(json!({"color": "green"}));
    assert_eq!(
        ids(&ask(&engine, &call)),
        ["above3", "above2", "above1"],
        "what the filter does not let in is not pinned in"
    );
}

#[test]
fn rules_read_fields_of_items_as_they_are_now() {
    let data = tempfile::tempdir().unwrap();
    let engine = with_shop(data.path());
    let capped = with_rules(&newest(4), json!({"max_per": [{"field": "color", "count": 1}]}));
    let answer = ask(&engine, &capped);
    assert_eq!(ids(&answer), ["above3", "north3", "east3"], "one of each color");
    assert!(answer.hits.len() < 4);
    let boosted = with_rules(
        &newest(1),
        json!({"boost": [{"filter": {"color": "red"}, "factor": 100}]}),
    );
    assert_eq!(ids(&ask(&engine, &boosted)), ["east3"]);
    write_shop(
        &engine,
        vec![update("north0", json!({"color": "red", "created": "2026-01-30"}))],
    );
    assert_eq!(ids(&ask(&engine, &boosted)), ["north0"]);
    let buried = with_rules(
        &newest(3),
        json!({"bury": [{"filter": {"brand": "b1"}, "factor": 0}]}),
    );
    let answer = ask(&engine, &buried);
    assert_eq!(ids(&answer), ["north0", "above2", "above0"]);
}

#[test]
fn rules_that_leave_too_few_have_them_filled_up() {
    let data = tempfile::tempdir().unwrap();
    let engine = with_shop(data.path());
    let mut call = with_rules(
        &Recommend {
            like: Some(names(&["east0"])),
            ..newest(6)
        },
        json!({"max_per": [{"field": "color", "count": 2}]}),
    );
    call.settings.strategy = Some(Strategy::Similar);
    call.settings.filter = Some(json!({"price": {"lt": 8}}));
    call.settings.fallback = Some(vec![Strategy::New]);
    let answer = ask(&engine, &call);
    assert_eq!(
        answer.hits.len(),
        4,
        "two of each color that passes: {:?}",
        ids(&answer)
    );
}

#[test]
fn the_same_shopper_explores_the_same() {
    let data = tempfile::tempdir().unwrap();
    let engine = with_shop(data.path());
    let of = |user: usize| {
        let call = Recommend {
            user: Some(format!("u{user}")),
            ..newest(4)
        };
        let call = with_rules(&call, json!({"explore": {"share": 0.5}}));
        let answer = ask(&engine, &call);
        assert_eq!(answer.hits.iter().filter(|hit| hit.explored).count(), 2);
        ids(&answer).into_iter().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(of(1), of(1));
    let lists: std::collections::BTreeSet<Vec<String>> = (0..20).map(of).collect();
    assert!(lists.len() > 5, "others explore others: {lists:?}");
}

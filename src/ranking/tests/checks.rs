//! Rules that are refused, and how.

use super::rules;
use crate::ranking::Rules;
use crate::schema::Schema;
use serde_json::{Value, json};

fn schema() -> Schema {
    serde_json::from_value(json!({"id": "id", "embed": ["title"], "fields": {
        "title": {"type": "text"}, "brand": {"type": "keyword", "filter": true},
        "price": {"type": "number", "filter": true}, "added": {"type": "timestamp", "filter": true},
        "note": {"type": "keyword"},
    }}))
    .unwrap()
}

#[test]
fn good_rules_pass_and_read_back() {
    let all = json!({
        "exclude": {"items": ["a"], "seen": true, "bought": false, "basket": true},
        "boost": [{"filter": {"brand": "Acme"}, "factor": 100.0}, {"filter": {"price": {"lt": 5}}, "factor": 0.5}],
        "bury": [{"filter": {"not": {"brand": "Acme"}}, "factor": 0.0}],
        "pin": [{"item": "a", "position": 1}, {"item": "b", "position": 1000}],
        "max_per": [{"field": "brand", "count": 2}, {"field": "price", "count": 1}],
        "diversity": 0.5,
        "freshness": {"field": "added", "half_life_days": 30.0, "weight": 0.25},
        "explore": {"share": 0.125},
    });
    let read = rules(all.clone());
    read.check(&schema()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), all);
    let paths: Vec<String> = read.conditions().into_iter().map(|(path, _)| path).collect();
    assert_eq!(
        paths,
        [
            "rules.boost[0].filter",
            "rules.boost[1].filter",
            "rules.bury[0].filter"
        ]
    );
    assert_eq!(read.fields(), ["added", "brand", "price"]);
    assert_eq!(serde_json::to_value(rules(json!({}))).unwrap(), json!({}));
}

/// Each of these rules is refused for that field, with a detail that says so.
#[track_caller]
fn refused(wrong: &[(Value, &str, &str)]) {
    for (wrong, field, detail) in wrong {
        let error = rules(wrong.clone()).check(&schema()).unwrap_err();
        assert_eq!(error.field, *field, "{wrong}: {error}");
        assert!(error.detail.contains(detail), "{wrong}: {error}");
    }
}

#[test]
fn wrong_boosts_and_buries_name_the_field_and_what_would_do() {
    let boost = |filter: Value, factor: f64| json!({"boost": [{"filter": {}, "factor": 1}, {"filter": filter, "factor": factor}]});
    let bury = |filter: Value, factor: f64| json!({"bury": [{"filter": filter, "factor": factor}]});
    let (factor, many) = (
        "rules.boost[1].factor",
        vec![json!({"filter": {}, "factor": 1}); 33],
    );
    refused(&[
        (
            boost(json!({}), 0.0),
            factor,
            "is 0, must be above 0 and at most 100",
        ),
        (boost(json!({}), -1.0), factor, "is -1"),
        (boost(json!({}), 100.5), factor, "is 100.5"),
        (
            boost(json!({"brnd": 1}), 1.0),
            "rules.boost[1].filter.brnd",
            "filterable: added, brand, price",
        ),
        (
            bury(json!({}), 1.0),
            "rules.bury[0].factor",
            "is 1, must be from 0 to below 1",
        ),
        (bury(json!({}), -0.5), "rules.bury[0].factor", "is -0.5"),
        (
            bury(json!({"price": {"gt": "x"}}), 0.0),
            "rules.bury[0].filter.price.gt",
            "number",
        ),
        (bury(json!([]), 0.0), "rules.bury[0].filter", "object"),
        (json!({"boost": many}), "rules.boost", "33 entries, at most 32"),
    ]);
}

#[test]
fn wrong_pins_name_the_field_and_what_would_do() {
    let pin = |item: &str, position: usize| json!({"pin": [{"item": "a", "position": 2}, {"item": item, "position": position}]});
    let (item, position) = ("rules.pin[1].item", "rules.pin[1].position");
    let many = vec![json!({"item": "a", "position": 1}); 101];
    refused(&[
        (pin("b", 0), position, "is 0, must be from 1 to 1000"),
        (pin("b", 1001), position, "is 1001"),
        (pin("b", 2), position, "as rules.pin[0].position is"),
        (pin("a", 3), item, "\"a\", as rules.pin[0].item is"),
        (pin("", 3), item, "0 bytes"),
        (json!({"pin": many}), "rules.pin", "101 entries, at most 100"),
    ]);
    let pinned = rules(pin("b", 5));
    pinned.check_pins(5).unwrap();
    let error = pinned.check_pins(4).unwrap_err().to_string();
    assert!(
        error.contains("rules.pin[1].position: is 5, must be from 1 to 4"),
        "{error}"
    );
}

#[test]
fn wrong_caps_shares_and_dates_name_the_field_and_what_would_do() {
    let cap = |field: &str, count: usize| json!({"max_per": [{"field": "brand", "count": 1}, {"field": field, "count": count}]});
    let fresh = |field: &str, days: f64, weight: f64| json!({"freshness": {"field": field, "half_life_days": days, "weight": weight}});
    let (field, dated) = ("rules.max_per[1].field", "rules.freshness.field");
    refused(&[
        (cap("brand", 1), field, "as rules.max_per[0].field is"),
        (
            cap("brant", 1),
            field,
            "(filterable: added, brand, price); did you mean \"brand\"?",
        ),
        (cap("note", 1), field, "\"note\" is not a filterable field"),
        (
            cap("price", 0),
            "rules.max_per[1].count",
            "is 0, must be from 1 to 1000",
        ),
        (
            json!({"diversity": 1.1}),
            "rules.diversity",
            "is 1.1, must be from 0 to 1",
        ),
        (json!({"diversity": -0.1}), "rules.diversity", "is -0.1"),
        (
            json!({"explore": {"share": 2}}),
            "rules.explore.share",
            "is 2, must be from 0 to 1",
        ),
        (fresh("price", 1.0, 0.5), dated, "\"price\" is a number field"),
        (fresh("addid", 1.0, 0.5), dated, "did you mean \"added\"?"),
        (
            fresh("added", 0.0, 0.5),
            "rules.freshness.half_life_days",
            "is 0, must be above 0",
        ),
        (
            fresh("added", 1e9, 0.5),
            "rules.freshness.half_life_days",
            "at most 36500 days",
        ),
        (fresh("added", 1.0, 1.5), "rules.freshness.weight", "is 1.5"),
        (
            json!({"exclude": {"items": ["a", ""]}}),
            "rules.exclude.items[1]",
            "0 bytes",
        ),
        (
            json!({"exclude": {"items": vec!["a"; 1_001]}}),
            "rules.exclude.items",
            "1001 entries",
        ),
    ]);
    let nan = Rules {
        diversity: Some(f32::NAN),
        ..Rules::default()
    };
    assert_eq!(nan.check(&schema()).unwrap_err().field, "rules.diversity");
}

#[test]
fn unknown_keys_are_refused() {
    for wrong in [
        json!({"pins": []}),
        json!({"exclude": {"seeen": true}}),
        json!({"boost": [{"filter": {}, "factor": 1, "weight": 2}]}),
        json!({"boost": [{"factor": 1}]}),
        json!({"pin": [{"item": "a"}]}),
        json!({"max_per": {"field": "brand", "count": 1}}),
        json!({"explore": 0.5}),
        // Serde would take lists of values for objects.
        json!({"exclude": []}),
        json!({"explore": [0.5]}),
        json!({"freshness": ["added", 1, 0.5]}),
        json!({"boost": [[{}, 2]]}),
        json!({"bury": [[{}, 0]]}),
        json!({"pin": [["a", 1]]}),
        json!({"max_per": [["brand", 1]]}),
    ] {
        assert!(serde_json::from_value::<Rules>(wrong.clone()).is_err(), "{wrong}");
    }
    let twice = r#"{"boost": [{"filter": {"price": {"gt": 1}, "price": {"lt": 5}}, "factor": 2}]}"#;
    let error = serde_json::from_str::<Rules>(twice).unwrap_err();
    assert!(error.to_string().contains("duplicate field `price`"), "{error}");
}

#[test]
fn a_call_overrides_kind_by_kind() {
    let stored = rules(
        json!({"diversity": 0.5, "explore": {"share": 0.1}, "boost": [{"filter": {}, "factor": 2}],
        "exclude": {"bought": true}}),
    );
    let call = rules(json!({"diversity": 0.0, "boost": [], "exclude": {"seen": true}}));
    let both =
        rules(json!({"diversity": 0.0, "explore": {"share": 0.1}, "boost": [], "exclude": {"seen": true}}));
    assert_eq!(stored.under(&call), both);
    assert_eq!(stored.under(&Rules::default()), stored);
}

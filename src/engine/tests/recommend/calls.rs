//! Calls that are refused, with the field that is wrong.

use super::*;

fn refused(engine: &Engine, call: &Recommend) -> (String, String) {
    match try_ask(engine, call) {
        Err(EngineError::Invalid { field, detail }) => (field, detail),
        Err(EngineError::NoItem { field, id, .. }) => (field, id),
        other => panic!("{call:?}: {other:?}"),
    }
}

fn like(ids: &[&str]) -> Recommend {
    Recommend {
        like: Some(names(ids)),
        ..Recommend::default()
    }
}

#[track_caller]
fn check(cases: impl IntoIterator<Item = (Recommend, &'static str)>) {
    let data = tempfile::tempdir().unwrap();
    let engine = with_shop(data.path());
    for (call, wrong) in cases {
        let (field, detail) = refused(&engine, &call);
        assert_eq!(field, wrong, "{detail}");
        assert!(!detail.is_empty());
    }
}

#[test]
fn a_strategy_has_what_it_needs() {
    let strategy = |strategy| Recommend {
        settings: by(strategy),
        ..Recommend::default()
    };
    check([
        (Recommend::default(), "like"),
        (like(&[]), "like"),
        (like(&["gone"]), "like[0]"),
        (like(&["east0", "gone"]), "like[1]"),
        (
            Recommend {
                unlike: names(&["gone"]),
                ..like(&["east0"])
            },
            "unlike[0]",
        ),
        (
            Recommend {
                unlike: names(&["east0"]),
                ..Recommend::default()
            },
            "like",
        ),
        (strategy(Strategy::Similar), "like"),
        (strategy(Strategy::BoughtTogether), "basket"),
        (strategy(Strategy::ViewedTogether), "basket"),
    ]);
}

#[test]
fn settings_that_are_wrong_are_named() {
    let settings = |settings: Value| Recommend {
        settings: serde_json::from_value(settings).unwrap(),
        ..like(&["east0"])
    };
    check([
        (
            settings(json!({"strategy": "new", "blend": [{"strategy": "new", "weight": 1}]})),
            "blend",
        ),
        (settings(json!({"blend": []})), "blend"),
        (
            settings(json!({"blend": [{"strategy": "new", "weight": -1}]})),
            "blend[0].weight",
        ),
        (settings(json!({"limit": 0})), "limit"),
        (settings(json!({"limit": 1001})), "limit"),
        (settings(json!({"fields": ["colour"]})), "fields[0]"),
        (settings(json!({"filter": {"colour": 1}})), "filter.colour"),
        (settings(json!({"segment": ""})), "segment"),
        (
            settings(json!({"rules": {"boost": [{"filter": {"colour": 1}, "factor": 2}]}})),
            "rules.boost[0].filter.colour",
        ),
    ]);
}

#[test]
fn what_a_call_says_of_itself_is_checked() {
    check([
        (
            Recommend {
                user: Some(String::new()),
                ..Recommend::default()
            },
            "user",
        ),
        (
            Recommend {
                session: Some("x".repeat(513)),
                ..Recommend::default()
            },
            "session",
        ),
        (
            Recommend {
                recent: vec!["east0".to_owned(); 1_001],
                ..Recommend::default()
            },
            "recent",
        ),
        (
            Recommend {
                basket: Some(vec!["east0".to_owned(); 1_001]),
                ..Recommend::default()
            },
            "basket",
        ),
        (
            Recommend {
                min_score: Some(f32::NAN),
                ..like(&["east0"])
            },
            "min_score",
        ),
        (
            Recommend {
                effort: alike_indexes::Effort::Recall(2.0),
                ..like(&["east0"])
            },
            "recall",
        ),
    ]);
}

#[test]
fn unknown_shoppers_and_named_items_are_no_error() {
    let data = tempfile::tempdir().unwrap();
    let engine = with_shop(data.path());
    let call = Recommend {
        settings: by(Strategy::BoughtTogether),
        user: Some("nobody".to_owned()),
        session: Some("nothing".to_owned()),
        recent: names(&["gone"]),
        basket: Some(names(&["gone", "lost"])),
        ..Recommend::default()
    };
    let answer = ask(&engine, &call);
    assert_eq!((answer.hits.len(), answer.unknown), (4, 3));
}

#[test]
fn a_least_score_is_not_filled_up() {
    let data = tempfile::tempdir().unwrap();
    let engine = with_shop(data.path());
    let call = Recommend {
        like: Some(names(&["east0"])),
        min_score: Some(0.9),
        ..Recommend::default()
    };
    let answer = ask(&engine, &call);
    assert_eq!(sorted(&answer), ["east1", "east2", "east3"]);
    assert!(!answer.partial, "nothing else scores as much");
}

//! Strategies that go by what shoppers did.

use super::*;
use crate::signals::Event;

/// Records events given as type, item, and the rest of their JSON.
fn record(engine: &Engine, events: &[(&str, &str, Value)]) {
    let view = engine.view(SHOP).unwrap();
    let events = events.iter().map(|(kind, item, rest)| {
        let mut event = fields(json!({"collection": SHOP, "type": kind, "item": item}));
        event.extend(fields(rest.clone()));
        serde_json::from_value::<Event>(Value::Object(event)).unwrap()
    });
    let events: Vec<Event> = events.collect();
    let recorded = view.signals().record(&events).unwrap();
    assert_eq!(recorded.accepted, events.len());
}

/// Six shoppers buy east0 with north0 and look at above0 and above1; three of another segment buy east3.
fn busy(engine: &Engine) {
    let mut events = Vec::new();
    for at in 0..6 {
        let basket = json!({"user": format!("u{at}"), "basket": format!("b{at}")});
        let session = json!({"user": format!("u{at}"), "session": format!("s{at}")});
        for item in ["east0", "north0"] {
            events.push(("purchase", item, basket.clone()));
        }
        for item in ["above0", "above1"] {
            events.push(("view", item, session.clone()));
        }
    }
    for at in 0..3 {
        events.push((
            "purchase",
            "east3",
            json!({"user": format!("v{at}"), "segment": "few"}),
        ));
    }
    record(engine, &events);
}

fn asked(strategy: Strategy, limit: usize) -> Recommend {
    Recommend {
        settings: Placement {
            limit: Some(limit),
            fallback: Some(Vec::new()),
            ..by(strategy)
        },
        ..Recommend::default()
    }
}

#[test]
fn charts_are_of_those_who_are_meant_and_of_what_may_be_shown() {
    let data = tempfile::tempdir().unwrap();
    let engine = with_shop(data.path());
    busy(&engine);
    for strategy in [Strategy::Trending, Strategy::Popular] {
        assert_eq!(sorted(&ask(&engine, &asked(strategy, 2))), ["east0", "north0"]);
        let mut call = asked(strategy, 5);
        call.settings.segment = Some("few".to_owned());
        assert_eq!(ids(&ask(&engine, &call)), ["east3"]);
        let mut call = asked(strategy, 5);
        call.settings.filter = Some(json!({"color": "green"}));
        let answer = ask(&engine, &call);
        assert_eq!(sorted(&answer), ["above0", "above1"]);
        assert!(answer.hits.iter().all(|hit| hit.strategy == Some(strategy)));
    }
    write_shop(&engine, vec![delete("east0")]);
    let answer = ask(&engine, &asked(Strategy::Trending, 5));
    assert!(!ids(&answer).contains(&"east0"));
}

#[test]
fn what_goes_together_is_found() {
    let data = tempfile::tempdir().unwrap();
    let engine = with_shop(data.path());
    busy(&engine);
    let bought = Recommend {
        basket: Some(names(&["east0", "gone"])),
        ..asked(Strategy::BoughtTogether, 3)
    };
    assert_eq!(ids(&ask(&engine, &bought))[0], "north0");
    let viewed = Recommend {
        like: Some(names(&["above0"])),
        ..asked(Strategy::ViewedTogether, 3)
    };
    assert_eq!(ids(&ask(&engine, &viewed))[0], "above1");
}

#[test]
fn a_shopper_is_known_by_name_and_by_visit() {
    let data = tempfile::tempdir().unwrap();
    let engine = with_shop(data.path());
    busy(&engine);
    let user = Recommend {
        user: Some("u1".to_owned()),
        ..asked(Strategy::ForYou, 12)
    };
    let found = ask(&engine, &user);
    assert!(!found.hits.is_empty());
    let mut only_new = user.clone();
    only_new.settings.rules = serde_json::from_value(json!({"exclude": {"seen": true}})).unwrap();
    let answer = ask(&engine, &only_new);
    for seen in ["east0", "north0", "above0", "above1"] {
        assert!(!ids(&answer).contains(&seen), "{:?}", ids(&answer));
    }
    let mut not_bought = user;
    not_bought.settings.strategy = Some(Strategy::New);
    not_bought.settings.rules = serde_json::from_value(json!({"exclude": {"bought": true}})).unwrap();
    let answer = ask(&engine, &not_bought);
    assert_eq!(answer.hits.len(), ITEMS - 2);
    let visit = Recommend {
        session: Some("s1".to_owned()),
        ..asked(Strategy::ForYou, 2)
    };
    assert_eq!(sorted(&ask(&engine, &visit)), ["above2", "above3"]);
}

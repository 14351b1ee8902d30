use super::*;
use flate2::read::GzDecoder;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

fn click() -> Value {
    json!({
        "kind": "event", "application": "shop", "action_name": "click", "query_id": "q", "session_id": "s",
        "client_id": "c", "user_id": 17, "timestamp": "2024-12-10T00:50:30.466Z", "message": null,
        "event_attributes": {"object": {"object_id": "B1", "object_id_field": "asin"}, "position": {"ordinal": 2}},
    })
}

fn meaning(document: &Value) -> Result<Meaning, UbiError> {
    let document = Document::parse(&document.to_string()).unwrap();
    let mut types = Types::default();
    types.set("wishlist", Some(2.0), None).unwrap();
    document.meaning("products", &types)
}

fn event(document: &Value) -> Event {
    match meaning(document).unwrap() {
        Meaning::Event(event) => *event,
        Meaning::Ignored(reason) => panic!("{reason}"),
    }
}

#[test]
fn an_action_on_an_object_is_an_event() {
    let found = event(&click());
    let expected = Event {
        user: Some("17".into()),
        session: Some("s".into()),
        time: "2024-12-10T00:50:30.466Z".parse().unwrap(),
        ..Event::new("products", EventType::Click, "B1")
    };
    assert_eq!(found, expected);
    for (action, kind) in [
        ("impression", "impression"),
        ("view", "view"),
        ("item_click", "click"),
        ("add_to_cart", "cart"),
        ("purchase", "purchase"),
        ("wishlist", "wishlist"),
    ] {
        let mut document = click();
        document["action_name"] = json!(action);
        assert_eq!(event(&document).kind.name(), kind);
    }
}

#[test]
fn what_is_missing_is_made_up_for() {
    let mut document = click();
    let fields = document.as_object_mut().unwrap();
    fields.remove("session_id");
    fields.remove("user_id");
    fields["timestamp"] = json!(1_733_791_830_466_i64);
    fields["event_attributes"]["object"]["transaction_id"] = json!("t1");
    fields["event_attributes"]["recommendation_id"] = json!("r1");
    let found = event(&document);
    assert_eq!((found.session.as_deref(), found.user), (Some("c"), None));
    assert_eq!(
        (found.basket.as_deref(), found.recommendation_id.as_deref()),
        (Some("t1"), Some("r1"))
    );
    assert_eq!(found.time.to_string(), "2024-12-10T00:50:30.466Z");
}

#[test]
fn what_does_not_count_is_ignored_with_the_reason() {
    let with = |field: &str, value: Value| {
        let mut document = click();
        document[field] = value;
        document
    };
    for (document, reason) in [
        (
            json!({"query_id": "q", "user_query": "tea", "query_response_hit_ids": ["B1"]}),
            "a query",
        ),
        (with("action_name", json!("search")), "action_name `search`"),
        (with("action_name", json!("rating")), "action_name `rating`"),
        (
            with("event_attributes", json!(null)),
            "no event_attributes.object.object_id",
        ),
        (
            with("event_attributes", json!({"object": {"object_id": null}})),
            "no event_attributes.object.object_id",
        ),
    ] {
        assert_eq!(
            meaning(&document),
            Ok(Meaning::Ignored(reason.to_owned())),
            "{document}"
        );
    }
    for (document, field) in [
        (with("timestamp", json!("yesterday")), "timestamp"),
        (with("user_id", json!(["a"])), "user_id"),
        (with("action_name", json!(true)), "action_name"),
    ] {
        assert_eq!(meaning(&document).unwrap_err().field, field);
    }
}

#[test]
fn events_of_our_own_are_none_of_these() {
    for text in [
        r#"{"collection":"c","type":"view","item":"action_name"}"#,
        r#"{"collection":"c","type":"view","item":"i","query_id":"q"}"#,
        r#"["action_name"]"#,
        r#"{"action_name""#,
    ] {
        assert_eq!(Document::parse(text), None, "{text}");
    }
}

#[test]
fn a_real_sample_is_understood() {
    let name = "../shared/data/esci/ubi_events.jsonl.gz";
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let places = [root.join(name), root.join("..").join(name)];
    let Some(file) = places.iter().find_map(|path| File::open(path).ok()) else {
        println!("skipped: {name} is not there");
        return;
    };
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for line in BufReader::new(GzDecoder::new(file)).lines() {
        let document = Document::parse(&line.unwrap()).unwrap();
        let what = match document.meaning("products", &Types::default()).unwrap() {
            Meaning::Event(event) => {
                event.validate(jiff::Timestamp::now(), &Types::default()).unwrap();
                event.kind.name().to_owned()
            }
            Meaning::Ignored(reason) => reason,
        };
        *counts.entry(what).or_default() += 1;
    }
    let count = |what: &str| counts.get(what).copied().unwrap_or(0);
    assert_eq!(counts.values().sum::<usize>(), 3921);
    assert_eq!(
        (count("a query"), count("action_name `search`")),
        (473, 506),
        "{counts:?}"
    );
    assert_eq!(count("impression"), 1999);
    assert!(
        count("click") > 250 && count("cart") > 0 && count("purchase") > 0,
        "{counts:?}"
    );
}

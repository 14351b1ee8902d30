//! What a view with live items says to single calls.

use super::{put, search, update, view_of};
use crate::engine::filter::Filter;
use crate::engine::filter::tests::{Case, published, schema};
use crate::engine::trending::{TrendingCache, compute};
use crate::engine::{Answer, EngineError, Query, Scroll, Search, TrendingQuery, View};
use crate::live::{Live, Step};
use crate::log::Position;
use crate::signals::{Event, EventType, Signals};
use crate::telemetry::Metrics;
use alike_indexes::Kind;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

/// Five items of a snapshot, `i0` to `i4`; then `i0` is gone, `i1` updated, `i2` replaced, and `new` there.
fn changed() -> (tempfile::TempDir, Live) {
    let fields = |k: &str| json!({"k": k}).as_object().unwrap().clone();
    let rows: Vec<Case> = (0..5_i8).map(|n| (fields("old"), [n, 0, 1])).collect();
    let (folder, snapshot) = published(&rows, Kind::Graph);
    let mut live = Live::new(snapshot);
    let steps = [
        Step::Delete { id: "i0".into() },
        update("i1", &fields("updated")),
        put("i2", &fields("replaced"), [-9, 0, 1]),
        put(
            "new",
            &json!({"k": "new", "color": "red"}).as_object().unwrap().clone(),
            [9, 0, 1],
        ),
    ];
    live.apply((1..).map(Position).zip(steps));
    (folder, live)
}

fn ids(answer: &Answer) -> Vec<&str> {
    answer.hits.iter().map(|hit| hit.id.as_str()).collect()
}

#[test]
fn hits_come_from_everywhere_and_the_plan_says_so() {
    let (_folder, live) = changed();
    let asked = Search {
        query: Query::Vector(vec![1.0, 0.0, 0.0]),
        limit: 10,
        ..Search::default()
    };
    let answer = search(&view_of(&live), &asked).unwrap();
    assert_eq!(ids(&answer), ["new", "i4", "i3", "i1", "i2"]);
    let fields: Vec<&str> = answer.hits.iter().map(|hit| hit.fields.get()).collect();
    assert!(
        fields[0].contains("red") && fields[3].contains("updated") && fields[4].contains("replaced"),
        "{fields:?}"
    );
    assert_eq!(
        (answer.plan.live_rows, answer.plan.distances, answer.plan.kind),
        (2, 5, "exact")
    );
    assert!(answer.exact && answer.plan.live_ms <= answer.plan.search_ms);
    assert_eq!(answer.position, Position(4));

    let least = Search {
        min_score: Some(3.0),
        ..asked.clone()
    };
    assert_eq!(
        ids(&search(&view_of(&live), &least).unwrap()),
        ["new", "i4", "i3"]
    );
    let colored = Search {
        fields: Some(vec!["color".to_owned()]),
        ..asked.clone()
    };
    let hits = search(&view_of(&live), &colored).unwrap().hits;
    assert_eq!(hits[0].fields.get(), r#"{"color":"red"}"#);
    let unknown = Search {
        fields: Some(vec!["colour".to_owned()]),
        ..asked
    };
    let error = search(&view_of(&live), &unknown).unwrap_err().to_string();
    assert!(
        error.contains("fields[0]") && error.contains("color, id, k"),
        "{error}"
    );
}

#[test]
fn examples_may_be_live_and_are_left_out() {
    let (_folder, live) = changed();
    let examples = |like: &[&str], unlike: &[&str]| {
        let owned = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
        let query = Query::Examples {
            like: owned(like),
            unlike: owned(unlike),
        };
        search(
            &view_of(&live),
            &Search {
                query,
                limit: 2,
                ..Search::default()
            },
        )
    };
    assert_eq!(ids(&examples(&["new"], &[]).unwrap()), ["i4", "i3"]);
    assert_eq!(ids(&examples(&["i1", "new"], &["i2"]).unwrap()), ["i4", "i3"]);
    assert_eq!(ids(&examples(&["i2"], &[]).unwrap()), ["i1", "i3"]);
    let error = examples(&["new"], &["i0"]).unwrap_err();
    assert!(
        matches!(&error, EngineError::NoItem { field, id, .. } if field == "unlike[0]" && id == "i0"),
        "{error}"
    );
}

#[test]
fn an_empty_collection_answers_and_takes_items() {
    for kind in [Kind::Flat, Kind::Hnsw, Kind::Graph] {
        let (_folder, snapshot) = published(&[], kind);
        let mut live = Live::new(snapshot);
        let asked = Search {
            query: Query::Vector(vec![1.0, 0.0, 0.0]),
            limit: 10,
            ..Search::default()
        };
        let answer = search(&view_of(&live), &asked).unwrap();
        assert!(answer.hits.is_empty() && answer.exact);
        let wrong = Search {
            query: Query::Vector(vec![1.0]),
            ..asked.clone()
        };
        assert!(
            search(&view_of(&live), &wrong).is_err(),
            "the dimension is known before there is a vector"
        );
        let fields = json!({"k": "a"}).as_object().unwrap().clone();
        live.apply([(Position(1), put("first", &fields, [1, 2, 3]))]);
        assert_eq!(ids(&search(&view_of(&live), &asked).unwrap()), ["first"]);
    }
}

#[test]
fn vectors_are_checked_against_the_collection() {
    let (_folder, live) = changed();
    let asked = |vector: Vec<f32>| Search {
        query: Query::Vector(vector),
        limit: 1,
        ..Search::default()
    };
    let error = search(&view_of(&live), &asked(vec![1.0]))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("has 1 numbers, this collection's vectors have 3"),
        "{error}"
    );
    assert!(search(&view_of(&live), &asked(vec![1.0, f32::NAN, 0.0])).is_err());
}

#[test]
fn items_and_pages_say_what_is_wrong() {
    let (_folder, live) = changed();
    let view = view_of(&live);
    assert!(matches!(view.item("i0"), Err(EngineError::NoItem { .. })));
    let replaced = view.item("i2").unwrap();
    assert_eq!(
        (replaced.vector, replaced.version, replaced.row()),
        (&[-9.0, 0.0, 1.0][..], Position(3), None)
    );
    let scroll = |limit: usize, fields: &[&str], filter: Option<Value>| {
        let fields = Some(fields.iter().map(|name| (*name).to_owned()).collect());
        view.scroll(&Scroll {
            filter,
            limit,
            fields,
            after: None,
        })
    };
    assert!(scroll(0, &[], None).is_err() && scroll(1_001, &[], None).is_err());
    assert!(scroll(1, &["none"], None).is_err() && scroll(1, &[], Some(json!({"x": 1}))).is_err());
    let page = scroll(5, &["k"], None).unwrap();
    assert_eq!(page.items[0].fields.get(), r#"{"k":"updated"}"#);
    assert!(page.next.is_none(), "the end is known without another page");
    assert!(view.count(Some(&json!({"x": 1}))).is_err());
}

#[test]
fn trending_knows_live_items_and_their_categories() {
    let category = |name: &str| json!({"k": name}).as_object().unwrap().clone();
    let (_folder, mut live) = changed();
    live.apply([(Position(10), update("i3", &category("new")))]);
    let signals = Arc::new(Signals::in_memory());
    let event = |(item, user): (&str, &str)| Event {
        user: Some(user.to_owned()),
        ..Event::new("c", EventType::Click, item)
    };
    let clicks = [
        ("new", "a"),
        ("new", "b"),
        ("new", "c"),
        ("i3", "a"),
        ("i3", "b"),
        ("i0", "a"),
        ("i4", "a"),
    ];
    let events: Vec<Event> = clicks.into_iter().map(event).collect();
    signals.record(&events).unwrap();
    let view = Arc::new(View::new("c".into(), live.clone(), None, Arc::clone(&signals)));
    let lists = TrendingCache::new(Duration::from_secs(600));
    let query = TrendingQuery {
        fields: Some(vec![]),
        ..TrendingQuery::default()
    };
    let ids = |view: &Arc<View>| -> Vec<String> {
        let charted = lists.get(view, &query, &Metrics::new().unwrap()).unwrap();
        charted.hits.into_iter().map(|hit| hit.id).collect()
    };
    assert_eq!(ids(&view), ["new", "i3", "i4"], "i0 is gone");
    let of_category = Filter::parse(&json!({"k": "new"}), &schema(), "filter").unwrap();
    let listed = compute(&view, &query, Some(&of_category));
    assert_eq!(
        listed.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(),
        ["new", "i3"]
    );
    live.apply([(Position(11), Step::Delete { id: "i3".into() })]);
    let later = Arc::new(View::new("c".into(), live, None, signals));
    assert_eq!(
        ids(&later),
        ["new", "i4"],
        "an item that went while the list was kept"
    );
}

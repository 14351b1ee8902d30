//! Signals as a whole: the disk and the memory together.

mod bounds;
mod disk;
mod import;
mod order;
mod restart;

use super::*;
use crate::learn::Interactions;
use jiff::ToSpan;
use std::path::PathBuf;
use tempfile::TempDir;

fn ago(minutes: i64) -> Timestamp {
    Timestamp::from_millisecond((Timestamp::now() - minutes.minutes()).as_millisecond()).unwrap()
}

fn event(item: &str, user: &str, minutes_ago: i64) -> Event {
    Event {
        user: Some(user.into()),
        time: ago(minutes_ago),
        ..Event::new("products", EventType::View, item)
    }
}

fn events(count: usize) -> Vec<Event> {
    (0..count)
        .map(|n| event(&format!("i{}", n % 7), &format!("u{n}"), n as i64 % 90))
        .collect()
}

fn bought(items: &[&str], user: &str, basket: &str) -> Vec<Event> {
    items
        .iter()
        .map(|item| Event {
            kind: EventType::Purchase,
            basket: Some(basket.to_owned()),
            ..event(item, user, 5)
        })
        .collect()
}

fn open(dir: &Path) -> Signals {
    Signals::open(dir, &[], &Settings::default(), &|_| true)
}

fn open_with(dir: &Path, checkpoint: &Path) -> Signals {
    Signals::open(dir, &[checkpoint.to_owned()], &Settings::default(), &|_| true)
}

/// Everything that signals answer about a small world.
#[derive(Debug, Clone, PartialEq)]
struct Everything {
    charts: Vec<Vec<(String, f64)>>,
    profiles: Vec<Vec<Seen>>,
    together: Vec<Vec<(String, f64)>>,
    interactions: Interactions,
}

const NAMES: [&str; 10] = ["i0", "i1", "i2", "i3", "i4", "i5", "i6", "i7", "i8", "i9"];

fn everything(signals: &Signals, now: Timestamp) -> Everything {
    let all = |_: &str| true;
    let segments = [None, Some("uk"), Some("it")];
    let kinds = Window::ALL
        .into_iter()
        .flat_map(|window| [Chart::Trending(window), Chart::Rising(window), Chart::Popular]);
    let charts =
        kinds.flat_map(|chart| segments.map(|segment| signals.chart(chart, segment, now, &all, usize::MAX)));
    let numbers = (0..10).map(|n| n.to_string());
    let profiles = numbers.flat_map(|n| [signals.user(&format!("u{n}")), signals.session(&format!("s{n}"))]);
    let beside = NAMES.into_iter().flat_map(|item| {
        [Within::Basket, Within::Session]
            .map(|within| signals.together(&[item, "i0"], within, &all, usize::MAX))
    });
    let number = |id: &str| NAMES.iter().position(|name| *name == id).map(|at| at as u32);
    Everything {
        charts: charts.collect(),
        profiles: profiles.collect(),
        together: beside.collect(),
        interactions: signals.interactions(10, &number),
    }
}

#[test]
fn what_a_user_touched_is_one_entry_per_item() {
    let signals = Signals::in_memory();
    let mut events = vec![
        event("i1", "u1", 50),
        event("i2", "u1", 40),
        event("i1", "u1", 30),
    ];
    events[2].kind = EventType::Purchase;
    events.push(Event {
        session: Some("s1".into()),
        ..event("i3", "u2", 20)
    });
    events.push(Event {
        kind: EventType::Impression,
        ..event("i4", "u1", 1)
    });
    events.push(Event {
        kind: EventType::Rating,
        value: Some(4.4),
        ..event("i5", "u1", 60)
    });
    signals.record(&events).unwrap();
    let short = |seen: Vec<Seen>| -> Vec<(String, f32, bool)> {
        seen.into_iter()
            .map(|seen| (seen.item.to_string(), seen.weight, seen.bought))
            .collect()
    };
    let expected = [("i1", 6.0, true), ("i2", 1.0, false), ("i5", 4.5, false)];
    let expected = expected.map(|(item, weight, bought)| (item.to_owned(), weight, bought));
    assert_eq!(short(signals.user("u1")), expected);
    assert_eq!(short(signals.session("s1")), [("i3".to_owned(), 1.0, false)]);
    assert_eq!(
        (signals.user("nobody").len(), signals.session("u1").len()),
        (0, 0)
    );
    assert_eq!(signals.user("u1")[0].time.as_second(), events[2].time.as_second());
}

#[test]
fn baskets_and_visits_say_what_goes_together() {
    let signals = Signals::in_memory();
    for n in 0..5 {
        let (user, basket) = (format!("u{n}"), format!("b{n}"));
        signals
            .record(&bought(&["bread", "butter", "bag"], &user, &basket))
            .unwrap();
        signals
            .record(&bought(&["bag", "lamp"], &format!("v{n}"), &format!("c{n}")))
            .unwrap();
    }
    // Without a basket it is what somebody buys in one day; what is only looked at is no basket.
    let mut loose = bought(&["tea", "cup"], "w", "");
    loose.iter_mut().for_each(|event| event.basket = None);
    loose.push(event("spoon", "w", 5));
    signals.record(&loose).unwrap();
    let ids = |items: &[&str], within| -> Vec<String> {
        let found = signals.together(items, within, &|id| id != "lamp", 10);
        assert!(found.iter().all(|(_, score)| (0.0..=1.0).contains(score)));
        found.into_iter().map(|(id, _)| id).collect()
    };
    assert_eq!(ids(&["bread"], Within::Basket), ["butter", "bag"]);
    assert_eq!(ids(&["bread", "butter"], Within::Basket), ["bag"]);
    assert_eq!(ids(&["tea"], Within::Basket), ["cup"]);
    assert_eq!(ids(&["tea"], Within::Session), ["cup", "spoon"]);
    assert_eq!(ids(&["nothing"], Within::Basket), [""; 0]);
}

#[test]
fn a_model_learns_from_items_that_have_a_number() {
    let signals = Signals::in_memory();
    signals.record(&bought(&["i1", "i2", "gone"], "u", "b")).unwrap();
    let mut looked = [event("i2", "v", 90), event("i1", "v", 80), event("gone", "w", 1)];
    looked
        .iter_mut()
        .take(2)
        .for_each(|event| event.session = Some("s".into()));
    signals.record(&looked).unwrap();
    let number = |id: &str| match id {
        "i1" => Some(0),
        "i2" => Some(1),
        "gone" => Some(7),
        _ => None,
    };
    let found = signals.interactions(2, &number);
    let mut histories: Vec<Vec<(u32, bool)>> = found
        .users
        .iter()
        .map(|history| {
            history
                .touches
                .iter()
                .map(|touch| (touch.item, touch.bought))
                .collect()
        })
        .collect();
    histories.sort();
    assert_eq!(
        histories,
        [vec![(0, true), (1, true)], vec![(1, false), (0, false)]]
    );
    assert_eq!(
        found
            .baskets
            .iter()
            .map(|basket| basket.items.clone())
            .collect::<Vec<_>>(),
        [vec![0, 1]]
    );
    assert_eq!(found.sessions.len(), 2);
    let newest = ago(1).as_second();
    assert!(
        (newest - found.now).abs() <= 1,
        "{} is the newest event's",
        found.now
    );
}

#[test]
fn an_event_that_comes_again_counts_once() {
    let signals = Signals::in_memory();
    let one = event("i1", "u1", 5);
    let taken = signals.record(&[one.clone(), one.clone()]).unwrap();
    assert_eq!((taken.accepted, taken.duplicates), (2, 1));
    let other = |change: fn(&mut Event)| {
        let mut event = one.clone();
        change(&mut event);
        event
    };
    let different = [
        other(|event| event.kind = EventType::Click),
        other(|event| event.user = Some("u2".into())),
        other(|event| (event.user, event.session) = (None, Some("u1".into()))),
        other(|event| event.time += 1.millisecond()),
        other(|event| event.basket = Some("b".into())),
        other(|event| event.id = Some("e1".into())),
    ];
    assert_eq!(signals.record(&different).unwrap().duplicates, 0);
    let of_id = |item: &str, id: &str| Event {
        id: Some(id.into()),
        ..event(item, "x", 3)
    };
    let taken = signals
        .record(&[of_id("i2", "e1"), of_id("i2", "e2"), of_id("i3", "e2")])
        .unwrap();
    assert_eq!(taken.duplicates, 2, "an id is an id");
    let nobody = other(|event| event.user = None);
    assert_eq!(signals.record(&[nobody.clone(), nobody]).unwrap().duplicates, 0);
}

#[test]
fn events_of_unknown_items_wait_for_them() {
    let signals = Signals::in_memory();
    let known = |id: &str| id != "new";
    let new = event("new", "u1", 5);
    let batch = [new.clone(), event("i1", "u1", 4), new];
    let taken = signals.record_known(&batch, &known).unwrap();
    assert_eq!((taken.accepted, taken.unknown, taken.duplicates), (3, 1, 1));
    assert_eq!((signals.user("u1").len(), signals.held().waiting), (1, 1));
    let before = signals.generation();
    assert_eq!((signals.settle(&known), signals.generation()), (0, before));
    assert_eq!(signals.settle(&|_| true), 1);
    assert!(signals.generation() > before);
    assert_eq!((signals.user("u1").len(), signals.held().waiting), (2, 0));
    assert_eq!(signals.record(&batch).unwrap().duplicates, 3);
}

#[test]
fn the_generation_grows_with_what_is_recorded_only() {
    let dir = TempDir::new().unwrap();
    let signals = open(dir.path());
    let start = signals.generation();
    signals.record(&[]).unwrap();
    signals.record(&[event("", "u", 0)]).unwrap_err();
    assert_eq!(signals.generation(), start);
    signals.record(&events(3)).unwrap();
    assert!(signals.generation() > start);
}

#[test]
fn one_bad_event_refuses_its_whole_batch_by_position_and_field() {
    let dir = TempDir::new().unwrap();
    let signals = open(dir.path());
    let mut batch = events(4);
    batch[2].time = Timestamp::now() + 1.hour();
    let error = signals.record(&batch).unwrap_err();
    assert!(
        error.to_string().contains("event 2 of the batch: `time` is"),
        "{error}"
    );
    batch[2] = Event::new("products", EventType::named("admire"), "i");
    let error = signals.record(&batch).unwrap_err().to_string();
    assert!(
        error.contains("`type` is \"admire\"") && error.contains("purchase, rating, view"),
        "{error}"
    );
    assert!(
        signals
            .trending(Timestamp::now(), Window::Month, &|_| true, 10)
            .is_empty()
    );
    assert_eq!(signals.position(), Position::START);
}

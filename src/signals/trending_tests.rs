use super::*;
use crate::signals::EventType;
use jiff::{SignedDuration, ToSpan};
use proptest::prelude::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn noon() -> Timestamp {
    at("2026-11-20T12:00:00Z")
}

fn event(item: &str, kind: EventType, user: Option<&str>, time: Timestamp) -> Event {
    Event {
        collection: "c".into(),
        kind,
        item: item.into(),
        user: user.map(Into::into),
        session: None,
        time,
    }
}

fn view(item: &str, time: &str) -> Event {
    event(item, EventType::View, None, at(time))
}

fn counted<'a>(events: impl IntoIterator<Item = &'a Event>) -> Trending {
    let mut trending = Trending::default();
    events.into_iter().for_each(|event| trending.add(event));
    trending
}

fn everything(trending: &Trending, window: Window) -> Vec<(String, f64)> {
    trending.top(noon(), window, &|_| true, usize::MAX)
}

fn ids(found: &[(String, f64)]) -> Vec<&str> {
    found.iter().map(|(id, _)| id.as_str()).collect()
}

#[test]
fn scores_are_those_of_the_formula() {
    let trending = counted(&[
        view("half-hour-ago", "2026-11-20T11:40:00Z"),
        view("six-hours-ago", "2026-11-20T06:10:00Z"),
        event("bought", EventType::Purchase, None, at("2026-11-20T11:00:00Z")),
        view("older", "2026-11-19T11:59:59Z"),
    ]);
    let found = everything(&trending, Window::Day);
    // Ages from the middle of the clock hour: 0.5 h and 5.5 h; half-life 12 h.
    let recent = (-0.5_f64 / 12.0).exp2();
    let expected = [
        ("bought", 5.0 * recent),
        ("half-hour-ago", recent),
        ("six-hours-ago", (-5.5_f64 / 12.0).exp2()),
    ];
    assert_eq!(ids(&found), expected.map(|(id, _)| id));
    for ((_, score), (id, wanted)) in found.iter().zip(expected) {
        assert!((score - wanted).abs() < 1e-12, "{id}: {score} is not {wanted}");
    }
}

#[test]
fn the_oldest_hour_counts_for_its_part_inside_the_window() {
    let trending = counted(&[view("i", "2026-11-20T10:59:00Z")]);
    let found = trending.top(at("2026-11-20T11:45:00Z"), Window::Hour, &|_| true, 1);
    // The window starts at 10:45: a quarter of the hour, from its middle (10:52:30) 52.5 minutes ago; half-life 30.
    assert!(
        (found[0].1 - 0.25 * (-52.5_f64 / 30.0).exp2()).abs() < 1e-12,
        "{found:?}"
    );
    assert!(trending.top(noon(), Window::Hour, &|_| true, 1).is_empty());
}

#[test]
fn equal_scores_are_ordered_by_id() {
    let trending = counted(&["b", "c", "a"].map(|item| view(item, "2026-11-20T11:30:00Z")));
    assert_eq!(ids(&trending.top(noon(), Window::Hour, &|_| true, 2)), ["a", "b"]);
}

#[test]
fn the_filter_picks_and_the_limit_counts_what_it_admits() {
    let events: Vec<_> = (0..50)
        .flat_map(|n| vec![view(&format!("i{n:02}"), "2026-11-20T11:30:00Z"); n + 1])
        .collect();
    let trending = counted(&events);
    let even = |id: &str| id.ends_with(['0', '2', '4', '6', '8']);
    assert_eq!(
        ids(&trending.top(noon(), Window::Day, &even, 3)),
        ["i48", "i46", "i44"]
    );
    assert!(trending.top(noon(), Window::Day, &|_| true, 0).is_empty());
    assert!(trending.top(noon(), Window::Day, &|_| false, 3).is_empty());
}

#[test]
fn one_shopper_within_an_hour_counts_once_per_type() {
    let time = at("2026-11-20T11:30:00Z");
    let mut flood = vec![event("pushed", EventType::View, Some("fan"), time); 10_000];
    flood.push(event("pushed", EventType::Click, Some("fan"), time));
    flood.extend(["a", "b", "c"].map(|user| event("liked", EventType::View, Some(user), time)));
    let found = everything(&counted(&flood), Window::Hour);
    assert_eq!(ids(&found), ["liked", "pushed"]);
    assert!((found[1].1 / found[0].1 - 2.5 / 3.0).abs() < 1e-12, "{found:?}");
}

#[test]
fn what_is_older_than_any_window_is_forgotten() {
    let mut trending = counted(&[view("old", "2026-10-01T00:00:00Z")]);
    assert_eq!(trending.len(), 1);
    trending.add(&view("new", "2026-11-20T11:00:00Z"));
    trending.add(&view("late", "2026-10-01T00:00:00Z"));
    assert_eq!(ids(&everything(&trending, Window::Month)), ["new"]);
    assert_eq!((trending.len(), trending.buckets), (1, 1));
}

#[test]
fn an_event_a_month_old_still_counts_after_one_dated_slightly_ahead() {
    let trending = counted(&[
        view("old", "2026-10-21T12:10:00Z"),
        view("ahead", "2026-11-20T12:04:00Z"),
    ]);
    assert_eq!(ids(&everything(&trending, Window::Month)), ["ahead", "old"]);
}

const SMALL: Limits = Limits {
    items: 64,
    buckets: 256,
    repeats: 128,
};

#[test]
fn a_flood_of_items_stays_within_the_limits_and_keeps_the_popular() {
    let mut trending = Trending::new(SMALL);
    let start = at("2026-11-19T12:00:00Z");
    for n in 0..20_000_i64 {
        let time = start + (n * 4).seconds();
        let user = format!("u{n}");
        trending.add(&event(&format!("junk{n}"), EventType::View, Some(&user), time));
        if n % 10 == 0 {
            trending.add(&event("popular", EventType::View, Some(&user), time));
        }
        assert!(trending.len() <= SMALL.items && trending.buckets <= SMALL.buckets);
        assert!(trending.repeats.len() <= SMALL.repeats);
    }
    assert_eq!(ids(&trending.top(noon(), Window::Day, &|_| true, 1)), ["popular"]);
}

#[test]
fn a_flood_of_hours_stays_within_the_limits() {
    let mut trending = Trending::new(SMALL);
    for hour in 0..700 {
        for item in ["a", "b", "c"] {
            trending.add(&event(
                item,
                EventType::Cart,
                None,
                noon() - SignedDuration::from_hours(700 - hour),
            ));
            assert!(trending.buckets <= SMALL.buckets);
            assert_eq!(
                trending.buckets,
                trending.items.values().map(Vec::len).sum::<usize>()
            );
        }
    }
}

#[test]
fn any_time_at_all_is_survived() {
    let mut trending = Trending::default();
    for time in [Timestamp::MIN, Timestamp::MAX, Timestamp::UNIX_EPOCH, noon()] {
        trending.add(&event("i", EventType::View, None, time));
        for window in Window::ALL {
            for (_, score) in trending.top(time, window, &|_| true, 10) {
                assert!(score.is_finite());
            }
        }
    }
}

fn any_event() -> impl Strategy<Value = Event> {
    let kind = proptest::sample::select(EventType::ALL.to_vec());
    let user = proptest::option::of(0..3_u8);
    (0..8_u8, kind, user, 0..(40 * 24 * 60_i64)).prop_map(|(item, kind, user, minutes_ago)| {
        let user = user.map(|user| format!("u{user}"));
        event(
            &format!("i{item}"),
            kind,
            user.as_deref(),
            noon() - minutes_ago.minutes(),
        )
    })
}

proptest! {
    #[test]
    fn order_of_arrival_makes_no_difference(
        (sent, shuffled) in proptest::collection::vec(any_event(), 0..300)
            .prop_flat_map(|events| (Just(events.clone()), Just(events).prop_shuffle()))
    ) {
        let (one, other) = (counted(&sent), counted(&shuffled));
        for window in Window::ALL {
            prop_assert_eq!(everything(&one, window), everything(&other, window));
        }
    }

    #[test]
    fn the_best_few_are_the_head_of_all(events in proptest::collection::vec(any_event(), 0..300), limit in 0..10_usize) {
        let trending = counted(&events);
        for window in Window::ALL {
            let all = everything(&trending, window);
            let few = trending.top(noon(), window, &|_| true, limit);
            prop_assert_eq!(&few[..], &all[..limit.min(all.len())]);
            prop_assert!(all.windows(2).all(|pair| pair[0].1 >= pair[1].1));
        }
    }

    #[test]
    fn a_longer_window_never_scores_an_item_lower(events in proptest::collection::vec(any_event(), 0..200)) {
        let trending = counted(&events);
        for pair in Window::ALL.windows(2) {
            let longer: HashMap<_, _> = everything(&trending, pair[1]).into_iter().collect();
            for (id, score) in everything(&trending, pair[0]) {
                prop_assert!(longer[&id] >= score);
            }
        }
    }
}

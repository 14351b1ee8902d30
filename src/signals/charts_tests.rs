use super::super::counts::Best;
use super::super::{Event, EventType, Types, Window};
use super::*;
use jiff::{SignedDuration, Timestamp, ToSpan};
use proptest::prelude::*;
use std::collections::HashMap;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn noon() -> Timestamp {
    at("2026-11-20T12:00:00Z")
}

fn event(item: &str, kind: EventType, user: Option<&str>, time: Timestamp) -> Event {
    Event {
        user: user.map(Into::into),
        time,
        ..Event::new("c", kind, item)
    }
}

fn view(item: &str, time: &str) -> Event {
    event(item, EventType::View, None, at(time))
}

/// Charts with the names of their items.
struct World {
    names: Items,
    charts: Charts,
}

impl World {
    fn new() -> Self {
        Self {
            names: Items::new(100_000),
            charts: Charts::new(3),
        }
    }

    fn add(&mut self, event: &Event) {
        let fact = Fact::of(event, &Types::default()).unwrap();
        let item = self.names.number(&event.item).unwrap();
        if fact.units > 0 {
            self.charts.add(item, &fact, &self.names);
        }
    }

    fn chart(&self, chart: Chart, segment: Option<&str>, now: Timestamp) -> Vec<(String, f64)> {
        self.best((chart, segment), now, &|_| true, usize::MAX)
    }

    fn best(
        &self,
        of: (Chart, Option<&str>),
        now: Timestamp,
        admits: &dyn Fn(&str) -> bool,
        limit: usize,
    ) -> Vec<(String, f64)> {
        let mut best = Best::new(limit);
        let mut offer = |item: u32, score: f64| best.offer(score, self.names.id(item), admits);
        let (now, items) = (now.as_millisecond() as f64 / 1e3, 0..self.names.len() as u32);
        self.charts.each(of, now, items, &mut offer);
        best.into_list()
    }

    fn top(
        &self,
        now: Timestamp,
        window: Window,
        admits: &dyn Fn(&str) -> bool,
        limit: usize,
    ) -> Vec<(String, f64)> {
        self.best((Chart::Trending(window), None), now, admits, limit)
    }
}

fn counted<'a>(events: impl IntoIterator<Item = &'a Event>) -> World {
    let mut world = World::new();
    events.into_iter().for_each(|event| world.add(event));
    world
}

fn everything(world: &World, window: Window) -> Vec<(String, f64)> {
    world.top(noon(), window, &|_| true, usize::MAX)
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
fn an_event_a_month_old_still_counts_after_one_dated_slightly_ahead() {
    let trending = counted(&[
        view("old", "2026-10-21T12:10:00Z"),
        view("ahead", "2026-11-20T12:04:00Z"),
        view("older-than-any-window", "2023-01-01T00:00:00Z"),
    ]);
    assert_eq!(ids(&everything(&trending, Window::Month)), ["ahead", "old"]);
    assert_eq!(trending.charts.all.hours.len(), 2);
}

#[test]
fn what_is_popular_was_wanted_for_long() {
    let days_ago = |days: i64| noon() - SignedDuration::from_hours(24 * days);
    let mut events: Vec<Event> = (0..300)
        .map(|day| event("evergreen", EventType::View, Some("a"), days_ago(day)))
        .collect();
    events.extend((0..20).map(|user| event("hot", EventType::View, Some(&format!("u{user}")), days_ago(0))));
    let world = counted(&events);
    assert_eq!(
        ids(&world.chart(Chart::Popular, None, noon())),
        ["evergreen", "hot"]
    );
    assert_eq!(ids(&everything(&world, Window::Day)), ["hot", "evergreen"]);
}

#[test]
fn what_rises_gets_more_than_before_and_enough() {
    let hours_ago = |hours: i64| noon() - SignedDuration::from_hours(hours);
    let by = |item: &str, users: std::ops::Range<u32>, hours: i64| -> Vec<Event> {
        users
            .map(|user| event(item, EventType::View, Some(&format!("u{user}")), hours_ago(hours)))
            .collect()
    };
    let world = counted(
        &[
            by("rising", 0..40, 3),
            by("rising", 0..5, 30),
            by("steady", 0..100, 3),
            by("steady", 0..100, 30),
            by("falling", 0..5, 3),
            by("falling", 0..50, 30),
            by("hardly", 0..2, 3),
        ]
        .concat(),
    );
    let found = world.chart(Chart::Rising(Window::Day), None, noon());
    assert_eq!(ids(&found), ["rising"]);
    assert!((found[0].1 - 50.0 / 15.0).abs() < 1e-9, "{found:?}");
}

#[test]
fn segments_have_charts_of_their_own_and_cannot_be_crowded_out() {
    let in_segment = |item: &str, user: u32, segment: &str| Event {
        segment: Some(segment.to_owned()),
        ..event(
            item,
            EventType::View,
            Some(&format!("u{user}")),
            noon() - 1.hour(),
        )
    };
    let mut world = World::new();
    for user in 0..20 {
        world.add(&in_segment("tea", user, "uk"));
        world.add(&in_segment("coffee", user, "it"));
    }
    for flood in 0..1_000 {
        world.add(&in_segment("junk", flood, &format!("s{flood}")));
    }
    let of = |segment: &str| world.chart(Chart::Trending(Window::Day), Some(segment), noon());
    assert_eq!((ids(&of("uk")), ids(&of("it"))), (vec!["tea"], vec!["coffee"]));
    assert_eq!((of("s1").len(), of("nowhere").len()), (0, 0));
    assert_eq!(world.charts.held().segments, 3);
    assert_eq!(everything(&world, Window::Day).len(), 3, "all of them together");
    for flood in 0..20 {
        world.add(&in_segment("mate", flood, "ar"));
    }
    world.add(&in_segment("junk", 0, "late"));
    assert_eq!(world.charts.held().refused, 1, "three that are active stay");
}

#[test]
fn one_shopper_cannot_lift_an_item_over_what_many_want() {
    let mut events: Vec<Event> = (0..24 * 60)
        .map(|minute: i64| event("pushed", EventType::View, Some("bot"), noon() - minute.minutes()))
        .collect();
    events.extend((0..10).map(|user| {
        event(
            "liked",
            EventType::View,
            Some(&format!("u{user}")),
            noon() - 1.hour(),
        )
    }));
    events.extend((0..100).map(|_| event("flooded", EventType::View, None, noon() - 1.hour())));
    events.extend((0..60).map(|user| {
        event(
            "loved",
            EventType::View,
            Some(&format!("u{user}")),
            noon() - 1.hour(),
        )
    }));
    assert_eq!(
        ids(&everything(&counted(&events), Window::Day)),
        ["loved", "flooded", "liked", "pushed"]
    );
}

const SMALL: Limits = Limits {
    items: 64,
    buckets: 256,
};

#[test]
fn a_flood_of_items_stays_within_the_limits_and_keeps_the_popular() {
    let (mut names, mut counts) = (Items::new(100_000), Counts::new(HOURS, SMALL));
    for n in 0..20_000_u32 {
        let time = 1_700_000_000 + n * 4;
        counts.advance(time);
        let junk = names.number(&format!("junk{n}")).unwrap();
        counts.add(junk, time, 100, &names);
        if n % 10 == 0 {
            let popular = names.number("popular").unwrap();
            counts.add(popular, time, 100, &names);
        }
        assert!(counts.len() <= SMALL.items);
    }
    let all = |buckets: &[(u32, u32)]| -> f64 { buckets.iter().map(|(_, units)| f64::from(*units)).sum() };
    let mut best = Best::new(1);
    counts.each(0..names.len() as u32, &all, &mut |item, score| {
        best.offer(score, names.id(item), &|_| true);
    });
    assert_eq!(ids(&best.into_list()), ["popular"]);
}

#[test]
fn a_flood_of_hours_stays_within_the_limits() {
    let (mut names, mut counts) = (Items::new(100), Counts::new(HOURS, SMALL));
    for hour in 0..700 {
        for item in ["a", "b", "c"] {
            let (time, item) = (1_700_000_000 + hour * HOUR_SECONDS, names.number(item).unwrap());
            counts.advance(time);
            counts.add(item, time, 300, &names);
            assert!(counts.bytes() < 100_000);
        }
    }
}

#[test]
fn any_time_at_all_is_survived() {
    let mut trending = World::new();
    for time in [Timestamp::MIN, Timestamp::MAX, Timestamp::UNIX_EPOCH, noon()] {
        trending.add(&event("i", EventType::View, None, time));
        for chart in Window::ALL
            .into_iter()
            .flat_map(|window| [Chart::Trending(window), Chart::Rising(window), Chart::Popular])
        {
            assert!(
                trending
                    .chart(chart, None, time)
                    .iter()
                    .all(|(_, score)| score.is_finite())
            );
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
            for chart in [Chart::Trending(window), Chart::Rising(window), Chart::Popular] {
                prop_assert_eq!(one.chart(chart, None, noon()), other.chart(chart, None, noon()));
            }
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

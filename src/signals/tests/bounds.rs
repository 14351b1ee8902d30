//! Memory is bounded whatever comes.

use super::*;

fn small() -> Settings {
    Settings {
        dedup_events: 200,
        users: 50,
        user_items: 5,
        sessions: 60,
        baskets: 40,
        segments: 3,
        unknown_events: 20,
        items: 100,
        ..Settings::default()
    }
}

#[test]
fn floods_of_everything_stay_within_the_bounds() {
    let signals = Signals::in_memory_with(small());
    for round in 0..200_i64 {
        let batch: Vec<Event> = (0..25)
            .map(|n| {
                let at = round * 25 + n;
                Event {
                    session: Some(format!("s{at}")),
                    basket: Some(format!("b{}", at / 3)),
                    segment: Some(format!("g{at}")),
                    kind: EventType::Cart,
                    ..event(&format!("i{at}"), &format!("u{}", at / 2), 10_000 - round)
                }
            })
            .collect();
        signals.record_known(&batch, &|id| !id.ends_with('7')).unwrap();
        let held = signals.held();
        assert!(
            held.users <= 51 && held.sessions <= 61 && held.baskets <= 41,
            "{held:?}"
        );
        assert!(
            held.items <= 100 && held.segments <= 3 && held.remembered <= 200 && held.waiting <= 20,
            "{held:?}"
        );
    }
    assert!(signals.held().bytes < 1 << 20, "{:?}", signals.held());
}

#[test]
fn strangers_do_not_push_regulars_out() {
    let signals = Signals::in_memory_with(small());
    let regular: Vec<Event> = (0..4)
        .map(|n| event(&format!("i{n}"), "regular", 60 * 24 * 3))
        .collect();
    signals.record(&regular).unwrap();
    for n in 0..1_000 {
        signals
            .record(&[event("i1", &format!("stranger{n}"), 0)])
            .unwrap();
    }
    assert_eq!(signals.user("regular").len(), 4);
    assert!(signals.user("stranger1").is_empty() && !signals.user("stranger999").is_empty());
}

#[test]
fn a_user_keeps_the_latest_items_in_any_order() {
    let times: Vec<i64> = (0..20).map(|n| (n * 7) % 20).collect();
    for events in [times.clone(), times.iter().rev().copied().collect()] {
        let signals = Signals::in_memory_with(small());
        for minutes in events {
            signals
                .record(&[event(&format!("i{minutes}"), "u", minutes)])
                .unwrap();
        }
        let items: Vec<String> = signals
            .user("u")
            .iter()
            .map(|seen| seen.item.to_string())
            .collect();
        assert_eq!(items, ["i0", "i1", "i2", "i3", "i4"]);
    }
}

#[test]
fn hostile_events_are_refused_or_harmless() {
    let signals = Signals::in_memory_with(small());
    let long = "x".repeat(MAX_ID_BYTES + 1);
    let with = |change: &dyn Fn(&mut Event)| {
        let mut event = event("i1", "u1", 5);
        change(&mut event);
        event
    };
    for (hostile, field) in [
        (with(&|event| event.time = Timestamp::UNIX_EPOCH), "time"),
        (with(&|event| event.time = Timestamp::now() + 1.hour()), "time"),
        (with(&|event| event.item.clone_from(&long)), "item"),
        (with(&|event| event.user = Some(long.clone())), "user"),
        (with(&|event| event.segment = Some(String::new())), "segment"),
        (with(&|event| event.value = Some(f64::INFINITY)), "value"),
    ] {
        let error = signals.record(&[hostile]).unwrap_err();
        assert!(
            matches!(&error, RecordError::Invalid { source, .. } if source.field() == field),
            "{error}"
        );
    }
    // A date of long ago is taken, and pushes nothing out of the charts.
    signals
        .record(&[
            event("i1", "u1", 5),
            with(&|event| event.time = "2000-01-02T00:00:00Z".parse().unwrap()),
        ])
        .unwrap();
    let found = signals.trending(Timestamp::now(), Window::Day, &|_| true, 10);
    assert_eq!(found.len(), 1);
    assert_eq!(signals.user("u1")[0].weight, 2.0);
}

#[test]
fn a_checkpoint_can_be_read_under_lower_bounds() {
    let dir = TempDir::new().unwrap();
    let (folder, checkpoint) = (dir.path().join("events"), dir.path().join(CHECKPOINT_FILE));
    let live = open(&folder);
    live.record(&events(500)).unwrap();
    live.checkpoint(&checkpoint).unwrap();
    drop(live);
    let reopened = Signals::open(&folder, &[checkpoint], &small(), &|_| true);
    assert!(reopened.replay().problems.is_empty());
    for n in 0..200 {
        reopened.record(&[event("i1", &format!("new{n}"), 0)]).unwrap();
    }
    let held = reopened.held();
    assert!(
        held.users < 500 && held.sessions < 500,
        "an eighth goes with each one that is too many: {held:?}"
    );
}

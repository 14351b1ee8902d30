//! The order of arrival, and repetitions, make no difference.

use super::*;
use proptest::prelude::*;

fn any_event() -> impl Strategy<Value = Event> {
    let id = |prefix: &'static str, range: std::ops::Range<u8>| {
        proptest::option::of(range.prop_map(move |n| format!("{prefix}{n}")))
    };
    let who = (id("u", 0..4), id("s", 0..5), id("b", 0..4));
    let segment = proptest::option::of(proptest::sample::select(vec!["uk", "it"]));
    let kind = proptest::sample::select(EventType::ALL.to_vec());
    (0..8_u8, kind, who, segment, 0..(60 * 24 * 31_i64)).prop_map(
        |(item, kind, (user, session, basket), segment, minutes)| Event {
            user,
            session,
            basket,
            segment: segment.map(Into::into),
            value: (kind == EventType::Rating).then_some(f64::from(item % 6)),
            time: Timestamp::from_second(1_750_000_000 - minutes * 60).unwrap(),
            ..Event::new("products", kind, &format!("i{item}"))
        },
    )
}

/// Events, and the same with some of them several times, in another order. Nobody's events have ids: else they could not
/// be recognized.
fn streams() -> impl Strategy<Value = (Vec<Event>, Vec<Event>)> {
    let events = proptest::collection::vec(any_event(), 0..150).prop_map(|mut events| {
        for (at, event) in events.iter_mut().enumerate() {
            if event.user.is_none() && event.session.is_none() {
                event.id = Some(format!("e{at}"));
            }
        }
        events
    });
    events.prop_flat_map(|events| {
        let mut more = events.clone();
        more.extend(events.iter().step_by(3).cloned());
        (Just(events), Just(more).prop_shuffle())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn shuffled_and_repeated_events_teach_the_same((sent, shuffled) in streams()) {
        let now = Timestamp::from_second(1_750_000_000).unwrap();
        let (one, other) = (Signals::in_memory(), Signals::in_memory());
        one.record(&sent).unwrap();
        for batch in shuffled.chunks(17) {
            other.record(batch).unwrap();
        }
        prop_assert_eq!(everything(&one, now), everything(&other, now));
    }

    #[test]
    fn items_that_come_late_make_no_difference((sent, shuffled) in streams()) {
        let now = Timestamp::from_second(1_750_000_000).unwrap();
        let (one, other) = (Signals::in_memory(), Signals::in_memory());
        one.record(&sent).unwrap();
        other.record_known(&shuffled, &|id| id < "i4").unwrap();
        other.settle(&|id| id < "i6");
        other.settle(&|_| true);
        prop_assert_eq!(everything(&one, now), everything(&other, now));
    }
}

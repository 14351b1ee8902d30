//! What is kept between calls: rankings for everybody, and snapshots beside the one that is served.

use super::*;
use crate::engine::Outcome as Kept;
use std::time::Duration;

fn of_placement(engine: &Engine, placement: &Placement, call: &Recommend) -> Recommended {
    let view = engine.view(SHOP).unwrap();
    let instead = Instead {
        placement: Some(placement),
        ..Instead::default()
    };
    engine.recommend(&view, call, instead).unwrap()
}

fn keeping(data: &Path) -> Engine {
    with_shop_and(data, |settings| {
        settings.trending_ttl = Duration::from_secs(3_600);
    })
}

#[test]
fn a_placement_is_ranked_once_for_everybody() {
    let data = tempfile::tempdir().unwrap();
    let engine = keeping(data.path());
    let everybody = Recommend::default();
    let placement = by(Strategy::New);
    assert_eq!(
        of_placement(&engine, &placement, &everybody).outcome,
        Some(Kept::Miss)
    );
    let answer = of_placement(&engine, &placement, &everybody);
    assert_eq!(answer.outcome, Some(Kept::Hit));
    assert_eq!(ids(&answer), ["above3", "above2", "above1", "above0"]);
    let somebody = Recommend {
        user: Some("u".to_owned()),
        ..Recommend::default()
    };
    assert_eq!(of_placement(&engine, &placement, &somebody).outcome, None);
    let other = Placement {
        limit: Some(2),
        ..placement.clone()
    };
    let answer = of_placement(&engine, &other, &everybody);
    assert_eq!((answer.outcome, answer.hits.len()), (Some(Kept::Miss), 2));
    assert_eq!(
        ask(
            &engine,
            &Recommend {
                settings: placement,
                ..everybody
            }
        )
        .outcome,
        None,
        "a call without a placement is computed"
    );
}

#[test]
fn a_chart_is_put_in_order_once_for_all_filters() {
    let data = tempfile::tempdir().unwrap();
    let engine = keeping(data.path());
    let bought = |item: &str, user: &str| {
        let kind = crate::signals::EventType::Purchase;
        let event = crate::signals::Event {
            user: Some(user.to_owned()),
            ..crate::signals::Event::new(SHOP, kind, item)
        };
        let view = engine.view(SHOP).unwrap();
        view.signals().record(&[event]).unwrap();
    };
    let trending = |filter: Option<Value>| {
        let placement = Placement {
            filter,
            fallback: Some(Vec::new()),
            ..by(Strategy::Trending)
        };
        let call = Recommend {
            settings: placement,
            ..Recommend::default()
        };
        ids(&ask(&engine, &call))
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    for (item, users) in [("east0", 3), ("above1", 2), ("above0", 1)] {
        (0..users).for_each(|user| bought(item, &format!("{item}{user}")));
    }
    assert_eq!(trending(None), ["east0", "above1", "above0"]);
    (0..9).for_each(|user| bought("above0", &format!("late{user}")));
    let green = json!({"color": "green"});
    assert_eq!(
        trending(Some(green)),
        ["above1", "above0"],
        "the order of the chart that is kept"
    );
    write_shop(&engine, vec![delete("east0")]);
    write_shop(&engine, vec![Change::Upsert(shop_item(0))]);
    assert_eq!(
        trending(None),
        ["east0", "above1", "above0"],
        "an item that was written anew is found again"
    );
    write_shop(&engine, vec![delete("above1")]);
    assert_eq!(trending(None), ["east0", "above0"]);
}

#[test]
fn what_was_deleted_is_not_shown_from_a_kept_ranking() {
    let data = tempfile::tempdir().unwrap();
    let engine = keeping(data.path());
    let (placement, everybody) = (by(Strategy::New), Recommend::default());
    of_placement(&engine, &placement, &everybody);
    write_shop(&engine, vec![delete("above2")]);
    let answer = of_placement(&engine, &placement, &everybody);
    assert_eq!(ids(&answer), ["above3", "above1", "above0", "north3"]);
    assert_eq!(
        of_placement(&engine, &placement, &everybody).outcome,
        Some(Kept::Hit)
    );
    write_shop(&engine, vec![update("above3", json!({"price": 77}))]);
    let answer = of_placement(&engine, &placement, &everybody);
    assert_eq!(answer.outcome, Some(Kept::Hit));
    assert!(
        answer.hits[0].fields.get().contains("77"),
        "documents are those of now"
    );
}

#[test]
fn a_new_snapshot_has_rankings_of_its_own() {
    let data = tempfile::tempdir().unwrap();
    let engine = open_with(data.path(), |settings| {
        settings.trending_ttl = Duration::from_secs(3_600);
    });
    engine.create_collection(POINTS, &points()).unwrap();
    write(&engine, vec![upsert("a", 1.0), upsert("b", 1.0)]);
    let placement = by(Strategy::New);
    let asked = || {
        let view = engine.view(POINTS).unwrap();
        let instead = Instead {
            placement: Some(&placement),
            ..Instead::default()
        };
        engine.recommend(&view, &Recommend::default(), instead).unwrap()
    };
    assert_eq!(asked().outcome, Some(Kept::Miss));
    write(&engine, vec![upsert("c", 1.0)]);
    assert_eq!(
        asked().hits.len(),
        2,
        "a new item is heard of when the time is over"
    );
    let at = engine.view(POINTS).unwrap().position();
    super::super::swaps::publish_at(&engine, data.path(), at);
    engine.refresh().unwrap();
    let answer = asked();
    assert_eq!((answer.outcome, answer.hits.len()), (Some(Kept::Miss), 3));
}

#[test]
fn candidates_of_another_snapshot_are_shown_as_they_are_now() {
    let data = tempfile::tempdir().unwrap();
    let engine = with_points(data.path());
    write(
        &engine,
        vec![upsert("a", 1.0), upsert("b", 1.0), upsert("c", 1.0)],
    );
    let at = engine.view(POINTS).unwrap().position();
    let old = super::super::swaps::publish_at(&engine, data.path(), at);
    engine.refresh().unwrap();
    write(
        &engine,
        vec![upsert("d", 1.0), delete("b"), update("c", json!({"price": 9}))],
    );
    let at = engine.view(POINTS).unwrap().position();
    super::super::swaps::publish_at(&engine, data.path(), at);
    engine.refresh().unwrap();
    let view = engine.view(POINTS).unwrap();
    assert_ne!(view.snapshot().id(), old);
    let call = Recommend {
        settings: Placement {
            fallback: Some(Vec::new()),
            ..by(Strategy::Similar)
        },
        like: Some(names(&["a"])),
        ..Recommend::default()
    };
    let pinned = |snapshot: &str| {
        let instead = Instead {
            snapshot: Some(snapshot),
            ..Instead::default()
        };
        engine.recommend(&view, &call, instead)
    };
    let answer = pinned(&old).unwrap();
    assert_eq!(ids(&answer), ["c"], "d was not there yet, b is gone");
    assert!(answer.hits[0].fields.get().contains('9'));
    assert_eq!(sorted(&pinned(view.snapshot().id()).unwrap()), ["c", "d"]);
    let error = pinned("nothing").unwrap_err().to_string();
    assert!(error.contains("nothing") && error.contains("variant"), "{error}");
}

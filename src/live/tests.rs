//! A state's own promises: order, clones, merges, memory, sealing. What a view answers from it is tested in the engine,
//! against an oracle.

mod random;
mod scores;
mod sealing;
mod support;

use super::*;
use crate::schema::FieldValues;
use support::{base, item, put, update};

/// Ids of all items, in order.
fn ids(live: &Live) -> Vec<String> {
    live.items().map(|item| item.unwrap().id.to_owned()).collect()
}

fn delete(id: &str) -> Step {
    Step::Delete { id: id.into() }
}

/// Numbers commits of one step each.
fn apply_each(live: &mut Live, steps: impl IntoIterator<Item = Step>) {
    for step in steps {
        let next = Position(live.position().0 + 1);
        live.apply([(next, step)]);
    }
}

#[test]
fn items_are_found_where_they_are() {
    let (_folder, mut live) = base(3);
    apply_each(
        &mut live,
        [
            put("new", 7),
            update("b1", 5),
            put("b0", 9),
            delete("b2"),
            delete("nobody"),
            update("nobody", 1),
        ],
    );
    assert_eq!(ids(&live), ["b1", "new", "b0"]);
    assert_eq!(
        (
            live.len(),
            live.live_rows(),
            live.dead_rows(),
            live.patched_rows()
        ),
        (3, 2, 2, 1)
    );
    let found = |id: &str| {
        live.find(id)
            .map(|found| (found.version.0, found.place.to_string()))
    };
    assert_eq!(found("b1"), Some((2, "b1".to_owned())));
    assert_eq!(found("b0"), Some((3, "l3".to_owned())));
    assert_eq!((found("b2"), found("nobody")), (None, None));
    assert_eq!(live.position(), Position(6));
    let b1 = live.item(live.find("b1").unwrap().place).unwrap().unwrap();
    assert_eq!(b1.document, br#"{"id":"b1","n":5}"#);
    assert_eq!(b1.vector, live.snapshot().index().vector(RowId(1)).unwrap());
    assert_eq!(live.document(Place::Base(RowId(2))), None, "dead");
    assert_eq!(live.vector(Place::Base(RowId(0))), None, "replaced");
    assert!(
        live.item(Place::Live(Position(2))).unwrap().is_none(),
        "of a patch"
    );
}

#[test]
fn one_commit_is_applied_in_order() {
    let (_folder, mut live) = base(2);
    let steps = [
        put("x", 1),
        update("x", 2),
        put("x", 3),
        update("b0", 1),
        update("b0", 2),
        delete("b0"),
        update("b1", 8),
        put("y", 1),
        delete("y"),
        put("b0", 4),
    ];
    live.apply((11..).map(Position).zip(steps));
    assert_eq!(ids(&live), ["b1", "x", "b0"]);
    assert_eq!(live.find("x").unwrap().version, Position(13));
    assert_eq!(live.position(), Position(20));
    assert_eq!(
        live.parts.iter().map(|part| part.rows.len()).sum::<usize>(),
        2,
        "what died within the commit takes nothing"
    );
    live.apply([(Position(20), delete("x")), (Position(3), delete("b1"))]);
    assert_eq!(live.len(), 3, "records that are in it already are passed over");
    live.skip_to(Position(30));
    live.skip_to(Position(29));
    assert_eq!(live.position(), Position(30));
}

#[test]
fn clones_stay_as_they_were() {
    let (_folder, mut live) = base(20);
    let mut kept = Vec::new();
    for round in 0..60_usize {
        let id = format!("b{}", round % 25);
        let step = match round % 4 {
            0 | 1 => put(&id, round as i32),
            2 => update(&id, round as i32),
            _ => delete(&id),
        };
        apply_each(&mut live, [step]);
        let documents: Vec<Vec<u8>> = live.items().map(|item| item.unwrap().document.to_vec()).collect();
        kept.push((live.clone(), ids(&live), documents));
    }
    for (position, (live, ids_then, documents)) in (1..).zip(kept) {
        let now: Vec<Vec<u8>> = live.items().map(|item| item.unwrap().document.to_vec()).collect();
        assert_eq!((ids(&live), now), (ids_then, documents), "at {position}");
    }
}

#[test]
fn single_commits_are_merged() {
    let (_folder, mut live) = base(1);
    apply_each(&mut live, (0..3_000).map(|n| put(&format!("n{n}"), n)));
    assert_eq!((live.len(), live.live_rows()), (3_001, 3_000));
    let sizes: Vec<usize> = live.parts.iter().map(|part| part.rows.len()).collect();
    assert!(sizes.len() <= 14, "{sizes:?}");
    assert!(sizes.iter().all(|&size| size <= 1_024), "{sizes:?}");
    let expected: Vec<String> = std::iter::once("b0".to_owned())
        .chain((0..3_000).map(|n| format!("n{n}")))
        .collect();
    assert_eq!(ids(&live), expected);
}

#[test]
fn a_hot_item_does_not_grow_memory() {
    for hot in ["b5", "n5"] {
        for step in [put, update] {
            let (_folder, mut live) = base(10);
            apply_each(&mut live, (0..300).map(|n| put(&format!("n{n}"), n)));
            apply_each(&mut live, (0..50).map(|n| step(hot, n)));
            let before = live.bytes();
            apply_each(&mut live, (0..5_000).map(|n| step(hot, n)));
            assert!(
                live.bytes() < before + before / 4,
                "{hot}: {before} became {}",
                live.bytes()
            );
            assert!(
                live.parts.len() + live.patches.len() < 24,
                "{hot}: {} parts",
                live.parts.len()
            );
        }
    }
}

/// Every round writes every item once, in another order each time: parts must not be left behind almost empty.
#[test]
fn items_that_all_change_again_and_again_stay_in_few_parts() {
    let (_folder, mut live) = base(1);
    let mut order: Vec<usize> = (0..700).collect();
    for round in 0..8 {
        for (at, step) in (0..order.len()).zip([7_usize, 311, 97].into_iter().cycle()) {
            order.swap(at, (at * step + round) % 700);
        }
        apply_each(
            &mut live,
            order.iter().map(|n| put(&format!("n{n}"), round as i32)),
        );
    }
    assert_eq!(live.live_rows(), 700);
    let rows: usize = live.parts.iter().map(|part| part.rows.len()).sum();
    assert!(rows <= 2 * 700, "{rows} rows for 700 items");
    assert!(live.parts.len() <= 16, "{} parts", live.parts.len());
}

#[test]
fn memory_is_counted() {
    let (_folder, mut live) = base(5);
    assert_eq!(live.bytes(), 0);
    let long = "x".repeat(10_000);
    let mut large = item("large", 1);
    large.document = format!(r#"{{"id":"large","text":"{long}"}}"#).into();
    live.apply([(Position(1), Step::Put(large.into()))]);
    let one = live.bytes();
    assert!((10_000..12_000).contains(&one), "{one}");
    live.apply([(
        Position(2),
        Step::Update {
            id: "b1".into(),
            document: long.clone().into(),
            values: vec![],
        },
    )]);
    assert!((20_000..24_000).contains(&live.bytes()), "{}", live.bytes());
    live.apply([(Position(3), delete("b1")), (Position(4), delete("large"))]);
    assert!(live.bytes() < 100, "{}", live.bytes());
}

#[test]
fn what_can_never_be_compared_is_left_out() {
    let (_folder, mut live) = base(1);
    let with = |id: &str, vector: &[f32]| {
        let mut item = item(id, 1);
        item.vector = vector.into();
        Step::Put(item.into())
    };
    let steps = [
        put("a", 1),
        with("short", &[1.0]),
        with("nan", &[f32::NAN; 3]),
        put("z", 1),
    ];
    live.apply((1..).map(Position).zip(steps));
    assert_eq!(ids(&live), ["b0", "a", "z"]);
    assert_eq!((live.find("nan"), live.find("short")), (None, None));
    assert!(
        live.check_vector(&[1.0])
            .unwrap_err()
            .to_string()
            .contains("dimension 1, expected 3")
    );
    assert!(live.check_vector(&[1.0, f32::INFINITY, 0.0]).is_err());
    assert!(
        live.check_vector(&[0.0; 3]).is_ok(),
        "a dot product needs no direction"
    );
}

#[test]
fn fields_of_live_documents_are_known() {
    let (_folder, mut live) = base(1);
    assert!(!live.has_document_field("color"));
    let mut colored = item("c", 1);
    colored.document = r#"{"id":"c","color":"red","nested":{"inner":1}}"#.into();
    let before = live.clone();
    live.apply([(Position(1), Step::Put(colored.into()))]);
    assert!(
        live.has_document_field("color")
            && live.has_document_field("nested")
            && !live.has_document_field("inner")
    );
    assert!(!before.has_document_field("color"));
    let names: Vec<&str> = live.document_fields().collect();
    assert_eq!(names, ["color", "id", "n", "nested"]);
}

/// From 256 rows on parts have columns; fewer are judged one by one. Both are asked the same.
#[test]
fn columns_and_values_agree() {
    let (_folder, mut live) = base(300);
    live.apply((0..600).map(|n| (Position(n as u64 + 1), put(&format!("n{n}"), n % 50))));
    live.apply((0..300).map(|n| (Position(n as u64 + 1_001), update(&format!("b{n}"), n % 40))));
    apply_each(&mut live, (0..100).map(|n| put(&format!("late{n}"), n % 50)));
    let below = |bound: f64| {
        Filter::Field(
            0,
            crate::snapshot::Test::Range {
                low: None,
                high: Some((bound, false)),
            },
        )
    };
    for filter in [
        below(10.0),
        Filter::Not(Box::new(below(10.0))),
        Filter::Any(vec![
            below(5.0),
            Filter::Field(0, crate::snapshot::Test::any_number(vec![44.0, 7.0])),
        ]),
    ] {
        let selection = live.select(Some(&filter));
        let selected: Vec<&str> = live
            .items_after(&selection, None)
            .map(|item| item.unwrap().id)
            .collect();
        let passing: Vec<&str> = live
            .items()
            .map(Result::unwrap)
            .filter(|item| {
                let document: serde_json::Value = serde_json::from_slice(item.document).unwrap();
                filter.matches(&[FieldValues::Numbers(vec![document["n"].as_f64().unwrap()])])
            })
            .map(|item| item.id)
            .collect();
        assert!(!passing.is_empty() && passing.len() < live.len());
        assert_eq!(selected, passing);
        assert_eq!(selection.count(), passing.len());
        without_some(&live, &selection);
    }
}

/// Of the items of a selection, those that are taken out are missing, and no others.
#[track_caller]
fn without_some(live: &Live, selection: &Selection<'_>) {
    let places = |selection: &Selection<'_>| -> Vec<Place> {
        let items = live.items_after(selection, None);
        items.map(|item| item.unwrap().place).collect()
    };
    let all = places(selection);
    let out: Vec<Place> = all.iter().copied().step_by(7).collect();
    let unknown = [Place::Live(Position(u64::MAX))];
    let rest = selection.without(out.iter().copied().chain(unknown));
    let expected: Vec<Place> = all.iter().copied().filter(|place| !out.contains(place)).collect();
    assert_eq!(places(&rest), expected);
    assert_eq!(rest.count(), expected.len());
    assert!(
        out.iter()
            .all(|&place| !rest.admits(place) && selection.admits(place))
    );
}

#[test]
fn places_are_text_and_back() {
    for place in [Place::Base(RowId(7)), Place::Live(Position(u64::MAX))] {
        assert_eq!(place.to_string().parse(), Ok(place));
    }
    for text in ["", "x3", "b", "l-1", "b4294967296"] {
        assert!(text.parse::<Place>().is_err(), "{text}");
    }
}

//! Idempotency keys.

use super::*;
use crate::changes::CallStart;

#[test]
fn a_call_sent_again_does_nothing_and_is_answered_as_before() {
    let data = tempfile::tempdir().unwrap();
    let engine = with_points(data.path());
    let changes = || vec![upsert("a", 1.0), delete("b"), update("a", json!({"price": 1}))];
    let first = engine.write(POINTS, changes(), &keyed("k", 1)).unwrap();
    assert_eq!(outcomes(&first)[..2], ["Created", "Missing"]);
    let mut engine = engine;
    for restart in [false, true] {
        if restart {
            drop(engine);
            engine = open(data.path());
        }
        write(&engine, vec![upsert("a", 7.0)]);
        let again = engine.write(POINTS, changes(), &keyed("k", 1)).unwrap();
        assert_eq!(again.position, first.position, "restart: {restart}");
        assert_eq!(outcomes(&again), outcomes(&first));
        assert_eq!(price(&engine, "a"), 7.0);
        let reused = engine.write(POINTS, changes(), &keyed("k", 2)).unwrap_err();
        assert!(matches!(reused, EngineError::KeyReused { .. }), "{reused}");
    }
}

#[test]
fn a_call_in_parts_is_noted_when_it_ends() {
    let data = tempfile::tempdir().unwrap();
    let engine = with_points(data.path());
    let (one, other) = (key("k", 1), key("k", 2));
    assert_eq!(engine.begin_call(POINTS, &one).unwrap(), CallStart::New);
    assert_eq!(engine.begin_call(POINTS, &one).unwrap(), CallStart::InProgress);
    let at_work = engine
        .write(POINTS, vec![upsert("a", 1.0)], &keyed("k", 1))
        .unwrap_err();
    assert!(matches!(at_work, EngineError::KeyInProgress { .. }), "{at_work}");
    assert!(matches!(
        engine.begin_call(POINTS, &other),
        Err(EngineError::KeyReused { .. })
    ));
    engine.abandon_call(POINTS, &one);
    assert_eq!(engine.begin_call(POINTS, &other).unwrap(), CallStart::New);
    write(&engine, vec![upsert("a", 1.0)]);
    let position = engine
        .end_call(POINTS, &other, "{\"created\":1}", soon())
        .unwrap();
    assert_eq!(position, Position(2));
    assert_eq!(engine.view(POINTS).unwrap().position(), position);
    let answered = CallStart::Answered("{\"created\":1}".into());
    assert_eq!(engine.begin_call(POINTS, &other).unwrap(), answered);
    drop(engine);
    let engine = open(data.path());
    assert_eq!(engine.begin_call(POINTS, &other).unwrap(), answered);
    assert_eq!(engine.view(POINTS).unwrap().position(), position);
}

#[test]
fn a_call_that_failed_can_be_sent_again() {
    let data = tempfile::tempdir().unwrap();
    let engine = with_points(data.path());
    let late = WriteOptions {
        deadline: Instant::now(),
        ..keyed("k", 1)
    };
    assert!(engine.write(POINTS, vec![upsert("a", 1.0)], &late).is_err());
    let written = engine
        .write(POINTS, vec![upsert("a", 1.0)], &keyed("k", 1))
        .unwrap();
    assert_eq!(outcomes(&written), ["Created"]);
}

#[test]
fn notes_outlive_the_records_before_them() {
    let data = tempfile::tempdir().unwrap();
    let engine = open_with(data.path(), |settings| settings.writes.segment_bytes = 1);
    engine.create_collection(POINTS, &points()).unwrap();
    let first = engine
        .write(POINTS, vec![upsert("a", 1.0)], &keyed("k", 1))
        .unwrap();
    write(&engine, vec![upsert("b", 1.0)]);
    // A snapshot that contains all of it: nobody needs these records any more.
    super::swaps::publish_at(&engine, data.path(), Position(3));
    engine.truncate_log(POINTS, Position(3)).unwrap();
    assert_eq!(
        engine.view(POINTS).unwrap().position(),
        Position(4),
        "the note is carried on"
    );
    drop(engine);
    let engine = open(data.path());
    let again = engine
        .write(POINTS, vec![upsert("a", 1.0)], &keyed("k", 1))
        .unwrap();
    assert_eq!(
        (again.position, outcomes(&again)),
        (first.position, outcomes(&first))
    );
    assert_eq!(engine.view(POINTS).unwrap().position(), Position(4));
}

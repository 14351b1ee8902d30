//! Collections come and go; processes do, too.

use super::*;
use std::fs;

#[test]
fn collections_are_created_and_dropped() {
    let data = tempfile::tempdir().unwrap();
    let engine = open(data.path());
    assert!(!engine.problems().is_empty());
    let view = engine.create_collection(POINTS, &points()).unwrap();
    assert_eq!(
        (view.live().len(), view.live().dimension(), view.position()),
        (0, 3, Position(0))
    );
    assert!(engine.problems().is_empty());
    let again = engine.create_collection(POINTS, &points()).err().unwrap();
    assert!(matches!(again, EngineError::Exists { .. }), "{again}");
    write(&engine, vec![upsert("a", 1.0)]);
    let held = engine.view(POINTS).unwrap();
    engine.drop_collection(POINTS).unwrap();
    assert!(matches!(
        engine.view(POINTS),
        Err(EngineError::NoCollection { .. })
    ));
    assert!(matches!(
        engine.drop_collection(POINTS),
        Err(EngineError::NoCollection { .. })
    ));
    assert_eq!(document(&held, "a")["price"], 1.0, "calls in flight finish");
    assert_eq!(fs::read_dir(data.path().join("collections")).unwrap().count(), 0);
    engine.refresh().unwrap();
    engine.create_collection(POINTS, &points()).unwrap();
    let written = write(&engine, vec![upsert("a", 2.0)]);
    assert_eq!(
        (outcomes(&written), written.position),
        (vec!["Created".to_owned()], Position(1))
    );
    drop(engine);
    assert_eq!(everything(&open(data.path())).len(), 1);
}

#[test]
fn collections_that_cannot_be_are_refused() {
    let data = tempfile::tempdir().unwrap();
    let engine = open(data.path());
    let wrong =
        |name: &str, new: NewCollection| engine.create_collection(name, &new).err().unwrap().to_string();
    assert!(wrong("a/b", points()).contains("collection"));
    for (dimension, needle) in [
        (None, "is missing"),
        (Some(0), "is 0"),
        (Some(1 << 20), "is 1048576"),
    ] {
        let new = NewCollection {
            dimension,
            ..points()
        };
        let error = wrong(POINTS, new);
        assert!(
            error.starts_with("dimension: ") && error.contains(needle),
            "{error}"
        );
    }
    let mut nothing = points();
    nothing.schema.vector = None;
    assert!(wrong(POINTS, nothing).starts_with("schema: "));
    assert!(engine.view(POINTS).is_err());
}

#[test]
fn what_is_acknowledged_is_there_after_a_process_dies() {
    let data = tempfile::tempdir().unwrap();
    let engine = with_points(data.path());
    for part in 0..5 {
        let items = (0..100)
            .map(|at| upsert(&format!("{part}-{at}"), f64::from(at)))
            .collect();
        write(&engine, items);
    }
    write(
        &engine,
        vec![delete("0-0"), update("1-1", json!({"price": 77, "note": "x"}))],
    );
    let before = everything(&engine);
    // Nothing is shut down: the lock goes with the process, whose part a copy of the folder plays.
    let copy = tempfile::tempdir().unwrap();
    copy_all(data.path(), copy.path());
    let died = open(copy.path());
    assert_eq!(everything(&died), before);
    assert_eq!(died.view(POINTS).unwrap().position(), Position(502));
    write(&died, vec![upsert("new", 1.0)]);
    assert_eq!(died.view(POINTS).unwrap().live().len(), before.len() + 1);
    assert_eq!(everything(&engine), before);
}

fn copy_all(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_all(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}

#[test]
fn a_process_beside_the_writer_follows_and_takes_over() {
    let data = tempfile::tempdir().unwrap();
    let writer = with_points(data.path());
    write(&writer, vec![upsert("a", 1.0)]);
    let second = open(data.path());
    let only_reads =
        Engine::open_read_only(settings(data.path()), Arc::new(Metrics::new().unwrap())).unwrap();
    for reader in [&second, &only_reads] {
        assert_eq!(everything(reader), everything(&writer));
        let error = reader
            .write(POINTS, vec![upsert("b", 1.0)], &options())
            .unwrap_err();
        assert!(matches!(error, EngineError::WritesOff { .. }), "{error}");
    }
    let locked = second
        .write(POINTS, vec![upsert("b", 1.0)], &options())
        .unwrap_err();
    assert!(locked.to_string().contains("another process writes"), "{locked}");
    assert!(second.drop_collection(POINTS).is_err() && only_reads.drop_collection(POINTS).is_err());

    let written = write(&writer, vec![upsert("b", 2.0), update("a", json!({"price": 3}))]);
    second.refresh().unwrap();
    assert_eq!(everything(&second), everything(&writer), "at every look");
    let seen = only_reads
        .view_at(POINTS, Some(written.position), soon())
        .unwrap();
    assert_eq!(document(&seen, "a")["price"], 3.0, "when it is asked for");

    let last = write(&writer, vec![delete("a")]).position;
    drop(writer);
    second.refresh().unwrap();
    assert_eq!(second.view(POINTS).unwrap().position(), last);
    let next = second.write(POINTS, vec![upsert("c", 1.0)], &options()).unwrap();
    assert_eq!(next.position, Position(last.0 + 1));
    assert!(
        only_reads
            .write(POINTS, vec![upsert("d", 1.0)], &options())
            .is_err()
    );
}

#[test]
fn a_damaged_log_refuses_its_collection_by_name() {
    let data = tempfile::tempdir().unwrap();
    let engine = with_points(data.path());
    write(&engine, vec![upsert("a", 1.0)]);
    write(&engine, vec![upsert("b", 1.0)]);
    let dir = Store::open(data.path())
        .unwrap()
        .collection(POINTS)
        .unwrap()
        .log_dir();
    drop(engine);
    let segment = dir.join("00000000000000000001.log");
    let mut bytes = fs::read(&segment).unwrap();
    bytes[100] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let engine = open(data.path());
    let problems = engine.problems();
    assert_eq!(problems.len(), 1);
    assert!(
        problems[0].contains(POINTS) && problems[0].contains("00000000000000000001.log"),
        "{problems:?}"
    );
    assert!(matches!(engine.view(POINTS), Err(EngineError::Refused { .. })));
}

#[test]
fn calls_that_wait_are_finished_when_the_engine_goes() {
    let data = tempfile::tempdir().unwrap();
    let engine = Arc::new(with_points(data.path()));
    let writing = Arc::clone(&engine);
    let thread = std::thread::spawn(move || write(&writing, vec![upsert("a", 1.0)]).position);
    drop(engine);
    assert_eq!(thread.join().unwrap(), Position(1));
    let engine = open(data.path());
    assert_eq!(outcomes(&write(&engine, vec![upsert("a", 2.0)])), ["Updated"]);
}

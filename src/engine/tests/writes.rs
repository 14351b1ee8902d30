//! Changes of items: what they do, what is refused, and that nobody's is lost.

use super::*;
use crate::engine::{Query, Search};
use std::sync::atomic::{AtomicUsize, Ordering};

#[test]
fn changes_are_visible_when_they_are_acknowledged() {
    let data = tempfile::tempdir().unwrap();
    let engine = with_points(data.path());
    let written = write(&engine, vec![upsert("a", 1.0), upsert("b", 2.0)]);
    assert_eq!(outcomes(&written), ["Created", "Created"]);
    assert_eq!(written.position, Position(2));
    let view = engine.view(POINTS).unwrap();
    assert_eq!(view.position(), Position(2));
    let search = Search {
        query: Query::Vector(vec![97.0 / 16.0, 1.0, 1.0]),
        limit: 1,
        ..Search::default()
    };
    assert_eq!(engine.search(&view, &search).unwrap().hits[0].id, "a");

    let written = write(
        &engine,
        vec![
            update("a", json!({"price": 5, "color": "red"})),
            delete("b"),
            delete("c"),
            update("d", json!({"price": 1})),
            upsert("e", 3.0),
        ],
    );
    assert_eq!(
        outcomes(&written),
        ["Updated", "Deleted", "Missing", "Missing", "Created"]
    );
    let now = engine.view(POINTS).unwrap();
    assert_eq!(
        document(&now, "a"),
        json!({"id": "a", "price": 5, "color": "red"})
    );
    assert!(
        now.item("b").is_err() && view.item("b").is_ok(),
        "a view stays as it was"
    );
    let written = write(&engine, vec![update("a", json!({"color": null}))]);
    assert_eq!(outcomes(&written), ["Updated"]);
    assert_eq!(
        document(&engine.view(POINTS).unwrap(), "a"),
        json!({"id": "a", "price": 5})
    );
    assert_eq!(
        engine
            .view(POINTS)
            .unwrap()
            .count(Some(&json!({"price": {"gt": 4}})))
            .unwrap(),
        1
    );
}

#[test]
fn an_item_with_the_same_vector_keeps_its_row() {
    let data = tempfile::tempdir().unwrap();
    let engine = open(data.path());
    let cosine = NewCollection {
        metric: Metric::Cosine,
        ..points()
    };
    engine.create_collection(POINTS, &cosine).unwrap();
    write(&engine, vec![upsert("a", 1.0)]);
    let before = engine.view(POINTS).unwrap();
    let vector = before.item("a").unwrap().vector.to_vec();
    write(&engine, vec![upsert("a", 2.0), upsert("b", 1.0)]);
    let records = log_records(data.path());
    assert!(
        matches!(&records[1], crate::log::Record::Update { id, .. } if &**id == "a"),
        "a new price alone is no new vector: {:?}",
        records[1]
    );
    let view = engine.view(POINTS).unwrap();
    assert_eq!(view.item("a").unwrap().vector, vector);
    assert_eq!(price(&engine, "a"), 2.0);
    write(&engine, vec![update("a", json!({"vector": [0, 1, 0]}))]);
    assert_eq!(
        engine.view(POINTS).unwrap().item("a").unwrap().vector,
        [0.0, 1.0, 0.0]
    );
    assert_eq!(price(&engine, "a"), 2.0);
}

fn log_records(data: &Path) -> Vec<crate::log::Record> {
    let dir = Store::open(data).unwrap().collection(POINTS).unwrap().log_dir();
    let mut records = Vec::new();
    let mut log = crate::log::ReadOnlyLog::open(&dir);
    log.read(Position::START, &mut |_, record| {
        records.push(record);
        Ok(())
    })
    .unwrap();
    records
}

#[test]
fn what_is_wrong_is_refused_by_name_and_changes_nothing() {
    let data = tempfile::tempdir().unwrap();
    let engine = with_points(data.path());
    write(&engine, vec![upsert("a", 1.0)]);
    let before = everything(&engine);
    let with = |name: &str, value: Value| {
        let mut item = item("b", 1.0);
        match value {
            Value::Null => drop(item.remove(name)),
            value => drop(item.insert(name.to_owned(), value)),
        }
        Change::Upsert(item)
    };
    for (change, field, needle) in [
        (with("id", Value::Null), "id", "is missing"),
        (with("id", json!(1.5)), "id", "expected text or an integer"),
        (with("price", json!("cheap")), "price", "expected"),
        (with("vector", Value::Null), "vector", "is missing"),
        (
            with("vector", json!([1, 2])),
            "vector",
            "has 2 numbers, this collection's vectors have 3",
        ),
        (with("vector", json!([1, "NaN", 2])), "vector[1]", "NaN"),
        (with("vector", json!([1, 2, 1e39])), "vector[2]", "not finite"),
        (with("vector", json!([1e38, 0, 0])), "vector", "can be compared"),
        (update("a", json!({"id": "b"})), "id", "cannot be changed"),
        (
            update("a", json!({"vector": null})),
            "vector",
            "cannot be removed",
        ),
        (update("a", json!({"price": "cheap"})), "price", "expected"),
    ] {
        let written = write(&engine, vec![change]);
        let (found, detail) = refusal(&written);
        assert_eq!(found, field, "{detail}");
        assert!(detail.contains(needle), "{field}: {detail}");
    }
    assert_eq!(everything(&engine), before);
    assert_eq!(engine.view(POINTS).unwrap().position(), Position(1));

    let twice = vec![upsert("x", 1.0), upsert("y", 1.0), upsert("x", 2.0), delete("y")];
    let written = write(&engine, twice);
    assert!(matches!(
        written.outcomes[..2],
        [Outcome::Created, Outcome::Created]
    ));
    for (at, first) in [(2, "position 0"), (3, "position 1")] {
        let said = format!("{:?}", written.outcomes[at]);
        assert!(said.contains(first) && said.contains("Rejected"), "{said}");
    }
    assert_eq!(price(&engine, "x"), 1.0);
    let many = (0..1_001).map(|at| delete(&at.to_string())).collect();
    let error = engine.write(POINTS, many, &options()).unwrap_err();
    assert!(error.to_string().contains("1001"), "{error}");
    let unknown = engine
        .write("nothing", vec![delete("a")], &options())
        .unwrap_err();
    assert!(matches!(unknown, EngineError::NoCollection { .. }));
}

#[test]
fn zeros_have_no_direction_under_cosine() {
    let data = tempfile::tempdir().unwrap();
    let engine = open(data.path());
    let cosine = NewCollection {
        metric: Metric::Cosine,
        ..points()
    };
    engine.create_collection(POINTS, &cosine).unwrap();
    let zeros = fields(json!({"id": "a", "vector": [0, 0, 0]}));
    let written = write(&engine, vec![Change::Upsert(zeros)]);
    assert!(refusal(&written).1.contains("all zeros"));
}

/// Sixteen threads add to the same counters by reading, adding and writing with partial updates of other fields between.
#[test]
fn no_update_is_lost_among_sixteen_threads() {
    const THREADS: usize = 16;
    const ROUNDS: usize = 25;
    let data = tempfile::tempdir().unwrap();
    let engine = with_points(data.path());
    write(&engine, vec![upsert("a", 0.0), upsert("b", 0.0)]);
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            let engine = &engine;
            scope.spawn(move || {
                for round in 0..ROUNDS {
                    let name = format!("t{thread}");
                    let id = if round % 2 == 0 { "a" } else { "b" };
                    let written = write(engine, vec![update(id, json!({ name: round }))]);
                    assert_eq!(outcomes(&written), ["Updated"]);
                    let seen = engine.view(POINTS).unwrap();
                    assert!(seen.position() >= written.position);
                }
            });
        }
    });
    let check = |engine: &Engine| {
        for (id, last) in [("a", ROUNDS - 1), ("b", ROUNDS - 2)] {
            let document = document(&engine.view(POINTS).unwrap(), id);
            for thread in 0..THREADS {
                assert_eq!(
                    document[format!("t{thread}")],
                    json!(last),
                    "{id} {thread}: {document}"
                );
            }
        }
        assert_eq!(
            engine.view(POINTS).unwrap().position(),
            Position((2 + THREADS * ROUNDS) as u64)
        );
    };
    check(&engine);
    drop(engine);
    check(&open(data.path()));
}

#[test]
fn callers_share_commits() {
    let data = tempfile::tempdir().unwrap();
    let engine = with_points(data.path());
    let serving = engine.serving(POINTS).unwrap();
    // Nothing is committed while this is held, so that all of them wait together.
    let desk = serving.writer.desk();
    let acknowledged = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for at in 0..20 {
            let (engine, acknowledged) = (&engine, &acknowledged);
            scope.spawn(move || {
                write(engine, vec![upsert(&format!("i{at}"), 1.0)]);
                acknowledged.fetch_add(1, Ordering::Relaxed);
            });
        }
        // The writer's thread has taken the first and waits for the desk; the others are in the queue.
        while serving.writer.taken() + serving.writer.waiting() < 20 {
            std::thread::yield_now();
        }
        assert_eq!(acknowledged.load(Ordering::Relaxed), 0);
        drop(desk);
    });
    assert_eq!(engine.view(POINTS).unwrap().live().len(), 20);
    let told = engine.metrics.encode();
    let commits = told
        .lines()
        .find(|line| line.starts_with("alike_commit_callers_count"))
        .unwrap();
    let commits: usize = commits.rsplit(' ').next().unwrap().parse().unwrap();
    assert!(commits <= 2, "the first, and all others together: {commits}");
    assert!(told.contains("alike_changes_total{collection=\"points\",outcome=\"created\"} 20"));
}

#[test]
fn a_full_queue_says_when_to_come_again() {
    let data = tempfile::tempdir().unwrap();
    let engine = open_with(data.path(), |settings| settings.writes.queue_changes = 2);
    engine.create_collection(POINTS, &points()).unwrap();
    let serving = engine.serving(POINTS).unwrap();
    let desk = serving.writer.desk();
    std::thread::scope(|scope| {
        let engine = &engine;
        scope.spawn(|| write(engine, vec![upsert("a", 1.0)]));
        while serving.writer.taken() < 1 {
            std::thread::yield_now();
        }
        scope.spawn(|| write(engine, vec![upsert("b", 1.0), upsert("c", 1.0)]));
        while serving.writer.waiting() < 2 {
            std::thread::yield_now();
        }
        let error = engine
            .write(POINTS, vec![upsert("d", 1.0)], &options())
            .unwrap_err();
        assert!(
            matches!(error, EngineError::Full { retry_after: 1, .. }),
            "{error}"
        );
        assert!(error.to_string().contains("2 changes wait"), "{error}");
        drop(desk);
    });
    assert_eq!(engine.view(POINTS).unwrap().live().len(), 3);
    write(&engine, vec![upsert("d", 1.0)]);
}

#[test]
fn changes_that_wait_beyond_their_deadline_are_not_made() {
    let data = tempfile::tempdir().unwrap();
    let engine = with_points(data.path());
    let late = WriteOptions {
        key: None,
        deadline: Instant::now(),
    };
    let error = engine.write(POINTS, vec![upsert("a", 1.0)], &late).unwrap_err();
    assert!(matches!(error, EngineError::Full { .. }), "{error}");
    assert!(engine.view(POINTS).unwrap().live().is_empty());
}

#[test]
fn too_little_room_stops_writes_and_no_reads() {
    let data = tempfile::tempdir().unwrap();
    let engine = with_points(data.path());
    write(&engine, vec![upsert("a", 1.0)]);
    drop(engine);
    let engine = open_with(data.path(), |settings| settings.writes.min_free_bytes = u64::MAX);
    for changes in [vec![upsert("b", 1.0)], vec![delete("a")]] {
        let error = engine.write(POINTS, changes, &options()).unwrap_err();
        assert!(
            matches!(error, EngineError::DiskLow { least: u64::MAX, .. }),
            "{error}"
        );
    }
    let created = engine.create_collection("more", &points());
    assert!(matches!(created, Err(EngineError::DiskLow { .. })));
    assert_eq!(price(&engine, "a"), 1.0);
    drop(engine);

    let engine = open_with(data.path(), |settings| settings.writes.live_bytes = 1);
    let error = engine
        .write(POINTS, vec![upsert("b", 1.0)], &options())
        .unwrap_err();
    assert!(
        matches!(error, EngineError::Full { retry_after: 5, .. }),
        "{error}"
    );
    assert!(engine.is_full(&engine.view(POINTS).unwrap()));
    assert_eq!(outcomes(&write(&engine, vec![delete("a")])), ["Deleted"]);
}

#[test]
fn a_read_waits_for_its_position() {
    let data = tempfile::tempdir().unwrap();
    let engine = with_points(data.path());
    let short = Instant::now() + Duration::from_millis(30);
    let error = engine.view_at(POINTS, Some(Position(1)), short).err().unwrap();
    let (wanted, at) = (Position(1), Position(0));
    assert!(
        matches!(error, EngineError::PositionNotReached { wanted: w, at: a } if (w, a) == (wanted, at)),
        "{error}"
    );
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| engine.view_at(POINTS, Some(Position(2)), soon()).unwrap());
        write(&engine, vec![upsert("a", 1.0)]);
        write(&engine, vec![upsert("b", 1.0)]);
        assert!(waiting.join().unwrap().item("b").is_ok());
    });
    assert!(engine.view_at(POINTS, None, Instant::now()).is_ok());
}

#[test]
fn items_are_deleted_by_filter() {
    let data = tempfile::tempdir().unwrap();
    let engine = with_points(data.path());
    for part in 0..3 {
        let items = (0..1_000)
            .map(|at| upsert(&format!("{part}-{at}"), f64::from(at)))
            .collect();
        write(&engine, items);
    }
    let filter = json!({"price": {"lt": 500}});
    let (deleted, position) = engine.delete_matching(POINTS, &filter, soon()).unwrap();
    assert_eq!((deleted, position), (1_500, Position(4_500)));
    let view = engine.view_at(POINTS, Some(position), soon()).unwrap();
    assert_eq!(
        (view.live().len(), view.count(Some(&filter)).unwrap()),
        (1_500, 0)
    );
    assert_eq!(
        engine.delete_matching(POINTS, &filter, soon()).unwrap(),
        (0, position)
    );
    let wrong = engine
        .delete_matching(POINTS, &json!({"weight": 1}), soon())
        .unwrap_err();
    assert!(
        matches!(wrong, EngineError::Invalid { ref field, .. } if field == "filter.weight"),
        "{wrong}"
    );
}

//! Snapshots that take over while changes come in.

use super::*;
use crate::snapshot::{BuildFacts, Made, Manifest, NewRow, SnapshotWriter};
use alike_indexes::BuildSettings;
use std::sync::atomic::{AtomicBool, Ordering};

/// Publishes a snapshot of what the engine serves, as one of the log up to `position`; returns its id.
pub(super) fn publish_at(engine: &Engine, data: &Path, position: Position) -> String {
    let view = engine.view(POINTS).unwrap();
    publish_view(&view, data, position, &schema())
}

fn publish_view(view: &View, data: &Path, position: Position, schema: &Schema) -> String {
    let collection = Store::open(data).unwrap().collection(POINTS).unwrap();
    let _lock = collection.lock_for_build().unwrap();
    let mut writer = SnapshotWriter::new(&collection, schema).unwrap();
    writer.set_dimension(3);
    for item in view.live().items() {
        let item = item.unwrap();
        let document = std::str::from_utf8(item.document).unwrap();
        let mut row: Map<String, Value> = serde_json::from_str(document).unwrap();
        row.insert("vector".to_owned(), json!(item.vector));
        let checked = schema.item_of(row).unwrap();
        let new = NewRow {
            id: &checked.id,
            document: &checked.document,
            values: &checked.values,
            vector: item.vector,
            text: None,
        };
        writer.push_row(&new).unwrap();
    }
    let settings = BuildSettings::new(Kind::Graph, Metric::L2);
    writer.build_index(&settings, &|_| ()).unwrap();
    let made = Made {
        schema: schema.clone(),
        document_fields: view.live().document_fields().map(str::to_owned).collect(),
        model: None,
        metric: Metric::L2,
        dimension: 3,
        index: Kind::Graph,
    };
    let mut manifest = Manifest::new(POINTS, made, BuildFacts::default());
    manifest.log_position = position.0;
    let id = writer.finish(&collection, manifest).unwrap();
    collection.publish(&id).unwrap();
    id
}

#[test]
fn a_snapshot_takes_over_with_what_came_after_it() {
    let data = tempfile::tempdir().unwrap();
    let engine = with_points(data.path());
    let collection = Store::open(data.path()).unwrap().collection(POINTS).unwrap();
    let empty = collection.current().unwrap();
    write(
        &engine,
        vec![upsert("a", 1.0), upsert("b", 1.0), upsert("c", 1.0)],
    );
    let at = engine.view(POINTS).unwrap();
    write(
        &engine,
        vec![update("a", json!({"price": 9})), delete("b"), upsert("d", 1.0)],
    );
    let before = everything(&engine);
    let id = publish_view(&at, data.path(), at.position(), &schema());
    assert_eq!(
        engine.view(POINTS).unwrap().snapshot().id(),
        empty,
        "not before it is looked at"
    );
    let adopted = engine.adopt_now(POINTS).unwrap();
    assert_eq!(adopted.snapshot().id(), id);
    assert_eq!((adopted.snapshot().rows(), adopted.live().live_rows()), (3, 1));
    assert_eq!(everything(&engine), before);
    assert_eq!(adopted.position(), Position(6));
    collection.point_to(&empty).unwrap();
    engine.refresh().unwrap();
    assert_eq!(engine.view(POINTS).unwrap().snapshot().id(), empty);
    assert_eq!(everything(&engine), before, "the way back has the same data");
}

#[test]
fn swaps_under_writes_lose_nothing() {
    const WRITERS: usize = 4;
    let data = tempfile::tempdir().unwrap();
    let engine = with_points(data.path());
    let collection = Store::open(data.path()).unwrap().collection(POINTS).unwrap();
    let items = (0..50).map(|at| upsert(&format!("base{at}"), 0.0)).collect();
    write(&engine, items);
    let older = collection.current().unwrap();
    let newer = publish_at(&engine, data.path(), engine.view(POINTS).unwrap().position());
    let done = AtomicBool::new(false);
    let written: Vec<usize> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (engine, done) = (&engine, &done);
                scope.spawn(move || {
                    let mut count = 0;
                    while !done.load(Ordering::Relaxed) {
                        count += 1;
                        let changes = vec![
                            update("base7", json!({ format!("w{writer}"): count })),
                            upsert(&format!("w{writer}-{count}"), 1.0),
                        ];
                        let written = write(engine, changes);
                        assert_eq!(outcomes(&written), ["Updated", "Created"]);
                        let view = engine.view_at(POINTS, Some(written.position), soon()).unwrap();
                        assert_eq!(document(&view, "base7")[format!("w{writer}")], json!(count));
                    }
                    count
                })
            })
            .collect();
        for swap in 0..20 {
            let id = if swap % 2 == 0 { &newer } else { &older };
            collection.point_to(id).unwrap();
            let view = engine.adopt_now(POINTS).unwrap();
            assert_eq!(view.snapshot().id(), id);
        }
        done.store(true, Ordering::Relaxed);
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    });
    let check = |engine: &Engine| {
        let all = everything(engine);
        assert_eq!(all.len(), 50 + written.iter().sum::<usize>());
        let (_, base) = all.iter().find(|(id, _)| id == "base7").unwrap();
        for (writer, count) in written.iter().enumerate() {
            assert_eq!(base[format!("w{writer}")], json!(count));
        }
    };
    check(&engine);
    drop(engine);
    check(&open(data.path()));
}

#[test]
fn a_log_that_contradicts_a_snapshot_refuses_it() {
    let data = tempfile::tempdir().unwrap();
    let engine = with_points(data.path());
    write(&engine, vec![upsert("a", 1.0)]);
    let at = engine.view(POINTS).unwrap();
    write(&engine, vec![update("a", json!({"color": "red"}))]);
    let before = at.snapshot().id().to_owned();
    let mut other = schema();
    other.fields.insert(
        "color".to_owned(),
        Field {
            kind: FieldType::Number,
            filter: true,
        },
    );
    publish_view(&at, data.path(), at.position(), &other);
    let error = engine.adopt_now(POINTS).err().unwrap().to_string();
    assert!(error.contains("record 2") && error.contains("color"), "{error}");
    assert_eq!(engine.view(POINTS).unwrap().snapshot().id(), before);
    write(&engine, vec![update("a", json!({"color": "blue"}))]);
    assert_eq!(document(&engine.view(POINTS).unwrap(), "a")["color"], "blue");
}

#[test]
fn a_snapshot_of_another_schema_changes_the_rules() {
    let data = tempfile::tempdir().unwrap();
    let engine = with_points(data.path());
    write(&engine, vec![upsert("a", 1.0)]);
    let mut other = schema();
    let stock = Field {
        kind: FieldType::Boolean,
        filter: true,
    };
    other.fields.insert("stock".to_owned(), stock);
    let at = engine.view(POINTS).unwrap();
    publish_view(&at, data.path(), at.position(), &other);
    write(&engine, vec![update("a", json!({"stock": true}))]);
    engine.adopt_now(POINTS).unwrap();
    let view = engine.view(POINTS).unwrap();
    assert_eq!(
        view.count(Some(&json!({"stock": true}))).unwrap(),
        1,
        "also what came before the swap"
    );
    let written = write(&engine, vec![update("a", json!({"stock": "many"}))]);
    assert_eq!(refusal(&written).0, "stock");
}

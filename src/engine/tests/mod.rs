//! The writing side on collections that bring their own vectors, in folders of their own.

mod calls;
mod lifecycle;
mod recommend;
pub(super) mod swaps;
mod writes;

use super::{Engine, EngineError, NewCollection, Settings, View, WriteSettings};
use crate::changes::{Change, Key, Outcome, WriteOptions, Written};
use crate::log::Position;
use crate::schema::{Field, FieldType, Schema};
use crate::snapshot::{Store, Verify};
use crate::telemetry::Metrics;
use alike_indexes::{Kind, Metric};
use serde_json::{Map, Value, json};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

const POINTS: &str = "points";

fn settings(data: &Path) -> Settings {
    Settings {
        data: data.to_path_buf(),
        models: super::ModelPlace::default(),
        encoder: crate::config::Config::default().model.encoder(),
        query_cache_bytes: 0,
        verify: Verify::Full,
        record_events: false,
        trending_ttl: Duration::ZERO,
        writes: WriteSettings {
            min_free_bytes: 0,
            ..WriteSettings::default()
        },
    }
}

fn open(data: &Path) -> Engine {
    open_with(data, |_| ())
}

fn open_with(data: &Path, change: impl FnOnce(&mut Settings)) -> Engine {
    let mut settings = settings(data);
    change(&mut settings);
    Engine::open(settings, Arc::new(Metrics::new().unwrap())).unwrap()
}

fn schema() -> Schema {
    let field = |kind| Field { kind, filter: true };
    Schema {
        id: "id".to_owned(),
        embed: Vec::new(),
        vector: Some("vector".to_owned()),
        fields: [
            ("price".to_owned(), field(FieldType::Number)),
            ("color".to_owned(), field(FieldType::Keyword)),
        ]
        .into(),
    }
}

fn points() -> NewCollection {
    NewCollection {
        schema: schema(),
        metric: Metric::L2,
        kind: Kind::Graph,
        dimension: Some(3),
    }
}

/// A new engine with an empty collection.
fn with_points(data: &Path) -> Engine {
    let engine = open(data);
    engine.create_collection(POINTS, &points()).unwrap();
    engine
}

fn item(id: &str, price: f64) -> Map<String, Value> {
    let numbers: Vec<f64> = id.bytes().take(3).map(|byte| f64::from(byte) / 16.0).collect();
    let vector: Vec<f64> = numbers.into_iter().chain([1.0; 3]).take(3).collect();
    fields(json!({"id": id, "price": price, "vector": vector}))
}

fn fields(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(fields) => fields,
        other => panic!("{other}"),
    }
}

fn upsert(id: &str, price: f64) -> Change {
    Change::Upsert(item(id, price))
}

fn update(id: &str, changed: Value) -> Change {
    Change::Update {
        id: id.to_owned(),
        fields: fields(changed),
    }
}

fn delete(id: &str) -> Change {
    Change::Delete { id: id.to_owned() }
}

fn soon() -> Instant {
    Instant::now() + Duration::from_secs(60)
}

fn options() -> WriteOptions {
    WriteOptions {
        key: None,
        deadline: soon(),
    }
}

fn keyed(name: &str, body: u8) -> WriteOptions {
    WriteOptions {
        key: Some(key(name, body)),
        deadline: soon(),
    }
}

fn key(name: &str, body: u8) -> Key {
    Key {
        name: name.to_owned(),
        body: [body; 16],
    }
}

fn write(engine: &Engine, changes: Vec<Change>) -> Written {
    engine.write(POINTS, changes, &options()).unwrap()
}

fn document(view: &View, id: &str) -> Value {
    let item = view.item(id).unwrap();
    serde_json::from_slice(item.document).unwrap()
}

fn price(engine: &Engine, id: &str) -> f64 {
    document(&engine.view(POINTS).unwrap(), id)["price"]
        .as_f64()
        .unwrap()
}

fn outcomes(written: &Written) -> Vec<String> {
    written
        .outcomes
        .iter()
        .map(|outcome| format!("{outcome:?}"))
        .collect()
}

/// What was said of the one change that was refused.
fn refusal(written: &Written) -> (String, String) {
    match &written.outcomes[..] {
        [Outcome::Rejected(EngineError::Invalid { field, detail })] => (field.clone(), detail.clone()),
        other => panic!("{other:?}"),
    }
}

/// All items as they are served, by id.
fn everything(engine: &Engine) -> Vec<(String, Value)> {
    let view = engine.view(POINTS).unwrap();
    let mut all: Vec<(String, Value)> = view
        .live()
        .items()
        .map(|item| {
            let item = item.unwrap();
            (item.id.to_owned(), serde_json::from_slice(item.document).unwrap())
        })
        .collect();
    all.sort_by(|a, b| a.0.cmp(&b.0));
    all
}

//! Small states with vectors of three numbers.

use crate::live::{Item, Live, Step};
use crate::schema::{self, FieldValues, Schema};
use crate::snapshot::{BuildFacts, Made, Manifest, Snapshot, SnapshotWriter, Store, Verify};
use alike_indexes::{BuildSettings, Kind, Metric};
use serde_json::json;
use std::sync::Arc;
use tempfile::TempDir;

pub(super) fn schema() -> Schema {
    serde_json::from_value(
        json!({"id": "id", "vector": "v", "fields": {"n": {"type": "number", "filter": true}}}),
    )
    .unwrap()
}

/// A snapshot of items `b0`, `b1`, … with these vectors.
pub(super) fn snapshot(vectors: &[Vec<f32>], kind: Kind, metric: Metric) -> (TempDir, Arc<Snapshot>) {
    let folder = tempfile::tempdir().unwrap();
    let collection = Store::create(folder.path()).unwrap().collection("c").unwrap();
    let schema = schema();
    let mut writer = SnapshotWriter::new(&collection, &schema).unwrap();
    for (n, vector) in vectors.iter().enumerate() {
        let item = schema::Item {
            id: format!("b{n}"),
            text: String::new(),
            vector: None,
            values: vec![FieldValues::Numbers(vec![n as f64])],
            document: json!({"id": format!("b{n}"), "n": n}).to_string(),
        };
        writer.push(&item, vector).unwrap();
    }
    writer
        .build_index(&BuildSettings::new(kind, metric), &|_| {})
        .unwrap();
    let made = Made {
        schema,
        document_fields: ["id", "n"].map(String::from).into(),
        model: None,
        metric,
        dimension: vectors.first().map_or(3, Vec::len),
        index: kind,
    };
    let id = writer
        .finish(&collection, Manifest::new("c", made, BuildFacts::default()))
        .unwrap();
    (folder, Arc::new(collection.open(&id, Verify::Full).unwrap()))
}

/// The state of a snapshot of this many items.
pub(super) fn base(rows: usize) -> (TempDir, Live) {
    let vectors: Vec<Vec<f32>> = (0..rows).map(|n| vector(n as i32).to_vec()).collect();
    let (folder, snapshot) = snapshot(&vectors, Kind::Graph, Metric::Dot);
    (folder, Live::new(snapshot))
}

fn vector(n: i32) -> [f32; 3] {
    [n as f32, 1.0, (n % 7) as f32]
}

pub(super) fn item(id: &str, n: i32) -> Item {
    Item {
        id: id.into(),
        document: json!({"id": id, "n": n}).to_string().into(),
        values: vec![FieldValues::Numbers(vec![f64::from(n)])],
        vector: vector(n).as_slice().into(),
        origin: None,
    }
}

pub(super) fn put(id: &str, n: i32) -> Step {
    Step::Put(Arc::new(item(id, n)))
}

pub(super) fn update(id: &str, n: i32) -> Step {
    Step::Update {
        id: id.into(),
        document: json!({"id": id, "n": n}).to_string().into(),
        values: vec![FieldValues::Numbers(vec![f64::from(n)])],
    }
}

mod conformance;
mod crash;
mod damage;
mod encoding;
mod failing;
mod follow;
mod golden;
mod random;
mod simulated;

use super::disk::Disk;
use super::{
    CallNote, EmbeddedLog, Log, LogError, LogSettings, Origin, Position, ReadOnlyLog, Record, StoredItem,
};
use crate::snapshot::TextDigest;
use std::path::{Path, PathBuf};

/// Segments so small that a few records fill one.
const SMALL: LogSettings = LogSettings {
    segment_bytes: 400,
    start: Position::START,
};

fn upsert(id: &str, vector: &[f32]) -> Record {
    Record::Upsert(StoredItem {
        id: id.into(),
        document: format!(r#"{{"id":"{id}"}}"#).into(),
        vector: vector.into(),
        origin: None,
    })
}

fn delete(id: &str) -> Record {
    Record::Delete { id: id.into() }
}

/// One of every kind.
fn every_kind() -> Vec<Record> {
    vec![
        Record::Upsert(StoredItem {
            id: "mug".into(),
            document: r#"{"id":"mug","price":9.5}"#.into(),
            vector: [0.5, -0.25, f32::MIN_POSITIVE].into(),
            origin: Some(Origin {
                model: *b"model digest 16b",
                variant: *b"int8\0\0\0\0\0\0\0\0\0\0\0\0",
                text: TextDigest(*b"text digest 16 b"),
            }),
        }),
        upsert("čaj ☕", &[]),
        Record::Update {
            id: "mug".into(),
            document: r#"{"id":"mug","price":8}"#.into(),
        },
        delete("mug"),
        Record::Call(CallNote {
            key: "key-1".into(),
            body: [7; 16],
            at_ms: -1,
            answer: r#"{"position":4}"#.into(),
        }),
    ]
}

fn records_of(log: &dyn Log, after: u64) -> Vec<(u64, Record)> {
    let mut records = Vec::new();
    log.read(Position(after), &mut |position, record| {
        records.push((position.0, record));
        Ok(())
    })
    .unwrap();
    records
}

/// The records numbered from `first` on.
fn numbered(first: u64, records: &[Record]) -> Vec<(u64, Record)> {
    (first..).zip(records.iter().cloned()).collect()
}

/// The segments in a folder, in order.
fn segment_files(dir: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> = entries.filter(|path| path.extension().is_some()).collect();
    files.sort();
    files
}

//! Durable changes of one collection in this process: batches of 1,000 items with ready vectors, single items from 64
//! threads, partial updates, what it takes until a change can be found, and reopening with all of it in the log.
//!
//! `cargo bench --bench writes -- [folder]` (a folder on the disk in question; the system's temporary one unless given).

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use alike::changes::{Change, Outcome, WriteOptions, Written};
use alike::config::Config;
use alike::engine::{Engine, ModelPlace, NewCollection, Query, Search, Settings, WriteSettings};
use alike::schema::{Field, FieldType, Schema};
use alike::snapshot::Verify;
use alike::telemetry::Metrics;
use alike_indexes::{Kind, Metric};
use serde_json::{Map, Value, json};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const DIMENSION: usize = 384;
const POINTS: &str = "points";

fn open(data: &Path) -> Engine {
    let settings = Settings {
        data: data.to_path_buf(),
        models: ModelPlace::default(),
        encoder: Config::default().model.encoder(),
        query_cache_bytes: 0,
        verify: Verify::Full,
        record_events: false,
        trending_ttl: Duration::ZERO,
        writes: WriteSettings::default(),
    };
    Engine::open(settings, Arc::new(Metrics::new().unwrap())).unwrap()
}

fn vector(seed: usize) -> Vec<f32> {
    let mut state = seed as u64 ^ 0x9e37_79b9_7f4a_7c15;
    let number = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1_u64 << 23) as f32 - 1.0
    };
    std::iter::repeat_with(number).take(DIMENSION).collect()
}

fn item(at: usize) -> Change {
    let fields: Value = json!({
        "id": format!("item-{at}"),
        "title": format!("A product with a title of ordinary length, number {at}"),
        "price": at as f64 / 100.0,
        "vector": vector(at),
    });
    match fields {
        Value::Object(fields) => Change::Upsert(fields),
        _ => Change::Upsert(Map::new()),
    }
}

fn write(engine: &Engine, changes: Vec<Change>) -> Written {
    let deadline = Instant::now() + Duration::from_secs(60);
    let written = engine
        .write(POINTS, changes, &WriteOptions { key: None, deadline })
        .unwrap();
    let done = |outcome: &Outcome| matches!(outcome, Outcome::Created | Outcome::Updated);
    assert!(written.outcomes.iter().all(done));
    written
}

fn rate(what: &str, count: usize, took: Duration) {
    let rate = count as f64 / took.as_secs_f64();
    println!(
        "{what:<46} {rate:>9.0}/s  ({count} in {:.2} s)",
        took.as_secs_f64()
    );
}

/// What the disk does by itself: appends of 4 KiB, each made durable.
fn fsyncs(folder: &Path) {
    let path = folder.join("fsync.probe");
    let mut file = File::create(&path).unwrap();
    let start = Instant::now();
    for _ in 0..200 {
        file.write_all(&[1; 4_096]).unwrap();
        file.sync_data().unwrap();
    }
    rate("fdatasync of 4 KiB appends", 200, start.elapsed());
    std::fs::remove_file(path).unwrap();
}

/// Calls of `threads` threads, until `total` of them are done.
fn together(threads: usize, total: usize, call: impl Fn(usize) + Sync) -> Duration {
    let next = AtomicUsize::new(0);
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let at = next.fetch_add(1, Ordering::Relaxed);
                    if at >= total {
                        return;
                    }
                    call(at);
                }
            });
        }
    });
    start.elapsed()
}

fn batches(engine: &Engine, callers: usize, first: usize, count: usize) {
    let prepared: Vec<Vec<Change>> = (0..count)
        .map(|batch| (0..1_000).map(|at| item(first + batch * 1_000 + at)).collect())
        .collect();
    let took = together(callers, count, |at| drop(write(engine, prepared[at].clone())));
    rate(
        &format!("items in batches of 1,000, {callers} callers"),
        count * 1_000,
        took,
    );
}

fn percentile(mut times: Vec<f64>, share: f64) -> f64 {
    times.sort_by(f64::total_cmp);
    times[((times.len() - 1) as f64 * share) as usize]
}

/// From the acknowledgment until a search finds the item.
fn visible(engine: &Engine, first: usize) {
    let times: Vec<f64> = (0..300)
        .map(|at| {
            let at = first + at;
            write(engine, vec![item(at)]);
            let start = Instant::now();
            let search = Search {
                query: Query::Vector(vector(at)),
                limit: 1,
                ..Search::default()
            };
            let id = format!("item-{at}");
            while engine
                .search(&engine.view(POINTS).unwrap(), &search)
                .unwrap()
                .hits[0]
                .id
                != id
            {}
            start.elapsed().as_secs_f64() * 1e3
        })
        .collect();
    println!(
        "found after the acknowledgment, ms: p50 {:.2}, p99 {:.2}",
        percentile(times.clone(), 0.5),
        percentile(times, 0.99)
    );
}

fn main() {
    let folder = std::env::args()
        .skip(1)
        .find(|argument| !argument.starts_with("--"));
    let folder = folder.map_or_else(std::env::temp_dir, PathBuf::from);
    let data = tempfile::tempdir_in(&folder).unwrap();
    fsyncs(data.path());
    let engine = open(data.path());
    let number = Field {
        kind: FieldType::Number,
        filter: true,
    };
    let schema = Schema {
        id: "id".to_owned(),
        embed: Vec::new(),
        vector: Some("vector".to_owned()),
        fields: [("price".to_owned(), number)].into(),
    };
    let new = NewCollection {
        schema,
        metric: Metric::Cosine,
        kind: Kind::Graph,
        dimension: Some(DIMENSION),
    };
    engine.create_collection(POINTS, &new).unwrap();
    batches(&engine, 1, 0, 30);
    batches(&engine, 4, 30_000, 30);
    let singles = 20_000;
    let prepared: Vec<Change> = (0..singles).map(|at| item(60_000 + at)).collect();
    let took = together(64, singles, |at| drop(write(&engine, vec![prepared[at].clone()])));
    rate("single items, 64 callers", singles, took);
    let took = together(64, singles, |at| {
        let id = format!("item-{at}");
        let fields = [("price".to_owned(), json!(1))].into_iter().collect();
        drop(write(&engine, vec![Change::Update { id, fields }]));
    });
    rate("single partial updates, 64 callers", singles, took);
    visible(&engine, 80_000);
    let view = engine.view(POINTS).unwrap();
    println!(
        "{} items, {} bytes of memory",
        view.live().len(),
        view.live().bytes()
    );
    let (items, position) = (view.live().len(), view.position());
    drop((view, engine));
    let start = Instant::now();
    let engine = open(data.path());
    let took = start.elapsed();
    let view = engine.view(POINTS).unwrap();
    assert_eq!((view.live().len(), view.position()), (items, position));
    rate(
        "log records replayed when opened again",
        position.0 as usize,
        took,
    );
}

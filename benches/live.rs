//! What a live part costs: commits while there are ever more live rows, and searches beside the bare snapshot.
//!
//! `cargo bench --bench live -- [base rows] [dimension]` (50,000 and 384 unless given). One thread; times in microseconds.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use alike::live::{Asked, Filter, Item, Live, Step};
use alike::log::Position;
use alike::schema::{self, FieldValues, Schema};
use alike::snapshot::{BuildFacts, Made, Manifest, Snapshot, SnapshotWriter, Store, Test, Verify};
use alike_indexes::{BuildSettings, Effort, Kind, Metric, Scratch};
use serde_json::json;
use std::sync::Arc;
use std::time::Instant;
use tempfile::TempDir;

/// Megabytes of memory that this process has.
fn resident() -> f64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let resident = pages
        .split_whitespace()
        .nth(1)
        .and_then(|pages| pages.parse::<f64>().ok());
    resident.unwrap_or(0.0) * 4_096.0 / 1e6
}

/// Items of 200 clusters, always the same ones.
struct Catalog {
    state: u64,
    centers: Vec<Vec<f32>>,
    dimension: usize,
    made: usize,
}

impl Catalog {
    fn new(dimension: usize) -> Self {
        let mut catalog = Self {
            state: 7,
            centers: Vec::new(),
            dimension,
            made: 0,
        };
        catalog.centers = (0..200).map(|_| catalog.noise()).collect();
        catalog
    }

    fn next(&mut self) -> u64 {
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.state >> 33
    }

    /// Sums of three uniform numbers: close to a bell.
    fn noise(&mut self) -> Vec<f32> {
        let dimension = self.dimension;
        let mut number = || {
            (0..3)
                .map(|_| self.next() as f32 / (1_u64 << 31) as f32 - 0.5)
                .sum()
        };
        (0..dimension).map(|_| number()).collect()
    }

    fn vector(&mut self) -> Vec<f32> {
        let center = self.next() as usize % self.centers.len();
        let noise = self.noise();
        self.centers[center]
            .iter()
            .zip(noise)
            .map(|(center, noise)| center + 0.7 * noise)
            .collect()
    }

    fn values(&mut self) -> (Vec<FieldValues>, serde_json::Value) {
        let (category, price) = (
            format!("category {}", self.next() % 20),
            (self.next() % 10_000) as f64 / 100.0,
        );
        let values = vec![
            FieldValues::Keywords(vec![category.clone()]),
            FieldValues::Numbers(vec![price]),
        ];
        (
            values,
            json!({"id": format!("item-{}", self.made), "title": "A title of about forty characters, or so", "category": category, "price": price}),
        )
    }

    fn item(&mut self) -> Item {
        let (values, document) = self.values();
        let id = format!("item-{}", self.made).into();
        self.made += 1;
        let vector = self.vector().into();
        Item {
            id,
            document: document.to_string().into(),
            values,
            vector,
            origin: None,
        }
    }

    fn steps(&mut self, count: usize) -> Vec<Step> {
        (0..count).map(|_| Step::Put(Arc::new(self.item()))).collect()
    }
}

fn main() {
    let numbers: Vec<usize> = std::env::args()
        .filter_map(|argument| argument.parse().ok())
        .collect();
    let (rows, dimension) = (
        numbers.first().copied().unwrap_or(50_000),
        numbers.get(1).copied().unwrap_or(384),
    );
    let mut catalog = Catalog::new(dimension);
    let started = Instant::now();
    let (_folder, snapshot) = publish(&mut catalog, rows);
    println!(
        "base: {rows} rows of {dimension} numbers, built in {:.1} s",
        started.elapsed().as_secs_f64()
    );
    commits(&snapshot, &mut catalog);
    replay(&snapshot, &mut catalog);
    searches(&snapshot, &mut catalog);
    patches(&snapshot, &mut catalog);
}

fn publish(catalog: &mut Catalog, rows: usize) -> (TempDir, Arc<Snapshot>) {
    let folder = tempfile::tempdir().unwrap();
    let collection = Store::create(folder.path()).unwrap().collection("bench").unwrap();
    let schema: Schema = serde_json::from_value(json!({"id": "id", "vector": "v", "fields": {
        "category": {"type": "keyword", "filter": true}, "price": {"type": "number", "filter": true}}}))
    .unwrap();
    let mut writer = SnapshotWriter::new(&collection, &schema).unwrap();
    for _ in 0..rows {
        let item = catalog.item();
        let stored = schema::Item {
            id: item.id.into(),
            text: String::new(),
            vector: None,
            values: item.values,
            document: item.document.into(),
        };
        writer.push(&stored, &item.vector).unwrap();
    }
    let settings = BuildSettings {
        ef_construction: 64,
        ..BuildSettings::new(Kind::Graph, Metric::Cosine)
    };
    writer.build_index(&settings, &|_| {}).unwrap();
    let made = Made {
        schema,
        document_fields: ["category", "id", "price", "title"].map(String::from).into(),
        model: None,
        metric: Metric::Cosine,
        dimension: catalog.dimension,
        index: Kind::Graph,
    };
    let id = writer
        .finish(&collection, Manifest::new("bench", made, BuildFacts::default()))
        .unwrap();
    (folder, Arc::new(collection.open(&id, Verify::Quick).unwrap()))
}

/// Applies steps as one commit to a clone, as the writer does; the microseconds that took.
fn commit(live: &mut Live, steps: Vec<Step>) -> f64 {
    let first = live.position().0 + 1;
    let started = Instant::now();
    let mut next = live.clone();
    next.apply((first..).map(Position).zip(steps));
    *live = next;
    started.elapsed().as_secs_f64() * 1e6
}

/// A state with as many live rows, which came in commits of 1,000.
fn grown(snapshot: &Arc<Snapshot>, catalog: &mut Catalog, rows: usize) -> Live {
    let mut live = Live::new(Arc::clone(snapshot));
    for start in (0..rows).step_by(1_000) {
        let steps = catalog.steps(1_000.min(rows - start));
        commit(&mut live, steps);
    }
    live
}

/// As [`grown`], sealed as far as it wants to be.
fn sealed(live: &Live, folder: &TempDir) -> Live {
    let mut live = live.clone();
    while let Some(order) = live.sealing() {
        let started = Instant::now();
        let sealed = order.seal(folder.path()).unwrap();
        let (rows, built) = (order.rows(), started.elapsed());
        let started = Instant::now();
        live.replace_sealed(sealed);
        println!(
            "  sealed {rows} rows in {:.2} s, taken over in {:.0} µs",
            built.as_secs_f64(),
            started.elapsed().as_secs_f64() * 1e6
        );
    }
    live
}

fn show(what: &str, mut times: Vec<f64>) {
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    let mean = times.iter().sum::<f64>() / times.len() as f64;
    println!(
        "  {what:<44} mean {mean:>8.1}  p50 {:>8.1}  p99 {:>8.1}  most {:>8.1}",
        at(0.5),
        at(0.99),
        at(1.0)
    );
}

fn commits(snapshot: &Arc<Snapshot>, catalog: &mut Catalog) {
    println!("commits of new items, µs per commit");
    for rows in [0, 20_000, 100_000] {
        let before = resident();
        let grown = grown(snapshot, catalog, rows);
        let resident = resident() - before;
        for (size, count) in [(1, 2_000), (64, 200), (1_000, 30)] {
            let mut live = grown.clone();
            let times = (0..count)
                .map(|_| commit(&mut live, catalog.steps(size)))
                .collect();
            show(&format!("{rows} live rows, {size} per commit"), times);
        }
        let mut live = grown.clone();
        let base = snapshot.rows();
        let update = |n: usize, catalog: &mut Catalog| {
            let (values, document) = catalog.values();
            let id = format!("item-{}", n * 7_919 % base).into();
            Step::Update {
                id,
                document: document.to_string().into(),
                values,
            }
        };
        let times = (0..2_000)
            .map(|n| commit(&mut live, vec![update(n, catalog)]))
            .collect();
        show(&format!("{rows} live rows, 1 update of a base row"), times);
        let counted = grown.bytes() as f64 / 1e6;
        println!("  {rows} live rows: {counted:.1} MB counted, {resident:.1} MB resident");
    }
}

fn replay(snapshot: &Arc<Snapshot>, catalog: &mut Catalog) {
    let steps = catalog.steps(100_000);
    let mut live = Live::new(Arc::clone(snapshot));
    println!(
        "replay of 100,000 new items at once: {:.0} ms",
        commit(&mut live, steps) / 1e3
    );
}

fn filters() -> [(&'static str, Option<Filter>); 3] {
    let category = Filter::Field(0, Test::any_keyword(vec!["category 3".to_owned()]));
    let cheap = Filter::Field(
        1,
        Test::Range {
            low: None,
            high: Some((50.0, false)),
        },
    );
    [
        ("no filter", None),
        ("5 %", Some(category)),
        ("50 %", Some(cheap)),
    ]
}

fn searches(snapshot: &Arc<Snapshot>, catalog: &mut Catalog) {
    println!("searches, k = 10, µs per query");
    let queries: Vec<Vec<f32>> = (0..2_000).map(|_| catalog.vector()).collect();
    let folder = tempfile::tempdir().unwrap();
    for rows in [0, 1_000, 20_000] {
        let blocks = grown(snapshot, catalog, rows);
        ask(&format!("{rows} live rows"), &blocks, &queries);
        if blocks.sealing().is_some() {
            ask(
                &format!("{rows} live rows, sealed"),
                &sealed(&blocks, &folder),
                &queries,
            );
        }
        if rows > 0 {
            let mut dead = blocks.clone();
            let ids = (0..snapshot.rows() / 20).map(|n| Step::Delete {
                id: format!("item-{}", n * 20).into(),
            });
            commit(&mut dead, ids.collect());
            ask(
                &format!("{rows} live rows, 5 % of the base deleted"),
                &dead,
                &queries,
            );
        }
    }
}

fn patches(snapshot: &Arc<Snapshot>, catalog: &mut Catalog) {
    println!("every base row has another price, in commits of 1,000");
    let mut live = Live::new(Arc::clone(snapshot));
    let ids: Vec<usize> = (0..snapshot.rows()).collect();
    let times = ids.chunks(1_000).map(|chunk| {
        let steps = chunk.iter().map(|n| {
            let (values, document) = catalog.values();
            Step::Update {
                id: format!("item-{n}").into(),
                document: document.to_string().into(),
                values,
            }
        });
        let steps = steps.collect();
        commit(&mut live, steps)
    });
    show("commit", times.collect());
    let queries: Vec<Vec<f32>> = (0..2_000).map(|_| catalog.vector()).collect();
    ask("all patched", &live, &queries);
    println!("  {:.1} MB", live.bytes() as f64 / 1e6);
}

fn ask(what: &str, live: &Live, queries: &[Vec<f32>]) {
    let (mut scratch, mut found) = (Scratch::new(), Vec::new());
    let asked = Asked {
        k: 10,
        effort: Effort::Recall(0.97),
    };
    for (name, filter) in filters() {
        let times = queries.iter().map(|query| {
            let started = Instant::now();
            let selection = live.select(filter.as_ref());
            live.search(query, asked, &selection, &mut scratch, &mut found)
                .unwrap();
            started.elapsed().as_secs_f64() * 1e6
        });
        show(&format!("{what}, {name}"), times.collect());
    }
}

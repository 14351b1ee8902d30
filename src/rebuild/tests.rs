//! Snapshots out of snapshots, with vectors that items bring.

use super::*;
use crate::changes::{Change, WriteOptions};
use crate::engine::{EngineError, ModelPlace, NewCollection, Query, Search, Settings, WriteSettings};
use crate::jobs::JobState;
use crate::snapshot::{Store, Verify};
use crate::telemetry::Metrics;
use alike_embeddings::EncoderSettings;
use alike_indexes::Effort;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const C: &str = "points";
const PATIENCE: Duration = Duration::from_secs(60);

struct Bench {
    engine: Arc<Engine>,
    metrics: Arc<Metrics>,
    data: tempfile::TempDir,
}

struct Quiet;

impl Watcher for Quiet {
    fn at(&self, _phase: &'static str, _share: f64) {}

    fn canceled(&self) -> bool {
        false
    }
}

/// Does something once, when a phase begins.
struct When<F> {
    phase: &'static str,
    done: AtomicBool,
    then: F,
}

impl<F: Fn() + Sync> Watcher for When<F> {
    fn at(&self, phase: &'static str, _share: f64) {
        if phase == self.phase && !self.done.swap(true, Ordering::Relaxed) {
            (self.then)();
        }
    }

    fn canceled(&self) -> bool {
        false
    }
}

/// Stops at a phase.
struct StopAt(&'static str, AtomicBool);

impl Watcher for StopAt {
    fn at(&self, phase: &'static str, _share: f64) {
        if phase == self.0 {
            self.1.store(true, Ordering::Relaxed);
        }
    }

    fn canceled(&self) -> bool {
        self.1.load(Ordering::Relaxed)
    }
}

fn schema() -> Schema {
    serde_json::from_value(json!({
        "id": "id", "vector": "v", "fields": {"n": {"type": "number", "filter": true}},
    }))
    .unwrap()
}

/// A point on a circle, as wide as its number says.
fn point(at: usize, n: &Value) -> Change {
    let angle = at as f32 * 0.013;
    let fields = json!({"id": format!("p{at}"), "v": [angle.cos(), angle.sin(), (at % 7) as f32 * 0.1], "n": n, "at": at});
    let Value::Object(fields) = fields else {
        unreachable!()
    };
    Change::Upsert(fields)
}

impl Bench {
    fn new() -> Self {
        let data = tempfile::tempdir().unwrap();
        fs::create_dir_all(data.path()).unwrap();
        let metrics = Arc::new(Metrics::new().unwrap());
        let settings = Settings {
            data: data.path().to_path_buf(),
            models: ModelPlace::default(),
            encoder: EncoderSettings::for_bulk(1),
            query_cache_bytes: 0,
            verify: Verify::Quick,
            record_events: false,
            trending_ttl: Duration::ZERO,
            writes: WriteSettings {
                segment_bytes: 4 << 10,
                min_free_bytes: 0,
                ..WriteSettings::default()
            },
        };
        let engine = Arc::new(Engine::open(settings, Arc::clone(&metrics)).unwrap());
        let new = NewCollection {
            schema: schema(),
            metric: Metric::Cosine,
            kind: Kind::Graph,
            dimension: Some(3),
        };
        engine.create_collection(C, &new).unwrap();
        Self {
            engine,
            metrics,
            data,
        }
    }

    /// One with 300 items in its snapshot.
    fn filled() -> Self {
        let bench = Self::new();
        bench.put(0..300);
        bench.rebuild().unwrap();
        bench
    }

    fn collection(&self) -> Collection {
        Store::open(self.data.path()).unwrap().collection(C).unwrap()
    }

    fn view(&self) -> Arc<View> {
        self.engine.view(C).unwrap()
    }

    fn write(&self, changes: Vec<Change>) {
        let options = WriteOptions {
            key: None,
            deadline: Instant::now() + PATIENCE,
        };
        let written = self.engine.write(C, changes, &options).unwrap();
        for outcome in written.outcomes {
            assert!(
                !matches!(outcome, crate::changes::Outcome::Rejected(_)),
                "{outcome:?}"
            );
        }
    }

    fn put(&self, items: std::ops::Range<usize>) {
        self.write(items.map(|at| point(at, &json!(at))).collect());
    }

    fn order(&self) -> Order {
        Order {
            force: false,
            publish: true,
            settings: SnapshotSettings::default(),
        }
    }

    fn rebuild_with(&self, order: &Order, watcher: &dyn Watcher) -> Result<Rebuilt, RebuildError> {
        rebuild(&self.engine, &self.collection(), &self.view(), order, watcher)
    }

    /// Builds and serves.
    fn rebuild(&self) -> Result<Rebuilt, RebuildError> {
        let rebuilt = self.rebuild_with(&self.order(), &Quiet)?;
        self.engine.adopt_now(C)?;
        Ok(rebuilt)
    }

    fn maintenance(&self, settings: SnapshotSettings) -> Maintenance {
        Maintenance::new(Arc::clone(&self.engine), Arc::clone(&self.metrics), settings)
    }

    /// All items by id.
    fn items(&self) -> BTreeMap<String, Value> {
        let view = self.view();
        let items = view.live().items().map(|item| {
            let item = item.unwrap();
            (item.id.to_owned(), serde_json::from_slice(item.document).unwrap())
        });
        items.collect()
    }

    /// The ids nearest to a direction, by exact search.
    fn nearest(&self, filter: Option<Value>) -> Vec<String> {
        let search = Search {
            query: Query::Vector(vec![0.3, 0.9, 0.2]),
            filter,
            limit: 20,
            effort: Effort::Exact,
            ..Search::default()
        };
        let answer = self.engine.search(&self.view(), &search).unwrap();
        answer.hits.into_iter().map(|hit| hit.id).collect()
    }

    fn snapshots(&self) -> Vec<String> {
        self.collection().snapshot_ids().unwrap()
    }
}

#[test]
fn a_rebuild_folds_everything_in_and_answers_the_same() {
    let bench = Bench::filled();
    bench.put(290..340);
    // Ten came again as they were; these get other vectors.
    let moved = (100..105).map(|at| match point(at + 5_000, &json!(at)) {
        Change::Upsert(mut fields) => {
            fields.insert("id".to_owned(), json!(format!("p{at}")));
            Change::Upsert(fields)
        }
        other => other,
    });
    bench.write(moved.collect());
    bench.write(vec![
        Change::Delete { id: "p5".to_owned() },
        Change::Update {
            id: "p7".to_owned(),
            fields: json!({"n": -7, "new": "x"}).as_object().unwrap().clone(),
        },
    ]);
    let (items, filter) = (bench.items(), json!({"n": {"lt": 100}}));
    let answers = (bench.nearest(None), bench.nearest(Some(filter.clone())));
    let before = bench.view();
    assert_eq!((before.live().live_rows(), before.live().dead_rows()), (45, 6));
    let rebuilt = bench.rebuild().unwrap();
    assert!(rebuilt.published && !rebuilt.unchanged);
    assert_eq!((rebuilt.items, rebuilt.position), (339, before.position()));
    let merged = rebuilt.merged.unwrap();
    assert!(
        merged.kept + merged.healed > 200,
        "links are taken over: {merged:?}"
    );
    let after = bench.view();
    assert_eq!(after.snapshot().id(), rebuilt.snapshot);
    assert_eq!(
        (
            after.live().live_rows(),
            after.live().dead_rows(),
            after.live().patched_rows()
        ),
        (0, 0, 0)
    );
    let manifest = after.snapshot().manifest();
    assert_eq!(manifest.parent.as_deref(), Some(before.snapshot().id()));
    assert_eq!(manifest.log_position, before.position().0);
    assert_eq!(manifest.document_fields, ["at", "id", "n", "new"]);
    assert_eq!(bench.items(), items);
    assert_eq!((bench.nearest(None), bench.nearest(Some(filter))), answers);
    assert_eq!(items["p7"]["n"].as_f64(), Some(-7.0));
    let verified = rebuilt.verified.unwrap();
    assert_eq!((verified.unreachable, verified.items), (0, 339));
    assert!(verified.recall_at_10.unwrap() > 0.95, "{verified:?}");
}

#[test]
fn without_changes_nothing_is_built_unless_forced() {
    let bench = Bench::filled();
    let served = bench.view().snapshot().id().to_owned();
    let again = bench.rebuild().unwrap();
    assert!(again.unchanged);
    assert_eq!(again.snapshot, served);
    let forced = Order {
        force: true,
        ..bench.order()
    };
    let forced = bench.rebuild_with(&forced, &Quiet).unwrap();
    assert!(!forced.unchanged && forced.snapshot != served);
}

#[test]
fn an_empty_collection_can_be_rebuilt() {
    let bench = Bench::filled();
    let all = (0..300).map(|at| Change::Delete { id: format!("p{at}") });
    bench.write(all.collect());
    let rebuilt = bench.rebuild().unwrap();
    assert_eq!(rebuilt.items, 0);
    bench.put(0..3);
    assert_eq!(bench.rebuild().unwrap().items, 3);
    assert_eq!(bench.nearest(None).len(), 3);
}

#[test]
fn a_canceled_build_changes_nothing() {
    let bench = Bench::filled();
    bench.put(300..320);
    let (pointer, snapshots) = (bench.collection().pointer().unwrap(), bench.snapshots());
    for phase in ["gather", "index", "verify"] {
        let stopped = bench.rebuild_with(&bench.order(), &StopAt(phase, AtomicBool::new(false)));
        assert!(
            matches!(stopped, Err(RebuildError::Canceled)),
            "{phase}: {stopped:?}"
        );
        assert_eq!(bench.collection().pointer().unwrap(), pointer, "{phase}");
        assert_eq!(bench.snapshots(), snapshots, "{phase}");
        let staged = fs::read_dir(bench.collection().dir().join("staging"))
            .unwrap()
            .count();
        assert_eq!(staged, 0, "{phase}");
    }
    assert!(bench.rebuild().unwrap().published);
}

#[test]
fn what_took_over_meanwhile_is_not_overtaken() {
    let bench = Bench::filled();
    bench.put(300..310);
    let first = bench.collection().pointer().unwrap();
    let rolled = When {
        phase: "verify",
        done: AtomicBool::new(false),
        then: || drop(rollback(&bench.collection()).unwrap()),
    };
    let error = bench.rebuild_with(&bench.order(), &rolled).unwrap_err();
    assert!(matches!(error, RebuildError::Overtaken { .. }), "{error}");
    assert_eq!(bench.collection().current().unwrap(), first.history[0]);
}

#[test]
fn rollback_goes_back_and_loses_nothing() {
    let bench = Bench::filled();
    bench.put(300..320);
    bench.rebuild().unwrap();
    bench.put(320..330);
    let (items, served) = (bench.items(), bench.view().snapshot().id().to_owned());
    let maintenance = bench.maintenance(SnapshotSettings::default());
    let back = maintenance.rollback(C).unwrap();
    assert_eq!(back.from, served);
    assert_eq!(bench.view().snapshot().id(), back.snapshot);
    assert_eq!(bench.items(), items, "the log after it is applied again");
    maintenance.promote(C, &served, false).unwrap();
    assert_eq!(bench.view().snapshot().id(), served);
    assert_eq!(bench.items(), items);
    for _ in 0..2 {
        maintenance.rollback(C).unwrap();
    }
    let error = maintenance.rollback(C).unwrap_err();
    assert!(matches!(error, RebuildError::NothingBefore { .. }), "{error}");
    assert!(error.to_string().contains("nothing to go back to"), "{error}");
    assert_eq!(bench.items(), items);
}

#[test]
fn snapshots_of_another_make_are_not_promoted() {
    let bench = Bench::filled();
    let missing = bench
        .maintenance(SnapshotSettings::default())
        .promote(C, "nothing", true);
    let missing = missing.unwrap_err().to_string();
    assert!(missing.contains("nothing") && missing.contains(C), "{missing}");
    let served = bench.view();
    let altered = serde_json::from_value(json!({"id": "id", "vector": "v"})).unwrap();
    let aside = Order {
        publish: false,
        ..bench.order()
    };
    let aside = alter(
        &bench.engine,
        &bench.collection(),
        &served,
        altered,
        &aside,
        &Quiet,
    )
    .unwrap();
    assert!(!aside.published);
    let maintenance = bench.maintenance(SnapshotSettings::default());
    let error = maintenance.promote(C, &aside.snapshot, true).unwrap_err();
    assert!(
        matches!(error, RebuildError::Differs { what: "schema", .. }),
        "{error}"
    );
    assert_eq!(bench.collection().current().unwrap(), served.snapshot().id());
}

#[test]
fn a_damaged_snapshot_is_not_promoted() {
    let bench = Bench::filled();
    let first = bench.view().snapshot().id().to_owned();
    bench.put(300..310);
    bench.rebuild().unwrap();
    let documents = bench.collection().snapshot_dir(&first).join("documents.bin");
    let mut bytes = fs::read(&documents).unwrap();
    bytes[10] ^= 1;
    fs::remove_file(&documents).unwrap();
    fs::write(&documents, bytes).unwrap();
    let maintenance = bench.maintenance(SnapshotSettings::default());
    let served = bench.view().snapshot().id().to_owned();
    let error = maintenance.promote(C, &first, true).unwrap_err().to_string();
    assert!(
        error.contains("documents.bin") && error.contains("damaged"),
        "{error}"
    );
    assert_eq!(bench.view().snapshot().id(), served);
    let job = maintenance.verify(C, &first).unwrap();
    let job = maintenance.jobs().wait(&job.id, PATIENCE).unwrap();
    assert_eq!(job.state, JobState::Failed);
    let job = maintenance.verify(C, &served).unwrap();
    let job = maintenance.jobs().wait(&job.id, PATIENCE).unwrap();
    assert_eq!(job.result.unwrap()["verified"]["items"], 310);
}

#[test]
fn what_answers_golden_queries_worse_is_refused_until_forced() {
    let bench = Bench::filled();
    bench.put(300..310);
    let golden = bench.collection().golden_path();
    // The item is found by what is served, and is gone when the candidate is built.
    let expected = json!({"vector": [0.3, 0.9, 0.2], "expected": bench.nearest(None)[..5]});
    fs::write(&golden, expected.to_string()).unwrap();
    let view = bench.view();
    bench.write(
        bench.nearest(None)[..5]
            .iter()
            .map(|id| Change::Delete { id: id.clone() })
            .collect(),
    );
    bench.rebuild_with(&bench.order(), &Quiet).unwrap();
    let candidate = bench.collection().current().unwrap();
    let gate = Gate::of(&SnapshotSettings::default());
    let golden = read_golden(&golden).unwrap();
    let before = verify::measure(&bench.engine, &view, &golden).unwrap();
    let after = bench.engine.beside(&view, &candidate).unwrap();
    let after = verify::measure(&bench.engine, &after, &golden).unwrap();
    assert_eq!((before.golden, after.golden), (Some(1.0), Some(0.0)));
    let error = gate
        .compare((&candidate, &after), ("served", &before))
        .unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("0.0000 after 1.0000") && text.contains("gate_golden"),
        "{text}"
    );
}

#[test]
fn gc_keeps_what_is_needed_and_shortens_the_log() {
    let bench = Bench::new();
    for round in 0..6 {
        bench.put(round * 100..round * 100 + 100);
        bench.rebuild().unwrap();
    }
    let (items, all) = (bench.items(), bench.snapshots().len());
    assert_eq!(all, 7);
    let kept_out = bench.collection().pointer().unwrap().history[1].clone();
    let copy = bench.data.path().join("copy");
    copy_dir(&bench.collection().snapshot_dir(&kept_out), &copy);
    let log_start = || promote::log_start(&bench.collection()).unwrap();
    assert_eq!(log_start(), Position::START);
    let maintenance = bench.maintenance(SnapshotSettings {
        keep: 2,
        ..SnapshotSettings::default()
    });
    let job = maintenance.collect(C).unwrap();
    let job = maintenance.jobs().wait(&job.id, PATIENCE).unwrap();
    assert_eq!(job.state, JobState::Succeeded, "{job:?}");
    let result = job.result.unwrap();
    assert_eq!(result["removed"].as_array().unwrap().len(), 4, "{result}");
    assert_eq!(
        result["log_through"], 400,
        "that of the older of the two kept: {result}"
    );
    assert_eq!(bench.snapshots().len(), 3);
    let start = log_start();
    assert!(start > Position(200) && start <= Position(400), "{start}");
    assert!(!bench.collection().dir().join("trash").exists());
    assert_eq!(bench.items(), items);
    // Both that are kept can be gone back to.
    for _ in 0..2 {
        maintenance.rollback(C).unwrap();
        assert_eq!(bench.items(), items);
    }
    assert!(maintenance.rollback(C).is_err());
    // One that was brought back from elsewhere is too old for the log.
    copy_dir(&copy, &bench.collection().snapshot_dir(&kept_out));
    let error = maintenance.promote(C, &kept_out, true).unwrap_err();
    assert!(matches!(error, RebuildError::LogGone { .. }), "{error}");
    assert!(
        error.to_string().contains("101 to"),
        "says which changes: {error}"
    );
}

fn copy_dir(from: &std::path::Path, to: &std::path::Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[test]
fn a_collection_is_not_collected_while_it_is_copied_or_built() {
    let bench = Bench::filled();
    let truncate = |_| Ok(());
    let lock = bench.collection().lock_files_shared().unwrap();
    let error = collect(&bench.collection(), &Keep::default(), &truncate, &Quiet).unwrap_err();
    assert!(error.to_string().contains("exported"), "{error}");
    drop(lock);
    let lock = bench.collection().lock_for_build().unwrap();
    let error = collect(&bench.collection(), &Keep::default(), &truncate, &Quiet).unwrap_err();
    assert!(error.to_string().contains("another build"), "{error}");
    drop(lock);
    let pinned = Keep {
        earlier: 0,
        pinned: bench.snapshots().into_iter().collect(),
    };
    let collected = collect(&bench.collection(), &pinned, &truncate, &Quiet).unwrap();
    assert!(
        collected.removed.is_empty(),
        "an experiment needs it: {collected:?}"
    );
    assert_eq!(
        collect(&bench.collection(), &Keep::default(), &truncate, &Quiet)
            .unwrap()
            .removed
            .len(),
        1
    );
}

#[test]
fn a_new_schema_is_checked_against_every_item() {
    let bench = Bench::filled();
    bench.put(300..306);
    let (items, served) = (bench.items(), bench.view().snapshot().id().to_owned());
    let maintenance = bench.maintenance(SnapshotSettings::default());
    let alter = |schema: Value| {
        let schema: Schema = serde_json::from_value(schema).unwrap();
        let job = maintenance.alter(C, schema)?;
        Ok::<_, RebuildError>(maintenance.jobs().wait(&job.id, PATIENCE).unwrap())
    };
    for (schema, field) in [
        (json!({"id": "at", "vector": "v"}), "id"),
        (json!({"id": "id", "embed": ["n"]}), "vector"),
    ] {
        let error = alter(schema).unwrap_err();
        assert!(
            matches!(&error, RebuildError::Schema { field: found, .. } if *found == field),
            "{error}"
        );
    }
    let job =
        alter(json!({"id": "id", "vector": "v", "fields": {"at": {"type": "boolean", "filter": true}}}))
            .unwrap();
    assert_eq!(job.state, JobState::Failed);
    let error = job.error.unwrap();
    assert!(
        error.contains("\"p2\"") && error.contains("`at`") && error.contains("nothing was changed"),
        "{error}"
    );
    assert_eq!(
        (bench.items(), bench.view().snapshot().id()),
        (items.clone(), served.as_str())
    );
    let job = alter(json!({"id": "id", "vector": "v", "fields": {"at": {"type": "number", "filter": true}}}))
        .unwrap();
    assert_eq!(job.state, JobState::Succeeded, "{job:?}");
    assert_eq!(bench.items().len(), items.len());
    assert!(bench.nearest(Some(json!({"at": {"gte": 303}}))).len() == 3);
}

#[test]
fn what_is_written_while_a_schema_changes_is_checked_too() {
    let bench = Bench::filled();
    let schema: Schema =
        serde_json::from_value(json!({"id": "id", "vector": "v", "fields": {"n": {"type": "number", "filter": true}, "tag": {"type": "number", "filter": true}}})).unwrap();
    let mut contrary = point(999, &json!(1));
    if let Change::Upsert(fields) = &mut contrary {
        fields.insert("tag".to_owned(), json!("no number"));
    }
    let meanwhile = When {
        phase: "verify",
        done: AtomicBool::new(false),
        then: || bench.write(vec![contrary.clone()]),
    };
    let before = bench.collection().pointer().unwrap();
    alter(
        &bench.engine,
        &bench.collection(),
        &bench.view(),
        schema,
        &bench.order(),
        &meanwhile,
    )
    .unwrap();
    let error = bench.engine.adopt_now(C).err().unwrap();
    assert!(matches!(error, EngineError::Refused { .. }), "{error}");
    let maintenance = bench.maintenance(SnapshotSettings::default());
    maintenance.adopt(&bench.collection(), &before).unwrap_err();
    assert_eq!(
        bench.collection().pointer().unwrap(),
        before,
        "the pointer is put back"
    );
    assert_eq!(bench.view().snapshot().id(), before.snapshot);
    assert_eq!(bench.items().len(), 301);
}

#[test]
fn a_rebuild_starts_by_itself_when_it_is_time() {
    let bench = Bench::filled();
    let maintenance = bench.maintenance(SnapshotSettings {
        rebuild_least: 10,
        keep: 0,
        ..SnapshotSettings::default()
    });
    let jobs = || maintenance.jobs().list();
    maintenance.tick();
    assert_eq!(jobs(), [], "nothing has changed");
    bench.put(300..329);
    maintenance.tick();
    assert_eq!(jobs(), [], "too little has changed");
    bench.put(329..330);
    let items = bench.items();
    maintenance.tick();
    maintenance.tick();
    let started = jobs();
    assert_eq!(started.len(), 1, "one at a time");
    let job = maintenance.jobs().wait(&started[0].id, PATIENCE).unwrap();
    assert_eq!(job.state, JobState::Succeeded, "{job:?}");
    let result = job.result.unwrap();
    assert_eq!(
        (&result["reason"], &result["items"]),
        (&json!("new"), &json!(330))
    );
    assert_eq!(result["snapshot"], bench.view().snapshot().id());
    assert_eq!(bench.view().live().live_rows(), 0);
    assert_eq!(bench.items(), items);
    assert_eq!(bench.snapshots().len(), 1, "and what nothing needs is collected");
    let text = bench.metrics.encode();
    assert!(
        text.contains("alike_collection_disk_bytes{collection=\"points\",part=\"snapshots\"}"),
        "{text}"
    );
}

#[test]
fn a_rebuild_that_fails_by_itself_backs_off() {
    let bench = Bench::filled();
    fs::write(bench.collection().golden_path(), "nonsense").unwrap();
    let maintenance = bench.maintenance(SnapshotSettings {
        rebuild_least: 10,
        ..SnapshotSettings::default()
    });
    bench.put(300..400);
    maintenance.tick();
    let job = maintenance.jobs().list().remove(0);
    let job = maintenance.jobs().wait(&job.id, PATIENCE).unwrap();
    assert_eq!(job.state, JobState::Failed);
    assert!(job.error.unwrap().contains("golden.jsonl, line 1"));
    maintenance.tick();
    assert_eq!(maintenance.jobs().list().len(), 1, "not again at once");
    assert_eq!(bench.items().len(), 400);
}

//! The default index on a collection that is large enough to walk: recall targets, and plans under filters.

use crate::support::{Server, build, temp_dir};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::LazyLock;

const ROWS: usize = 6_000;
const DIMENSION: usize = 24;
const FLAGS: [&str; 6] = ["--id", "id", "--vector", "v", "--filter", "n"];

/// Numbers in -1..1, always the same ones.
fn numbers(seed: u64) -> impl Iterator<Item = f64> {
    let step = |state: &u64| {
        Some(
            state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407),
        )
    };
    let states = std::iter::successors(step(&seed), step);
    states.map(|state| (state >> 40) as f64 / f64::from(1 << 23) - 1.0)
}

/// Points without any order in many dimensions: as hard as it gets for a graph.
fn catalog() -> String {
    let mut numbers = numbers(1);
    (0..ROWS).fold(String::new(), |mut text, row| {
        let vector: Vec<f64> = numbers.by_ref().take(DIMENSION).collect();
        writeln!(text, r#"{{"id":"p{row}","v":{},"n":{row}}}"#, json!(vector)).unwrap();
        text
    })
}

/// A server with that collection, for all tests here.
fn server() -> &'static Server {
    static SERVER: LazyLock<Server> = LazyLock::new(|| {
        let data = temp_dir().keep();
        build(&data, "cloud", &catalog(), &FLAGS).succeeded();
        Server::start_for_good(&data)
    });
    &SERVER
}

/// Sums over 40 queries.
#[derive(Debug, Default)]
struct Sum {
    distances: f64,
    found: f64,
    wanted: f64,
    kinds: BTreeSet<String>,
}

impl Sum {
    fn recall(&self) -> f64 {
        self.found / self.wanted
    }
}

/// Asks 40 queries with these fields beside them, and again with `exact`.
fn ask(fields: &Value) -> Sum {
    let mut numbers = numbers(2);
    let mut sum = Sum::default();
    for _ in 0..40 {
        let vector: Vec<f64> = numbers.by_ref().take(DIMENSION).collect();
        let mut body = json!({"vector": vector, "plan": true, "fields": []});
        body.as_object_mut()
            .unwrap()
            .extend(fields.as_object().unwrap().clone());
        let answer = server().search("cloud", &body);
        let plan = answer.json()["plan"].clone();
        body.as_object_mut().unwrap().remove("recall");
        body["exact"] = true.into();
        let truth = server().search("cloud", &body).ids();
        sum.distances += plan["distances"].as_f64().unwrap();
        sum.found += answer.ids().iter().filter(|id| truth.contains(id)).count() as f64;
        sum.wanted += truth.len() as f64;
        sum.kinds.insert(plan["kind"].as_str().unwrap().to_owned());
        assert_eq!(
            plan["recall_target"].as_f64().unwrap(),
            fields["recall"].as_f64().unwrap()
        );
        assert_eq!(answer.json()["exact"], plan["kind"] == "exact");
        assert_eq!(answer.ids().len(), truth.len());
    }
    sum
}

#[test]
fn more_recall_takes_more_distances() {
    let sums = [0.9, 0.95, 0.99, 1.0].map(|recall| (recall, ask(&json!({"recall": recall}))));
    for (recall, sum) in &sums {
        let kind = if *recall < 1.0 { "graph" } else { "exact" };
        assert_eq!(sum.kinds, [kind.to_owned()].into(), "recall {recall}");
        // 400 neighbors are counted here, ten times as many when the index was built.
        assert!(sum.recall() > recall - 0.03, "recall {recall}: {sum:?}");
    }
    assert!(
        sums.is_sorted_by(|a, b| a.1.distances < b.1.distances),
        "{sums:?}"
    );
    assert_eq!(sums[3].1.distances, (40 * ROWS) as f64);
}

#[test]
fn a_collection_says_what_recall_takes_and_reaches() {
    let build = &server().get("/v1/collections/cloud").json()["build"];
    let targets = build["targets"].as_array().unwrap();
    let number = |target: &Value, pointer: &str| target.pointer(pointer).unwrap().as_f64().unwrap();
    let asked: Vec<f64> = targets
        .iter()
        .map(|target| number(target, "/recall_target"))
        .collect();
    assert_eq!(asked, [0.9, 0.95, 0.99]);
    for target in targets {
        assert!(
            number(target, "/setting/recall") >= number(target, "/recall_target"),
            "{target}"
        );
        assert!(number(target, "/setting/beam") >= 10.0, "{target}");
        assert!(
            build["calibration"]
                .as_array()
                .unwrap()
                .contains(&target["setting"]),
            "{target}"
        );
    }
    assert!(targets.is_sorted_by(|a, b| number(a, "/setting/distances") < number(b, "/setting/distances")));
    assert_eq!(build["held_out"], 600);
}

#[test]
fn the_plan_depends_on_how_many_rows_pass() {
    for (rows, kind) in [(100, "exact"), (1_000, "scan"), (5_500, "filtered_graph")] {
        let sum = ask(&json!({"recall": 0.95, "filter": {"n": {"lt": rows}}}));
        assert_eq!(sum.kinds, [kind.to_owned()].into(), "{rows} rows");
        assert!(sum.recall() >= 0.93, "{rows} rows: {sum:?}");
        assert!(
            sum.distances <= 40.0 * f64::from(rows) * 1.2,
            "{rows} rows: {sum:?}"
        );
    }
    let metrics = server().get("/metrics").text();
    for plan in ["exact", "scan", "filtered_graph"] {
        let line = format!(r#"alike_searches_total{{collection="cloud",plan="{plan}"}} "#);
        assert!(metrics.contains(&line), "{line} in {metrics}");
    }
}

#[test]
fn the_width_of_codes_can_be_chosen() {
    let data = temp_dir();
    let catalog: String = catalog()
        .lines()
        .take(600)
        .map(|line| format!("{line}\n"))
        .collect();
    for (codes, bits) in [("4", 4), ("8", 8)] {
        let flags = [&FLAGS[..], &["--codes", codes, "--json"]].concat();
        let summary = build(data.path(), "cloud", &catalog, &flags)
            .succeeded()
            .last_line_json();
        assert_eq!(
            (&summary["code_bits"], &summary["index"]),
            (&json!(bits), &json!("graph"))
        );
        assert_eq!(summary["targets"].as_array().unwrap().len(), 3, "{summary}");
    }
    let flags = [&FLAGS[..], &["--kind", "hnsw", "--codes", "8"]].concat();
    build(data.path(), "cloud", &catalog, &flags).failed_naming(&[
        "--codes 8",
        "--kind hnsw",
        "--kind graph",
    ]);
    let flags = [&FLAGS[..], &["--codes", "5"]].concat();
    build(data.path(), "cloud", &catalog, &flags).failed_naming(&["--codes", "auto"]);
}

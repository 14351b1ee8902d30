//! `alike eval`, `alike schema`, `alike bench ann`.

use crate::support::{Server, alike, shared_shop, shop_jsonl, temp_dir};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn eval(judgments: &str) -> crate::support::Finished {
    let (_, data) = shared_shop();
    let folder = temp_dir();
    let file = folder.path().join("judgments.jsonl");
    fs::write(&file, judgments).unwrap();
    let (data, file) = (data.to_str().unwrap(), file.to_str().unwrap());
    alike([
        "eval",
        "--data",
        data,
        "--collection",
        "shop",
        "--judgments",
        file,
        "--json",
    ])
}

#[test]
fn eval_measures_what_can_be_reckoned_by_hand() {
    let (server, _) = shared_shop();
    let ranking = |text: &str| server.search("shop", &json!({"text": text})).ids();
    let (first, second) = (ranking("hot coffee"), ranking("running"));
    let judgments = [
        // The only relevant item stands second: nDCG 1/log2(3), recall 1, reciprocal rank 1/2.
        json!({"query": "hot coffee", "labels": {first[1].as_str(): "exact", first[0].as_str(): "irrelevant"}}),
        // One relevant item first, one missing: nDCG 1/(1 + 1/log2(3)), recall 1/2, reciprocal rank 1.
        json!({"query": "running", "labels": {second[0].as_str(): 1, "not in the catalog": 1.0}}),
    ];
    let lines = format!("{}\n{}\n", judgments[0], judgments[1]);
    let summary = eval(&lines).succeeded().last_line_json();
    let keys: BTreeSet<&str> = summary.as_object().unwrap().keys().map(String::as_str).collect();
    assert!(
        keys.is_superset(&["queries", "ndcg@10", "recall@10", "mrr@10", "mean_ms"].into()),
        "{summary}"
    );
    let discount = 1.0 / 3.0_f64.log2();
    for (key, expected) in [
        ("queries", 2.0),
        ("ndcg@10", f64::midpoint(discount, 1.0 / (1.0 + discount))),
        ("recall@10", 0.75),
        ("mrr@10", 0.75),
    ] {
        let found = summary[key].as_f64().unwrap();
        assert!(
            (found - expected).abs() < 1e-9,
            "{key} is {found}, reckoned {expected}: {summary}"
        );
    }
    assert!(summary["mean_ms"].as_f64().unwrap() > 0.0, "{summary}");
}

#[test]
fn bad_judgments_are_named_by_line_and_field() {
    let good = "{\"query\": \"shoes\", \"labels\": {\"SHO-1\": \"exact\"}}\n";
    for (bad, needles) in [
        ("{\"query\": \"shoes\"}", &["line 2", "labels"][..]),
        ("{\"labels\": {\"SHO-1\": 1}}", &["line 2", "query"]),
        ("{\"query\": 5, \"labels\": {}}", &["line 2", "query"]),
        (
            "{\"query\": \"x\", \"labels\": {\"SHO-1\": \"perfect\"}}",
            &["line 2", "labels.SHO-1", "perfect"],
        ),
        (
            "{\"query\": \"x\", \"labels\": {\"SHO-1\": -1}}",
            &["line 2", "labels.SHO-1"],
        ),
        (
            "{\"query\": \" \", \"labels\": {\"SHO-1\": 1}}",
            &["line 2", "query"],
        ),
        ("nonsense", &["line 2"]),
    ] {
        eval(&format!("{good}{bad}\n")).failed_naming(&[&["judgments.jsonl"], needles].concat());
    }
    eval("").failed_naming(&["judgments.jsonl"]);
    let (_, data) = shared_shop();
    let data = data.to_str().unwrap();
    alike([
        "eval",
        "--data",
        data,
        "--collection",
        "shop",
        "--judgments",
        "/does/not/exist",
        "--json",
    ])
    .failed_naming(&["/does/not/exist"]);
    let folder = temp_dir();
    let file = folder.path().join("judgments.jsonl");
    fs::write(&file, good).unwrap();
    alike([
        "eval",
        "--data",
        data,
        "--collection",
        "shpo",
        "--judgments",
        file.to_str().unwrap(),
        "--json",
    ])
    .failed_naming(&["shpo", "shop"]);
}

#[test]
fn an_inferred_schema_builds() {
    let data = temp_dir();
    let input = data.path().join("shop.jsonl");
    fs::write(&input, shop_jsonl()).unwrap();
    let (store, input) = (data.path().to_str().unwrap(), input.to_str().unwrap());
    let schema = alike(["schema", input]).succeeded().stdout;
    assert!(
        schema.contains("[collections.shop]") && schema.contains("id = \"id\""),
        "{schema}"
    );
    let settings = data.path().join("alike.toml");
    fs::write(&settings, &schema).unwrap();
    alike([
        "build",
        "--data",
        store,
        "--collection",
        "shop",
        "--input",
        input,
        "--config",
        settings.to_str().unwrap(),
    ])
    .succeeded();
    let server = Server::start(data.path());
    let filter =
        json!({"price": {"lt": 50}, "in_stock": true, "brand": "Verde", "created": {"gte": "2026-01-01"}});
    let ids = server
        .search("shop", &json!({"text": "plants", "filter": filter}))
        .ids();
    assert_eq!(
        ids.iter().map(String::as_str).collect::<BTreeSet<_>>(),
        ["GAR-2", "GAR-3", "GAR-4"].into()
    );
    alike(["schema", "/does/not/exist.csv"]).failed_naming(&["/does/not/exist.csv"]);
}

/// A matrix of 32-bit floats as NumPy writes it (format version 1.0).
fn npy(path: &Path, rows: &[Vec<f32>]) {
    let columns = rows.first().map_or(0, Vec::len);
    let mut header = format!(
        "{{'descr': '<f4', 'fortran_order': False, 'shape': ({}, {columns}), }}",
        rows.len()
    );
    let padding = 64 - (10 + header.len() + 1) % 64;
    header.push_str(&" ".repeat(padding % 64));
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend(rows.iter().flatten().flat_map(|number| number.to_le_bytes()));
    fs::write(path, bytes).unwrap();
}

/// Numbers without pattern, the same each time.
fn vectors(count: usize, dimension: usize, seed: u64) -> Vec<Vec<f32>> {
    let mut state = seed;
    let mut next = move || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        ((state >> 40) as f32 / (1 << 24) as f32) * 2.0 - 1.0
    };
    (0..count)
        .map(|_| (0..dimension).map(|_| next()).collect())
        .collect()
}

#[test]
fn a_small_bench_reports_every_setting() {
    let folder = temp_dir();
    let (base, query) = (folder.path().join("base.npy"), folder.path().join("query.npy"));
    npy(&base, &vectors(500, 16, 1));
    npy(&query, &vectors(20, 16, 2));
    let (base, query) = (base.to_str().unwrap(), query.to_str().unwrap());
    let finished = alike([
        "bench",
        "ann",
        "--base",
        base,
        "--query",
        query,
        "--metric",
        "cosine",
        "--k",
        "10",
        "--kinds",
        "flat,hnsw",
        "--json",
    ])
    .succeeded();
    let rows: Vec<Value> = finished
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let kinds: BTreeSet<&str> = rows.iter().map(|row| row["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["flat", "hnsw"].into());
    for row in &rows {
        let number = |key: &str| row[key].as_f64().unwrap_or_else(|| panic!("{key} in {row}"));
        assert!(!row["setting"].is_null(), "{row}");
        assert!(
            (0.0..=1.0).contains(&number("recall")) && number("qps") > 0.0,
            "{row}"
        );
        assert!(
            0.0 < number("p50_us") && number("p50_us") <= number("p99_us"),
            "{row}"
        );
        assert!(
            number("build_s") >= 0.0 && number("open_ms") >= 0.0 && number("bytes") >= 500.0 * 16.0,
            "{row}"
        );
        if row["kind"] == "flat" {
            assert!((number("recall") - 1.0).abs() < f64::EPSILON, "{row}");
        }
    }
    let best = rows
        .iter()
        .filter(|row| row["kind"] == "hnsw")
        .map(|row| row["recall"].as_f64().unwrap())
        .fold(0.0, f64::max);
    assert!(best > 0.95, "{rows:?}");
}

/// Files of 3,000 clustered base vectors and 40 queries, and their paths.
fn bench_input(folder: &Path) -> [String; 2] {
    let around = |count: usize, seed: u64| -> Vec<Vec<f32>> {
        let centers = vectors(20, 16, 9).into_iter().cycle();
        let noise = vectors(count, 16, seed).into_iter();
        let near = |(center, noise): (Vec<f32>, Vec<f32>)| -> Vec<f32> {
            center
                .iter()
                .zip(noise)
                .map(|(center, noise)| center + 0.5 * noise)
                .collect()
        };
        centers.zip(noise).map(near).collect()
    };
    [("base.npy", 3_000, 1), ("query.npy", 40, 2)].map(|(name, count, seed)| {
        let path = folder.join(name);
        npy(&path, &around(count, seed));
        path.to_str().unwrap().to_owned()
    })
}

/// What any kind of index, the default, is benched with here.
const SMALL_BENCH: [&str; 15] = [
    "--metric",
    "l2",
    "--m",
    "8",
    "--ef-construction",
    "60",
    "--beams",
    "5,10,40",
    "--recalls",
    "0.9,1",
    "--repeat",
    "2",
    "--filter-selectivity",
    "100,10,0.1",
    "--batch",
];

#[test]
fn a_bench_of_filters_and_batches_adds_up() {
    let folder = temp_dir();
    let [base, query] = bench_input(folder.path());
    let fixed = ["bench", "ann", "--base", &base, "--query", &query, "--json"];
    let finished = alike(fixed.into_iter().chain(SMALL_BENCH)).succeeded();
    let lines: Vec<Value> = finished
        .stdout
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let of = |kind: &str, mode: &str| -> Vec<&Value> {
        lines
            .iter()
            .filter(|line| line["kind"] == kind && line["mode"] == mode)
            .collect()
    };
    let settings = |lines: &[&Value]| -> Vec<String> {
        lines
            .iter()
            .map(|line| line["setting"].as_str().unwrap().to_owned())
            .collect()
    };
    let kinds: BTreeSet<&str> = lines.iter().map(|line| line["kind"].as_str().unwrap()).collect();
    assert!(kinds.is_superset(&["flat", "hnsw"].into()), "{kinds:?}");
    for kind in kinds {
        let exact = kind == "flat";
        let (plain, targets) = match exact {
            true => (vec!["exact"], 1),
            false => (vec!["beam=10", "beam=40", "recall=0.9", "recall=1"], 2),
        };
        assert_eq!(settings(&of(kind, "search")), plain, "beams below k are left out");
        // One filter admits everything; of the other sizes there are three each.
        assert_eq!(of(kind, "filter").len(), 7 * targets);
        let cores = std::thread::available_parallelism().unwrap().get();
        let threads: BTreeSet<u64> = of(kind, "batch")
            .iter()
            .map(|line| line["threads"].as_u64().unwrap())
            .collect();
        assert!(
            threads.contains(&1) && threads.contains(&(cores as u64)),
            "{threads:?}"
        );
        assert_eq!(of(kind, "batch").len(), threads.len() * targets);
    }
    for line in &lines {
        check_line(line);
    }
}

/// Figures of one line that follow from each other.
fn check_line(line: &Value) {
    let number = |key: &str| line[key].as_f64().unwrap_or_else(|| panic!("{key} in {line}"));
    assert!(
        (0.0..=1.0).contains(&number("recall")) && number("qps") > 0.0,
        "{line}"
    );
    let plans: u64 = line["plans"]
        .as_object()
        .unwrap()
        .values()
        .map(|count| count.as_u64().unwrap())
        .sum();
    assert_eq!(plans, 40, "{line}");
    if line["setting"] == "recall=1" || line["kind"] == "flat" {
        assert!(number("recall") > 0.999, "{line}");
        assert_eq!(line["plans"], json!({"exact": 40}));
        let admissible = line["admissible"].as_f64().unwrap_or(3_000.0);
        assert!((number("distances") - admissible).abs() < 1e-9, "{line}");
    }
    if line["bytes_per_hop"].is_number() {
        let bytes = number("bytes_per_hop") * number("hops");
        assert!((bytes / number("bytes_per_query") - 1.0).abs() < 1e-6, "{line}");
    }
    assert!(number("limit_us") > 0.0 && number("row_gb_per_s") > 0.0, "{line}");
    assert!(
        number("build_vectors_per_s") > 0.0 && number("build_peak_bytes") > 3_000.0 * 64.0,
        "{line}"
    );
    assert!(
        (1.0..=number("bytes") / 3_000.0).contains(&number("hot_bytes_per_vector")),
        "{line}"
    );
    assert!(number("first_answer_ms") >= number("open_ms"), "{line}");
    match line["mode"].as_str().unwrap() {
        "filter" => {
            let rows = [(100.0, 3_000), (10.0, 300), (0.1, 3)];
            let expected = rows
                .iter()
                .find(|(percent, _)| *percent == number("selectivity"))
                .unwrap();
            assert_eq!(line["admissible"], expected.1, "{line}");
            let relations = ["random", "correlated", "anti_correlated"];
            assert!(relations.contains(&line["filter"].as_str().unwrap()), "{line}");
            assert!(number("qps_ratio") > 0.0 && number("limit_share") > 0.0, "{line}");
        }
        "batch" => assert!(number("qps_ratio") > 0.0 && line["p50_us"].is_null(), "{line}"),
        mode => {
            assert_eq!(mode, "search");
            assert!(
                number("limit_share") > 0.0 && line["qps_ratio"].is_null(),
                "{line}"
            );
            assert!(
                number("p50_us") <= number("p99_us") && line["filter"].is_null(),
                "{line}"
            );
        }
    }
}

#[test]
fn a_bench_prints_tables_and_draws_a_plot() {
    let folder = temp_dir();
    let [base, query] = bench_input(folder.path());
    let plot = folder.path().join("plot.svg");
    let fixed = [
        "bench",
        "ann",
        "--base",
        &base,
        "--query",
        &query,
        "--plot",
        plot.to_str().unwrap(),
    ];
    let table = alike(fixed.into_iter().chain(SMALL_BENCH)).succeeded().stdout;
    let headers: Vec<&str> = table.lines().filter(|line| line.starts_with("kind")).collect();
    assert_eq!(headers.len(), 4, "builds, searches, filters, batches: {table}");
    assert!(headers[1].contains("share") && headers[2].contains("ratio") && headers[3].contains("threads"));
    for row in [
        "hnsw   beam=40",
        "hnsw   recall=0.9",
        "flat   exact",
        "anti_correlated",
        "exact:40",
    ] {
        assert!(table.contains(row), "{row:?} in {table}");
    }
    let plot = fs::read_to_string(&plot).unwrap();
    assert!(
        plot.starts_with("<svg ") && plot.trim_end().ends_with("</svg>"),
        "{plot}"
    );
    for text in [
        "base.npy: 3000 × 16, l2, 40 queries, k = 10",
        ">flat</text>",
        ">hnsw</text>",
    ] {
        assert!(plot.contains(text), "{text:?} in {plot}");
    }
}

#[test]
fn bad_bench_input_is_named() {
    let folder = temp_dir();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (good, narrow, garbage, cut) = (
        path("good.npy"),
        path("narrow.npy"),
        path("garbage.npy"),
        path("cut.npy"),
    );
    npy(Path::new(&good), &vectors(50, 8, 1));
    npy(Path::new(&narrow), &vectors(5, 7, 2));
    fs::write(&garbage, "not numpy").unwrap();
    let bytes = fs::read(&good).unwrap();
    fs::write(&cut, &bytes[..bytes.len() - 3]).unwrap();
    let bench = |base: &str, query: &str, more: &[&str]| {
        let fixed = [
            "bench", "ann", "--base", base, "--query", query, "--metric", "cosine", "--k", "5", "--json",
        ];
        alike(fixed.into_iter().chain(more.iter().copied()))
    };
    bench(&path("missing.npy"), &good, &["--kinds", "flat"]).failed_naming(&["missing.npy"]);
    bench(&garbage, &good, &["--kinds", "flat"]).failed_naming(&["garbage.npy"]);
    bench(&cut, &good, &["--kinds", "flat"]).failed_naming(&["cut.npy"]);
    bench(&good, &narrow, &["--kinds", "flat"]).failed_naming(&["narrow.npy", "7", "8"]);
    bench(&good, &good, &["--kinds", "flat,tree"]).failed_naming(&["tree", "hnsw"]);
    bench(&good, &good, &["--filter-selectivity", "10,0"])
        .failed_naming(&["--filter-selectivity", "at most 100"]);
    bench(&good, &good, &["--recalls", "1.5"]).failed_naming(&["--recalls", "at most 1"]);
    bench(&good, &good, &["--plot", &path("missing/plot.svg")]).failed_naming(&["--plot", "missing"]);
}

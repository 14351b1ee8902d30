//! `alike encode`: what comes out is what went in, row by row, whatever the format.

use crate::formats::write_parquet;
use crate::support::{
    Finished, alike, alike_command, shared_shop, shop_jsonl, shop_rows, temp_dir, venv_python,
};
use arrow::array::{RecordBatch, StringArray};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::ffi::OsStr;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

/// A folder with inputs and outputs.
pub(crate) struct Desk(tempfile::TempDir);

impl Desk {
    pub(crate) fn new() -> Self {
        Self(temp_dir())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, content).unwrap();
        path
    }

    /// The command line that encodes `input` to `out.npy`.
    pub(crate) fn args(&self, input: &Path, flags: &[&str]) -> Vec<String> {
        let (input, out) = (input.to_str().unwrap(), self.path("out.npy"));
        let fixed = ["encode", input, "--out", out.to_str().unwrap()];
        fixed.iter().chain(flags).map(|&arg| arg.to_owned()).collect()
    }

    pub(crate) fn run(&self, input: &Path, flags: &[&str]) -> Finished {
        alike(self.args(input, flags))
    }

    /// The array that a successful run writes.
    #[track_caller]
    pub(crate) fn encode(&self, input: &Path, flags: &[&str]) -> Array {
        self.run(input, flags).succeeded();
        self.result()
    }

    /// The array written last; nothing else is left of the run.
    #[track_caller]
    pub(crate) fn result(&self) -> Array {
        assert!(!self.path("out.npy.partial").exists(), "the partial file is gone");
        assert!(!self.path("out.npy.partial.json").exists(), "the state is gone");
        Array::read(&self.path("out.npy"))
    }
}

/// A NumPy array of vectors, read byte by byte.
#[derive(Debug, PartialEq)]
pub(crate) struct Array {
    pub(crate) rows: usize,
    pub(crate) dimension: usize,
    pub(crate) bytes: Vec<u8>,
    values: Vec<f32>,
}

impl Array {
    #[track_caller]
    fn read(path: &Path) -> Self {
        let bytes = fs::read(path).unwrap();
        assert_eq!(&bytes[..10], b"\x93NUMPY\x01\x00\x76\x00");
        let header = std::str::from_utf8(&bytes[10..128]).unwrap();
        let shape = header
            .split_once("{'descr': '<f4', 'fortran_order': False, 'shape': (")
            .and_then(|(_, rest)| rest.split_once("), }"))
            .unwrap()
            .0;
        let (rows, dimension) = shape.split_once(", ").unwrap();
        let (rows, dimension): (usize, usize) = (rows.parse().unwrap(), dimension.parse().unwrap());
        let (values, rest) = bytes[128..].as_chunks();
        assert_eq!((values.len(), rest.len()), (rows * dimension, 0), "{header}");
        let values = values.iter().map(|value| f32::from_le_bytes(*value)).collect();
        Self {
            rows,
            dimension,
            bytes,
            values,
        }
    }

    pub(crate) fn row(&self, at: usize) -> &[f32] {
        &self.values[at * self.dimension..][..self.dimension]
    }
}

pub(crate) fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let dot =
        |a: &[f32], b: &[f32]| -> f64 { a.iter().zip(b).map(|(&x, &y)| f64::from(x) * f64::from(y)).sum() };
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

const TITLES: [&str; 5] = [
    "a red kettle",
    "running shoes",
    "",
    "Zelt für zwei",
    "a red kettle",
];

fn parquet(desk: &Desk) -> PathBuf {
    let path = desk.path("titles.parquet");
    let titles: arrow::array::ArrayRef = Arc::new(StringArray::from(TITLES.to_vec()));
    let numbers: arrow::array::ArrayRef = Arc::new(StringArray::from(vec!["1"; TITLES.len()]));
    write_parquet(
        &path,
        &RecordBatch::try_from_iter([("n", numbers), ("title", titles)]).unwrap(),
    );
    path
}

/// `{"n": …, "title": …}` per title.
fn objects() -> Vec<Value> {
    let object = |(n, title): (usize, &&str)| json!({"n": n, "title": title});
    TITLES.iter().enumerate().map(object).collect()
}

fn joined(rows: &[Value], separator: &str) -> String {
    let rows: Vec<String> = rows.iter().map(Value::to_string).collect();
    rows.join(separator)
}

#[test]
fn every_format_gives_the_same_array() {
    let desk = Desk::new();
    let text = TITLES.join("\n") + "\n";
    let expected = desk.encode(&desk.file("titles.txt", &text), &[]);
    assert_eq!((expected.rows, expected.dimension), (5, 384));
    let lines = joined(&objects(), "\n");
    let csv = TITLES.map(|title| format!("1,\"{title}\"\n")).concat();
    let tsv = TITLES.map(|title| format!("{title}\t1\r\n")).concat();
    let parquet = parquet(&desk);
    for (input, field) in [
        (desk.file("no ending", &text), None),
        (desk.file("titles.list.gz", gzip(text.as_bytes())), None),
        (
            desk.file("crlf.txt", "\u{feff}".to_owned() + &TITLES.join("\r\n")),
            None,
        ),
        (desk.file("titles.jsonl", &lines), Some("title")),
        (
            desk.file(
                "titles.ndjson.zst",
                zstd::encode_all(lines.as_bytes(), 3).unwrap(),
            ),
            Some("title"),
        ),
        (
            desk.file("titles.json", format!("[{}]", joined(&objects(), ","))),
            Some("title"),
        ),
        (desk.file("titles.csv", format!("n,title\n{csv}")), Some("title")),
        (desk.file("titles.tsv", format!("title\tn\n{tsv}")), Some("title")),
        (
            desk.file(
                "column.csv.gz",
                gzip(
                    format!(
                        "title\n{}\n",
                        TITLES.map(|title| format!("\"{title}\"")).join("\n")
                    )
                    .as_bytes(),
                ),
            ),
            None,
        ),
        (parquet.clone(), Some("title")),
        (
            desk.file("packed.parquet.gz", gzip(&fs::read(&parquet).unwrap())),
            Some("title"),
        ),
    ] {
        let flags: Vec<&str> = field.into_iter().flat_map(|field| ["--field", field]).collect();
        assert_eq!(desk.encode(&input, &flags), expected, "{}", input.display());
    }
}

#[test]
fn rows_are_in_the_order_of_the_file() {
    let desk = Desk::new();
    let texts: Vec<String> = (0..300)
        .map(|at| format!("text {at} {}", "and so on ".repeat(at * 7 % 13)))
        .collect();
    let all = desk.encode(
        &desk.file("all.txt", texts.join("\n")),
        &["--batch-tokens", "512"],
    );
    let mut backwards = texts.clone();
    backwards.reverse();
    let backwards = desk.encode(&desk.file("backwards.txt", backwards.join("\n")), &[]);
    assert_eq!((all.rows, backwards.rows), (300, 300));
    for at in 0..300 {
        let same = cosine(all.row(at), backwards.row(299 - at));
        assert!(same > 0.999_99, "row {at}: {same}");
    }
    assert!(cosine(all.row(0), all.row(7)) < 0.999, "different texts differ");
}

#[test]
fn fields_are_joined_as_a_build_joins_them() {
    let desk = Desk::new();
    let rows = [
        json!({"a": " red ", "b": ["x", "y"], "c": 7}),
        json!({"a": null, "b": "x", "c": true}),
        json!({"b": [], "c": ""}),
    ];
    let input = desk.file("rows.jsonl", joined(&rows, "\n"));
    let found = desk.encode(&input, &["--field", "a,b", "--field", "c"]);
    let plain = desk.encode(&desk.file("rows.txt", "red x, y 7\nx true\n\n"), &[]);
    assert_eq!(found, plain);
}

#[test]
fn a_summary_says_what_is_remarkable() {
    let desk = Desk::new();
    let long = "word ".repeat(500_000);
    let input = desk.file("texts.txt", format!("short\n\n{long}\n \n"));
    let finished = desk.run(&input, &["--json"]).succeeded();
    let summary = finished.last_line_json();
    let bytes = 128 + 4 * 384 * 4;
    for (key, expected) in [
        ("rows", json!(4)),
        ("dimension", json!(384)),
        ("dtype", json!("float32")),
        ("bytes", json!(bytes)),
        ("empty", json!(1)),
        ("truncated", json!(1)),
        ("tokens", json!(3 + 2 + 256 + 2)),
        ("continued_at", json!(0)),
    ] {
        assert_eq!(summary[key], expected, "{key}: {summary}");
    }
    assert_eq!(summary["model"]["name"], "all-minilm-l6-v2");
    assert!(
        finished.stderr.contains("1 empty texts, 1 cut"),
        "{}",
        finished.stderr
    );
    let quiet = desk.run(&input, &["--quiet"]).succeeded();
    assert_eq!((quiet.stdout.as_str(), quiet.stderr.as_str()), ("", ""));
    let array = desk.result();
    let start = desk.encode(&desk.file("start.txt", "word ".repeat(300)), &[]);
    assert!(
        cosine(array.row(2), start.row(0)) > 0.999_99,
        "what is cut off does not count"
    );
}

#[test]
fn standard_input_is_read_as_lines() {
    let desk = Desk::new();
    let expected = desk.encode(&desk.file("titles.txt", TITLES.join("\n")), &[]);
    let mut child = alike_command(desk.args(Path::new("-"), &[]))
        .stdin(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(TITLES.join("\n").as_bytes()).unwrap();
    drop(stdin);
    assert!(child.wait().unwrap().success());
    assert_eq!(desk.result(), expected);
}

/// What NumPy makes of the file: shape, type, and the first row's sum.
fn as_numpy_sees_it(path: &Path) -> String {
    let script = "import numpy, sys; a = numpy.load(sys.argv[1], allow_pickle=False); \
                  print(a.shape, a.dtype, a.flags.c_contiguous, '%.4f' % (a[0] @ a[0] if len(a) else 0))";
    let output = Command::new(venv_python())
        .args([OsStr::new("-c"), OsStr::new(script), path.as_os_str()])
        .output()
        .expect("scripts/setup has installed Python");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

#[test]
fn numpy_reads_it() {
    let desk = Desk::new();
    desk.encode(&desk.file("titles.txt", TITLES.join("\n")), &[]);
    assert_eq!(
        as_numpy_sees_it(&desk.path("out.npy")),
        "(5, 384) float32 True 1.0000"
    );
}

#[test]
fn a_file_without_rows_gives_an_array_without_rows() {
    let desk = Desk::new();
    for (input, flags) in [
        (desk.file("empty.txt", ""), &[][..]),
        (desk.file("mark.txt", "\u{feff}"), &[]),
        (desk.file("empty.txt.gz", ""), &[]),
        (desk.file("empty.jsonl", ""), &["--field", "title"]),
        (desk.file("blank.jsonl", "\n \n"), &[]),
        (desk.file("empty.json", "[]"), &["--field", "title"]),
        (desk.file("header.csv", "id,title\n"), &["--field", "title"]),
        (desk.file("empty.parquet", ""), &["--field", "title"]),
    ] {
        let array = desk.encode(&input, flags);
        assert_eq!(array.rows, 0, "{}", input.display());
        assert_eq!(
            as_numpy_sees_it(&desk.path("out.npy")),
            "(0, 384) float32 True 0.0000"
        );
    }
}

/// The vectors are those of the service: a search by text finds what a search by its vector finds, with the same
/// scores; and an item's vector finds the item.
#[test]
fn the_service_has_the_same_vectors() {
    let (server, _) = shared_shop();
    let desk = Desk::new();
    let questions = ["something for hot drinks", "gift for a child", "wet mountains"];
    let input = desk.file("questions.txt", questions.join("\n"));
    let queries = desk.encode(&input, &["--prefix", "query"]);
    for (at, question) in questions.iter().enumerate() {
        let by_text = server.search("shop", &json!({"text": question, "exact": true, "limit": 40}));
        let body = json!({"vector": queries.row(at), "exact": true, "limit": 40});
        let by_vector = server.search("shop", &body);
        assert_eq!(by_text.ids(), by_vector.ids(), "{question}");
        let (texts, vectors) = (by_text.json()["hits"].clone(), by_vector.json()["hits"].clone());
        for (a, b) in texts.as_array().unwrap().iter().zip(vectors.as_array().unwrap()) {
            let difference = a["score"].as_f64().unwrap() - b["score"].as_f64().unwrap();
            assert!(difference.abs() < 1e-5, "{question}: {a} {b}");
        }
    }
    let input = desk.file("shop.jsonl", shop_jsonl());
    let documents = desk.encode(&input, &["--field", "title,brand"]);
    for (at, row) in shop_rows().iter().enumerate() {
        let body = json!({"vector": documents.row(at), "exact": true, "limit": 1});
        let answer = server.search("shop", &body).json();
        let hit = &answer["hits"][0];
        assert_eq!(hit["id"], row["id"]);
        assert!(hit["score"].as_f64().unwrap() > 0.999_99, "{hit}");
    }
}

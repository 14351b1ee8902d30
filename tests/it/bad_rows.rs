//! Rows that cannot be used: reported with line and reason, fatal or skipped as asked.

use crate::bad_input::Bench;
use crate::support::{alike, current, points_jsonl, snapshot_dir};
use arrow::array::{Float32Builder, ListBuilder, RecordBatch, StringArray};
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::fs;
use std::sync::Arc;

const POINTS: [&str; 6] = ["--id", "id", "--vector", "v", "--filter", "n"];

/// `good` points, then `bad`, then two more points.
fn with_bad_line(good: usize, bad: &str) -> String {
    let mut text = points_jsonl(good, 0);
    let _ = writeln!(text, "{bad}");
    text + "{\"id\":\"z1\",\"v\":[1,1],\"n\":1}\n{\"id\":\"z2\",\"v\":[1,2],\"n\":2}\n"
}

#[test]
fn a_row_of_the_wrong_type_is_named_by_line() {
    let bench = Bench::new();
    for (bad, needles) in [
        (
            r#"{"id":"x","v":[1,2],"n":"cheap"}"#,
            &["`n`", "cheap", "number"][..],
        ),
        (r#"{"id":"x","v":[1,2],"n":{"a":1}}"#, &["`n`", "object"]),
        (r#"{"id":"x","v":"none","n":1}"#, &["`v`"]),
        (r#"{"id":"x","v":[1,"two"],"n":1}"#, &["`v`", "two"]),
        (r#"{"id":"x","v":[],"n":1}"#, &["`v`"]),
        (r#"{"id":"x","n":1}"#, &["`v`", "missing"]),
        (r#"{"id":"x","v":[1,2,3],"n":1}"#, &["3 numbers", "2"]),
        (r#"{"id":"x","v":[0,0],"n":1}"#, &["v", "zero"]),
        (r#"{"id":"x","v":[1,1e999],"n":1}"#, &["not valid JSON"]),
        (r#"{"id":"x","v":[1,1e39],"n":1}"#, &["`v`", "finite"]),
        (r#"{"id":"x","v":[1,NaN],"n":1}"#, &["NaN"]),
        (r#"{"v":[1,2],"n":1}"#, &["id", "missing"]),
        (r#"{"id":null,"v":[1,2],"n":1}"#, &["id", "empty"]),
        (r#"{"id":"","v":[1,2],"n":1}"#, &["id", "empty"]),
        (r#"{"id":[1],"v":[1,2],"n":1}"#, &["id", "list"]),
        (r#"{"id":"p3","v":[1,2],"n":1}"#, &["p3", "line 4"]),
        (r#"["x",[1,2],1]"#, &["array"]),
        (r#"{"id":"x","v":[1,2],"n":1"#, &["not valid JSON"]),
        ("nonsense", &["not valid JSON"]),
    ] {
        let input = bench.file("bad.jsonl", with_bad_line(20, bad));
        let finished = bench.refuses(&input, &POINTS, needles);
        assert!(finished.stderr.contains("line 21"), "{bad}: {}", finished.stderr);
        assert!(
            finished.stderr.contains("nothing was published"),
            "{bad}: {}",
            finished.stderr
        );
    }
    bench.still_serves();
}

#[test]
fn a_bad_row_after_ten_thousand_good_ones_is_found_too() {
    let bench = Bench::new();
    let input = bench.file(
        "late.jsonl",
        with_bad_line(10_050, r#"{"id":"x","v":[1,2],"n":"cheap"}"#),
    );
    bench.refuses(&input, &POINTS, &["line 10051", "`n`", "cheap"]);
    let mut csv = "id,v,n\n".to_owned();
    for at in 0..10_050 {
        let _ = writeln!(csv, "p{at},\"[1,{at}]\",{at}");
    }
    csv.push_str("x,\"[1,2]\",cheap\n");
    bench.refuses(
        &bench.file("late.csv", csv),
        &POINTS,
        &["line 10052", "`n`", "cheap"],
    );
    let twice = with_bad_line(10_050, r#"{"id":"p17","v":[1,2],"n":1}"#);
    bench.refuses(
        &bench.file("twice.jsonl", twice),
        &POINTS,
        &["line 10051", "\"p17\"", "line 18"],
    );
    bench.still_serves();
}

#[test]
fn rows_of_a_csv_are_named_by_the_line_they_start_on() {
    let bench = Bench::new();
    let input = bench.file(
        "a.csv",
        "id,v,n,t\np1,\"[1,0]\",1,\"two\nlines\"\np2,\"[0,1]\",2,x\np3,\"[nan,1]\",3,x\n",
    );
    bench.refuses(&input, &POINTS, &["line 5", "`v`", "nan", "finite"]);
    let short = bench.file("short.csv", "id,v,n\np1,\"[1,0]\",1\np2,\"[0,1]\"\n");
    bench.refuses(&short, &POINTS, &["line 3"]);
    let header = bench.file("header.csv", "id,v,v\np1,\"[1,0]\",1\n");
    bench.refuses(&header, &POINTS, &["line 1", "header"]);
}

#[test]
fn numbers_in_parquet_that_are_not_finite() {
    let bench = Bench::new();
    for (bad, shown) in [(f32::NAN, "NaN"), (f32::INFINITY, "Infinity")] {
        let input = bench.data().join("bad.parquet");
        let mut vectors = ListBuilder::new(Float32Builder::new());
        for vector in [[1.0, 0.0], [0.5, 0.5], [1.0, bad]] {
            vectors.append_value(vector.map(Some));
        }
        let ids = StringArray::from(vec!["a", "b", "c"]);
        let batch = RecordBatch::try_from_iter([
            ("id", Arc::new(ids) as arrow::array::ArrayRef),
            ("v", Arc::new(vectors.finish())),
        ])
        .unwrap();
        crate::formats::write_parquet(&input, &batch);
        bench.refuses(
            &input,
            &["--id", "id", "--vector", "v"],
            &["line 3", "`v`", shown],
        );
    }
    bench.still_serves();
}

#[test]
fn skipping_reports_every_bad_row() {
    let bench = Bench::new();
    let mut text = points_jsonl(10, 0);
    for at in 0..30 {
        let _ = writeln!(text, r#"{{"id":"bad{at}","v":[1,2],"n":"cheap"}}"#);
    }
    text.push_str("{\"id\":\"last\",\"v\":[0,1],\"n\":9}\n");
    let input = bench.file("skip.jsonl", text);
    let flags = [&POINTS[..], &["--on-error", "skip", "--json"]].concat();
    // A type that is declared does not depend on what the file looks like.
    let settings = bench.file(
        "alike.toml",
        "[collections.points]\nid = \"id\"\nvector = \"v\"\n[collections.points.fields]\nn = { type = \"number\", filter = true }\n",
    );
    let flags = [&["--config", settings.to_str().unwrap()], &flags[6..]].concat();
    let finished = alike(bench.args(&input, &flags)).succeeded();
    let skipped: Vec<&str> = finished
        .stderr
        .lines()
        .filter(|line| line.starts_with("skipped line "))
        .collect();
    assert_eq!(
        skipped.len(),
        20,
        "the first twenty are shown: {}",
        finished.stderr
    );
    assert!(
        skipped[0].starts_with("skipped line 11: ") && skipped[0].contains("cheap"),
        "{}",
        skipped[0]
    );
    assert!(
        finished.stderr.contains("rejected.jsonl") && finished.stderr.contains("30 rows rejected"),
        "{}",
        finished.stderr
    );
    let summary = finished.last_line_json();
    assert_eq!(
        (
            &summary["items"],
            &summary["rows_read"],
            &summary["rows_rejected"]
        ),
        (&json!(11), &json!(41), &json!(30))
    );
    assert_eq!(summary["snapshot"], current(bench.data(), "points"));
    let rejected = fs::read_to_string(snapshot_dir(bench.data(), "points").join("rejected.jsonl")).unwrap();
    let rejected: Vec<Value> = rejected
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let lines: Vec<u64> = rejected.iter().map(|row| row["line"].as_u64().unwrap()).collect();
    assert_eq!(lines, (11..41).collect::<Vec<u64>>(), "all of them");
    assert!(
        rejected
            .iter()
            .all(|row| row["reason"].as_str().unwrap().contains("`n`")),
        "{rejected:?}"
    );
}

#[test]
fn nothing_but_bad_rows_is_an_error_even_when_skipping() {
    let bench = Bench::new();
    let input = bench.file(
        "bad.jsonl",
        "{\"id\":\"a\",\"v\":[0,0]}\n{\"id\":\"b\",\"v\":[0,0]}\n",
    );
    bench.refuses(
        &input,
        &["--id", "id", "--vector", "v", "--on-error", "skip"],
        &["bad.jsonl", "none of 2 rows"],
    );
    bench.still_serves();
}

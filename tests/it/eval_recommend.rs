//! `alike eval recommend`: measures on one line, and clear errors.

use crate::support::{alike, temp_dir};
use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Twenty users on a circle of ten items, two a day for forty days.
fn circles() -> (TempDir, PathBuf) {
    let folder = temp_dir();
    let path = folder.path().join("events.csv");
    let mut rows = "user,item,time,basket\n".to_owned();
    for day in 0..40 {
        for user in 0..20 {
            for step in 0..2 {
                let (item, month, date) = ((user + day + step) % 10, 1 + day / 28, 1 + day % 28);
                writeln!(
                    rows,
                    "u{user},i{item},2026-{month:02}-{date:02} 10:00:00,{user}-{day}"
                )
                .unwrap();
            }
        }
    }
    fs::write(&path, rows).unwrap();
    (folder, path)
}

fn arguments<'a>(path: &'a Path, rest: &[&'a str]) -> Vec<&'a str> {
    let mut all = vec!["eval", "recommend", "--events", path.to_str().unwrap()];
    all.extend(rest);
    all
}

#[test]
fn the_last_line_holds_the_measures() {
    let (_folder, path) = circles();
    for strategy in ["for_you", "bought_together", "popular"] {
        let rest = ["--split-at", "2026-02-01", "--strategy", strategy, "--json"];
        let measures = alike(arguments(&path, &rest)).succeeded().last_line_json();
        for name in [
            "recall@20",
            "ndcg@20",
            "mrr",
            "coverage",
            "popularity_bias",
            "mean_ms",
        ] {
            let value = measures[name].as_f64().unwrap();
            assert!(
                value >= 0.0 && (name == "mean_ms" || value <= 1.0),
                "{strategy}: {name} {value}"
            );
        }
        assert_eq!(measures["strategy"], strategy);
        assert!(measures["recall@20"].as_f64().unwrap() > 0.9, "{measures}");
    }
}

#[test]
fn errors_name_what_is_there_instead() {
    let (_folder, path) = circles();
    let fails = |rest: &[&str], needles: &[&str]| {
        alike(arguments(&path, rest)).failed_naming(needles);
    };
    let for_you = ["--strategy", "for_you"];
    let with = |rest: &[&'static str]| [&for_you[..], rest].concat();
    fails(
        &with(&["--split-at", "2026-02-01", "--user", "CustomerID"]),
        &["--user", "CustomerID", "user, item, time, basket"],
    );
    fails(
        &with(&["--split-at", "soon"]),
        &["--split-at", "soon", "2011-09-01"],
    );
    fails(
        &with(&["--split-at", "2030-01-01"]),
        &["2030-01-01", "after it", "2026-01-01"],
    );
    fails(
        &["--split-at", "2026-02-01", "--strategy", "best"],
        &["best", "for_you", "bought_together"],
    );
    fails(
        &with(&["--split-at", "2026-02-01", "--only", "item"]),
        &["--only", "COLUMN=PATTERN"],
    );
}

#[test]
fn judged_queries_are_asked_for_as_before() {
    alike(["eval"]).failed_naming(&["--collection", "--judgments"]);
}

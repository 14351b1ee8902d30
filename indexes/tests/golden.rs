//! The committed index files answer as recorded: rows, scores, hops and distances of fixed queries, on every processor.
//!
//! `ALIKE_OVERWRITE=1 cargo test -p alike-indexes --test golden` writes `tests/fixtures/v2-*.alike` and `tests/golden/`
//! anew: after a change that is meant to alter builds, files or walks. Look at the difference before committing it. Files
//! of older versions stay as they are.

#![allow(
    clippy::unwrap_used,
    reason = "a failed expectation stops the test, in its helpers too"
)]

mod support;

use std::fmt::Write;
use std::fs;

use alike_indexes::{Effort, Index, Metric, Plan, Request, RowId, RowSet, Scratch};
use serde_json::{Value, json};
use support::fixtures::{RECIPES, beside, fixture, names, overwrite};
use support::{Random, best_scores, check_shape};

const K: usize = 5;

/// What is asked of every fixture.
fn efforts() -> [(&'static str, Effort); 8] {
    [
        ("default", Effort::Default),
        ("recall 0.9", Effort::Recall(0.9)),
        ("recall 0.95", Effort::Recall(0.95)),
        ("recall 0.99", Effort::Recall(0.99)),
        ("beam 5", Effort::Beam(5)),
        ("beam 16", Effort::Beam(16)),
        ("beam 64", Effort::Beam(64)),
        ("exact", Effort::Exact),
    ]
}

fn filters(rows: usize) -> [(&'static str, Option<RowSet>); 4] {
    let mut random = Random(77);
    let mut share = |of_100: u64| Some((0..rows).map(|_| random.next() % 100 < of_100).collect());
    [
        ("none", None),
        ("nine tenths", share(90)),
        ("half", share(50)),
        ("tenth", share(10)),
    ]
}

/// Stored rows moved a little, and one from nowhere.
fn queries(index: &dyn Index) -> Vec<Vec<f32>> {
    let mut random = Random(78);
    let near = |row: usize, random: &mut Random| {
        let stored = index.vector(RowId(row as u32)).unwrap();
        stored.iter().map(|value| value + 0.1 * random.normal()).collect()
    };
    let mut queries: Vec<Vec<f32>> = (0..3)
        .map(|place| near((place * 2 + 1) * index.len() / 6, &mut random))
        .collect();
    queries.push((0..index.dimension()).map(|_| random.normal()).collect());
    queries
}

/// One line per question: what was asked, how it was answered, and the answer.
fn answers(index: &dyn Index) -> Vec<Value> {
    let mut scratch = Scratch::new();
    let mut answers = Vec::new();
    let filters = filters(index.len());
    for (number, query) in queries(index).iter().enumerate() {
        for (effort_name, effort) in efforts() {
            for (filter_name, filter) in &filters {
                let request = Request {
                    k: K,
                    effort,
                    filter: filter.as_ref(),
                };
                let report = index.search(query, &request, &mut scratch).unwrap();
                check_shape(index, &scratch, filter.as_ref());
                let neighbors = scratch.neighbors();
                answers.push(json!({
                    "query": number,
                    "effort": effort_name,
                    "filter": filter_name,
                    "plan": report.plan,
                    "beam": report.beam,
                    "hops": report.hops,
                    "distances": report.distances,
                    "rows": neighbors.iter().map(|neighbor| neighbor.row.0).collect::<Vec<_>>(),
                    "scores": neighbors.iter().map(|neighbor| neighbor.score).collect::<Vec<_>>(),
                }));
            }
        }
    }
    answers
}

fn assert_same(name: &str, found: &Value, recorded: &Value) {
    let scores = |answer: &Value| -> Vec<f64> {
        let scores = answer["scores"].as_array().unwrap();
        scores.iter().map(|score| score.as_f64().unwrap()).collect()
    };
    let rest = |answer: &Value| {
        let mut answer = answer.clone();
        answer["scores"] = Value::Null;
        answer
    };
    let (found_scores, recorded_scores) = (scores(found), scores(recorded));
    let close = |(found, recorded): (&f64, &f64)| (found - recorded).abs() <= 1e-5 * recorded.abs().max(1.0);
    let same = rest(found) == rest(recorded)
        && found_scores.len() == recorded_scores.len()
        && found_scores.iter().zip(&recorded_scores).all(close);
    assert!(
        same,
        "{name}: an answer changed; if that is meant, record it with ALIKE_OVERWRITE=1 (see the head of {})\nrecorded {recorded}\nfound    {found}",
        file!()
    );
}

#[test]
fn fixtures_answer_as_recorded() {
    for name in names() {
        let index = alike_indexes::open(&fixture(name)).unwrap();
        let found = answers(index.as_ref());
        let path = beside("golden", &format!("{name}.json"));
        if overwrite() {
            let mut text = "[\n".to_owned();
            for (place, answer) in found.iter().enumerate() {
                let comma = if place + 1 < found.len() { "," } else { "" };
                writeln!(text, "{answer}{comma}").unwrap();
            }
            fs::write(&path, text + "]\n").unwrap();
        }
        let recorded: Vec<Value> = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        assert_eq!(found.len(), recorded.len(), "{name}");
        for (found, recorded) in found.iter().zip(&recorded) {
            assert_same(name, found, recorded);
        }
    }
}

/// Recorded answers are worth something: every kind of plan is among them.
#[test]
fn fixtures_are_walked_scanned_and_compared() {
    let plans = |name: &str| -> Vec<Value> {
        let index = alike_indexes::open(&fixture(name)).unwrap();
        let answers = answers(index.as_ref());
        answers.iter().map(|answer| answer["plan"].clone()).collect()
    };
    for recipe in RECIPES {
        let plans = plans(recipe.name);
        let expected = match recipe.kind {
            alike_indexes::Kind::Graph => vec![Plan::Exact, Plan::Scan, Plan::Graph, Plan::FilteredGraph],
            alike_indexes::Kind::Hnsw => vec![Plan::Exact, Plan::Graph, Plan::FilteredGraph],
            _ => vec![Plan::Exact],
        };
        for plan in expected {
            assert!(
                plans.contains(&json!(plan)),
                "{}: no answer by {}",
                recipe.name,
                plan.name()
            );
        }
    }
}

#[test]
fn fixtures_are_whole_and_hold_what_went_in() {
    for name in names() {
        alike_indexes::verify(&fixture(name)).unwrap();
    }
    for recipe in RECIPES {
        let index = alike_indexes::open(&fixture(recipe.name)).unwrap();
        let shape = (index.kind(), index.metric(), index.len(), index.dimension());
        assert_eq!(shape, (recipe.kind, recipe.metric, recipe.rows, recipe.dimension));
        let values = recipe.vectors();
        for (row, vector) in (0_u32..).zip(values.chunks(recipe.dimension)) {
            let length = vector.iter().map(|value| value * value).sum::<f32>().sqrt();
            let scale = if recipe.metric == Metric::Cosine {
                length
            } else {
                1.0
            };
            let stored = index.vector(RowId(row)).unwrap();
            for (stored, value) in stored.iter().zip(vector) {
                assert!(
                    (stored - value / scale).abs() < 1e-6,
                    "{}: row {row}",
                    recipe.name
                );
            }
        }
    }
}

/// Against brute force: exact answers are, and approximate ones nearly.
#[test]
fn recorded_queries_find_the_nearest_rows() {
    let mut scratch = Scratch::new();
    for name in names() {
        let index = alike_indexes::open(&fixture(name)).unwrap();
        let rows: Vec<f32> = (0..index.len() as u32)
            .flat_map(|row| index.vector(RowId(row)).unwrap().to_vec())
            .collect();
        for (_, filter) in filters(index.len()) {
            for query in queries(index.as_ref()) {
                let expected = best_scores(index.metric(), &rows, &query, K, filter.as_ref());
                for effort in [Effort::Exact, Effort::Beam(64)] {
                    let request = Request {
                        k: K,
                        effort,
                        filter: filter.as_ref(),
                    };
                    index.search(&query, &request, &mut scratch).unwrap();
                    let scores = scratch
                        .neighbors()
                        .iter()
                        .map(|neighbor| f64::from(neighbor.score));
                    let close = |(found, expected): (f64, &f64)| {
                        (found - expected).abs() < 1e-4 * expected.abs().max(1.0)
                    };
                    let right = scores.zip(&expected).filter(|pair| close(*pair)).count();
                    let wrong = expected.len() - right;
                    let excused = if effort == Effort::Exact { 0 } else { 1 };
                    assert!(wrong <= excused, "{name}, {effort:?}: {wrong} of {K} wrong");
                }
            }
        }
    }
}

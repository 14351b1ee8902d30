//! What every answer keeps.

use alike_indexes::recall::recall;
use alike_indexes::{Effort, Index, Metric, Neighbor, Plan, Report, Request, RowId, RowSet, Scratch};

use super::data::Set;
use crate::support::{Random, check_shape, rows, score};

/// How far an f32 score may be from the true one: rounding is relative to the size of the terms, not of their sum.
fn slack(metric: Metric, query: &[f32], vector: &[f32]) -> f64 {
    let length = |vector: &[f32]| score(Metric::Dot, vector, vector).sqrt();
    let size = match metric {
        Metric::Cosine => 1.0,
        Metric::Dot => length(query) * length(vector),
        Metric::L2 => (length(query) + length(vector)).powi(2),
    };
    1e-5 * size + 1e-30
}

/// Asks, and checks everything that holds whatever was asked: scores, order, no row twice, only admitted rows, as many
/// as there are.
pub fn ask(
    index: &dyn Index,
    set: &Set,
    query: &[f32],
    request: &Request<'_>,
    scratch: &mut Scratch,
) -> Report {
    let report = index.search(query, request, scratch).unwrap();
    check_answer(index, set, query, request, scratch.neighbors(), &report);
    check_shape(index, scratch, request.filter);
    report
}

fn check_answer(
    index: &dyn Index,
    set: &Set,
    query: &[f32],
    request: &Request<'_>,
    neighbors: &[Neighbor],
    report: &Report,
) {
    let (kind, metric) = (index.kind(), index.metric());
    let admissible = request.filter.map_or(set.len(), RowSet::count);
    if !report.partial {
        assert_eq!(
            neighbors.len(),
            request.k.min(admissible),
            "{kind} {metric} {:?}",
            report.plan
        );
    }
    for neighbor in neighbors {
        let vector = set.row(neighbor.row.index());
        let (found, expected) = (f64::from(neighbor.score), score(metric, query, vector));
        assert!(
            (found - expected).abs() <= slack(metric, query, vector),
            "{kind} {metric}: row {} has score {found}, expected {expected}",
            neighbor.row.0
        );
    }
}

/// Admitted rows by brute force in 64-bit arithmetic: best first, ties by row.
pub fn ranked(set: &Set, metric: Metric, query: &[f32], filter: Option<&RowSet>) -> Vec<(u32, f64)> {
    let admitted =
        (0..set.len() as u32).filter(|&row| filter.is_none_or(|filter| filter.contains(RowId(row))));
    let mut all: Vec<(u32, f64)> = admitted
        .map(|row| (row, score(metric, query, set.row(row as usize))))
        .collect();
    all.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    all
}

/// An exact answer is that of brute force, row by row; rows may only change places where rounding to f32 decides. Of
/// rows with equal vectors the first ones are found.
pub fn check_exact(index: &dyn Index, query: &[f32], set: &Set, truth: &[(u32, f64)], scratch: &Scratch) {
    let (kind, metric) = (index.kind(), index.metric());
    let rows = scratch.neighbors().iter().map(|neighbor| neighbor.row.0);
    let found: Vec<(u32, f64)> = rows
        .map(|row| (row, score(metric, query, set.row(row as usize))))
        .collect();
    for (&(row, found), &(true_row, expected)) in found.iter().zip(truth) {
        let slack = slack_of(metric, query, set, row) + slack_of(metric, query, set, true_row);
        assert!(
            row == true_row || (found - expected).abs() <= slack,
            "{kind} {metric}: row {row} ({found}) where brute force has row {true_row} ({expected})"
        );
    }
    for &(row, score) in truth {
        let later = |&&(other, of): &&(u32, f64)| {
            of == score && other > row && set.row(other as usize) == set.row(row as usize)
        };
        let Some((later, _)) = found.iter().find(later) else {
            continue;
        };
        let too = found.iter().any(|(other, _)| *other == row);
        assert!(
            too,
            "{kind} {metric}: row {later}, but not row {row} with the same vector"
        );
    }
}

fn slack_of(metric: Metric, query: &[f32], set: &Set, row: u32) -> f64 {
    slack(metric, query, set.row(row as usize))
}

/// Checks as [`ask`] does, and as [`check_exact`] does where the report says that the answer is exact. `oracle` is a
/// flat index of the same rows: exact answers of every kind are its rows to the last one.
pub fn ask_beside(
    [index, oracle]: [&dyn Index; 2],
    set: &Set,
    query: &[f32],
    request: &Request<'_>,
    truth: &[(u32, f64)],
    scratch: &mut Scratch,
) {
    let report = ask(index, set, query, request, scratch);
    let exact = matches!(request.effort, Effort::Exact)
        || matches!(request.effort, Effort::Recall(recall) if recall >= 1.0);
    assert!(!exact || report.plan == Plan::Exact, "exact was asked for");
    if report.plan == Plan::Exact {
        check_exact(index, query, set, truth, scratch);
        let found = rows(scratch);
        oracle.search(query, request, scratch).unwrap();
        assert_eq!(
            found,
            rows(scratch),
            "{} {}: exact answers are those of flat",
            index.kind(),
            index.metric()
        );
    }
}

/// Mean share of the true best `k` that a request finds; every answer is checked too.
pub fn mean_recall<'a>(
    index: &dyn Index,
    set: &Set,
    queries: impl Iterator<Item = (&'a [f32], Option<&'a RowSet>)>,
    k: usize,
    effort: Effort,
) -> f64 {
    let mut scratch = Scratch::new();
    let recalls: Vec<f64> = queries
        .map(|(query, filter)| {
            let exact = Request {
                k,
                effort: Effort::Exact,
                filter,
            };
            ask(index, set, query, &exact, &mut scratch);
            let truth = rows(&scratch);
            ask(index, set, query, &Request { effort, ..exact }, &mut scratch);
            recall(&rows(&scratch), &truth)
        })
        .collect();
    recalls.iter().sum::<f64>() / recalls.len() as f64
}

/// A random set that admits `share` of the rows.
pub fn random_set(len: usize, share: f64, seed: u64) -> RowSet {
    let mut random = Random(seed);
    (0..len)
        .map(|_| (random.next() >> 11) as f64 / ((1_u64 << 53) as f64) < share)
        .collect()
}

/// The rows at these places of a ranking.
pub fn set_of(len: usize, rows: &[(u32, f64)]) -> RowSet {
    let mut set = RowSet::new(len);
    rows.iter().for_each(|&(row, _)| {
        set.insert(RowId(row));
    });
    set
}

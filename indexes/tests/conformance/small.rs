//! Few rows: every content, dimension, number of rows, `k`, filter and effort.

use alike_indexes::{Effort, Kind, Metric, Request, RowId, RowSet, Scratch};
use tempfile::TempDir;

use super::checks::{ask_beside, random_set, ranked};
use super::data::{Set, build_at};

const DIMENSIONS: [usize; 6] = [1, 3, 17, 64, 100, 384];
const EFFORTS: [Effort; 6] = [
    Effort::Default,
    Effort::Recall(0.9),
    Effort::Recall(1.0),
    Effort::Beam(0),
    Effort::Beam(40),
    Effort::Exact,
];

/// No filter, and: nothing, one row, half of them, all of them.
fn filters(len: usize) -> Vec<Option<RowSet>> {
    let mut one = RowSet::new(len);
    one.insert(RowId((len / 2) as u32));
    let half = random_set(len, 0.5, 5);
    vec![
        None,
        Some(RowSet::new(len)),
        Some(one),
        Some(half),
        Some(RowSet::full(len)),
    ]
}

/// Asks an index of every kind everything there is to ask about a set.
fn check(set: &Set, metric: Metric) {
    let folder = TempDir::new().unwrap();
    let build = |kind: Kind| build_at(&folder.path().join(kind.name()), set, kind, metric);
    let indexes = Kind::ALL.map(build);
    let oracle = build(Kind::Flat);
    let mut scratch = Scratch::new();
    let own = set.base.chunks_exact(set.dimension).take(1);
    let own = own.filter(|row| metric != Metric::Cosine || row.iter().any(|value| *value != 0.0));
    for query in set.queries().chain(set.strangers()).chain(own) {
        for filter in &filters(set.len()) {
            let filter = filter.as_ref();
            let truth = ranked(set, metric, query, filter);
            for index in &indexes {
                for (effort, k) in EFFORTS
                    .into_iter()
                    .flat_map(|effort| [(effort, 0), (effort, 1), (effort, 10)])
                {
                    let request = Request { k, effort, filter };
                    ask_beside(
                        [index.as_ref(), oracle.as_ref()],
                        set,
                        query,
                        &request,
                        &truth,
                        &mut scratch,
                    );
                }
                let request = Request {
                    k: set.len() + 5,
                    effort: Effort::Default,
                    filter,
                };
                ask_beside(
                    [index.as_ref(), oracle.as_ref()],
                    set,
                    query,
                    &request,
                    &truth,
                    &mut scratch,
                );
            }
        }
    }
}

#[test]
fn tiny_sets() {
    for metric in Metric::ALL {
        for (dimension, seed) in DIMENSIONS.into_iter().zip(1..) {
            for rows in [0, 1, 2, 9, 11] {
                check(&Set::plain(rows, dimension, seed), metric);
            }
        }
    }
}

#[test]
fn duplicates_near_duplicates_zeros_and_unequal_lengths() {
    for metric in Metric::ALL {
        for (dimension, seed) in DIMENSIONS.into_iter().zip(1..) {
            check(&Set::mixed(300, dimension, metric, seed), metric);
        }
    }
}

//! What a snapshot is worth: whether all of it is there, whether every row can be found, and how well it answers.

use super::{GoldenQuery, RebuildError, Watcher, check, golden, read_golden};
use crate::engine::{Engine, View};
use crate::snapshot::{Collection, Verify};
use alike_indexes::{Request, recall};
use serde::Serialize;

/// Rows that are searched for, at most and at least.
const SAMPLE: (usize, usize) = (500, 100);
/// Comparisons that all exact searches together may take, as far as the least number of rows allows.
const COMPARISONS: usize = 25_000_000;
/// Decides which.
const SEED: u64 = 5;
const K: usize = 10;

/// What was found.
#[derive(Debug, Clone, Serialize)]
pub struct Verified {
    /// Items.
    pub items: u64,
    /// Items in the index that no walk can find; every one has to be found.
    pub unreachable: usize,
    /// Recall@10 of sampled rows against exact search, at the setting of a search that names none; none where there are
    /// no rows.
    pub recall_at_10: Option<f64>,
    /// Rows that were searched for.
    pub sampled: usize,
    /// Mean score of the golden queries; none without any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub golden: Option<f64>,
    /// Number of golden queries.
    pub golden_queries: usize,
}

impl Verified {
    /// # Errors
    /// Rows that cannot be found.
    pub(super) fn must_be_right(&self, id: &str) -> Result<(), RebuildError> {
        match self.unreachable {
            0 => Ok(()),
            rows => Err(RebuildError::Wrong {
                id: id.to_owned(),
                detail: format!("no walk can find {rows} of its {} rows", self.items),
            }),
        }
    }
}

/// Measures what a view answers with, on the current pool: its index, and the golden queries.
pub(super) fn measure(
    engine: &Engine,
    view: &View,
    golden: &[GoldenQuery],
) -> Result<Verified, RebuildError> {
    let index = view.snapshot().index();
    let (mut recall_at_10, mut sampled) = (None, 0);
    if !index.is_empty() {
        let request = Request {
            k: K,
            ..Request::default()
        };
        let (most, least) = SAMPLE;
        let sample = (COMPARISONS / index.len()).clamp(least, most);
        let measured = recall::measure(index, sample, SEED, &request)?;
        (recall_at_10, sampled) = (Some(measured.recall), measured.queries);
    }
    Ok(Verified {
        items: view.live().len() as u64,
        unreachable: index.unreachable(),
        recall_at_10,
        sampled,
        golden: golden::score(engine, view, golden),
        golden_queries: golden.len(),
    })
}

/// Checks every byte of a snapshot and how well it answers. `view` is what is served of the collection.
///
/// # Errors
/// The snapshot is damaged or incomplete.
pub fn verify(
    engine: &Engine,
    collection: &Collection,
    view: &View,
    id: &str,
    watcher: &dyn Watcher,
) -> Result<Verified, RebuildError> {
    super::promote::must_exist(collection, id)?;
    watcher.at("verify", 0.0);
    let snapshot = collection.open(id, Verify::Full)?;
    let index = snapshot.index_path();
    alike_indexes::verify(&index)
        .map_err(|source| crate::snapshot::SnapshotError::Index { path: index, source })?;
    check(watcher)?;
    watcher.at("verify", 0.5);
    let golden = read_golden(&collection.golden_path())?;
    let same_model = snapshot.manifest().model == view.snapshot().manifest().model;
    // Texts are encoded by the model that serves, which says nothing about the vectors of another one.
    let golden = if same_model { golden } else { Vec::new() };
    let verified = measure(engine, &view.of_snapshot(snapshot), &golden)?;
    verified.must_be_right(id)?;
    Ok(verified)
}

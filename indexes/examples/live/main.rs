//! What a live catalog costs, measured on vectors of one's own (`scripts/bench_peers/make_vectors.py` makes some).
//!
//! ```sh
//! cargo run --release -p alike-indexes --example live -- parts titles_base.npy titles_queries.npy
//! ```
//!
//! - `parts`: live rows as blocks that are scanned, as a graph that grows (`hnsw_rs`), and as a sealed graph.
//! - `deleted`: a search of each kind with a filter that leaves out a few rows.
//! - `renewed`: a graph with 5 % of the rows deleted and 10 % new ones, rebuilt and built from nothing.
#![allow(clippy::print_stdout, reason = "tables are the program's output")]

mod deleted;
mod npy;
mod parts;
mod renewed;
mod timing;

use std::error::Error;
use std::path::Path;

use alike_indexes::VectorsView;
use npy::Matrix;

/// How neighbors are compared here: the vectors are expected to be text embeddings.
const METRIC: alike_indexes::Metric = alike_indexes::Metric::Cosine;
/// Queries that are asked.
const QUERIES: usize = 1_000;
/// Neighbors that are searched for.
const K: usize = 10;

/// What is measured on.
struct Data {
    base: Matrix,
    queries: Matrix,
    /// Exact neighbors are found on all cores, everything else is measured on one.
    folder: tempfile::TempDir,
}

impl Data {
    /// The first `rows` rows.
    fn first(&self, rows: usize) -> Result<VectorsView<'_>, alike_indexes::IndexError> {
        let values = rows.min(self.base.rows()) * self.base.dimension;
        VectorsView::new(&self.base.values[..values], self.base.dimension)
    }

    /// The first [`QUERIES`] queries.
    fn queries(&self) -> Result<VectorsView<'_>, alike_indexes::IndexError> {
        let values = QUERIES.min(self.queries.rows()) * self.queries.dimension;
        VectorsView::new(&self.queries.values[..values], self.queries.dimension)
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [what, base, queries] = arguments.as_slice() else {
        return Err("give parts, deleted or renewed, then the base and the queries as .npy files".into());
    };
    let data = Data {
        base: Matrix::read(Path::new(base))?,
        queries: Matrix::read(Path::new(queries))?,
        folder: tempfile::tempdir()?,
    };
    match what.as_str() {
        "parts" => parts::run(&data),
        "deleted" => deleted::run(&data),
        "renewed" => renewed::run(&data),
        other => Err(format!("found {other}, expected parts, deleted or renewed").into()),
    }
}

//! Building the graph with `hnsw_rs`.
//!
//! All metrics are built with squared Euclidean distance, which is never negative and never NaN for the finite vectors
//! that `prepare` lets through (`hnsw_rs` panics on either):
//! - l2: as it is;
//! - cosine: rows are normalized, where squared distance is `2 - 2 * cosine`, so the order is the same;
//! - dot: each row gets one more value, `sqrt(longest² - length²)`, which gives all rows the same length; for a query
//!   extended by 0 the order by distance is then the order by dot product (Bachrach et al., `RecSys` 2014).

use std::borrow::Cow;

use hnsw_rs::hnsw::Hnsw;
use hnsw_rs::prelude::Distance;
use rayon::prelude::*;

use crate::build::BuildSettings;
use crate::kernel::{Kernels, Rows};
use crate::metric::Metric;
use crate::prepare::squares;

/// Rows inserted between two progress reports.
const BATCH: usize = 2_048;
/// Layers that `hnsw_rs` can hold.
const MAX_LAYERS: usize = 16;

/// The distance that the graph is built with.
#[derive(Clone, Copy)]
pub(super) struct SquaredL2(&'static Kernels);

impl Distance<f32> for SquaredL2 {
    fn eval(&self, a: &[f32], b: &[f32]) -> f32 {
        self.0.squared_l2(a, b)
    }
}

/// A graph under construction over rows of one matrix.
pub(super) struct GraphBuilder<'a> {
    pub(super) hnsw: Hnsw<'static, f32, SquaredL2>,
    rows: Rows<'a>,
    /// Metric dot: the greatest squared length of any row.
    longest: Option<f64>,
    inserted: usize,
}

impl<'a> GraphBuilder<'a> {
    pub(super) fn new(rows: Rows<'a>, settings: &BuildSettings, kernels: &'static Kernels) -> Self {
        let (m, ef) = (settings.m, settings.ef_construction);
        let hnsw = Hnsw::new(m, rows.len().max(1), MAX_LAYERS, ef, SquaredL2(kernels));
        let all = (0..rows.len() as u32).into_par_iter();
        let longest = (settings.metric == Metric::Dot).then(|| {
            all.filter_map(|row| rows.get(row))
                .map(squares)
                .reduce(|| 0.0, f64::max)
        });
        Self {
            hnsw,
            rows,
            longest,
            inserted: 0,
        }
    }

    /// Inserts these rows on all threads of the current pool; calls `done` with the number so far.
    pub(super) fn insert(&mut self, rows: &[u32], done: impl Fn(usize)) {
        // `hnsw_rs` leaves a node without links when it comes while the very first one is still being inserted.
        let first = if self.inserted == 0 { rows.len().min(1) } else { 0 };
        let (first, rest) = rows.split_at(first);
        for batch in first.chunks(1).chain(rest.chunks(BATCH)) {
            let points: Vec<(Cow<'_, [f32]>, usize)> =
                batch.iter().map(|&row| (self.point(row), row as usize)).collect();
            let points: Vec<(&[f32], usize)> =
                points.iter().map(|(point, row)| (point.as_ref(), *row)).collect();
            self.hnsw.parallel_insert_slice(&points);
            self.inserted += batch.len();
            done(self.inserted);
        }
    }

    /// The vector that stands for a row in the graph.
    fn point(&self, row: u32) -> Cow<'a, [f32]> {
        let values = self.rows.get(row).unwrap_or(&[]);
        match self.longest {
            None => Cow::Borrowed(values),
            Some(longest) => {
                let rest = (longest - squares(values)).max(0.0).sqrt() as f32;
                Cow::Owned(values.iter().copied().chain([rest]).collect())
            }
        }
    }
}

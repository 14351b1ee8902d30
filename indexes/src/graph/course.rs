//! How a request is answered, by estimated cost.

use super::calibrate::K;
use super::mapped::GraphIndex;
use super::walk::Limits;
use crate::description::Effect;
use crate::row_set::RowSet;
use crate::search::{Plan, Request};

/// How a request is answered.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Course {
    pub(super) plan: Plan,
    pub(super) limits: Limits,
    /// Whether the walk goes over all nodes and the filter is applied to what it found: it drops hardly any.
    pub(super) sifts: bool,
}

/// Costs relative to one comparison of codes in a walk, measured at 384 dimensions: a full row at a random place, and
/// codes in the order of a scan.
const FULL_ROW_COST: f64 = 4.0;
const SCANNED_COST: f64 = 0.6;
/// From this share of admitted rows on, a walk over all nodes that drops the others costs less than one that goes around
/// them.
const SIFTED: f64 = 0.5;
/// A filtered walk reads neighbors' lists too, so each comparison in it costs more.
const FILTERED_COST: f64 = 2.0;
/// Fewer admissible rows than this are compared in full: the rest of the machinery would cost more.
const FEW: usize = 128;

impl GraphIndex {
    /// Chooses how to answer by estimated cost.
    pub(super) fn course(&self, request: &Request<'_>) -> Course {
        let rows = self.description.rows;
        let k = request.k.min(rows);
        let Some(Effect {
            beam,
            slack,
            distances,
        }) = self.description.effect_of(request.effort)
        else {
            return Course {
                plan: Plan::Exact,
                limits: Limits::of_beam(0),
                sifts: false,
            };
        };
        let filtered = request.filter.is_some_and(|filter| filter.count() < rows);
        // What a filter admits may lie far from the query.
        let error = match filtered {
            true => self.description.far_error.max(self.description.code_error),
            false => self.description.code_error,
        };
        let limits = Limits {
            // What there is no row for needs no room, whatever a file says.
            beam: beam.max(2 * k).min(rows.max(1)),
            // A walk that looks for one row looks as far as one for the ten that the slack was measured with.
            k: k.max(K),
            slack,
            error,
        };
        let matches = request.filter.map_or(rows, RowSet::count);
        // A setting that was not measured is taken to compare twenty for each candidate it keeps.
        let distances = if distances > 0.0 {
            f64::from(distances)
        } else {
            20.0 * beam as f64
        };
        let walk = distances * limits.k as f64 / K as f64;
        let sifts = filtered && matches as f64 >= SIFTED * rows as f64;
        let walk = match () {
            () if sifts => walk * rows as f64 / matches as f64,
            () if filtered => FILTERED_COST * walk,
            () => walk,
        };
        let (full, scan) = (FULL_ROW_COST * matches as f64, SCANNED_COST * matches as f64);
        let plan = match () {
            () if matches <= FEW || full <= walk => Plan::Exact,
            () if scan <= walk => Plan::Scan,
            () if filtered => Plan::FilteredGraph,
            () => Plan::Graph,
        };
        Course {
            plan,
            limits,
            sifts: sifts && plan == Plan::FilteredGraph,
        }
    }
}

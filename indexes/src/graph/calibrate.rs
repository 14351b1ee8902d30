//! Recall and cost per setting, measured on rows that are not in the graph yet; and how wrong estimates are.

use rayon::prelude::*;

use super::codes::{Codes, Scores};
use super::quantizer::{CodedQuery, Quantizer};
use super::rank::{margin, rank};
use super::walk::{Graph, Limits};
use crate::description::BeamRecall;
use crate::metric::Metric;
use crate::random::SplitMix;
use crate::recall;
use crate::search::{Scratch, Space};

/// Neighbors that count.
pub(super) const K: usize = 10;
/// Beams that are measured alone, for callers that name a beam.
const BEAMS: [u32; 8] = [16, 32, 48, 64, 96, 128, 256, 512];
/// The beam of settings that a slack limits.
const WIDEST: u32 = 512;
/// Slacks that are measured, as shares of the distance of the tenth neighbor.
const SLACKS: [f32; 11] = [0.0, 0.02, 0.05, 0.1, 0.15, 0.22, 0.3, 0.4, 0.6, 0.9, 1.5];
/// Recalls that callers ask for; between the slacks on both sides of each, more are measured.
const TARGETS: [f32; 3] = [0.9, 0.95, 0.99];
const HALVINGS: usize = 3;
/// Nothing wider is measured once recall is this, or grows by less than this.
const ENOUGH: f32 = 0.9985;
const LEAST_GAIN: f32 = 0.0005;
/// Rows whose links the error of estimates is measured on, and links of each.
const ERROR_ROWS: usize = 512;
const ERROR_LINKS: usize = 8;

/// Held-out queries and their exact neighbors.
pub(super) struct Trial<'a> {
    pub(super) space: &'a Space<'a>,
    pub(super) quantizer: &'a Quantizer,
    pub(super) queries: Vec<&'a [f32]>,
    pub(super) truth: Vec<Vec<u32>>,
}

impl Trial<'_> {
    /// Measures all settings on a graph; `error` is that of its codes.
    pub(super) fn measure(&self, graph: &Graph<'_>, error: f32) -> Vec<BeamRecall> {
        let slacks = SLACKS.iter().map(|&slack| (WIDEST, Some(slack)));
        let beams = BEAMS.iter().map(|&beam| (beam, None));
        let mut points = self.until_enough(graph, error, slacks);
        for target in TARGETS {
            for _ in 0..HALVINGS {
                self.halve(graph, error, target, &mut points);
            }
        }
        points.sort_by(|a, b| a.slack.unwrap_or(0.0).total_cmp(&b.slack.unwrap_or(0.0)));
        points.extend(self.until_enough(graph, error, beams));
        points
    }

    /// Measures the slack midway between the widest that misses a recall and the narrowest that reaches it.
    fn halve(&self, graph: &Graph<'_>, error: f32, target: f32, points: &mut Vec<BeamRecall>) {
        let missing = points
            .iter()
            .filter(|point| point.recall < target)
            .filter_map(|point| point.slack);
        let reaching = points
            .iter()
            .filter(|point| point.recall >= target)
            .filter_map(|point| point.slack);
        let ends = (missing.max_by(f32::total_cmp), reaching.min_by(f32::total_cmp));
        if let (Some(below), Some(above)) = ends
            && below < above
        {
            points.push(self.measure_one(graph, error, WIDEST, Some(f32::midpoint(below, above))));
        }
    }

    /// Recall at a setting measured before, on another graph or other codes.
    pub(super) fn again(&self, graph: &Graph<'_>, error: f32, setting: &BeamRecall) -> f32 {
        self.measure_one(graph, error, setting.beam, setting.slack).recall
    }

    /// Measures one setting after the other until one finds all but everything.
    fn until_enough(
        &self,
        graph: &Graph<'_>,
        error: f32,
        settings: impl Iterator<Item = (u32, Option<f32>)>,
    ) -> Vec<BeamRecall> {
        let mut points: Vec<BeamRecall> = Vec::new();
        for (beam, slack) in settings {
            let point = self.measure_one(graph, error, beam, slack);
            let last = points.last().map_or(0.0, |last| last.recall);
            points.push(point);
            let flat = point.recall > 0.95 && point.recall < last + LEAST_GAIN;
            if point.recall >= ENOUGH || flat {
                break;
            }
        }
        points
    }

    fn measure_one(&self, graph: &Graph<'_>, error: f32, beam: u32, slack: Option<f32>) -> BeamRecall {
        let limits = Limits {
            beam: beam as usize,
            k: K,
            slack: slack.unwrap_or(f32::INFINITY),
            error,
        };
        let of_query = |scratch: &mut Scratch, (query, truth): (&&[f32], &Vec<u32>)| {
            let Scratch {
                walk,
                batch,
                top,
                neighbors,
                ..
            } = scratch;
            self.quantizer.code_query(query, &mut walk.query);
            let spent = graph.walk(&limits, walk);
            rank(
                self.space,
                query,
                (K, margin(error, walk.query.norm)),
                walk.pool.iter(),
                batch,
                top,
            );
            top.drain_into(neighbors);
            let found: Vec<u32> = neighbors.iter().map(|neighbor| neighbor.row.0).collect();
            (recall::recall(&found, truth), spent.distances as f64)
        };
        let pairs = self.queries.par_iter().zip(&self.truth);
        let measured: Vec<(f64, f64)> = pairs.map_init(Scratch::new, of_query).collect();
        let mean =
            |of: fn(&(f64, f64)) -> f64| measured.iter().map(of).sum::<f64>() / measured.len().max(1) as f64;
        BeamRecall {
            beam,
            recall: mean(|one| one.0) as f32,
            slack,
            distances: mean(|one| one.1) as f32,
        }
    }
}

/// Whose distances the error of estimates is measured on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Pairs {
    /// Linked rows: neighbors, whose differences are small, and so are the errors.
    Linked,
    /// Any rows.
    Any,
}

/// Root mean square error of estimated distances between rows of `nodes`, per unit of the query's length.
pub(super) fn code_error(
    space: &Space<'_>,
    quantizer: &Quantizer,
    graph: &Graph<'_>,
    nodes: &[u32],
    pairs: Pairs,
) -> f32 {
    let step = nodes.len().div_ceil(ERROR_ROWS).max(1);
    let sampled: Vec<u32> = nodes.iter().copied().step_by(step).collect();
    let others = |row: u32| -> Vec<u32> {
        match pairs {
            Pairs::Linked => {
                let links = graph.list(row).iter().copied().take(ERROR_LINKS);
                links.take_while(|&id| (id as usize) < space.len()).collect()
            }
            Pairs::Any => {
                let mut random = SplitMix(u64::from(row));
                (0..ERROR_LINKS)
                    .map(|_| nodes[random.below(nodes.len())])
                    .collect()
            }
        }
    };
    let squares: Vec<(f64, usize)> = sampled
        .par_iter()
        .map(|&row| squared_errors(space, quantizer, &graph.codes, row, &others(row)))
        .collect();
    let sum: f64 = squares.iter().map(|one| one.0).sum();
    let count: usize = squares.iter().map(|one| one.1).sum();
    (sum / count.max(1) as f64).sqrt() as f32
}

/// The sum of squared errors of one row as the query, and how many there are.
fn squared_errors(
    space: &Space<'_>,
    quantizer: &Quantizer,
    codes: &Codes<'_>,
    row: u32,
    ids: &[u32],
) -> (f64, usize) {
    let values = space.rows.get(row).unwrap_or(&[]);
    let (mut query, mut scores) = (CodedQuery::default(), Scores::default());
    quantizer.code_query(values, &mut query);
    codes.score(&query, ids, &mut scores);
    let mut exact = vec![0.0; ids.len()];
    space.distances(values, ids, &mut exact);
    let common = match space.metric {
        Metric::L2 => f64::from(query.norm).powi(2),
        Metric::Cosine | Metric::Dot => {
            let products = values.iter().zip(quantizer.mean());
            -products
                .map(|(&value, &mean)| f64::from(value) * f64::from(mean))
                .sum::<f64>()
        }
    };
    if query.norm <= 0.0 {
        return (0.0, 0);
    }
    let error = |(&estimate, &exact): (&f32, &f32)| {
        (f64::from(estimate) + common - f64::from(exact)) / f64::from(query.norm)
    };
    let squares = scores
        .distances
        .iter()
        .zip(&exact)
        .map(error)
        .map(|error| error * error);
    (squares.sum(), ids.len())
}

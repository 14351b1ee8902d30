//! Which of the candidates a node is linked to.

use super::codes::RowCodes;
use super::quantizer::CodedQuery;

/// A candidate: its squared distance to the node, then its row; sorts nearest first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Near {
    pub(super) distance: f32,
    pub(super) row: u32,
}

/// Memory for pruning.
#[derive(Debug, Default)]
pub(super) struct PruneScratch {
    query: CodedQuery,
    dots: Vec<i32>,
    distances: Vec<f32>,
    rows: Vec<u32>,
    alive: Vec<Near>,
    pub(super) chosen: Vec<u32>,
}

impl PruneScratch {
    /// Chooses at most `degree` of `candidates` as links of `row`, nearest first, into `chosen`: one that lies nearer to
    /// a chosen one than to the row (by the factor `alpha`, of squared distances) can be reached through it and is left
    /// out (relative neighborhood graph; `RobustPrune` of Vamana). Duplicates and the row itself are ignored.
    pub(super) fn prune(
        &mut self,
        codes: &RowCodes,
        row: u32,
        candidates: &[u32],
        degree: usize,
        alpha: f32,
    ) {
        self.measure(codes, row, candidates);
        self.alive
            .sort_unstable_by(|a, b| a.distance.total_cmp(&b.distance).then(a.row.cmp(&b.row)));
        self.chosen.clear();
        while self.chosen.len() < degree && !self.alive.is_empty() {
            let nearest = self.alive.remove(0);
            self.chosen.push(nearest.row);
            self.rows.clear();
            self.rows.extend(self.alive.iter().map(|near| near.row));
            codes.as_query(nearest.row, &mut self.query);
            codes.distances(
                nearest.row,
                &self.query,
                &self.rows,
                &mut self.dots,
                &mut self.distances,
            );
            let mut distances = self.distances.iter();
            self.alive.retain(|near| {
                distances
                    .next()
                    .is_some_and(|between| between * alpha >= near.distance)
            });
        }
    }

    /// The candidates with their distances to `row`, each once.
    fn measure(&mut self, codes: &RowCodes, row: u32, candidates: &[u32]) {
        self.rows.clear();
        self.rows
            .extend(candidates.iter().copied().filter(|&other| other != row));
        self.rows.sort_unstable();
        self.rows.dedup();
        codes.as_query(row, &mut self.query);
        codes.distances(row, &self.query, &self.rows, &mut self.dots, &mut self.distances);
        let near = |(&row, &distance)| Near { distance, row };
        self.alive.clear();
        self.alive.extend(self.rows.iter().zip(&self.distances).map(near));
    }

    /// All candidates as links, nearest first: for a list that has room.
    pub(super) fn sort(&mut self, codes: &RowCodes, row: u32, candidates: &[u32]) {
        self.measure(codes, row, candidates);
        self.alive
            .sort_unstable_by(|a, b| a.distance.total_cmp(&b.distance).then(a.row.cmp(&b.row)));
        self.chosen.clear();
        self.chosen.extend(self.alive.iter().map(|near| near.row));
    }
}

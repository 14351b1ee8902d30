//! Scan or walk: whichever is expected to touch less memory.

use super::Plan;

/// Distances a walk computes per candidate of its beam, for lists of 32 links. Counted on 30,000 rows: 16 at beam 512,
/// 24 at beam 64, 37 at beam 10. That a scanned row costs less than one at a random place is not counted in.
const COST_PER_CANDIDATE: f64 = 20.0;

/// Chooses the plan for `matches` admissible rows out of `rows`. A filtered walk has to see `rows / matches` nodes for
/// each one it admits, so it costs `beam * rows / matches * COST_PER_CANDIDATE` against `matches` for the scan.
pub(crate) fn choose_plan(matches: usize, rows: usize, beam: usize, links: usize) -> Plan {
    let per_candidate = COST_PER_CANDIDATE * links as f64 / 32.0;
    let walk = beam as f64 * per_candidate * rows as f64 / (matches as f64).max(1.0);
    match (matches as f64) <= walk {
        true => Plan::Exact,
        false if matches == rows => Plan::Graph,
        false => Plan::FilteredGraph,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_rows_and_few_matches_are_scanned() {
        assert_eq!(choose_plan(0, 0, 64, 32), Plan::Exact);
        assert_eq!(choose_plan(1_000, 1_000, 64, 32), Plan::Exact);
        assert_eq!(choose_plan(100_000, 100_000, 64, 32), Plan::Graph);
        assert_eq!(choose_plan(1_000, 100_000, 64, 32), Plan::Exact);
        assert_eq!(choose_plan(50_000, 100_000, 64, 32), Plan::FilteredGraph);
        assert_eq!(choose_plan(100_000, 100_000, 100_000, 32), Plan::Exact);
    }
}

//! Searching the snapshot and every part, as if they were one index.

use super::{Live, Place, Selection};
use alike_indexes::{Effort, Index, IndexError, Kind, Neighbor, Plan, Report, Request, Scratch};
use std::time::{Duration, Instant};

/// What is asked of a state.
#[derive(Debug, Clone, Copy)]
pub struct Asked {
    /// How many items to find.
    pub k: usize,
    /// How hard to look.
    pub effort: Effort,
}

/// An item found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Where it is.
    pub place: Place,
    /// Its score; higher is better.
    pub score: f32,
}

/// What the live part took of a search.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LiveReport {
    /// Live items there are.
    pub rows: usize,
    /// Time spent on them.
    pub elapsed: Duration,
}

/// What a search took.
#[derive(Debug, Clone, Copy)]
pub struct SearchReport {
    /// The snapshot's and the live part's together: distances, hops and bytes are sums.
    pub report: Report,
    /// Whether every admissible item was compared.
    pub exact: bool,
    /// The live part's share.
    pub live: LiveReport,
}

impl Live {
    /// Finds the items of `selection` nearest to `query`: `found` then holds the best of them all, by falling score, equal
    /// ones in the order of [`Live::items`].
    ///
    /// # Errors
    /// The query cannot be compared ([`Index::search`]); `found` is then empty.
    pub fn search(
        &self,
        query: &[f32],
        asked: Asked,
        selection: &Selection<'_>,
        scratch: &mut Scratch,
        found: &mut Vec<Candidate>,
    ) -> Result<SearchReport, IndexError> {
        found.clear();
        let base = self.snapshot.index();
        let mut request = Request {
            k: asked.k,
            effort: asked.effort,
            filter: selection.base.as_deref(),
        };
        let mut report = base.search(query, &request, scratch)?;
        let mut exact = report.plan == Plan::Exact;
        found.extend(
            scratch
                .neighbors()
                .iter()
                .map(|&Neighbor { row, score }| Candidate {
                    place: Place::Base(row),
                    score,
                }),
        );
        let started = Instant::now();
        request.effort = part_effort(base, asked.effort);
        for (part, admitted) in self.parts.iter().zip(&selection.parts) {
            request.filter = admitted.as_deref();
            let of_part = part.index().search(query, &request, scratch)?;
            exact &= of_part.plan == Plan::Exact;
            add(&mut report, &of_part);
            let places = scratch.neighbors().iter().filter_map(|neighbor| {
                let entry = part.rows.get(neighbor.row)?;
                Some(Candidate {
                    place: Place::Live(entry.version),
                    score: neighbor.score,
                })
            });
            found.extend(places);
        }
        if !self.parts.is_empty() {
            found.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.place.cmp(&b.place)));
            found.truncate(asked.k);
        }
        let live = LiveReport {
            rows: self.live_rows(),
            elapsed: if self.parts.is_empty() {
                Duration::ZERO
            } else {
                started.elapsed()
            },
        };
        Ok(SearchReport { report, exact, live })
    }
}

/// The parts aim at what the snapshot aims at; one that always compares everything has live rows compared, too.
fn part_effort(base: &dyn Index, effort: Effort) -> Effort {
    match effort {
        _ if base.kind() == Kind::Flat => Effort::Exact,
        Effort::Default => Effort::Recall(base.description().recall_target),
        effort => effort,
    }
}

/// The plan is the snapshot's, unless that says nothing of the whole.
fn add(report: &mut Report, part: &Report) {
    if report.plan == Plan::Exact {
        report.plan = part.plan;
    }
    report.beam = report.beam.max(part.beam);
    report.hops += part.hops;
    report.distances += part.distances;
    report.bytes += part.bytes;
    report.partial |= part.partial;
}

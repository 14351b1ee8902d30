//! What is asked, how it is answered, and the memory that answering reuses.

mod batch;
mod effort;
mod exact;
mod plan;
mod pool;
mod scratch;
mod space;
mod top;
mod visited;

use serde::Serialize;

pub(crate) use batch::{nearest, scan_batch};
pub use effort::Effort;
pub(crate) use exact::{Batch, scan};
pub(crate) use plan::choose_plan;
pub(crate) use pool::{Pool, Slack};
pub use scratch::Scratch;
pub(crate) use space::Space;
pub(crate) use top::{Top, expand};
pub(crate) use visited::Visited;

use crate::row::Neighbor;
use crate::row_set::RowSet;

/// One question to an index.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// How many rows to find. More than there are is fine, and so is 0.
    pub k: usize,
    /// How hard to look.
    pub effort: Effort,
    /// Only these rows may be found.
    pub filter: Option<&'a RowSet>,
}

impl Default for Request<'_> {
    fn default() -> Self {
        Self {
            k: 10,
            effort: Effort::Default,
            filter: None,
        }
    }
}

/// How a question was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Plan {
    /// Every admissible row was compared; the answer is exact.
    Exact,
    /// The codes of every admissible row were compared, and the nearest of them in full.
    Scan,
    /// A walk of the graph.
    Graph,
    /// A walk over all nodes that admits only those that pass the filter.
    FilteredGraph,
}

impl Plan {
    /// The name used in reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Scan => "scan",
            Self::Graph => "graph",
            Self::FilteredGraph => "filtered_graph",
        }
    }
}

/// What answering took.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Report {
    /// How it was answered in the end.
    pub plan: Plan,
    /// Candidates kept during the walk; 0 if there was none.
    pub beam: usize,
    /// Nodes whose links were followed at level 0.
    pub hops: u32,
    /// Distances computed.
    pub distances: u64,
    /// Bytes of codes, rows and links read.
    pub bytes: u64,
    /// Whether a limit cut the search short, so that rows may be missing. No kind does so yet.
    pub partial: bool,
}

impl Report {
    /// That of a scan over full rows.
    pub(crate) fn of_scan(distances: u64, space: &Space<'_>) -> Self {
        Self {
            plan: Plan::Exact,
            beam: 0,
            hops: 0,
            distances,
            bytes: distances * space.row_bytes(),
            partial: false,
        }
    }
}

/// The answer to one query of a batch.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// The rows found, best first.
    pub neighbors: Vec<Neighbor>,
    /// What answering took.
    pub report: Report,
}

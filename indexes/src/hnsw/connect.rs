//! Linking in what `hnsw_rs` cut off: it drops the farthest link of a full list.

use super::freeze::Frozen;
use super::graph::Graph;
use crate::connect::Lists;
use crate::search::{Scratch, Space};

/// Candidates looked at first for a node that is cut off.
const MIN_BEAM: usize = 64;

impl Frozen {
    /// Makes every one of `nodes` (all that were inserted) reachable from the entry at level 0; gives the number of
    /// links added for it.
    pub(super) fn connect(&mut self, space: &Space<'_>, nodes: &[u32], beam: usize) -> usize {
        let Self {
            m,
            links,
            layers,
            counts,
            entry,
        } = self;
        let mut scratch = Scratch::new();
        let near = |links: &[u32], row: u32| {
            let graph = Graph {
                m: *m,
                links,
                layers: layers.as_slice(),
                counts: counts.as_slice(),
                entry: *entry,
                next: &[],
            };
            let query = space.rows.get(row).unwrap_or(&[]);
            if scratch.set_query(query, space.metric).is_err() {
                return Vec::new();
            }
            graph.walk(space, beam.max(MIN_BEAM), &mut scratch);
            scratch.pool.iter().map(|(node, _)| node).collect()
        };
        let mut lists = Lists { links, width: 2 * *m };
        lists.connect(&[*entry], nodes, near)
    }
}

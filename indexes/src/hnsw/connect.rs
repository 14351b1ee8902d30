//! Linking in what the builder cut off.
//!
//! `hnsw_rs` drops the farthest link of a full list, so a clump of near-equal vectors can lose its last link from
//! outside. Here every node is made reachable from the entry node at level 0: a spanning tree of the reachable part is
//! kept, and each node outside it is linked from the nearest reachable node that has a link to spare, in place of that
//! node's farthest link outside the tree.

use super::freeze::Frozen;
use crate::prepare::NO_ROW;
use crate::search::{Scratch, Space};

/// Candidates looked at first for a node that is cut off.
const MIN_BEAM: usize = 64;

/// The spanning tree: per row the node that reaches it.
struct Tree {
    parents: Vec<u32>,
    queue: Vec<u32>,
}

impl Tree {
    fn reaches(&self, row: u32) -> bool {
        self.parents
            .get(row as usize)
            .is_some_and(|&parent| parent != NO_ROW)
    }

    /// Adds `row` below `parent`, and all that `row` reaches.
    fn grow(&mut self, frozen: &Frozen, row: u32, parent: u32) {
        self.parents[row as usize] = parent;
        self.queue.push(row);
        while let Some(node) = self.queue.pop() {
            for to in frozen.graph(&[]).targets(node, self.parents.len()) {
                if !self.reaches(to) {
                    self.parents[to as usize] = node;
                    self.queue.push(to);
                }
            }
        }
    }
}

impl Frozen {
    /// Makes every one of `nodes` (all that were inserted) reachable from the entry at level 0; gives the number of
    /// links added for it.
    pub(super) fn connect(&mut self, space: &Space<'_>, nodes: &[u32], beam: usize) -> usize {
        let rows = space.len();
        let mut tree = Tree {
            parents: vec![NO_ROW; rows],
            queue: Vec::new(),
        };
        tree.grow(self, self.entry, self.entry);
        let mut scratch = Scratch::new();
        let mut added = 0;
        for &row in nodes {
            if !tree.reaches(row) {
                added += usize::from(self.link_in(space, &mut tree, row, beam.max(MIN_BEAM), &mut scratch));
            }
        }
        added
    }

    /// Links `row` from the nearest node of the tree that has room.
    fn link_in(
        &mut self,
        space: &Space<'_>,
        tree: &mut Tree,
        row: u32,
        beam: usize,
        scratch: &mut Scratch,
    ) -> bool {
        let query = space.rows.get(row).unwrap_or(&[]);
        if scratch.set_query(query, space.metric).is_err() {
            return false;
        }
        self.graph(&[]).walk(space, beam, scratch);
        let near = scratch.pool.iter().map(|(node, _)| node);
        let place = near
            .chain(0..space.len() as u32)
            .filter(|&node| tree.reaches(node));
        let Some((parent, slot)) = place
            .filter_map(|node| Some((node, self.spare_slot(tree, node)?)))
            .next()
        else {
            return false;
        };
        self.links[slot] = row;
        tree.grow(self, row, parent);
        true
    }

    /// The place of a node's first free link, else of its farthest one that the tree does not need.
    fn spare_slot(&self, tree: &Tree, node: u32) -> Option<usize> {
        let width = 2 * self.m;
        let start = node as usize * width;
        let links = self.links.get(start..start + width)?;
        let free = links.iter().position(|&link| link == NO_ROW);
        let spare = || {
            links
                .iter()
                .rposition(|&link| tree.parents[link as usize] != node)
        };
        free.or_else(spare).map(|slot| start + slot)
    }
}

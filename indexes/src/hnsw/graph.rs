//! Walking a frozen graph, in memory or in a mapped file.
//!
//! Links are not trusted: one that leads nowhere ends its list, so a damaged file can give bad answers but no wild read.

use std::cmp::Reverse;

use crate::kernel::prefetch;
use crate::row::{Neighbor, RowId};
use crate::row_set::RowSet;
use crate::search::{Scratch, Space};

/// Flat arrays as [`super::freeze`] lays them out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Graph<'a> {
    pub(super) m: usize,
    pub(super) links: &'a [u32],
    pub(super) layers: &'a [u32],
    pub(super) counts: &'a [u32],
    pub(super) entry: u32,
    /// Per row the next one with the same vector; empty if all differ.
    pub(super) next: &'a [u32],
}

/// After this many hops a filtered walk looks at how many of the nodes it followed were admissible.
const SOUNDED: u32 = 64;
/// A filter goes against the query when this many times fewer are than of all.
const FEWER: usize = 2;

/// What a walk took.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Spent {
    pub(super) hops: u32,
    pub(super) distances: u64,
    /// Links read, whether they lead to a row or fill up a list.
    pub(super) links: u64,
}

/// One upper layer.
pub(super) struct Layer<'a> {
    pub(super) rows: &'a [u32],
    pub(super) down: &'a [u32],
    pub(super) links: &'a [u32],
}

impl<'a> Graph<'a> {
    /// The nearest `beam` nodes that a walk at level 0 finds, into the scratch's pool.
    pub(super) fn walk(&self, space: &Space<'_>, beam: usize, scratch: &mut Scratch) -> Spent {
        let (start, mut spent) = self.descend(space, scratch);
        let Scratch {
            query,
            batch,
            pool,
            visited,
            ..
        } = scratch;
        pool.reset(beam);
        visited.reset(space.len());
        let query = query.as_slice();
        batch.ids.clear();
        batch.ids.extend(visited.insert(start).then_some(start));
        loop {
            spent.distances += batch.ids.len() as u64;
            for (node, distance) in batch.score(space, query) {
                if pool.insert(node, distance) {
                    prefetch(self.links_of(node));
                }
            }
            let Some(node) = pool.expand_next() else {
                return spent;
            };
            spent.hops += 1;
            spent.links += 2 * self.m as u64;
            batch.ids.clear();
            batch
                .ids
                .extend(self.targets(node, space.len()).filter(|&to| visited.insert(to)));
        }
    }

    /// As [`Self::walk`], over all nodes, but only rows that `filter` admits get into the scratch's top: the walk goes
    /// on until no open node is nearer than the worst of `beam` admitted ones, so it widens by itself as fewer pass.
    /// Gives up (`Err`) as soon as it has computed more than `budget` distances.
    pub(super) fn walk_filtered(
        &self,
        space: &Space<'_>,
        beam: usize,
        filter: &RowSet,
        budget: u64,
        scratch: &mut Scratch,
    ) -> Result<Spent, Spent> {
        let (start, mut spent) = self.descend(space, scratch);
        let Scratch {
            query,
            batch,
            visited,
            top,
            frontier,
            ..
        } = scratch;
        visited.reset(space.len());
        top.reset(beam);
        frontier.clear();
        let query = query.as_slice();
        let expected = SOUNDED as usize * filter.count() / space.len().max(1);
        let mut admitted = 0;
        batch.ids.clear();
        batch.ids.extend(visited.insert(start).then_some(start));
        loop {
            spent.distances += batch.ids.len() as u64;
            for (node, distance) in batch.score(space, query) {
                let neighbor = Neighbor {
                    row: RowId(node),
                    score: -distance,
                };
                if top.reaches(neighbor) {
                    prefetch(self.links_of(node));
                    frontier.push(Reverse(neighbor));
                    if self.equals(node).any(|row| filter.contains(row)) {
                        top.offer(neighbor);
                    }
                }
            }
            let open = frontier.pop().filter(|Reverse(nearest)| top.reaches(*nearest));
            let Some(Reverse(nearest)) = open else {
                return Ok(spent);
            };
            admitted += usize::from(self.equals(nearest.row.0).any(|row| filter.contains(row)));
            let against = spent.hops == SOUNDED && admitted * FEWER < expected;
            if spent.distances > budget || against {
                return Err(spent);
            }
            spent.hops += 1;
            spent.links += 2 * self.m as u64;
            batch.ids.clear();
            batch.ids.extend(
                self.targets(nearest.row.0, space.len())
                    .filter(|&to| visited.insert(to)),
            );
        }
    }

    /// A row and the rows with the same vector, ascending.
    pub(super) fn equals(&self, row: u32) -> impl Iterator<Item = RowId> + use<'a> {
        let next = self.next;
        let follow = move |row: &u32| next.get(*row as usize).copied().filter(|later| later > row);
        std::iter::successors(Some(row), follow)
            .map(RowId)
            .take_while(move |row| next.is_empty() || row.index() < next.len())
    }

    /// The level-0 links of a node, with what fills up the list.
    #[inline]
    fn links_of(&self, node: u32) -> &'a [u32] {
        let start = (node as usize).saturating_mul(2 * self.m);
        self.links
            .get(start..start.saturating_add(2 * self.m))
            .unwrap_or(&[])
    }

    /// The rows that a node links to at level 0.
    #[inline]
    pub(super) fn targets(&self, node: u32, rows: usize) -> impl Iterator<Item = u32> + use<'a> {
        self.links_of(node)
            .iter()
            .copied()
            .take_while(move |&to| (to as usize) < rows)
    }

    /// The upper layers, top first.
    pub(super) fn upper(&self) -> impl Iterator<Item = Layer<'a>> + use<'a> {
        let (layers, m) = (self.layers, self.m);
        let mut end = layers.len();
        self.counts.iter().rev().map(move |&count| {
            let count = count as usize;
            let start = end.saturating_sub(count * (2 + m));
            let words = layers.get(start..end).unwrap_or(&[]);
            end = start;
            let (rows, rest) = words.split_at(count.min(words.len()));
            let (down, links) = rest.split_at(count.min(rest.len()));
            Layer { rows, down, links }
        })
    }

    /// Greedy steps through the upper layers; gives the row to start from at level 0, and what it took.
    fn descend(&self, space: &Space<'_>, scratch: &mut Scratch) -> (u32, Spent) {
        let mut spent = Spent::default();
        let mut place = None;
        for layer in self.upper() {
            let (nearest, computed) = layer.nearest(space, place.unwrap_or(0), self.m, scratch);
            spent.distances += computed;
            spent.links += computed;
            place = layer.down.get(nearest).map(|&down| down as usize);
        }
        (place.map_or(self.entry, |row| row as u32), spent)
    }
}

impl Layer<'_> {
    /// Steps to the nearest linked node until none is nearer; gives its place and the distances computed.
    fn nearest(&self, space: &Space<'_>, start: usize, m: usize, scratch: &mut Scratch) -> (usize, u64) {
        let Scratch { query, batch, .. } = scratch;
        let query = query.as_slice();
        batch.ids.clear();
        batch.ids.extend(self.rows.get(start));
        let mut best = batch
            .score(space, query)
            .next()
            .map_or(f32::INFINITY, |(_, distance)| distance);
        let (mut place, mut distances) = (start, 1);
        loop {
            let links = self.links.get(place * m..(place + 1) * m).unwrap_or(&[]);
            batch.ids.clear();
            batch
                .ids
                .extend(links.iter().map_while(|&link| self.rows.get(link as usize)));
            distances += batch.ids.len() as u64;
            let scored = batch.score(space, query).map(|(_, distance)| distance).zip(links);
            let nearest = scored
                .min_by(|a, b| a.0.total_cmp(&b.0))
                .filter(|(distance, _)| *distance < best);
            let Some((distance, &link)) = nearest else {
                return (place, distances);
            };
            (best, place) = (distance, link as usize);
        }
    }
}

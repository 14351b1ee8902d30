//! Linking in what a builder cut off.
//!
//! A list has room for so many links, so a clump of near-equal vectors can lose its last link from outside. Here every
//! node is made reachable from the nodes where walks start: a spanning forest of the reachable part is kept, and each
//! node outside it is linked from the nearest reachable node that has a link to spare, in place of that node's farthest
//! link outside the forest.

use crate::prepare::NO_ROW;
use crate::row::RowId;
use crate::row_set::RowSet;

/// Lists of links of equal width, nearest first, [`NO_ROW`] behind the last.
pub(crate) struct Lists<'a> {
    pub(crate) links: &'a mut [u32],
    pub(crate) width: usize,
}

impl Lists<'_> {
    fn len(&self) -> usize {
        self.links.len() / self.width.max(1)
    }

    /// Makes every one of `nodes` reachable from `starts`, which are among them; gives the number of links added for it.
    /// `near` gives nodes near a row, found by walking the links it is shown.
    pub(crate) fn connect(
        &mut self,
        starts: &[u32],
        nodes: &[u32],
        mut near: impl FnMut(&[u32], u32) -> Vec<u32>,
    ) -> usize {
        let mut forest = Forest {
            parents: vec![NO_ROW; self.len()],
            queue: Vec::new(),
        };
        for &start in starts {
            forest.grow(self, start, start);
        }
        let mut added = 0;
        for &row in nodes {
            if !forest.reaches(row) {
                let near = near(self.links, row);
                added += usize::from(self.link_in(&mut forest, row, &near));
            }
        }
        added
    }

    /// Links `row` from the nearest node of the forest that has room.
    fn link_in(&mut self, forest: &mut Forest, row: u32, near: &[u32]) -> bool {
        let places = near.iter().copied().chain(0..self.len() as u32);
        let mut slots = places
            .filter(|&node| forest.reaches(node))
            .filter_map(|node| Some((node, self.spare_slot(forest, node)?)));
        let Some((parent, slot)) = slots.next() else {
            return false;
        };
        drop(slots);
        self.links[slot] = row;
        forest.grow(self, row, parent);
        true
    }

    /// The place of a node's first free link, else of its farthest one that the forest does not need.
    fn spare_slot(&self, forest: &Forest, node: u32) -> Option<usize> {
        let start = node as usize * self.width;
        let links = self.links.get(start..start + self.width)?;
        let free = links.iter().position(|&link| link == NO_ROW);
        let spare = || {
            links
                .iter()
                .rposition(|&link| forest.parents[link as usize] != node)
        };
        free.or_else(spare).map(|slot| start + slot)
    }
}

/// How many of `rows` rows cannot be reached from `starts` over `links`, lists of `width` each. `equals` gives the rows
/// that count as reached together with a node, itself among them.
pub(crate) fn unreached<I: Iterator<Item = RowId>>(
    (links, width): (&[u32], usize),
    starts: &[u32],
    rows: usize,
    equals: impl Fn(u32) -> I,
) -> usize {
    let (mut nodes, mut reached) = (RowSet::new(rows), RowSet::new(rows));
    let mut open: Vec<u32> = starts.to_vec();
    while let Some(node) = open.pop() {
        if !nodes.insert(RowId(node)) {
            continue;
        }
        equals(node).for_each(|row| {
            reached.insert(row);
        });
        let start = node as usize * width;
        open.extend(used(links.get(start..start + width).unwrap_or(&[])));
    }
    rows - reached.count()
}

/// The links of a list, without what fills it up.
pub(crate) fn used(list: &[u32]) -> &[u32] {
    let used = list.iter().position(|&link| link == NO_ROW).unwrap_or(list.len());
    &list[..used]
}

/// The spanning forest: per row the node that reaches it.
struct Forest {
    parents: Vec<u32>,
    queue: Vec<u32>,
}

impl Forest {
    fn reaches(&self, row: u32) -> bool {
        self.parents
            .get(row as usize)
            .is_some_and(|&parent| parent != NO_ROW)
    }

    /// Adds `row` below `parent`, and all that `row` reaches.
    fn grow(&mut self, lists: &Lists<'_>, row: u32, parent: u32) {
        self.parents[row as usize] = parent;
        self.queue.push(row);
        while let Some(node) = self.queue.pop() {
            let start = node as usize * lists.width;
            for &to in &lists.links[start..start + lists.width] {
                if (to as usize) < self.parents.len() && !self.reaches(to) {
                    self.parents[to as usize] = node;
                    self.queue.push(to);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_links_do_not_lead_to_is_counted() {
        let none = NO_ROW;
        // 0 -> 1 -> 2 -> 0; 3 -> 2 and 4 are reached from nowhere; 5 has the vector of 1, 6 that of 4.
        let links = [
            1, none, 2, none, 0, none, 2, none, none, none, none, none, none, none,
        ];
        let equals = |node| {
            let later = [(1, 5), (4, 6)].into_iter().filter(move |pair| pair.0 == node);
            std::iter::once(node).chain(later.map(|pair| pair.1)).map(RowId)
        };
        for (starts, expected) in [(&[0][..], 3), (&[3], 2), (&[3, 4], 0), (&[4], 5), (&[], 7)] {
            assert_eq!(unreached((&links, 2), starts, 7, equals), expected, "{starts:?}");
        }
        // Starts and links that lead nowhere are passed over.
        assert_eq!(
            unreached((&[9, 1, none, none], 2), &[0, 7], 2, |node| [RowId(node)]
                .into_iter()),
            0
        );
    }
}

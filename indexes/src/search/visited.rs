//! Which nodes a walk has seen.

/// One bit per node, and the nodes whose bit is set, so that starting anew costs what the last walk saw.
#[derive(Debug, Default)]
pub(crate) struct Visited {
    words: Vec<u64>,
    seen: Vec<u32>,
    len: usize,
}

impl Visited {
    /// Forgets everything and makes room for `len` nodes.
    pub(crate) fn reset(&mut self, len: usize) {
        for node in self.seen.drain(..) {
            if let Some(word) = self.words.get_mut(node as usize / 64) {
                *word = 0;
            }
        }
        if self.words.len() * 64 < len {
            self.words.resize(len.div_ceil(64), 0);
        }
        self.len = len;
    }

    /// Marks a node; says whether it was new. Nodes there is no room for never are.
    #[inline]
    pub(crate) fn insert(&mut self, node: u32) -> bool {
        let new = self.mark(node);
        if new {
            self.seen.push(node);
        }
        new
    }

    /// Marks the nodes in `links` and appends the new ones to `out`. Whether a node is new cannot be predicted, so
    /// nothing branches on it.
    #[inline]
    pub(crate) fn insert_all(&mut self, links: &[u32], out: &mut Vec<u32>) {
        let start = out.len();
        out.resize(start + links.len(), 0);
        let mut end = start;
        for &link in links {
            out[end] = link;
            end += usize::from(self.mark(link));
        }
        out.truncate(end);
        self.seen.extend_from_slice(&out[start..]);
    }

    #[inline(always)]
    fn mark(&mut self, node: u32) -> bool {
        if node as usize >= self.len {
            return false;
        }
        let word = &mut self.words[node as usize / 64];
        let bit = *word >> (node % 64) & 1;
        *word |= 1 << (node % 64);
        bit == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgets_between_walks_whatever_their_sizes() {
        let mut visited = Visited::default();
        for len in [2, 200, 65, 2, 0, 1000] {
            visited.reset(len);
            for node in 0..1100_u32 {
                let room = (node as usize) < len;
                assert_eq!(visited.insert(node), room, "{node} of {len}");
                assert!(!visited.insert(node));
            }
            visited.reset(len);
            let mut new = vec![7];
            visited.insert_all(&[1, 9, 1, u32::MAX, 150, 9], &mut new);
            let expected = [1, 9, 150].into_iter().filter(|&node| (node as usize) < len);
            assert_eq!(new, [7].into_iter().chain(expected).collect::<Vec<_>>());
        }
    }
}

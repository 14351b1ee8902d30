//! Which nodes a walk has seen.

/// One bit per node, and the words that have any set, so that starting anew costs what the last walk saw.
#[derive(Debug, Default)]
pub(crate) struct Visited {
    words: Vec<u64>,
    touched: Vec<u32>,
    len: usize,
}

impl Visited {
    /// Forgets everything and makes room for `len` nodes.
    pub(crate) fn reset(&mut self, len: usize) {
        for word in self.touched.drain(..) {
            self.words[word as usize] = 0;
        }
        if self.words.len() * 64 < len {
            self.words.resize(len.div_ceil(64), 0);
        }
        self.len = len;
    }

    /// Marks a node; says whether it was new. Nodes there is no room for never are.
    #[inline]
    pub(crate) fn insert(&mut self, node: u32) -> bool {
        let (place, bit) = (node as usize / 64, 1_u64 << (node % 64));
        if node as usize >= self.len {
            return false;
        }
        let Some(word) = self.words.get_mut(place) else {
            return false;
        };
        if *word == 0 {
            self.touched.push(place as u32);
        }
        let new = *word & bit == 0;
        *word |= bit;
        new
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
        }
    }
}

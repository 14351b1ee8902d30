//! Which nodes a walk has seen.

/// One mark per node; a node is seen when its mark equals the current epoch, so starting anew costs nothing.
#[derive(Debug, Default)]
pub(crate) struct Visited {
    marks: Vec<u16>,
    epoch: u16,
}

impl Visited {
    /// Forgets everything and makes room for `len` nodes.
    pub(crate) fn reset(&mut self, len: usize) {
        if self.marks.len() < len {
            self.marks.resize(len, 0);
        }
        self.epoch = self.epoch.wrapping_add(1);
        if self.epoch == 0 {
            self.marks.fill(0);
            self.epoch = 1;
        }
    }

    /// Marks a node; says whether it was new. Nodes there is no room for never are.
    #[inline]
    pub(crate) fn insert(&mut self, node: u32) -> bool {
        match self.marks.get_mut(node as usize) {
            Some(mark) if *mark != self.epoch => {
                *mark = self.epoch;
                true
            }
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgets_between_walks_even_when_the_epoch_wraps() {
        let mut visited = Visited::default();
        for _ in 0..70_000 {
            visited.reset(2);
            assert!(visited.insert(1) && !visited.insert(1) && !visited.insert(2));
        }
        visited.reset(3);
        assert!(visited.insert(2));
    }
}

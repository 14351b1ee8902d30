//! Which texts run together, and the padded arrays they become.

use std::sync::Arc;

use crate::tokenizer::Tokens;

/// How large a batch may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BatchLimit {
    /// Most tokens.
    pub tokens: usize,
    /// Whether every text costs as much as the batch's longest: the graph pads.
    pub padded: bool,
}

impl BatchLimit {
    /// Tokens that a batch costs.
    pub fn cost(self, size: Size) -> usize {
        if self.padded {
            size.texts * size.longest
        } else {
            size.tokens
        }
    }

    /// Whether a batch of several texts may be that large.
    pub fn admits(self, size: Size) -> bool {
        self.cost(size) <= self.tokens
    }
}

/// How much some texts are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Size {
    pub texts: usize,
    pub tokens: usize,
    /// Tokens of the longest.
    pub longest: usize,
}

impl Size {
    /// One text of that many tokens.
    pub fn one(tokens: usize) -> Self {
        Self {
            texts: 1,
            tokens,
            longest: tokens,
        }
    }

    /// All of `texts`.
    pub fn of(texts: &[Arc<Tokens>]) -> Self {
        let sizes = texts.iter().map(|tokens| Self::one(tokens.len()));
        sizes.fold(Self::default(), Self::and)
    }

    /// Both together.
    pub fn and(self, other: Self) -> Self {
        Self {
            texts: self.texts + other.texts,
            tokens: self.tokens + other.tokens,
            longest: self.longest.max(other.longest),
        }
    }
}

/// Groups texts of like length into batches within `limit` (a single longer text is a batch of its own). Longest first,
/// so that what is left for the end is cheap. Where one full batch would leave some of the `workers` idle, batches are
/// smaller.
///
/// Returns positions in `lengths`, each exactly once; the same answer for the same input.
pub(crate) fn plan(lengths: &[usize], limit: BatchLimit, workers: usize) -> Vec<Vec<usize>> {
    let total: usize = lengths.iter().sum();
    let limit = BatchLimit {
        tokens: limit.tokens.min(total.div_ceil(workers.max(1))),
        ..limit
    };
    let mut order: Vec<usize> = (0..lengths.len()).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(lengths[i]));
    let mut batches: Vec<Vec<usize>> = Vec::new();
    let mut size = Size::default();
    for text in order {
        let larger = size.and(Size::one(lengths[text]));
        match batches.last_mut() {
            Some(batch) if limit.admits(larger) => {
                batch.push(text);
                size = larger;
            }
            _ => {
                batches.push(vec![text]);
                size = Size::one(lengths[text]);
            }
        }
    }
    batches
}

/// One batch as the graph takes it: row-major `[rows, width]`, padded on the right.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Batch {
    /// Tokens of each text, without padding.
    pub lengths: Vec<usize>,
    /// Tokens per row, padding included.
    pub width: usize,
    /// Vocabulary ids; padding has the tokenizer's padding id.
    pub ids: Vec<i64>,
    /// 1 for a token, 0 for padding.
    pub mask: Vec<i64>,
    /// Segments; padding has 0.
    pub types: Vec<i64>,
}

impl Batch {
    /// Pads `texts` to the longest of them.
    pub fn new(texts: &[Arc<Tokens>], pad_id: u32) -> Self {
        let lengths: Vec<usize> = texts.iter().map(|tokens| tokens.len()).collect();
        let width = lengths.iter().copied().max().unwrap_or(0);
        let cells = lengths.len() * width;
        let mut batch = Self {
            lengths,
            width,
            ids: vec![i64::from(pad_id); cells],
            mask: vec![0; cells],
            types: vec![0; cells],
        };
        for (row, tokens) in texts.iter().enumerate() {
            batch.fill(row * width, tokens);
        }
        batch
    }

    /// Number of texts.
    pub fn rows(&self) -> usize {
        self.lengths.len()
    }

    fn fill(&mut self, start: usize, tokens: &Tokens) {
        let cells = start..start + tokens.len();
        widen(&mut self.ids[cells.clone()], &tokens.ids);
        widen(&mut self.types[cells.clone()], &tokens.types);
        self.mask[cells].fill(1);
    }
}

fn widen(cells: &mut [i64], values: &[u32]) {
    for (cell, &value) in cells.iter_mut().zip(values) {
        *cell = i64::from(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tokens(ids: &[u32]) -> Arc<Tokens> {
        Arc::new(Tokens {
            ids: ids.to_vec(),
            types: vec![1; ids.len()],
            truncated: false,
        })
    }

    fn padded(tokens: usize) -> BatchLimit {
        BatchLimit { tokens, padded: true }
    }

    #[test]
    fn shorter_rows_are_padded_on_the_right_and_masked() {
        let texts = [tokens(&[5, 6, 7]), tokens(&[8])];
        let batch = Batch::new(&texts, 9);
        assert_eq!((batch.rows(), batch.width), (2, 3));
        assert_eq!(batch.ids, [5, 6, 7, 8, 9, 9]);
        assert_eq!(batch.mask, [1, 1, 1, 1, 0, 0]);
        assert_eq!(batch.types, [1, 1, 1, 1, 0, 0]);
        assert_eq!(batch.lengths, [3, 1]);
    }

    #[test]
    fn longest_first_and_ties_in_input_order() {
        assert_eq!(plan(&[2, 5, 2, 5], padded(10), 1), [vec![1, 3], vec![0, 2]]);
    }

    #[test]
    fn a_text_beyond_the_budget_is_a_batch_of_its_own() {
        assert_eq!(plan(&[3, 100, 3], padded(8), 1), [vec![1], vec![0, 2]]);
    }

    #[test]
    fn a_small_job_is_shared_by_the_workers() {
        assert_eq!(plan(&[4; 8], padded(1000), 2).len(), 2);
        assert_eq!(plan(&[4; 8], padded(1000), 1).len(), 1);
    }

    #[test]
    fn no_texts_no_batches() {
        assert!(plan(&[], padded(100), 2).is_empty());
    }

    proptest! {
        #[test]
        fn every_text_once_within_the_budget_and_grouped_by_length(
            lengths in prop::collection::vec(1_usize..300, 0..200),
            most in 1_usize..4000,
            workers in 1_usize..5,
            padded in any::<bool>(),
        ) {
            let limit = BatchLimit { tokens: most, padded };
            let batches = plan(&lengths, limit, workers);
            let mut seen: Vec<usize> = batches.concat();
            let in_order: Vec<usize> = seen.iter().map(|&i| lengths[i]).collect();
            prop_assert!(in_order.is_sorted_by(|a, b| a >= b));
            for batch in &batches {
                let widest = batch.iter().map(|&i| lengths[i]).max().unwrap();
                let sum: usize = batch.iter().map(|&i| lengths[i]).sum();
                let cost = if padded { batch.len() * widest } else { sum };
                prop_assert!(batch.len() == 1 || cost <= most);
            }
            if lengths.len() >= workers {
                prop_assert!(batches.len() >= workers);
            }
            seen.sort_unstable();
            prop_assert_eq!(seen, (0..lengths.len()).collect::<Vec<_>>());
        }
    }
}

//! How a model is trained.

/// How a model is trained. The defaults were chosen on real baskets; see the figures at [`super::train`].
#[derive(Debug, Clone, PartialEq)]
pub struct TrainSettings {
    /// Items that an item is foretold by in catalogs of up to `small` items.
    pub neighbors: usize,
    /// The same in larger ones.
    pub neighbors_of_many: usize,
    /// Up to this many items a catalog is small.
    pub small: usize,
    /// Numbers per item vector; 0: none are learned.
    pub dimension: usize,
    /// The last days of the interactions, on which the weights of features are fitted; 0: the weights are those that were
    /// found on the baskets of a gift shop.
    pub fit_days: u32,
    /// Per item, others whose content is like its own, with their cosine; empty where that is not known. Items that nobody
    /// bought are recommended by it, too.
    pub alike: Vec<Vec<(u32, f32)>>,
}

impl Default for TrainSettings {
    fn default() -> Self {
        Self {
            neighbors: 200,
            neighbors_of_many: 100,
            small: 20_000,
            dimension: 64,
            fit_days: 30,
            alike: Vec::new(),
        }
    }
}

impl TrainSettings {
    /// Items that an item is foretold by in a catalog of that many.
    pub(super) fn neighbors_for(&self, items: usize) -> usize {
        if items <= self.small {
            self.neighbors
        } else {
            self.neighbors_of_many
        }
    }
}

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
    /// Up to this many items, weights come from one inverse of the whole Gram matrix (EASE) instead of one system per item.
    pub dense_up_to: usize,
    /// Numbers per item vector; 0: none are learned.
    pub dimension: usize,
    /// The last days of the interactions, on which the weights of features are fitted; 0: the weights are those that were
    /// found on the baskets of a gift shop.
    pub fit_days: u32,
}

impl Default for TrainSettings {
    fn default() -> Self {
        Self {
            neighbors: 400,
            neighbors_of_many: 100,
            small: 20_000,
            dense_up_to: 5_000,
            dimension: 64,
            fit_days: 30,
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

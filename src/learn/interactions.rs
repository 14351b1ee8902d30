//! What a model learns from.

/// Who did what with which items, in a space of item numbers that the caller chose.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Interactions {
    /// Number of items: every item number is below it.
    pub items: usize,
    /// One per user.
    pub users: Vec<History>,
    /// Items that were bought together.
    pub baskets: Vec<Basket>,
    /// Items that were looked at in one visit.
    pub sessions: Vec<Basket>,
    /// The time that is "now" for the model, seconds since the Unix epoch: recent is what lies shortly before it.
    pub now: i64,
}

/// What one user did, oldest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct History {
    /// At most one per item, event type and time.
    pub touches: Vec<Touch>,
}

/// One thing that a user did with one item.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Touch {
    /// The item.
    pub item: u32,
    /// When, seconds since the Unix epoch.
    pub time: i64,
    /// What it says about interest, in views.
    pub weight: f32,
    /// Whether the item was bought.
    pub bought: bool,
}

/// Items of one basket or visit.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Basket {
    /// When it ended, seconds since the Unix epoch.
    pub time: i64,
    /// Its items, each once, in any order.
    pub items: Vec<u32>,
}

//! How good recommendations are, on what really happened: a model is trained on everything before a moment, and asked for
//! what came after it.
//!
//! **Events** are the rows of a table ([`Columns`] says which columns are what). A row without a type is a purchase.
//! Rows whose quantity is not positive are cancellations and returns; they are left out, and so are those that a
//! [`Pattern`] keeps out. A row without a user is somebody's who is not known: it counts in its basket only.
//!
//! A column of texts, such as titles, tells which items are alike; a snapshot knows that from its vectors, an evaluation
//! compares words.
//!
//! **Strategies**, of 20 recommendations each:
//!
//! - `for_you`: users with a history before the split; wanted is all that they buy after it (all that they touch, where
//!   nothing in the file is a purchase). With `exclude_seen`, only items that are not in their history are recommended and
//!   wanted.
//! - `bought_together`: baskets after the split with 2 to 30 different items; one of them, drawn by the seed, is hidden
//!   and wanted, the others are given. `every_line` hides each in turn instead, and takes the mean over the basket. Where
//!   the customer is known, their history before the split is given too, unless `anonymous`.
//! - `viewed_together` (also called `sessions`): visits after the split; wanted is the next item, given those before it,
//!   wherever it is another one.
//! - `popular` and `trending`, for comparison: as `for_you`, with the same list for everybody; what most bought in the last
//!   30 days before the split, and what most touched, each touch counting half as much after three days.
//!
//! **Measures**, means over queries:
//!
//! - recall: wanted items found, divided by the number of wanted items, at most 20 of them.
//! - nDCG: `Σ 1 / log2(i + 1)` over the ranks i of wanted items, divided by the same sum for the best order.
//! - MRR: 1 / rank of the first wanted item, 0 when there is none.
//! - coverage: different items recommended to anybody, divided by the items that occur before the split.
//! - popularity bias: the mean popularity of what was recommended, as a percentile (0 to 1) of the items that occur before
//!   the split, by how many baskets or touches they are in; 0.5 is no bias, ties count half.
//!
//! An item that nobody touched before the split can't be recommended, and still counts as wanted.

mod columns;
mod measures;
mod pattern;
mod read;
mod run;
mod split;
mod texts;

pub use columns::{Columns, UnknownColumn};
pub use measures::{CUTOFF, Measures, Outcome};
pub use pattern::{BadPattern, Pattern};
pub use read::{Events, EventsError, Line, Skipped, read_events};
pub use run::{Evaluated, EvaluationError, Options, Strategy, evaluate, moment};

#[cfg(test)]
mod tests;

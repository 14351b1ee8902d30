//! Ranking: from lists of candidates and a shop's rules to what is shown. Pure functions; nothing here searches, encodes
//! or reads files.
//!
//! [`blend`] makes one list of several; [`rank`] applies [`Rules`] to a list, in this order:
//!
//! 1. **exclude**: what the caller excludes is gone, and with it pins of it. First, so that nothing below spends its room
//!    on what cannot be shown.
//! 2. **freshness**: where scores are to be weighed (here or in 3), they are first brought to [`LEAST`]..=1, the best
//!    candidate being 1, so that weights and factors mean the same for every strategy. Then
//!    `score · (1 − weight) + weight · 2^(−age / half_life)`; an item without a time has no freshness.
//! 3. **boost** and **bury** multiply the score by their factors. After freshness, because the shop has the last word: what
//!    is buried with 0 stays last however new it is.
//! 4. **order**: by score, then by place, so that equal scores never make two answers of one.
//!
//! Then the positions are filled from the first to the last; each rule below is asked as a position is filled, since what
//! it allows there depends on what stands on the others:
//!
//! 5. **pin**: pinned items stand at their positions. They are what somebody has chosen by hand: no cap keeps them away,
//!    but they take up the caps' room and count for diversity wherever they stand, also before their position is reached.
//!    Where there are too few items to reach a position, what is pinned there follows the last one.
//! 6. **explore**: a share of the positions without a pin goes to candidates that would not have been shown, drawn from
//!    all of them alike by a hash of seed and place. Which positions depends on the seed too; the number is the share
//!    of the positions, rounded up or down by the seed so that the mean over seeds is right. Drawn items keep to the caps;
//!    diversity does not judge them, since they are shown to learn and not because they are good.
//! 7. **diversity**: any other position gets the candidate with the greatest
//!    `(1 − diversity) · score − diversity · similarity`, the similarity being the greatest cosine with anything shown
//!    (maximal marginal relevance, Carbonell & Goldstein 1998); without diversity simply the next one.
//! 8. **`max_per`** is strict: a candidate that would break a cap is passed over, and the answer rather has fewer items than
//!    were asked for. An item with several values counts for each, one without any for none.
//!
//! Without rules the result is the first `limit` candidates with their scores untouched.

mod blend;
mod candidate;
mod caps;
mod check;
mod diversity;
mod explore;
mod fill;
mod rank;
mod rules;
mod scale;
#[cfg(test)]
mod tests;

pub use blend::{List, blend};
pub use candidate::{Candidate, Facts, Strategy};
pub use check::{MAX_EXCLUDED, MAX_PINS, MAX_RULES, RuleError};
pub(crate) use check::{check_count, check_filter, check_once};
pub use rank::{Call, Ranked, rank};
pub use rules::{Boost, Bury, Exclude, Explore, Freshness, MaxPer, Pin, Rules};
pub use scale::LEAST;

//! What is ranked.

use crate::live::Place;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Where a candidate comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Items whose content is like that of given items.
    Similar,
    /// Items that are bought in the same basket as given items.
    BoughtTogether,
    /// Items that are looked at in the same visit as given items.
    ViewedTogether,
    /// What a user, or who has just looked at given items, will want next.
    ForYou,
    /// What many want right now.
    Trending,
    /// What gets more attention than before.
    Rising,
    /// What many have wanted for long.
    Popular,
    /// What has come last.
    New,
}

impl Strategy {
    /// Every strategy.
    pub const ALL: [Self; 8] = [
        Self::Similar,
        Self::BoughtTogether,
        Self::ViewedTogether,
        Self::ForYou,
        Self::Trending,
        Self::Rising,
        Self::Popular,
        Self::New,
    ];

    /// Its name, as calls and answers write it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Similar => "similar",
            Self::BoughtTogether => "bought_together",
            Self::ViewedTogether => "viewed_together",
            Self::ForYou => "for_you",
            Self::Trending => "trending",
            Self::Rising => "rising",
            Self::Popular => "popular",
            Self::New => "new",
        }
    }
}

/// An item that may be shown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    /// Where the item is, in the view of the call.
    pub place: Place,
    /// How good it is; higher is better. Comparable within one list only.
    pub score: f32,
    /// The strategy it came from.
    pub strategy: Strategy,
}

/// What rules ask about items.
pub trait Facts {
    /// Whether the item meets the condition of this number, counted in the order of [`Rules::conditions`](super).
    fn meets(&self, place: Place, condition: usize) -> bool;
    /// The values of a field as text (numbers and booleans as JSON writes them); none where the item has no such field.
    fn values(&self, place: Place, field: &str) -> Vec<String>;
    /// The value of a timestamp field, milliseconds since the Unix epoch; the latest of several.
    fn time(&self, place: Place, field: &str) -> Option<i64>;
    /// The item's vector, as it is compared.
    fn vector(&self, place: Place) -> Option<&[f32]>;
}

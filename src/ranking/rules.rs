//! A shop's rules, as calls and placements carry them.

use crate::schema::{objects, unique_keys};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// Business rules; all are optional. See the module for what each does and in which order.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({
    "exclude": {"bought": true}, "boost": [{"filter": {"in_stock": true}, "factor": 2}],
    "max_per": [{"field": "brand", "count": 2}], "diversity": 0.3,
}))]
pub struct Rules {
    /// What is never shown.
    #[serde(
        deserialize_with = "objects::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub exclude: Option<Exclude>,
    /// What scores more; at most 32. Scores are brought to 0.1..=1 first: a factor of 10 lifts the last candidate to the
    /// first.
    #[serde(deserialize_with = "objects::list", skip_serializing_if = "Option::is_none")]
    pub boost: Option<Vec<Boost>>,
    /// What scores less; at most 32.
    #[serde(deserialize_with = "objects::list", skip_serializing_if = "Option::is_none")]
    pub bury: Option<Vec<Bury>>,
    /// What stands at a position; at most 100.
    #[serde(deserialize_with = "objects::list", skip_serializing_if = "Option::is_none")]
    pub pin: Option<Vec<Pin>>,
    /// Of what there are only so many; at most 32. Strict: there are rather fewer items than were asked for. Only pinned
    /// items may exceed it.
    #[serde(deserialize_with = "objects::list", skip_serializing_if = "Option::is_none")]
    pub max_per: Option<Vec<MaxPer>>,
    /// How much items are to differ from each other, 0 (not at all) to 1 (whatever their scores).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 0, maximum = 1)]
    pub diversity: Option<f32>,
    /// How much newer items are to score more.
    #[serde(
        deserialize_with = "objects::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub freshness: Option<Freshness>,
    /// How many positions go to items that would not have been shown.
    #[serde(
        deserialize_with = "objects::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub explore: Option<Explore>,
}

/// What is never shown.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Exclude {
    /// These items, by id; at most 1,000. Ids of items that are not there change nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<String>,
    /// What the user or session has touched in any way.
    pub seen: bool,
    /// What the user has bought.
    pub bought: bool,
    /// What is in the call's basket.
    pub basket: bool,
}

/// Multiplies the scores of some items.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Boost {
    /// Which items: conditions on filterable fields, as in a search.
    #[serde(deserialize_with = "unique_keys::required")]
    #[schema(value_type = Object)]
    pub filter: Value,
    /// By what their scores are multiplied, above 0, at most 100.
    #[schema(exclusive_minimum = 0, maximum = 100)]
    pub factor: f32,
}

/// Lessens the scores of some items.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Bury {
    /// Which items: conditions on filterable fields, as in a search.
    #[serde(deserialize_with = "unique_keys::required")]
    #[schema(value_type = Object)]
    pub filter: Value,
    /// By what their scores are multiplied, from 0 (to the end of the list) to below 1.
    #[schema(minimum = 0, exclusive_maximum = 1)]
    pub factor: f32,
}

/// Puts an item to a position.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// The item's id.
    pub item: String,
    /// Its position, from 1 to the call's limit. A call that asks for fewer does not show it.
    #[schema(minimum = 1, maximum = 1000)]
    pub position: usize,
}

/// At most so many items with the same value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MaxPer {
    /// A filterable field.
    pub field: String,
    /// Most items with the same value, 1 to 1,000.
    #[schema(minimum = 1, maximum = 1000)]
    pub count: usize,
}

/// Newer items score more.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Freshness {
    /// A filterable timestamp field.
    pub field: String,
    /// After how many days an item is half as fresh, above 0, at most 36,500.
    #[schema(exclusive_minimum = 0, maximum = 36500)]
    pub half_life_days: f64,
    /// How much of the score is freshness, 0 to 1.
    #[schema(minimum = 0, maximum = 1)]
    pub weight: f32,
}

/// Some positions go to items that would not have been shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Explore {
    /// The share of the positions, 0 to 1.
    #[schema(minimum = 0, maximum = 1)]
    pub share: f32,
}

impl Rules {
    /// The filters of boosts, then those of buries, each with its path; [`Facts::meets`](super::Facts::meets) counts them
    /// in this order.
    #[must_use]
    pub fn conditions(&self) -> Vec<(String, &Value)> {
        let boosts = self.boosts().iter().enumerate();
        let boosts = boosts.map(|(at, boost)| (format!("rules.boost[{at}].filter"), &boost.filter));
        let buries = self.buries().iter().enumerate();
        let buries = buries.map(|(at, bury)| (format!("rules.bury[{at}].filter"), &bury.filter));
        boosts.chain(buries).collect()
    }

    /// The fields that rules read, each once.
    #[must_use]
    pub fn fields(&self) -> Vec<&str> {
        let capped = self.caps().iter().map(|cap| cap.field.as_str());
        let dated = self.freshness.iter().map(|freshness| freshness.field.as_str());
        let mut fields: Vec<&str> = capped.chain(dated).collect();
        fields.sort_unstable();
        fields.dedup();
        fields
    }

    /// These with what `call` says instead: a kind of rule that the call gives replaces this one's, an empty list removes
    /// it.
    #[must_use]
    pub fn under(&self, call: &Self) -> Self {
        Self {
            exclude: call.exclude.as_ref().or(self.exclude.as_ref()).cloned(),
            boost: call.boost.as_ref().or(self.boost.as_ref()).cloned(),
            bury: call.bury.as_ref().or(self.bury.as_ref()).cloned(),
            pin: call.pin.as_ref().or(self.pin.as_ref()).cloned(),
            max_per: call.max_per.as_ref().or(self.max_per.as_ref()).cloned(),
            diversity: call.diversity.or(self.diversity),
            freshness: call.freshness.as_ref().or(self.freshness.as_ref()).cloned(),
            explore: call.explore.as_ref().or(self.explore.as_ref()).cloned(),
        }
    }

    /// The boosts.
    #[must_use]
    pub fn boosts(&self) -> &[Boost] {
        self.boost.as_deref().unwrap_or_default()
    }

    /// The buries.
    #[must_use]
    pub fn buries(&self) -> &[Bury] {
        self.bury.as_deref().unwrap_or_default()
    }

    /// The pins.
    #[must_use]
    pub fn pins(&self) -> &[Pin] {
        self.pin.as_deref().unwrap_or_default()
    }

    /// The caps.
    #[must_use]
    pub fn caps(&self) -> &[MaxPer] {
        self.max_per.as_deref().unwrap_or_default()
    }
}

//! Placements: settings of recommendation calls that a shop keeps by name, such as what stands below a product or in an
//! empty basket. A call that names one takes its settings from there and may override each.
//!
//! They are kept per collection in `placements.json`: one JSON object with the format's version and the placements by
//! name. Every change writes the file anew beside the old one, syncs it, and swaps it in, under a lock that other
//! processes take too. A file that cannot be read is never written over.

mod check;
mod error;
mod store;
#[cfg(test)]
mod tests;

pub use check::check_name;
pub use error::PlacementsError;
pub use store::{MAX_PLACEMENT_BYTES, MAX_PLACEMENTS, Placements};

use crate::ranking::{Rules, Strategy};
use crate::schema::{objects, unique_keys};
use crate::signals::Window;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// Settings of recommendation calls; all are optional.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(example = json!({
    "strategy": "bought_together", "fallback": ["similar", "popular"], "limit": 8,
    "filter": {"in_stock": true}, "rules": {"exclude": {"basket": true}, "max_per": [{"field": "brand", "count": 2}]},
}))]
pub struct Placement {
    /// Where the items come from; not together with `blend`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<Strategy>,
    /// Several strategies with their weights.
    #[serde(deserialize_with = "objects::list", skip_serializing_if = "Option::is_none")]
    pub blend: Option<Vec<Part>>,
    /// What fills up, in this order, where there are too few items.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<Vec<Strategy>>,
    /// Business rules.
    #[serde(
        deserialize_with = "objects::optional",
        skip_serializing_if = "Option::is_none"
    )]
    pub rules: Option<Rules>,
    /// Conditions on filterable fields, as in a search.
    #[serde(
        deserialize_with = "unique_keys::optional",
        skip_serializing_if = "Option::is_none"
    )]
    #[schema(value_type = Option<Object>)]
    pub filter: Option<Value>,
    /// Most items wanted, 1 to 1,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1000)]
    pub limit: Option<usize>,
    /// How far `trending` and `rising` look back: `1h`, `6h`, `24h`, `7d` or `30d`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "24h")]
    pub window: Option<Window>,
    /// Only what people of this segment did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segment: Option<String>,
    /// The document fields wanted; all when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fields: Option<Vec<String>>,
}

/// One strategy of a blend.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// The strategy.
    pub strategy: Strategy,
    /// How much it counts against the others, 0 (not at all) to 1,000,000.
    #[schema(minimum = 0, maximum = 1_000_000)]
    pub weight: f32,
}

impl Placement {
    /// This placement with what `call` says instead. A call's `strategy` or `blend` replaces whichever of the two this one
    /// has; rules are replaced kind by kind, see [`Rules::under`].
    #[must_use]
    pub fn under(&self, call: &Self) -> Self {
        let source = if call.strategy.is_some() || call.blend.is_some() {
            call
        } else {
            self
        };
        let rules = match (&self.rules, &call.rules) {
            (Some(own), Some(called)) => Some(own.under(called)),
            (own, called) => called.as_ref().or(own.as_ref()).cloned(),
        };
        Self {
            strategy: source.strategy,
            blend: source.blend.clone(),
            fallback: call.fallback.as_ref().or(self.fallback.as_ref()).cloned(),
            rules,
            filter: call.filter.as_ref().or(self.filter.as_ref()).cloned(),
            limit: call.limit.or(self.limit),
            window: call.window.or(self.window),
            segment: call.segment.as_ref().or(self.segment.as_ref()).cloned(),
            fields: call.fields.as_ref().or(self.fields.as_ref()).cloned(),
        }
    }
}

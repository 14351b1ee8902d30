//! What a call says.

use crate::engine::Recommend;
use crate::http::problem::Problem;
use crate::http::search::effort;
use crate::placements::{Part, Placement};
use crate::ranking::{Rules, Strategy};
use crate::signals::Window;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;

/// A recommendation: for whom, by which strategies, under which rules. All is optional, but there has to be something to
/// go by: `like`, `basket`, something about the shopper, a `strategy`, a `blend`, or a `placement`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"like": ["KIT-0001"], "limit": 10}))]
pub(in crate::http) struct RecommendBody {
    /// Where the items come from; not together with `blend`.
    #[schema(example = "for_you")]
    strategy: Option<Strategy>,
    /// Several strategies with their weights; the scores of each are brought to one scale first.
    blend: Option<Vec<Part>>,
    /// Ids of items to resemble, or to go together with (they are not returned).
    like: Option<Vec<String>>,
    /// With `like`: ids of items to move away from (they are not returned).
    unlike: Option<Vec<String>>,
    /// Who it is for, as events name them; an unknown one is no error.
    user: Option<String>,
    /// The visit it is for, as events name it; an unknown one is no error.
    session: Option<String>,
    /// Ids of items that were looked at just now, latest first, at most 1,000: the history of who has no name. Unknown ones
    /// are passed over.
    recent: Option<Vec<String>>,
    /// Ids of the items in the basket, at most 1,000. Unknown ones are passed over.
    basket: Option<Vec<String>>,
    /// The placement whose settings it has; its own win over them.
    placement: Option<String>,
    /// Business rules.
    rules: Option<Rules>,
    /// Conditions on filterable fields: `{"brand": "Acme", "price": {"gte": 10, "lt": 50}}`.
    #[serde(default, deserialize_with = "crate::schema::unique_keys::optional")]
    #[schema(value_type = Option<Object>)]
    filter: Option<Value>,
    /// Most hits wanted, 1 to 1,000.
    #[schema(default = 10, minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// The document fields wanted; all when absent.
    fields: Option<Vec<String>>,
    /// For `trending`, `rising` and `popular`: only what people of this segment did, as events name it.
    segment: Option<String>,
    /// How far `trending` and `rising` look back: `1h`, `6h`, `24h`, `7d` or `30d`.
    #[schema(value_type = Option<String>, default = "24h", example = "7d")]
    window: Option<Window>,
    /// Strategies that fill up, in this order, where there are too few hits; none for an empty list. When absent, those
    /// that go with the strategy: `bought_together` goes on with `viewed_together`, `similar`, `popular` and `new`, what is
    /// for one shopper or a chart with `trending`, `popular` and `new`; `similar` and `new` know every item. With
    /// `min_score` there is none unless it is named.
    fallback: Option<Vec<Strategy>>,
    /// Candidates that score lower, by their strategy, are left out.
    min_score: Option<f32>,
    /// For `similar`: compare with every admissible row instead of walking the graph: the same as `recall` 1.
    exact: Option<bool>,
    /// For `similar`: the recall@10 to aim at, above 0, at most 1: the cheapest setting that reached it when the index was
    /// built; 1 compares with every admissible row. The collection's own target (0.99 unless built otherwise) when absent.
    #[schema(exclusive_minimum = 0, maximum = 1, example = 0.95)]
    recall: Option<f32>,
    /// Show how similar items were looked for, where they were.
    #[serde(default)]
    plan: bool,
    /// Answer from a state that contains this position, as a write has given it; 503 with `Retry-After` where it is not
    /// reached in time.
    min_position: Option<u64>,
    /// The experiment that this call is a part of: one of its variants answers it.
    experiment: Option<String>,
    /// What variants are assigned to, and what the share of explored items depends on: `user`, else `session`, when absent.
    unit: Option<String>,
}

/// What a call asks for, and how the answer is to look.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) call: Recommend,
    pub(super) placement: Option<String>,
    pub(super) experiment: Option<String>,
    /// What a variant is assigned to.
    pub(super) unit: Option<String>,
    pub(super) plan: bool,
    pub(super) least: Option<u64>,
}

impl RecommendBody {
    pub(super) fn into_asked(self) -> Result<Asked, Problem> {
        let named = [&self.unit, &self.user, &self.session];
        let unit = named.into_iter().flatten().next().cloned();
        if self.experiment.is_some() && unit.is_none() {
            let detail =
                "unit: is missing: `experiment` assigns variants to units; give `unit`, `user` or `session`";
            return Err(Problem::invalid(detail).with_field("unit"));
        }
        let call = Recommend {
            effort: effort(self.exact, self.recall)?,
            settings: Placement {
                strategy: self.strategy,
                blend: self.blend,
                fallback: self.fallback,
                rules: self.rules,
                filter: self.filter,
                limit: self.limit,
                window: self.window,
                segment: self.segment,
                fields: self.fields,
            },
            like: self.like,
            unlike: self.unlike.unwrap_or_default(),
            user: self.user,
            session: self.session,
            recent: self.recent.unwrap_or_default(),
            basket: self.basket,
            min_score: self.min_score,
            unit: self.unit,
            renew: false,
        };
        Ok(Asked {
            call,
            placement: self.placement,
            experiment: self.experiment,
            unit,
            plan: self.plan,
            least: self.min_position,
        })
    }
}

//! `POST …/search`.

use super::extract::{Json, Params, Path};
use super::problem::Problem;
use super::reads::AtLeast;
use super::state::App;
use crate::engine::{Answer, Hit, PlanReport, Query, Search, View};
use alike_indexes::Effort;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Instant;
use utoipa::ToSchema;

const DEFAULT_LIMIT: usize = 10;

/// A search: exactly one of `text`, `vector` and `like`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"text": "something to keep my coffee warm on the train", "limit": 10}))]
pub(super) struct SearchBody {
    /// What to look for, in words.
    text: Option<String>,
    /// What to look for, as a vector of the collection's dimension.
    vector: Option<Vec<f32>>,
    /// What to look for, as ids of items to resemble (they are not returned).
    like: Option<Vec<String>>,
    /// With `like`: ids of items to move away from.
    unlike: Option<Vec<String>>,
    /// Conditions on filterable fields: `{"brand": "Acme", "price": {"gte": 10, "lt": 50}}`.
    #[serde(default, deserialize_with = "super::unique_keys::optional")]
    #[schema(value_type = Option<Object>)]
    filter: Option<Value>,
    /// Most hits wanted, 1 to 1,000.
    #[schema(default = 10, minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// The document fields wanted; all when absent.
    fields: Option<Vec<String>>,
    /// Hits that score lower are left out.
    min_score: Option<f32>,
    /// Compare with every admissible row instead of walking the graph: the same as `recall` 1.
    exact: Option<bool>,
    /// The recall@10 to aim at, above 0, at most 1: the cheapest setting that reached it when the index was built (for
    /// `text` one with a third of the misses, since words lie farther from items); 1 compares with every admissible row.
    /// The collection's own target (0.99 unless built otherwise) when absent.
    #[schema(exclusive_minimum = 0, maximum = 1, example = 0.95)]
    recall: Option<f32>,
    /// Show how the call was answered.
    #[serde(default)]
    plan: bool,
    /// Answer from a state that contains this position, as a write has given it; 503 with `Retry-After` where it is not
    /// reached in time.
    min_position: Option<u64>,
}

/// The answer to a search.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SearchAnswer {
    /// The hits, best first.
    #[schema(value_type = Vec<HitSchema>)]
    hits: Vec<Hit>,
    /// The log position of the state that answered.
    position: u64,
    /// The snapshot that answered.
    snapshot: String,
    /// The model of its vectors; null where the catalog brought its own.
    model: Option<String>,
    /// Whether every admissible row was compared.
    exact: bool,
    /// Whether there may be more admissible rows than were found.
    partial: bool,
    /// Milliseconds from the call's start to this answer.
    took_ms: f64,
    /// How it was answered, when asked for: its `kind` is `exact` (every admissible row compared), `scan` (their codes
    /// compared, the nearest then in full), `graph` (a walk) or `filtered_graph` (a walk that admits only rows that pass).
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    plan: Option<PlanReport>,
}

/// One hit.
#[derive(ToSchema)]
#[schema(as = Hit)]
#[allow(dead_code, reason = "describes engine::Hit, which knows nothing of OpenAPI")]
pub(super) struct HitSchema {
    /// The item's id.
    id: String,
    /// Similarity; higher is better.
    score: f32,
    /// The item's fields.
    #[schema(value_type = Object)]
    fields: Value,
}

impl SearchBody {
    fn into_search(self) -> Result<(Search, bool), Problem> {
        let given = [self.text.is_some(), self.vector.is_some(), self.like.is_some()];
        let query = match (self.text, self.vector, self.like) {
            (Some(text), None, None) => Query::Text(text),
            (None, Some(vector), None) => Query::Vector(vector),
            (None, None, Some(like)) => Query::Examples {
                like,
                unlike: self.unlike.clone().unwrap_or_default(),
            },
            _ => {
                let count = given.into_iter().filter(|given| *given).count();
                let detail = format!("give exactly one of `text`, `vector` and `like`; {count} are given");
                return Err(Problem::invalid(detail).with_field("text"));
            }
        };
        if self.unlike.is_some() && !matches!(query, Query::Examples { .. }) {
            return Err(Problem::invalid("unlike: goes with `like` only").with_field("unlike"));
        }
        let effort = effort(self.exact, self.recall)?;
        let search = Search {
            query,
            filter: self.filter,
            limit: self.limit.unwrap_or(DEFAULT_LIMIT),
            fields: self.fields,
            min_score: self.min_score,
            effort,
        };
        Ok((search, self.plan))
    }
}

/// What `exact` and `recall` ask for together.
pub(super) fn effort(exact: Option<bool>, recall: Option<f32>) -> Result<Effort, Problem> {
    let contradiction = match (exact, recall) {
        (Some(true), Some(recall)) => recall != 1.0,
        (Some(false), Some(recall)) => recall == 1.0,
        _ => false,
    };
    match (exact, recall) {
        (Some(exact), Some(recall)) if contradiction => {
            let detail =
                format!("recall: is {recall} with `exact` {exact}; recall 1 is the exact one, give either");
            Err(Problem::invalid(detail).with_field("recall"))
        }
        (_, Some(recall)) => Ok(Effort::Recall(recall)),
        (Some(true), None) => Ok(Effort::Exact),
        _ => Ok(Effort::Default),
    }
}

impl SearchAnswer {
    fn new(view: &View, answer: Answer, with_plan: bool, start: Instant) -> Self {
        Self {
            hits: answer.hits,
            position: view.position().0,
            snapshot: view.snapshot().id().to_owned(),
            model: view.model().map(ToString::to_string),
            exact: answer.exact,
            partial: answer.partial,
            took_ms: start.elapsed().as_secs_f64() * 1e3,
            plan: with_plan.then_some(answer.plan),
        }
    }
}

/// Search by text, by vector, or like given items
///
/// With filters on declared fields, a limit, chosen fields and a least score.
#[utoipa::path(
    post, path = "/v1/collections/{collection}/search", tag = "Search",
    params(("collection" = String, Path, description = "Name of the collection"), AtLeast),
    request_body = SearchBody,
    responses(
        (status = 200, body = SearchAnswer),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn search(
    State(app): State<App>,
    Path(collection): Path<String>,
    Params(least): Params<AtLeast>,
    Json(body): Json<SearchBody>,
) -> Result<axum::Json<SearchAnswer>, Problem> {
    answer(app, collection, least, body).await
}

async fn answer(
    app: App,
    collection: String,
    least: AtLeast,
    body: SearchBody,
) -> Result<axum::Json<SearchAnswer>, Problem> {
    let start = Instant::now();
    let least = least.or(body.min_position);
    let (search, with_plan) = body.into_search()?;
    app.run(move |app| {
        let view = app.view_at(&collection, least)?;
        let answer = app.engine().search(&view, &search)?;
        Ok(axum::Json(SearchAnswer::new(&view, answer, with_plan, start)))
    })
    .await
}

//! Items as they are: by id, counted, and all of them page by page.

use super::cursors::Scrolling;
use super::extract::{Json, Params, Path};
use super::problem::Problem;
use super::state::App;
use crate::engine::{EngineError, Listed, MAX_LIMIT, Scroll, View};
use crate::live::Place;
use crate::log::Position;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use std::sync::Arc;
use utoipa::{IntoParams, ToSchema};

/// Items on a page of a scroll where none is said.
const DEFAULT_PAGE: usize = 100;

/// Of which state the answer is to be.
#[derive(Debug, Clone, Copy, Default, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct AtLeast {
    /// Answer from a state that contains this position, as a write has given it; 503 with `Retry-After` where it is not
    /// reached in time.
    min_position: Option<u64>,
}

impl AtLeast {
    /// The greater of this and what the body asks for.
    pub(super) fn or(self, body: Option<u64>) -> Option<u64> {
        self.min_position.max(body)
    }
}

impl App {
    /// The view of a collection that contains `least`; waits for it.
    pub(super) fn view_at(&self, collection: &str, least: Option<u64>) -> Result<Arc<View>, EngineError> {
        self.engine()
            .view_at(collection, least.map(Position), self.deadline())
    }
}

/// How to get an item.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ItemParams {
    /// Answer from a state that contains this position, as a write has given it; 503 with `Retry-After` where it is not
    /// reached in time.
    min_position: Option<u64>,
    /// With the item's vector.
    #[serde(default)]
    #[param(value_type = Option<bool>)]
    vector: bool,
}

/// One item.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Item {
    /// Its id.
    id: String,
    /// Its fields.
    #[schema(value_type = Object)]
    fields: Box<RawValue>,
    /// Its vector, as the index has it (of length 1 where the metric is cosine), where it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    vector: Option<Vec<f32>>,
}

/// One item, and the state that it is of.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ItemAnswer {
    #[serde(flatten)]
    item: Item,
    /// The log position of the state that answered.
    position: u64,
    /// The snapshot that answered.
    snapshot: String,
}

/// Get an item
#[utoipa::path(
    get, path = "/v1/collections/{collection}/items/{id}", tag = "Items",
    params(
        ("collection" = String, Path, description = "Name of the collection"),
        ("id" = String, Path, description = "Id of the item"),
        ItemParams,
    ),
    responses(
        (status = 200, body = ItemAnswer),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = 503, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn item(
    State(app): State<App>,
    Path((collection, id)): Path<(String, String)>,
    Params(params): Params<ItemParams>,
) -> Result<axum::Json<ItemAnswer>, Problem> {
    app.run(move |app| {
        let view = app.view_at(&collection, params.min_position)?;
        let item = read_item(&view, id, params.vector)?;
        Ok(axum::Json(ItemAnswer {
            item,
            position: view.position().0,
            snapshot: view.snapshot().id().to_owned(),
        }))
    })
    .await
}

fn read_item(view: &View, id: String, with_vector: bool) -> Result<Item, EngineError> {
    let item = view.item(&id)?;
    Ok(Item {
        fields: view.fields(&item, None)?,
        vector: with_vector.then(|| item.vector.to_vec()),
        id,
    })
}

/// Which items to get.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"ids": ["KIT-0001", "KIT-0002"]}))]
pub(super) struct GetBody {
    /// Their ids, 1 to 1,000.
    ids: Vec<String>,
    /// With their vectors.
    #[serde(default)]
    vector: bool,
    /// Answer from a state that contains this position.
    min_position: Option<u64>,
}

/// Several items.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct GetAnswer {
    /// The items that there are, in the order of their ids in the call.
    items: Vec<Item>,
    /// The ids of which there is no item.
    missing: Vec<String>,
    /// The log position of the state that answered.
    position: u64,
    /// The snapshot that answered.
    snapshot: String,
}

/// Get items by their ids
#[utoipa::path(
    post, path = "/v1/collections/{collection}/items/get", tag = "Items",
    params(("collection" = String, Path, description = "Name of the collection"), AtLeast),
    request_body = GetBody,
    responses(
        (status = 200, body = GetAnswer),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = 503, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn get(
    State(app): State<App>,
    Path(collection): Path<String>,
    Params(least): Params<AtLeast>,
    Json(body): Json<GetBody>,
) -> Result<axum::Json<GetAnswer>, Problem> {
    let count = body.ids.len();
    if count == 0 || count > MAX_LIMIT {
        let detail = format!("ids: names {count} items, 1 to {MAX_LIMIT} are accepted");
        return Err(Problem::invalid(detail).with_field("ids"));
    }
    app.run(move |app| {
        let view = app.view_at(&collection, least.or(body.min_position))?;
        let mut answer = GetAnswer {
            items: Vec::with_capacity(count),
            missing: Vec::new(),
            position: view.position().0,
            snapshot: view.snapshot().id().to_owned(),
        };
        for id in body.ids {
            if view.live().find(&id).is_some() {
                answer.items.push(read_item(&view, id, body.vector)?);
            } else {
                answer.missing.push(id);
            }
        }
        Ok(axum::Json(answer))
    })
    .await
}

/// What to count.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"filter": {"in_stock": true}}))]
pub(super) struct CountBody {
    /// Conditions on filterable fields, as searches take them; all items when absent.
    #[serde(default, deserialize_with = "super::unique_keys::optional")]
    #[schema(value_type = Option<Object>)]
    filter: Option<Value>,
    /// Answer from a state that contains this position.
    min_position: Option<u64>,
}

/// How many there are.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CountAnswer {
    /// Items that pass the filter.
    count: usize,
    /// The log position of the state that answered.
    position: u64,
    /// The snapshot that answered.
    snapshot: String,
}

/// Count items
#[utoipa::path(
    post, path = "/v1/collections/{collection}/items/count", tag = "Items",
    params(("collection" = String, Path, description = "Name of the collection"), AtLeast),
    request_body = CountBody,
    responses(
        (status = 200, body = CountAnswer),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = 503, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn count(
    State(app): State<App>,
    Path(collection): Path<String>,
    Params(least): Params<AtLeast>,
    Json(body): Json<CountBody>,
) -> Result<axum::Json<CountAnswer>, Problem> {
    app.run(move |app| {
        let view = app.view_at(&collection, least.or(body.min_position))?;
        Ok(axum::Json(CountAnswer {
            count: view.count(body.filter.as_ref())?,
            position: view.position().0,
            snapshot: view.snapshot().id().to_owned(),
        }))
    })
    .await
}

/// A page of a scroll.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"filter": {"in_stock": true}, "limit": 100}))]
pub(super) struct ScrollBody {
    /// Conditions on filterable fields, as searches take them; all items when absent. With a cursor: left out, or the same
    /// as on the first page.
    #[serde(default, deserialize_with = "super::unique_keys::optional")]
    #[schema(value_type = Option<Object>)]
    filter: Option<Value>,
    /// Items on the page, 1 to 1,000; with a cursor, as on the first page when absent.
    #[schema(default = 100, minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// The document fields wanted; all when absent; with a cursor, as on the first page when absent.
    fields: Option<Vec<String>>,
    /// Where to go on: the last page's cursor.
    cursor: Option<String>,
    /// Answer from a state that contains this position.
    min_position: Option<u64>,
}

/// A page of items.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct ScrollAnswer {
    /// The items.
    #[schema(value_type = Vec<Item>)]
    items: Vec<Listed>,
    /// What asks for the next page; null on the last one.
    cursor: Option<String>,
    /// The log position of the state that the scroll shows, from its first page to its last.
    position: u64,
    /// The snapshot that answered.
    snapshot: String,
}

/// All items, page by page
///
/// In the order of the collection. All pages are of the state that was served when the first was asked for, whatever changes
/// meanwhile. A scroll may rest for `server.scroll_ttl_ms` between two pages, then its cursor is answered 410; at most 100
/// scrolls are held, more let go of the one that rests longest. A cursor can be asked for again.
#[utoipa::path(
    post, path = "/v1/collections/{collection}/items/scroll", tag = "Items",
    params(("collection" = String, Path, description = "Name of the collection"), AtLeast),
    request_body = ScrollBody,
    responses(
        (status = 200, body = ScrollAnswer),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = 503, body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn scroll(
    State(app): State<App>,
    Path(collection): Path<String>,
    Params(least): Params<AtLeast>,
    Json(body): Json<ScrollBody>,
) -> Result<axum::Json<ScrollAnswer>, Problem> {
    let least = least.or(body.min_position);
    app.run(move |app| page(app, &collection, least, body).map(axum::Json))
        .await
}

fn page(app: &App, collection: &str, least: Option<u64>, body: ScrollBody) -> Result<ScrollAnswer, Problem> {
    let (limit, fields) = (body.limit, body.fields.clone());
    let (scrolling, after) = match &body.cursor {
        None => {
            let view = app.view_at(collection, least)?;
            let limit = limit.unwrap_or(DEFAULT_PAGE);
            let begun = app.cursors().begin(view, body.filter, body.fields, limit);
            (begun, None)
        }
        Some(cursor) => go_on(app, collection, least, cursor, body.filter.as_ref())?,
    };
    let held = &scrolling.held;
    let page = held.view.scroll(&Scroll {
        filter: held.filter.clone(),
        limit: limit.unwrap_or(held.limit),
        fields: fields.or_else(|| held.fields.clone()),
        after,
    })?;
    Ok(ScrollAnswer {
        cursor: page.next.map(|place| app.cursors().cursor(&scrolling, place)),
        items: page.items,
        position: held.view.position().0,
        snapshot: held.view.snapshot().id().to_owned(),
    })
}

/// The scroll of a cursor, if the call fits it.
fn go_on(
    app: &App,
    collection: &str,
    least: Option<u64>,
    cursor: &str,
    filter: Option<&Value>,
) -> Result<(Scrolling, Option<Place>), Problem> {
    app.engine().view(collection)?;
    let (scrolling, place) = app.cursors().find(cursor)?;
    let view = &scrolling.held.view;
    if view.collection() != collection {
        let detail = format!("cursor: is of collection {:?}", view.collection());
        return Err(Problem::invalid(detail).with_field("cursor"));
    }
    if filter.is_some() && filter != scrolling.held.filter.as_ref() {
        let detail =
            "filter: is another one than the scroll began with; leave it out, or begin anew without cursor";
        return Err(Problem::invalid(detail).with_field("filter"));
    }
    if least.is_some_and(|least| least > view.position().0) {
        let detail = format!(
            "min_position: the scroll shows the state at {}; begin anew without cursor",
            view.position()
        );
        return Err(Problem::invalid(detail).with_field("min_position"));
    }
    Ok((scrolling, Some(place)))
}

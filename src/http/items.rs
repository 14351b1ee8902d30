//! Changes of items: upsert, update, delete.

use super::extract::{Body, Params, Path, body_object};
use super::observe::TimeLimit;
use super::problem::Problem;
use super::state::App;
use super::writes::{
    Call, CallKey, Changes, Digest, MAX_ITEMS, Report, Verb, WriteAnswer, id_of, object, once, write_all,
    write_one,
};
use crate::changes::Change;
use axum::Extension;
use axum::extract::{OriginalUri, Request, State};
use axum::http::Method;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::{IntoParams, ToSchema};

/// How a call of changes is answered.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct WriteParams {
    /// Name the outcome of every change (of the first 100,000).
    #[serde(default)]
    #[param(value_type = Option<bool>)]
    outcomes: bool,
}

/// Add or replace items
///
/// One object, a JSON array of at most 100,000 items within `server.body_limit_bytes` (one batch: an id may stand in it
/// once), or, as `application/x-ndjson`, one object per line and any number of lines (a sequence: a later line of an id
/// follows the earlier). An item that is wrong is refused by itself, with its position, line, id and field; the others are
/// done. Changes are committed in parts as they come, at most 1,000 together; what the answer counts is on the disk and
/// visible to every later read. A stream may pause for at most `server.request_timeout_ms` (blank lines keep it open).
///
/// A call that fails as a whole after a part of it was done (429, 503, 504, 507) says so in its problem: `not_done_from` is
/// the position of the first change that was not done; `position`, the counts and `errors` are those of what came before.
#[utoipa::path(
    post, path = "/v1/collections/{collection}/items", tag = "Items",
    params(
        ("collection" = String, Path, description = "Name of the collection"),
        WriteParams,
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters that name the call: \
            sent again within a day, with the same body, it is answered as the first time, with the header \
            `idempotent-replayed: true`, and does nothing"),
    ),
    request_body(
        content((Vec<Object> = "application/json"), (String = "application/x-ndjson")),
        description = "Items as the collection's schema has them: the id field, embedded texts or the vector, any other fields",
    ),
    responses(
        (status = 200, body = WriteAnswer),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn upsert(
    State(app): State<App>,
    Path(collection): Path<String>,
    Params(params): Params<WriteParams>,
    key: CallKey,
    Extension(time): Extension<TimeLimit>,
    request: Request,
) -> Result<Response, Problem> {
    let call = Call {
        collection,
        verb: Verb::Upsert,
        outcomes: params.outcomes,
    };
    take(app, call, key, &time, request).await
}

/// Change fields of items
///
/// As adding items, but each object has an item's id and the fields to change; null removes a field, what is not named
/// stays. An item is encoded again only where a text that is embedded changes. An item that is not there is counted as
/// `missing` and listed among the errors.
#[utoipa::path(
    patch, path = "/v1/collections/{collection}/items", tag = "Items",
    params(
        ("collection" = String, Path, description = "Name of the collection"),
        WriteParams,
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters that name the call"),
    ),
    request_body(
        content((Vec<Object> = "application/json"), (String = "application/x-ndjson")),
        description = "Objects with an item's id and the fields to change",
    ),
    responses(
        (status = 200, body = WriteAnswer),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn update(
    State(app): State<App>,
    Path(collection): Path<String>,
    Params(params): Params<WriteParams>,
    key: CallKey,
    Extension(time): Extension<TimeLimit>,
    request: Request,
) -> Result<Response, Problem> {
    let call = Call {
        collection,
        verb: Verb::Update,
        outcomes: params.outcomes,
    };
    take(app, call, key, &time, request).await
}

/// Takes the changes of a call, as long as they come.
async fn take(
    app: App,
    call: Call,
    key: CallKey,
    time: &TimeLimit,
    request: Request,
) -> Result<Response, Problem> {
    app.engine().view(&call.collection)?;
    let changes = Changes::of(request, &app).await?;
    time.lift();
    let missing_fails = call.verb != Verb::Delete;
    once(&app, &call.collection, key, changes, async |mut changes| {
        let report = write_all(&app, &call, &mut changes).await;
        (changes, report.and_then(|report| report.finish(missing_fails)))
    })
    .await
}

/// Change fields of one item
///
/// The body has the fields to change; null removes a field, what is not named stays. The item is encoded again only where a
/// text that is embedded changes.
#[utoipa::path(
    patch, path = "/v1/collections/{collection}/items/{id}", tag = "Items",
    params(
        ("collection" = String, Path, description = "Name of the collection"),
        ("id" = String, Path, description = "Id of the item"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters that name the call"),
    ),
    request_body(content = Object, example = json!({"price": 12.5, "in_stock": false})),
    responses(
        (status = 200, body = WriteAnswer),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn update_one(
    State(app): State<App>,
    Path((collection, id)): Path<(String, String)>,
    key: CallKey,
    method: Method,
    OriginalUri(uri): OriginalUri,
    Body(bytes): Body,
) -> Result<Response, Problem> {
    let view = app.engine().view(&collection)?;
    let mut fields = object(&bytes)?;
    same_id(&view.snapshot().manifest().schema.id, &id, &mut fields)?;
    let change = Change::Update {
        id: id.clone(),
        fields,
    };
    let digest = Digest::of(&method, &uri).with(&bytes);
    one(app, collection, id, change, key, &digest).await
}

/// The id of an item stands in the path; in the body it may only say the same.
fn same_id(field: &str, id: &str, fields: &mut Map<String, Value>) -> Result<(), Problem> {
    match fields.remove(field) {
        Some(value) if id_of(&value).as_deref() != Some(id) => {
            let found = crate::schema::shown(&value);
            let detail =
                format!("{field}: is {found}, the path names another item; an item's id cannot be changed");
            Err(Problem::invalid(detail).with_field(field))
        }
        _ => Ok(()),
    }
}

/// Delete an item
#[utoipa::path(
    delete, path = "/v1/collections/{collection}/items/{id}", tag = "Items",
    params(
        ("collection" = String, Path, description = "Name of the collection"),
        ("id" = String, Path, description = "Id of the item"),
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters that name the call"),
    ),
    responses(
        (status = 200, body = WriteAnswer),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn delete_one(
    State(app): State<App>,
    Path((collection, id)): Path<(String, String)>,
    key: CallKey,
    method: Method,
    OriginalUri(uri): OriginalUri,
) -> Result<Response, Problem> {
    let change = Change::Delete { id: id.clone() };
    let digest = Digest::of(&method, &uri);
    one(app, collection, id, change, key, &digest).await
}

async fn one(
    app: App,
    collection: String,
    id: String,
    change: Change,
    key: CallKey,
    digest: &Digest,
) -> Result<Response, Problem> {
    let (app, name) = (&app, collection.clone());
    once(app, &name, key, Changes::none(digest), async |changes| {
        let report = app.run(move |app| write_one(app, &collection, &id, change)).await;
        (changes, report.and_then(|report| report.finish(true)))
    })
    .await
}

/// Which items to delete: exactly one of `ids` and `filter`.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"filter": {"in_stock": false}}))]
pub(super) struct DeleteBody {
    /// Their ids, at most 100,000, each once.
    ids: Option<Vec<String>>,
    /// Conditions on filterable fields, as searches take them; every item that passes is deleted.
    #[serde(default, deserialize_with = "super::unique_keys::optional")]
    #[schema(value_type = Option<Object>)]
    filter: Option<Value>,
}

/// What was deleted by a filter.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct DeleteAnswer {
    /// A read that asks for this `min_position` sees none of them.
    position: u64,
    /// Items that were there and are gone.
    deleted: usize,
    /// Items to delete that are not there; 0 with a filter.
    missing: usize,
}

/// Delete items by id or by filter
///
/// Ids that are not there are counted as `missing` and are no failure. With `ids`, the answer also counts and lists what was
/// refused, as that of adding items does.
#[utoipa::path(
    post, path = "/v1/collections/{collection}/items/delete", tag = "Items",
    params(
        ("collection" = String, Path, description = "Name of the collection"),
        WriteParams,
        ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters that name the call"),
    ),
    request_body = DeleteBody,
    responses(
        (status = 200, body = DeleteAnswer),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json"),
    )
)]
#[allow(clippy::too_many_arguments, reason = "each is a part of the request")]
pub(super) async fn delete(
    State(app): State<App>,
    Path(collection): Path<String>,
    Params(params): Params<WriteParams>,
    key: CallKey,
    Extension(time): Extension<TimeLimit>,
    method: Method,
    OriginalUri(uri): OriginalUri,
    Body(bytes): Body,
) -> Result<Response, Problem> {
    let body: DeleteBody = body_object(&bytes)?;
    let digest = Digest::of(&method, &uri).with(&bytes);
    match (body.ids, body.filter) {
        (Some(ids), None) => {
            let call = Call {
                collection,
                verb: Verb::Delete,
                outcomes: params.outcomes,
            };
            time.lift();
            delete_ids(app, call, key, Changes::ids(checked(&ids)?, &digest)).await
        }
        (None, Some(filter)) => delete_matching(app, collection, filter, key, &digest).await,
        (ids, _) => {
            let given = if ids.is_some() { "both are" } else { "none is" };
            let detail = format!("give exactly one of `ids` and `filter`; {given} given");
            Err(Problem::invalid(detail).with_field("ids"))
        }
    }
}

fn checked(ids: &[String]) -> Result<&[String], Problem> {
    if ids.is_empty() || ids.len() > MAX_ITEMS {
        let detail = format!("ids: names {} items, 1 to {MAX_ITEMS} are accepted", ids.len());
        return Err(Problem::invalid(detail).with_field("ids"));
    }
    Ok(ids)
}

async fn delete_ids(app: App, call: Call, key: CallKey, changes: Changes) -> Result<Response, Problem> {
    once(&app, &call.collection, key, changes, async |mut changes| {
        let report: Result<Report, Problem> = write_all(&app, &call, &mut changes).await;
        (changes, report.and_then(|report| report.finish(false)))
    })
    .await
}

async fn delete_matching(
    app: App,
    collection: String,
    filter: Value,
    key: CallKey,
    digest: &Digest,
) -> Result<Response, Problem> {
    let (app, name) = (&app, collection.clone());
    once(app, &name, key, Changes::none(digest), async |changes| {
        let deleted = app.run(move |app| {
            let (deleted, position) = app
                .engine()
                .delete_matching(&collection, &filter, app.deadline())?;
            Ok(DeleteAnswer {
                position: position.0,
                deleted,
                missing: 0,
            })
        });
        (changes, deleted.await)
    })
    .await
}

//! `GET …/recommend/{placement}`: what everybody is shown alike, for caches outside to hold.

use super::answer::RecommendAnswer;
use super::body::Asked;
use crate::engine::{Instead, Recommend};
use crate::http::extract::{Params, Path};
use crate::http::problem::Problem;
use crate::http::shared::{Made, Maker, Of, Sent};
use crate::http::state::App;
use crate::http::trending::names;
use crate::placements::Placement;
use axum::extract::{FromRequestParts, Request, State};
use axum::response::Response;
use serde::Deserialize;
use std::sync::Arc;
use std::time::Instant;
use utoipa::IntoParams;

/// What a placement is asked for beyond its settings.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http) struct PlacementParams {
    /// Most hits wanted, 1 to 1,000.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// The document fields wanted, separated by commas; all when absent.
    fields: Option<String>,
    /// Ids of items to resemble, or to go together with, separated by commas (they are not returned).
    like: Option<String>,
    /// Only what people of this segment did, as events name it.
    segment: Option<String>,
}

/// Recommend by a placement, the same to everybody
///
/// As `POST …/recommend` with `{"placement": "…"}` and nothing about the shopper; no experiment takes part. The answer,
/// `recommendation_id` included, is shared by everybody who asks while it is kept: `[server] trending_ttl_ms` here, and by
/// caches outside as `Cache-Control` and `ETag` allow. Items that were deleted or changed are not shown as they were, and a
/// changed placement or snapshot counts at once.
#[utoipa::path(
    get, path = "/v1/collections/{collection}/recommend/{placement}", tag = "Recommend",
    params(
        ("collection" = String, Path, description = "Name of the collection"),
        ("placement" = String, Path, description = "Name of the placement"),
        PlacementParams,
    ),
    responses(
        (status = 200, body = RecommendAnswer),
        (status = 304, description = "The answer is the one that `If-None-Match` names"),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(in crate::http) async fn by_placement(
    State(app): State<App>,
    request: Request,
) -> Result<Response, Problem> {
    let (mut parts, _body) = request.into_parts();
    let asked = parts.uri.path_and_query().cloned();
    let key = asked.as_ref().map_or("", |asked| asked.as_str());
    let path = Path::<(String, String)>::from_request_parts(&mut parts, &app).await?;
    let Params(params) = Params::<PlacementParams>::from_request_parts(&mut parts, &app).await?;
    let maker = maker(path.0, params);
    app.make_answer(Of::Placement, key, &parts.headers, maker).await
}

fn maker((collection, placement): (String, String), params: PlacementParams) -> Maker {
    let asked = Asked {
        call: Recommend {
            settings: Placement {
                limit: params.limit,
                fields: params.fields.as_deref().map(names),
                segment: params.segment,
                ..Placement::default()
            },
            like: params.like.as_deref().map(names),
            ..Recommend::default()
        },
        placement: Some(placement),
        experiment: None,
        unit: None,
        plan: false,
        least: None,
    };
    Arc::new(move |app, renew| make(app, &collection, &asked, renew))
}

fn make(app: &App, collection: &str, asked: &Asked, renew: bool) -> Result<Made, Problem> {
    let start = Instant::now();
    let view = app.view_at(collection, None)?;
    let name = asked.placement.as_deref().unwrap_or_default();
    let placement = app.engine().placement(collection, name)?;
    let instead = Instead {
        placement: Some(&placement),
        ..Instead::default()
    };
    let call = Recommend {
        renew,
        ..asked.call.clone()
    };
    let found = app.engine().recommend(&view, &call, instead)?;
    let (made, outcome) = (found.made, found.outcome.unwrap_or(crate::engine::Outcome::Miss));
    let id = app.recommendation_id(None, collection, None);
    let answer = RecommendAnswer::new(&view, found, id.to_string(), asked, None).took(start);
    Ok(Made {
        sent: Sent::new(&view, &answer, &answer.hits, Some((name, &placement)))?,
        made,
        outcome,
    })
}

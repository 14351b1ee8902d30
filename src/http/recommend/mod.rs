//! `POST …/recommend` and `GET …/recommend/{placement}`.

mod answer;
mod body;
mod by_placement;
mod experiment;

pub(super) use answer::SuggestionSchema;
pub(super) use by_placement::{__path_by_placement, by_placement};

use super::extract::{Json, Params, Path};
use super::problem::Problem;
use super::reads::AtLeast;
use super::state::App;
use crate::engine::{Instead, Recommend, Recommended, View};
use answer::RecommendAnswer;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};
use body::{Asked, RecommendBody};
use experiment::Trial;
use std::sync::Arc;
use std::time::Instant;

/// An answer to one shopper is nobody else's.
const PRIVATE: [(HeaderName, HeaderValue); 1] = [(
    header::CACHE_CONTROL,
    HeaderValue::from_static("private, no-store"),
)];

/// Recommend items
///
/// By `strategy`, or by a `blend` of several: `similar` to the items of `like` (`like + (like − unlike)`, each the mean of
/// its items' vectors), `bought_together` or `viewed_together` with those of `basket` and `like`, `for_you` (from what
/// `user` and `session` touched, and from `recent` for who has no name), `trending`, `rising`, `popular`, `new`. Without
/// either, `like` means similar, `basket` bought together, and anything about the shopper for you.
///
/// `rules` put the candidates in order; `fallback` strategies fill up where there are too few, and each hit says which
/// one it came from. A `placement` gives settings by name, which those of the call win over. Items of `like` and `unlike`
/// are not returned; nor is the basket where something is to go together with it.
#[utoipa::path(
    post, path = "/v1/collections/{collection}/recommend", tag = "Recommend",
    params(("collection" = String, Path, description = "Name of the collection"), AtLeast),
    request_body(content = RecommendBody, examples(
        ("Similar" = (value = json!({"like": ["KIT-0001"], "limit": 10}))),
        ("Bought together" = (value = json!({
            "strategy": "bought_together", "basket": ["KIT-0001", "KIT-0002"], "filter": {"in_stock": true}, "limit": 4
        }))),
        ("For a user" = (value = json!({
            "blend": [{"strategy": "for_you", "weight": 3}, {"strategy": "trending", "weight": 1}], "user": "u1",
            "rules": {"exclude": {"bought": true}, "max_per": [{"field": "brand", "count": 2}]}, "limit": 12
        }))),
        ("For somebody without a name" = (value = json!({
            "strategy": "for_you", "session": "s1", "recent": ["KIT-0007", "KIT-0001"]
        }))),
        ("A placement" = (value = json!({"placement": "home", "user": "u1", "experiment": "home-order"}))),
    )),
    responses(
        (status = 200, body = RecommendAnswer),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json"),
    )
)]
pub(super) async fn recommend(
    State(app): State<App>,
    Path(collection): Path<String>,
    Params(least): Params<AtLeast>,
    Json(body): Json<RecommendBody>,
) -> Result<([(HeaderName, HeaderValue); 1], axum::Json<RecommendAnswer>), Problem> {
    let start = Instant::now();
    let mut asked = body.into_asked()?;
    asked.least = least.or(asked.least);
    let (answer, shadow) = app
        .run(move |app| answer_call(app, &collection, &asked, start))
        .await?;
    if let Some(shadow) = shadow {
        app.compare_in_the_shadow(shadow);
    }
    Ok((PRIVATE, axum::Json(answer)))
}

fn answer_call(
    app: &App,
    collection: &str,
    asked: &Asked,
    start: Instant,
) -> Result<(RecommendAnswer, Option<experiment::Shadow>), Problem> {
    let view = app.view_at(collection, asked.least)?;
    let trial = Trial::of(app, collection, asked)?;
    let answer = answered(app, &view, asked, trial.as_ref())?;
    let shadow = trial
        .as_ref()
        .and_then(|trial| trial.shadow(&view, asked, &answer, start.elapsed()));
    let assigned = trial.as_ref().map(|trial| &trial.assigned);
    let id = app.recommendation_id(assigned, collection, asked.unit.as_deref());
    let shown = RecommendAnswer::new(&view, answer, id.to_string(), asked, trial.as_ref());
    Ok((shown.took(start), shadow))
}

/// Answers a call as it comes, or as its variant has it.
fn answered(
    app: &App,
    view: &Arc<View>,
    asked: &Asked,
    trial: Option<&Trial>,
) -> Result<Recommended, Problem> {
    let variant = trial.map(|trial| trial.assigned.variant());
    by_variant(app, view, asked, variant)
}

fn by_variant(
    app: &App,
    view: &Arc<View>,
    asked: &Asked,
    variant: Option<&crate::experiments::Variant>,
) -> Result<Recommended, Problem> {
    let named = variant.and_then(|variant| variant.placement.as_ref());
    let named = named.or(asked.placement.as_ref());
    let placement = named.map(|name| app.engine().placement(view.collection(), name));
    let placement = placement.transpose()?;
    let call: &Recommend = &asked.call;
    let instead = Instead {
        placement: placement.as_deref(),
        settings: variant.and_then(|variant| variant.settings.as_ref()),
        snapshot: variant.and_then(|variant| variant.snapshot.as_deref()),
    };
    Ok(app.engine().recommend(view, call, instead)?)
}

//! Recommendations: candidates by strategy, put in order by a shop's rules, and filled up where they are too few.
//!
//! A call names a strategy, or several with weights (a *blend*), or leaves it to what it has: `like` means similar,
//! `basket` bought together, anything about the shopper for you. Each strategy finds candidates that pass the filter,
//! which is a part of every search, so that none is lost to it:
//!
//! | strategy | finds |
//! |---|---|
//! | similar | the vectors nearest to `like + (like − unlike)`; without `like`, to the basket's |
//! | bought together, viewed together | neighbors of `basket` and `like` in the model of the snapshot, and in recent baskets or sessions: [`together`] |
//! | for you | what the model expects after the shopper's history, and what is like each of their interests: [`for_you`] |
//! | trending, rising, popular | charts of the signals, of one segment where it is named |
//! | new | [`newest`] first, then every other item |
//!
//! The shopper is the history of `user`, that of `session`, and the items of `recent`, all of them together.
//!
//! Candidates are five times the limit, 100 to 1,000 of each strategy, where rules choose among them; the limit where
//! none do. They go through [`rank`](crate::ranking::rank). While there are fewer than were asked for, the next strategy
//! of the fallback chain adds its candidates behind all others, and rules are applied to all of them again. Chains, where
//! the call has none:
//!
//! | strategy | fallback |
//! |---|---|
//! | similar, new | none: they know every item. With `min_score`, none either |
//! | bought together | viewed together, similar, popular, new |
//! | viewed together | bought together, similar, popular, new |
//! | for you, trending, rising, popular, blends | trending, popular, new, but those that were asked for |
//!
//! Never returned are items of `like` and `unlike`, those of the basket where a strategy asks what goes together with
//! them, and what rules exclude.

mod anonymous;
pub(crate) mod cache;
mod call;
pub(super) mod charts;
mod facts;
mod fields;
mod for_you;
mod interests;
mod learned;
mod newest;
mod pinned;
mod rank;
mod scene;
mod shopper;
mod similar;
mod together;

pub use cache::{Ages, Outcome};
pub use call::{DEFAULT_LIMIT, MAX_NAMED, Recommend};
pub use rank::{Recommended, Suggestion, Tried};

use super::{Engine, EngineError, View};
use crate::live::Place;
use crate::placements::Placement;
use crate::ranking::{Candidate, List, Strategy, blend};
use crate::signals::Within;
use anonymous::Anonymous;
use cache::Kept;
use call::Wanted;
use charts::Charts;
use newest::Newest;
use pinned::Pinned;
use scene::Scene;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Items of whole collections in order, kept between calls.
struct Orders {
    newest: Newest,
    charts: Charts,
}

/// What recommending keeps between calls.
pub(super) struct Recommender {
    orders: Arc<Orders>,
    anonymous: Anonymous,
    pinned: Pinned,
}

impl Recommender {
    pub(super) fn new(ttl: Duration) -> Self {
        Self {
            orders: Arc::new(Orders {
                newest: Newest::default(),
                charts: Charts::new(ttl),
            }),
            anonymous: Anonymous::new(ttl),
            pinned: Pinned::default(),
        }
    }
}

/// In what a call is answered otherwise than it says.
#[derive(Debug, Clone, Copy, Default)]
pub struct Instead<'a> {
    /// The placement's settings, which the call's own win over.
    pub placement: Option<&'a Placement>,
    /// Settings that win over those of the call.
    pub settings: Option<&'a Placement>,
    /// The snapshot whose candidates are shown.
    pub snapshot: Option<&'a str>,
}

impl Engine {
    /// Answers a recommendation from one view. Answers of a placement to calls that name nobody are shared for a while.
    ///
    /// # Errors
    /// The call is wrong, or a part of the engine fails.
    pub fn recommend(
        &self,
        view: &Arc<View>,
        call: &Recommend,
        instead: Instead<'_>,
    ) -> Result<Recommended, EngineError> {
        let started = Instant::now();
        let wanted = Wanted::of(call, instead.placement, instead.settings, view)?;
        call::check_examples(call, view)?;
        let recommender = &self.recommender;
        let shared = instead.placement.is_some() && instead.snapshot.is_none() && call.is_anonymous();
        let (ranking, outcome) = if shared {
            let (ranking, outcome) = recommender
                .anonymous
                .get(view, call, &wanted, &recommender.orders)?;
            (ranking, Some(outcome))
        } else {
            let beside = instead
                .snapshot
                .map(|id| recommender.pinned.view(self, view, id))
                .transpose()?;
            let ranking = rank::rank(view, beside.as_ref(), call, &wanted, &recommender.orders)?;
            (Kept::now(ranking), None)
        };
        let made = ranking.made();
        let answer = ranking
            .value
            .shown(view, wanted.fields.as_deref(), (outcome, made))?;
        // What is renewed in the background was nobody's request.
        let outcome = outcome.filter(|_| !call.renew);
        self.metrics
            .recommended(view.collection(), &answer.strategies, outcome, started.elapsed());
        Ok(answer)
    }

    /// How old answers that are shared may be.
    #[must_use]
    pub fn shared_ages(&self) -> Ages {
        self.recommender.anonymous.ages()
    }
}

/// What one strategy finds.
fn gather(scene: &Scene<'_>, strategy: Strategy) -> Result<Vec<Candidate>, EngineError> {
    if let Some(chart) = charts::chart_of(scene, strategy) {
        return charts::gather(scene, chart, strategy);
    }
    match strategy {
        Strategy::Similar => similar::gather(scene),
        Strategy::BoughtTogether => Ok(together::gather(scene, Within::Basket)),
        Strategy::ViewedTogether => Ok(together::gather(scene, Within::Session)),
        Strategy::ForYou => for_you::gather(scene),
        _ => newest::gather(scene),
    }
}

/// Items with scores as candidates: those that may be shown.
fn placed(scene: &Scene<'_>, found: Vec<(String, f64)>, strategy: Strategy) -> Vec<Candidate> {
    let placed = found.into_iter().filter_map(|(id, score)| {
        let place: Place = scene.place(&id)?;
        Some(Candidate {
            place,
            score: score as f32,
            strategy,
        })
    });
    placed.collect()
}

/// Several lists of one strategy as one; a single one keeps its scores.
fn joined(lists: Vec<(f32, Vec<Candidate>)>, strategy: Strategy) -> Vec<Candidate> {
    let mut lists: Vec<_> = lists.into_iter().filter(|(_, list)| !list.is_empty()).collect();
    if lists.len() == 1 {
        return lists.swap_remove(0).1;
    }
    let lists = lists.into_iter().map(|(weight, candidates)| List {
        strategy,
        weight,
        candidates,
    });
    blend(&lists.collect::<Vec<_>>())
}

//! From candidates to what is shown.

use super::call::Wanted;
use super::facts::ViewFacts;
use super::scene::{Scene, Searched};
use super::shopper::Shopper;
use super::{Orders, Outcome, Recommend, gather};
use crate::engine::answer::{PlanReport, Took, plan};
use crate::engine::{EngineError, View};
use crate::live::{Place, Selection};
use crate::log::Position;
use crate::ranking::{Call, Candidate, List, Ranked, Strategy, blend, rank as apply};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::value::RawValue;
use std::cell::Cell;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;
use utoipa::ToSchema;

/// Rules choose among so many times as many candidates as are wanted, within these.
const DEPTH: usize = 5;
const LEAST_DEPTH: usize = 100;
const MOST_DEPTH: usize = 1_000;

/// The answer to a recommendation.
#[derive(Debug)]
pub struct Recommended {
    /// What is shown, in order.
    pub hits: Vec<Suggestion>,
    /// The strategies that were asked, in the order in which they were.
    pub strategies: Vec<Tried>,
    /// Whether similar items were looked for by comparing every admissible one; true where none were.
    pub exact: bool,
    /// Whether there may be more admissible items than were found.
    pub partial: bool,
    /// How similar items were looked for, where they were.
    pub plan: Option<PlanReport>,
    /// Ids of `recent` and `basket` that are not in the collection.
    pub unknown: usize,
    /// The last change that the answer knows of.
    pub position: Position,
    /// How the cache had it, where it is shared with other calls.
    pub outcome: Option<Outcome>,
    /// When it was ranked.
    pub made: Instant,
}

/// One item that is shown.
#[derive(Debug, Serialize)]
pub struct Suggestion {
    /// The item's id.
    pub id: String,
    /// How good it is, by its strategy, or what rules made of that; higher is better.
    pub score: f32,
    /// The item's fields.
    pub fields: Box<RawValue>,
    /// The strategy it came from; none for a pinned item that no strategy found.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub strategy: Option<Strategy>,
    /// Whether it stands where it is pinned.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub pinned: bool,
    /// Whether it is shown to learn about it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub explored: bool,
    /// The position of its last record.
    #[serde(skip)]
    pub version: Position,
}

/// What a strategy contributed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Tried {
    /// The strategy.
    pub strategy: Strategy,
    /// How many candidates it found.
    pub found: usize,
    /// How many of the hits came from it.
    pub used: usize,
    /// Whether it only filled up.
    pub fallback: bool,
}

/// What is shown of a view, without the documents.
#[derive(Debug)]
pub(super) struct Ranking {
    items: Vec<Item>,
    strategies: Vec<Tried>,
    exact: bool,
    partial: bool,
    plan: Option<PlanReport>,
    unknown: usize,
}

#[derive(Debug)]
struct Item {
    id: Box<str>,
    ranked: Ranked,
}

impl Ranking {
    /// With the documents of a view, which may be newer than the ranking: items that went since are passed over.
    pub(super) fn shown(
        &self,
        view: &View,
        fields: Option<&[String]>,
        (outcome, made): (Option<Outcome>, Instant),
    ) -> Result<Recommended, EngineError> {
        let suggestion = |item: &Item| {
            let Some(found) = view.live().find(&item.id) else {
                return Ok(None);
            };
            let hit = view.hit(found.place, item.ranked.score, fields)?;
            Ok(hit.map(|hit| Suggestion {
                id: hit.id,
                score: hit.score,
                fields: hit.fields,
                strategy: item.ranked.strategy,
                pinned: item.ranked.pinned,
                explored: item.ranked.explored,
                version: found.version,
            }))
        };
        let hits = self.items.iter().filter_map(|item| suggestion(item).transpose());
        Ok(Recommended {
            hits: hits.collect::<Result<_, EngineError>>()?,
            strategies: self.strategies.clone(),
            exact: self.exact,
            partial: self.partial,
            plan: self.plan.clone(),
            unknown: self.unknown,
            position: view.position(),
            outcome,
            made,
        })
    }

    /// Whether an item of it is gone in this view.
    pub(super) fn misses(&self, view: &View) -> bool {
        self.items.iter().any(|item| view.live().find(&item.id).is_none())
    }

    /// About the bytes of memory it takes.
    pub(super) fn bytes(&self) -> usize {
        let items = self.items.iter().map(|item| size_of::<Item>() + item.id.len());
        size_of::<Self>() + items.sum::<usize>()
    }
}

/// Ranks what strategies find in `view`, or, but for fallbacks, in another snapshot `beside` it.
pub(super) fn rank(
    view: &Arc<View>,
    beside: Option<&Arc<View>>,
    call: &Recommend,
    wanted: &Wanted,
    orders: &Orders,
) -> Result<Ranking, EngineError> {
    let now = Timestamp::now();
    let filtering = Instant::now();
    let filter = view.filter(wanted.filter.as_ref())?;
    let selection = view.live().select(filter.as_ref());
    let admissible = filter.is_some().then(|| selection.count());
    let filter_ms = filtering.elapsed().as_secs_f64() * 1e3;
    let shopper = Shopper::of(call, view.signals(), now);
    let excluded = excluded(view, call, wanted, &shopper);
    let scene = Scene {
        view,
        selection: &selection,
        excluded: &excluded,
        call,
        wanted,
        shopper: &shopper,
        orders,
        now,
        depth: depth(wanted),
        searched: Cell::default(),
    };
    let facts = ViewFacts::new(view, &wanted.rules)?;
    let pins = pins(&scene);
    let rules = Call {
        limit: wanted.limit,
        seed: seed(call, view),
        now_ms: now.as_millisecond(),
        pins: &pins,
        excluded: &excluded,
    };
    let mut pool = Pool::of(&scene, beside)?;
    let mut ranked = apply(pool.candidates.clone(), &wanted.rules, &rules, &facts);
    for &strategy in &wanted.fallback {
        if ranked.len() >= wanted.limit {
            break;
        }
        if pool.fall_back(&scene, strategy)? {
            ranked = apply(pool.candidates.clone(), &wanted.rules, &rules, &facts);
        }
    }
    let mut ranking = ranking(&scene, &ranked, pool.tried)?;
    let searched = scene.searched.get();
    ranking.plan = searched.map(|searched| report(view, call, admissible, &searched, filter_ms));
    ranking.exact = searched.is_none_or(|searched| searched.report.exact);
    ranking.partial =
        searched.is_some_and(|searched| searched.report.report.partial) || is_short(&scene, ranked.len());
    Ok(ranking)
}

/// How many candidates a strategy is to find.
fn depth(wanted: &Wanted) -> usize {
    let chooses = wanted.rules != crate::ranking::Rules::default() || wanted.parts.len() > 1;
    if chooses {
        (wanted.limit * DEPTH)
            .clamp(LEAST_DEPTH, MOST_DEPTH)
            .max(wanted.limit)
    } else {
        wanted.limit
    }
}

/// What is not to be returned.
fn excluded(view: &View, call: &Recommend, wanted: &Wanted, shopper: &Shopper) -> HashSet<Place> {
    let exclude = wanted.rules.exclude.as_ref();
    let (seen, bought) = (
        exclude.is_some_and(|exclude| exclude.seen),
        exclude.is_some_and(|exclude| exclude.bought),
    );
    let basket = wanted.is_together() || exclude.is_some_and(|exclude| exclude.basket);
    let named = call.like.iter().flatten().chain(&call.unlike);
    let named = named.chain(exclude.iter().flat_map(|exclude| &exclude.items));
    let named = named.chain(call.basket.iter().filter(|_| basket).flatten());
    let touched = shopper
        .touched
        .iter()
        .filter(|touched| seen || (bought && touched.bought));
    let ids = named
        .map(String::as_str)
        .chain(touched.map(|touched| &*touched.item));
    ids.filter_map(|id| Some(view.live().find(id)?.place)).collect()
}

/// Where pinned items are; those that are not there, or may not be shown, are passed over.
fn pins(scene: &Scene<'_>) -> Vec<(Place, usize)> {
    let pins = scene.wanted.rules.pins().iter();
    pins.filter_map(|pin| Some((scene.place(&pin.item)?, pin.position)))
        .collect()
}

/// The same for the same shopper and snapshot, so that a page that is loaded again shows the same.
fn seed(call: &Recommend, view: &View) -> u64 {
    let who = [&call.unit, &call.user, &call.session];
    let who = who.into_iter().flatten().next();
    let mut hasher = blake3::Hasher::new();
    hasher.update(view.snapshot().id().as_bytes());
    hasher.update(who.map_or(&[][..], |who| who.as_bytes()));
    let hash = hasher.finalize();
    let first = hash.as_bytes().first_chunk::<8>();
    u64::from_le_bytes(first.copied().unwrap_or_default())
}

/// Whether fewer are shown than there are to show.
fn is_short(scene: &Scene<'_>, shown: usize) -> bool {
    let knows_all = scene.wanted.has(Strategy::Similar) || scene.wanted.has(Strategy::New);
    if shown >= scene.wanted.limit || scene.call.min_score.is_some() || knows_all {
        return false;
    }
    let hidden = scene
        .excluded
        .iter()
        .filter(|&&place| scene.selection.admits(place));
    scene.selection.count() > hidden.count() + shown
}

fn report(
    view: &View,
    call: &Recommend,
    admissible: Option<usize>,
    searched: &Searched,
    filter_ms: f64,
) -> PlanReport {
    let took = Took {
        encode_ms: 0.0,
        filter_ms,
        search_ms: searched.took.as_secs_f64() * 1e3,
    };
    let target = crate::engine::answer::recall_target(view, call.effort);
    plan(target, admissible, &searched.report, &took)
}

fn ranking(scene: &Scene<'_>, ranked: &[Ranked], mut tried: Vec<Tried>) -> Result<Ranking, EngineError> {
    let mut items = Vec::with_capacity(ranked.len());
    for &ranked in ranked {
        let item = scene.view.live().item(ranked.place);
        if let Some(item) = item.map_err(|error| scene.view.unreadable(&error))? {
            items.push(Item {
                id: item.id.into(),
                ranked,
            });
        }
        let of = tried
            .iter_mut()
            .find(|tried| Some(tried.strategy) == ranked.strategy);
        if let Some(of) = of {
            of.used += 1;
        }
    }
    let named = scene.call.recent.iter().chain(scene.call.basket.iter().flatten());
    let unknown = named.filter(|id| scene.view.live().find(id).is_none()).count();
    Ok(Ranking {
        items,
        strategies: tried,
        exact: true,
        partial: false,
        plan: None,
        unknown,
    })
}

/// The candidates so far.
struct Pool {
    candidates: Vec<Candidate>,
    tried: Vec<Tried>,
}

impl Pool {
    /// What the strategies find that were asked for.
    fn of(scene: &Scene<'_>, beside: Option<&Arc<View>>) -> Result<Self, EngineError> {
        let (mut lists, mut tried) = (Vec::new(), Vec::new());
        for part in &scene.wanted.parts {
            let mut candidates = match beside {
                Some(beside) => super::pinned::gather(scene, beside, part.strategy)?,
                None => gather(scene, part.strategy)?,
            };
            if let Some(least) = scene.call.min_score {
                candidates.retain(|candidate| candidate.score >= least);
            }
            tried.push(Tried {
                strategy: part.strategy,
                found: candidates.len(),
                used: 0,
                fallback: false,
            });
            lists.push(List {
                strategy: part.strategy,
                weight: part.weight,
                candidates,
            });
        }
        let candidates = match lists.len() {
            1 => lists.swap_remove(0).candidates,
            _ => blend(&lists),
        };
        Ok(Self { candidates, tried })
    }

    /// Adds what a strategy finds behind everything else; says whether that is anything new.
    fn fall_back(&mut self, scene: &Scene<'_>, strategy: Strategy) -> Result<bool, EngineError> {
        if self.tried.iter().any(|tried| tried.strategy == strategy) {
            return Ok(false);
        }
        let mut found = match gather(scene, strategy) {
            // What is asked instead is nobody's wish: where it has no answer, the next one is asked.
            Err(EngineError::Invalid { .. }) => Vec::new(),
            found => found?,
        };
        let known: HashSet<Place> = self.candidates.iter().map(|candidate| candidate.place).collect();
        let count = found.len();
        found.retain(|candidate| !known.contains(&candidate.place));
        let new = !found.is_empty();
        behind(&self.candidates, &mut found);
        self.candidates.extend(found);
        self.tried.push(Tried {
            strategy,
            found: count,
            used: 0,
            fallback: true,
        });
        Ok(new)
    }
}

/// Gives candidates, which are best first, scores below all of `before`; as they are where there are none before.
fn behind(before: &[Candidate], candidates: &mut [Candidate]) {
    let floor = before
        .iter()
        .map(|candidate| candidate.score)
        .min_by(f32::total_cmp);
    let Some(floor) = floor else { return };
    let count = candidates.len() as f32;
    for (at, candidate) in candidates.iter_mut().enumerate() {
        // From just below 1 down to above 0.
        let part = (count - at as f32) / (count + 1.0);
        candidate.score = if floor > 0.0 {
            floor * part
        } else {
            floor - 1.0 + part
        };
    }
}

/// The places of a view's items in another one's candidates are those of their ids.
pub(super) fn translated(
    scene: &Scene<'_>,
    beside: &View,
    found: &[Candidate],
) -> Result<Vec<Candidate>, EngineError> {
    let mut translated = Vec::with_capacity(found.len());
    for candidate in found {
        let item = beside.live().item(candidate.place);
        let item = item.map_err(|error| beside.unreadable(&error))?;
        if let Some(place) = item.and_then(|item| scene.place(item.id)) {
            translated.push(Candidate { place, ..*candidate });
        }
    }
    Ok(translated)
}

/// The selection of a call's filter in another view.
pub(super) fn selection<'a>(view: &'a View, wanted: &Wanted) -> Result<Selection<'a>, EngineError> {
    let filter = view.filter(wanted.filter.as_ref())?;
    Ok(view.live().select(filter.as_ref()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alike_indexes::RowId;

    fn candidates(scores: &[f32]) -> Vec<Candidate> {
        let candidate = |(row, &score)| Candidate {
            place: Place::Base(RowId(row as u32)),
            score,
            strategy: Strategy::New,
        };
        scores.iter().enumerate().map(candidate).collect()
    }

    #[test]
    fn what_fills_up_stands_behind_whatever_the_scores() {
        for before in [&[0.9_f32, 0.2][..], &[3.0, -4.0], &[0.0], &[1e9]] {
            let mut found = candidates(&[7.0, 7.0, 1.0]);
            behind(&candidates(before), &mut found);
            let scores: Vec<f32> = found.iter().map(|candidate| candidate.score).collect();
            let least = before.iter().copied().fold(f32::MAX, f32::min);
            assert!(
                scores[0] < least && scores.windows(2).all(|pair| pair[0] > pair[1]),
                "{before:?}: {scores:?}"
            );
        }
        let mut found = candidates(&[7.0]);
        behind(&[], &mut found);
        assert_eq!(found[0].score, 7.0, "with nothing before it is the list itself");
    }
}

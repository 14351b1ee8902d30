//! The weights of features: fitted on the last days, by a model of what came before them.

use super::blend::{Query, fit};
use super::features::{Ask, BASKET_FEATURES, CANDIDATES, Found, USER_FEATURES, for_basket};
use super::interactions::{Basket, History, Interactions, Touch};
use super::model::{BLENDS, Blend, ItemVectors, Model, ModelError};
use super::profile::{MOST_ITEMS, seen};
use super::train::Trainer;
use rayon::prelude::*;
use std::collections::HashMap;

/// Users whose choices the weights of features are fitted on, at most.
const MOST_QUERIES: usize = 3_000;
/// With fewer of them, the weights are those found elsewhere.
const LEAST_QUERIES: usize = 100;
/// Baskets of more items are not fitted on.
const MOST_HIDDEN_FROM: usize = 30;
/// Items of a basket that are hidden in turn to fit on.
const HIDDEN: usize = 3;

impl Trainer<'_> {
    /// Weights of features, from how well they foretell the last days. None where it was told to stop.
    pub fn blends(&self, interactions: &Interactions) -> Result<Option<Vec<f32>>, ModelError> {
        let usual = usual_blends();
        let window = i64::from(self.settings.fit_days) * 86_400;
        let Some((before, after)) = (window > 0).then(|| split(interactions, window)).flatten() else {
            return Ok(Some(usual));
        };
        let Some(trained) = self.parts(&before, &usual, 0.0) else {
            return Ok(None);
        };
        let model = Model::over(Box::new(trained.words), ItemVectors::Owned(trained.vectors))?;
        let mut blends = usual;
        for blend in [Blend::All, Blend::New] {
            let queries = self.queries(&model, &before, &after, blend);
            self.fit(&queries, USER_FEATURES, blend, &mut blends);
        }
        for blend in [Blend::Basket, Blend::Customer, Blend::Visit] {
            let groups = match blend {
                Blend::Visit => &interactions.sessions,
                _ => &interactions.baskets,
            };
            let owners = Owners::of(interactions, before.now);
            let queries = self.basket_queries(&model, &before, (groups, &owners), blend);
            self.fit(&queries, BASKET_FEATURES, blend, &mut blends);
        }
        Ok(Some(blends))
    }

    /// Fits the weights of one blend, if there is enough to fit them on.
    fn fit(&self, queries: &[Query], width: usize, blend: Blend, blends: &mut [f32]) {
        if queries.len() < LEAST_QUERIES {
            return;
        }
        if let Some(found) = fit(queries, width, self.kernels) {
            blends[blend.start()..][..width].copy_from_slice(&found);
        }
    }

    /// What users who were there before could have been shown, and what of it they wanted after.
    fn queries(&self, model: &Model, before: &Interactions, after: &[Wanted], blend: Blend) -> Vec<Query> {
        let step = after.len().div_ceil(MOST_QUERIES).max(1);
        let query = |wanted: &Wanted| {
            let history = before.users.get(wanted.user)?;
            let seen = seen(&history.touches, before.now, self.scale, before.items);
            let found = model.candidates(&model.view(), &seen, &ask(before.now, blend == Blend::New));
            query(&found, &wanted.items)
        };
        let chosen: Vec<&Wanted> = after.iter().step_by(step).collect();
        chosen.into_par_iter().filter_map(query).collect()
    }

    /// As [`Self::queries`], for baskets or visits of which one item is hidden.
    fn basket_queries(
        &self,
        model: &Model,
        before: &Interactions,
        (groups, owners): (&[Basket], &Owners),
        blend: Blend,
    ) -> Vec<Query> {
        let after = |basket: &&Basket| {
            basket.time >= before.now && (2..=MOST_HIDDEN_FROM).contains(&basket.items.len())
        };
        let chosen: Vec<&Basket> = groups.iter().filter(after).collect();
        let step = chosen.len().div_ceil(MOST_QUERIES).max(1);
        let one = |(at, basket): (usize, &&Basket)| {
            let customer = (blend == Blend::Customer).then(|| owners.owner(basket)).flatten();
            let history = customer.and_then(|user| before.users.get(user));
            let touches = history.map_or(&[][..], |history| &history.touches);
            let seen = seen(touches, before.now, self.scale, before.items);
            if (blend == Blend::Customer) == seen.is_empty() {
                return Vec::new();
            }
            let hidden = |turn: usize| {
                let mut rest = basket.items.clone();
                let wanted = rest.remove((at * 7 + turn * (rest.len() / HIDDEN).max(1)) % rest.len());
                let ask = ask(before.now, true);
                query(
                    &for_basket(&model.view(), (&rest, &seen), blend.kind(), &ask),
                    &[wanted],
                )
            };
            (0..HIDDEN.min(basket.items.len())).filter_map(hidden).collect()
        };
        let chosen: Vec<(usize, &&Basket)> = chosen.iter().enumerate().step_by(step).collect();
        chosen.into_par_iter().flat_map_iter(one).collect()
    }
}

fn ask(now: i64, new: bool) -> Ask<'static> {
    Ask {
        now,
        most: CANDIDATES,
        new,
        admits: None,
    }
}

/// None where nothing that was wanted is among the candidates.
fn query<const N: usize>(found: &[Found<N>], wanted: &[u32]) -> Option<Query> {
    let hits = found.iter().enumerate();
    let hits = hits.filter(|(_, found)| wanted.contains(&found.item));
    let query = Query {
        wanted: hits.map(|(at, _)| at).collect(),
        features: found.iter().flat_map(|found| found.features).collect(),
    };
    (!query.wanted.is_empty()).then_some(query)
}

/// Whose baskets are whose: who bought one of its items when it ended.
struct Owners(HashMap<(i64, u32), u32>);

impl Owners {
    /// Of baskets from `since` on.
    fn of(interactions: &Interactions, since: i64) -> Self {
        let mut owners = HashMap::new();
        for (user, history) in interactions.users.iter().enumerate() {
            for touch in history.touches.iter().filter(|touch| touch.time >= since) {
                owners.entry((touch.time, touch.item)).or_insert(user as u32);
            }
        }
        Self(owners)
    }

    fn owner(&self, basket: &Basket) -> Option<usize> {
        let mut owners = basket
            .items
            .iter()
            .filter_map(|item| self.0.get(&(basket.time, *item)));
        owners.next().map(|user| *user as usize)
    }
}

/// The weights found on a gift shop's baskets.
fn usual_blends() -> Vec<f32> {
    let mut blends = vec![0.0; BLENDS];
    for (blend, weights) in [
        (Blend::All, &USUAL[..]),
        (Blend::New, &USUAL_NEW),
        (Blend::Basket, &USUAL_BASKET),
        (Blend::Customer, &USUAL_CUSTOMER),
        (Blend::Visit, &USUAL_BASKET),
    ] {
        blends[blend.start()..][..weights.len()].copy_from_slice(weights);
    }
    blends
}

const USUAL: [f32; USER_FEATURES] = [
    0.1, 0.2, 0.1, 0.1, 0.2, 0.05, 0.0, 0.9, -0.4, -0.2, 0.0, 0.0, 0.1, 0.7, 0.0, 0.1, 0.0, 0.0, 0.0, 0.0,
    0.0, 0.0, 0.15, 0.0,
];
const USUAL_NEW: [f32; USER_FEATURES] = [
    0.4, 0.15, 0.0, 0.2, 0.2, 0.1, 0.0, 1.5, -1.2, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
    0.0, 0.0, 0.1, 0.0,
];
const USUAL_BASKET: [f32; BASKET_FEATURES] = [
    1.0, 0.0, 0.0, 0.1, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
];
const USUAL_CUSTOMER: [f32; BASKET_FEATURES] = [
    1.0, 0.0, 0.0, 0.1, 0.0, 0.0, 0.0, 0.0, 0.0, 0.1, 0.1, 0.3, 0.0, 0.1, 0.0, 0.0, 0.0, 0.0, 0.0,
];

/// What one user wanted after the split.
struct Wanted {
    user: usize,
    items: Vec<u32>,
}

/// What came before the last `window` seconds, and what users wanted in them. None where too little came before.
fn split(interactions: &Interactions, window: i64) -> Option<(Interactions, Vec<Wanted>)> {
    let touches = interactions.users.iter().flat_map(|user| &user.touches);
    let first = touches.map(|touch| touch.time).min()?;
    let window = window.min((interactions.now - first) / 4);
    let at = interactions.now - window;
    let bought = interactions
        .users
        .iter()
        .flat_map(|user| &user.touches)
        .any(|touch| touch.bought);
    let older = |touch: &&Touch| touch.time < at;
    let before = Interactions {
        items: interactions.items,
        users: interactions
            .users
            .iter()
            .map(|user| History {
                touches: user.touches.iter().filter(older).copied().collect(),
            })
            .collect(),
        baskets: earlier(&interactions.baskets, at),
        sessions: earlier(&interactions.sessions, at),
        now: at,
    };
    let wanted = interactions
        .users
        .iter()
        .enumerate()
        .filter_map(|(user, history)| {
            let later = history
                .touches
                .iter()
                .filter(|touch| touch.time >= at && (touch.bought || !bought));
            let mut items: Vec<u32> = later.map(|touch| touch.item).take(MOST_ITEMS).collect();
            items.sort_unstable();
            items.dedup();
            (!items.is_empty()).then_some(Wanted { user, items })
        });
    Some((before, wanted.collect()))
}

fn earlier(baskets: &[Basket], at: i64) -> Vec<Basket> {
    baskets
        .iter()
        .filter(|basket| basket.time < at)
        .cloned()
        .collect()
}

//! From interactions to a model.

use super::als::{Als, squares};
use super::blend::{Query, fit};
use super::csr::{Csr, Gram};
use super::features::{Ask, BASKET_FEATURES, CANDIDATES, Found, USER_FEATURES, for_basket};
use super::interactions::{Basket, History, Interactions, Touch};
use super::model::{BLENDS, Blend, ItemVectors, Model, ModelError};
use super::profile::{MOST_ITEMS, Seen, decay, seen, value};
use super::ridge::{Ridge, cosines};
use super::settings::TrainSettings;
use super::view::{
    COMES_BACK, EVER_POPULAR, Head, IN_BASKETS, ITEM_COLUMNS, LINKS, LONG_POPULAR, LinkKind, NOW_POPULAR,
    POPULAR,
};
use super::words::{bits, join};
use alike_indexes::kernel::Kernels;
use alike_indexes::{BuildSettings, IndexError, Kind, Metric, VectorsView};
use rayon::prelude::*;
use std::collections::HashMap;
use std::path::Path;

/// Fewer touches of users and lines of baskets than this teach nothing that counting the latest events does not.
const LEAST_INTERACTIONS: usize = 1_000;
/// The most popular items, which are candidates for everybody.
const MOST_POPULAR: usize = 200;
/// Users whose choices the weights of features are fitted on, at most.
const MOST_QUERIES: usize = 3_000;
/// With fewer of them, the weights are those found elsewhere.
const LEAST_QUERIES: usize = 100;
/// Up to this many items, all pairs that occur are kept while training.
const WHOLE: usize = 5_000;
/// Up to this many items, all vectors are compared to find the nearest.
const SCANNED: usize = 10_000;
/// Neighbors kept by cosine.
const BY_COSINE: usize = 200;
/// Baskets of more items are not fitted on.
const MOST_HIDDEN_FROM: usize = 30;
/// Items of a basket that are hidden in turn to fit on.
const HIDDEN: usize = 3;
/// Items of a basket or visit that count, at most.
const MOST_IN_BASKET: usize = 200;
/// Days after which a basket says half as much.
const BASKET_HALF_LIFE: f32 = 120.0;

/// Item vectors.
pub(super) const ALS: Als = Als {
    dimension: 64,
    rounds: 10,
    steps: 3,
    alpha: 20.0,
    ridge: 10.0,
};

/// Hears what training is busy with, and says when it is to stop.
pub trait Watch: Sync {
    /// `share` (0 to 1) is done.
    fn at(&self, share: f64);
    /// Whether to stop.
    fn canceled(&self) -> bool;
}

/// Nobody listens.
impl Watch for () {
    fn at(&self, _share: f64) {}

    fn canceled(&self) -> bool {
        false
    }
}

/// What training made: the words of a model's file and item vectors.
#[derive(Debug, Clone, PartialEq)]
pub struct Trained {
    /// The model's file, as 32-bit words.
    pub words: Vec<u32>,
    /// Item vectors back to back, `dimension` numbers each; empty where none were learned.
    pub vectors: Vec<f32>,
    /// Numbers per item vector.
    pub dimension: usize,
}

impl Trained {
    /// Builds the index of the item vectors; false where there are none, and so no file. `threads` are those of the
    /// current pool, or one per core.
    ///
    /// # Errors
    /// [`IndexError`]: the file cannot be written.
    pub fn build_index(&self, path: &Path, threads: Option<usize>) -> Result<bool, IndexError> {
        if self.dimension == 0 {
            return Ok(false);
        }
        let view = VectorsView::new(&self.vectors, self.dimension)?;
        let kind = if view.len() > SCANNED {
            Kind::Graph
        } else {
            Kind::Flat
        };
        let settings = BuildSettings {
            threads,
            ..BuildSettings::new(kind, Metric::Dot)
        };
        alike_indexes::build(view, &settings, &|_| (), path)?;
        Ok(true)
    }
}

/// Whether there is enough to learn from: [`train`] is worth its while from 1,000 touches and lines of baskets on.
#[must_use]
pub fn enough(interactions: &Interactions) -> bool {
    let touches: usize = interactions.users.iter().map(|user| user.touches.len()).sum();
    let lines = |baskets: &[Basket]| baskets.iter().map(|basket| basket.items.len()).sum::<usize>();
    interactions.items > 1
        && touches + lines(&interactions.baskets) + lines(&interactions.sessions) >= LEAST_INTERACTIONS
}

/// Trains on the current `rayon` pool; the same to the last bit for any number of threads.
///
/// First on all but the last `fit_days`, to find out from those how much each feature says about what users want next;
/// then on everything. None where it was told to stop.
///
/// Costs, per kind of interaction, the squared lengths of histories (cut at 500 items) and baskets (cut at 200), and
/// `neighbors³ / 6` multiplications per item: about 10 CPU-minutes for 150,000 items and 10 million interactions, with
/// `items × 8 × neighbors × 2` bytes for the Gram matrix beside `12 × neighbors × kinds` per item for the model.
///
/// # Errors
/// [`ModelError::Index`] where the environment names vector kernels that don't exist.
pub fn train(
    interactions: &Interactions,
    settings: &TrainSettings,
    watch: &dyn Watch,
) -> Result<Option<Trained>, ModelError> {
    let kernels = Kernels::detect()?;
    let trainer = Trainer {
        settings,
        kernels,
        watch,
        scale: scale(interactions),
    };
    let Some(blends) = trainer.blends(interactions)? else {
        return Ok(None);
    };
    Ok(trainer.parts(interactions, &blends, 0.5))
}

/// The weight of the strongest kind of touch.
fn scale(interactions: &Interactions) -> f32 {
    let touches = interactions.users.iter().flat_map(|user| &user.touches);
    touches
        .map(|touch| touch.weight)
        .fold(f32::MIN_POSITIVE, f32::max)
}

struct Trainer<'a> {
    settings: &'a TrainSettings,
    kernels: &'static Kernels,
    watch: &'a dyn Watch,
    scale: f32,
}

impl Trainer<'_> {
    /// Everything but the weights of features. `from` is the share of the work that is already done, of which this is one
    /// half.
    fn parts(&self, interactions: &Interactions, blends: &[f32], from: f64) -> Option<Trained> {
        let (items, now) = (interactions.items, interactions.now);
        let users: Vec<Vec<Seen>> = interactions
            .users
            .par_iter()
            .map(|user| seen(&user.touches, now, self.scale, items))
            .collect();
        let mut links: [Csr; LINKS] = std::array::from_fn(|_| empty(items));
        if self.settings.alike.len() == items {
            links[LinkKind::Content as usize] = Csr::from_rows(&self.settings.alike);
        }
        for (at, kind) in LinkKind::ALL.into_iter().enumerate() {
            self.watch.at(from + 0.4 * at as f64 / LINKS as f64);
            if self.watch.canceled() {
                return None;
            }
            self.link(kind, interactions, &users, &mut links);
        }
        let dimension = if self.settings.dimension > 0 {
            ALS.dimension
        } else {
            0
        };
        let vectors = self.vectors(&users, items, now);
        self.watch.at(from + 0.5);
        let known = known_of_items(interactions, &users, self.scale);
        let head = Head {
            items,
            dimension: if vectors.is_empty() { 0 } else { dimension },
            now,
            scale: self.scale,
            touches: interactions
                .users
                .iter()
                .map(|user| user.touches.len() as u64)
                .sum(),
            baskets: interactions.baskets.len() as u64,
        };
        Some(assemble(&head, &links, &known, blends, vectors))
    }

    /// Links of one kind, from what happened; cosines come with the lasting ones.
    fn link(
        &self,
        kind: LinkKind,
        interactions: &Interactions,
        users: &[Vec<Seen>],
        links: &mut [Csr; LINKS],
    ) {
        let items = interactions.items;
        let (rows, weights) = match kind {
            LinkKind::Recent => of_users(users, interactions.now, 60.0),
            LinkKind::Lasting => of_users(users, interactions.now, 120.0),
            LinkKind::Basket => of_baskets(&interactions.baskets, items, interactions.now),
            LinkKind::Session => of_baskets(&interactions.sessions, items, interactions.now),
            LinkKind::Cosine | LinkKind::Content => return,
        };
        if rows.columns.is_empty() {
            return;
        }
        let neighbors = self.settings.neighbors_for(items);
        // A small catalog's matrix is kept whole.
        let most = if items <= WHOLE { items } else { 4 * neighbors };
        let gram = Gram::of(&rows, &weights, items, most);
        let in_baskets = matches!(kind, LinkKind::Basket | LinkKind::Session);
        // Best on a gift shop's baskets; how the best ridge grows with a catalog's interactions is about the root.
        let (strength, share) = if in_baskets { (4.0, 0.2) } else { (18.0, 0.0) };
        let ridge = Ridge {
            ridge: strength * gram.mean().sqrt(),
            share,
            neighbors,
        };
        if kind == LinkKind::Lasting {
            links[LinkKind::Cosine as usize] = cosines(&gram, BY_COSINE.min(neighbors));
        }
        links[kind as usize] = ridge.fit(&gram, self.kernels);
    }

    fn vectors(&self, users: &[Vec<Seen>], items: usize, now: i64) -> Vec<f32> {
        let (rows, _) = of_users(users, now, 120.0);
        if self.settings.dimension == 0 || rows.columns.is_empty() {
            return Vec::new();
        }
        ALS.items(&rows, items, self.kernels)
    }

    /// Weights of features, from how well they foretell the last days. None where it was told to stop.
    fn blends(&self, interactions: &Interactions) -> Result<Option<Vec<f32>>, ModelError> {
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

fn empty(items: usize) -> Csr {
    Csr {
        offsets: vec![0; items + 1],
        ..Csr::default()
    }
}

/// What users did, one row each; the weight of a row shrinks with its length.
fn of_users(users: &[Vec<Seen>], now: i64, half_life: f32) -> (Csr, Vec<f32>) {
    let rows: Vec<Vec<(u32, f32)>> = users
        .par_iter()
        .map(|seen| {
            seen.iter()
                .map(|seen| (seen.item, seen.weight(now, half_life)))
                .collect()
        })
        .collect();
    let weights = rows
        .iter()
        .map(|row| 1.0 / (row.len().max(1) as f32).sqrt())
        .collect();
    let there = rows.iter().map(|row| !row.is_empty());
    let weights = normalized(weights, there);
    (Csr::from_rows(&rows), weights)
}

/// What was in baskets, one row each; the weight of a row shrinks with its length and age.
fn of_baskets(baskets: &[Basket], items: usize, now: i64) -> (Csr, Vec<f32>) {
    let row = |basket: &Basket| {
        let known = basket.items.iter().filter(|item| (**item as usize) < items);
        let mut row: Vec<(u32, f32)> = known.take(MOST_IN_BASKET).map(|item| (*item, 1.0)).collect();
        row.sort_unstable_by_key(|entry| entry.0);
        row.dedup_by_key(|entry| entry.0);
        row
    };
    let rows: Vec<Vec<(u32, f32)>> = baskets.par_iter().map(row).collect();
    let weight = |(row, basket): (&Vec<(u32, f32)>, &Basket)| {
        decay(now, basket.time, BASKET_HALF_LIFE) / (row.len().max(1) as f32).sqrt()
    };
    let weights = rows.iter().zip(baskets).map(weight).collect();
    let there = rows.iter().map(|row| !row.is_empty());
    let weights = normalized(weights, there);
    (Csr::from_rows(&rows), weights)
}

/// Scales to a mean of 1 over what is there.
fn normalized(mut weights: Vec<f32>, there: impl Iterator<Item = bool>) -> Vec<f32> {
    let (mut sum, mut count) = (0.0_f64, 0_u32);
    for (weight, _) in weights.iter().zip(there).filter(|(_, there)| *there) {
        sum += f64::from(*weight);
        count += 1;
    }
    let mean = (sum / f64::from(count.max(1))) as f32;
    if mean > 0.0 {
        weights.iter_mut().for_each(|weight| *weight /= mean);
    }
    weights
}

/// [`ITEM_COLUMNS`] numbers per item.
fn known_of_items(interactions: &Interactions, users: &[Vec<Seen>], scale: f32) -> Vec<[f32; ITEM_COLUMNS]> {
    let (items, now) = (interactions.items, interactions.now);
    let mut known = vec![[0.0; ITEM_COLUMNS]; items];
    let touches = interactions.users.iter().flat_map(|user| &user.touches);
    for touch in touches.filter(|touch| (touch.item as usize) < items) {
        let (value, row) = (value(touch, scale), &mut known[touch.item as usize]);
        for (column, half_life) in [(NOW_POPULAR, 5.0), (POPULAR, 14.0), (LONG_POPULAR, 40.0)] {
            row[column] += value * decay(now, touch.time, half_life);
        }
    }
    for seen in users.iter().flatten() {
        let row = &mut known[seen.item as usize];
        row[EVER_POPULAR] += 1.0;
        row[COMES_BACK] += if seen.times >= 1.5 { 1.0 } else { 0.0 };
    }
    for basket in &interactions.baskets {
        for item in basket.items.iter().filter(|item| (**item as usize) < items) {
            known[*item as usize][IN_BASKETS] += decay(now, basket.time, 14.0);
        }
    }
    known.par_iter_mut().for_each(|row| {
        row[COMES_BACK] = ((row[COMES_BACK] + 2.0) / (row[EVER_POPULAR] + 20.0)).ln() - 0.1_f32.ln();
        row[EVER_POPULAR] = (row[EVER_POPULAR] + 1.0).ln();
        for column in [NOW_POPULAR, POPULAR, LONG_POPULAR, IN_BASKETS] {
            row[column] = (row[column] + 0.2).ln();
        }
    });
    known
}

fn assemble(
    head: &Head,
    links: &[Csr; LINKS],
    known: &[[f32; ITEM_COLUMNS]],
    blends: &[f32],
    vectors: Vec<f32>,
) -> Trained {
    let mut sections = vec![head.words()];
    for link in links {
        sections.push(link.offsets.clone());
        sections.push(link.columns.clone());
        sections.push(bits(&link.values));
    }
    sections.push(bits(known.as_flattened()));
    sections.push(popular(known));
    sections.push(bits(blends));
    sections.push(match head.dimension {
        0 => Vec::new(),
        dimension => bits(&squares(&vectors, dimension).values),
    });
    Trained {
        words: join(&sections),
        vectors,
        dimension: head.dimension,
    }
}

/// The items that most want, of late.
fn popular(known: &[[f32; ITEM_COLUMNS]]) -> Vec<u32> {
    let wanted = known
        .iter()
        .enumerate()
        .filter(|(_, row)| row[EVER_POPULAR] > 0.0);
    let scored = wanted.map(|(item, row)| (item as u32, row[POPULAR]));
    let best = super::features::best(scored.collect(), MOST_POPULAR);
    best.into_iter().map(|(item, _)| item).collect()
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
    0.3, 0.1, 0.1, 0.2, 0.2, 0.1, 0.2, 0.3, 0.1, -0.4, 0.1, 0.7, 0.0, 0.1, 0.1,
];
const USUAL_NEW: [f32; USER_FEATURES] = [
    0.5, 0.1, 0.1, 0.2, 0.2, 0.1, 0.0, 0.5, 0.0, -0.2, 0.0, 0.0, 0.0, 0.0, 0.1,
];
const USUAL_BASKET: [f32; BASKET_FEATURES] = [
    1.0, 0.0, 0.0, 0.1, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0,
];
const USUAL_CUSTOMER: [f32; BASKET_FEATURES] = [
    1.0, 0.0, 0.0, 0.1, 0.0, 0.0, 0.0, 0.0, 0.0, 0.1, 0.1, 0.3, 0.0, 0.1,
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

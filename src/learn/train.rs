//! From interactions to a model.

use super::als::{Als, squares};
use super::content;
use super::counted::{known_of_items, of_baskets, of_users, popular};
use super::csr::{Csr, Gram};
use super::interactions::{Basket, Interactions};
use super::model::ModelError;
use super::profile::{Seen, seen};
use super::ridge::{Ridge, cosines};
use super::settings::TrainSettings;
use super::view::{Head, ITEM_COLUMNS, LINKS, LinkKind};
use super::words::{bits, join};
use alike_indexes::kernel::Kernels;
use alike_indexes::{BuildSettings, IndexError, Kind, Metric, VectorsView};
use rayon::prelude::*;
use std::path::Path;

/// Fewer touches of users and lines of baskets than this teach nothing that counting the latest events does not.
const LEAST_INTERACTIONS: usize = 1_000;
/// Up to this many items, all pairs that occur are kept while training.
const WHOLE: usize = 5_000;
/// Up to this many items, all vectors are compared to find the nearest.
const SCANNED: usize = 10_000;
/// Neighbors kept by cosine.
const BY_COSINE: usize = 200;
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

pub(super) struct Trainer<'a> {
    pub settings: &'a TrainSettings,
    pub kernels: &'static Kernels,
    pub watch: &'a dyn Watch,
    pub scale: f32,
}

impl Trainer<'_> {
    /// Everything but the weights of features. `from` is the share of the work that is already done, of which this is one
    /// half.
    pub fn parts(&self, interactions: &Interactions, blends: &[f32], from: f64) -> Option<Trained> {
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
        let dimension = self.settings.dimension;
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
        // Untested for visits, and so for baskets only.
        let prior = (kind == LinkKind::Basket).then(|| content::prior(&links[LinkKind::Content as usize]));
        links[kind as usize] = ridge.fit(&gram, prior.as_ref(), self.kernels);
    }

    fn vectors(&self, users: &[Vec<Seen>], items: usize, now: i64) -> Vec<f32> {
        let (rows, _) = of_users(users, now, 120.0);
        if self.settings.dimension == 0 || rows.columns.is_empty() {
            return Vec::new();
        }
        let als = Als {
            dimension: self.settings.dimension,
            ..ALS
        };
        als.items(&rows, items, self.kernels)
    }
}

fn empty(items: usize) -> Csr {
    Csr {
        offsets: vec![0; items + 1],
        ..Csr::default()
    }
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

//! What was learned, ready to answer.

use super::als::Als;
use super::blend::score;
use super::dense::Square;
use super::features::{
    Admits, Ask, BASKET_FEATURES, CANDIDATES, Found, USER_FEATURES, best, for_basket, for_user,
};
use super::interactions::Touch;
use super::profile::{Seen, seen};
use super::train::ALS;
use super::view::{Head, LinkKind, POPULAR, SECTIONS, Section, View};
use super::words::{Words, split};
use alike_indexes::kernel::Kernels;
use alike_indexes::{Index, Request, RowId, Scratch};
use std::cell::RefCell;
use std::ops::Range;

/// Candidates that the user's vector finds.
const BY_VECTOR: usize = 50;
/// Numbers of the section of blends.
pub(super) const BLENDS: usize = 2 * USER_FEATURES + 3 * BASKET_FEATURES;

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// The blends, in the order in which their weights are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blend {
    /// For users, all items.
    All,
    /// For users, items that are not in their profile.
    New,
    /// For baskets of who is not known.
    Basket,
    /// For baskets of known customers.
    Customer,
    /// For visits.
    Visit,
}

impl Blend {
    pub fn of_basket(seen: &[Seen]) -> Self {
        if seen.is_empty() {
            Self::Basket
        } else {
            Self::Customer
        }
    }

    /// The first of its weights.
    pub fn start(self) -> usize {
        match self {
            Self::All => 0,
            Self::New => USER_FEATURES,
            baskets => 2 * USER_FEATURES + (baskets as usize - Self::Basket as usize) * BASKET_FEATURES,
        }
    }

    /// The links that it starts from.
    pub fn kind(self) -> LinkKind {
        match self {
            Self::All | Self::New => LinkKind::Recent,
            Self::Basket | Self::Customer => LinkKind::Basket,
            Self::Visit => LinkKind::Session,
        }
    }
}

/// Why a model can't be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// Its file is not what it should be.
    #[error("{found}, expected {expected}")]
    Damaged {
        /// What was found.
        found: String,
        /// What belongs there.
        expected: String,
    },
    /// Its file is of another version.
    #[error(
        "a model of version {found}, this binary reads version {}; rebuild the snapshot",
        super::words::VERSION
    )]
    Version {
        /// Its version.
        found: u32,
    },
    /// The vector kernels that the environment names don't exist, or an index of vectors can't be built or read.
    #[error(transparent)]
    Index(#[from] alike_indexes::IndexError),
}

impl ModelError {
    pub(super) fn damaged(found: impl Into<String>, expected: impl Into<String>) -> Self {
        Self::Damaged {
            found: found.into(),
            expected: expected.into(),
        }
    }
}

/// Where item vectors are.
pub(super) enum ItemVectors {
    /// In memory, back to back; used while training.
    Owned(Vec<f32>),
    /// In an index that also finds them.
    Index(Box<dyn Index>),
    /// Nowhere.
    None,
}

impl ItemVectors {
    fn get(&self, item: u32, dimension: usize) -> Option<&[f32]> {
        let vector = match self {
            Self::Owned(vectors) => vectors.get(item as usize * dimension..)?.get(..dimension),
            Self::Index(index) => index.vector(RowId(item)),
            Self::None => None,
        };
        // An index may pad.
        vector.and_then(|vector| vector.get(..dimension))
    }
}

/// What was learned from interactions. Items are numbered as in what it was trained on; unknown ones are passed over.
/// Scores compare within one answer only.
pub struct Model {
    words: Words,
    sections: Vec<Range<usize>>,
    head: Head,
    vectors: ItemVectors,
    /// Each item's popularity, close together: a call looks at that of tens of thousands of items.
    popularity: Vec<f32>,
    kernels: &'static Kernels,
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model")
            .field("head", &self.head)
            .finish_non_exhaustive()
    }
}

impl Model {
    /// A model whose words are those of its file, with the index of item vectors where there is one.
    ///
    /// # Errors
    /// [`ModelError`] for words that are no model, or that contradict themselves or the index.
    pub fn open(words: Words, vectors: Option<Box<dyn Index>>) -> Result<Self, ModelError> {
        let model = Self::over(words, vectors.map_or(ItemVectors::None, ItemVectors::Index))?;
        if let ItemVectors::Index(index) = &model.vectors {
            let (found, expected) = (
                (index.len(), index.dimension()),
                (model.head.items, model.head.dimension),
            );
            if found != expected {
                let name = |(rows, dimension)| format!("{rows} item vectors of {dimension} numbers");
                return Err(ModelError::damaged(name(found), name(expected)));
            }
        }
        Ok(model)
    }

    pub(super) fn over(words: Words, vectors: ItemVectors) -> Result<Self, ModelError> {
        let all = (*words).as_ref();
        let sections = split(all, SECTIONS)?;
        let head = Head::read(&all[sections[Section::Head as usize].clone()]);
        let head = head.ok_or_else(|| ModelError::damaged("a short head", "a whole one"))?;
        let view = View::of(all, &sections, head);
        if let Some(fault) = view.fault(BLENDS) {
            return Err(ModelError::damaged(fault, "sections that agree"));
        }
        Ok(Self {
            popularity: view.column(POPULAR).collect(),
            sections,
            head,
            vectors,
            kernels: Kernels::detect()?,
            words,
        })
    }

    /// The words of its file.
    #[must_use]
    pub fn words(&self) -> &[u32] {
        (*self.words).as_ref()
    }

    /// Number of items.
    #[must_use]
    pub fn items(&self) -> usize {
        self.head.items
    }

    /// When it was trained, seconds since the Unix epoch.
    #[must_use]
    pub fn trained(&self) -> i64 {
        self.head.now
    }

    /// How many touches of users, and how many baskets, it was trained on.
    #[must_use]
    pub fn trained_on(&self) -> (u64, u64) {
        (self.head.touches, self.head.baskets)
    }

    pub(super) fn view(&self) -> View<'_> {
        let mut view = View::of(self.words(), &self.sections, self.head);
        view.popularity = &self.popularity;
        view
    }

    /// What who did `profile` will want next, best first; items of the profile may be among it, but with `new`. `now` in
    /// seconds since the Unix epoch. Nothing for a profile without known items. Items that `admits` does not let in are left
    /// out; it is asked about a part of all items only.
    #[must_use]
    pub fn for_you(
        &self,
        profile: &[Touch],
        now: i64,
        (limit, new): (usize, bool),
        admits: Option<Admits<'_>>,
    ) -> Vec<(u32, f32)> {
        let ask = Ask {
            now,
            most: CANDIDATES.max(limit.saturating_mul(2)),
            new,
            admits,
        };
        let seen = seen(profile, now, self.head.scale, self.head.items);
        if seen.is_empty() || limit == 0 {
            return Vec::new();
        }
        let view = self.view();
        let blend = if new { Blend::New } else { Blend::All };
        let weights: [f32; USER_FEATURES] = view.blend(blend.start());
        ranked(&self.candidates(&view, &seen, &ask), &weights, limit)
    }

    /// Candidates with features, as [`Self::for_you`] ranks them.
    pub(super) fn candidates(
        &self,
        view: &View<'_>,
        seen: &[Seen],
        ask: &Ask<'_>,
    ) -> Vec<Found<USER_FEATURES>> {
        let user = self.user_vector(view, seen, ask.now);
        let also = self.by_vector(&user);
        let likeness = |item: u32| match self.vectors.get(item, user.len()) {
            Some(vector) if !user.is_empty() => self.kernels.dot(vector, &user),
            _ => 0.0,
        };
        for_user(view, seen, ask, &also, &likeness)
    }

    /// The vector of who did `seen`; empty where there are no item vectors.
    fn user_vector(&self, view: &View<'_>, seen: &[Seen], now: i64) -> Vec<f32> {
        let dimension = self.head.dimension;
        if dimension == 0 || matches!(self.vectors, ItemVectors::None) {
            return Vec::new();
        }
        let squares = Square {
            size: dimension,
            values: view.squares.iter().map(|bits| f32::from_bits(*bits)).collect(),
        };
        let known: Vec<_> = seen
            .iter()
            .filter_map(|seen| {
                let weight = seen.weight(now, super::features::PROFILE_HALF_LIFE);
                self.vectors
                    .get(seen.item, dimension)
                    .map(|vector| (vector, weight))
            })
            .collect();
        let mut vector = vec![0.0; dimension];
        let als = Als {
            steps: 2 * ALS.steps,
            ..ALS
        };
        als.improve(&mut vector, &known, &squares, self.kernels);
        vector
    }

    /// The items whose vectors suit a user's.
    fn by_vector(&self, user: &[f32]) -> Vec<u32> {
        let ItemVectors::Index(index) = &self.vectors else {
            return Vec::new();
        };
        if user.is_empty() {
            return Vec::new();
        }
        let request = Request {
            k: BY_VECTOR,
            ..Request::default()
        };
        SCRATCH.with_borrow_mut(|scratch| match index.search(user, &request, scratch) {
            Ok(_) => scratch.neighbors().iter().map(|found| found.row.0).collect(),
            Err(_) => Vec::new(),
        })
    }

    /// What is bought together with the items of a basket by a customer who did `profile` before, best first, none of the
    /// basket among it; items that `admits` lets in.
    #[must_use]
    pub fn together(
        &self,
        (basket, profile): (&[u32], &[Touch]),
        now: i64,
        limit: usize,
        admits: Option<Admits<'_>>,
    ) -> Vec<(u32, f32)> {
        let seen = seen(profile, now, self.head.scale, self.head.items);
        self.with((basket, &seen), Blend::of_basket(&seen), (now, limit), admits)
    }

    /// What is looked at in the same visit as `items`, best first, none of them among it; items that `admits` lets in.
    /// Nothing where no visits were learned from.
    #[must_use]
    pub fn viewed_together(
        &self,
        items: &[u32],
        now: i64,
        limit: usize,
        admits: Option<Admits<'_>>,
    ) -> Vec<(u32, f32)> {
        self.with((items, &[]), Blend::Visit, (now, limit), admits)
    }

    fn with(
        &self,
        basket: (&[u32], &[Seen]),
        blend: Blend,
        (now, limit): (i64, usize),
        admits: Option<Admits<'_>>,
    ) -> Vec<(u32, f32)> {
        let (view, kind) = (self.view(), blend.kind());
        if view.links[kind as usize].is_empty() || limit == 0 || basket.0.is_empty() {
            return Vec::new();
        }
        let ask = Ask {
            now,
            most: CANDIDATES.max(limit.saturating_mul(2)),
            new: true,
            admits,
        };
        let weights: [f32; BASKET_FEATURES] = view.blend(blend.start());
        ranked(&for_basket(&view, basket, kind, &ask), &weights, limit)
    }
}

fn ranked<const N: usize>(found: &[Found<N>], weights: &[f32; N], limit: usize) -> Vec<(u32, f32)> {
    let scored = found
        .iter()
        .map(|found| (found.item, score(&found.features, weights) as f32));
    best(scored.collect(), limit)
}

//! Maximal marginal relevance: what is good and unlike what is shown already.

use super::Facts;
use super::rank::Entry;
use crate::live::Place;
use alike_indexes::kernel::Kernels;
use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// A vector and one over its length.
#[derive(Clone, Copy)]
struct Direction<'a> {
    vector: &'a [f32],
    scale: f32,
}

/// A candidate with the most that its marginal relevance can be: it was that when it was last looked at, and falls with
/// everything that is shown. So only those that come to the top have to be looked at again, mostly a few of a thousand.
#[derive(PartialEq)]
struct Bound {
    value: f32,
    at: usize,
}

impl Eq for Bound {}

impl Ord for Bound {
    fn cmp(&self, other: &Self) -> Ordering {
        self.value.total_cmp(&other.value).then(other.at.cmp(&self.at))
    }
}

impl PartialOrd for Bound {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Similarity of a candidate to what is shown.
#[derive(Clone, Copy)]
struct Likeness<'a> {
    /// None: not asked for yet.
    direction: Option<Option<Direction<'a>>>,
    /// Of the shown ones, so many have been compared.
    compared: usize,
    /// The greatest similarity with them.
    greatest: f32,
}

/// Picks candidates by marginal relevance.
pub(super) struct Diverse<'a> {
    diversity: f32,
    entries: &'a [Entry],
    facts: &'a dyn Facts,
    kernels: Option<&'static Kernels>,
    bounds: BinaryHeap<Bound>,
    likeness: Vec<Likeness<'a>>,
    shown: Vec<Option<Direction<'a>>>,
}

impl<'a> Diverse<'a> {
    pub(super) fn new(diversity: f32, entries: &'a [Entry], facts: &'a dyn Facts) -> Self {
        let unknown = Likeness {
            direction: None,
            compared: 0,
            greatest: -1.0,
        };
        let diversity = diversity.min(1.0);
        let bound = |(at, entry): (usize, &Entry)| Bound {
            value: marginal(diversity, entry.score, unknown.greatest),
            at,
        };
        Self {
            diversity,
            entries,
            facts,
            kernels: Kernels::detect().ok(),
            bounds: entries.iter().enumerate().map(bound).collect(),
            likeness: vec![unknown; entries.len()],
            shown: Vec::new(),
        }
    }

    /// An item that is no candidate is shown.
    pub(super) fn show_other(&mut self, place: Place) {
        let direction = self.direction_of(place);
        self.shown.push(direction);
    }

    /// A candidate is shown.
    pub(super) fn show(&mut self, at: usize) {
        let direction = self.direction(at);
        self.shown.push(direction);
    }

    /// The best candidate left; it is not looked at again.
    pub(super) fn pick(&mut self) -> Option<usize> {
        loop {
            let Bound { at, .. } = self.bounds.pop()?;
            if self.likeness[at].compared == self.shown.len() {
                return Some(at);
            }
            self.compare(at);
            let value = marginal(self.diversity, self.entries[at].score, self.likeness[at].greatest);
            self.bounds.push(Bound { value, at });
        }
    }

    /// Compares a candidate with what was shown since it was last.
    fn compare(&mut self, at: usize) {
        let direction = self.direction(at);
        let Likeness {
            compared, greatest, ..
        } = self.likeness[at];
        let similarity = |other: &Option<Direction<'_>>| self.similarity(direction, *other);
        let greatest = self.shown[compared..]
            .iter()
            .map(similarity)
            .fold(greatest, f32::max);
        self.likeness[at] = Likeness {
            direction: Some(direction),
            compared: self.shown.len(),
            greatest,
        };
    }

    /// Cosine; 0 where one has no direction.
    fn similarity(&self, a: Option<Direction<'_>>, b: Option<Direction<'_>>) -> f32 {
        let (Some(a), Some(b), Some(kernels)) = (a, b, self.kernels) else {
            return 0.0;
        };
        let cosine = kernels.dot(a.vector, b.vector) * a.scale * b.scale;
        if cosine.is_nan() {
            return 0.0;
        }
        cosine.clamp(-1.0, 1.0)
    }

    fn direction(&mut self, at: usize) -> Option<Direction<'a>> {
        if let Some(known) = self.likeness[at].direction {
            return known;
        }
        let direction = self.direction_of(self.entries[at].place);
        self.likeness[at].direction = Some(direction);
        direction
    }

    fn direction_of(&self, place: Place) -> Option<Direction<'a>> {
        let vector = self.facts.vector(place)?;
        let length = self.kernels?.dot(vector, vector).sqrt();
        (length > 0.0 && length.is_finite()).then_some(Direction {
            vector,
            scale: length.recip(),
        })
    }
}

fn marginal(diversity: f32, score: f32, similarity: f32) -> f32 {
    (1.0 - diversity) * score - diversity * similarity
}

//! Several lists as one.

use super::scale::{finite, scale};
use super::{Candidate, Strategy};
use crate::live::Place;
use std::collections::HashMap;

/// What one strategy has found, and how much it counts.
#[derive(Debug, Clone, PartialEq)]
pub struct List {
    /// The strategy.
    pub strategy: Strategy,
    /// How much it counts against the others; a list with 0 (or what is not a positive number) is passed over.
    pub weight: f32,
    /// What it found, in any order.
    pub candidates: Vec<Candidate>,
}

/// One candidate of the blend while it is summed up.
struct Sum {
    score: f64,
    /// The largest contribution, and whose it is.
    largest: f64,
    strategy: Strategy,
}

/// One list of several, best first, each place once. A score is the weighted mean of the lists' scores, from above 0 to 1;
/// a list that does not have an item contributes nothing. The strategy is that of the list that contributed most, the
/// earlier of equal ones.
///
/// Each list's scores are brought to [`LEAST`](super::LEAST)..=1 by its least and greatest score. Unlike ranks this keeps
/// how sure a strategy is: one that has a clear first and many also-rans says so. Unlike deviations from a mean (z-scores)
/// it is bounded, so that one outlier outweighs nothing beyond its list's weight, and it is defined for a list of one.
#[must_use]
pub fn blend(lists: &[List]) -> Vec<Candidate> {
    let counted: Vec<&List> = lists.iter().filter(|list| counts(list)).collect();
    let total: f64 = counted.iter().map(|list| f64::from(list.weight)).sum();
    let mut sums: HashMap<Place, Sum> = HashMap::new();
    for list in counted {
        let share = f64::from(list.weight) / total;
        for (place, score) in scaled(&list.candidates) {
            add(&mut sums, place, f64::from(score) * share, list.strategy);
        }
    }
    let mut blended: Vec<Candidate> = sums
        .into_iter()
        .map(|(place, sum)| Candidate {
            place,
            score: sum.score as f32,
            strategy: sum.strategy,
        })
        .collect();
    blended.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.place.cmp(&b.place)));
    blended
}

fn counts(list: &List) -> bool {
    list.weight > 0.0 && list.weight.is_finite()
}

fn add(sums: &mut HashMap<Place, Sum>, place: Place, contribution: f64, strategy: Strategy) {
    let sum = sums.entry(place).or_insert(Sum {
        score: 0.0,
        largest: 0.0,
        strategy,
    });
    sum.score += contribution;
    if contribution > sum.largest {
        (sum.largest, sum.strategy) = (contribution, strategy);
    }
}

/// Each place of a list once, with its best score on the common scale.
fn scaled(candidates: &[Candidate]) -> HashMap<Place, f32> {
    let mut scores: HashMap<Place, f32> = HashMap::with_capacity(candidates.len());
    for candidate in candidates {
        let score = finite(candidate.score);
        let best = scores.entry(candidate.place).or_insert(score);
        *best = best.max(score);
    }
    scale(scores.values_mut());
    scores
}

//! What a shopper is interested in: several things, not the mean of them, which may be none of them.

use super::scene::Scene;
use crate::live::Place;
use crate::signals::Seen;
use alike_indexes::kernel::Kernels;
use jiff::Timestamp;

/// Interests that are looked for, the strongest first.
const MAX_INTERESTS: usize = 5;
/// Items of the history that interests are made of, the latest.
const MAX_ITEMS: usize = 100;
/// An item belongs to an interest whose mean is at least so similar by cosine.
const SAME_INTEREST: f32 = 0.5;
/// After this long, what was touched counts half.
const HALF_LIFE_DAYS: f64 = 14.0;

/// One interest.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Interest {
    /// The weighted mean of its items' vectors.
    pub(super) vector: Vec<f32>,
    /// Its part of all interest, above 0, at most 1.
    pub(super) share: f32,
}

/// A group of items, as it grows.
struct Group {
    sum: Vec<f32>,
    length: f32,
    weight: f32,
}

impl Group {
    fn add(&mut self, vector: &[f32], weight: f32, kernels: &Kernels) {
        for (sum, number) in self.sum.iter_mut().zip(vector) {
            *sum += number * weight;
        }
        self.length = kernels.dot(&self.sum, &self.sum).sqrt();
        self.weight += weight;
    }
}

/// The interests of the scene's shopper, strongest first; none where nothing is known of them.
pub(super) fn of(scene: &Scene<'_>) -> Vec<Interest> {
    let live = scene.view.live();
    let touched = scene.shopper.latest().iter().take(MAX_ITEMS);
    let weighted = touched.filter_map(|seen| {
        let place: Place = live.find(&seen.item)?.place;
        Some((live.vector(place)?, weight(seen, scene.now)))
    });
    // Without kernels nothing could be searched either.
    Kernels::detect().map_or_else(|_| Vec::new(), |kernels| group(weighted, kernels))
}

/// What a touch counts: its weight, halved with every half-life.
fn weight(seen: &Seen, now: Timestamp) -> f32 {
    let age_days = now.duration_since(seen.time).as_secs_f64().max(0.0) / 86_400.0;
    seen.weight * (-age_days / HALF_LIFE_DAYS).exp2() as f32
}

/// Each item, in turn, joins the group that it is most similar to, or begins one of its own where it is similar to none;
/// with enough groups it joins the most similar in any case.
fn group<'a>(items: impl Iterator<Item = (&'a [f32], f32)>, kernels: &Kernels) -> Vec<Interest> {
    let mut groups: Vec<Group> = Vec::new();
    for (vector, weight) in items.filter(|(_, weight)| *weight > 0.0) {
        let full = groups.len() >= MAX_INTERESTS;
        let length = kernels.dot(vector, vector).sqrt();
        let cosine = |group: &Group| {
            let lengths = group.length * length;
            if lengths > 0.0 {
                kernels.dot(&group.sum, vector) / lengths
            } else {
                0.0
            }
        };
        let similar = groups
            .iter_mut()
            .map(|group| (cosine(group), group))
            .max_by(|a, b| a.0.total_cmp(&b.0));
        match similar {
            Some((similarity, group)) if full || similarity >= SAME_INTEREST => {
                group.add(vector, weight, kernels);
            }
            _ => {
                let mut group = Group {
                    sum: vec![0.0; vector.len()],
                    length: 0.0,
                    weight: 0.0,
                };
                group.add(vector, weight, kernels);
                groups.push(group);
            }
        }
    }
    interests(groups)
}

fn interests(mut groups: Vec<Group>) -> Vec<Interest> {
    groups.retain(|group| {
        group
            .sum
            .iter()
            .any(|number| number.abs() > f32::EPSILON * group.weight)
    });
    groups.sort_by(|a, b| b.weight.total_cmp(&a.weight));
    let total: f32 = groups.iter().map(|group| group.weight).sum();
    let interest = |group: Group| Interest {
        vector: group.sum.iter().map(|sum| sum / group.weight).collect(),
        share: group.weight / total,
    };
    groups.into_iter().map(interest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grouped<'a>(items: impl Iterator<Item = (&'a [f32], f32)>) -> Vec<Interest> {
        group(items, Kernels::detect().unwrap())
    }

    #[test]
    fn two_tastes_are_two_interests() {
        let (east, north) = ([1.0_f32, 0.0], [0.0_f32, 1.0]);
        let east_too = [0.9_f32, 0.1];
        let items: [(&[f32], f32); 4] = [(&east, 1.0), (&north, 1.0), (&east_too, 2.0), (&north, 0.5)];
        let found = grouped(items.into_iter());
        assert_eq!(found.len(), 2);
        assert!((found[0].share - 3.0 / 4.5).abs() < 1e-6, "{found:?}");
        assert!(found[0].vector[0] > 0.9 && found[0].vector[1] < 0.1, "{found:?}");
        assert_eq!(found[1].vector, [0.0, 1.0]);
    }

    #[test]
    fn there_are_at_most_five() {
        let vectors: Vec<Vec<f32>> = (0..12)
            .map(|at| (0..12).map(|n| f32::from(u8::from(n == at))).collect())
            .collect();
        let found = grouped(vectors.iter().map(|vector| (&vector[..], 1.0)));
        assert_eq!(found.len(), MAX_INTERESTS);
        assert!((found.iter().map(|interest| interest.share).sum::<f32>() - 1.0).abs() < 1e-6);
    }

    #[test]
    fn items_without_weight_or_direction_are_no_interest() {
        let (zero, some) = ([0.0_f32, 0.0], [1.0_f32, 0.0]);
        let items: [(&[f32], f32); 2] = [(&zero, 1.0), (&some, 0.0)];
        assert_eq!(grouped(items.into_iter()), []);
    }

    #[test]
    fn what_is_old_counts_less() {
        let now = Timestamp::from_second(100 * 86_400).unwrap();
        let seen = |days_ago: i64| Seen {
            item: "x".into(),
            time: Timestamp::from_second((100 - days_ago) * 86_400).unwrap(),
            weight: 4.0,
            bought: false,
        };
        let weights = [0, 14, 28, -1].map(|days| weight(&seen(days), now));
        assert_eq!(weights, [4.0, 2.0, 1.0, 4.0], "and the future like now");
    }
}

//! Rules applied to a list.

use super::fill::fill;
use super::scale::{finite, scale};
use super::{Candidate, Facts, Freshness, Rules, Strategy};
use crate::live::Place;
use std::collections::HashSet;

/// What a call brings beside its rules.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// Most items wanted.
    pub limit: usize,
    /// What exploration draws by: the same seed draws the same.
    pub seed: u64,
    /// The time that ages are counted from, milliseconds since the Unix epoch.
    pub now_ms: i64,
    /// Pinned items with their positions, counted from 1. Positions beyond the limit are not shown.
    pub pins: &'a [(Place, usize)],
    /// What is not to be shown, pinned or not.
    pub excluded: &'a HashSet<Place>,
}

/// One item to show.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ranked {
    /// Where the item is, in the view of the call.
    pub place: Place,
    /// The candidate's score: as it was given, or where freshness, boosts or buries weigh scores, what they made of it. 0
    /// for pinned items that were no candidates.
    pub score: f32,
    /// The strategy it came from; none for pinned items that were no candidates.
    pub strategy: Option<Strategy>,
    /// Whether it stands where it does because it is pinned there.
    pub pinned: bool,
    /// Whether it is shown because of the share for exploration.
    pub explored: bool,
}

/// A candidate on its way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Entry {
    pub(super) place: Place,
    pub(super) strategy: Strategy,
    /// The score that is told.
    pub(super) told: f32,
    /// The score that is compared.
    pub(super) score: f32,
}

/// What is shown of `candidates`, in order: at most `call.limit` items, each once, none of `call.excluded`. The same
/// arguments give the same result, in whatever order the candidates come.
#[must_use]
pub fn rank(candidates: Vec<Candidate>, rules: &Rules, call: &Call<'_>, facts: &dyn Facts) -> Vec<Ranked> {
    let mut entries = admitted(candidates, call.excluded);
    weigh(&mut entries, rules, call.now_ms, facts);
    fill(&entries, rules, call, facts)
}

/// The candidates that may be shown, best first, each place once with its best score.
fn admitted(candidates: Vec<Candidate>, excluded: &HashSet<Place>) -> Vec<Entry> {
    let may_be_shown = candidates
        .into_iter()
        .filter(|candidate| !excluded.contains(&candidate.place));
    let mut entries: Vec<Entry> = may_be_shown
        .map(|candidate| Entry {
            place: candidate.place,
            strategy: candidate.strategy,
            told: finite(candidate.score),
            score: finite(candidate.score),
        })
        .collect();
    sort(&mut entries);
    let mut met = HashSet::with_capacity(entries.len());
    entries.retain(|entry| met.insert(entry.place));
    entries
}

/// Best first; of equal ones the first place, and for a place that is there twice the first strategy.
fn sort(entries: &mut [Entry]) {
    entries.sort_unstable_by(|a, b| {
        let places = a.place.cmp(&b.place).then(a.strategy.cmp(&b.strategy));
        b.score.total_cmp(&a.score).then(places)
    });
}

/// Freshness, boosts and buries.
fn weigh(entries: &mut [Entry], rules: &Rules, now_ms: i64, facts: &dyn Facts) {
    let weighs = rules.freshness.is_some() || !rules.boosts().is_empty() || !rules.buries().is_empty();
    let diverse = rules.diversity.is_some_and(|diversity| diversity > 0.0);
    if weighs || diverse {
        scale(entries.iter_mut().map(|entry| &mut entry.score));
    }
    if !weighs {
        return;
    }
    for entry in entries.iter_mut() {
        let fresh = rules.freshness.as_ref();
        let score = fresh.map_or(f64::from(entry.score), |rule| {
            freshened(entry, rule, now_ms, facts)
        });
        entry.score = finite((score * factor(entry.place, rules, facts)) as f32);
        entry.told = entry.score;
    }
    sort(entries);
}

fn freshened(entry: &Entry, rule: &Freshness, now_ms: i64, facts: &dyn Facts) -> f64 {
    let weight = f64::from(rule.weight);
    let freshness = facts.time(entry.place, &rule.field).map_or(0.0, |time| {
        // What is dated ahead is as fresh as can be, not more.
        let age_days = (now_ms as f64 - time as f64).max(0.0) / 86_400_000.0;
        (-age_days / rule.half_life_days).exp2()
    });
    f64::from(entry.score) * (1.0 - weight) + weight * freshness
}

/// The product of the factors of all boosts and buries that an item meets.
fn factor(place: Place, rules: &Rules, facts: &dyn Facts) -> f64 {
    let boosts = rules.boosts().iter().map(|boost| boost.factor);
    let factors = boosts.chain(rules.buries().iter().map(|bury| bury.factor));
    let met = factors.enumerate().filter(|(at, _)| facts.meets(place, *at));
    met.map(|(_, factor)| f64::from(factor)).product()
}

//! The positions, filled from the first to the last.

use super::caps::Caps;
use super::diversity::Diverse;
use super::explore::Explorer;
use super::rank::{Call, Entry, Ranked};
use super::{Facts, Rules};
use crate::live::Place;
use std::collections::{BTreeMap, HashMap, HashSet};

/// In what order candidates come.
enum Order<'a> {
    /// As they are; the next one.
    ByScore(usize),
    Diverse(Box<Diverse<'a>>),
}

struct Filler<'a> {
    entries: &'a [Entry],
    /// Candidates that are shown, or never will be.
    done: Vec<bool>,
    caps: Caps<'a>,
    order: Order<'a>,
}

/// Fills the positions with `entries`, best first, and pins.
pub(super) fn fill(entries: &[Entry], rules: &Rules, call: &Call<'_>, facts: &dyn Facts) -> Vec<Ranked> {
    let pins = positions(call);
    let mut filler = Filler::new(entries, rules, facts);
    let pinned = filler.pin(&pins);
    let mut explorer = match &rules.explore {
        Some(explore) => {
            let free: Vec<usize> = (1..=call.limit).filter(|at| !pins.contains_key(at)).collect();
            Explorer::new(explore.share, call.seed, &free, entries, &filler.done)
        }
        None => Explorer::default(),
    };
    let mut shown = Vec::with_capacity(call.limit.min(entries.len() + pins.len()));
    let mut rest = pinned.into_iter().peekable();
    for position in 1..=call.limit {
        if let Some((_, ranked)) = rest.next_if(|(at, _)| *at == position) {
            shown.push(ranked);
            continue;
        }
        let explored = explorer.wants(position).then(|| filler.explore(&mut explorer));
        match explored.flatten().or_else(|| filler.next()) {
            Some(ranked) => shown.push(ranked),
            None => break,
        }
    }
    shown.extend(rest.map(|(_, ranked)| ranked));
    shown
}

/// Which place is pinned to which position: the first pin of an item; of several to one position, the later ones follow.
fn positions(call: &Call<'_>) -> BTreeMap<usize, Place> {
    let mut pins: Vec<(Place, usize)> = call.pins.to_vec();
    pins.retain(|(place, position)| *position > 0 && !call.excluded.contains(place));
    pins.sort_by_key(|&(_, position)| position);
    let (mut taken, mut met) = (BTreeMap::new(), HashSet::new());
    for (place, position) in pins {
        let free = (position..=call.limit).find(|at| !taken.contains_key(at));
        if let Some(free) = free.filter(|_| met.insert(place)) {
            taken.insert(free, place);
        }
    }
    taken
}

impl<'a> Filler<'a> {
    fn new(entries: &'a [Entry], rules: &'a Rules, facts: &'a dyn Facts) -> Self {
        let order = match rules.diversity {
            Some(diversity) if diversity > 0.0 => {
                Order::Diverse(Box::new(Diverse::new(diversity, entries, facts)))
            }
            _ => Order::ByScore(0),
        };
        Self {
            entries,
            done: vec![false; entries.len()],
            caps: Caps::new(rules.caps(), facts),
            order,
        }
    }

    /// Takes pinned items in; gives them with their positions, in order.
    fn pin(&mut self, pins: &BTreeMap<usize, Place>) -> Vec<(usize, Ranked)> {
        if pins.is_empty() {
            return Vec::new();
        }
        let places = self.entries.iter().enumerate();
        let places: HashMap<Place, usize> = places.map(|(at, entry)| (entry.place, at)).collect();
        let pinned = pins.iter().map(|(&position, &place)| {
            self.caps.force(place);
            if let Some(&at) = places.get(&place) {
                return (position, self.show(at, true, false));
            }
            if let Order::Diverse(diverse) = &mut self.order {
                diverse.show_other(place);
            }
            let ranked = Ranked {
                place,
                score: 0.0,
                strategy: None,
                pinned: true,
                explored: false,
            };
            (position, ranked)
        });
        pinned.collect()
    }

    fn show(&mut self, at: usize, pinned: bool, explored: bool) -> Ranked {
        self.done[at] = true;
        if let Order::Diverse(diverse) = &mut self.order {
            diverse.show(at);
        }
        let entry = &self.entries[at];
        Ranked {
            place: entry.place,
            score: entry.told,
            strategy: Some(entry.strategy),
            pinned,
            explored,
        }
    }

    /// The best candidate that may be shown.
    fn next(&mut self) -> Option<Ranked> {
        loop {
            let at = match &mut self.order {
                Order::ByScore(next) => {
                    let at = (*next < self.entries.len()).then_some(*next)?;
                    *next += 1;
                    at
                }
                Order::Diverse(diverse) => diverse.pick()?,
            };
            if self.admit(at) {
                return Some(self.show(at, false, false));
            }
        }
    }

    /// A candidate that may be shown though it is not among the best.
    fn explore(&mut self, explorer: &mut Explorer) -> Option<Ranked> {
        loop {
            let at = explorer.draw()?;
            if self.admit(at) {
                return Some(self.show(at, false, true));
            }
        }
    }

    /// Whether a candidate may be shown; one that may not never will.
    fn admit(&mut self, at: usize) -> bool {
        if self.done[at] {
            return false;
        }
        self.done[at] = true;
        self.caps.take(self.entries[at].place)
    }
}

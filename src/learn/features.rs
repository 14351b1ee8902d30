//! From a profile to candidates with features.

use super::profile::Seen;
use super::view::{
    COMES_BACK, EVER_POPULAR, IN_BASKETS, ITEM_COLUMNS, LINKS, LONG_IN_BASKETS, LONG_POPULAR, LinkKind,
    NOW_POPULAR, POPULAR, View,
};
use std::cell::RefCell;

/// Features of a candidate for a user.
pub(super) const USER_FEATURES: usize = 24;
/// Among them, whether the user has the item.
const HAS: usize = 14;
/// Features of a candidate for a basket.
pub(super) const BASKET_FEATURES: usize = 19;

/// Days after which what a user did with an item says half as much about what comes next.
pub(super) const PROFILE_HALF_LIFE: f32 = 120.0;

/// Candidates whose features are looked at, at least.
pub(super) const CANDIDATES: usize = 400;

/// Items of a profile whose links are followed, give or take those of one moment.
const MOST_FOLLOWED: usize = 250;

/// Best sums whose mean is the unit of a link's sums.
const BEST: usize = 20;
/// Below this share of the unit, sums don't differ.
const LEAST: f32 = 1e-3;
/// Its logarithm.
const LEAST_LEVEL: f32 = -6.907_755_4;

/// What a customer bought before counts in a basket as one more of its items would that leads to it with this weight,
const OWN: f32 = 0.1;
/// as long as it was just now: this share of it never fades,
const OWN_FOR_GOOD: f32 = 0.3;
/// and the rest by half in these days. All three were found on online_retail, July 2011 (trained on what came before), and
/// are untested on other data.
const OWN_HALF_LIFE: f32 = 90.0;

/// The place of items that are in the basket.
const IN_BASKET: u32 = u32::MAX;

/// Sums of the items that are led to, back to back, since they are gone through several times (a sparse set: Briggs and
/// Torczon, 1993). Its memory is kept for the next call of the same thread.
#[derive(Default)]
struct Scratch {
    /// By item, where its cell is, if that cell is of this item.
    slots: Vec<u32>,
    cells: Vec<Cell>,
}

/// Two share a cache line, and none is in two of them.
#[derive(Clone, Copy, Default)]
#[repr(align(32))]
struct Cell {
    sums: [f32; LINKS],
    item: u32,
    /// Place in the profile, from 1; 0: not in it.
    place: u32,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// Who may be a candidate.
pub(super) type Admits<'a> = &'a dyn Fn(u32) -> bool;

/// What is asked of a profile.
#[derive(Clone, Copy)]
pub(super) struct Ask<'a> {
    /// Seconds since the Unix epoch.
    pub now: i64,
    /// Candidates to come back with, at most.
    pub most: usize,
    /// Whether items of the profile are left out.
    pub new: bool,
    /// Whether others are.
    pub admits: Option<Admits<'a>>,
}

/// A candidate.
#[derive(Debug, Clone, Copy)]
pub(super) struct Found<const N: usize> {
    pub item: u32,
    pub features: [f32; N],
}

impl Scratch {
    fn begin(&mut self, items: usize) {
        self.cells.clear();
        if self.slots.len() != items {
            self.slots.resize(items, 0);
        }
    }

    /// The sums of an item; none where there is no such item.
    fn cell(&mut self, item: u32) -> Option<&mut Cell> {
        let slot = self.slots.get_mut(item as usize)?;
        if self
            .cells
            .get(*slot as usize)
            .is_none_or(|cell| cell.item != item)
        {
            *slot = self.cells.len() as u32;
            self.cells.push(Cell {
                item,
                ..Cell::default()
            });
        }
        self.cells.get_mut(*slot as usize)
    }

    /// Follows the links of one kind from an item.
    fn spread(&mut self, view: &View<'_>, kind: LinkKind, item: u32, weight: f32) {
        for (other, value) in view.links[kind as usize].of(item) {
            if let Some(cell) = self.cell(other) {
                cell.sums[kind as usize] += weight * value;
            }
        }
    }

    /// The mean of the best sums of each kind.
    fn units(&self, view: &View<'_>) -> [f32; LINKS] {
        let mut best: [BestSums; LINKS] = Default::default();
        for cell in &self.cells {
            for (best, sum) in best.iter_mut().zip(&cell.sums) {
                best.offer(*sum);
            }
        }
        std::array::from_fn(|kind| {
            if view.links[kind].is_empty() {
                0.0
            } else {
                best[kind].mean(self.cells.len())
            }
        })
    }

    fn of(&self, item: u32) -> Cell {
        let slot = self.slots.get(item as usize);
        let cell = slot.and_then(|slot| self.cells.get(*slot as usize));
        cell.filter(|cell| cell.item == item).copied().unwrap_or_default()
    }
}

/// The best of many values, best first. All others, which are nearly all, cost one comparison each.
struct BestSums([f32; BEST]);

impl Default for BestSums {
    fn default() -> Self {
        Self([f32::NEG_INFINITY; BEST])
    }
}

impl BestSums {
    fn offer(&mut self, value: f32) {
        if value > self.0[BEST - 1] {
            let place = self.0.partition_point(|better| *better >= value);
            self.0[place..].rotate_right(1);
            self.0[place] = value;
        }
    }

    /// Their mean, of `count` that were offered.
    fn mean(&self, count: usize) -> f32 {
        match count.min(BEST) {
            0 => 0.0,
            found => self.0[..found].iter().sum::<f32>() / found as f32,
        }
    }
}

/// A sum in the logarithm of units.
fn level(sum: f32, unit: f32) -> f32 {
    if unit <= 0.0 {
        return 0.0;
    }
    let ratio = sum / unit;
    // Most sums are none, and their logarithm is known.
    if ratio > LEAST { ratio.ln() } else { LEAST_LEVEL }
}

/// Keeps the `most` best entries, best first, ties by item.
pub(super) fn best(mut scored: Vec<(u32, f32)>, most: usize) -> Vec<(u32, f32)> {
    sort_best(&mut scored, most);
    scored.truncate(most);
    scored
}

/// The `most` best entries that are admitted, best first, ties by item. Only about the best is `admits` asked.
fn best_admitted(mut scored: Vec<(u32, f32)>, most: usize, admits: Option<Admits<'_>>) -> Vec<(u32, f32)> {
    let Some(admits) = admits else {
        return best(scored, most);
    };
    let (mut found, mut looked_at, mut next) = (Vec::with_capacity(most), 0, 2 * most);
    while found.len() < most && looked_at < scored.len() {
        let left = &mut scored[looked_at..];
        sort_best(left, next);
        let first = &left[..next.min(left.len())];
        let admitted = first.iter().filter(|(item, _)| admits(*item));
        found.extend(admitted.take(most - found.len()).copied());
        (looked_at, next) = (looked_at + first.len(), 2 * next);
    }
    found
}

/// Puts the `most` best entries before the others, best first, ties by item.
fn sort_best(scored: &mut [(u32, f32)], most: usize) {
    let order = |a: &(u32, f32), b: &(u32, f32)| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0));
    let most = most.min(scored.len());
    if (1..scored.len()).contains(&most) {
        scored.select_nth_unstable_by(most - 1, order);
    }
    scored[..most].sort_unstable_by(order);
}

/// Candidates for who did `seen`, with their features. `also` are candidates from elsewhere; `likeness` gives how much an
/// item is the user's by their vectors.
pub(super) fn for_user(
    view: &View<'_>,
    seen: &[Seen],
    ask: &Ask<'_>,
    also: &[u32],
    likeness: &dyn Fn(u32) -> f32,
) -> Vec<Found<USER_FEATURES>> {
    SCRATCH.with_borrow_mut(|scratch| {
        scratch.begin(view.head.items);
        let since = since(seen);
        for (at, seen) in seen.iter().enumerate() {
            let weight = seen.weight(ask.now, PROFILE_HALF_LIFE);
            if let Some(cell) = scratch.cell(seen.item) {
                cell.place = at as u32 + 1;
            }
            if seen.last < since {
                continue;
            }
            for kind in LinkKind::ALL {
                scratch.spread(view, kind, seen.item, weight);
            }
        }
        for item in view.popular.iter().chain(also) {
            scratch.cell(*item);
        }
        let units = scratch.units(view);
        let chosen = choose(view, scratch, seen, ask, &units);
        let mut found: Vec<_> = chosen
            .into_iter()
            .map(|(item, _)| {
                let cell = scratch.of(item);
                Found {
                    item,
                    features: user_features(view, item, &cell, seen, &units),
                }
            })
            .collect();
        like(&mut found, likeness);
        found
    })
}

/// From when on what is in a profile leads to other items: so that a few hundred do, however much a user has touched.
fn since(seen: &[Seen]) -> i64 {
    if seen.len() <= MOST_FOLLOWED {
        return i64::MIN;
    }
    let mut times: Vec<i64> = seen.iter().map(|seen| seen.last).collect();
    *times.select_nth_unstable_by(MOST_FOLLOWED, |a, b| b.cmp(a)).1
}

/// The candidates that are worth a closer look.
fn choose(
    view: &View<'_>,
    scratch: &Scratch,
    seen: &[Seen],
    ask: &Ask<'_>,
    units: &[f32; LINKS],
) -> Vec<(u32, f32)> {
    let rough = |cell: &Cell| {
        if ask.new && cell.place > 0 {
            return None;
        }
        let base = if units[LinkKind::Recent as usize] > 0.0 {
            level(
                cell.sums[LinkKind::Recent as usize],
                units[LinkKind::Recent as usize],
            )
        } else {
            level(
                cell.sums[LinkKind::Basket as usize],
                units[LinkKind::Basket as usize],
            ) + level(
                cell.sums[LinkKind::Session as usize],
                units[LinkKind::Session as usize],
            )
        };
        let own = seen_of(cell, seen);
        let again = if own.is_some_and(|seen| seen.recent > 0.1) {
            3.0
        } else {
            0.0
        };
        let popularity = view.popularity.get(cell.item as usize).copied().unwrap_or(0.0);
        Some((cell.item, base + 0.3 * popularity + again))
    };
    best_admitted(
        scratch.cells.iter().filter_map(rough).collect(),
        ask.most,
        ask.admits,
    )
}

fn user_features(
    view: &View<'_>,
    item: u32,
    cell: &Cell,
    seen: &[Seen],
    units: &[f32; LINKS],
) -> [f32; USER_FEATURES] {
    let known = view.item(item);
    let of = |kind: LinkKind| level(cell.sums[kind as usize], units[kind as usize]);
    let [recent, times, has, back] = again(seen_of(cell, seen), &known);
    [
        of(LinkKind::Recent),
        of(LinkKind::Lasting),
        of(LinkKind::Basket),
        of(LinkKind::Cosine),
        of(LinkKind::Session),
        of(LinkKind::Content),
        known[NOW_POPULAR],
        known[POPULAR],
        known[LONG_POPULAR],
        known[EVER_POPULAR],
        known[IN_BASKETS],
        known[LONG_IN_BASKETS],
        recent,
        times,
        has,
        back,
        // What is known of an item says something else about one that the user has than about one that is new to them.
        has * of(LinkKind::Recent),
        has * of(LinkKind::Lasting),
        has * of(LinkKind::Basket),
        has * known[NOW_POPULAR],
        has * known[POPULAR],
        back * recent,
        // By vectors, and that of an item that the user has; filled in when all candidates are known.
        0.0,
        0.0,
    ]
}

/// What a user did with an item, if it is in their profile.
fn seen_of<'a>(cell: &Cell, seen: &'a [Seen]) -> Option<&'a Seen> {
    seen.get((cell.place as usize).wrapping_sub(1))
}

/// How much a user is used to an item: of late, ever, at all, and whether it is one that is come back to.
fn again(seen: Option<&Seen>, known: &[f32; ITEM_COLUMNS]) -> [f32; 4] {
    match seen {
        Some(seen) => [
            (seen.recent + 0.02).ln(),
            (seen.times + 0.3).ln(),
            1.0,
            known[COMES_BACK],
        ],
        None => [0.02_f32.ln(), 0.3_f32.ln(), 0.0, 0.0],
    }
}

/// Fills in the likeness by vectors, the last two features.
fn like(found: &mut [Found<USER_FEATURES>], likeness: &dyn Fn(u32) -> f32) {
    let values: Vec<f32> = found.iter().map(|found| likeness(found.item)).collect();
    let mut best = BestSums::default();
    values.iter().for_each(|value| best.offer(*value));
    let unit = best.mean(values.len());
    for (found, value) in found.iter_mut().zip(values) {
        let level = level(value, unit);
        let has = found.features[HAS];
        found.features[USER_FEATURES - 2..].copy_from_slice(&[level, has * level]);
    }
}

/// Candidates that go with the items of a basket, by links of one kind, with their features; none of the basket's own.
/// `seen` is what its customer did before, where that is known.
pub(super) fn for_basket(
    view: &View<'_>,
    (basket, seen): (&[u32], &[Seen]),
    kind: LinkKind,
    ask: &Ask<'_>,
) -> Vec<Found<BASKET_FEATURES>> {
    SCRATCH.with_borrow_mut(|scratch| {
        scratch.begin(view.head.items);
        scratch.add_basket(view, basket, kind);
        scratch.add_customer(view, seen, kind, ask.now);
        let units = scratch.units(view);
        let chosen = choose_for_basket(scratch, kind, ask, &units);
        let found = |(item, _)| Found {
            item,
            features: basket_features(view, item, (&scratch.of(item), seen), kind, &units),
        };
        chosen.into_iter().map(found).collect()
    })
}

impl Scratch {
    /// Follows the links of a basket's items.
    fn add_basket(&mut self, view: &View<'_>, basket: &[u32], kind: LinkKind) {
        for item in basket {
            let Some(cell) = self.cell(*item).filter(|cell| cell.place != IN_BASKET) else {
                continue;
            };
            cell.place = IN_BASKET;
            for kind in [kind, LinkKind::Lasting, LinkKind::Cosine, LinkKind::Content] {
                self.spread(view, kind, *item, 1.0);
            }
        }
    }

    /// Adds what its customer did before: to the sums of `kind` of these items themselves, since of two ways that lead to
    /// an item either is enough; and by the links from them.
    fn add_customer(&mut self, view: &View<'_>, seen: &[Seen], kind: LinkKind, now: i64) {
        let since = since(seen);
        for (at, seen) in seen.iter().enumerate() {
            if let Some(cell) = self.cell(seen.item).filter(|cell| cell.place != IN_BASKET) {
                cell.place = at as u32 + 1;
                cell.sums[kind as usize] +=
                    OWN * (OWN_FOR_GOOD * seen.value + seen.weight(now, OWN_HALF_LIFE));
            }
            if seen.last >= since {
                let weight = seen.weight(now, PROFILE_HALF_LIFE);
                self.spread(view, LinkKind::Recent, seen.item, weight);
            }
        }
    }
}

/// The candidates for a basket that are worth a closer look.
fn choose_for_basket(
    scratch: &Scratch,
    kind: LinkKind,
    ask: &Ask<'_>,
    units: &[f32; LINKS],
) -> Vec<(u32, f32)> {
    let rough = |cell: &Cell| {
        let base = level(cell.sums[kind as usize], units[kind as usize]);
        let (used, alike) = (cell.place > 0, cell.sums[LinkKind::Content as usize] > 0.0);
        let candidate = cell.place != IN_BASKET && (base > LEAST_LEVEL || used || alike);
        candidate.then_some((cell.item, base))
    };
    best_admitted(
        scratch.cells.iter().filter_map(rough).collect(),
        ask.most,
        ask.admits,
    )
}

fn basket_features(
    view: &View<'_>,
    item: u32,
    (cell, seen): (&Cell, &[Seen]),
    kind: LinkKind,
    units: &[f32; LINKS],
) -> [f32; BASKET_FEATURES] {
    let known = view.item(item);
    let of = |kind: LinkKind| level(cell.sums[kind as usize], units[kind as usize]);
    let [recent, times, has, back] = again(seen_of(cell, seen), &known);
    [
        level(cell.sums[kind as usize], units[kind as usize]),
        of(LinkKind::Lasting),
        of(LinkKind::Cosine),
        of(LinkKind::Content),
        known[NOW_POPULAR],
        known[POPULAR],
        known[LONG_POPULAR],
        known[EVER_POPULAR],
        known[IN_BASKETS],
        of(LinkKind::Recent),
        recent,
        times,
        has,
        back,
        has * of(kind),
        has * of(LinkKind::Recent),
        has * known[NOW_POPULAR],
        has * known[POPULAR],
        back * recent,
    ]
}

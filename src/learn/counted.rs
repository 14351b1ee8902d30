//! What is counted: who had what, what was in baskets, and what is known of each item.

use super::csr::Csr;
use super::features::best;
use super::interactions::{Basket, Interactions};
use super::profile::{Seen, decay, value};
use super::view::{
    COMES_BACK, EVER_POPULAR, IN_BASKETS, ITEM_COLUMNS, LONG_IN_BASKETS, LONG_POPULAR, NOW_POPULAR, POPULAR,
};
use rayon::prelude::*;

/// The most popular items, which are candidates for everybody.
const MOST_POPULAR: usize = 200;
/// Items of a basket or visit that count, at most.
const MOST_IN_BASKET: usize = 200;
/// Days after which a basket says half as much.
const BASKET_HALF_LIFE: f32 = 120.0;

/// What users did, one row each; the weight of a row shrinks with its length.
pub(super) fn of_users(users: &[Vec<Seen>], now: i64, half_life: f32) -> (Csr, Vec<f32>) {
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
pub(super) fn of_baskets(baskets: &[Basket], items: usize, now: i64) -> (Csr, Vec<f32>) {
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
pub(super) fn known_of_items(
    interactions: &Interactions,
    users: &[Vec<Seen>],
    scale: f32,
) -> Vec<[f32; ITEM_COLUMNS]> {
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
            let row = &mut known[*item as usize];
            row[IN_BASKETS] += decay(now, basket.time, 14.0);
            row[LONG_IN_BASKETS] += decay(now, basket.time, 40.0);
        }
    }
    known.par_iter_mut().for_each(|row| {
        row[COMES_BACK] = ((row[COMES_BACK] + 2.0) / (row[EVER_POPULAR] + 20.0)).ln() - 0.1_f32.ln();
        row[EVER_POPULAR] = (row[EVER_POPULAR] + 1.0).ln();
        for column in [NOW_POPULAR, POPULAR, LONG_POPULAR, IN_BASKETS, LONG_IN_BASKETS] {
            row[column] = (row[column] + 0.2).ln();
        }
    });
    known
}

/// The items that most want, of late.
pub(super) fn popular(known: &[[f32; ITEM_COLUMNS]]) -> Vec<u32> {
    let wanted = known
        .iter()
        .enumerate()
        .filter(|(_, row)| row[EVER_POPULAR] > 0.0);
    let scored = wanted.map(|(item, row)| (item as u32, row[POPULAR]));
    let best = best(scored.collect(), MOST_POPULAR);
    best.into_iter().map(|(item, _)| item).collect()
}

//! Items whose texts are alike, by their words: what a snapshot knows from its vectors, for an evaluation that has none.

use std::collections::{BTreeSet, HashMap};

/// Items alike to an item that are kept.
const ALIKE: usize = 50;
/// Words that more than this share of items have say nothing.
const COMMON: f64 = 0.2;

/// Per text, the texts most like it, with the cosine of their words and pairs of neighboring words, each weighted by how
/// few texts have it (TF-IDF).
pub(super) fn alike(texts: &[String]) -> Vec<Vec<(u32, f32)>> {
    let (rows, holders) = words(texts);
    let weight = |word: u32| {
        let share = holders[word as usize].len() as f64 / texts.len() as f64;
        if share > COMMON { 0.0 } else { -share.ln() }
    };
    let lengths: Vec<f64> = rows
        .iter()
        .map(|row| row.iter().map(|word| weight(*word).powi(2)).sum::<f64>().sqrt())
        .collect();
    rows.iter()
        .enumerate()
        .map(|(text, row)| {
            let mut sums: HashMap<u32, f64> = HashMap::new();
            for word in row.iter().filter(|word| weight(**word) > 0.0) {
                for other in &holders[*word as usize] {
                    *sums.entry(*other).or_default() += weight(*word).powi(2);
                }
            }
            sums.remove(&(text as u32));
            let scored = sums
                .into_iter()
                .map(|(other, sum)| (other, (sum / (lengths[text] * lengths[other as usize])) as f32));
            nearest(scored.collect())
        })
        .collect()
}

/// The most alike, by number.
fn nearest(mut scored: Vec<(u32, f32)>) -> Vec<(u32, f32)> {
    scored.sort_unstable_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    scored.truncate(ALIKE);
    scored.sort_unstable_by_key(|entry| entry.0);
    scored
}

/// The words and pairs of each text, and the texts of each.
fn words(texts: &[String]) -> (Vec<Vec<u32>>, Vec<Vec<u32>>) {
    let mut numbers: HashMap<String, u32> = HashMap::new();
    let mut holders: Vec<Vec<u32>> = Vec::new();
    let rows = texts.iter().enumerate().map(|(text, content)| {
        let content = content.to_lowercase();
        let single: Vec<&str> = content
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty())
            .collect();
        let pairs = single.windows(2).map(|pair| pair.join(" "));
        let all: BTreeSet<String> = single
            .iter()
            .map(|word| (*word).to_owned())
            .chain(pairs)
            .collect();
        let number = |word| {
            let next = numbers.len() as u32;
            let number = *numbers.entry(word).or_insert(next);
            if number == next {
                holders.push(Vec::new());
            }
            holders[number as usize].push(text as u32);
            number
        };
        all.into_iter().map(number).collect()
    });
    let rows: Vec<Vec<u32>> = rows.collect();
    (rows, holders)
}

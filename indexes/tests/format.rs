//! Graph files read by what `FORMAT.md` says and nothing else: another reader of the same bytes, slow and simple.

#![allow(
    clippy::unwrap_used,
    reason = "a failed expectation stops the test, in its helpers too"
)]

mod support;

use std::fs;

use alike_indexes::{Kind, Metric, RowId};
use support::Random;
use support::fixtures::{RECIPES, fixture, sections, u32_at};

/// A graph file as the page describes it.
struct Reader {
    bytes: Vec<u8>,
    metric: u32,
    dimension: usize,
    rows: usize,
    /// D: the dimension rounded up to a multiple of 64.
    padded: usize,
    code_bits: u32,
    code_error: f64,
}

impl Reader {
    fn open(name: &str) -> Self {
        let bytes = fs::read(fixture(name)).unwrap();
        assert_eq!(&bytes[..8], b"\x8bALIKE\r\n");
        assert_eq!((u32_at(&bytes, 8), u32_at(&bytes, 12)), (2, 3));
        let mut reader = Self {
            bytes,
            metric: 0,
            dimension: 0,
            rows: 0,
            padded: 0,
            code_bits: 0,
            code_error: 0.0,
        };
        let words = reader.words(1);
        reader.metric = words[0];
        reader.dimension = words[1] as usize;
        reader.rows = words[2] as usize;
        reader.padded = reader.dimension.div_ceil(64) * 64;
        reader.code_bits = words[12];
        reader.code_error = f64::from(f32::from_bits(words[13]));
        assert_eq!(words.len(), 15 + words[10] as usize + 4 * words[11] as usize);
        assert_eq!(reader.words(11).len(), words[14] as usize);
        assert_eq!(reader.words(12).len(), 2 * words[8] as usize);
        assert_eq!(reader.words(3).len(), reader.rows * 2 * words[3] as usize);
        reader
    }

    fn section(&self, tag: u32) -> &[u8] {
        let section = sections(&self.bytes)
            .into_iter()
            .find(|section| section.tag == tag);
        section.map_or(&[], |section| &self.bytes[section.start..section.end])
    }

    fn words(&self, tag: u32) -> Vec<u32> {
        let words = self.section(tag).chunks_exact(4);
        words
            .map(|word| u32::from_le_bytes(word.try_into().unwrap()))
            .collect()
    }

    fn numbers(&self, tag: u32) -> Vec<f64> {
        let words = self.words(tag).into_iter();
        words.map(|word| f64::from(f32::from_bits(word))).collect()
    }

    /// Signs and Walsh–Hadamard transforms, by the definition.
    fn rotate(&self, vector: &[f64]) -> Vec<f64> {
        let mut values = vector.to_vec();
        values.resize(self.padded, 0.0);
        let signs = self.words(10);
        let block = 1 << self.padded.ilog2();
        for round in 0..3 {
            for (place, value) in values.iter_mut().enumerate() {
                let bit = round * self.padded + place;
                if signs[bit / 32] >> (bit % 32) & 1 == 1 {
                    *value = -*value;
                }
            }
            let start = if round == 1 { self.padded - block } else { 0 };
            let old = values[start..start + block].to_vec();
            for (i, value) in values[start..start + block].iter_mut().enumerate() {
                let sum: f64 = (0..block)
                    .map(|j| {
                        if (i & j).count_ones() % 2 == 1 {
                            -old[j]
                        } else {
                            old[j]
                        }
                    })
                    .sum();
                *value = sum / (block as f64).sqrt();
            }
        }
        values
    }

    fn codes(&self, row: usize) -> Vec<u8> {
        let codes = self.section(6);
        if self.code_bits == 8 {
            return codes[row * self.padded..][..self.padded].to_vec();
        }
        let bytes = &codes[row * self.padded / 2..][..self.padded / 2];
        let mut codes = Vec::new();
        for block in bytes.chunks(64) {
            codes.extend(block.iter().map(|byte| byte & 15));
            codes.extend(block.iter().map(|byte| byte >> 4));
        }
        codes
    }

    fn middle(&self) -> f64 {
        if self.code_bits == 8 { 127.5 } else { 7.5 }
    }

    fn centered(&self, vector: &[f64]) -> Vec<f64> {
        let mean = self.numbers(9);
        vector
            .iter()
            .zip(&mean)
            .map(|(value, mean)| value - mean)
            .collect()
    }

    /// Estimated distances of a prepared query to all rows, and the length of the query as it was rotated.
    fn estimates(&self, query: &[f64]) -> (Vec<f64>, f64) {
        let is_l2 = self.metric == 3;
        let query = if is_l2 {
            self.centered(query)
        } else {
            query.to_vec()
        };
        let rotated = self.rotate(&query);
        let greatest = rotated.iter().fold(0.0_f64, |most, value| most.max(value.abs()));
        let unit = greatest / 127.0;
        let values: Vec<i64> = rotated
            .iter()
            .map(|value| (value / unit + 0.5).floor() as i64)
            .collect();
        let total: i64 = values.iter().sum();
        let (scales, lengths) = (self.numbers(7), self.numbers(8));
        let estimate = |row: usize| {
            let codes = self.codes(row);
            let sum: i64 = values
                .iter()
                .zip(&codes)
                .map(|(value, &code)| value * i64::from(code))
                .sum();
            let product = unit * scales[row] * (sum as f64 - self.middle() * total as f64);
            if is_l2 {
                lengths[row] - 2.0 * product
            } else {
                -product
            }
        };
        let norm = rotated.iter().map(|value| value * value).sum::<f64>().sqrt();
        ((0..self.rows).map(estimate).collect(), norm)
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

fn graphs() -> impl Iterator<Item = &'static str> {
    RECIPES
        .into_iter()
        .filter(|recipe| recipe.kind == Kind::Graph)
        .map(|recipe| recipe.name)
}

fn stored(index: &dyn alike_indexes::Index, row: usize) -> Vec<f64> {
    let row = index.vector(RowId(row as u32)).unwrap();
    row.iter().map(|&value| f64::from(value)).collect()
}

/// The description, as the library tells it, is what the words are.
#[test]
fn words_are_where_the_page_says() {
    for name in graphs() {
        let reader = Reader::open(name);
        let index = alike_indexes::open(&fixture(name)).unwrap();
        let description = index.description();
        let metric = [Metric::Cosine, Metric::Dot, Metric::L2][reader.metric as usize - 1];
        assert_eq!(description.metric, metric);
        assert_eq!(
            (description.rows, description.dimension),
            (reader.rows, reader.dimension)
        );
        assert_eq!(description.code_bits, reader.code_bits);
        assert!(reader.code_error > 0.0 && f64::from(description.code_error) == reader.code_error);
        let words = reader.words(1);
        let settings: Vec<[u32; 4]> = words[15..].as_chunks::<4>().0.to_vec();
        assert!(!settings.is_empty() && settings.len() == description.calibration.len());
        for (words, setting) in settings.iter().zip(&description.calibration) {
            let slack = f32::from_bits(words[2]);
            assert_eq!(words[0], setting.beam);
            assert_eq!(f32::from_bits(words[1]), setting.recall);
            assert_eq!(slack.is_finite().then_some(slack), setting.slack);
            assert_eq!(f32::from_bits(words[3]), setting.distances);
        }
    }
}

/// Mean, rotation, codes, scales and lengths: a row's codes stand for the row.
#[test]
fn codes_stand_for_their_rows() {
    for name in graphs() {
        let reader = Reader::open(name);
        let index = alike_indexes::open(&fixture(name)).unwrap();
        let (scales, lengths) = (reader.numbers(7), reader.numbers(8));
        assert_eq!(lengths.len(), if reader.metric == 3 { reader.rows } else { 0 });
        let tolerance = if reader.code_bits == 8 { 0.01 } else { 0.15 };
        for row in (0..reader.rows).step_by(7) {
            let centered = reader.centered(&stored(index.as_ref(), row));
            let squares = dot(&centered, &centered);
            if let Some(length) = lengths.get(row) {
                assert!(
                    (length - squares).abs() < 1e-4 * squares,
                    "{name}, row {row}: length"
                );
            }
            let rotated = reader.rotate(&centered);
            assert!((dot(&rotated, &rotated) - squares).abs() < 1e-6 * squares);
            let codes: Vec<f64> = reader
                .codes(row)
                .into_iter()
                .map(|code| f64::from(code) - reader.middle())
                .collect();
            let scale = squares / dot(&rotated, &codes);
            assert!(
                (scales[row] - scale).abs() < 1e-4 * scale,
                "{name}, row {row}: scale"
            );
            let differences = rotated
                .iter()
                .zip(&codes)
                .map(|(value, code)| (value - scale * code).powi(2));
            let error = (differences.sum::<f64>() / squares).sqrt();
            assert!(error < tolerance, "{name}, row {row}: off by {error}");
        }
    }
}

/// The formulas give distances, within the error that the file states.
#[test]
fn estimates_are_distances() {
    for name in graphs() {
        let reader = Reader::open(name);
        let index = alike_indexes::open(&fixture(name)).unwrap();
        let mean = reader.numbers(9);
        let mut random = Random(3);
        let (mut squares, mut count) = (0.0, 0.0);
        for row in (0..reader.rows).step_by(13) {
            let query: Vec<f64> = stored(index.as_ref(), row)
                .iter()
                .map(|value| value + 0.05 * f64::from(random.normal()))
                .collect();
            let (estimates, norm) = reader.estimates(&query);
            for (row, estimate) in estimates.iter().enumerate() {
                let stored = stored(index.as_ref(), row);
                let squared = |b: &[f64]| -> f64 { query.iter().zip(b).map(|(x, y)| (x - y).powi(2)).sum() };
                let exact = if reader.metric == 3 {
                    squared(&stored) - squared(&mean)
                } else {
                    dot(&query, &mean) - dot(&query, &stored)
                };
                squares += ((estimate - exact) / norm).powi(2);
                count += 1.0;
            }
        }
        let error = f64::sqrt(squares / count);
        let ratio = error / reader.code_error;
        assert!(
            (0.5..2.0).contains(&ratio),
            "{name}: error {error}, stated {}",
            reader.code_error
        );
    }
}

/// Links lead from the entries to every node, and followers have the vector of theirs.
#[test]
fn links_and_followers_cover_all_rows() {
    for name in graphs() {
        let reader = Reader::open(name);
        let index = alike_indexes::open(&fixture(name)).unwrap();
        let links = reader.words(3);
        let width = links.len() / reader.rows;
        let mut seen = vec![false; reader.rows];
        let mut open = reader.words(11);
        while let Some(node) = open.pop() {
            if !std::mem::replace(&mut seen[node as usize], true) {
                let list = &links[node as usize * width..][..width];
                open.extend(list.iter().filter(|&&link| link != u32::MAX));
            }
        }
        for pair in reader.words(12).as_chunks::<2>().0 {
            assert!(seen[pair[0] as usize] && !seen[pair[1] as usize]);
            assert_eq!(index.vector(RowId(pair[0])), index.vector(RowId(pair[1])));
            seen[pair[1] as usize] = true;
        }
        assert!(seen.iter().all(|seen| *seen), "{name}: a row that no walk finds");
    }
}

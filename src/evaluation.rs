//! How good answers are, against queries that people have judged: nDCG@10, recall@10, MRR@10.
//!
//! **Judgments** are JSON lines, plain or gzipped: `{"query": "wall lamp", "labels": {"B08K": "exact", "B08L": 0.5}}`.
//! A label is a name of the ESCI scale (*Shopping Queries Dataset*, Reddy et al. 2022) with the gain used there, or a
//! gain itself:
//!
//! | label | gain |
//! |---|---|
//! | `exact` | 1 |
//! | `substitute` | 0.1 |
//! | `complement` | 0.01 |
//! | `irrelevant` | 0 |
//!
//! **Measures**, per query, over the first ten results; an item that nobody judged has gain 0, and one that appears
//! twice counts at its first place only:
//!
//! - nDCG: `Σ gain(i) / log2(i + 1)` over ranks i = 1…10 (linear gains), divided by the same sum for the best possible
//!   order of all judged items.
//! - recall: relevant items found, divided by all relevant items (so below 1 where more than ten are relevant).
//! - MRR: 1 / rank of the first relevant item, 0 when there is none.
//!
//! **Relevant** is a gain of at least 0.5: `exact` on the ESCI scale, 1, 2 and 3 on a graded one. A query without any
//! positive gain can't tell good from bad and is left out (`skipped`); one with positive gains but nothing relevant
//! counts for nDCG only (`without_relevant`).

pub mod recommend;

use flate2::bufread::MultiGzDecoder;
use serde::de::{self, Deserializer};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How many results of an answer are looked at.
pub const CUTOFF: usize = 10;

/// The smallest gain that counts as relevant.
pub const RELEVANT_GAIN: f64 = 0.5;

/// Gains by item id: finite, not negative.
pub type Gains = BTreeMap<String, f64>;

/// One query and what people thought of the items.
#[derive(Debug, Clone, PartialEq)]
pub struct JudgedQuery {
    /// The query's text.
    pub query: String,
    /// The gain of every judged item.
    pub gains: Gains,
}

/// Why a judgments file can't be used.
#[derive(Debug, thiserror::Error)]
pub enum JudgmentsError {
    /// The file can't be opened.
    #[error("can't open the judgments {}: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Reading (or unpacking) stopped.
    #[error("{}, line {line}: can't be read: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The line that could not be read, from 1.
        line: u64,
        /// What the system or the unpacker said.
        source: io::Error,
    },
    /// A line that is not a judged query.
    #[error("{}, line {line}, {}: {reason}", path.display(), describe(field))]
    Line {
        /// The file.
        path: PathBuf,
        /// Its line, from 1.
        line: u64,
        /// The path to the field at fault, such as `labels.B08K`; `.` for the whole line.
        field: String,
        /// What is wrong with it.
        reason: String,
    },
    /// No line at all.
    #[error("{} holds no judged query: expected lines such as {EXAMPLE}", path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
}

const EXAMPLE: &str = r#"{"query": "wall lamp", "labels": {"B08K": "exact"}}"#;

fn describe(field: &str) -> String {
    if field == "." {
        "the whole line".to_owned()
    } else {
        format!("field `{field}`")
    }
}

/// Reads judged queries from JSON lines, plain or gzipped (told by content, not by name). Empty lines are passed
/// over, fields beside `query` and `labels` ignored.
///
/// # Errors
/// The first line that can't be used, with the field at fault; a file without any query.
pub fn read_judgments(path: &Path) -> Result<Vec<JudgedQuery>, JudgmentsError> {
    let open = |source| JudgmentsError::Open {
        path: path.into(),
        source,
    };
    let mut file = BufReader::new(File::open(path).map_err(open)?);
    let gzipped = file.fill_buf().map_err(open)?.starts_with(&[0x1f, 0x8b]);
    let judged = if gzipped {
        read_lines(BufReader::new(MultiGzDecoder::new(file)), path)?
    } else {
        read_lines(file, path)?
    };
    if judged.is_empty() {
        Err(JudgmentsError::Empty { path: path.into() })
    } else {
        Ok(judged)
    }
}

fn read_lines(reader: impl BufRead, path: &Path) -> Result<Vec<JudgedQuery>, JudgmentsError> {
    let mut judged = Vec::new();
    for (line, content) in (1..).zip(reader.split(b'\n')) {
        let content = content.map_err(|source| JudgmentsError::Read {
            path: path.into(),
            line,
            source,
        })?;
        if content.iter().all(u8::is_ascii_whitespace) {
            continue;
        }
        let query = parse_line(&content).map_err(|(field, reason)| JudgmentsError::Line {
            path: path.into(),
            line,
            field,
            reason,
        })?;
        judged.push(query);
    }
    Ok(judged)
}

#[derive(Deserialize)]
struct Line {
    query: String,
    labels: BTreeMap<String, Gain>,
}

fn parse_line(content: &[u8]) -> Result<JudgedQuery, (String, String)> {
    let mut json = serde_json::Deserializer::from_slice(content);
    let line: Line = serde_path_to_error::deserialize(&mut json)
        .map_err(|error| (error.path().to_string(), error.inner().to_string()))?;
    json.end().map_err(|error| (".".to_owned(), error.to_string()))?;
    if line.query.trim().is_empty() {
        return Err((
            "query".to_owned(),
            "is empty: expected the query's text".to_owned(),
        ));
    }
    let gains = line
        .labels
        .into_iter()
        .map(|(item, gain)| (item, gain.0))
        .collect();
    Ok(JudgedQuery {
        query: line.query,
        gains,
    })
}

struct Gain(f64);

impl<'de> Deserialize<'de> for Gain {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(GainVisitor)
    }
}

struct GainVisitor;

impl de::Visitor<'_> for GainVisitor {
    type Value = Gain;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("one of exact, substitute, complement, irrelevant, or a gain of 0 or more")
    }

    fn visit_str<E: de::Error>(self, label: &str) -> Result<Gain, E> {
        match label {
            "exact" => Ok(Gain(1.0)),
            "substitute" => Ok(Gain(0.1)),
            "complement" => Ok(Gain(0.01)),
            "irrelevant" => Ok(Gain(0.0)),
            _ => Err(E::invalid_value(de::Unexpected::Str(label), &self)),
        }
    }

    fn visit_f64<E: de::Error>(self, gain: f64) -> Result<Gain, E> {
        if gain.is_finite() && gain >= 0.0 {
            Ok(Gain(gain))
        } else {
            Err(E::invalid_value(de::Unexpected::Float(gain), &self))
        }
    }

    fn visit_u64<E: de::Error>(self, gain: u64) -> Result<Gain, E> {
        Ok(Gain(gain as f64))
    }

    fn visit_i64<E: de::Error>(self, gain: i64) -> Result<Gain, E> {
        Err(E::invalid_value(de::Unexpected::Signed(gain), &self))
    }
}

/// The gains of the first `k` places; 0 for an item that came before or that nobody judged.
fn gains_at<S: AsRef<str>>(ranking: &[S], gains: &Gains, k: usize) -> Vec<f64> {
    let mut seen = HashSet::new();
    ranking
        .iter()
        .take(k)
        .map(|item| {
            let item = item.as_ref();
            if seen.insert(item) {
                gains.get(item).copied().unwrap_or(0.0)
            } else {
                0.0
            }
        })
        .collect()
}

fn discounted_sum(gains: impl IntoIterator<Item = f64>) -> f64 {
    gains
        .into_iter()
        .zip(2_u32..)
        .map(|(gain, place)| gain / f64::from(place).log2())
        .sum()
}

/// Normalized discounted cumulative gain of the first `k` results, in 0…1 (Järvelin & Kekäläinen 2002, with linear
/// gains). `None` without any positive gain.
pub fn ndcg_at<S: AsRef<str>>(ranking: &[S], gains: &Gains, k: usize) -> Option<f64> {
    let mut best: Vec<f64> = gains.values().copied().collect();
    best.sort_unstable_by(|a, b| b.total_cmp(a));
    // Scaled by the largest gain, so that not even the largest float overflows the sum.
    let largest = best.first().copied().filter(|gain| *gain > 0.0)?;
    let ideal = discounted_sum(best.into_iter().take(k).map(|gain| gain / largest));
    let found = discounted_sum(gains_at(ranking, gains, k).into_iter().map(|gain| gain / largest));
    (ideal > 0.0).then(|| (found / ideal).min(1.0))
}

/// The share of all relevant items that the first `k` results hold, in 0…1. `None` when nothing is relevant.
pub fn recall_at<S: AsRef<str>>(ranking: &[S], gains: &Gains, k: usize) -> Option<f64> {
    let relevant = gains.values().filter(|gain| is_relevant(**gain)).count();
    let found = gains_at(ranking, gains, k)
        .into_iter()
        .filter(|gain| is_relevant(*gain))
        .count();
    (relevant > 0).then(|| found as f64 / relevant as f64)
}

/// One over the place of the first relevant item among the first `k` results; 0 when there is none. `None` when
/// nothing is relevant.
pub fn reciprocal_rank_at<S: AsRef<str>>(ranking: &[S], gains: &Gains, k: usize) -> Option<f64> {
    if !gains.values().any(|gain| is_relevant(*gain)) {
        return None;
    }
    let first = gains_at(ranking, gains, k).into_iter().position(is_relevant);
    Some(first.map_or(0.0, |at| 1.0 / (at as f64 + 1.0)))
}

fn is_relevant(gain: f64) -> bool {
    gain >= RELEVANT_GAIN
}

/// The measures over all queries, as `alike eval --json` prints them.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Summary {
    /// Queries that counted.
    pub queries: usize,
    /// Mean nDCG@10.
    #[serde(rename = "ndcg@10")]
    pub ndcg_at_10: f64,
    /// Mean recall@10 over the queries with something relevant.
    #[serde(rename = "recall@10")]
    pub recall_at_10: f64,
    /// Mean reciprocal rank within ten over the queries with something relevant.
    #[serde(rename = "mrr@10")]
    pub mrr_at_10: f64,
    /// Mean time of an answer, in milliseconds.
    pub mean_ms: f64,
    /// Queries left out for want of a positive gain.
    pub skipped: usize,
    /// Queries that counted for nDCG only, for want of a relevant item.
    pub without_relevant: usize,
}

/// Adds up answers to judged queries.
#[derive(Debug, Clone, Default)]
pub struct Evaluation {
    ndcg: Mean,
    recall: Mean,
    reciprocal_rank: Mean,
    milliseconds: Mean,
    skipped: usize,
}

impl Evaluation {
    /// Nothing added yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds one answer: the ids in the order they were returned, and how long they took.
    pub fn add<S: AsRef<str>>(&mut self, gains: &Gains, ranking: &[S], took: Duration) {
        let Some(ndcg) = ndcg_at(ranking, gains, CUTOFF) else {
            self.skipped += 1;
            return;
        };
        self.ndcg.add(ndcg);
        self.milliseconds.add(took.as_secs_f64() * 1000.0);
        recall_at(ranking, gains, CUTOFF)
            .into_iter()
            .for_each(|recall| self.recall.add(recall));
        reciprocal_rank_at(ranking, gains, CUTOFF)
            .into_iter()
            .for_each(|rank| self.reciprocal_rank.add(rank));
    }

    /// The means; `None` when no query counted. A mean over no query (nothing was relevant anywhere) is 0.
    pub fn summary(&self) -> Option<Summary> {
        (self.ndcg.count > 0).then(|| Summary {
            queries: self.ndcg.count,
            ndcg_at_10: self.ndcg.value(),
            recall_at_10: self.recall.value(),
            mrr_at_10: self.reciprocal_rank.value(),
            mean_ms: self.milliseconds.value(),
            skipped: self.skipped,
            without_relevant: self.ndcg.count - self.recall.count,
        })
    }
}

#[derive(Debug, Clone, Copy, Default)]
struct Mean {
    sum: f64,
    count: usize,
}

impl Mean {
    fn add(&mut self, value: f64) {
        self.sum += value;
        self.count += 1;
    }

    fn value(self) -> f64 {
        if self.count == 0 {
            0.0
        } else {
            self.sum / self.count as f64
        }
    }
}

#[cfg(test)]
#[path = "evaluation_tests.rs"]
mod tests;

//! Trains, asks, measures.

use super::measures::{CUTOFF, Measures, Outcome, Tally, percentiles};
use super::read::{Events, Line, seconds};
use super::split::{DAY, Group, Split, baskets, visits, wanted};
use super::texts::alike;
use crate::learn::{self, Interactions, Model, ModelError, Touch, TrainSettings};
use serde::Serialize;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};

/// Days before the split that the strategy `popular` looks at.
const POPULAR_DAYS: i64 = 30;
/// Days after which a touch counts half as much for `trending`.
const TRENDING_HALF_LIFE: f64 = 3.0;
/// Sizes of baskets of which an item is hidden.
const BASKET_SIZES: std::ops::RangeInclusive<usize> = 2..=30;

/// What recommends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum, Serialize)]
#[serde(rename_all = "snake_case")]
#[value(rename_all = "snake_case")]
pub enum Strategy {
    /// What a user will want next
    ForYou,
    /// What goes into the same basket
    BoughtTogether,
    /// What is looked at next in the same visit
    #[value(alias = "sessions")]
    ViewedTogether,
    /// What most bought in the last 30 days, for comparison
    Popular,
    /// What most touched in the last days, for comparison
    Trending,
}

/// What is evaluated.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// The strategy.
    pub strategy: Strategy,
    /// Seconds since the Unix epoch: what happens from then on is not trained on.
    pub split_at: i64,
    /// Seconds since the Unix epoch: what happens from then on is not tested on either.
    pub until: Option<i64>,
    /// Only items that the user has not touched before are recommended and wanted.
    pub exclude_seen: bool,
    /// Every line of a basket is hidden in turn, instead of one.
    pub every_line: bool,
    /// A basket's customer is not known.
    pub anonymous: bool,
    /// Decides which line of a basket is hidden.
    pub seed: u64,
    /// How to train.
    pub train: TrainSettings,
}

/// What was measured, and on how much.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Evaluated {
    /// The strategy.
    pub strategy: Strategy,
    /// Whether only new items were recommended.
    pub exclude_seen: bool,
    /// The measures.
    #[serde(flatten)]
    pub measures: Measures,
    /// Events before the split.
    pub events_before: usize,
    /// Events after it.
    pub events_after: usize,
    /// Items that occur before the split.
    pub items: usize,
    /// Seconds that training took; 0 where nothing was trained.
    pub train_seconds: f64,
    /// Bytes of the model.
    pub model_bytes: u64,
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum EvaluationError {
    /// Nothing lies on one side of the split.
    #[error("--split-at {at}: {side} events lie {place}; the events go from {first} to {last}")]
    OneSided {
        /// The split.
        at: String,
        /// `no`.
        side: &'static str,
        /// `before it` or `after it`.
        place: &'static str,
        /// The first event.
        first: String,
        /// The last one.
        last: String,
    },
    /// Nobody is left to ask for.
    #[error("nothing to measure {strategy} on: {needed} after the split")]
    NoQueries {
        /// The strategy.
        strategy: &'static str,
        /// What is missing.
        needed: &'static str,
    },
    /// Nothing can be trained.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The model's files can't be written or read.
    #[error("cannot store the model: {0}")]
    Store(#[from] std::io::Error),
}

/// The seconds since the Unix epoch of a moment given as text.
#[must_use]
pub fn moment(text: &str) -> Option<i64> {
    seconds(text)
}

fn shown(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |time| time.to_string())
}

/// Trains on what lies before the split, and measures on what lies after it. `say` hears how it gets on.
///
/// # Errors
/// [`EvaluationError`]: nothing before or after the split, or nothing to ask for.
pub fn evaluate(
    events: &Events,
    options: &Options,
    say: &dyn Fn(&str),
) -> Result<Evaluated, EvaluationError> {
    let split = Split::new(events, options.split_at, options.until);
    for (lines, place) in [(split.before, "before it"), (split.after, "after it")] {
        if lines.is_empty() {
            let end = |line: Option<&Line>| line.map_or_else(String::new, |line| shown(line.time));
            return Err(EvaluationError::OneSided {
                at: shown(options.split_at),
                side: "no",
                place,
                first: end(events.lines.first()),
                last: end(events.lines.last()),
            });
        }
    }
    let interactions = split.interactions(events);
    let mut counts = vec![0_u64; events.items.len()];
    split
        .before
        .iter()
        .for_each(|line| counts[line.item as usize] += 1);
    let percentiles = percentiles(&counts);
    let started = Instant::now();
    let model = match options.strategy {
        Strategy::Popular | Strategy::Trending => None,
        _ => Some(trained(events, &interactions, options, say)?),
    };
    let train_seconds = started.elapsed().as_secs_f64();
    let asked = Asked {
        events,
        split: &split,
        interactions: &interactions,
        options,
        model: model.as_ref().map(|trained| &trained.model),
        before: &counts,
    };
    let mut tally = Tally::new(&percentiles);
    asked.all(&mut tally);
    let measures = tally.measures().ok_or_else(|| nothing(options.strategy))?;
    Ok(Evaluated {
        strategy: options.strategy,
        exclude_seen: options.exclude_seen,
        measures,
        events_before: split.before.len(),
        events_after: split.after.len(),
        items: percentiles.iter().flatten().count(),
        train_seconds: if model.is_some() { train_seconds } else { 0.0 },
        model_bytes: model
            .as_ref()
            .map_or(0, |trained| trained.model.words().len() as u64 * 4),
    })
}

fn nothing(strategy: Strategy) -> EvaluationError {
    let (strategy, needed) = match strategy {
        Strategy::ForYou => ("for_you", "users with events on both sides are needed"),
        Strategy::Popular => ("popular", "users with events on both sides are needed"),
        Strategy::Trending => ("trending", "users with events on both sides are needed"),
        Strategy::BoughtTogether => ("bought_together", "baskets of 2 to 30 items are needed"),
        Strategy::ViewedTogether => ("viewed_together", "visits with two items are needed"),
    };
    EvaluationError::NoQueries { strategy, needed }
}

/// A model, and the folder that its files are in.
struct Stored {
    model: Model,
    _folder: tempfile::TempDir,
}

/// Trains, stores the model as a snapshot does, and opens it.
fn trained(
    events: &Events,
    interactions: &Interactions,
    options: &Options,
    say: &dyn Fn(&str),
) -> Result<Stored, EvaluationError> {
    say(&format!(
        "training on {} users and {} baskets",
        interactions
            .users
            .iter()
            .filter(|user| !user.touches.is_empty())
            .count(),
        interactions.baskets.len()
    ));
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("vectors");
    let stopped = || std::io::Error::other("training was stopped");
    let settings = TrainSettings {
        alike: if events.texts.is_empty() {
            Vec::new()
        } else {
            alike(&events.texts)
        },
        ..options.train.clone()
    };
    let trained = learn::train(interactions, &settings, &())?.ok_or_else(stopped)?;
    let index = match trained.build_index(&path, None).map_err(ModelError::from)? {
        true => Some(alike_indexes::open(&path).map_err(ModelError::from)?),
        false => None,
    };
    let model = Model::open(Box::new(trained.words), index)?;
    Ok(Stored {
        model,
        _folder: folder,
    })
}

/// Everything that questions are made from.
struct Asked<'a> {
    events: &'a Events,
    split: &'a Split<'a>,
    interactions: &'a Interactions,
    options: &'a Options,
    model: Option<&'a Model>,
    /// How often each item occurs before the split. One that does not is not recommended: that the file has it says only
    /// that it will be bought some day.
    before: &'a [u64],
}

impl Asked<'_> {
    fn all(&self, tally: &mut Tally<'_>) {
        match (self.options.strategy, self.model) {
            (Strategy::BoughtTogether, Some(model)) => self.baskets(model, tally),
            (Strategy::ViewedTogether, Some(model)) => self.visits(model, tally),
            (Strategy::ForYou, Some(model)) => self.users(tally, &|history| {
                let (now, new) = (self.options.split_at, self.options.exclude_seen);
                items(model.for_you(history, now, (CUTOFF, new), Some(&|item| self.was_there(item))))
            }),
            _ => {
                let chart = self.chart();
                self.users(tally, &|history| self.without_seen(&chart, history));
            }
        }
    }

    fn was_there(&self, item: u32) -> bool {
        self.before.get(item as usize).is_some_and(|count| *count > 0)
    }

    fn users(&self, tally: &mut Tally<'_>, recommend: &dyn Fn(&[Touch]) -> Vec<u32>) {
        for (user, mut wanted) in wanted(self.split) {
            let Some(history) = self.interactions.users.get(user as usize) else {
                continue;
            };
            if self.options.exclude_seen {
                history.touches.iter().for_each(|touch| {
                    wanted.remove(&touch.item);
                });
            }
            if history.touches.is_empty() || wanted.is_empty() {
                continue;
            }
            let (ranking, took) = timed(|| recommend(&history.touches));
            let outcome = tally.answer(&ranking, &wanted, took);
            tally.query(outcome);
        }
    }

    fn baskets(&self, model: &Model, tally: &mut Tally<'_>) {
        for (number, basket) in baskets(self.split.after, self.events).iter().enumerate() {
            if !BASKET_SIZES.contains(&basket.items.len()) {
                continue;
            }
            let hidden = if self.options.every_line {
                (0..basket.items.len()).collect()
            } else {
                vec![(mixed(self.options.seed, number as u64) % basket.items.len() as u64) as usize]
            };
            let outcomes: Vec<Outcome> = hidden
                .into_iter()
                .map(|at| self.basket(model, basket, at, tally))
                .collect();
            tally.query(Outcome::mean(&outcomes));
        }
    }

    fn basket(&self, model: &Model, basket: &Group, hidden: usize, tally: &mut Tally<'_>) -> Outcome {
        let mut rest = basket.items.clone();
        let wanted = HashSet::from([rest.remove(hidden)]);
        let known = basket.user.filter(|_| !self.options.anonymous);
        let history = known.and_then(|user| self.interactions.users.get(user as usize));
        let history = history.map_or(&[][..], |history| &history.touches);
        let now = self.options.split_at;
        let admits = |item: u32| self.was_there(item);
        let (ranking, took) = timed(|| items(model.together((&rest, history), now, CUTOFF, Some(&admits))));
        tally.answer(&ranking, &wanted, took)
    }

    fn visits(&self, model: &Model, tally: &mut Tally<'_>) {
        let admits = |item: u32| self.was_there(item);
        for visit in visits(self.split.after, self.events) {
            for next in 1..visit.items.len() {
                let wanted = HashSet::from([visit.items[next]]);
                let now = self.options.split_at;
                let (ranking, took) = timed(|| {
                    let (seen, of) = (&visit.items[..next], Some(&admits as _));
                    let found = model.viewed_together(seen, now, CUTOFF, of);
                    // Where nobody only looked, what is bought together is what is looked at together.
                    items(if found.is_empty() {
                        model.together((seen, &[]), now, CUTOFF, of)
                    } else {
                        found
                    })
                });
                let outcome = tally.answer(&ranking, &wanted, took);
                tally.query(outcome);
            }
        }
    }

    /// Items by how many baskets (or users) of late had them, best first.
    fn chart(&self) -> Vec<u32> {
        let trending = self.options.strategy == Strategy::Trending;
        let mut scores: HashMap<u32, f64> = HashMap::new();
        let mut counted = HashSet::new();
        for line in self.split.before.iter().rev() {
            let age = (self.split.at - line.time) as f64 / DAY as f64;
            let whose = line
                .basket
                .map_or_else(|| line.user.map(|user| (0, user)), |basket| Some((1, basket)));
            let first = whose.is_none_or(|whose| counted.insert((whose, line.item)));
            if !first || (!trending && age > POPULAR_DAYS as f64) {
                continue;
            }
            let worth = if trending {
                (-age / TRENDING_HALF_LIFE).exp2()
            } else {
                1.0
            };
            *scores.entry(line.item).or_default() += worth;
        }
        let by_item: BTreeMap<u32, f64> = scores.into_iter().collect();
        let mut chart: Vec<(u32, f64)> = by_item.into_iter().collect();
        chart.sort_by(|a, b| b.1.total_cmp(&a.1));
        chart.into_iter().map(|(item, _)| item).collect()
    }

    fn without_seen(&self, chart: &[u32], history: &[Touch]) -> Vec<u32> {
        let seen: HashSet<u32> = match self.options.exclude_seen {
            true => history.iter().map(|touch| touch.item).collect(),
            false => HashSet::new(),
        };
        let rest = chart.iter().copied().filter(|item| !seen.contains(item));
        rest.take(CUTOFF).collect()
    }
}

fn items(ranked: Vec<(u32, f32)>) -> Vec<u32> {
    ranked.into_iter().map(|(item, _)| item).collect()
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let start = Instant::now();
    let done = work();
    (done, start.elapsed())
}

/// A number that looks random, for the same seed and position always the same (SplitMix64).
fn mixed(seed: u64, position: u64) -> u64 {
    let mut bits = seed.wrapping_add((position + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

//! Timing one setting of an opened index.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use alike_indexes::recall::recall;
use alike_indexes::{Effort, Index, Plan, Report, Request, Scratch, VectorsView};
use anyhow::Context;

use super::filters::Filtered;
use super::input::Vectors;

/// What is asked, and what should come back.
#[derive(Debug, Clone, Copy)]
pub(super) struct Questions<'a> {
    pub(super) queries: &'a Vectors,
    pub(super) k: usize,
    /// True neighbors per query.
    pub(super) truth: &'a [Vec<u32>],
    pub(super) filter: Option<&'a Filtered>,
}

impl Questions<'_> {
    fn request(&self, query: usize, effort: Effort) -> Request<'_> {
        Request {
            k: self.k,
            effort,
            filter: self.filter.map(|filter| filter.of(query)),
        }
    }
}

/// How the queries are handed over.
#[derive(Debug, Clone, Copy)]
pub(super) enum How<'a> {
    /// One at a time, on each of this many threads.
    Each(usize),
    /// All at once, to the threads of this pool. Filters do not apply.
    Batch(&'a rayon::ThreadPool),
}

impl How<'_> {
    pub(super) fn threads(&self) -> usize {
        match self {
            Self::Each(threads) => *threads,
            Self::Batch(pool) => pool.current_num_threads(),
        }
    }
}

/// The name of a setting in reports.
pub(super) fn setting(effort: Effort) -> String {
    match effort {
        Effort::Default => "default".to_owned(),
        Effort::Recall(recall) => format!("recall={recall}"),
        Effort::Beam(beam) => format!("beam={beam}"),
        Effort::Exact => "exact".to_owned(),
    }
}

/// What one pass over all queries gave; means are per query.
#[derive(Debug, Default)]
pub(super) struct Measured {
    pub(super) recall: f64,
    pub(super) qps: f64,
    /// Microseconds per query, where they were timed one by one.
    pub(super) latency: Option<Latency>,
    /// Queries per plan.
    pub(super) plans: BTreeMap<&'static str, usize>,
    /// Plan and beam of the first query.
    pub(super) first: Option<(Plan, usize)>,
    pub(super) hops: f64,
    pub(super) distances: f64,
    pub(super) bytes: f64,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Latency {
    pub(super) mean: f64,
    pub(super) p50: f64,
    pub(super) p99: f64,
}

/// The answer to one query.
struct Seen {
    query: usize,
    latency: Option<Duration>,
    report: Report,
    found: Vec<u32>,
}

/// All queries once.
pub(super) fn pass(
    index: &dyn Index,
    questions: &Questions<'_>,
    effort: Effort,
    how: How<'_>,
) -> anyhow::Result<Measured> {
    let (elapsed, mut seen) = match how {
        How::Each(threads) => each(index, questions, effort, threads)?,
        How::Batch(pool) => batch(index, questions, effort, pool)?,
    };
    seen.sort_unstable_by_key(|seen| seen.query);
    Ok(summary(elapsed, &seen, questions))
}

/// One query at a time, spread over the threads.
fn each(
    index: &dyn Index,
    questions: &Questions<'_>,
    effort: Effort,
    threads: usize,
) -> anyhow::Result<(Duration, Vec<Seen>)> {
    let mut scratches: Vec<Scratch> = (0..threads).map(|_| Scratch::new()).collect();
    let started = Instant::now();
    let shares = std::thread::scope(|scope| {
        let start = |(first, scratch)| {
            let rows = (first..questions.queries.len()).step_by(threads);
            scope.spawn(move || share(index, questions, effort, rows, scratch))
        };
        let handles: Vec<_> = scratches.iter_mut().enumerate().map(start).collect();
        let join = |handle: std::thread::ScopedJoinHandle<'_, anyhow::Result<Vec<Seen>>>| {
            handle
                .join()
                .map_err(|_| anyhow::anyhow!("a search thread stopped"))?
        };
        handles
            .into_iter()
            .map(join)
            .collect::<anyhow::Result<Vec<Vec<Seen>>>>()
    })?;
    Ok((started.elapsed(), shares.into_iter().flatten().collect()))
}

/// The queries of one thread.
fn share(
    index: &dyn Index,
    questions: &Questions<'_>,
    effort: Effort,
    rows: impl ExactSizeIterator<Item = usize>,
    scratch: &mut Scratch,
) -> anyhow::Result<Vec<Seen>> {
    let mut seen = Vec::with_capacity(rows.len());
    for query in rows {
        let request = questions.request(query, effort);
        let started = Instant::now();
        let report = index
            .search(questions.queries.row(query), &request, scratch)
            .with_context(|| format!("query {query}"))?;
        let latency = Some(started.elapsed());
        let found = scratch
            .neighbors()
            .iter()
            .map(|neighbor| neighbor.row.0)
            .collect();
        seen.push(Seen {
            query,
            latency,
            report,
            found,
        });
    }
    Ok(seen)
}

/// All queries in one call.
fn batch(
    index: &dyn Index,
    questions: &Questions<'_>,
    effort: Effort,
    pool: &rayon::ThreadPool,
) -> anyhow::Result<(Duration, Vec<Seen>)> {
    let queries = VectorsView::new(&questions.queries.values, questions.queries.dimension)?;
    let request = Request {
        k: questions.k,
        effort,
        filter: None,
    };
    let started = Instant::now();
    let answers = pool.install(|| index.search_batch(queries, &request))?;
    let elapsed = started.elapsed();
    let seen = answers.into_iter().enumerate().map(|(query, answer)| Seen {
        query,
        latency: None,
        report: answer.report,
        found: answer.neighbors.iter().map(|neighbor| neighbor.row.0).collect(),
    });
    Ok((elapsed, seen.collect()))
}

fn summary(elapsed: Duration, seen: &[Seen], questions: &Questions<'_>) -> Measured {
    let count = seen.len().max(1) as f64;
    let mean = |of: &dyn Fn(&Seen) -> f64| seen.iter().map(of).sum::<f64>() / count;
    let mut plans = BTreeMap::new();
    for seen in seen {
        *plans.entry(seen.report.plan.name()).or_insert(0) += 1;
    }
    Measured {
        recall: mean(&|seen| recall(&seen.found, &questions.truth[seen.query])),
        qps: count / elapsed.as_secs_f64(),
        latency: latency(seen),
        plans,
        first: seen.first().map(|seen| (seen.report.plan, seen.report.beam)),
        hops: mean(&|seen| f64::from(seen.report.hops)),
        distances: mean(&|seen| seen.report.distances as f64),
        bytes: mean(&|seen| seen.report.bytes as f64),
    }
}

fn latency(seen: &[Seen]) -> Option<Latency> {
    let mut times: Vec<Duration> = seen.iter().filter_map(|seen| seen.latency).collect();
    times.sort_unstable();
    let last = times.len().checked_sub(1)?;
    let quantile = |share: f64| times[(last as f64 * share).round() as usize].as_secs_f64() * 1e6;
    Some(Latency {
        mean: times.iter().sum::<Duration>().as_secs_f64() * 1e6 / times.len() as f64,
        p50: quantile(0.50),
        p99: quantile(0.99),
    })
}

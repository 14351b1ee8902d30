//! Timing one setting of an opened index.

use std::time::{Duration, Instant};

use alike_indexes::recall::recall;
use alike_indexes::{Effort, Index, Plan, Request, Scratch};
use anyhow::Context;

use super::input::Vectors;

/// One setting.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sweep {
    pub(super) k: usize,
    pub(super) beam: Option<usize>,
    pub(super) threads: usize,
    pub(super) repeat: usize,
}

/// What it gave.
#[derive(Debug)]
pub(super) struct Measured {
    pub(super) recall: f64,
    pub(super) qps: f64,
    pub(super) p50_us: f64,
    pub(super) p99_us: f64,
    /// Plan of the first query.
    pub(super) plan: Plan,
    /// Mean number of distances per query.
    pub(super) distances: f64,
}

/// What one thread saw of its share of the queries.
#[derive(Debug, Default)]
struct Share {
    latencies: Vec<Duration>,
    recall: f64,
    distances: u64,
    plan: Option<Plan>,
}

/// Runs `repeat` passes over all queries; speed is that of the best one.
pub(super) fn measure(
    index: &dyn Index,
    queries: &Vectors,
    truth: &[Vec<u32>],
    sweep: &Sweep,
) -> anyhow::Result<Measured> {
    let mut best: Option<(Duration, Vec<Share>)> = None;
    for _ in 0..sweep.repeat {
        let (elapsed, shares) = pass(index, queries, truth, sweep)?;
        if best.as_ref().is_none_or(|(fastest, _)| elapsed < *fastest) {
            best = Some((elapsed, shares));
        }
    }
    let (elapsed, shares) = best.context("no pass was run")?;
    let mut latencies: Vec<Duration> = shares
        .iter()
        .flat_map(|share| share.latencies.iter().copied())
        .collect();
    latencies.sort_unstable();
    let count = latencies.len().max(1) as f64;
    let quantile =
        |share: f64| latencies[((latencies.len() - 1) as f64 * share).round() as usize].as_secs_f64() * 1e6;
    Ok(Measured {
        recall: shares.iter().map(|share| share.recall).sum::<f64>() / count,
        qps: count / elapsed.as_secs_f64(),
        p50_us: quantile(0.50),
        p99_us: quantile(0.99),
        plan: shares.iter().find_map(|share| share.plan).unwrap_or(Plan::Exact),
        distances: shares.iter().map(|share| share.distances).sum::<u64>() as f64 / count,
    })
}

/// All queries once, spread over the threads.
fn pass(
    index: &dyn Index,
    queries: &Vectors,
    truth: &[Vec<u32>],
    sweep: &Sweep,
) -> anyhow::Result<(Duration, Vec<Share>)> {
    let mut scratches: Vec<Scratch> = (0..sweep.threads).map(|_| Scratch::new()).collect();
    let started = Instant::now();
    let shares = std::thread::scope(|scope| {
        let start =
            |(first, scratch)| scope.spawn(move || share(index, queries, truth, sweep, first, scratch));
        let handles: Vec<_> = scratches.iter_mut().enumerate().map(start).collect();
        let join = |handle: std::thread::ScopedJoinHandle<'_, anyhow::Result<Share>>| {
            handle
                .join()
                .map_err(|_| anyhow::anyhow!("a search thread stopped"))?
        };
        handles
            .into_iter()
            .map(join)
            .collect::<anyhow::Result<Vec<Share>>>()
    })?;
    Ok((started.elapsed(), shares))
}

/// Every `threads`-th query from `first` on.
fn share(
    index: &dyn Index,
    queries: &Vectors,
    truth: &[Vec<u32>],
    sweep: &Sweep,
    first: usize,
    scratch: &mut Scratch,
) -> anyhow::Result<Share> {
    let request = Request {
        k: sweep.k,
        effort: sweep.beam.map_or(Effort::Default, Effort::Beam),
        filter: None,
    };
    let mut share = Share::default();
    let mut found = Vec::with_capacity(sweep.k);
    for row in (first..queries.len()).step_by(sweep.threads) {
        let query = queries.row(row);
        let started = Instant::now();
        let report = index
            .search(query, &request, scratch)
            .with_context(|| format!("query {row}"))?;
        share.latencies.push(started.elapsed());
        share.distances += report.distances;
        share.plan.get_or_insert(report.plan);
        found.clear();
        found.extend(scratch.neighbors().iter().map(|neighbor| neighbor.row.0));
        share.recall += recall(&found, &truth[row]);
    }
    Ok(share)
}

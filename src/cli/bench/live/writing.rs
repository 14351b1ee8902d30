//! Durable writes: how many a second, and what the disk alone would allow.

use super::Args;
use super::client::Client;
use super::items::Items;
use super::pace::{Calls, Quantiles, wait_until};
use super::server::Server;
use super::store::COLLECTION;
use anyhow::{Context, ensure};
use serde::Serialize;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// Items of one batch.
pub(super) const BATCH: usize = 1_000;
/// Different batches, which are sent over and over: each time round, their items are replaced.
const BATCHES: usize = 32;
/// Callers of single upserts.
const CALLERS: usize = 64;
/// Bodies of single upserts per caller, sent over and over.
const BODIES: usize = 64;
/// Bytes that are appended and synced to know the disk's own rate: about one record.
const RECORD: usize = 2_048;

/// What writing gave.
#[derive(Debug, Serialize)]
pub(super) struct Written {
    pub(super) items_per_s: f64,
    pub(super) seconds: f64,
    pub(super) callers: usize,
    pub(super) items_per_call: usize,
    pub(super) megabytes_per_s: f64,
    /// Calls that were told to come back later, and came back.
    pub(super) refused: usize,
    pub(super) latency: Quantiles,
    /// Callers whose changes share a sync of the log, on average.
    pub(super) callers_per_fsync: Option<f64>,
    /// Cores that the server kept busy.
    pub(super) server_cores: f64,
}

/// How often a second the disk syncs a file that one thread appends to.
pub(super) fn fsync_rate(folder: &Path, seconds: f64) -> anyhow::Result<f64> {
    let path = folder.join("fsync.bin");
    let mut file = OpenOptions::new()
        .create(true)
        .append(true)
        .open(&path)
        .with_context(|| path.display().to_string())?;
    let (record, start) = (vec![7_u8; RECORD], Instant::now());
    let mut syncs = 0;
    while start.elapsed().as_secs_f64() < seconds {
        file.write_all(&record)?;
        file.sync_data()?;
        syncs += 1;
    }
    let rate = f64::from(syncs) / start.elapsed().as_secs_f64();
    std::fs::remove_file(&path)?;
    Ok(rate)
}

/// Batches of items with ready vectors, new ones first.
pub(super) fn batches(server: &Server, args: &Args, items: &Items) -> anyhow::Result<Written> {
    let first = args.items.get();
    let bodies: Vec<String> = (0..BATCHES)
        .map(|at| items.body(first + at * BATCH, BATCH, first + at * BATCH))
        .collect();
    let callers = args.batch_callers.get();
    let next = AtomicUsize::new(0);
    closed_loop(server, args.seconds, (callers, BATCH), |_| {
        let at = next.fetch_add(1, Ordering::Relaxed);
        &bodies[at % bodies.len()]
    })
}

/// Single upserts by many callers at once.
pub(super) fn singles(server: &Server, args: &Args, items: &Items) -> anyhow::Result<Written> {
    let first = args.items.get() + BATCHES * BATCH;
    let bodies: Vec<String> = (0..CALLERS * BODIES)
        .map(|at| items.row(first + at, first + at))
        .collect();
    let turns: Vec<AtomicUsize> = (0..CALLERS).map(|_| AtomicUsize::new(0)).collect();
    closed_loop(server, args.seconds, (CALLERS, 1), |caller| {
        let turn = turns[caller].fetch_add(1, Ordering::Relaxed);
        &bodies[caller * BODIES + turn % BODIES]
    })
}

/// What one caller did.
#[derive(Default)]
struct Done {
    calls: Calls,
    refused: usize,
    bytes: usize,
}

/// Each caller sends its next body as soon as the last one is acknowledged.
fn closed_loop<'a>(
    server: &Server,
    seconds: f64,
    (callers, per_call): (usize, usize),
    body: impl Fn(usize) -> &'a str + Sync,
) -> anyhow::Result<Written> {
    let (cpu, groups) = (server.cpu()?, groups(server));
    let start = Instant::now();
    let end = start + Duration::from_secs_f64(seconds);
    let done: Vec<anyhow::Result<Done>> = std::thread::scope(|scope| {
        let body = &body;
        let threads: Vec<_> = (0..callers)
            .map(|caller| scope.spawn(move || write_until(end, server.client(), || body(caller))))
            .collect();
        let join = |thread: std::thread::ScopedJoinHandle<'_, _>| {
            thread
                .join()
                .unwrap_or_else(|_| Err(anyhow::anyhow!("a caller stopped")))
        };
        threads.into_iter().map(join).collect()
    });
    let elapsed = start.elapsed().as_secs_f64();
    let mut all = Done::default();
    for done in done {
        let done = done?;
        all.calls.join(done.calls);
        all.refused += done.refused;
        all.bytes += done.bytes;
    }
    let calls = all.calls.succeeded() as f64;
    Ok(Written {
        items_per_s: calls * per_call as f64 / elapsed,
        seconds: elapsed,
        callers,
        items_per_call: per_call,
        megabytes_per_s: all.bytes as f64 / 1e6 / elapsed,
        refused: all.refused,
        latency: all.calls.quantiles().context("nothing was acknowledged")?,
        callers_per_fsync: per_group(groups, self::groups(server)),
        server_cores: (server.cpu()? - cpu).as_secs_f64() / elapsed,
    })
}

fn write_until<'a>(
    end: Instant,
    mut client: Client,
    mut body: impl FnMut() -> &'a str,
) -> anyhow::Result<Done> {
    let path = format!("/v1/collections/{COLLECTION}/items");
    let mut done = Done::default();
    while Instant::now() < end {
        let (body, start) = (body(), Instant::now());
        done.refused += upsert(&mut client, &path, body)?;
        done.calls.add(start.elapsed(), Ok(()));
        done.bytes += body.len();
    }
    Ok(done)
}

/// Upserts until it is acknowledged; how often it was refused for lack of room.
fn upsert(client: &mut Client, path: &str, body: &str) -> anyhow::Result<usize> {
    let mut refused = 0;
    loop {
        let (status, answer) = client.send("POST", path, body)?;
        match status {
            200 => return Ok(refused),
            429 | 503 => refused += 1,
            _ => anyhow::bail!("{path}: {status} {}", String::from_utf8_lossy(answer)),
        }
        ensure!(refused < 1_000, "{path}: refused a thousand times");
        wait_until(Instant::now() + Duration::from_millis(100));
    }
}

/// Upserts so many items from number `first` on, with the vectors from number `vector` on, in batches.
pub(super) fn upsert_all(
    client: &mut Client,
    items: &Items,
    (first, count): (usize, usize),
    vector: usize,
) -> anyhow::Result<()> {
    let path = format!("/v1/collections/{COLLECTION}/items");
    for at in (0..count).step_by(BATCH) {
        let body = items.body(first + at, BATCH.min(count - at), vector + at);
        upsert(client, &path, &body)?;
    }
    Ok(())
}

/// Sum and count of the histogram of callers per commit, where the server has one.
fn groups(server: &Server) -> Option<(f64, f64)> {
    let sum = server.metric("alike_commit_callers_sum").ok()?;
    let count = server.metric("alike_commit_callers_count").ok()?;
    Some((sum, count))
}

fn per_group(before: Option<(f64, f64)>, after: Option<(f64, f64)>) -> Option<f64> {
    let ((sum, count), (sum_after, count_after)) = (before.unwrap_or_default(), after?);
    (count_after > count).then(|| (sum_after - sum) / (count_after - count))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn callers_per_fsync_are_those_of_the_run_alone() {
        assert_eq!(per_group(Some((10.0, 10.0)), Some((50.0, 20.0))), Some(4.0));
        assert_eq!(per_group(None, Some((50.0, 20.0))), Some(2.5));
        assert_eq!(per_group(Some((1.0, 1.0)), Some((1.0, 1.0))), None);
        assert_eq!(per_group(Some((1.0, 1.0)), None), None);
    }

    #[test]
    fn the_disk_has_a_rate_and_nothing_is_left_on_it() {
        let folder = tempfile::tempdir().unwrap();
        assert!(fsync_rate(folder.path(), 0.05).unwrap() > 0.0);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }
}

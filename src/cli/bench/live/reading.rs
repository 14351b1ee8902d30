//! Searches at a fixed rate while this or that goes on, and how soon a write is found.

use super::Args;
use super::client::Client;
use super::items::Items;
use super::pace::{Calls, Quantiles, open_loop, wait_until};
use super::server::Server;
use super::store::COLLECTION;
use super::writing::upsert_all;
use anyhow::{Context, ensure};
use serde::Serialize;
use serde_json::Value;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Different queries.
const QUERIES: usize = 1_000;
/// Items of one call of the write stream.
const STREAM_BATCH: usize = 10;
/// Bodies of the write stream, sent over and over.
const STREAM_BODIES: usize = 500;
/// Writes that are looked for.
const LOOKED_FOR: usize = 300;

/// Searches while something goes on.
#[derive(Debug, Serialize)]
pub(super) struct Window {
    pub(super) name: &'static str,
    pub(super) searches: usize,
    pub(super) failed: usize,
    pub(super) per_s: f64,
    pub(super) seconds: f64,
    pub(super) latency: Quantiles,
    /// Over that of the bare snapshot.
    pub(super) p99_ratio: Option<f64>,
    pub(super) p999_ratio: Option<f64>,
    /// What went on: how many writes, builds or swaps.
    pub(super) events: usize,
    /// Cores that the server kept busy.
    pub(super) server_cores: f64,
    pub(super) failures: Vec<String>,
}

/// What goes on while searches are measured: returns when it is over; how many of it there were.
pub(super) type Beside<'a> = &'a (dyn Fn() -> anyhow::Result<usize> + Sync);

/// Searches at a fixed rate.
pub(super) struct Searches {
    bodies: Vec<String>,
    per_s: f64,
    bare: Option<Quantiles>,
}

impl Searches {
    pub(super) fn new(args: &Args, items: &Items) -> Self {
        // Vectors beyond all that is written, near some that are.
        let first = args.items.get() * 8;
        Self {
            bodies: (0..QUERIES).map(|at| items.search(first + at * 7, 10)).collect(),
            per_s: args.searches_per_s,
            bare: None,
        }
    }

    /// Searches until `beside` is over. The first window is what others are compared with.
    pub(super) fn measure(
        &mut self,
        name: &'static str,
        server: &Server,
        beside: Beside<'_>,
    ) -> anyhow::Result<Window> {
        let path = format!("/v1/collections/{COLLECTION}/search");
        self.warm_up(server, &path)?;
        let (cpu, start, stop) = (server.cpu()?, Instant::now(), AtomicBool::new(false));
        let search = |client: &mut Client, number: usize| {
            let body = &self.bodies[number % self.bodies.len()];
            let (status, answer) = client.send("POST", &path, body)?;
            ensure!(status == 200, "{status} {}", String::from_utf8_lossy(answer));
            Ok(())
        };
        let (mut calls, events): (Calls, anyhow::Result<usize>) = std::thread::scope(|scope| {
            let load = scope.spawn(|| open_loop(self.per_s, &stop, || server.client(), search));
            let events = beside();
            stop.store(true, Ordering::Relaxed);
            let calls = load.join().map_err(|_| anyhow::anyhow!("the load stopped"));
            match calls {
                Ok(calls) => (calls, events),
                Err(error) => (Calls::default(), Err(error)),
            }
        });
        let seconds = start.elapsed().as_secs_f64();
        let latency = calls
            .quantiles()
            .with_context(|| format!("{name}: no search succeeded; {:?}", calls.failures))?;
        let bare = *self.bare.get_or_insert(latency);
        Ok(Window {
            name,
            searches: calls.succeeded(),
            failed: calls.failed,
            per_s: self.per_s,
            seconds,
            latency,
            p99_ratio: Some(latency.p99_ms / bare.p99_ms),
            p999_ratio: Some(latency.p999_ms / bare.p999_ms),
            events: events?,
            server_cores: (server.cpu()? - cpu).as_secs_f64() / seconds,
            failures: calls.failures,
        })
    }

    fn warm_up(&self, server: &Server, path: &str) -> anyhow::Result<()> {
        let mut client = server.client();
        self.bodies
            .iter()
            .try_for_each(|body| client.ask("POST", path, body).map(drop))
    }
}

/// Nothing else, for so long.
pub(super) fn nothing(seconds: f64) -> anyhow::Result<usize> {
    wait_until(Instant::now() + Duration::from_secs_f64(seconds));
    Ok(0)
}

/// A stream of upserts over the items from number `first` on, each with another vector; how many there were.
pub(super) fn write_stream<'a>(
    server: &'a Server,
    args: &Args,
    items: &Items,
    first: usize,
) -> impl Fn() -> anyhow::Result<usize> + Sync + use<'a> {
    let path = format!("/v1/collections/{COLLECTION}/items");
    let bodies: Vec<String> = (0..STREAM_BODIES)
        .map(|at| {
            items.body(
                first + at * STREAM_BATCH,
                STREAM_BATCH,
                first * 2 + at * STREAM_BATCH,
            )
        })
        .collect();
    let (per_s, seconds) = (args.writes_per_s / STREAM_BATCH as f64, args.seconds);
    move || {
        let stop = AtomicBool::new(false);
        let write = |client: &mut Client, number: usize| {
            client.ask("POST", &path, &bodies[number % bodies.len()])?;
            Ok(())
        };
        let calls = std::thread::scope(|scope| {
            let load = scope.spawn(|| open_loop(per_s, &stop, || server.client(), write));
            wait_until(Instant::now() + Duration::from_secs_f64(seconds));
            stop.store(true, Ordering::Relaxed);
            load.join()
                .map_err(|_| anyhow::anyhow!("the write stream stopped"))
        })?;
        ensure!(calls.failed == 0, "writes failed: {:?}", calls.failures);
        Ok(calls.succeeded() * STREAM_BATCH)
    }
}

/// Builds snapshots, one after the other, for at least so long; how many.
pub(super) fn rebuilds(server: &Server, items: &Items, seconds: f64) -> anyhow::Result<usize> {
    let (start, mut builds) = (Instant::now(), 0);
    while builds == 0 || start.elapsed().as_secs_f64() < seconds {
        build(server, items, builds)?;
        builds += 1;
    }
    Ok(builds)
}

/// Changes the item of that number, so that there is something to build, then builds and publishes a snapshot; its id.
pub(super) fn build(server: &Server, items: &Items, number: usize) -> anyhow::Result<String> {
    let mut client = server.client();
    upsert_all(&mut client, items, (number, 1), number + 1)?;
    let path = format!("/v1/collections/{COLLECTION}/snapshots");
    let job = client.ask("POST", &path, r#"{"force":true}"#)?;
    let id = job["id"].as_str().context("a job without id")?.to_owned();
    loop {
        let job = client.ask("GET", &format!("/v1/jobs/{id}"), "")?;
        match job["state"].as_str() {
            Some("running") => wait_until(Instant::now() + Duration::from_millis(20)),
            Some("succeeded") => {
                let snapshot = job["result"]["snapshot"].as_str();
                return Ok(snapshot.context("a build without snapshot")?.to_owned());
            }
            _ => anyhow::bail!("the build failed: {job}"),
        }
    }
}

/// Promotes the one and the other snapshot in turn, evenly over so long; how many swaps there were.
pub(super) fn swaps(
    server: &Server,
    (one, other): (&str, &str),
    count: usize,
    seconds: f64,
) -> anyhow::Result<usize> {
    let (mut client, start) = (server.client(), Instant::now());
    for turn in 0..count {
        let snapshot = if turn % 2 == 0 { one } else { other };
        let path = format!("/v1/collections/{COLLECTION}/snapshots/{snapshot}/promote");
        client.ask("POST", &path, r#"{"force":true}"#)?;
        let info = client.ask("GET", &format!("/v1/collections/{COLLECTION}"), "")?;
        ensure!(
            info["snapshot"] == snapshot,
            "{snapshot} was promoted, but this is served: {info}"
        );
        wait_until(start + Duration::from_secs_f64(seconds * (turn + 1) as f64 / count as f64));
    }
    Ok(count)
}

/// From the acknowledgment of a write to the end of the first search that finds it, round trips included.
pub(super) fn visible(server: &Server, items: &Items, first: usize) -> anyhow::Result<Quantiles> {
    let (mut client, mut calls) = (server.client(), Calls::default());
    let search = format!("/v1/collections/{COLLECTION}/search");
    for number in first..first + LOOKED_FOR {
        let (body, query) = (items.body(number, 1, number), items.search(number, 1));
        client.ask("POST", &format!("/v1/collections/{COLLECTION}/items"), &body)?;
        let (start, id) = (Instant::now(), Value::from(format!("item-{number}")));
        loop {
            let answer = client.ask("POST", &search, &query)?;
            if answer["hits"][0]["id"] == id {
                break;
            }
            ensure!(
                start.elapsed() < Duration::from_secs(10),
                "item-{number} is acknowledged but never found: {answer}"
            );
        }
        calls.add(start.elapsed(), Ok(()));
    }
    calls.quantiles().context("nothing was looked for")
}

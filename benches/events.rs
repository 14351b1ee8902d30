//! What events cost: intake, replay, checkpoints, memory: `cargo bench -p alike --bench events [-- --memory]`.
//!
//! It writes into the system's folder for temporary files; `TMPDIR` names another one, on the disk in question. With
//! `--memory`: 10 million events of 1 million users on 200,000 items over 60 days, and what the process takes then.

#![allow(clippy::unwrap_used, clippy::print_stdout, missing_docs)]

use alike::signals::{CHECKPOINT_FILE, Chart, Event, EventType, Settings, Signals, Window, Within};
use jiff::{SignedDuration, Timestamp};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

const ROUND: Duration = Duration::from_secs(5);
const CALLERS: usize = 64;

fn main() {
    let argument = |wanted: &str| std::env::args().any(|argument| argument == wanted);
    if !argument("--bench") {
        println!("run by `cargo bench`");
        return;
    }
    if argument("--memory") {
        return memory();
    }
    let folder = tempfile::tempdir().unwrap();
    println!("in {}", folder.path().display());
    batches(&folder.path().join("batches"), 1_000);
    singles(&folder.path().join("singles"));
    replay(&folder.path().join("replay"), 500_000);
}

/// Megabytes of memory that this process has.
fn resident() -> f64 {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let resident = pages
        .split_whitespace()
        .nth(1)
        .and_then(|pages| pages.parse::<f64>().ok());
    resident.unwrap_or(0.0) * 4_096.0 / 1e6
}

/// Shoppers of a shop: a few items are wanted by many.
struct Shop {
    state: u64,
    users: u64,
    items: u64,
    newest: Timestamp,
    days: i64,
}

impl Shop {
    fn new(seed: u64, users: u64, items: u64, days: i64) -> Self {
        Self {
            state: seed,
            users,
            items,
            newest: Timestamp::now(),
            days,
        }
    }

    fn next(&mut self) -> u64 {
        self.state = self
            .state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        self.state >> 33
    }

    fn event(&mut self) -> Event {
        let share = self.next() as f64 / (1_u64 << 31) as f64;
        let item = (share.powi(3) * self.items as f64) as u64;
        let (user, visit) = (self.next() % self.users, self.next() % 3);
        let kind = match self.next() % 100 {
            0..70 => EventType::View,
            70..90 => EventType::Click,
            90..97 => EventType::Cart,
            _ => EventType::Purchase,
        };
        let ago = self.next() as i64 % (self.days * 86_400_000);
        Event {
            user: Some(format!("user-{user}")),
            session: Some(format!("session-{user}-{visit}")),
            time: self.newest - SignedDuration::from_millis(ago),
            ..Event::new("products", kind, &format!("ITEM-{item:07}"))
        }
    }

    fn batch(&mut self, count: usize) -> Vec<Event> {
        (0..count).map(|_| self.event()).collect()
    }
}

fn open(dir: &Path, checkpoint: Option<&Path>) -> Signals {
    let checkpoints: Vec<_> = checkpoint.into_iter().map(Path::to_path_buf).collect();
    Signals::open(dir, &checkpoints, &Settings::default(), &|_| true)
}

/// One caller, durable batches.
fn batches(dir: &Path, size: usize) {
    let signals = open(dir, None);
    let mut shop = Shop::new(1, 100_000, 50_000, 60);
    let (mut count, mut spent) = (0, Duration::ZERO);
    while spent < ROUND {
        let batch = shop.batch(size);
        let start = Instant::now();
        assert!(signals.record(&batch).unwrap().durable);
        spent += start.elapsed();
        count += size;
    }
    println!(
        "durable batches of {size}: {:.0} events/s",
        count as f64 / spent.as_secs_f64()
    );
}

/// Many callers, one event each.
fn singles(dir: &Path) {
    let signals = open(dir, None);
    let (count, start) = (AtomicUsize::new(0), Instant::now());
    std::thread::scope(|scope| {
        for caller in 0..CALLERS {
            let (signals, count) = (&signals, &count);
            scope.spawn(move || {
                let mut shop = Shop::new(100 + caller as u64, 100_000, 50_000, 60);
                while start.elapsed() < ROUND {
                    signals.record(&[shop.event()]).unwrap();
                    count.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    let rate = count.into_inner() as f64 / start.elapsed().as_secs_f64();
    println!("durable single events of {CALLERS} callers: {rate:.0} events/s");
}

fn replay(dir: &Path, count: usize) {
    let live = open(dir, None);
    let mut shop = Shop::new(2, 100_000, 50_000, 60);
    for _ in 0..count / 10_000 {
        live.record(&shop.batch(10_000)).unwrap();
    }
    drop(live);
    let start = Instant::now();
    let signals = open(dir, None);
    let took = start.elapsed().as_secs_f64();
    println!(
        "replay of {count} events: {took:.2} s, {:.0} events/s",
        count as f64 / took
    );
    checkpoint(&signals, dir);
}

/// Writes and loads a checkpoint.
fn checkpoint(signals: &Signals, dir: &Path) {
    let path = dir.with_extension(CHECKPOINT_FILE);
    let start = Instant::now();
    let written = signals.checkpoint(&path).unwrap();
    println!(
        "checkpoint of {:.0} MB: written in {:.2} s",
        written.bytes as f64 / 1e6,
        start.elapsed().as_secs_f64()
    );
    let start = Instant::now();
    let loaded = Signals::read(dir, &[path], &Settings::default(), &|_| true);
    assert_eq!(loaded.replay().checkpoint, Some(written.position));
    println!("loaded in {:.2} s", start.elapsed().as_secs_f64());
}

fn memory() {
    const EVENTS: usize = 10_000_000;
    let before = resident();
    let signals = Signals::in_memory();
    let mut shop = Shop::new(3, 1_000_000, 200_000, 60);
    let (mut spent, mut most) = (Duration::ZERO, 0.0_f64);
    for _ in 0..EVENTS / 10_000 {
        let batch = shop.batch(10_000);
        let start = Instant::now();
        signals.record(&batch).unwrap();
        spent += start.elapsed();
        most = most.max(resident());
    }
    println!(
        "{EVENTS} events in {:.1} s ({:.0}/s, in memory)",
        spent.as_secs_f64(),
        EVENTS as f64 / spent.as_secs_f64()
    );
    println!(
        "{:.0} MB resident, {most:.0} at most, {before:.0} before",
        resident()
    );
    println!("{:?}", signals.held());
    reads(&signals);
    let folder = tempfile::tempdir().unwrap();
    checkpoint(&signals, &folder.path().join("none"));
}

fn reads(signals: &Signals) {
    let now = Timestamp::now();
    let all = |_: &str| true;
    let timed = |what: &str, read: &dyn Fn() -> usize| {
        let start = Instant::now();
        let found = read();
        println!("{what}: {found} in {:.2} ms", start.elapsed().as_secs_f64() * 1e3);
    };
    timed("trending 24h", &|| {
        signals
            .chart(Chart::Trending(Window::Day), None, now, &all, 100)
            .len()
    });
    timed("rising 7d", &|| {
        signals
            .chart(Chart::Rising(Window::Week), None, now, &all, 100)
            .len()
    });
    timed("popular", &|| {
        signals.chart(Chart::Popular, None, now, &all, 100).len()
    });
    timed("user", &|| signals.user("user-5").len());
    timed("viewed together", &|| {
        signals
            .together(&["ITEM-0000001"], Within::Session, &all, 100)
            .len()
    });
    timed("bought together", &|| {
        signals
            .together(&["ITEM-0000001"], Within::Basket, &all, 100)
            .len()
    });
    timed("interactions", &|| {
        signals
            .interactions(200_000, &|id| id[5..].parse().ok())
            .users
            .len()
    });
}

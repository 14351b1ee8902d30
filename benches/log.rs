//! What the log of a collection costs, beside what the disk itself does in the same run: `cargo bench -p alike --bench log`.
//!
//! It writes into the system's folder for temporary files; `TMPDIR` names another one, on the disk in question.

#![allow(clippy::print_stdout, reason = "a benchmark prints its figures")]

use alike::log::{EmbeddedLog, Log, LogSettings, Origin, Position, Record, StoredItem};
use alike::snapshot::TextDigest;
use std::error::Error;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

const DIMENSION: usize = 384;
const DOCUMENT_BYTES: usize = 500;
/// What one round of a measurement takes at least; the best of the rounds counts.
const ROUND: Duration = Duration::from_secs(2);
const ROUNDS: usize = 3;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    if !std::env::args().any(|argument| argument == "--bench") {
        println!("run by `cargo bench`");
        return Ok(());
    }
    let folder = tempfile::tempdir()?;
    println!("in {}", folder.path().display());
    let item = items(1);
    let bytes = item[0].encoded_len();
    println!("an item: {DIMENSION} dimensions, {DOCUMENT_BYTES} bytes of document, {bytes} bytes in the log");

    let syncs = best(|| disk_syncs(folder.path(), bytes))?;
    println!("the disk itself: {syncs:.0} writes of {bytes} bytes with fdatasync per second");
    let singles = best(|| appends(folder.path(), &item))?;
    println!(
        "one by one: {singles:.0} appends/s, {:.2} of the disk's",
        singles / syncs
    );
    let shared = best(|| appends(folder.path(), &items(64)))?;
    println!(
        "64 callers sharing an append: {:.0} items/s, {:.1} times the disk's writes",
        shared * 64.0,
        shared * 64.0 / syncs
    );
    let batches = items(1_000);
    let (of_disk, of_log) = (
        best(|| disk_syncs(folder.path(), 1_000 * bytes))?,
        best(|| appends(folder.path(), &batches))?,
    );
    let megabytes = of_log * (1_000 * bytes) as f64 / 1e6;
    println!(
        "batches of 1,000: {:.0} items/s, {megabytes:.0} MB/s, {:.2} of the disk's",
        of_log * 1e3,
        of_log / of_disk
    );
    replay(folder.path(), 100_000)
}

/// Runs a measurement a few times and returns the highest rate.
fn best(mut measure: impl FnMut() -> Outcome<f64>) -> Outcome<f64> {
    let mut highest = 0.0;
    for _ in 0..ROUNDS {
        highest = measure()?.max(highest);
    }
    Ok(highest)
}

/// How often a second the disk writes so many bytes and says that they are on it.
fn disk_syncs(folder: &Path, bytes: usize) -> Outcome<f64> {
    let path = folder.join("plain");
    let mut file = File::create(&path)?;
    let content = vec![0x5A; bytes];
    let rate = rate(|| {
        file.write_all(&content)?;
        Ok(file.sync_data()?)
    })?;
    fs::remove_file(path)?;
    Ok(rate)
}

/// How often a second the log appends these records together.
fn appends(folder: &Path, records: &[Record]) -> Outcome<f64> {
    let dir = folder.join("log");
    let (mut log, _) = EmbeddedLog::open(&dir, LogSettings::default())?;
    let rate = rate(|| {
        log.append(records)?;
        // What was measured stays small on the disk.
        Ok(log.truncate(log.last())?)
    })?;
    fs::remove_dir_all(dir)?;
    Ok(rate)
}

fn rate(mut once: impl FnMut() -> Outcome<()>) -> Outcome<f64> {
    once()?;
    let start = Instant::now();
    let mut count = 0.0;
    while start.elapsed() < ROUND {
        once()?;
        count += 1.0;
    }
    Ok(count / start.elapsed().as_secs_f64())
}

/// Opens and reads a log of so many items, as a restart does, with the files in the system's cache.
fn replay(folder: &Path, count: usize) -> Outcome<()> {
    let dir = folder.join("log");
    let (mut log, _) = EmbeddedLog::open(&dir, LogSettings::default())?;
    for batch in items(count).chunks(1_000) {
        log.append(batch)?;
    }
    let megabytes = log.bytes() as f64 / 1e6;
    drop(log);
    for _ in 0..ROUNDS {
        let start = Instant::now();
        let (log, _) = EmbeddedLog::open(&dir, LogSettings::default())?;
        let opened = start.elapsed();
        let mut kept = Vec::with_capacity(count);
        log.read(Position::START, &mut |_, record| {
            kept.push(record);
            Ok(())
        })?;
        let read = start.elapsed() - opened;
        assert_eq!(kept.len(), count, "every record is read");
        println!("replay of {count} records, {megabytes:.0} MB: opened in {opened:.0?}, read in {read:.0?}");
    }
    Ok(())
}

fn items(count: usize) -> Vec<Record> {
    let document = format!(r#"{{"id":"item","title":"{}"}}"#, "x".repeat(DOCUMENT_BYTES - 24));
    (0..count)
        .map(|number| {
            Record::Upsert(StoredItem {
                id: format!("item-{number:08}").into(),
                document: document.as_str().into(),
                vector: (0..DIMENSION)
                    .map(|at| (number * DIMENSION + at) as f32)
                    .collect(),
                origin: Some(Origin {
                    model: [1; 16],
                    variant: [2; 16],
                    text: TextDigest([3; 16]),
                }),
            })
        })
        .collect()
}

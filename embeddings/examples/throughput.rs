//! Measures one encoder setting in a process of its own and prints one JSON line: the figures of the README's tables.
//!
//! `cargo run --release -p alike-embeddings --example throughput -- LIBRARY MODEL TEXTS bulk|query SESSIONS THREADS
//! BATCH_TOKENS` where TEXTS has one text per line. `bulk` encodes them all at once; `query` encodes each line alone,
//! one after the other.

#![allow(clippy::print_stdout, reason = "its output is the measurement")]

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use alike_embeddings::{Encoder, EncoderSettings, LaneSettings, ModelBundle, initialize};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [library, model, texts, mode, sessions, threads, batch_tokens] = arguments.as_slice() else {
        return Err("usage: throughput LIBRARY MODEL TEXTS bulk|query SESSIONS THREADS BATCH_TOKENS".into());
    };
    let lane = LaneSettings {
        sessions: sessions.parse()?,
        threads_per_session: threads.parse()?,
    };
    let settings = EncoderSettings {
        queries: lane,
        documents: LaneSettings::SHARED,
        batch_tokens: batch_tokens.parse()?,
        ..EncoderSettings::for_queries(1)
    };
    let texts = std::fs::read_to_string(texts)?;
    let texts: Vec<&str> = texts.lines().collect();
    initialize(Path::new(library))?;
    let started = Instant::now();
    let encoder = Encoder::open(&ModelBundle::open(Path::new(model))?, settings)?;
    let open_ms = started.elapsed().as_secs_f64() * 1e3;
    let open_mib = memory_mib("VmRSS:")?;
    let measured = match mode.as_str() {
        "bulk" => bulk(&encoder, &texts)?,
        "query" => query(&encoder, &texts)?,
        _ => return Err("the mode is bulk or query".into()),
    };
    println!(
        r#"{{"mode":"{mode}","sessions":{sessions},"threads":{threads},"batch_tokens":{batch_tokens},{measured},"open_ms":{open_ms:.0},"open_mib":{open_mib},"peak_mib":{}}}"#,
        memory_mib("VmHWM:")?
    );
    Ok(())
}

fn bulk(encoder: &Encoder, texts: &[&str]) -> Result<String, Box<dyn Error>> {
    let (started, cpu) = (Instant::now(), cpu_seconds()?);
    encoder.encode_documents(texts)?;
    let (wall, cpu) = (started.elapsed().as_secs_f64(), cpu_seconds()? - cpu);
    Ok(format!(
        r#""texts_per_s":{:.1},"cpu_s":{cpu:.2}"#,
        texts.len() as f64 / wall
    ))
}

fn query(encoder: &Encoder, texts: &[&str]) -> Result<String, Box<dyn Error>> {
    let mut micros = Vec::with_capacity(texts.len());
    for text in texts {
        let started = Instant::now();
        encoder.encode_query(text)?;
        micros.push(started.elapsed().as_micros());
    }
    micros.sort_unstable();
    let at = |share: f64| micros[((micros.len() - 1) as f64 * share) as usize];
    Ok(format!(
        r#""p1_us":{},"p50_us":{},"p99_us":{}"#,
        at(0.01),
        at(0.5),
        at(0.99)
    ))
}

/// Processor time of this process so far; the kernel counts it in hundredths of a second.
fn cpu_seconds() -> Result<f64, Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let fields: Vec<&str> = stat
        .rsplit(')')
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    let [user, system] = [fields[11].parse::<u64>()?, fields[12].parse::<u64>()?];
    Ok((user + system) as f64 / 100.0)
}

/// A line of this process's status, in MiB.
fn memory_mib(key: &str) -> Result<u64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find(|line| line.starts_with(key))
        .ok_or("no such line in /proc/self/status")?;
    let kib: u64 = line.split_whitespace().nth(1).ok_or("no value")?.parse()?;
    Ok(kib / 1024)
}

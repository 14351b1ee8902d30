//! Encodes texts of mixed lengths and prints this process's memory as it goes: one JSON line per chunk.
//!
//! `cargo run --release -p alike-embeddings --example memory -- LIBRARY MODEL TEXTS [plain|int8]` where TEXTS is how many
//! texts are made up and encoded, in chunks of 1,024. Most have under 30 words, some have hundreds, in no order. Beside
//! them a query is encoded after every chunk.

#![allow(clippy::print_stdout, reason = "its output is the measurement")]

use std::error::Error;
use std::path::Path;
use std::time::Instant;

use alike_embeddings::{Encoder, EncoderSettings, ModelBundle, initialize};

const CHUNK: usize = 1_024;

const WORDS: &str = "red running shoes for women with a wide toe box and good grip on wet rock stainless kettle \
                     waterproof jacket phosphorescent ergonomic bluetooth 42 mm 1.5 l Größe XL";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let (library, model, texts, variant) = match arguments.as_slice() {
        [library, model, texts] => (library, model, texts, None),
        [library, model, texts, variant] => (library, model, texts, Some(variant.parse()?)),
        _ => return Err("usage: memory LIBRARY MODEL TEXTS [plain|int8]".into()),
    };
    let total: usize = texts.parse()?;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    initialize(Path::new(library))?;
    let settings = EncoderSettings {
        variant,
        ..EncoderSettings::for_service(cores)
    };
    let encoder = Encoder::open(&ModelBundle::open(Path::new(model))?, settings)?;
    println!(r#"{{"texts":0,"resident_mib":{:.1}}}"#, resident_mib()?);
    let (mut random, started, mut done) = (Random(1), Instant::now(), 0);
    while done < total {
        let chunk: Vec<String> = (0..CHUNK.min(total - done)).map(|_| random.text()).collect();
        encoder.encode_documents(&chunk)?;
        encoder.encode_query(&random.text())?;
        done += chunk.len();
        let rate = done as f64 / started.elapsed().as_secs_f64();
        println!(
            r#"{{"texts":{done},"resident_mib":{:.1},"texts_per_s":{rate:.0}}}"#,
            resident_mib()?
        );
    }
    Ok(())
}

/// Marsaglia's xorshift64: the same texts every time.
struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % below as u64) as usize
    }

    fn text(&mut self) -> String {
        let words: Vec<&str> = WORDS.split_whitespace().collect();
        let longest = [8, 15, 30, 30, 60, 300][self.next(6)];
        let count = 1 + self.next(longest);
        let chosen: Vec<&str> = (0..count).map(|_| words[self.next(words.len())]).collect();
        chosen.join(" ")
    }
}

/// What the process holds in memory now.
fn resident_mib() -> Result<f64, Box<dyn Error>> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    Ok(kib.ok_or("no VmRSS in /proc/self/status")?.parse::<f64>()? / 1024.0)
}

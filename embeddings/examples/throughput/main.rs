//! Measures an encoder in a process of its own: `scripts/bench-encoder` asks it, the README's figures come from it.
//!
//! `cargo run --release -p alike-embeddings --example throughput -- --library FILE --model DIR [--for bulk|queries|service]
//! [--variant plain|int8] [--threads N] [--sessions N] [--batch-tokens N]` opens the encoder, prints what it opened, and
//! then answers each line of its input with one line of JSON:
//!
//! | line | does |
//! |---|---|
//! | `bulk FILE` | encodes all texts in one call, as documents |
//! | `queries FILE` | encodes one text after the other, as queries; the latency of every call |
//! | `vectors FILE OUT` | as `bulk`; writes the vectors to OUT as little-endian float32, row-major |
//!
//! FILE has one text per line, or, where its name ends in `.ids`, one text's token ids per line (special ones included):
//! what is left then is the session's work without the tokenizer's.
//!
//! `throughput --roofline [--threads N]` opens nothing: it measures how many 8-bit operations per second the processor
//! can do at most, with a loop of dot products that never leaves the registers.

#![allow(clippy::print_stdout, reason = "its output is the measurement")]

mod roofline;

use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Instant;

use alike_embeddings::{
    Encoder, EncoderSettings, Input, Lane, LaneSettings, ModelBundle, Prefix, Variant, initialize,
};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

const USAGE: &str = "usage: throughput --library FILE --model DIR [--for bulk|queries|service] [--variant plain|int8] \
    [--threads N] [--sessions N] [--batch-tokens N], or throughput --roofline [--threads N]";

fn main() -> Result<()> {
    let options = Options::parse(std::env::args().skip(1))?;
    if options.roofline {
        println!("{}", roofline::measure(options.threads));
        return Ok(());
    }
    initialize(&options.library)?;
    let started = Instant::now();
    let encoder = Encoder::open(&ModelBundle::open(&options.model)?, options.settings()?)?;
    let opened = started.elapsed().as_secs_f64();
    let state = encoder.state();
    println!(
        r#"{{"variant":"{}","level":"{}","device":"{}","open_ms":{:.0},"open_mib":{}}}"#,
        state.variant,
        state.kernel_level.unwrap_or("none"),
        state.device,
        opened * 1e3,
        memory_mib("VmRSS:")?
    );
    for line in std::io::stdin().lines() {
        let line = line?;
        let words: Vec<&str> = line.split_whitespace().collect();
        let answer = match words.as_slice() {
            ["bulk", file] => bulk(&encoder, &Texts::read(Path::new(file))?)?,
            ["queries", file] => queries(&encoder, &Texts::read(Path::new(file))?)?,
            ["vectors", file, out] => vectors(&encoder, &Texts::read(Path::new(file))?, Path::new(out))?,
            _ => return Err(format!("found {line:?}, expected bulk, queries or vectors, and a file").into()),
        };
        println!("{answer}");
    }
    Ok(())
}

/// What the command line says.
struct Options {
    roofline: bool,
    library: PathBuf,
    model: PathBuf,
    purpose: String,
    variant: Option<Variant>,
    threads: usize,
    sessions: Option<usize>,
    batch_tokens: Option<usize>,
}

impl Options {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Self> {
        let mut options = Self {
            roofline: false,
            library: PathBuf::new(),
            model: PathBuf::new(),
            purpose: "bulk".to_owned(),
            variant: None,
            threads: std::thread::available_parallelism().map_or(1, usize::from),
            sessions: None,
            batch_tokens: None,
        };
        while let Some(flag) = words.next() {
            if flag == "--roofline" {
                options.roofline = true;
                continue;
            }
            let value = words.next().ok_or(USAGE)?;
            match flag.as_str() {
                "--library" => options.library = value.into(),
                "--model" => options.model = value.into(),
                "--for" => options.purpose = value,
                "--variant" => options.variant = Some(value.parse()?),
                "--threads" => options.threads = value.parse()?,
                "--sessions" => options.sessions = Some(value.parse()?),
                "--batch-tokens" => options.batch_tokens = Some(value.parse()?),
                _ => return Err(format!("found {flag} {value}; {USAGE}").into()),
            }
        }
        Ok(options)
    }

    /// The crate's own settings for the purpose, with what the command line changes in them. `--sessions` splits the
    /// threads over that many sessions of the lane that is measured.
    fn settings(&self) -> Result<EncoderSettings> {
        let mut settings = match self.purpose.as_str() {
            "bulk" => EncoderSettings::for_bulk(self.threads),
            "queries" => EncoderSettings::for_queries(self.threads),
            "service" => EncoderSettings::for_service(self.threads),
            other => return Err(format!("--for is {other}: expected bulk, queries or service").into()),
        };
        settings.variant = self.variant;
        settings.batch_tokens = self.batch_tokens.unwrap_or(settings.batch_tokens);
        if let Some(sessions) = self.sessions {
            let lane = LaneSettings {
                sessions,
                threads_per_session: (self.threads / sessions.max(1)).max(1),
            };
            match self.purpose.as_str() {
                "queries" => settings.queries = lane,
                _ => settings.documents = lane,
            }
        }
        Ok(settings)
    }
}

/// Lines of a file: texts, or the token ids of texts.
enum Texts {
    Text(Vec<String>),
    Tokens(Vec<Vec<u32>>),
}

impl Texts {
    fn read(path: &Path) -> Result<Self> {
        let content = std::fs::read_to_string(path)?;
        if path.extension().is_none_or(|extension| extension != "ids") {
            return Ok(Self::Text(content.lines().map(str::to_owned).collect()));
        }
        let ids = |line: &str| line.split_whitespace().map(str::parse).collect();
        let lines: std::result::Result<_, std::num::ParseIntError> = content.lines().map(ids).collect();
        Ok(Self::Tokens(lines?))
    }

    fn inputs(&self) -> Vec<Input<'_>> {
        match self {
            Self::Text(texts) => texts.iter().map(|text| Input::Text(text)).collect(),
            Self::Tokens(texts) => texts.iter().map(|ids| Input::Tokens(ids)).collect(),
        }
    }
}

fn bulk(encoder: &Encoder, texts: &Texts) -> Result<String> {
    let inputs = texts.inputs();
    let (started, cpu) = (Instant::now(), cpu_seconds()?);
    let encoded = encoder.encode(&inputs, Prefix::Document, Lane::Documents)?;
    let (wall, cpu) = (started.elapsed().as_secs_f64(), cpu_seconds()? - cpu);
    let tokens: u64 = encoded.tokens.iter().map(|&tokens| u64::from(tokens)).sum();
    Ok(format!(
        r#"{{"texts":{},"tokens":{tokens},"wall_s":{wall:.6},"cpu_s":{cpu:.2},"texts_per_s":{:.2},"tokens_per_s":{:.1},"resident_mib":{},"peak_mib":{}}}"#,
        inputs.len(),
        inputs.len() as f64 / wall,
        tokens as f64 / wall,
        memory_mib("VmRSS:")?,
        memory_mib("VmHWM:")?
    ))
}

fn queries(encoder: &Encoder, texts: &Texts) -> Result<String> {
    let mut calls = Vec::new();
    for input in texts.inputs() {
        let started = Instant::now();
        match input {
            Input::Text(text) => drop(encoder.encode_query(text)?),
            Input::Tokens(_) => drop(encoder.encode(&[input], Prefix::Query, Lane::Queries)?),
        }
        calls.push(format!("{:.1}", started.elapsed().as_secs_f64() * 1e6));
    }
    Ok(format!(
        r#"{{"texts":{},"calls_us":[{}]}}"#,
        calls.len(),
        calls.join(",")
    ))
}

fn vectors(encoder: &Encoder, texts: &Texts, out: &Path) -> Result<String> {
    let encoded = encoder.encode(&texts.inputs(), Prefix::Document, Lane::Documents)?;
    let mut file = std::io::BufWriter::new(std::fs::File::create(out)?);
    for text in 0..encoded.tokens.len() {
        for value in encoded.vectors.row(text) {
            file.write_all(&value.to_le_bytes())?;
        }
    }
    file.flush()?;
    Ok(format!(
        r#"{{"texts":{},"dimension":{}}}"#,
        encoded.tokens.len(),
        encoder.dimension()
    ))
}

/// Processor time of this process so far; the kernel counts it in hundredths of a second.
fn cpu_seconds() -> Result<f64> {
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
fn memory_mib(key: &str) -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find(|line| line.starts_with(key))
        .ok_or("no such line in /proc/self/status")?;
    let kib: u64 = line.split_whitespace().nth(1).ok_or("no value")?.parse()?;
    Ok(kib / 1024)
}

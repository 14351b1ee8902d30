//! Many callers at once of an HTTP surface that takes one text: how many answers a second, and how long each took.
//!
//! `cargo run --release --example callers -- 127.0.0.1:7700 TEXTS --callers 64 --seconds 8` posts a text after the other
//! from TEXTS (one per line) to `/v1/embeddings`; each caller has a connection of its own and waits for its answer before
//! it goes on. With `--rate R` calls arrive as a Poisson process of R per second instead, whether earlier ones have been
//! answered or not, and a call's latency counts from the moment when it was due. Prints one line of JSON.
//!
//! It shares the machine with the server that it measures, so it is kept lean: plain sockets, blocking threads, requests
//! composed before the clock starts, bodies of answers counted and not parsed (the first one of each caller is).

#![allow(clippy::print_stdout, reason = "its output is the measurement")]

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// A caller whose answer has not come by then gives up.
const PATIENCE: Duration = Duration::from_secs(30);

#[derive(Parser)]
struct Arguments {
    /// Where the server listens
    address: SocketAddr,
    /// Texts to send, one per line; each is sent once, before any is sent again
    texts: PathBuf,
    /// What to post to
    #[arg(long, default_value = "/v1/embeddings")]
    path: String,
    /// The model's name in the request
    #[arg(long, default_value = "all-minilm-l6-v2")]
    model: String,
    /// `float` or `base64`, as in the request
    #[arg(long, default_value = "float")]
    encoding: String,
    /// Connections
    #[arg(long, default_value_t = 64)]
    callers: usize,
    /// Calls per second; without it each caller calls again as soon as it has its answer
    #[arg(long)]
    rate: Option<f64>,
    /// Time that is measured
    #[arg(long, default_value_t = 8.0)]
    seconds: f64,
    /// Time before that, not measured
    #[arg(long, default_value_t = 1.0)]
    warm: f64,
    /// Lines of TEXTS to pass over: what an earlier run has sent
    #[arg(long, default_value_t = 0)]
    skip: usize,
    /// Decides when calls arrive
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    ensure!(arguments.callers > 0, "--callers is 0: expected at least 1");
    let requests = requests(&arguments)?;
    let plan = Plan::new(&arguments, requests);
    let cpu = cpu_seconds()?;
    let calls = std::thread::scope(|scope| {
        let callers: Vec<_> = (0..arguments.callers)
            .map(|_| scope.spawn(|| plan.call(arguments.address)))
            .collect();
        let calls = callers.into_iter().map(|caller| match caller.join() {
            Ok(calls) => calls,
            Err(_) => bail!("a caller panicked"),
        });
        calls.collect::<Result<Vec<_>>>()
    })?;
    let cpu = cpu_seconds()? - cpu;
    let calls: Vec<Call> = calls.into_iter().flatten().collect();
    println!("{}", report(&arguments, &plan, calls, cpu)?);
    Ok(())
}

/// Complete requests, ready to be written.
fn requests(arguments: &Arguments) -> Result<Vec<Vec<u8>>> {
    let texts = std::fs::read_to_string(&arguments.texts)
        .with_context(|| format!("can't read {}", arguments.texts.display()))?;
    let compose = |text: &str| {
        let body = serde_json::json!({
            "model": arguments.model, "input": text, "encoding_format": arguments.encoding,
        })
        .to_string();
        format!(
            "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\r\n{body}",
            arguments.path,
            arguments.address,
            body.len()
        )
        .into_bytes()
    };
    let found: Vec<_> = texts.lines().skip(arguments.skip).map(compose).collect();
    ensure!(
        !found.is_empty(),
        "{} has no more than {} lines",
        arguments.texts.display(),
        arguments.skip
    );
    Ok(found)
}

/// What all callers share: what to send, and when.
struct Plan {
    requests: Vec<Vec<u8>>,
    start: Instant,
    warm: Duration,
    end: Duration,
    /// When each call is due, counted from the start; empty where callers go on as soon as they can.
    due: Vec<Duration>,
    next: AtomicUsize,
}

/// One call that was answered.
struct Call {
    due: Duration,
    sent: Duration,
    answered: Duration,
}

impl Plan {
    fn new(arguments: &Arguments, requests: Vec<Vec<u8>>) -> Self {
        let warm = Duration::from_secs_f64(arguments.warm);
        let end = warm + Duration::from_secs_f64(arguments.seconds);
        let due = arguments
            .rate
            .map(|rate| arrivals(rate, end, arguments.seed))
            .unwrap_or_default();
        Self {
            requests,
            start: Instant::now(),
            warm,
            end,
            due,
            next: AtomicUsize::new(0),
        }
    }

    /// One caller, until the end.
    fn call(&self, address: SocketAddr) -> Result<Vec<Call>> {
        let mut connection = Connection::open(address)?;
        let mut calls = Vec::new();
        loop {
            let number = self.next.fetch_add(1, Ordering::Relaxed);
            let due = match self.due.get(number) {
                Some(&due) => {
                    wait_until(self.start + due);
                    due
                }
                None if self.due.is_empty() => self.start.elapsed(),
                None => return Ok(calls),
            };
            if due >= self.end {
                return Ok(calls);
            }
            let sent = self.start.elapsed();
            connection.ask(&self.requests[number % self.requests.len()])?;
            calls.push(Call {
                due,
                sent,
                answered: self.start.elapsed(),
            });
        }
    }
}

/// A Poisson process: independent exponential gaps.
fn arrivals(rate: f64, end: Duration, seed: u64) -> Vec<Duration> {
    let mut state = seed;
    let mut at = 0.0;
    let next = || {
        // SplitMix64 (Steele, Lea, Flood 2014); the upper 53 bits as a number above 0 and up to 1.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = state;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bits ^= bits >> 31;
        let uniform = ((bits >> 11) + 1) as f64 / (1_u64 << 53) as f64;
        at -= uniform.ln() / rate;
        Some(Duration::from_secs_f64(at))
    };
    std::iter::from_fn(next).take_while(|due| *due < end).collect()
}

#[allow(
    clippy::disallowed_methods,
    reason = "a call is due at a time of day, not after an event"
)]
fn wait_until(due: Instant) {
    std::thread::sleep(due.saturating_duration_since(Instant::now()));
}

/// A connection that is kept.
struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    checked: bool,
}

impl Connection {
    fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).with_context(|| format!("no connection to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Self {
            stream,
            buffer: vec![0; 1 << 16],
            checked: false,
        })
    }

    /// Sends a request and takes in the whole answer; any status but 200 is an error with the answer's text.
    fn ask(&mut self, request: &[u8]) -> Result<()> {
        self.stream.write_all(request)?;
        let mut filled = 0;
        let (head, length) = loop {
            filled += self.read(filled)?;
            if let Some(head) = find(&self.buffer[..filled], b"\r\n\r\n") {
                break (head + 4, content_length(&self.buffer[..head])?);
            }
        };
        if self.buffer.len() < head + length {
            self.buffer.resize(head + length, 0);
        }
        while filled < head + length {
            filled += self.read(filled)?;
        }
        let answer = &self.buffer[..head + length];
        if !answer.starts_with(b"HTTP/1.1 200 ") {
            bail!("the server answered: {}", String::from_utf8_lossy(answer));
        }
        if !self.checked {
            serde_json::from_slice::<serde_json::Value>(&answer[head..]).context("the answer is not JSON")?;
            self.checked = true;
        }
        Ok(())
    }

    fn read(&mut self, filled: usize) -> Result<usize> {
        let read = self
            .stream
            .read(&mut self.buffer[filled..])
            .context("no whole answer came")?;
        ensure!(read > 0, "the server closed the connection");
        Ok(read)
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

fn content_length(head: &[u8]) -> Result<usize> {
    let head = std::str::from_utf8(head)?;
    let value = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim())
    });
    Ok(value.context("an answer without content-length")?.parse()?)
}

/// Speed: answers that came after the warm-up and before the end. Latencies: of calls that were due in that time.
fn report(arguments: &Arguments, plan: &Plan, calls: Vec<Call>, cpu: f64) -> Result<String> {
    let last = calls
        .iter()
        .map(|call| call.answered)
        .max()
        .context("no call was answered")?;
    let sent = calls.len();
    let within = |call: &&Call| plan.warm < call.answered && call.answered <= plan.end;
    let finished = calls.iter().filter(within).count();
    let counted: Vec<Call> = calls.into_iter().filter(|call| call.due >= plan.warm).collect();
    ensure!(
        !counted.is_empty(),
        "no call within --seconds {}",
        arguments.seconds
    );
    let micros = |duration: Duration| duration.as_secs_f64() * 1e6;
    let latencies = sorted(counted.iter().map(|call| micros(call.answered - call.due)));
    let late = sorted(
        counted
            .iter()
            .map(|call| micros(call.sent.saturating_sub(call.due))),
    );
    let elapsed = last.as_secs_f64();
    let line = serde_json::json!({
        "callers": arguments.callers,
        "rate": arguments.rate,
        "encoding": arguments.encoding,
        "calls": counted.len(),
        "sent": sent,
        "distinct": sent.min(plan.requests.len()),
        "texts_per_s": finished as f64 / arguments.seconds,
        "mean_us": latencies.iter().sum::<f64>() / latencies.len() as f64,
        "p50_us": at(&latencies, 0.5),
        "p99_us": at(&latencies, 0.99),
        "max_us": at(&latencies, 1.0),
        "late_p50_us": at(&late, 0.5),
        "late_p99_us": at(&late, 0.99),
        "client_cpu_s": cpu,
        "elapsed_s": elapsed,
        "client_cores": cpu / elapsed,
    });
    Ok(line.to_string())
}

fn sorted(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_unstable_by(f64::total_cmp);
    values
}

/// The value that a share of them do not exceed.
fn at(sorted: &[f64], share: f64) -> f64 {
    sorted[((sorted.len() - 1) as f64 * share).round() as usize]
}

/// Processor time of this process so far; the kernel counts it in hundredths of a second.
fn cpu_seconds() -> Result<f64> {
    let stat = std::fs::read_to_string("/proc/self/stat")?;
    let rest = stat.rsplit(')').next().unwrap_or_default();
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let ticks = fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
    Ok(ticks as f64 / 100.0)
}

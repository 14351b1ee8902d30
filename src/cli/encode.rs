//! `alike encode`.

use super::progress::{Progress, grouped, say};
use crate::encode::{self, Order, Source, Watcher, Written};
use crate::http::StopSignal;
use alike_embeddings::Prefix;
use anyhow::Context;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Turn a file of texts into a NumPy array of vectors.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    alike encode titles.txt --out vectors.npy                       # one text per line\n  \
    alike encode products.jsonl.gz --field title --out vectors.npy\n  \
    alike encode products.parquet --field title,brand --out vectors.npy --json\n  \
    cut -f2 items.tsv | alike encode - --out vectors.npy\n  \
    python3 -c 'import numpy; print(numpy.load(\"vectors.npy\").shape)'\n\n\
    Row i of the array (float32) is row i of the file. An interrupted run leaves vectors.npy.partial and goes on there\n\
    when the same command is given again; vectors.npy appears when it is whole.")]
pub struct Args {
    /// Texts: .jsonl, .json, .csv, .tsv or .parquet by the ending, else plain text with one text per line, `-` being
    /// standard input; each also .gz or .zst
    #[arg(value_name = "FILE")]
    input: PathBuf,
    /// The array to write
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Fields to encode, joined as `alike build --embed` joins them; needed unless the file is plain text or has one column
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    field: Vec<String>,
    /// Encode an empty text where all of the fields are null or missing, instead of stopping
    #[arg(long)]
    null_as_empty: bool,
    /// What the model puts before the texts
    #[arg(long, value_enum, default_value_t = PrefixName::Document)]
    prefix: PrefixName,
    /// Most tokens of a batch [default: the encoder's]
    #[arg(long, value_name = "N")]
    batch_tokens: Option<usize>,
    /// Begin anew, whatever an interrupted run has left
    #[arg(long)]
    restart: bool,
    /// Say nothing but errors
    #[arg(long, short)]
    quiet: bool,
    /// Print a summary as one JSON object on the last line
    #[arg(long)]
    json: bool,
    /// Settings file [default: alike.toml, if there is one]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Model bundle's folder [default: .alike/models/… in this folder, above it, or above the executable]
    #[arg(long, value_name = "DIR")]
    model: Option<PathBuf>,
    /// ONNX Runtime's shared library [default: .alike/lib/…, looked for in the same way]
    #[arg(long, value_name = "FILE")]
    library: Option<PathBuf>,
}

/// Values of `--prefix`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum PrefixName {
    /// What the model wants before queries
    Query,
    /// What the model wants before documents
    Document,
    /// Nothing
    None,
}

impl From<PrefixName> for Prefix {
    fn from(name: PrefixName) -> Self {
        match name {
            PrefixName::Query => Self::Query,
            PrefixName::Document => Self::Document,
            PrefixName::None => Self::None,
        }
    }
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let config = crate::config::Config::load(args.config.as_deref())?;
    let order = Order {
        input: if args.input == Path::new("-") {
            Source::Stdin
        } else {
            Source::File(args.input.clone())
        },
        fields: args.field.clone(),
        null_as_empty: args.null_as_empty,
        out: args.out.clone(),
        prefix: args.prefix.into(),
        models: config.model_place(args.model.clone(), args.library.clone()),
        batch_tokens: args.batch_tokens,
        restart: args.restart,
    };
    let terminal = Terminal {
        quiet: args.quiet,
        progress: Progress::new("encoding", "texts"),
        stop: stop_on_signals(args.quiet)?,
    };
    let written = encode::encode(&order, &terminal)?;
    terminal.progress.finish();
    report(args, &written)
}

/// From here on, SIGINT and SIGTERM set this flag instead of ending the process.
fn stop_on_signals(quiet: bool) -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot listen for signals")?;
    let signal = {
        let _inside = runtime.enter();
        StopSignal::new().context("cannot listen for signals")?
    };
    let flag = Arc::clone(&stop);
    std::thread::spawn(move || runtime.block_on(wait_for_signals(signal, &flag, quiet)));
    Ok(stop)
}

async fn wait_for_signals(mut signal: StopSignal, stop: &AtomicBool, quiet: bool) {
    signal.received().await;
    stop.store(true, Ordering::Relaxed);
    if !quiet {
        say("stopping after the texts under way; once more stops at once");
    }
    signal.received().await;
    #[allow(
        clippy::disallowed_methods,
        reason = "what is on disk is true at any moment, and reading a terminal or pipe can't be called off"
    )]
    std::process::exit(130);
}

/// Shows the work on standard error.
struct Terminal {
    quiet: bool,
    progress: Progress,
    stop: Arc<AtomicBool>,
}

impl Terminal {
    fn say(&self, line: &str) {
        if !self.quiet {
            say(line);
        }
    }
}

impl Watcher for Terminal {
    fn model(&self, name: &str) {
        self.say(&format!("model {name}"));
    }

    fn starts_over(&self, reason: &str) {
        self.say(&format!("starting over: {reason}"));
    }

    fn continues(&self, rows: u64) {
        self.say(&format!(
            "going on after {} rows of an interrupted run",
            grouped(rows)
        ));
    }

    fn encoded(&self, rows: u64, share: f64) {
        if !self.quiet {
            self.progress.update(rows, share);
        }
    }

    fn kept(&self, rows: u64, partial: &Path) {
        self.progress.finish();
        self.say(&format!(
            "{} rows are kept in {}: the same command goes on there",
            grouped(rows),
            partial.display()
        ));
    }

    fn stops(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }
}

fn report(args: &Args, written: &Written) -> anyhow::Result<()> {
    let counts = &written.counts;
    if !args.quiet {
        say(&format!(
            "wrote {}: {} × {} float32 ({:.1} MB), {} empty texts, {} cut at the model's limit",
            args.out.display(),
            grouped(counts.rows),
            written.dimension,
            written.bytes as f64 / 1e6,
            grouped(counts.empty),
            grouped(counts.truncated),
        ));
    }
    if !args.json {
        return Ok(());
    }
    let summary = serde_json::json!({
        "out": args.out, "rows": counts.rows, "dimension": written.dimension, "dtype": "float32",
        "bytes": written.bytes, "empty": counts.empty, "truncated": counts.truncated, "tokens": counts.tokens,
        "model": written.model, "variant": written.variant, "continued_at": written.continued_at,
        "encode_s": written.seconds,
    });
    super::print_line(&summary.to_string())
}

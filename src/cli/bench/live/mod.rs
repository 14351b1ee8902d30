//! `alike bench live`: durable writes, how soon they are found, and searches while they, rebuilds and swaps go on.

mod client;
mod items;
mod pace;
mod reading;
mod report;
mod restart;
mod server;
mod store;
mod writing;

use items::Items;
use reading::{Searches, Window};
use serde::Serialize;
use server::Server;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use store::Base;

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Measure a collection that changes: a server of this binary is started as a process of its own and \
                  called over HTTP. The collection is built once in the data directory and kept for the next run; \
                  what is written goes to copies of it.",
    after_long_help = "Searches are open loop: each is due at its moment, whether or not the ones before have been \
                  answered, and its latency counts from then. Their rate has to be one that the machine carries \
                  beside the load generator (see the column `cores`). Request bodies are made before the clock \
                  starts. Without --input, vectors lie around 500 random centers.\n\n\
                  Examples:\n  alike bench live --data /tmp/bench --items 20000 --seconds 10\n  \
                  alike bench live --data /tmp/bench --input base.npy --only batches,singles --json"
)]
pub(super) struct Args {
    /// Directory for the collections; a folder of its own.
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Items of the snapshot.
    #[arg(long, default_value = "150000")]
    items: NonZeroUsize,
    /// Numbers of a made-up vector.
    #[arg(long, default_value = "384", conflicts_with = "input")]
    dimension: NonZeroUsize,
    /// Vectors to use: .npy or .fvecs.
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// Length of each measurement.
    #[arg(long, default_value = "30", value_parser = positive)]
    seconds: f64,
    /// Searches a second.
    #[arg(long, default_value = "100", value_parser = positive)]
    searches_per_s: f64,
    /// Items a second of the write stream beside searches.
    #[arg(long, default_value = "1000", value_parser = positive)]
    writes_per_s: f64,
    /// Live items beside searches.
    #[arg(long, default_value = "20000")]
    live_items: usize,
    /// Callers that upsert batches.
    #[arg(long, default_value = "2")]
    batch_callers: NonZeroUsize,
    /// Log records that a restart replays.
    #[arg(long, default_value = "100000")]
    log_records: usize,
    /// Swaps under load.
    #[arg(long, default_value = "24")]
    swaps: usize,
    /// What to measure, separated by commas; everything when not given.
    #[arg(long, value_delimiter = ',', default_values_t = Part::ALL)]
    only: Vec<Part>,
    /// Decides the made-up vectors.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Print one JSON object instead of tables.
    #[arg(long)]
    json: bool,
}

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Durable upserts in batches.
    Batches,
    /// Durable upserts one by one.
    Singles,
    /// From acknowledged to found.
    Visible,
    /// Searches of the bare snapshot, with live items and writes, during rebuilds and during swaps.
    Searches,
    /// From start to the first correct answer.
    Restart,
}

impl Part {
    const ALL: [Self; 5] = [
        Self::Batches,
        Self::Singles,
        Self::Visible,
        Self::Searches,
        Self::Restart,
    ];
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = match self {
            Self::Batches => "batches",
            Self::Singles => "singles",
            Self::Visible => "visible",
            Self::Searches => "searches",
            Self::Restart => "restart",
        };
        f.write_str(name)
    }
}

fn positive(text: &str) -> Result<f64, String> {
    let number = text
        .parse()
        .ok()
        .filter(|number: &f64| *number > 0.0 && number.is_finite());
    number.ok_or_else(|| "expected a number above 0".to_owned())
}

/// Everything that was measured.
#[derive(Debug, Serialize)]
struct Report {
    items: usize,
    dimension: usize,
    /// `file` or `clusters`.
    vectors: &'static str,
    cores: usize,
    fsyncs_per_s: f64,
    batches: Option<writing::Written>,
    singles: Option<writing::Written>,
    visible: Option<pace::Quantiles>,
    searches: Vec<Window>,
    restart: Option<restart::Restart>,
}

/// Settings of the measured servers: nothing is built unless asked for.
fn variables() -> Vec<(&'static str, String)> {
    let off = |name| (name, "0".to_owned());
    vec![
        off("ALIKE__SNAPSHOTS__REBUILD_NEW"),
        off("ALIKE__SNAPSHOTS__REBUILD_DELETED"),
    ]
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let items = Items::new(args)?;
    std::fs::create_dir_all(&args.data)
        .map_err(|error| anyhow::anyhow!("{}: cannot create this folder: {error}", args.data.display()))?;
    let base = Base::prepare(&args.data, args, &items)?;
    let wanted = |part| args.only.contains(&part);
    let fresh = |name: &str| base.copy(name);
    let mut report = Report {
        items: args.items.get(),
        dimension: items.dimension(),
        vectors: items.origin(),
        cores: std::thread::available_parallelism().map_or(1, NonZeroUsize::get),
        fsyncs_per_s: writing::fsync_rate(&args.data, 3.0)?,
        batches: None,
        singles: None,
        visible: None,
        searches: Vec::new(),
        restart: None,
    };
    if wanted(Part::Searches) {
        report.searches = searches(&fresh("searches")?, args, &items)?;
    }
    if wanted(Part::Visible) {
        let server = Server::start(&fresh("visible")?, &variables())?;
        report.visible = Some(reading::visible(&server, &items, args.items.get() * 4)?);
    }
    if wanted(Part::Batches) {
        let server = Server::start(&fresh("batches")?, &variables())?;
        report.batches = Some(writing::batches(&server, args, &items)?);
    }
    if wanted(Part::Singles) {
        let server = Server::start(&fresh("singles")?, &variables())?;
        report.singles = Some(writing::singles(&server, args, &items)?);
    }
    if wanted(Part::Restart) {
        report.restart = Some(restart::measure(&fresh("restart")?, args, &items, &variables())?);
    }
    base.clean()?;
    match args.json {
        true => report::print_json(&report),
        false => report::print_table(&report),
    }
}

/// The bare snapshot, then live items and writes, then rebuilds, then swaps.
fn searches(data: &Path, args: &Args, items: &Items) -> anyhow::Result<Vec<Window>> {
    let server = Server::start(data, &variables())?;
    let mut searches = Searches::new(args, items);
    let mut windows = Vec::new();
    windows.push(searches.measure("bare", &server, &|| reading::nothing(args.seconds))?);
    let first = args.items.get();
    let live = (first, args.live_items);
    writing::upsert_all(&mut server.client(), items, live, first)?;
    windows.push(searches.measure("live", &server, &|| reading::nothing(args.seconds))?);
    let stream = reading::write_stream(&server, args, items, first);
    windows.push(searches.measure("live+writes", &server, &stream)?);
    let rebuilds = || reading::rebuilds(&server, items, args.seconds);
    windows.push(searches.measure("rebuilds", &server, &rebuilds)?);
    let one = reading::build(&server, items, 0)?;
    let other = reading::build(&server, items, 1)?;
    let swaps = || reading::swaps(&server, (&one, &other), args.swaps, args.seconds);
    windows.push(searches.measure("swaps", &server, &swaps)?);
    Ok(windows)
}

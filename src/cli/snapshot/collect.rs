//! `alike snapshot gc`.

use super::{Of, Terminal, megabytes};
use crate::experiments::Experiments;
use crate::rebuild::{self, Collected, Keep};
use crate::telemetry::Metrics;
use anyhow::Context;
use std::sync::Arc;

/// Remove snapshots and parts of the log that nothing needs
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  alike snapshot gc --data store --collection products --keep 1\n\n\
    Kept are the snapshot that is served, the newest of those served before it, as many that were built aside since, those\n\
    that variants of experiments pin, and everything in the log after the oldest of them. A server that runs holds its log; the log is then left as it is."
)]
pub(super) struct Args {
    /// Earlier snapshots to keep [default: `[snapshots] keep`, 3]
    #[arg(long, value_name = "N")]
    keep: Option<usize>,
    #[command(flatten)]
    of: Of,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let config = args.of.config()?;
    let collection = args.of.collection(&config)?;
    collection.current()?;
    let metrics = Arc::new(Metrics::new().context("cannot register metrics")?);
    let experiments = Experiments::open(&args.of.common.data_dir(&config)?, true, metrics)?;
    let keep = Keep {
        earlier: args.keep.unwrap_or(config.snapshots.keep),
        pinned: experiments.snapshots_in_use(collection.name()),
    };
    let truncate = |through| rebuild::truncate_offline(&collection, through);
    let terminal = Terminal::default();
    let collected = rebuild::collect(&collection, &keep, &truncate, &terminal)?;
    rebuild::truncate_events_offline(&collection, collected.events_through)?;
    terminal.finish();
    args.of.report(&line(&collected), &collected)
}

fn line(collected: &Collected) -> String {
    let log = match &collected.log_left {
        Some(reason) => format!("the log is left as it is: {reason}"),
        None => format!("the log is needed after position {}", collected.log_through),
    };
    format!(
        "removed {} snapshots ({}), kept {}; {log}",
        collected.removed.len(),
        megabytes(collected.bytes),
        collected.kept.len(),
    )
}

//! `alike snapshot build`.

use super::{Of, Terminal, figure, megabytes};
use crate::cli::progress::grouped;
use crate::rebuild::{self, Order, Rebuilt, Verified};

/// Build a snapshot out of the one that is served and the log
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  alike snapshot build --data store --collection products\n  \
    alike snapshot build --data store --collection products --no-publish --json\n\n\
    Nothing is encoded that was encoded before. The snapshot is checked (every byte, all items, recall against exact\n\
    search, golden queries) and published where it answers no worse than what is served. Interrupting is safe at any\n\
    moment."
)]
pub(super) struct Args {
    /// Build though nothing has changed, and publish though it answers worse
    #[arg(long)]
    force: bool,
    /// Leave it in its place without publishing it; `alike snapshot promote` does
    #[arg(long)]
    no_publish: bool,
    /// Threads to build with [default: half of the cores]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
    #[command(flatten)]
    of: Of,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let config = args.of.config()?;
    let collection = args.of.collection(&config)?;
    let (engine, view) = args.of.open(&config)?;
    let mut settings = config.snapshots;
    settings.build_threads = args.threads.map(usize::from).or(settings.build_threads);
    let order = Order {
        force: args.force,
        publish: !args.no_publish,
        settings,
    };
    let terminal = Terminal::default();
    let rebuilt = rebuild::rebuild(&engine, &collection, &view, &order, &terminal)?;
    terminal.finish();
    args.of.report(&line(&rebuilt), &rebuilt)
}

fn line(rebuilt: &Rebuilt) -> String {
    if rebuilt.unchanged {
        return format!(
            "nothing has changed since snapshot {}; nothing was built (--force builds)",
            rebuilt.snapshot
        );
    }
    let recall = |of: &Option<Verified>| figure(of.as_ref().and_then(|of| of.recall_at_10));
    format!(
        "{} snapshot {}: {} items up to position {}, {}, recall@10 {} (before: {}), in {:.1} s",
        if rebuilt.published { "published" } else { "built" },
        rebuilt.snapshot,
        grouped(rebuilt.items),
        rebuilt.position,
        megabytes(rebuilt.bytes),
        recall(&rebuilt.verified),
        recall(&rebuilt.before),
        rebuilt.seconds,
    )
}

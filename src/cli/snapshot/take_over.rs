//! `alike snapshot promote` and `alike snapshot rollback`.

use super::{Of, Terminal};
use crate::rebuild;

/// Serve a snapshot that is there
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  alike snapshot promote 20261120T103000Z-2bf4ef790ce7c46f --data store --collection products\n\n\
    What was written after the snapshot is applied on top of it. It has to have the model, schema, metric and dimension of\n\
    what is served, and to answer no worse."
)]
pub(super) struct PromoteArgs {
    /// Its id, as `alike snapshot list` prints it
    #[arg(value_name = "ID")]
    id: String,
    /// Even if it answers worse
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    of: Of,
}

pub(super) fn promote(args: &PromoteArgs) -> anyhow::Result<()> {
    let config = args.of.config()?;
    let collection = args.of.collection(&config)?;
    let (engine, view) = args.of.open(&config)?;
    let terminal = Terminal::default();
    let settings = (&config.snapshots, args.force);
    let taken = rebuild::promote(&engine, &collection, &view, &args.id, settings, &terminal)?;
    terminal.finish();
    let line = match taken.snapshot == taken.from {
        true => format!("snapshot {} is what is served already", taken.snapshot),
        false => format!("snapshot {} takes over from {}", taken.snapshot, taken.from),
    };
    args.of.report(&line, &taken)
}

/// Serve the snapshot that was served before
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  alike snapshot rollback --data store --collection products\n\n\
    Items stay what they are: what was written since is applied on top of the earlier snapshot."
)]
pub(super) struct RollbackArgs {
    #[command(flatten)]
    of: Of,
}

pub(super) fn rollback(args: &RollbackArgs) -> anyhow::Result<()> {
    let collection = args.of.collection(&args.of.config()?)?;
    let taken = rebuild::rollback(&collection)?;
    let line = format!("went back from snapshot {} to {}", taken.from, taken.snapshot);
    args.of.report(&line, &taken)
}

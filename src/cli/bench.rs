//! `alike bench`: measuring speed.

mod ann;
mod contender;
mod filters;
mod fvecs;
mod input;
mod limit;
mod live;
mod npy;
mod plot;
mod random;
mod report;
mod sweep;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Build each kind of index over the base vectors and sweep its settings over the queries.
    Ann(ann::Args),
    /// Measure a collection that changes: durable writes, searches beside them, rebuilds, swaps, restarts.
    Live(live::Args),
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    match &args.what {
        What::Ann(args) => ann::run(args),
        What::Live(args) => live::run(args),
    }
}

//! `alike snapshot list` and `alike snapshot verify`.

use super::{Of, Terminal, figure, megabytes};
use crate::cli::print_line;
use crate::cli::progress::grouped;
use crate::rebuild::{self, Listed, in_background};

/// List the snapshots of a collection, newest first
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  alike snapshot list --data store --collection products --json\n\n\
    `served` is what is published, `previous` what a rollback may go back to, `aside` what was built and not published, or\n\
    rolled back from."
)]
pub(super) struct ListArgs {
    #[command(flatten)]
    of: Of,
}

pub(super) fn list(args: &ListArgs) -> anyhow::Result<()> {
    let collection = args.of.collection(&args.of.config()?)?;
    let listed = rebuild::list(&collection)?;
    if args.of.json {
        return print_line(&serde_json::to_string(&listed)?);
    }
    listed.iter().try_for_each(|snapshot| print_line(&line(snapshot)))
}

fn line(snapshot: &Listed) -> String {
    if let Some(problem) = &snapshot.problem {
        return format!("{}  {:<8}  {problem}", snapshot.id, snapshot.state);
    }
    format!(
        "{}  {:<8}  {}  {} items  position {}  {}  recall@10 {}",
        snapshot.id,
        snapshot.state,
        snapshot.created,
        grouped(snapshot.items),
        grouped(snapshot.position),
        megabytes(snapshot.bytes),
        figure(snapshot.recall_at_10.map(f64::from)),
    )
}

/// Check every byte of a snapshot, and how well it answers
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  alike snapshot verify --data store --collection products\n  \
    alike snapshot verify 20261120T103000Z-2bf4ef790ce7c46f --data store --collection products --json"
)]
pub(super) struct VerifyArgs {
    /// Its id [default: the one that is served]
    #[arg(value_name = "ID")]
    id: Option<String>,
    #[command(flatten)]
    of: Of,
}

pub(super) fn verify(args: &VerifyArgs) -> anyhow::Result<()> {
    let config = args.of.config()?;
    let collection = args.of.collection(&config)?;
    let id = match &args.id {
        Some(id) => id.clone(),
        None => collection.current()?,
    };
    let (engine, view) = args.of.open(&config)?;
    let terminal = Terminal::default();
    let verified = in_background(config.snapshots.threads(), || {
        rebuild::verify(&engine, &collection, &view, &id, &terminal)
    })??;
    terminal.finish();
    let line = format!(
        "snapshot {id} is whole: {} items, every one can be found, recall@10 {}, golden score {} of {} queries",
        grouped(verified.items),
        figure(verified.recall_at_10),
        figure(verified.golden),
        verified.golden_queries,
    );
    let result = serde_json::json!({"snapshot": id, "verified": verified});
    args.of.report(&line, &result)
}

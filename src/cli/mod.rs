//! The command line: one file per command.

pub mod bench;
pub mod build;
pub mod eval;
pub mod schema;
pub mod serve;

use clap::{Parser, Subcommand};

/// Semantic search and recommendations from one service.
#[derive(Debug, Parser)]
#[command(name = "alike", version, about, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Turn a catalog file into a published snapshot.
    Build(build::Args),
    /// Answer search and recommendation calls over HTTP.
    Serve(serve::Args),
    /// Measure answer quality against judged queries.
    Eval(eval::Args),
    /// Measure speed.
    Bench(bench::Args),
    /// Infer a schema from a catalog file, as a starting point.
    Schema(schema::Args),
}

/// Runs the command line; `main` prints the error and sets the exit code.
///
/// # Errors
/// Whatever the command reports.
pub fn run() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Build(args) => build::run(args),
        Command::Serve(args) => serve::run(args),
        Command::Eval(args) => eval::run(args),
        Command::Bench(args) => bench::run(args),
        Command::Schema(args) => schema::run(args),
    }
}

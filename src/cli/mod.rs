//! The command line: one file per command.

pub mod bench;
pub mod build;
pub mod encode;
pub mod eval;
pub mod model;
mod progress;
pub mod schema;
pub mod serve;
pub mod snapshot;

use crate::config::Config;
use crate::engine::ModelPlace;
use anyhow::Context;
use clap::{Parser, Subcommand};
use std::path::PathBuf;

/// Semantic search and recommendations from one service.
#[derive(Debug, Parser)]
#[command(name = "alike", version, about, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Turn a catalog file into a published snapshot
    Build(build::Args),
    /// Turn a file of texts into a NumPy array of vectors
    Encode(encode::Args),
    /// Answer search and recommendation calls over HTTP
    Serve(serve::Args),
    /// Measure answer quality against judged queries
    Eval(eval::Args),
    /// Measure speed
    Bench(bench::Args),
    /// Download, check and optimize models
    Model(model::Args),
    /// List, check, build, promote, collect, export and import snapshots
    Snapshot(snapshot::Args),
    /// Infer a schema from a catalog file, as a starting point
    Schema(schema::Args),
}

/// Flags that mean the same for every command.
#[derive(Debug, clap::Args)]
pub struct Common {
    /// Data directory
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
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

impl Common {
    fn config(&self) -> anyhow::Result<Config> {
        Ok(Config::load(self.config.as_deref())?)
    }

    fn data_dir(&self, config: &Config) -> anyhow::Result<PathBuf> {
        let data = self.data.clone().or_else(|| config.data.clone());
        data.context("no data directory: give --data DIR, or `data = \"DIR\"` in alike.toml")
    }

    fn model_place(&self, config: &Config) -> ModelPlace {
        config.model_place(self.model.clone(), self.library.clone())
    }
}

/// Writes a result line to standard output.
fn print_line(line: &str) -> anyhow::Result<()> {
    use std::io::Write;
    writeln!(std::io::stdout(), "{line}")
        .map_err(|error| anyhow::anyhow!("cannot write to standard output: {error}"))
}

/// Runs the command line; `main` prints the error and sets the exit code.
///
/// # Errors
/// Whatever the command reports.
pub fn run() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Build(args) => build::run(&args),
        Command::Encode(args) => encode::run(&args),
        Command::Serve(args) => serve::run(&args),
        Command::Eval(args) => eval::run(&args),
        Command::Bench(args) => bench::run(&args),
        Command::Model(args) => model::run(&args),
        Command::Snapshot(args) => snapshot::run(&args),
        Command::Schema(args) => schema::run(&args),
    }
}

//! `alike snapshot`.

mod backup;
mod build;
mod collect;
mod inspect;
mod take_over;

use super::progress::{Progress, say};
use crate::config::Config;
use crate::engine::{Engine, Settings, View, WriteSettings};
use crate::rebuild::Watcher;
use crate::snapshot::{Collection, Store, Verify};
use crate::telemetry::Metrics;
use anyhow::Context;
use clap::Subcommand;
use serde::Serialize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// List, check, build, promote, collect, export and import snapshots
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  \
    alike snapshot list --data store --collection products\n  \
    alike snapshot build --data store --collection products\n  \
    alike snapshot rollback --data store --collection products\n\n\
    All of it works with and without a server on the same data; one that runs serves a snapshot that takes over within\n\
    half a second.")]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the snapshots of a collection, newest first
    List(inspect::ListArgs),
    /// Check every byte of a snapshot, and how well it answers
    Verify(inspect::VerifyArgs),
    /// Build a snapshot out of the one that is served and the log
    Build(build::Args),
    /// Serve a snapshot that is there
    Promote(take_over::PromoteArgs),
    /// Serve the snapshot that was served before
    Rollback(take_over::RollbackArgs),
    /// Remove snapshots and parts of the log that nothing needs
    Gc(collect::Args),
    /// Write a collection into one file
    Export(backup::ExportArgs),
    /// Make a collection of such a file
    Import(backup::ImportArgs),
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    match &args.command {
        Command::List(args) => inspect::list(args),
        Command::Verify(args) => inspect::verify(args),
        Command::Build(args) => build::run(args),
        Command::Promote(args) => take_over::promote(args),
        Command::Rollback(args) => take_over::rollback(args),
        Command::Gc(args) => collect::run(args),
        Command::Export(args) => backup::export(args),
        Command::Import(args) => backup::import(args),
    }
}

/// Flags of every command here.
#[derive(Debug, clap::Args)]
struct Of {
    /// Name of the collection
    #[arg(long, value_name = "C")]
    collection: String,
    /// Print the result as one JSON object on the last line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    common: super::Common,
}

impl Of {
    fn config(&self) -> anyhow::Result<Config> {
        self.common.config()
    }

    /// The collection; it need not be there.
    fn collection(&self, config: &Config) -> anyhow::Result<Collection> {
        let data = self.common.data_dir(config)?;
        Ok(Store::open(&data)?.collection(&self.collection)?)
    }

    /// What is served of the collection, log included, without touching what a server holds.
    fn open(&self, config: &Config) -> anyhow::Result<(Engine, Arc<View>)> {
        // The error of a collection that isn't there says how to make it.
        self.collection(config)?.current()?;
        let settings = Settings {
            data: self.common.data_dir(config)?,
            models: self.common.model_place(config),
            encoder: config.model.encoder(),
            query_cache_bytes: 0,
            verify: Verify::Quick,
            record_events: false,
            trending_ttl: Duration::ZERO,
            writes: WriteSettings::read_only(),
        };
        let metrics = Arc::new(Metrics::new().context("cannot register metrics")?);
        let engine = Engine::open_read_only(settings, metrics)?;
        let view = engine.view(&self.collection)?;
        Ok((engine, view))
    }

    /// Says what came out, and prints it for machines.
    fn report(&self, line: &str, result: &impl Serialize) -> anyhow::Result<()> {
        say(line);
        if self.json {
            super::print_line(&serde_json::to_string(result)?)?;
        }
        Ok(())
    }
}

/// Shows the phases of a build on standard error.
#[derive(Default)]
struct Terminal(Mutex<Option<(&'static str, Progress)>>);

impl Watcher for Terminal {
    fn at(&self, phase: &'static str, share: f64) {
        let mut shown = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if shown.as_ref().is_none_or(|(known, _)| *known != phase) {
            if let Some((_, before)) = shown.take() {
                before.update(100, 1.0);
                before.finish();
            }
            *shown = Some((phase, Progress::new(phase, "%")));
        }
        if let Some((_, progress)) = shown.as_ref() {
            progress.update((share * 100.0) as u64, share);
        }
    }

    fn canceled(&self) -> bool {
        false
    }
}

impl Terminal {
    fn finish(&self) {
        let shown = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some((_, last)) = shown {
            last.update(100, 1.0);
            last.finish();
        }
    }
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

fn figure(of: Option<f64>) -> String {
    of.map_or_else(|| "not measured".to_owned(), |of| format!("{of:.4}"))
}

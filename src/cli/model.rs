//! `alike model`: the models on this machine.

mod check;
mod list;
mod optimize;
mod pull;

use crate::config::Config;
use clap::Subcommand;
use std::path::PathBuf;

/// Arguments.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Open a model in every way it can run, and compare its answers with the golden ones
    Check(check::Args),
    /// List the installed models
    List(list::Args),
    /// Make the variant of a model that runs fastest on this kind of processor
    Optimize(optimize::Args),
    /// Download a model and make a bundle of it
    Pull(pull::Args),
}

/// The one thing that every model needs beside its folder.
#[derive(Debug, clap::Args)]
struct Library {
    /// ONNX Runtime's shared library [default: .alike/lib/… in this folder, above it, or above the executable]
    #[arg(long, value_name = "FILE")]
    library: Option<PathBuf>,
}

impl Library {
    fn load(&self) -> anyhow::Result<()> {
        let config = Config::load(None)?;
        Ok(config.model_place(None, self.library.clone()).load_library()?)
    }
}

pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    match &args.command {
        Command::Check(args) => check::run(args),
        Command::List(args) => list::run(args),
        Command::Optimize(args) => optimize::run(args),
        Command::Pull(args) => pull::run(args),
    }
}

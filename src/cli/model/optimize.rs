//! `alike model optimize`.

use super::Library;
use std::path::{Path, PathBuf};

/// Arguments.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The model's folder
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    #[command(flatten)]
    library: Library,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    args.library.load()?;
    optimize(&args.dir)
}

pub(super) fn optimize(dir: &Path) -> anyhow::Result<()> {
    anyhow::bail!("{}: TEMPORARY", dir.display())
}

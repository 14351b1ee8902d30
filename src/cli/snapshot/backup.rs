//! `alike snapshot export` and `alike snapshot import`.

use super::{Of, megabytes};
use crate::backup;
use crate::cli::progress::{Progress, grouped};
use crate::snapshot::Store;
use std::path::PathBuf;

/// Write a collection into one file
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  alike snapshot export --data store --collection products --out products.tar.zst\n\n\
    The file holds the snapshot that is served and what the log has after it, up to the moment it is taken; a server may\n\
    go on writing. Events are not in it."
)]
pub(super) struct ExportArgs {
    /// File to write: .tar or .tar.zst
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    #[command(flatten)]
    of: Of,
}

pub(super) fn export(args: &ExportArgs) -> anyhow::Result<()> {
    let collection = args.of.collection(&args.of.config()?)?;
    collection.current()?;
    let progress = Progress::new("export", "bytes");
    let exported = backup::export(&collection, &args.out, &|done, total| {
        progress.update(done, done as f64 / total.max(1) as f64);
    })?;
    progress.finish();
    let line = format!(
        "exported collection {} up to position {} into {}: snapshot {}, {} files, {} packed into {}",
        exported.collection,
        exported.position,
        args.out.display(),
        exported.snapshot,
        exported.files,
        megabytes(exported.bytes),
        megabytes(exported.archive_bytes),
    );
    args.of.report(&line, &exported)
}

/// Make a collection of such a file
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Example:\n  alike snapshot import products.tar.zst --data store --collection products\n\n\
    Every byte and every record is checked before the collection appears; one of that name must not be there."
)]
pub(super) struct ImportArgs {
    /// The file: .tar or .tar.zst
    #[arg(value_name = "FILE")]
    file: PathBuf,
    #[command(flatten)]
    of: Of,
}

pub(super) fn import(args: &ImportArgs) -> anyhow::Result<()> {
    let data = args.of.common.data_dir(&args.of.config()?)?;
    let collection = Store::create(&data)?.collection(&args.of.collection)?;
    let progress = Progress::new("import", "bytes");
    let imported = backup::import(&collection, &args.file, &|done, total| {
        progress.update(done, done as f64 / total.max(1) as f64);
    })?;
    progress.finish();
    let line = format!(
        "imported collection {} of {}: snapshot {} with {} items, {} changes after it, up to position {}",
        imported.collection,
        args.file.display(),
        imported.snapshot,
        grouped(imported.items),
        grouped(imported.records),
        imported.position,
    );
    args.of.report(&line, &imported)
}

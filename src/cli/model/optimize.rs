//! `alike model optimize`.

use super::Library;
use crate::cli::print_line;
use crate::cli::progress::say;
use alike_embeddings::{ModelBundle, OptimizeOptions, OptimizeReport, Variant};
use serde_json::json;
use std::path::{Path, PathBuf};

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Makes model.int8.onnx beside model.onnx: the encoder in the graph, of any BERT-family model, becomes one operator of \
    this program with 8-bit weights. It is kept only if its answers to texts of many kinds agree with the plain graph's, \
    and is used from then on wherever the processor has a fast kernel for it. The model's identity stays the same.\n\n\
    Example:\n  alike model optimize .alike/models/all-minilm-l6-v2"
)]
pub(super) struct Args {
    /// The model's folder
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Do nothing where the variant is there and was made from this model.onnx
    #[arg(long)]
    if_needed: bool,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    library: Library,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    args.library.load()?;
    let path = args.dir.join(Variant::Int8.file_name());
    if args.if_needed && is_current(&args.dir)? {
        return print_line(&format!("{}: up to date", path.display()));
    }
    let report = optimize(&args.dir)?;
    if args.json {
        return print_line(&as_json(&report));
    }
    print_line(&format!("{}: {}", path.display(), summary(&report)))
}

/// Makes the variant; says that it will take a while.
pub(super) fn optimize(dir: &Path) -> anyhow::Result<OptimizeReport> {
    let file = Variant::Int8.file_name();
    say(&format!(
        "making {file} and comparing its answers with the plain graph's"
    ));
    Ok(alike_embeddings::optimize(dir, &OptimizeOptions::default())?)
}

fn is_current(dir: &Path) -> anyhow::Result<bool> {
    let bundle = ModelBundle::open(dir)?;
    Ok(bundle.check_variant(Variant::Int8).is_ok())
}

fn as_json(report: &OptimizeReport) -> String {
    json!({
        "layers": report.layers,
        "width": report.width,
        "heads": report.heads,
        "texts": report.texts,
        "mean": report.mean,
        "least": report.least,
        "bytes": report.bytes,
    })
    .to_string()
}

/// What was found and how well it agrees, for people.
pub(super) fn summary(report: &OptimizeReport) -> String {
    format!(
        "{} layers, {} wide, {} heads, {:.1} MB; cosine to the plain graph's vectors on {} texts: {:.5} on average, \
         {:.5} at least",
        report.layers,
        report.width,
        report.heads,
        report.bytes as f64 / 1e6,
        report.texts,
        report.mean,
        report.least
    )
}

//! `alike bench ann`: recall against speed, one line per setting.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::time::Instant;

use alike_indexes::recall::exact_neighbors;
use alike_indexes::{BuildReport, BuildSettings, Index, Kind, Metric, Progress, VectorsView};
use anyhow::Context;

use crate::cli::print_line;

use super::input::{Vectors, read_truth, read_vectors};
use super::sweep::{self, Measured, Sweep};

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Build each kind of index over the base vectors, open its file, and sweep its settings over the \
                  queries. Indexes are built on all cores (see --build-threads); searches run on one thread \
                  (see --threads). QPS is that of the best of several passes over all queries; recall is the share \
                  of the true nearest rows found, by row number.",
    after_help = "Examples:\n  alike bench ann --base base.npy --query query.npy --metric cosine --k 10 --kinds flat,hnsw --json\n  \
                  alike bench ann --base sift_base.fvecs --query sift_query.fvecs --truth sift_groundtruth.ivecs --metric l2"
)]
pub(super) struct Args {
    /// Vectors to index: .npy (f2, f4 or f8, two-dimensional, C order) or .fvecs.
    #[arg(long, value_name = "FILE")]
    base: PathBuf,
    /// Query vectors, as --base.
    #[arg(long, value_name = "FILE")]
    query: PathBuf,
    /// True nearest rows per query, best first: .npy (i4, i8 or u4) or .ivecs. Computed exactly when not given.
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
    /// How vectors are compared: cosine, dot or l2.
    #[arg(long, default_value = "cosine")]
    metric: Metric,
    /// Neighbors per query.
    #[arg(long, default_value = "10")]
    k: NonZeroUsize,
    /// Kinds of index, separated by commas: flat, hnsw.
    #[arg(long, value_delimiter = ',', default_value = "flat,hnsw")]
    kinds: Vec<Kind>,
    /// Print one JSON object per line instead of a table.
    #[arg(long)]
    json: bool,
    /// Search threads.
    #[arg(long, default_value = "1")]
    threads: NonZeroUsize,
    /// Build threads; all cores when not given.
    #[arg(long)]
    build_threads: Option<NonZeroUsize>,
    /// Graph links per node and upper layer (twice as many at level 0).
    #[arg(long, default_value_t = 16)]
    m: usize,
    /// Graph candidates kept while a node is inserted.
    #[arg(long, default_value_t = 200)]
    ef_construction: usize,
    /// Beams to sweep, separated by commas; those below k are left out.
    #[arg(long, value_delimiter = ',', default_values_t = [10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512])]
    beams: Vec<usize>,
    /// Passes over all queries per setting; the best one counts.
    #[arg(long, default_value = "3")]
    repeat: NonZeroUsize,
    /// Folder for the index files, kept afterwards; a temporary one when not given.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

/// One line of output.
#[derive(Debug, serde::Serialize)]
struct Line {
    kind: Kind,
    setting: String,
    recall: f64,
    qps: f64,
    p50_us: f64,
    p99_us: f64,
    build_s: f64,
    bytes: u64,
    open_ms: f64,
    metric: Metric,
    k: usize,
    threads: usize,
    plan: alike_indexes::Plan,
    distances: f64,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let base = read_vectors(&args.base)?;
    let queries = read_vectors(&args.query)?;
    anyhow::ensure!(
        base.dimension == queries.dimension,
        "{}: found dimension {}, expected {} as in {}",
        args.query.display(),
        queries.dimension,
        base.dimension,
        args.base.display()
    );
    anyhow::ensure!(
        !queries.values.is_empty(),
        "{}: found no rows, expected at least one query",
        args.query.display()
    );
    let truth = truth(args, &base, &queries)?;
    let temporary = tempfile::tempdir().context("could not create a temporary folder")?;
    let folder = args.dir.as_deref().unwrap_or(temporary.path());
    std::fs::create_dir_all(folder)
        .with_context(|| format!("{}: could not create this folder", folder.display()))?;
    if !args.json {
        print_row(
            &[
                "kind", "setting", "recall", "qps", "p50_us", "p99_us", "build_s", "bytes", "open_ms",
            ]
            .map(str::to_owned),
        )?;
    }
    args.kinds
        .iter()
        .try_for_each(|&kind| bench(args, kind, &base, &queries, &truth, folder))
}

fn view<'a>(path: &Path, vectors: &'a Vectors) -> anyhow::Result<VectorsView<'a>> {
    VectorsView::new(&vectors.values, vectors.dimension).with_context(|| path.display().to_string())
}

/// The true neighbors: read, or computed exactly.
fn truth(args: &Args, base: &Vectors, queries: &Vectors) -> anyhow::Result<Vec<Vec<u32>>> {
    let k = args.k.get().min(base.len());
    match &args.truth {
        Some(path) => read_truth(path, queries.len(), base.len(), k),
        None => {
            let (base, queries) = (view(&args.base, base)?, view(&args.query, queries)?);
            exact_neighbors(base, queries, args.metric, k).context("could not compute the true neighbors")
        }
    }
}

/// Builds one kind, opens its file and sweeps its settings.
fn bench(
    args: &Args,
    kind: Kind,
    base: &Vectors,
    queries: &Vectors,
    truth: &[Vec<u32>],
    folder: &Path,
) -> anyhow::Result<()> {
    let path = folder.join(format!("{kind}.index"));
    let built = build(args, kind, base, &path)?;
    let started = Instant::now();
    let index = alike_indexes::open(&path)?;
    let open_ms = started.elapsed().as_secs_f64() * 1e3;
    let beams: Vec<Option<usize>> = match kind {
        Kind::Flat => vec![None],
        Kind::Hnsw => args
            .beams
            .iter()
            .copied()
            .filter(|&beam| beam >= args.k.get())
            .map(Some)
            .collect(),
    };
    anyhow::ensure!(
        !beams.is_empty(),
        "--beams: found none of at least k = {}, expected one; add one",
        args.k
    );
    for beam in beams {
        let sweep = Sweep {
            k: args.k.get(),
            beam,
            threads: args.threads.get(),
            repeat: args.repeat.get(),
        };
        let measured = sweep::measure(index.as_ref(), queries, truth, &sweep)
            .with_context(|| args.query.display().to_string())?;
        print(
            args,
            &line(args, index.as_ref(), &built, open_ms, beam, &measured),
        )?;
    }
    Ok(())
}

fn build(args: &Args, kind: Kind, base: &Vectors, path: &Path) -> anyhow::Result<BuildReport> {
    let settings = BuildSettings {
        m: args.m,
        ef_construction: args.ef_construction,
        threads: args.build_threads.map(NonZeroUsize::get),
        ..BuildSettings::new(kind, args.metric)
    };
    let style = indicatif::ProgressStyle::with_template("{msg} [{bar:30}] {pos}/{len} {per_sec} {eta} left")?;
    let bar = indicatif::ProgressBar::new(0).with_style(style);
    let progress = |progress: Progress| {
        bar.set_message(format!("{kind}: {:?}", progress.phase).to_lowercase());
        bar.set_length(progress.total);
        bar.set_position(progress.done);
    };
    let report = alike_indexes::build(view(&args.base, base)?, &settings, &progress, path)
        .with_context(|| format!("could not build the {kind} index of {}", args.base.display()));
    bar.finish_and_clear();
    report
}

fn line(
    args: &Args,
    index: &dyn Index,
    built: &BuildReport,
    open_ms: f64,
    beam: Option<usize>,
    measured: &Measured,
) -> Line {
    Line {
        kind: index.kind(),
        setting: beam.map_or("exact".to_owned(), |beam| format!("beam={beam}")),
        recall: measured.recall,
        qps: measured.qps,
        p50_us: measured.p50_us,
        p99_us: measured.p99_us,
        build_s: built.seconds,
        bytes: built.bytes,
        open_ms,
        metric: args.metric,
        k: args.k.get(),
        threads: args.threads.get(),
        plan: measured.plan,
        distances: measured.distances,
    }
}

fn print(args: &Args, line: &Line) -> anyhow::Result<()> {
    if args.json {
        let text = serde_json::to_string(line)?;
        return print_line(&text);
    }
    print_row(&[
        line.kind.to_string(),
        line.setting.clone(),
        format!("{:.4}", line.recall),
        format!("{:.0}", line.qps),
        format!("{:.1}", line.p50_us),
        format!("{:.1}", line.p99_us),
        format!("{:.1}", line.build_s),
        line.bytes.to_string(),
        format!("{:.2}", line.open_ms),
    ])
}

fn print_row(cells: &[String; 9]) -> anyhow::Result<()> {
    let [kind, setting, rest @ ..] = cells;
    let rest: String = rest.iter().map(|cell| format!(" {cell:>12}")).collect();
    print_line(&format!("{kind:<6} {setting:<10}{rest}"))
}

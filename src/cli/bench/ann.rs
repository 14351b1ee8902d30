//! `alike bench ann`: recall against speed, one line per setting.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use alike_indexes::recall::exact_neighbors;
use alike_indexes::{Effort, Index, Kind, Metric, VectorsView};
use anyhow::Context;

use super::contender::{self, Contender};
use super::filters::{self, Filtered, Source};
use super::input::{Vectors, read_truth, read_vectors};
use super::plot::{self, Series};
use super::report::{self, Line};
use super::sweep::{self, How, Measured, Questions};

/// Arguments.
#[derive(Debug, clap::Args)]
#[command(
    long_about = "Build each kind of index over the base vectors, open its file, and sweep its settings over the \
                  queries: beams, and recall targets (the cheapest setting that reached the target on rows held out \
                  when the index was built). Indexes are built on all cores (see --build-threads); searches run on \
                  one thread (see --threads). QPS is that of the best of several passes over all queries, which take \
                  turns between kinds and settings, so that whatever else the machine does hits all alike; recall is \
                  the share of the true nearest rows found, by row number.",
    after_long_help = "The share of the limit is T_min over the measured mean time of a query, with \
                  T_min = hops x max(row bytes / bandwidth for that row size, kernel time) + set-up: what the walk would \
                  take if each hop read all its bytes from one place. The bandwidth is measured at the start, per row \
                  size, by reading rows at random places of a buffer as large as what the index keeps hot; the kernel \
                  time is that of the f32 dot product over as many bytes, in cache; the set-up is a search that admits no row.\n\n\
                  Correlated filters admit the rows that lie farthest along a direction of the query side, \
                  anti-correlated ones those at its other end; recall is then against exact search over the admissible rows.\n\n\
                  Examples:\n  alike bench ann --base base.npy --query query.npy --kinds flat,graph --filter-selectivity 10,1 --plot out.svg\n  \
                  alike bench ann --base sift_base.fvecs --query sift_query.fvecs --truth sift_groundtruth.ivecs --metric l2 --batch --json"
)]
pub(super) struct Args {
    /// Vectors to index: .npy (f2, f4 or f8, two-dimensional, C order) or .fvecs.
    #[arg(long, value_name = "FILE")]
    pub(super) base: PathBuf,
    /// Query vectors, as --base.
    #[arg(long, value_name = "FILE")]
    pub(super) query: PathBuf,
    /// True nearest rows per query, best first: .npy (i4, i8 or u4) or .ivecs. Computed exactly when not given.
    #[arg(long, value_name = "FILE")]
    truth: Option<PathBuf>,
    /// How vectors are compared: cosine, dot or l2.
    #[arg(long, default_value = "cosine")]
    pub(super) metric: Metric,
    /// Neighbors per query.
    #[arg(long, default_value = "10")]
    pub(super) k: NonZeroUsize,
    /// Kinds of index, separated by commas.
    #[arg(long, value_delimiter = ',', default_values_t = Kind::ALL)]
    kinds: Vec<Kind>,
    /// Print one JSON object per line instead of tables.
    #[arg(long)]
    json: bool,
    /// Search threads, each with one query at a time.
    #[arg(long, default_value = "1")]
    threads: NonZeroUsize,
    /// Also hand over all queries at once, to 1, 2, 4, … cores.
    #[arg(long)]
    batch: bool,
    /// Build threads; all cores when not given.
    #[arg(long)]
    pub(super) build_threads: Option<NonZeroUsize>,
    /// Graph links per node and upper layer (twice as many at level 0); the default of the kind when not given.
    #[arg(long)]
    pub(super) m: Option<usize>,
    /// Graph candidates kept while a node is inserted; the default of the kind when not given.
    #[arg(long)]
    pub(super) ef_construction: Option<usize>,
    /// Beams to sweep, separated by commas; those below k are left out.
    #[arg(long, value_delimiter = ',', default_values_t = [10, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512])]
    beams: Vec<usize>,
    /// Recall targets to sweep, separated by commas; also the settings of filters and batches.
    #[arg(long, value_delimiter = ',', value_parser = recall_target, default_values_t = [0.9, 0.95, 0.99])]
    recalls: Vec<f32>,
    /// Also search under filters that admit these percentages of the rows, separated by commas: at random, correlated
    /// with the query, and anti-correlated.
    #[arg(long, value_name = "PERCENT", value_delimiter = ',', value_parser = percentage)]
    filter_selectivity: Vec<f64>,
    /// Passes over all queries per setting; the best one counts.
    #[arg(long, visible_alias = "runs", default_value = "3")]
    repeat: NonZeroUsize,
    /// Decides which rows pass the filters.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Draw recall against QPS, one line per kind, to this SVG file.
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// Folder for the index files, kept afterwards; a temporary one when not given.
    #[arg(long, value_name = "DIR")]
    dir: Option<PathBuf>,
}

fn recall_target(text: &str) -> Result<f32, String> {
    let number = text.parse().ok().filter(|recall| *recall > 0.0 && *recall <= 1.0);
    number.ok_or_else(|| "expected a number above 0, at most 1".to_owned())
}

fn percentage(text: &str) -> Result<f64, String> {
    let number = text
        .parse()
        .ok()
        .filter(|percent| *percent > 0.0 && *percent <= 100.0);
    number.ok_or_else(|| "expected a percentage above 0, at most 100".to_owned())
}

/// One setting of one contender, and its best pass.
struct Case<'a> {
    contender: usize,
    effort: Effort,
    how: How<'a>,
    questions: Questions<'a>,
    best: Option<Measured>,
}

pub(super) fn run(args: &Args) -> anyhow::Result<()> {
    let (base, queries) = read(args)?;
    check_plot(args.plot.as_deref())?;
    let truth = truth(args, &base, &queries)?;
    let temporary = tempfile::tempdir().context("could not create a temporary folder")?;
    let folder = args.dir.as_deref().unwrap_or(temporary.path());
    std::fs::create_dir_all(folder)
        .with_context(|| format!("{}: could not create this folder", folder.display()))?;
    let build = |&kind| Contender::build(args, kind, &base, &queries, folder);
    let contenders: Vec<Contender> = args.kinds.iter().map(build).collect::<anyhow::Result<_>>()?;
    let filters = filters(args, &base, &queries, &contenders, temporary.path())?;
    let pools = pools(args)?;
    let questions = Questions {
        queries: &queries,
        k: args.k.get(),
        truth: &truth,
        filter: None,
    };
    let cases = contenders
        .iter()
        .enumerate()
        .map(|(position, contender)| cases(args, (position, contender.kind), questions, &filters, &pools));
    let mut cases = take_turns(cases.collect::<anyhow::Result<Vec<_>>>()?);
    measure(args, &contenders, &mut cases)?;
    cases.sort_by_key(|case| case.contender);
    let lines = lines(&contenders, &cases);
    match args.json {
        true => report::print_json(&lines)?,
        false => report::print_tables(&contenders, &lines)?,
    }
    draw(args, &base, &queries, &lines)
}

/// The base and query vectors, of one dimension.
fn read(args: &Args) -> anyhow::Result<(Vectors, Vectors)> {
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
    Ok((base, queries))
}

/// Says before all the work, not after it, that there is no such folder.
fn check_plot(plot: Option<&Path>) -> anyhow::Result<()> {
    let folder = plot
        .and_then(Path::parent)
        .filter(|folder| !folder.as_os_str().is_empty());
    match folder {
        Some(folder) if !folder.is_dir() => {
            anyhow::bail!(
                "--plot: found no folder {}, expected one; create it",
                folder.display()
            )
        }
        _ => Ok(()),
    }
}

pub(super) fn view<'a>(path: &Path, vectors: &'a Vectors) -> anyhow::Result<VectorsView<'a>> {
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

/// The filters asked for; a flat index, in the race or built for it, says what is true.
fn filters(
    args: &Args,
    base: &Vectors,
    queries: &Vectors,
    contenders: &[Contender],
    temporary: &Path,
) -> anyhow::Result<Vec<Filtered>> {
    if args.filter_selectivity.is_empty() {
        return Ok(Vec::new());
    }
    let flat = contenders.iter().find(|contender| contender.kind == Kind::Flat);
    let built: Box<dyn Index>;
    let oracle = match flat {
        Some(flat) => flat.index.as_ref(),
        None => {
            let path = temporary.join("truth.index");
            contender::build(args, Kind::Flat, base, &path)?;
            built = alike_indexes::open(&path)?;
            built.as_ref()
        }
    };
    let source = Source {
        base,
        queries,
        metric: args.metric,
        k: args.k.get(),
        seed: args.seed,
        oracle,
    };
    filters::make(&source, &args.filter_selectivity)
}

/// Pools of 1, 2, 4, … threads and of all cores, if batches are asked for.
fn pools(args: &Args) -> anyhow::Result<Vec<rayon::ThreadPool>> {
    if !args.batch {
        return Ok(Vec::new());
    }
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let powers = std::iter::successors(Some(1), |threads| Some(threads * 2));
    let threads = powers.take_while(|&threads| threads < cores).chain([cores]);
    let pool = |threads| rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    threads
        .map(pool)
        .collect::<Result<_, _>>()
        .context("could not start threads to search")
}

/// Everything to measure of one contender.
fn cases<'a>(
    args: &Args,
    (contender, kind): (usize, Kind),
    questions: Questions<'a>,
    filters: &'a [Filtered],
    pools: &'a [rayon::ThreadPool],
) -> anyhow::Result<Vec<Case<'a>>> {
    let case = |effort, how, questions| Case {
        contender,
        effort,
        how,
        questions,
        best: None,
    };
    let targets: Vec<Effort> = match kind {
        Kind::Flat => vec![Effort::Exact],
        _ => args.recalls.iter().copied().map(Effort::Recall).collect(),
    };
    let beams = args.beams.iter().copied().filter(|&beam| beam >= args.k.get());
    let beams: Vec<Effort> = match kind {
        Kind::Flat => Vec::new(),
        _ => beams.map(Effort::Beam).collect(),
    };
    let each = How::Each(args.threads.get());
    let plain = beams
        .iter()
        .chain(&targets)
        .map(|&effort| case(effort, each, questions));
    let filtered = filters.iter().flat_map(|filter| {
        let questions = Questions {
            truth: &filter.truth,
            filter: Some(filter),
            ..questions
        };
        targets.iter().map(move |&effort| case(effort, each, questions))
    });
    let batches = pools.iter().flat_map(|pool| {
        targets
            .iter()
            .map(move |&effort| case(effort, How::Batch(pool), questions))
    });
    Ok(plain.chain(filtered).chain(batches).collect())
}

/// The first of each, then the second of each, and so on.
fn take_turns<T>(lists: Vec<Vec<T>>) -> Vec<T> {
    let mut lists: Vec<_> = lists.into_iter().map(Vec::into_iter).collect();
    let mut turns = Vec::new();
    loop {
        let before = turns.len();
        turns.extend(lists.iter_mut().filter_map(Iterator::next));
        if turns.len() == before {
            return turns;
        }
    }
}

/// Passes over all cases; each keeps its fastest.
fn measure(args: &Args, contenders: &[Contender], cases: &mut [Case<'_>]) -> anyhow::Result<()> {
    let total = cases.len() * args.repeat.get();
    let style = indicatif::ProgressStyle::with_template("searching [{bar:30}] {pos}/{len} {eta} left")?;
    let bar = indicatif::ProgressBar::new(total as u64).with_style(style);
    for _ in 0..args.repeat.get() {
        for case in &mut *cases {
            let index = contenders[case.contender].index.as_ref();
            let measured = sweep::pass(index, &case.questions, case.effort, case.how)
                .with_context(|| args.query.display().to_string())?;
            if case.best.as_ref().is_none_or(|best| measured.qps > best.qps) {
                case.best = Some(measured);
            }
            bar.inc(1);
        }
    }
    bar.finish_and_clear();
    Ok(())
}

fn lines(contenders: &[Contender], cases: &[Case<'_>]) -> Vec<Line> {
    let is_plain = |case: &Case<'_>| matches!(case.how, How::Each(_)) && case.questions.filter.is_none();
    let plain_of = |case: &Case<'_>| {
        let same = cases.iter().find(|other| {
            is_plain(other) && (other.contender, other.effort) == (case.contender, case.effort)
        });
        same.filter(|_| !is_plain(case))?
            .best
            .as_ref()
            .map(|best| best.qps)
    };
    let line = |case: &Case<'_>| {
        let contender = &contenders[case.contender];
        let measured = case.best.as_ref()?;
        let setting = (case.effort, case.how);
        Some(Line::new(
            contender,
            &case.questions,
            setting,
            measured,
            plain_of(case),
        ))
    };
    cases.iter().filter_map(line).collect()
}

/// Writes the plot, if one is asked for.
fn draw(args: &Args, base: &Vectors, queries: &Vectors, lines: &[Line]) -> anyhow::Result<()> {
    let Some(path) = &args.plot else {
        return Ok(());
    };
    let series = |&kind: &Kind| Series {
        name: kind.to_string(),
        points: lines
            .iter()
            .filter(|line| line.kind() == kind)
            .filter_map(Line::point)
            .collect(),
    };
    let series: Vec<Series> = args.kinds.iter().map(series).collect();
    let name = args.base.file_name().unwrap_or_default().to_string_lossy();
    let subtitle = format!(
        "{name}: {} × {}, {}, {} queries, k = {}, threads: {}",
        base.len(),
        base.dimension,
        args.metric,
        queries.len(),
        args.k,
        args.threads
    );
    let plot = plot::svg("Recall against queries per second", &subtitle, &series);
    std::fs::write(path, plot).with_context(|| format!("{}: could not write this file", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cases_take_turns() {
        let turns = take_turns(vec![vec![1, 2, 3], vec![], vec![10], vec![20, 21]]);
        assert_eq!(turns, [1, 10, 20, 2, 21, 3]);
        assert!(take_turns::<u8>(Vec::new()).is_empty());
    }

    #[test]
    fn targets_and_percentages_are_checked() {
        assert_eq!((recall_target("1"), percentage("0.01")), (Ok(1.0), Ok(0.01)));
        for bad in ["0", "-1", "100.5", "NaN", "inf", "", "x"] {
            assert!(recall_target(bad).is_err() && percentage(bad).is_err(), "{bad}");
        }
    }
}

//! One kind of index, built and opened.

use std::num::NonZeroUsize;
use std::path::Path;
use std::time::Instant;

use alike_indexes::{BuildReport, BuildSettings, Effort, Index, Kind, Progress, Request, Scratch};
use anyhow::Context;

use super::ann::{Args, view};
use super::input::Vectors;
use super::limit::Limit;

/// An index in the race.
#[derive(Debug)]
pub(super) struct Contender {
    pub(super) kind: Kind,
    pub(super) index: Box<dyn Index>,
    pub(super) built: BuildReport,
    /// Most memory that the process had while building, the vectors it was given included; `None` where the system
    /// does not say.
    pub(super) peak_bytes: Option<u64>,
    pub(super) open_ms: f64,
    /// From opening the file to the first answer.
    pub(super) first_ms: f64,
    pub(super) limit: Limit,
}

impl Contender {
    pub(super) fn build(
        args: &Args,
        kind: Kind,
        base: &Vectors,
        queries: &Vectors,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let path = folder.join(format!("{kind}.index"));
        reset_peak_memory();
        let built = build(args, kind, base, &path)?;
        let peak_bytes = peak_memory();
        let started = Instant::now();
        let index = alike_indexes::open(&path)?;
        let open_ms = started.elapsed().as_secs_f64() * 1e3;
        let request = Request {
            k: args.k.get(),
            effort: Effort::Default,
            filter: None,
        };
        index
            .search(queries.row(0), &request, &mut Scratch::new())
            .with_context(|| format!("{}: query 0", args.query.display()))?;
        let first_ms = started.elapsed().as_secs_f64() * 1e3;
        let limit = Limit::measure(index.as_ref(), queries)?;
        Ok(Self {
            kind,
            index,
            built,
            peak_bytes,
            open_ms,
            first_ms,
            limit,
        })
    }
}

/// Builds the file of one kind and shows how far it is.
pub(super) fn build(args: &Args, kind: Kind, base: &Vectors, path: &Path) -> anyhow::Result<BuildReport> {
    let defaults = BuildSettings::new(kind, args.metric);
    let settings = BuildSettings {
        m: args.m.unwrap_or(defaults.m),
        ef_construction: args.ef_construction.unwrap_or(defaults.ef_construction),
        threads: args.build_threads.map(NonZeroUsize::get),
        ..defaults
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

/// Makes the kernel count the most memory from now on; where it does not, the peak of the whole run is reported.
fn reset_peak_memory() {
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

/// The most memory this process has had, in bytes.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kib: u64 = line.trim().strip_suffix(" kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

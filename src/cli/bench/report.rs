//! What a bench prints: JSON lines, or tables.

use std::collections::BTreeMap;

use alike_indexes::{Effort, Kind, Metric, Plan};

use super::contender::Contender;
use super::filters::Relation;
use super::sweep::{How, Measured, Questions, setting};
use crate::cli::print_line;

/// One measured setting. Means are per query.
#[derive(Debug, serde::Serialize)]
pub(super) struct Line {
    kind: Kind,
    setting: String,
    recall: f64,
    qps: f64,
    p50_us: Option<f64>,
    p99_us: Option<f64>,
    build_s: f64,
    /// Of the file.
    bytes: u64,
    open_ms: f64,
    metric: Metric,
    k: usize,
    threads: usize,
    /// Of the first query.
    plan: Plan,
    distances: f64,
    /// `search`, `filter` or `batch`.
    mode: &'static str,
    /// The recall that was asked for.
    recall_target: Option<f32>,
    /// Of the first query.
    beam: usize,
    /// Queries per plan.
    plans: BTreeMap<&'static str, usize>,
    hops: f64,
    bytes_per_query: f64,
    bytes_per_hop: Option<f64>,
    /// Measured bandwidth for rows of as many bytes as a hop reads.
    row_gb_per_s: f64,
    /// T_min.
    limit_us: f64,
    /// T_min over the measured mean latency.
    limit_share: Option<f64>,
    filter: Option<Relation>,
    /// Percentage of the rows that were to pass the filter, and how many did.
    selectivity: Option<f64>,
    admissible: Option<usize>,
    /// QPS over those of the same setting without a filter, one query at a time.
    qps_ratio: Option<f64>,
    build_vectors_per_s: f64,
    build_peak_bytes: Option<u64>,
    hot_bytes_per_vector: f64,
    first_answer_ms: f64,
}

impl Line {
    /// `plain` are the queries per second of the same setting without a filter, one query at a time.
    pub(super) fn new(
        contender: &Contender,
        questions: &Questions<'_>,
        (effort, how): (Effort, How<'_>),
        measured: &Measured,
        plain: Option<f64>,
    ) -> Self {
        let (index, filter) = (&contender.index, questions.filter);
        let (plan, beam) = measured.first.unwrap_or((Plan::Exact, 0));
        let limit_us = contender.limit.seconds(measured) * 1e6;
        let mode = match (how, filter) {
            (How::Batch(_), _) => "batch",
            (_, Some(_)) => "filter",
            _ => "search",
        };
        let rows = index.len().max(1) as f64;
        Self {
            kind: contender.kind,
            setting: setting(effort),
            recall: measured.recall,
            qps: measured.qps,
            p50_us: measured.latency.map(|latency| latency.p50),
            p99_us: measured.latency.map(|latency| latency.p99),
            build_s: contender.built.seconds,
            bytes: contender.built.bytes,
            open_ms: contender.open_ms,
            metric: index.metric(),
            k: questions.k,
            threads: how.threads(),
            plan,
            distances: measured.distances,
            mode,
            recall_target: match effort {
                Effort::Recall(recall) => Some(recall),
                _ => None,
            },
            beam,
            plans: measured.plans.clone(),
            hops: measured.hops,
            bytes_per_query: measured.bytes,
            bytes_per_hop: (measured.hops > 0.0).then(|| measured.bytes / measured.hops),
            row_gb_per_s: contender.limit.bandwidth(measured.bytes / measured.hops.max(1.0)) / 1e9,
            limit_us,
            limit_share: measured.latency.map(|latency| limit_us / latency.mean),
            filter: filter.map(|filter| filter.relation),
            selectivity: filter.map(|filter| filter.percent),
            admissible: filter.map(|filter| filter.admissible),
            qps_ratio: plain.map(|plain| measured.qps / plain),
            build_vectors_per_s: rows / contender.built.seconds,
            build_peak_bytes: contender.peak_bytes,
            hot_bytes_per_vector: index.hot_bytes() as f64 / rows,
            first_answer_ms: contender.first_ms,
        }
    }

    /// The point that a plot shows of it, if it does.
    pub(super) fn point(&self) -> Option<(f64, f64)> {
        (self.mode == "search").then_some((self.recall, self.qps))
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }
}

/// One JSON object per line.
pub(super) fn print_json(lines: &[Line]) -> anyhow::Result<()> {
    lines
        .iter()
        .try_for_each(|line| print_line(&serde_json::to_string(line)?))
}

/// A table of the builds, and one per mode.
pub(super) fn print_tables(contenders: &[Contender], lines: &[Line]) -> anyhow::Result<()> {
    let headers = [
        "kind",
        "build_s",
        "vectors/s",
        "peak_mb",
        "file_mb",
        "hot_b/vec",
        "open_ms",
        "first_ms",
        "setup_us",
    ];
    print_row("build", &headers.map(str::to_owned))?;
    for contender in contenders {
        print_row("build", &build_cells(contender))?;
    }
    for (mode, headers) in [
        (
            "search",
            "kind setting recall qps p50_us p99_us hops distances kb/query b/hop limit_us share",
        ),
        (
            "filter",
            "kind setting recall qps p50_us p99_us ratio filter percent rows plans",
        ),
        ("batch", "kind setting recall qps threads ratio"),
    ] {
        let mut lines = lines.iter().filter(|line| line.mode == mode).peekable();
        if lines.peek().is_some() {
            print_line("")?;
            print_row(mode, &headers.split(' ').map(str::to_owned).collect::<Vec<_>>())?;
            lines.try_for_each(|line| print_row(mode, &cells(line)))?;
        }
    }
    Ok(())
}

fn build_cells(contender: &Contender) -> [String; 9] {
    let rows = contender.index.len().max(1) as f64;
    let megabytes = |bytes: u64| format!("{:.1}", bytes as f64 / 1e6);
    [
        contender.kind.to_string(),
        format!("{:.1}", contender.built.seconds),
        format!("{:.0}", rows / contender.built.seconds),
        contender.peak_bytes.map_or_else(|| "-".to_owned(), megabytes),
        megabytes(contender.built.bytes),
        format!("{:.0}", contender.index.hot_bytes() as f64 / rows),
        format!("{:.2}", contender.open_ms),
        format!("{:.2}", contender.first_ms),
        format!("{:.2}", contender.limit.setup() * 1e6),
    ]
}

fn cells(line: &Line) -> Vec<String> {
    let some = |number: Option<f64>, digits: usize| {
        number.map_or_else(|| "-".to_owned(), |number| format!("{number:.digits$}"))
    };
    let mut cells = vec![
        line.kind.to_string(),
        line.setting.clone(),
        format!("{:.4}", line.recall),
        format!("{:.0}", line.qps),
    ];
    if line.mode == "batch" {
        cells.extend([line.threads.to_string(), some(line.qps_ratio, 2)]);
        return cells;
    }
    cells.extend([some(line.p50_us, 1), some(line.p99_us, 1)]);
    let Some(filter) = line.filter else {
        cells.extend([
            format!("{:.1}", line.hops),
            format!("{:.0}", line.distances),
            format!("{:.1}", line.bytes_per_query / 1e3),
            some(line.bytes_per_hop, 0),
            format!("{:.1}", line.limit_us),
            some(line.limit_share, 2),
        ]);
        return cells;
    };
    let plans: Vec<String> = line
        .plans
        .iter()
        .map(|(plan, count)| format!("{plan}:{count}"))
        .collect();
    cells.extend([
        some(line.qps_ratio, 2),
        filter.name().to_owned(),
        line.selectivity.unwrap_or(0.0).to_string(),
        line.admissible.unwrap_or(0).to_string(),
        plans.join(","),
    ]);
    cells
}

/// Words to the left of their columns, numbers to the right.
fn print_row(mode: &str, cells: &[String]) -> anyhow::Result<()> {
    let text = |(column, cell): (usize, &String)| match (mode, column) {
        (_, 0) => format!("{cell:<7}"),
        ("build", _) => format!("{cell:>11}"),
        (_, 1) => format!("{cell:<12}"),
        ("filter", 7) => format!("  {cell:<16}"),
        ("filter", 10) => format!("  {cell}"),
        _ => format!("{cell:>10}"),
    };
    let row: String = cells.iter().enumerate().map(text).collect();
    print_line(row.trim_end())
}

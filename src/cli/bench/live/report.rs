//! The table.

use super::Report;
use super::pace::Quantiles;
use super::reading::Window;
use super::writing::Written;
use crate::cli::print_line;

/// One JSON object.
pub(super) fn print_json(report: &Report) -> anyhow::Result<()> {
    print_line(&serde_json::to_string(report)?)
}

/// What was measured, one line each, beside what is aimed at.
pub(super) fn print_table(report: &Report) -> anyhow::Result<()> {
    print_line(&format!(
        "{} items of {} dimensions ({}), {} cores",
        report.items, report.dimension, report.vectors, report.cores
    ))?;
    print_line(&format!("\n{:<34}{:>14}  {}", "what", "measured", "aim"))?;
    for (what, measured, aim) in lines(report) {
        print_line(format!("{what:<34}{measured:>14}  {aim}").trim_end())?;
    }
    print_line(&format!(
        "\n{:<14}{:>9}{:>8}{:>9}{:>9}{:>9}{:>9}{:>8}{:>9}{:>8}{:>7}",
        "searches",
        "per_s",
        "failed",
        "p50_ms",
        "p99_ms",
        "p999_ms",
        "max_ms",
        "p99_x",
        "p999_x",
        "events",
        "cores"
    ))?;
    report
        .searches
        .iter()
        .try_for_each(|window| print_line(&row(window)))?;
    for failure in report.searches.iter().flat_map(|window| &window.failures) {
        print_line(&format!("failed: {failure}"))?;
    }
    Ok(())
}

/// Name, figure, aim.
type Line = (String, String, &'static str);

fn lines(report: &Report) -> Vec<Line> {
    let mut lines = vec![line(
        "fsyncs of the disk",
        format!("{:.0}/s", report.fsyncs_per_s),
        "",
    )];
    if let Some(batches) = &report.batches {
        lines.extend(written("batches", batches, "20,000/s or more"));
    }
    if let Some(singles) = &report.singles {
        lines.extend(written("singles", singles, "5,000/s or more, if the disk allows"));
        if let Some(callers) = singles.callers_per_fsync {
            lines.push(line("singles: callers per fsync", format!("{callers:.1}"), ""));
        }
    }
    if let Some(visible) = &report.visible {
        lines.push(line("visible after: p50", milliseconds(visible.p50_ms), ""));
        lines.push(line(
            "visible after: p99",
            milliseconds(visible.p99_ms),
            "10 ms or less",
        ));
    }
    if let Some(restart) = &report.restart {
        let name = format!("restart with {} records", restart.records);
        let slowest = restart.ms.iter().copied().fold(0.0, f64::max);
        lines.push((
            name,
            milliseconds(slowest),
            "1,000 ms or less (slowest of several)",
        ));
    }
    lines
}

fn line(what: &str, measured: String, aim: &'static str) -> Line {
    (what.to_owned(), measured, aim)
}

fn written(name: &str, written: &Written, aim: &'static str) -> Vec<Line> {
    let Written {
        callers,
        items_per_call,
        latency: Quantiles { p50_ms, p99_ms, .. },
        ..
    } = written;
    let all = format!("{name}: {callers} callers x {items_per_call}");
    vec![
        (all, format!("{:.0}/s", written.items_per_s), aim),
        line(&format!("{name}: p50"), milliseconds(*p50_ms), ""),
        line(&format!("{name}: p99"), milliseconds(*p99_ms), ""),
        line(&format!("{name}: refused"), written.refused.to_string(), ""),
        line(
            &format!("{name}: cores of the server"),
            format!("{:.2}", written.server_cores),
            "",
        ),
    ]
}

fn milliseconds(number: f64) -> String {
    format!("{number:.2} ms")
}

fn row(window: &Window) -> String {
    let ratio = |ratio: Option<f64>| ratio.map_or_else(|| "-".to_owned(), |ratio| format!("{ratio:.2}"));
    let Quantiles {
        p50_ms,
        p99_ms,
        p999_ms,
        max_ms,
    } = window.latency;
    format!(
        "{:<14}{:>9.0}{:>8}{p50_ms:>9.2}{p99_ms:>9.2}{p999_ms:>9.2}{max_ms:>9.2}{:>8}{:>9}{:>8}{:>7.2}",
        window.name,
        window.per_s,
        window.failed,
        ratio(window.p99_ratio),
        ratio(window.p999_ratio),
        window.events,
        window.server_cores,
    )
}

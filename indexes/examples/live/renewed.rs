//! A new graph out of an old one, and from nothing.

use std::error::Error;

use alike_indexes::recall::measure;
use alike_indexes::{BuildReport, BuildSettings, Index, Kind, Request, VectorsView, build, open, rebuild};

use crate::{Data, METRIC};

/// Rows of the old graph.
const ROWS: usize = 50_000;

pub fn run(data: &Data) -> Result<(), Box<dyn Error>> {
    let dimension = data.base.dimension;
    let rows = ROWS.min(data.base.rows() * 10 / 11);
    let old = data.first(rows)?;
    // One in twenty rows is gone, a tenth is new.
    let kept = old.rows().enumerate().filter(|(row, _)| row % 20 != 7);
    let new = data.first(rows + rows / 10)?;
    let new = new.rows().skip(rows);
    let values: Vec<f32> = kept
        .map(|(_, vector)| vector)
        .chain(new)
        .flatten()
        .copied()
        .collect();
    let vectors = VectorsView::new(&values, dimension)?;
    println!("| what | seconds | kept | healed | inserted | recall said | recall of rows | unreachable |");
    println!("|---|--:|--:|--:|--:|--:|--:|--:|");
    for (name, settings) in [
        ("defaults", BuildSettings::new(Kind::Graph, METRIC)),
        (
            "no held-out rows",
            BuildSettings {
                held_out: 0,
                ..BuildSettings::new(Kind::Graph, METRIC)
            },
        ),
    ] {
        let previous = data.folder.path().join("previous");
        let path = data.folder.path().join("next");
        build(old, &settings, &|_| (), &previous)?;
        let report = build(vectors, &settings, &|_| (), &path)?;
        print(&format!("build, {name}"), &report, &*open(&path)?)?;
        let report = rebuild(vectors, &previous, &settings, &|_| (), &path)?;
        print(&format!("rebuild, {name}"), &report, &*open(&path)?)?;
    }
    Ok(())
}

fn print(what: &str, report: &BuildReport, index: &dyn Index) -> Result<(), Box<dyn Error>> {
    let found = measure(index, 2_000, 1, &Request::default())?.recall;
    println!(
        "| {what} | {:.2} | {} | {} | {} | {:.4} | {found:.4} | {} |",
        report.seconds,
        report.kept,
        report.healed,
        report.inserted,
        report.recall.unwrap_or(f32::NAN),
        index.unreachable()
    );
    Ok(())
}

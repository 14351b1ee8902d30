//! Searches that must not find a few deleted rows.

use std::error::Error;

use alike_indexes::{BuildSettings, Effort, Index, Kind, Request, RowId, RowSet, Scratch, build, open};

use crate::timing::time;
use crate::{Data, K, METRIC};

/// Per thousand of rows that are still there.
const ALIVE: [u32; 7] = [1_000, 999, 990, 950, 900, 750, 500];

pub fn run(data: &Data) -> Result<(), Box<dyn Error>> {
    let base = data.first(usize::MAX)?;
    println!("{} rows, deleted at random", base.len());
    println!("| kind | alive | p50, µs | p99, µs | recall@10 | distances |");
    println!("|---|--:|--:|--:|--:|--:|");
    for kind in [Kind::Graph, Kind::Hnsw, Kind::Flat] {
        let path = data.folder.path().join(kind.name());
        build(base, &BuildSettings::new(kind, METRIC), &|_| (), &path)?;
        let index = open(&path)?;
        for alive in ALIVE {
            print(data, &*index, alive)?;
        }
        println!("| {kind}, deleted: the 100 nearest to each tenth query | | | | | |");
        print_set(data, &*index, "", Some(&near_deleted(data, &*index)?))?;
    }
    Ok(())
}

fn print(data: &Data, index: &dyn Index, alive: u32) -> Result<(), Box<dyn Error>> {
    // Neighbors in the order of rows are no nearer to each other than others: which row is deleted is as good as random.
    let scattered = |row: u32| row.wrapping_mul(0x9e37_79b1) >> 12;
    let set: RowSet = (0..index.len() as u32)
        .map(|row| scattered(row) % 1_000 < alive)
        .collect();
    let filter = (alive < 1_000).then_some(&set);
    print_set(data, index, &format!("{} %", f64::from(alive) / 10.0), filter)
}

/// All rows but those that are nearest to some of the queries.
fn near_deleted(data: &Data, index: &dyn Index) -> Result<RowSet, Box<dyn Error>> {
    let mut set = RowSet::full(index.len());
    let mut scratch = Scratch::new();
    let request = Request {
        k: 100,
        ..Request::default()
    };
    for query in data.queries()?.rows().step_by(10) {
        index.search(query, &request, &mut scratch)?;
        scratch.neighbors().iter().for_each(|neighbor| {
            set.remove(RowId(neighbor.row.0));
        });
    }
    Ok(set)
}

fn print_set(
    data: &Data,
    index: &dyn Index,
    alive: &str,
    filter: Option<&RowSet>,
) -> Result<(), Box<dyn Error>> {
    let queries = data.queries()?;
    let mut scratch = Scratch::new();
    let mut ask = |query: &[f32], effort| {
        let request = Request { k: K, effort, filter };
        let report = index.search(query, &request, &mut scratch);
        let rows = scratch.neighbors().iter().map(|neighbor| neighbor.row.0);
        (
            rows.collect::<Vec<u32>>(),
            report.map_or(0, |report| report.distances),
        )
    };
    let truth: Vec<Vec<u32>> = queries.rows().map(|query| ask(query, Effort::Exact).0).collect();
    let (mut distances, mut asked) = (0, 0);
    let timed = time(queries, &truth, |query| {
        let (rows, compared) = ask(query, Effort::Default);
        asked += 1;
        distances += compared;
        rows
    });
    println!(
        "| {} | {alive} | {:.1} | {:.1} | {:.4} | {} |",
        index.kind(),
        timed.p50,
        timed.p99,
        timed.recall,
        distances / asked.max(1)
    );
    Ok(())
}

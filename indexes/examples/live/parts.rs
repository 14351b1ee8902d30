//! Three ways to hold rows that came after the snapshot.

use std::error::Error;
use std::fs;
use std::time::Instant;

use alike_indexes::kernel::Kernels;
use alike_indexes::recall::exact_neighbors;
use alike_indexes::{
    Block, BuildSettings, Effort, Index, Neighbor, Request, RowId, Scratch, VectorsView, build, open,
};
use hnsw_rs::hnsw::Hnsw;
use hnsw_rs::prelude::Distance;

use crate::timing::{Timed, time};
use crate::{Data, K, METRIC};

/// Rows held.
const SIZES: [usize; 6] = [1_000, 4_000, 8_000, 16_000, 20_000, 64_000];
/// Rows per write: a block of its own, until blocks are merged.
const WRITTEN: usize = 16;
/// Blocks of one size that are merged into one of the next.
const FANOUT: usize = 4;
/// Rows of the largest blocks: those are not merged any further.
const LARGEST: usize = 16_384;
/// The recall that the graph of `hnsw_rs` is searched at.
const RECALL: f64 = 0.99;

pub fn run(data: &Data) -> Result<(), Box<dyn Error>> {
    println!("| rows | held as | p50, µs | p99, µs | recall@10 | rows/s in | bytes/row |");
    println!("|--:|---|--:|--:|--:|--:|--:|");
    for rows in SIZES.into_iter().filter(|&rows| rows <= data.base.rows()) {
        let base = data.first(rows)?;
        let truth = exact_neighbors(base, data.queries()?, METRIC, K)?;
        let trial = Trial { data, base, truth };
        trial.blocks()?;
        trial.one_block()?;
        trial.growing_graph()?;
        trial.sealed(&BuildSettings::sealing(METRIC), "sealed graph")?;
        trial.flat_file()?;
    }
    Ok(())
}

struct Trial<'a> {
    data: &'a Data,
    base: VectorsView<'a>,
    truth: Vec<Vec<u32>>,
}

impl Trial<'_> {
    fn time(&self, ask: impl FnMut(&[f32]) -> Vec<u32>) -> Result<Timed, Box<dyn Error>> {
        Ok(time(self.data.queries()?, &self.truth, ask))
    }

    fn print(&self, how: &str, timed: &Timed, seconds: f64, bytes: Option<u64>) {
        let rows = self.base.len();
        let Timed { p50, p99, recall } = timed;
        let rate = rows as f64 / seconds;
        let bytes = bytes.map_or_else(String::new, |bytes| (bytes / rows as u64).to_string());
        println!("| {rows} | {how} | {p50:.0} | {p99:.0} | {recall:.4} | {rate:.0} | {bytes} |");
    }

    /// Blocks as writes leave them, a few of each size, all of them scanned.
    fn blocks(&self) -> Result<(), Box<dyn Error>> {
        let started = Instant::now();
        let mut blocks: Vec<Block> = Vec::new();
        let dimension = self.base.dimension();
        let written = self.data.base.values[..self.base.len() * dimension].chunks(WRITTEN * dimension);
        for rows in written {
            blocks.push(Block::new(VectorsView::new(rows, dimension)?, METRIC)?);
            merge_last(&mut blocks)?;
        }
        let seconds = started.elapsed().as_secs_f64();
        let bytes = blocks.iter().map(Index::bytes).sum();
        let mut starts = Vec::new();
        let mut start = 0;
        for block in &blocks {
            starts.push(start);
            start += block.len() as u32;
        }
        let mut scratch = Scratch::new();
        let mut all: Vec<Neighbor> = Vec::new();
        let timed = self.time(|query| {
            all.clear();
            for (block, start) in blocks.iter().zip(&starts) {
                ask(block, query, Effort::Default, &mut scratch);
                let found = scratch.neighbors().iter();
                all.extend(found.map(|found| Neighbor {
                    row: RowId(found.row.0 + start),
                    ..*found
                }));
            }
            all.sort_unstable();
            all.iter().take(K).map(|neighbor| neighbor.row.0).collect()
        })?;
        self.print(&format!("{} blocks", blocks.len()), &timed, seconds, Some(bytes));
        Ok(())
    }

    /// All rows as one block.
    fn one_block(&self) -> Result<(), Box<dyn Error>> {
        let started = Instant::now();
        let block = Block::new(self.base, METRIC)?;
        let seconds = started.elapsed().as_secs_f64();
        let mut scratch = Scratch::new();
        let timed = self.time(|query| ask(&block, query, Effort::Default, &mut scratch))?;
        self.print("one block", &timed, seconds, Some(block.bytes()));
        Ok(())
    }

    /// As the block, with f32 rows alone.
    fn flat_file(&self) -> Result<(), Box<dyn Error>> {
        let path = self.data.folder.path().join("flat");
        let started = Instant::now();
        let settings = BuildSettings::new(alike_indexes::Kind::Flat, METRIC);
        build(self.base, &settings, &|_| (), &path)?;
        let seconds = started.elapsed().as_secs_f64();
        let index = open(&path)?;
        let mut scratch = Scratch::new();
        let timed = self.time(|query| ask(&*index, query, Effort::Default, &mut scratch))?;
        self.print("flat file", &timed, seconds, Some(index.bytes()));
        Ok(())
    }

    fn sealed(&self, settings: &BuildSettings, name: &str) -> Result<(), Box<dyn Error>> {
        let path = self.data.folder.path().join("sealed");
        let block = Block::new(self.base, METRIC)?;
        let started = Instant::now();
        let report = block.seal(settings, &|_| (), &path)?;
        let seconds = started.elapsed().as_secs_f64();
        let index = open(&path)?;
        let mut scratch = Scratch::new();
        let timed = self.time(|query| ask(&*index, query, Effort::Default, &mut scratch))?;
        let name = format!("{name} (said {:.3})", report.recall.unwrap_or(f32::NAN));
        self.print(&name, &timed, seconds, Some(index.bytes()));
        Ok(())
    }

    /// A graph that takes rows one by one, searched with the smallest beam that reaches the recall.
    fn growing_graph(&self) -> Result<(), Box<dyn Error>> {
        let before = resident();
        let started = Instant::now();
        let graph = Hnsw::new(16, self.base.len(), 16, 128, SquaredL2(Kernels::detect()?));
        for (row, vector) in self.base.rows().enumerate() {
            graph.insert((vector, row));
        }
        let seconds = started.elapsed().as_secs_f64();
        // What smaller graphs gave back is used again and does not show.
        let largest = SIZES.last() == Some(&self.base.len());
        let bytes = largest.then(|| resident().saturating_sub(before));
        for beam in [16, 32, 48, 64, 96, 128, 192, 256] {
            let timed = self.time(|query| {
                let found = graph.search(query, K, beam);
                found.iter().map(|neighbor| neighbor.d_id as u32).collect()
            })?;
            if timed.recall >= RECALL || beam == 256 {
                self.print(&format!("hnsw_rs, beam {beam}"), &timed, seconds, bytes);
                break;
            }
        }
        Ok(())
    }
}

/// Rows in memory, of this process.
fn resident() -> u64 {
    let pages = fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = pages
        .split(' ')
        .nth(1)
        .and_then(|pages| pages.parse::<u64>().ok());
    pages.unwrap_or(0) * 4096
}

/// Merges the last blocks while there are [`FANOUT`] of about one size.
fn merge_last(blocks: &mut Vec<Block>) -> Result<(), alike_indexes::IndexError> {
    while blocks.len() >= FANOUT {
        let last = &blocks[blocks.len() - FANOUT..];
        let (first, newest) = (last[0].len(), last[FANOUT - 1].len());
        if first >= FANOUT * newest || first >= LARGEST {
            break;
        }
        let parts: Vec<_> = last.iter().map(|block| (block, None)).collect();
        let merged = Block::merge(&parts)?;
        blocks.truncate(blocks.len() - FANOUT);
        blocks.push(merged);
    }
    Ok(())
}

/// The rows that an index finds.
fn ask(index: &dyn Index, query: &[f32], effort: Effort, scratch: &mut Scratch) -> Vec<u32> {
    let request = Request {
        k: K,
        effort,
        filter: None,
    };
    match index.search(query, &request, scratch) {
        Ok(_) => scratch
            .neighbors()
            .iter()
            .map(|neighbor| neighbor.row.0)
            .collect(),
        Err(_) => Vec::new(),
    }
}

/// The distance that our own reference graph is built with too.
#[derive(Clone, Copy)]
struct SquaredL2(&'static Kernels);

impl Distance<f32> for SquaredL2 {
    fn eval(&self, a: &[f32], b: &[f32]) -> f32 {
        self.0.squared_l2(a, b)
    }
}

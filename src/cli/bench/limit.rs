//! The least time that a search could take on this machine, to compare the measured one with.
//!
//! `T_min = hops × max(row bytes / bandwidth for that row size, kernel time) + set-up`, where a row is all that one hop
//! reads, as if it lay in one place; an answer without hops is one long row. All three parts are measured here:
//!
//! - bandwidth: rows at random places of a buffer as large as what the index keeps hot, on huge pages where the kernel
//!   gives them, one thread; per row size, since short rows wait for memory more than they read.
//! - kernel time: the `f32` dot product over as many bytes as one distance reads, from the first-level cache. Kernels
//!   of other codes may take longer, so this does not flatter.
//! - set-up: a search that admits no row, so that only the query is prepared.

use std::hint::black_box;
use std::time::Instant;

use alike_indexes::kernel::Kernels;
use alike_indexes::{Effort, Index, Request, RowSet, Scratch};
use anyhow::Context;
use memmap2::MmapMut;

use super::input::Vectors;
use super::random::Random;
use super::sweep::Measured;

/// Row sizes that are measured, in bytes.
const ROW_BYTES: [usize; 9] = [64, 128, 256, 512, 1 << 10, 2 << 10, 4 << 10, 16 << 10, 256 << 10];
/// The buffer is at least this large, more than a second-level cache, and at most this large.
const BUFFER_BYTES: (u64, u64) = (16 << 20, 1 << 30);
/// Bytes read per attempt, and attempts; the fastest counts.
const BYTES: usize = 16 << 20;
const ATTEMPTS: usize = 3;

/// A rate in bytes per second by row size, straight lines between the measured ones on logarithmic axes.
#[derive(Debug)]
struct Curve(Vec<(f64, f64)>);

impl Curve {
    fn at(&self, bytes: f64) -> f64 {
        let above = self.0.partition_point(|(size, _)| *size < bytes);
        match (
            above.checked_sub(1).and_then(|below| self.0.get(below)),
            self.0.get(above),
        ) {
            (Some(below), Some(above)) => {
                let share = (bytes / below.0).ln() / (above.0 / below.0).ln();
                (below.1.ln() + share * (above.1 / below.1).ln()).exp()
            }
            (Some(end), None) | (None, Some(end)) => end.1,
            (None, None) => f64::INFINITY,
        }
    }
}

/// What this machine can do for one index.
#[derive(Debug)]
pub(super) struct Limit {
    memory: Curve,
    kernel: Curve,
    setup: f64,
}

impl Limit {
    /// Measures; takes about half a second.
    pub(super) fn measure(index: &dyn Index, queries: &Vectors) -> anyhow::Result<Self> {
        Ok(Self {
            memory: bandwidth(index.hot_bytes())?,
            kernel: kernel_rate()?,
            setup: setup(index, queries)?,
        })
    }

    /// T_min of one query, in seconds.
    pub(super) fn seconds(&self, measured: &Measured) -> f64 {
        let hops = measured.hops.max(1.0);
        let row = measured.bytes / hops;
        let per_distance = measured.bytes / measured.distances.max(1.0);
        let memory = row / self.memory.at(row);
        let kernel = row / self.kernel.at(per_distance);
        hops * memory.max(kernel) + self.setup
    }

    /// Bytes per second at this row size.
    pub(super) fn bandwidth(&self, row_bytes: f64) -> f64 {
        self.memory.at(row_bytes)
    }

    /// Seconds a query takes before it reads anything.
    pub(super) fn setup(&self) -> f64 {
        self.setup
    }
}

/// Bytes per second when rows at random places are read.
fn bandwidth(hot_bytes: u64) -> anyhow::Result<Curve> {
    let len = hot_bytes.clamp(BUFFER_BYTES.0, BUFFER_BYTES.1) as usize;
    let mut buffer = MmapMut::map_anon(len).context("could not get memory to measure its bandwidth")?;
    #[cfg(target_os = "linux")]
    // Advice: without huge pages the figures are those of small ones.
    let _ = buffer.advise(memmap2::Advice::HugePage);
    buffer.fill(1);
    let words = buffer.as_chunks::<8>().0;
    let rate = |bytes: usize| {
        let (words_per_row, rows) = (bytes / 8, len / bytes);
        let reads = (BYTES / bytes).max(4);
        let attempt = |seed: usize| {
            let mut random = Random::new(seed as u64);
            let started = Instant::now();
            let mut sum = 0_u64;
            for _ in 0..reads {
                let start = random.below(rows) * words_per_row;
                let row = &words[start..start + words_per_row];
                sum = row
                    .iter()
                    .fold(sum, |sum, word| sum.wrapping_add(u64::from_le_bytes(*word)));
            }
            black_box(sum);
            (reads * bytes) as f64 / started.elapsed().as_secs_f64()
        };
        (bytes as f64, (0..ATTEMPTS).map(attempt).fold(0.0, f64::max))
    };
    Ok(Curve(ROW_BYTES.into_iter().map(rate).collect()))
}

/// Bytes per second of the `f32` kernel over rows in the first-level cache.
fn kernel_rate() -> anyhow::Result<Curve> {
    let kernels = Kernels::detect()?;
    let rate = |bytes: usize| {
        let (query, row) = (vec![1.0_f32; bytes / 4], vec![0.5_f32; bytes / 4]);
        let reads = (BYTES / bytes).max(4);
        let attempt = |_| {
            let started = Instant::now();
            for _ in 0..reads {
                black_box(kernels.dot(black_box(&query), black_box(&row)));
            }
            (reads * bytes) as f64 / started.elapsed().as_secs_f64()
        };
        (bytes as f64, (0..ATTEMPTS).map(attempt).fold(0.0, f64::max))
    };
    // Longer rows than these would not stay in the first-level cache.
    let sizes = ROW_BYTES.into_iter().filter(|&bytes| bytes <= 4 << 10);
    Ok(Curve(sizes.map(rate).collect()))
}

/// Seconds until the index starts to read: a search that admits nothing.
fn setup(index: &dyn Index, queries: &Vectors) -> anyhow::Result<f64> {
    let nothing = RowSet::new(index.len());
    let request = Request {
        k: 1,
        effort: Effort::Exact,
        filter: Some(&nothing),
    };
    let mut scratch = Scratch::new();
    let mut fastest = f64::INFINITY;
    let asked = queries.len().min(100);
    for _ in 0..ATTEMPTS {
        let started = Instant::now();
        for row in 0..asked {
            index.search(queries.row(row), &request, &mut scratch)?;
        }
        fastest = fastest.min(started.elapsed().as_secs_f64() / asked as f64);
    }
    Ok(fastest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_between_measured_sizes_lie_on_a_power_law() {
        let curve = Curve(vec![(64.0, 1e9), (256.0, 4e9), (1024.0, 4e9)]);
        for (bytes, expected) in [
            (1.0, 1e9),
            (64.0, 1e9),
            (128.0, 2e9),
            (256.0, 4e9),
            (500.0, 4e9),
            (1e9, 4e9),
        ] {
            let found = curve.at(bytes);
            assert!((found / expected - 1.0).abs() < 1e-9, "{found} at {bytes}");
        }
    }

    #[test]
    fn the_limit_is_the_slower_of_memory_and_kernel_plus_set_up() {
        let limit = |memory, kernel| Limit {
            memory: Curve(vec![(64.0, memory)]),
            kernel: Curve(vec![(64.0, kernel)]),
            setup: 1e-6,
        };
        let measured = |hops, bytes| Measured {
            hops,
            bytes,
            distances: 500.0,
            ..Measured::default()
        };
        let near = |found: f64, expected: f64| assert!((found / expected - 1.0).abs() < 1e-9, "{found}");
        near(limit(1e9, 1e10).seconds(&measured(50.0, 100_000.0)), 101e-6);
        near(limit(1e9, 1e8).seconds(&measured(50.0, 100_000.0)), 1001e-6);
        // A scan has no hops; it is one long row.
        near(limit(1e9, 1e10).seconds(&measured(0.0, 100_000.0)), 101e-6);
        near(limit(1e9, 1e10).seconds(&measured(0.0, 0.0)), 1e-6);
    }

    #[test]
    fn memory_and_kernel_are_measured() {
        for curve in [bandwidth(0).unwrap(), kernel_rate().unwrap()] {
            assert!(curve.0.is_sorted_by(|a, b| a.0 < b.0));
            assert!(
                curve.0.iter().all(|(_, rate)| (1e6..1e13).contains(rate)),
                "{curve:?}"
            );
        }
    }
}

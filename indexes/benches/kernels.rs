//! Nanoseconds per distance, per instruction set: in cache, and gathered from more rows than any cache holds.

use std::hint::black_box;

use alike_indexes::kernel::{Kernels, Level, Rows};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};

/// Rows of the gather: 300 MB at 384 dimensions.
const ROWS: usize = 200_000;

fn values(len: usize) -> Vec<f32> {
    (0..len)
        .map(|value| ((value * 7919) % 1009) as f32 / 1009.0 - 0.5)
        .collect()
}

fn in_cache(criterion: &mut Criterion) {
    for dimension in [384, 768, 385] {
        let mut group = criterion.benchmark_group(format!("in_cache/{dimension}"));
        let (a, b) = (values(dimension), values(dimension + 5));
        for kernels in Level::available().filter_map(Kernels::at) {
            let level = kernels.level();
            group.bench_function(BenchmarkId::new("dot", level), |bencher| {
                bencher.iter(|| kernels.dot(black_box(&a), black_box(&b)));
            });
            group.bench_function(BenchmarkId::new("squared_l2", level), |bencher| {
                bencher.iter(|| kernels.squared_l2(black_box(&a), black_box(&b)));
            });
        }
    }
}

fn gathered(criterion: &mut Criterion) {
    let dimension = 384;
    let (rows, query) = (values(ROWS * dimension), values(dimension));
    let rows = Rows::new(&rows, dimension);
    let batches: Vec<Vec<u32>> = (0..4096_u32)
        .map(|batch| {
            (0..16)
                .map(|row| (batch * 16 + row).wrapping_mul(2_654_435_761) % ROWS as u32)
                .collect()
        })
        .collect();
    let mut group = criterion.benchmark_group("gather_16_of_200k/384");
    group.throughput(Throughput::Elements(16));
    for kernels in Level::available().filter_map(Kernels::at) {
        let (mut out, mut next) = ([0.0; 16], batches.iter().cycle());
        group.bench_function(BenchmarkId::new("dot", kernels.level()), |bencher| {
            bencher.iter(|| {
                kernels.negative_dot_rows(&query, &rows, next.next().map_or(&[], Vec::as_slice), &mut out);
            });
        });
    }
}

criterion_group!(benches, in_cache, gathered);
criterion_main!(benches);

//! Nanoseconds per distance, per instruction set: in cache, and gathered from many rows in random order.

use std::hint::black_box;

use alike_indexes::kernel::{CodeRows, Kernels, Level, Rows};
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

/// Batches of 16 rows in random order.
fn batches() -> Vec<Vec<u32>> {
    let row_of = |place: u32| ((u64::from(place.wrapping_mul(2_654_435_761)) * ROWS as u64) >> 32) as u32;
    let batch_of = |batch: u32| (0..16).map(|row| row_of(batch * 16 + row)).collect();
    (0..12_500).map(batch_of).collect()
}

fn gathered(criterion: &mut Criterion) {
    let dimension = 384;
    let (rows, query) = (values(ROWS * dimension), values(dimension));
    let rows = Rows::new(&rows, dimension);
    let batches = batches();
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

fn query(dimension: usize) -> Vec<i8> {
    (0..dimension)
        .map(|position| (position * 89 % 256) as u8 as i8)
        .collect()
}

fn codes(len: usize) -> Vec<u8> {
    (0..len).map(|position| (position * 7919 % 1009) as u8).collect()
}

fn codes_in_cache(criterion: &mut Criterion) {
    for dimension in [384, 768] {
        let mut group = criterion.benchmark_group(format!("codes_in_cache/{dimension}"));
        let (query, codes) = (query(dimension), codes(dimension));
        let packed = &codes[..dimension / 2];
        for kernels in Level::available().filter_map(Kernels::at) {
            let level = kernels.level();
            group.bench_function(BenchmarkId::new("dot_u8", level), |bencher| {
                bencher.iter(|| kernels.dot_u8(black_box(&query), black_box(&codes)));
            });
            group.bench_function(BenchmarkId::new("dot_u4", level), |bencher| {
                bencher.iter(|| kernels.dot_u4(black_box(&query), black_box(packed)));
            });
        }
    }
}

/// One `_rows` function over batches of 16 rows.
fn gather_codes(
    criterion: &mut Criterion,
    name: &str,
    dimension: usize,
    (stride, batches): (usize, &[Vec<u32>]),
    score: impl Fn(&Kernels, &[i8], &CodeRows<'_>, &[u32], &mut [i32]),
) {
    let (query, codes) = (query(dimension), codes(ROWS * stride));
    let rows = CodeRows::new(&codes, stride);
    let mut group = criterion.benchmark_group(format!("{name}/{dimension}"));
    group.throughput(Throughput::Elements(16));
    for kernels in Level::available().filter_map(Kernels::at) {
        let (mut out, mut next) = ([0; 16], batches.iter().cycle());
        group.bench_function(BenchmarkId::from_parameter(kernels.level()), |bencher| {
            bencher.iter(|| {
                let ids = next.next().map_or(&[][..], Vec::as_slice);
                score(&kernels, &query, &rows, ids, &mut out);
                black_box(&out);
            });
        });
    }
}

fn codes_gathered(criterion: &mut Criterion) {
    let (random, same) = (batches(), [(0..16).collect()]);
    for dimension in [384, 768] {
        for (name, batches) in [
            ("gather_16_of_200k", &random[..]),
            ("16_rows_in_cache", &same[..]),
        ] {
            let shape = (dimension, batches);
            gather_codes(
                criterion,
                &format!("{name}_u8"),
                dimension,
                shape,
                Kernels::dot_u8_rows,
            );
            let shape = (dimension / 2, batches);
            gather_codes(
                criterion,
                &format!("{name}_u4"),
                dimension,
                shape,
                Kernels::dot_u4_rows,
            );
        }
    }
}

criterion_group!(benches, in_cache, gathered, codes_in_cache, codes_gathered);
criterion_main!(benches);

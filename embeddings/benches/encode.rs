//! Speed of the encoder on the real model: one query, a batch of short texts, a mixed catalog.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Duration;

use alike_embeddings::{Encoder, EncoderSettings, ModelBundle, initialize};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// 16 tokens with the two special ones.
const SHORT: &str = "red running shoes for women with a wide toe box and good grip";

fn encoder(settings: EncoderSettings) -> Encoder {
    let home = Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|dir| dir.join(".alike"))
        .find(|dir| dir.is_dir())
        .expect("no .alike folder: run scripts/setup");
    initialize(&library(&home.join("lib"))).expect("the library loads");
    let bundle = ModelBundle::open(&home.join("models/all-minilm-l6-v2")).expect("the bundle opens");
    Encoder::open(&bundle, settings).expect("the encoder opens")
}

fn library(dir: &Path) -> PathBuf {
    let files = dir.read_dir().expect("no .alike/lib folder: run scripts/setup");
    files
        .filter_map(|file| Some(file.ok()?.path()))
        .find(|path| path.to_string_lossy().contains("libonnxruntime.so"))
        .expect("no libonnxruntime.so in .alike/lib: run scripts/setup")
}

/// 256 texts of 8 to 250 words, most of them short, as in a catalog.
fn mixed() -> Vec<String> {
    (0..256_usize)
        .map(|i| {
            SHORT
                .split(' ')
                .cycle()
                .take(8 + (i * i) % 31 + i / 32 * i / 8)
                .collect::<Vec<_>>()
                .join(" ")
        })
        .collect()
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn benches(criterion: &mut Criterion) {
    let queries = encoder(EncoderSettings::for_queries(cores()));
    criterion.bench_function("query/16 tokens", |bencher| {
        bencher.iter(|| queries.encode_query(black_box(SHORT)));
    });
    drop(queries);

    let bulk = encoder(EncoderSettings::for_bulk(cores()));
    for (name, texts) in [
        ("documents/32 x 16 tokens", vec![SHORT.to_owned(); 32]),
        ("documents/256 mixed", mixed()),
    ] {
        let mut group = criterion.benchmark_group(name);
        group.throughput(Throughput::Elements(texts.len() as u64));
        group.bench_function("encode", |bencher| {
            bencher.iter(|| bulk.encode_documents(black_box(&texts)));
        });
        group.finish();
    }
}

criterion_group! {
    name = encode;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(10));
    targets = benches
}
criterion_main!(encode);

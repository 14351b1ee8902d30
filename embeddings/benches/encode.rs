//! Speed of the encoder on the real model, each variant that the installed bundle has: one query, batches of one length,
//! a mixed catalog. Beside Python's onnxruntime it is measured by `scripts/bench-encoder`.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::time::Duration;

use alike_embeddings::{Encoder, EncoderSettings, ModelBundle, Variant, initialize};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// 16 tokens with the two special ones.
const SHORT: &str = "red running shoes for women with a wide toe box and good grip";

/// The `.alike` folder in an ancestor of this crate.
fn home() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .ancestors()
        .map(|dir| dir.join(".alike"))
        .find(|dir| dir.is_dir())
        .expect("no .alike folder: run scripts/setup")
}

fn library(dir: &Path) -> PathBuf {
    let files = dir.read_dir().expect("no .alike/lib folder: run scripts/setup");
    files
        .filter_map(|file| Some(file.ok()?.path()))
        .find(|path| path.to_string_lossy().contains("libonnxruntime.so"))
        .expect("no libonnxruntime.so in .alike/lib: run scripts/setup")
}

/// The first words of the short text, over and over.
fn words(count: usize) -> String {
    let words: Vec<&str> = SHORT.split(' ').cycle().take(count).collect();
    words.join(" ")
}

/// 256 texts of 8 to 250 words, most of them short, as in a catalog.
fn mixed() -> Vec<String> {
    (0..256_usize)
        .map(|i| words(8 + (i * i) % 31 + i / 32 * i / 8))
        .collect()
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

fn variant(criterion: &mut Criterion, bundle: &ModelBundle, variant: Variant) {
    let open = |settings: EncoderSettings| {
        let settings = EncoderSettings {
            variant: Some(variant),
            ..settings
        };
        Encoder::open(bundle, settings).expect("the encoder opens")
    };
    let queries = open(EncoderSettings::for_queries(cores()));
    criterion.bench_function(&format!("{variant}/query of 16 tokens"), |bencher| {
        bencher.iter(|| queries.encode_query(black_box(SHORT)));
    });
    drop(queries);

    let bulk = open(EncoderSettings::for_bulk(cores()));
    for (name, texts) in [
        ("128 x 16 tokens", vec![SHORT.to_owned(); 128]),
        ("16 x 128 tokens", vec![words(126); 16]),
        ("256 mixed", mixed()),
    ] {
        let mut group = criterion.benchmark_group(format!("{variant}/documents"));
        group.throughput(Throughput::Elements(texts.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| bulk.encode_documents(black_box(&texts)));
        });
        group.finish();
    }
}

fn benches(criterion: &mut Criterion) {
    initialize(&library(&home().join("lib"))).expect("the library loads");
    let folder = home().join("models/all-minilm-l6-v2");
    let bundle = ModelBundle::open(&folder).expect("the bundle opens");
    for found in [Variant::Plain, Variant::Int8] {
        if folder.join(found.file_name()).exists() {
            variant(criterion, &bundle, found);
        }
    }
}

criterion_group! {
    name = encode;
    config = Criterion::default().sample_size(20).measurement_time(Duration::from_secs(10));
    targets = benches
}
criterion_main!(encode);

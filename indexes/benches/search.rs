//! Time per query through a mapped file: the walk per beam, the scan, filters. Data made up, in clusters.

#[path = "../tests/support/mod.rs"]
mod support;

use alike_indexes::{BuildSettings, Effort, Index, Kind, Metric, Request, RowSet, Scratch, VectorsView};
use criterion::{Criterion, criterion_group, criterion_main};
use support::{Random, clustered};

const ROWS: usize = 30_000;
const DIMENSION: usize = 384;

fn built(folder: &tempfile::TempDir, kind: Kind) -> Box<dyn Index> {
    let path = folder.path().join(kind.name());
    let base = clustered(ROWS, DIMENSION, 300, 1, 1);
    let vectors = VectorsView::new(&base, DIMENSION).expect("whole rows");
    let settings = BuildSettings {
        ef_construction: 100,
        ..BuildSettings::new(kind, Metric::Cosine)
    };
    alike_indexes::build(vectors, &settings, &|_| (), &path).expect("an index");
    alike_indexes::open(&path).expect("the index just built")
}

fn search(criterion: &mut Criterion) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let queries = clustered(1_000, DIMENSION, 300, 1, 2);
    let mut random = Random(3);
    let filters = [500, 100, 10].map(|keep| {
        (
            keep,
            (0..ROWS).map(|_| random.next() % 1000 < keep).collect::<RowSet>(),
        )
    });
    let mut scratch = Scratch::new();
    let mut bench = |index: &dyn Index, name: String, request: Request<'_>| {
        let mut next = queries.chunks_exact(DIMENSION).cycle();
        criterion.bench_function(&name, |bencher| {
            bencher.iter(|| {
                index
                    .search(next.next().unwrap_or(&[]), &request, &mut scratch)
                    .map(|report| report.distances)
            });
        });
    };
    let (flat, graph) = (built(&folder, Kind::Flat), built(&folder, Kind::Hnsw));
    bench(flat.as_ref(), "flat".to_owned(), Request::default());
    for beam in [16, 64, 256] {
        bench(
            graph.as_ref(),
            format!("hnsw/beam_{beam}"),
            Request {
                effort: Effort::Beam(beam),
                ..Request::default()
            },
        );
    }
    for (keep, filter) in &filters {
        let request = Request {
            effort: Effort::Beam(64),
            filter: Some(filter),
            ..Request::default()
        };
        bench(graph.as_ref(), format!("hnsw/filter_permille_{keep}"), request);
    }
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(20);
    targets = search
}
criterion_main!(benches);

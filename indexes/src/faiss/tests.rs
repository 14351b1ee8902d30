//! Index types beyond the default, and what Faiss refuses.

use std::path::Path;

use crate::search::Effort;
use crate::{BuildSettings, Index, IndexError, Kind, Metric, Plan, Request, RowSet, Scratch, VectorsView};

const DIMENSION: usize = 16;

/// Rows around a few centers, seeded.
fn rows(len: usize, seed: u64) -> Vec<f32> {
    let mut state = seed;
    let mut random = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 40) as f32 / (1 << 24) as f32 - 0.5
    };
    let spread = |row: usize, place: usize| ((row * 31 % 40) * (place + 3) % 17) as f32 / 8.0;
    let values = (0..len).flat_map(|row| (0..DIMENSION).map(move |place| (row, place)));
    values.map(|(row, place)| spread(row, place) + random()).collect()
}

fn settings(factory: &str, metric: Metric) -> BuildSettings {
    BuildSettings {
        factory: Some(factory.to_owned()),
        ..BuildSettings::new(Kind::Faiss, metric)
    }
}

fn build(path: &Path, values: &[f32], settings: &BuildSettings) -> Result<Box<dyn Index>, IndexError> {
    crate::build(VectorsView::new(values, DIMENSION)?, settings, &|_| (), path)?;
    crate::verify(path)?;
    crate::open(path)
}

fn found(index: &dyn Index, query: &[f32], request: &Request<'_>) -> (Plan, Vec<u32>) {
    let mut scratch = Scratch::new();
    let report = index.search(query, request, &mut scratch).unwrap();
    let rows = scratch.neighbors().iter().map(|neighbor| neighbor.row.0);
    (report.plan, rows.collect())
}

/// Candidates of the searches here: few enough that no answer is a scan.
const BEAM: usize = 24;

/// Mean share of the exact ten that are found. No answer is a scan.
fn recall(index: &dyn Index, queries: &[f32], filter: Option<&RowSet>) -> f64 {
    let of = |query: &[f32]| {
        let request = Request {
            effort: Effort::Beam(BEAM),
            filter,
            ..Request::default()
        };
        let (plan, rows) = found(index, query, &request);
        assert_ne!(plan, Plan::Exact, "{:?}", index.description().factory);
        let exact = Request {
            effort: Effort::Exact,
            ..request
        };
        crate::recall::recall(&rows, &found(index, query, &exact).1)
    };
    let recalls: Vec<f64> = queries.chunks(DIMENSION).map(of).collect();
    recalls.iter().sum::<f64>() / recalls.len() as f64
}

/// Graphs, inverted lists, exhaustive types, transforms, refinement; with the filter given to Faiss and without.
#[test]
fn index_types_of_every_family_find_what_was_measured() {
    let folder = tempfile::tempdir().unwrap();
    let (base, queries) = (rows(3_000, 1), rows(40, 2));
    let half: RowSet = (0..3_000).map(|row| row / 40 % 20 < 11).collect();
    let factories = [
        ("HNSW16,Flat", Metric::Cosine),
        ("HNSW16,SQ8", Metric::Dot),
        ("HNSW16,PQ8x4", Metric::L2),
        ("NSG16,Flat", Metric::L2),
        ("IVF64,Flat", Metric::Cosine),
        ("IVF64,SQ8", Metric::Dot),
        ("IVF64,PQ8x4fs", Metric::L2),
        ("IVF64_HNSW16,PQ8x4", Metric::Cosine),
        ("RR16,IVF32,PQ8x4", Metric::L2),
        ("PCA12,HNSW16,SQ8", Metric::L2),
        ("IVF32,PQ4x4,RFlat", Metric::Dot),
        ("Flat", Metric::Cosine),
        ("SQ8", Metric::Dot),
        ("PQ16x4", Metric::L2),
        ("LSH", Metric::L2),
    ];
    for (factory, metric) in factories {
        let index = build(&folder.path().join(factory), &base, &settings(factory, metric)).unwrap();
        assert_eq!(index.description().factory.as_deref(), Some(factory));
        let mut measured = index.description().calibration.iter();
        let measured = measured.find(|entry| entry.beam as usize == BEAM);
        let (plain, filtered) = (
            recall(index.as_ref(), &queries, None),
            recall(index.as_ref(), &queries, Some(&half)),
        );
        // All rows of NSG go in at once, so none can be held out.
        assert_eq!(measured.is_none(), factory.starts_with("NSG"), "{factory}");
        let measured = measured.map_or(0.95, |entry| f64::from(entry.recall));
        println!("{factory} {metric}: measured {measured:.3}, found {plain:.3}, filtered {filtered:.3}");
        assert!(
            plain >= measured - 0.1,
            "{factory} {metric}: {plain} of {measured}"
        );
        assert!(
            filtered >= measured - 0.1,
            "{factory} {metric}: {filtered} of {measured} with a filter"
        );
    }
}

#[test]
fn what_faiss_does_not_understand_is_named_before_the_vectors_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    let unusable = vec![f32::NAN; DIMENSION * 100];
    for factory in [
        "",
        "bananas",
        "HNSW32,Bananas",
        "IVF10,",
        "HNSW32 ,SQ8",
        "PQ0",
        "IVF00,Flat",
        "IVF99999999999,Flat",
        "Flat\0",
        &"x".repeat(3_000),
    ] {
        let settings = settings(factory, Metric::L2);
        assert!(settings.check().is_err(), "{factory:?}");
        let error = build(&path, &unusable, &settings).unwrap_err();
        let named = matches!(&error, IndexError::Setting { name: "factory", found, .. } if factory.starts_with(found));
        assert!(named, "{factory:?}: {error}");
    }
    let error = build(&path, &unusable, &settings("PQ7", Metric::L2)).unwrap_err();
    assert!(error.to_string().starts_with("factory: found \"PQ7\""), "{error}");
    assert!(
        settings("PQ7", Metric::L2).check().is_ok(),
        "7 divides some dimensions"
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn too_few_rows_to_train_with_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("index");
    let error = build(&path, &rows(50, 1), &settings("IVF100,Flat", Metric::L2)).unwrap_err();
    assert!(error.to_string().contains("IVF100,Flat"), "{error}");
    assert!(
        build(&path, &[], &settings("IVF100,Flat", Metric::L2))
            .unwrap()
            .is_empty()
    );
}

#[test]
fn other_kinds_take_no_factory() {
    let settings = BuildSettings {
        kind: Kind::Flat,
        ..settings("Flat", Metric::L2)
    };
    assert!(settings.check().unwrap_err().to_string().contains("kind faiss"));
}

#[test]
fn equal_rows_are_found_together_and_filtered_apart() {
    let folder = tempfile::tempdir().unwrap();
    let mut base = rows(3_000, 1);
    let twin = base[..DIMENSION].to_vec();
    for row in 1_000..1_500 {
        base[row * DIMENSION..][..DIMENSION].copy_from_slice(&twin);
    }
    for factory in ["HNSW16,Flat", "IVF16,Flat"] {
        let index = build(
            &folder.path().join(factory),
            &base,
            &settings(factory, Metric::L2),
        )
        .unwrap();
        assert_eq!(index.description().duplicates, 500);
        let filter: RowSet = (0..3_000).map(|row| row >= 1_200).collect();
        for (filter, first) in [(None, [0, 1_000, 1_001]), (Some(&filter), [1_200, 1_201, 1_202])] {
            let request = Request {
                k: 3,
                effort: Effort::Beam(16),
                filter,
            };
            let (plan, rows) = found(index.as_ref(), &twin, &request);
            assert_ne!(plan, Plan::Exact, "{factory}");
            assert_eq!(rows, first, "{factory}");
        }
    }
}

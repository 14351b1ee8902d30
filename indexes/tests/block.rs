//! Blocks of rows in memory against a plain oracle: any content, dimension, metric, filter, k and history of merges.

#![allow(
    clippy::unwrap_used,
    reason = "a failed expectation stops the test, in its helpers too"
)]

mod support;

use alike_indexes::{
    Block, BuildSettings, Effort, Index, IndexError, Kind, Metric, Neighbor, Place, Plan, Request, RowId,
    RowSet, Scratch, VectorsView,
};
use proptest::prelude::*;
use support::{Random, check_shape, clustered, score};
use tempfile::TempDir;

/// Contents that are hard in different ways.
#[derive(Debug, Clone, Copy)]
enum Content {
    /// Like embeddings.
    Clustered,
    /// Small whole numbers: many rows are equal, or equally near.
    Whole,
    /// A few vectors again and again.
    Repeated,
    /// One or two dimensions that are not zero.
    Sparse,
    /// Far from the origin, close to each other.
    FarOff,
    /// Lengths from 1e-20 to 1e15.
    Sizes,
}

const CONTENTS: [Content; 6] = [
    Content::Clustered,
    Content::Whole,
    Content::Repeated,
    Content::Sparse,
    Content::FarOff,
    Content::Sizes,
];

/// Seeded vectors, none of them zero.
fn vectors(content: Content, len: usize, dimension: usize, seed: u64) -> Vec<f32> {
    let mut values = clustered(len, dimension, 7, seed, 1);
    let mut random = Random(seed ^ 0xabcd);
    for (row, vector) in values.chunks_exact_mut(dimension).enumerate() {
        match content {
            Content::Clustered => {}
            Content::Whole => vector
                .iter_mut()
                .for_each(|value| *value = (*value * 2.0).round()),
            Content::Repeated => vector
                .iter_mut()
                .zip(0_u8..)
                .for_each(|(value, place)| *value = f32::from((place + row as u8 % 5) % 7) - 2.5),
            Content::Sparse => {
                vector.fill(0.0);
                for _ in 0..2 {
                    vector[random.next() as usize % dimension] = random.normal();
                }
            }
            Content::FarOff => vector.iter_mut().for_each(|value| *value = 20.0 + 0.01 * *value),
            Content::Sizes => {
                let size = 10.0_f32.powi((random.next() % 36) as i32 - 20);
                vector.iter_mut().for_each(|value| *value *= size);
            }
        }
        if vector.iter().all(|value| *value == 0.0) {
            vector[0] = 1.0;
        }
    }
    values
}

fn block(values: &[f32], dimension: usize, metric: Metric) -> Block {
    Block::new(VectorsView::new(values, dimension).unwrap(), metric).unwrap()
}

fn random_set(len: usize, share: f64, random: &mut Random) -> RowSet {
    (0..len)
        .map(|_| ((random.next() >> 11) as f64) < share * (1_u64 << 53) as f64)
        .collect()
}

/// Rows and score bits of an answer.
fn answer(index: &dyn Index, query: &[f32], request: &Request<'_>, scratch: &mut Scratch) -> Vec<(u32, u32)> {
    index.search(query, request, scratch).unwrap();
    check_shape(index, scratch, request.filter);
    bits(scratch.neighbors())
}

fn bits(neighbors: &[Neighbor]) -> Vec<(u32, u32)> {
    let bits = neighbors
        .iter()
        .map(|neighbor| (neighbor.row.0, neighbor.score.to_bits()));
    bits.collect()
}

/// How far an f32 score may be from the true one.
fn slack(metric: Metric, query: &[f32], vector: &[f32]) -> f64 {
    let length = |vector: &[f32]| score(Metric::Dot, vector, vector).sqrt();
    let size = match metric {
        Metric::Cosine => 1.0,
        Metric::Dot => length(query) * length(vector),
        Metric::L2 => (length(query) + length(vector)).powi(2),
    };
    1e-5 * size + 1e-30
}

/// The answer is that of comparing every admitted row by the definition of the metric; rows may only change places
/// where rounding decides.
fn check_against_plain(
    values: &[f32],
    metric: Metric,
    query: &[f32],
    request: &Request<'_>,
    found: &[(u32, u32)],
) {
    let row = |row: u32| &values[row as usize * query.len()..][..query.len()];
    let len = (values.len() / query.len()) as u32;
    let admitted = (0..len).filter(|&row| request.filter.is_none_or(|filter| filter.contains(RowId(row))));
    let mut truth: Vec<(f64, u32)> = admitted.map(|of| (score(metric, query, row(of)), of)).collect();
    truth.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    assert_eq!(found.len(), request.k.min(truth.len()));
    for (&(found, bits), &(expected, at)) in found.iter().zip(&truth) {
        let slack = slack(metric, query, row(found)) + slack(metric, query, row(at));
        let own = score(metric, query, row(found));
        assert!((f64::from(f32::from_bits(bits)) - own).abs() <= slack);
        assert!((own - expected).abs() <= slack, "row {found} where {at} belongs");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn scans_answer_as_full_comparison(
        content in proptest::sample::select(&CONTENTS),
        metric in proptest::sample::select(&Metric::ALL),
        dimension in prop_oneof![1_usize..20, Just(64), 60_usize..70, Just(100)],
        len in prop_oneof![0_usize..20, 100_usize..900],
        k in prop_oneof![0_usize..12, 0_usize..1_000],
        share in proptest::option::of(prop_oneof![Just(0.0), Just(1.0), 0.01_f64..0.99]),
        seed in any::<u64>(),
    ) {
        let values = vectors(content, len, dimension, seed);
        let block = block(&values, dimension, metric);
        let mut random = Random(seed);
        let filter = share.map(|share| random_set(len, share, &mut random));
        let mut scratch = Scratch::new();
        let others = vectors(content, 3, dimension, seed ^ 1);
        // Queries that are rows, and others.
        for query in values.chunks_exact(dimension).step_by(len / 3 + 1).chain(others.chunks_exact(dimension)) {
            let request = Request { k, effort: Effort::Exact, filter: filter.as_ref() };
            let exact = answer(&block, query, &request, &mut scratch);
            check_against_plain(&values, metric, query, &request, &exact);
            for effort in [Effort::Default, Effort::Beam(1), Effort::Recall(0.5)] {
                let found = answer(&block, query, &Request { effort, ..request }, &mut scratch);
                prop_assert_eq!(&found, &exact, "{:?}", effort);
            }
        }
    }

    #[test]
    fn merges_are_as_if_made_at_once(
        content in proptest::sample::select(&CONTENTS),
        metric in proptest::sample::select(&Metric::ALL),
        dimension in prop_oneof![1_usize..20, Just(64), Just(70)],
        sizes in proptest::collection::vec(prop_oneof![0_usize..5, 0_usize..200], 1..12),
        share in proptest::option::of(prop_oneof![Just(1.0), 0.0_f64..1.0]),
        seed in any::<u64>(),
    ) {
        let values = vectors(content, sizes.iter().sum(), dimension, seed);
        let mut random = Random(seed);
        let mut rest = values.as_slice();
        // Blocks, and the vectors that they should hold.
        let mut parts: Vec<(Block, Vec<f32>)> = Vec::new();
        for size in sizes {
            let (own, after) = rest.split_at(size * dimension);
            rest = after;
            parts.push((block(own, dimension, metric), own.to_vec()));
        }
        while parts.len() > 1 {
            let first = random.next() as usize % (parts.len() - 1);
            let last = parts.len().min(first + 2 + random.next() as usize % 3);
            let merged: Vec<(Block, Vec<f32>)> = parts.drain(first..last).collect();
            let keeps: Vec<Option<RowSet>> =
                merged.iter().map(|(block, _)| share.map(|share| random_set(block.len(), share, &mut random))).collect();
            let together: Vec<_> =
                merged.iter().zip(&keeps).map(|((block, _), keep)| (block, keep.as_ref())).collect();
            let kept = merged.iter().zip(&keeps).flat_map(|((_, values), keep)| {
                let rows = values.chunks_exact(dimension).zip(0_u32..);
                rows.filter(|(_, row)| keep.as_ref().is_none_or(|keep| keep.contains(RowId(*row))))
                    .flat_map(|(vector, _)| vector.to_vec())
                    .collect::<Vec<f32>>()
            });
            parts.insert(first, (Block::merge(&together).unwrap(), kept.collect()));
        }
        let (merged, kept) = parts.pop().unwrap();
        let fresh = block(&kept, dimension, metric);
        prop_assert_eq!(merged.len(), fresh.len());
        let stored = |block: &Block| -> Vec<u32> { block.vectors().flatten().map(|value| value.to_bits()).collect() };
        prop_assert_eq!(stored(&merged), stored(&fresh));
        for row in 0..fresh.len() as u32 {
            prop_assert_eq!(merged.vector(RowId(row)), fresh.vector(RowId(row)));
        }
        prop_assert!(merged.vector(RowId(fresh.len() as u32)).is_none());
        let mut scratch = Scratch::new();
        for query in values.chunks_exact(dimension).take(4) {
            for k in [1, 10, 50] {
                let request = Request { k, ..Request::default() };
                let found = answer(&merged, query, &request, &mut scratch);
                let report = fresh.search(query, &request, &mut scratch).unwrap();
                prop_assert_eq!(&found, &bits(scratch.neighbors()));
                prop_assert_eq!(merged.search(query, &request, &mut scratch).unwrap(), report, "the same codes");
            }
        }
    }
}

#[test]
fn large_blocks_scan_and_still_find_all() {
    let (len, dimension) = (8_192, 96);
    let mut scratch = Scratch::new();
    for metric in Metric::ALL {
        let values = clustered(len, dimension, 60, 3, 1);
        let block = block(&values, dimension, metric);
        let queries = clustered(64, dimension, 60, 3, 2);
        let mut compared = 0;
        for query in queries.chunks_exact(dimension) {
            let exact = Request {
                effort: Effort::Exact,
                ..Request::default()
            };
            let truth = answer(&block, query, &exact, &mut scratch);
            let report = block.search(query, &Request::default(), &mut scratch).unwrap();
            assert_eq!(bits(scratch.neighbors()), truth);
            assert_eq!(report.plan, Plan::Scan);
            compared += report.distances - len as u64;
        }
        let mean = compared / 64;
        assert!(
            mean < len as u64 / 8,
            "{metric}: {mean} of {len} rows compared in full"
        );
    }
}

#[test]
fn batches_are_answered_as_single_queries() {
    let values = clustered(500, 40, 9, 4, 1);
    let block = block(&values, 40, Metric::Cosine);
    let queries = clustered(9, 40, 9, 4, 2);
    let view = VectorsView::new(&queries, 40).unwrap();
    let answers = block.search_batch(view, &Request::default()).unwrap();
    let mut scratch = Scratch::new();
    for (query, together) in view.rows().zip(answers) {
        let report = block.search(query, &Request::default(), &mut scratch).unwrap();
        assert_eq!(
            (scratch.neighbors(), report),
            (&together.neighbors[..], together.report)
        );
    }
}

#[test]
fn unusable_vectors_and_questions_are_named() {
    let of = |values: &[f32], metric| Block::new(VectorsView::new(values, 2).unwrap(), metric).unwrap_err();
    let zero = of(&[1.0, 0.0, 0.0, 0.0], Metric::Cosine);
    assert!(
        matches!(zero, IndexError::ZeroVector { place: Place::Row(1) }),
        "{zero}"
    );
    let nan = of(&[1.0, 0.0, 1.0, 1.0, 0.0, f32::NAN], Metric::Dot);
    let named = matches!(
        nan,
        IndexError::NotFinite {
            place: Place::Row(2),
            position: 1,
            ..
        }
    );
    assert!(named, "{nan}");
    let long = of(&[f32::MAX, 0.0], Metric::L2);
    assert!(matches!(long, IndexError::TooLong { .. }), "{long}");

    let few = block(&[1.0, 0.0, 0.0, 1.0], 2, Metric::Cosine);
    let mut scratch = Scratch::new();
    let wrong = RowSet::full(3);
    let request = Request {
        filter: Some(&wrong),
        ..Request::default()
    };
    let error = few.search(&[1.0, 1.0], &request, &mut scratch).unwrap_err();
    assert!(
        matches!(
            error,
            IndexError::FilterLength {
                found: 3,
                expected: 2
            }
        ),
        "{error}"
    );
    let error = few.search(&[1.0], &Request::default(), &mut scratch).unwrap_err();
    assert!(matches!(error, IndexError::Dimension { .. }), "{error}");
}

#[test]
fn blocks_that_do_not_belong_together_are_not_merged() {
    let few = block(&[1.0, 0.0, 0.0, 1.0], 2, Metric::Cosine);
    let setting = |error: IndexError| matches!(error, IndexError::Setting { name: "parts", .. });
    assert!(setting(Block::merge(&[]).unwrap_err()));
    let other = block(&[1.0, 0.0], 2, Metric::Dot);
    assert!(setting(
        Block::merge(&[(&few, None), (&other, None)]).unwrap_err()
    ));
    let other = block(&[1.0], 1, Metric::Cosine);
    let error = Block::merge(&[(&few, None), (&other, None)]).unwrap_err();
    assert!(
        matches!(
            error,
            IndexError::Dimension {
                found: 1,
                expected: 2,
                ..
            }
        ),
        "{error}"
    );
    let error = Block::merge(&[(&few, Some(&RowSet::full(1)))]).unwrap_err();
    assert!(
        matches!(
            error,
            IndexError::FilterLength {
                found: 1,
                expected: 2
            }
        ),
        "{error}"
    );
}

#[test]
fn a_sealed_block_scores_as_the_block() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("sealed");
    let (len, dimension) = (3_000, 40);
    for metric in Metric::ALL {
        let values = clustered(len, dimension, 30, 5, 1);
        let halves = values.split_at(values.len() / 2);
        let halves = [
            block(halves.0, dimension, metric),
            block(halves.1, dimension, metric),
        ];
        let block = Block::merge(&[(&halves[0], None), (&halves[1], None)]).unwrap();
        let report = block
            .seal(&BuildSettings::sealing(metric), &|_| (), &path)
            .unwrap();
        assert_eq!((report.rows, report.inserted + report.duplicates), (len, len));
        alike_indexes::verify(&path).unwrap();
        let sealed = alike_indexes::open(&path).unwrap();
        assert_eq!((sealed.kind(), sealed.unreachable()), (Kind::Graph, 0));
        let mut scratch = Scratch::new();
        let queries = clustered(50, dimension, 30, 5, 2);
        for query in queries.chunks_exact(dimension) {
            let request = Request {
                effort: Effort::Exact,
                ..Request::default()
            };
            let truth = answer(&block, query, &request, &mut scratch);
            assert_eq!(answer(&*sealed, query, &request, &mut scratch), truth, "{metric}");
        }
        let odd: RowSet = (0..len).map(|row| row % 2 == 1).collect();
        let copied = Block::copy_of(&*sealed, Some(&odd)).unwrap();
        let merged = Block::merge(&[(&block, Some(&odd))]).unwrap();
        let bits =
            |block: &Block| -> Vec<u32> { block.vectors().flatten().map(|value| value.to_bits()).collect() };
        assert!(
            copied.len() == len / 2 && bits(&copied) == bits(&merged),
            "{metric}"
        );
        let error = Block::copy_of(&*sealed, Some(&RowSet::full(1))).unwrap_err();
        assert!(
            matches!(error, IndexError::FilterLength { found: 1, .. }),
            "{error}"
        );
        let other = Metric::ALL.into_iter().find(|other| *other != metric).unwrap();
        let error = block
            .seal(&BuildSettings::sealing(other), &|_| (), &path)
            .unwrap_err();
        assert!(
            matches!(error, IndexError::Setting { name: "metric", .. }),
            "{error}"
        );
    }
}

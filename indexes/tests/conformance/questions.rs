//! What cannot be asked: a typed error, and nothing left from the question before.

use alike_indexes::{Effort, IndexError, Metric, Place, Request, RowSet, Scratch, VectorsView};

use super::data::{Set, build, cases};

#[test]
fn unusable_questions_are_named_and_leave_nothing() {
    let set = Set::plain(40, 3, 1);
    for (kind, metric) in cases() {
        let built = build(&set, kind, metric);
        let mut scratch = Scratch::new();
        let other = RowSet::full(41);
        for effort in [Effort::Default, Effort::Exact, Effort::Recall(0.95)] {
            let mut error = |query: &[f32], filter| {
                let good = Request {
                    effort,
                    ..Request::default()
                };
                built.index.search(set.row(0), &good, &mut scratch).unwrap();
                assert_eq!(scratch.neighbors().len(), 10);
                let error = built
                    .index
                    .search(query, &Request { filter, ..good }, &mut scratch);
                assert!(scratch.neighbors().is_empty(), "{kind} {metric}");
                error.unwrap_err()
            };
            for wrong in [&[][..], &[1.0, 2.0], &[1.0; 4]] {
                let error = error(wrong, None);
                assert!(
                    matches!(error, IndexError::Dimension { expected: 3, .. }),
                    "{error}"
                );
            }
            for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
                let error = error(&[1.0, value, 1.0], None);
                let named = matches!(
                    error,
                    IndexError::NotFinite {
                        place: Place::Query,
                        position: 1,
                        ..
                    }
                );
                assert!(named, "{error}");
            }
            let filtered = error(set.row(1), Some(&other));
            let named = matches!(
                filtered,
                IndexError::FilterLength {
                    found: 41,
                    expected: 40
                }
            );
            assert!(named, "{filtered}");
            let extreme = match metric {
                Metric::Cosine => error(&[0.0; 3], None),
                Metric::Dot | Metric::L2 => error(&[f32::MAX; 3], None),
            };
            let named = matches!(
                extreme,
                IndexError::ZeroVector { .. } | IndexError::TooLong { .. }
            );
            assert!(named, "{extreme}");
        }
    }
}

#[test]
fn an_unusable_query_of_a_batch_is_named_by_its_row() {
    let set = Set::plain(40, 3, 1);
    for (kind, metric) in cases() {
        let built = build(&set, kind, metric);
        let ask = |values: &[f32], dimension, request: &Request<'_>| {
            let queries = VectorsView::new(values, dimension).unwrap();
            built.index.search_batch(queries, request)
        };
        let all = Request::default();
        assert_eq!(ask(&[], 3, &all).unwrap().len(), 0, "{kind} {metric}");
        let wrong = ask(&[1.0; 8], 4, &all).unwrap_err();
        assert!(matches!(wrong, IndexError::Dimension { found: 4, .. }), "{wrong}");
        let broken = ask(&[1.0, 1.0, 1.0, 1.0, f32::NAN, 1.0], 3, &all).unwrap_err();
        assert!(broken.to_string().contains("row 1"), "{broken}");
        let other = RowSet::full(2);
        let request = Request {
            filter: Some(&other),
            ..all
        };
        let filtered = ask(&[1.0; 3], 3, &request).unwrap_err();
        assert!(matches!(filtered, IndexError::FilterLength { .. }), "{filtered}");
    }
}

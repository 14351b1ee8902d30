//! Every level against plain Rust, and plain Rust against 64-bit arithmetic.

use proptest::prelude::*;

use super::*;

/// Pairs of equal length, odd lengths included, that start anywhere in their allocation.
fn pairs(range: std::ops::Range<f32>) -> impl Strategy<Value = (Vec<f32>, Vec<f32>, usize)> {
    (0_usize..300, 0_usize..17).prop_flat_map(move |(len, skip)| {
        let values = || proptest::collection::vec(range.clone(), len + skip);
        (values(), values(), Just(skip))
    })
}

fn wide(a: &[f32], b: &[f32], term: impl Fn(f64, f64) -> f64) -> f64 {
    a.iter()
        .zip(b)
        .map(|(&x, &y)| term(f64::from(x), f64::from(y)))
        .sum()
}

/// Fails unless every level is within rounding of 64-bit arithmetic.
fn check(a: &[f32], b: &[f32]) -> Result<(), TestCaseError> {
    let dot = wide(a, b, |x, y| x * y);
    let l2 = wide(a, b, |x, y| (x - y) * (x - y));
    let scale = wide(a, b, |x, y| (x * y).abs());
    let slack = f64::from(f32::EPSILON) * (a.len() as f64 / 4.0 + 4.0);
    for level in Level::available() {
        let kernels = Kernels::at(level).unwrap();
        let found = (f64::from(kernels.dot(a, b)), f64::from(kernels.squared_l2(a, b)));
        let tiny = f64::from(f32::MIN_POSITIVE);
        prop_assert!(
            (found.0 - dot).abs() <= slack * scale + tiny,
            "{level} dot {} for {dot}",
            found.0
        );
        prop_assert!(
            (found.1 - l2).abs() <= 2.0 * slack * l2 + tiny,
            "{level} squared_l2 {} for {l2}",
            found.1
        );
    }
    Ok(())
}

proptest! {
    #[test]
    fn every_level_is_within_rounding((a, b, skip) in pairs(-2.0..2.0)) {
        check(&a[skip..], &b[skip..])?;
    }

    #[test]
    fn also_for_huge_values((a, b, skip) in pairs(-1e17..1e17)) {
        check(&a[skip..], &b[skip..])?;
    }

    #[test]
    fn also_for_tiny_values((a, b, skip) in pairs(-1e-20..1e-20)) {
        check(&a[skip..], &b[skip..])?;
    }

    #[test]
    fn rows_agree_with_pairs((values, query, _) in pairs(-2.0..2.0), ids in proptest::collection::vec(0_u32..40, 0..40)) {
        let stride = 7;
        let query = &query[..query.len().min(stride)];
        let rows = Rows::new(&values, stride);
        for kernels in Level::available().filter_map(Kernels::at) {
            let (mut dots, mut l2s) = (vec![0.0; ids.len()], vec![0.0; ids.len()]);
            kernels.negative_dot_rows(query, &rows, &ids, &mut dots);
            kernels.squared_l2_rows(query, &rows, &ids, &mut l2s);
            for ((&id, dot), l2) in ids.iter().zip(dots).zip(l2s) {
                let expected = rows.get(id).map(|row| (-kernels.dot(query, row), kernels.squared_l2(query, row)));
                prop_assert_eq!((dot, l2), expected.unwrap_or((f32::INFINITY, f32::INFINITY)));
            }
        }
    }
}

#[test]
fn lengths_around_every_lane_count_are_exact_on_small_integers() {
    for len in 0..130 {
        let a: Vec<f32> = (0..len).map(|value| (value % 7) as f32).collect();
        let b: Vec<f32> = (0..len).map(|value| (value % 5) as f32 - 2.0).collect();
        let expected = (
            wide(&a, &b, |x, y| x * y) as f32,
            wide(&a, &b, |x, y| (x - y) * (x - y)) as f32,
        );
        for kernels in Level::available().filter_map(Kernels::at) {
            let found = (kernels.dot(&a, &b), kernels.squared_l2(&a, &b));
            assert_eq!(found, expected, "{} at length {len}", kernels.level());
        }
    }
}

#[test]
fn extremes_stay_numbers_and_the_longer_slice_is_cut() {
    for kernels in Level::available().filter_map(Kernels::at) {
        let (high, low) = ([f32::MAX; 33], [f32::MIN; 33]);
        assert_eq!(
            kernels.squared_l2(&high, &low),
            f32::INFINITY,
            "{}",
            kernels.level()
        );
        assert_eq!(kernels.squared_l2(&high, &high), 0.0);
        assert_eq!(
            kernels.dot(&[f32::MIN_POSITIVE / 4.0; 5], &[1.0; 5]),
            f32::MIN_POSITIVE / 4.0 * 5.0
        );
        assert_eq!(kernels.dot(&[1.0; 40], &[2.0; 3]), 6.0);
        assert_eq!(kernels.dot(&[], &[2.0; 3]), 0.0);
        assert!(kernels.dot(&[f32::NAN; 20], &[1.0; 20]).is_nan());
    }
}

#[test]
fn the_level_of_this_process_is_one_it_has() {
    assert!(Kernels::detect().unwrap().level().is_available());
}

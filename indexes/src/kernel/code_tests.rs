//! Kernels over quantized codes: plain Rust against 64-bit arithmetic, every level against plain Rust.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// The most dimensions that sums are promised for.
const MOST: usize = 65_536;

/// Values with plenty of extremes among them.
fn query_value() -> impl Strategy<Value = i8> {
    prop_oneof![any::<i8>(), Just(i8::MIN), Just(i8::MAX)]
}

fn code() -> impl Strategy<Value = u8> {
    prop_oneof![any::<u8>(), Just(0), Just(255)]
}

/// A query and codes of unrelated lengths, and how many of the first values of each to leave out.
fn slices() -> impl Strategy<Value = (Vec<i8>, Vec<u8>, usize, usize)> {
    let (query, codes) = (vec(query_value(), 0..700), vec(code(), 0..700));
    (query, codes, 0_usize..65, 0_usize..65)
}

fn levels() -> impl Iterator<Item = Kernels> {
    Level::available().filter_map(Kernels::at)
}

fn naive(query: &[i8], codes: &[u8]) -> i64 {
    let pairs = query.iter().zip(codes);
    pairs
        .map(|(&value, &code)| i64::from(value) * i64::from(code))
        .sum()
}

/// One code per dimension, found dimension by dimension.
fn unpacked(codes: &[u8]) -> Vec<u8> {
    let dimensions = codes.len() * 2;
    let code_of = |dimension: usize| {
        let block = dimension / 128;
        let half = if dimensions - block * 128 >= 128 { 64 } else { 32 };
        let within = dimension % 128;
        let byte = codes[block * 64 + within % half];
        if within < half { byte % 16 } else { byte / 16 }
    };
    (0..dimensions).map(code_of).collect()
}

/// What `dot_u4` promises for slices of any length.
fn naive_u4(query: &[i8], codes: &[u8]) -> i64 {
    let groups = (query.len() / 64).min(codes.len() / 32);
    naive(&query[..groups * 64], &unpacked(&codes[..groups * 32]))
}

proptest! {
    #[test]
    fn every_level_is_exact((query, codes, skip_query, skip_codes) in slices()) {
        let query = &query[skip_query.min(query.len())..];
        let codes = &codes[skip_codes.min(codes.len())..];
        let expected = (naive(query, codes), naive_u4(query, codes));
        for kernels in levels() {
            let found = (i64::from(kernels.dot_u8(query, codes)), i64::from(kernels.dot_u4(query, codes)));
            prop_assert_eq!(found, expected, "{}", kernels.level());
        }
    }

    #[test]
    fn rows_agree_with_pairs(
        groups in 1_usize..9,
        behind in 0_usize..20,
        (bytes, query) in (vec(code(), 0..3000), vec(query_value(), 512)),
        ids in vec(0_u32..20, 0..40),
        room in 0_usize..40,
    ) {
        let query = &query[..groups * 64];
        for kernels in levels() {
            let rows = CodeRows::new(&bytes, groups * 64 + behind);
            let mut scores = vec![7; room];
            kernels.dot_u8_rows(query, &rows, &ids, &mut scores);
            prop_assert_eq!(scores, expected_scores(naive, query, &rows, &ids, room), "{}", kernels.level());

            let rows = CodeRows::new(&bytes, groups * 32 + behind);
            let mut scores = vec![7; room];
            kernels.dot_u4_rows(query, &rows, &ids, &mut scores);
            prop_assert_eq!(scores, expected_scores(naive_u4, query, &rows, &ids, room), "{}", kernels.level());
        }
    }
}

type Naive = fn(&[i8], &[u8]) -> i64;

/// The scores of `ids`; the places behind them stay as they were.
fn expected_scores(score: Naive, query: &[i8], rows: &CodeRows<'_>, ids: &[u32], room: usize) -> Vec<i32> {
    let score = |row| i32::try_from(score(query, row)).unwrap();
    let scores = ids.iter().map(|&id| rows.get(id).map_or(i32::MIN, score));
    scores.chain(std::iter::repeat(7)).take(room).collect()
}

#[test]
fn lengths_around_every_lane_count_are_exact() {
    let query: Vec<i8> = (0..600_i32)
        .map(|position| (position * 89 % 256 - 128) as i8)
        .collect();
    let codes: Vec<u8> = (0..600).map(|position| (position * 151 % 256) as u8).collect();
    for len in 0..600 {
        for kernels in levels() {
            let (level, found) = (kernels.level(), kernels.dot_u8(&query[..len], &codes));
            assert_eq!(i64::from(found), naive(&query[..len], &codes), "{level} at {len}");
            let found = kernels.dot_u4(&query[..len], &codes[..len / 2]);
            assert_eq!(
                i64::from(found),
                naive_u4(&query[..len], &codes[..len / 2]),
                "{level} at {len}"
            );
        }
    }
}

#[test]
fn extremes_are_exact_up_to_the_most_dimensions() {
    for dimension in [64, 128, 192, 384, 448, 768, MOST - 64, MOST] {
        for (value, code) in [
            (-128, 255),
            (127, 255),
            (-128, 0),
            (0, 255),
            (-1, 240),
            (-128, 15),
        ] {
            let (query, codes) = (vec![value; dimension], vec![code; dimension]);
            let packed = &codes[..dimension / 2];
            for kernels in levels() {
                let found = (kernels.dot_u8(&query, &codes), kernels.dot_u4(&query, packed));
                let expected = (naive(&query, &codes), naive_u4(&query, packed));
                let found = (i64::from(found.0), i64::from(found.1));
                assert_eq!(
                    found,
                    expected,
                    "{}: {dimension} × {value} × {code}",
                    kernels.level()
                );
            }
        }
    }
}

#[test]
fn each_dimension_of_a_packed_row_meets_its_own_code() {
    for dimension in [64, 128, 192, 384] {
        for chosen in 0..dimension {
            let mut query = vec![0; dimension];
            query[chosen] = 1;
            let codes: Vec<u8> = (0..dimension / 2).map(|byte| (byte * 37 % 256) as u8).collect();
            let expected = i32::from(unpacked(&codes)[chosen]);
            for kernels in levels() {
                let found = kernels.dot_u4(&query, &codes);
                assert_eq!(found, expected, "{}: {chosen} of {dimension}", kernels.level());
            }
        }
    }
}

#[test]
fn longer_sums_wrap_alike() {
    let (query, codes) = (vec![127; 2 * MOST + 64], vec![255; 2 * MOST + 64]);
    for kernels in levels() {
        let wrapped = (kernels.dot_u8(&query, &codes), kernels.dot_u4(&query, &codes));
        let expected = (naive(&query, &codes) as i32, naive_u4(&query, &codes) as i32);
        assert_eq!(wrapped, expected, "{}", kernels.level());
    }
}

#[test]
fn rows_shorter_or_longer_than_the_query_are_scored_over_what_both_have() {
    let query: Vec<i8> = (0..448_i32)
        .map(|position| (position * 89 % 256 - 128) as i8)
        .collect();
    let bytes: Vec<u8> = (0..4000).map(|position| (position * 151 % 256) as u8).collect();
    for (dimension, stride) in [
        (384, 383),
        (384, 320),
        (384, 191),
        (384, 160),
        (384, 401),
        (448, 384),
        (448, 223),
    ] {
        let (query, rows, ids) = (&query[..dimension], CodeRows::new(&bytes, stride), [1, 8, 3]);
        for kernels in levels() {
            let mut scores = ([0; 3], [0; 3]);
            kernels.dot_u8_rows(query, &rows, &ids, &mut scores.0);
            kernels.dot_u4_rows(query, &rows, &ids, &mut scores.1);
            let (level, expected) = (kernels.level(), |score| {
                expected_scores(score, query, &rows, &ids, 3)
            });
            assert_eq!(scores.0[..], expected(naive), "{level}: {dimension} of {stride}");
            assert_eq!(
                scores.1[..],
                expected(naive_u4),
                "{level}: {dimension} of {stride}"
            );
        }
    }
}

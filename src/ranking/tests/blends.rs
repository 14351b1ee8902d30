//! Several lists as one.

use super::*;

fn list(strategy: Strategy, weight: f32, scores: &[(u32, f32)]) -> List {
    let candidates = scores.iter().map(|&(at, score)| Candidate {
        place: place(at),
        score,
        strategy,
    });
    List {
        strategy,
        weight,
        candidates: candidates.collect(),
    }
}

fn shown(blended: &[Candidate]) -> Vec<(u32, f32, Strategy)> {
    let rounded = |score: f32| (score * 1e4).round() / 1e4;
    blended
        .iter()
        .map(|c| (number(c.place), rounded(c.score), c.strategy))
        .collect()
}

#[test]
fn lists_of_every_scale_count_by_their_weights() {
    use Strategy::{Similar, Trending};
    let similar = list(Similar, 3.0, &[(1, 0.81), (2, 0.805), (3, 0.8)]);
    let trending = list(Trending, 1.0, &[(3, 9_000.0), (4, 4_500.0), (5, 0.0)]);
    let blended = blend(&[similar, trending]);
    assert_eq!(
        shown(&blended),
        [
            (1, 0.75, Similar),
            (2, 0.4125, Similar),
            (3, 0.325, Trending),
            (4, 0.1375, Trending),
            (5, 0.025, Trending)
        ]
    );
}

#[test]
fn lists_without_weight_or_items_count_for_nothing() {
    use Strategy::{New, Popular, Similar};
    let one = list(Popular, 0.5, &[(7, -3.0)]);
    for weight in [0.0, -1.0, f32::NAN, f32::INFINITY] {
        let other = list(Similar, weight, &[(1, 1.0), (7, 0.5)]);
        assert_eq!(shown(&blend(&[other, one.clone()])), [(7, 1.0, Popular)]);
    }
    assert_eq!(
        shown(&blend(&[list(New, 1.0, &[]), one])),
        [(7, 0.3333, Popular)],
        "an item that one of the strategies does not know is not all that good"
    );
    assert!(blend(&[]).is_empty());
}

#[test]
fn equal_scores_and_duplicates_are_handled() {
    use Strategy::{ForYou, Rising};
    let flat = list(ForYou, 1.0, &[(2, 4.0), (1, 4.0), (2, 4.0)]);
    assert_eq!(shown(&blend(&[flat])), [(1, 1.0, ForYou), (2, 1.0, ForYou)]);
    let twice = list(ForYou, 1.0, &[(1, 0.0), (2, 5.0), (1, 10.0)]);
    let rising = list(Rising, 1.0, &[(1, 3.0)]);
    assert_eq!(
        shown(&blend(&[rising, twice])),
        [(1, 1.0, Rising), (2, 0.05, ForYou)],
        "of equal contributions the first"
    );
    let odd = list(
        ForYou,
        1.0,
        &[(1, f32::NAN), (2, f32::INFINITY), (3, f32::NEG_INFINITY)],
    );
    let blended = blend(&[odd]);
    assert!(blended.iter().all(|candidate| candidate.score.is_finite()));
    assert_eq!(number(blended[0].place), 2);
}

//! Scores of one list on a scale that all lists share.

/// What the worst of a list has on the common scale; the best has 1. Not 0: a boost could not lift it, and in a blend being
/// found last would be the same as not being found.
pub const LEAST: f32 = 0.1;

/// The score, or the nearest finite one; what is not a number is the worst.
pub(super) fn finite(score: f32) -> f32 {
    if score.is_nan() {
        return f32::MIN;
    }
    // Adding zero makes one zero of two, which would be told apart in an order of bits.
    score.clamp(f32::MIN, f32::MAX) + 0.0
}

/// Brings finite scores to [`LEAST`]..=1 in the order and the proportions that they have; equal ones are all 1.
pub(super) fn scale<'a>(scores: impl Iterator<Item = &'a mut f32>) {
    let scores: Vec<&mut f32> = scores.collect();
    let (mut least, mut most) = (f64::INFINITY, f64::NEG_INFINITY);
    for score in &scores {
        least = least.min(f64::from(**score));
        most = most.max(f64::from(**score));
    }
    for score in scores {
        let share = (f64::from(*score) - least) / (most - least);
        *score = if most > least {
            (f64::from(LEAST) + (1.0 - f64::from(LEAST)) * share) as f32
        } else {
            1.0
        };
    }
}

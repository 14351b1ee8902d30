//! How much each stretch of time counts in a window that ends now.

use super::types::UNITS;

/// `share · 2^(−age / half-life)` for each stretch that the window touches.
pub(super) struct Decay {
    first: i64,
    factors: Vec<f64>,
}

/// A window in time, seconds since the Unix epoch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) start: f64,
    pub(super) end: f64,
    /// Now: of the stretch that it is in, only what has passed counts as elapsed.
    pub(super) now: f64,
    /// Seconds after which things count half as much; none: they always count in full.
    pub(super) half_life: Option<f64>,
}

impl Decay {
    /// For stretches of `seconds`.
    pub(super) fn new(seconds: u32, span: Span) -> Self {
        let seconds = f64::from(seconds);
        let containing = |time: f64| (time / seconds).floor() as i64;
        let first = containing(span.start);
        let factors = (first..=containing(span.end))
            .map(|stretch| span.factor(stretch as f64 * seconds, seconds))
            .collect();
        Self { first, factors }
    }

    /// The decayed sum over stretches and their units, sorted by stretch; in views.
    pub(super) fn score(&self, stretches: &[(u32, u32)]) -> f64 {
        let from = stretches.partition_point(|&(at, _)| i64::from(at) < self.first);
        let units: f64 = stretches[from..]
            .iter()
            .map_while(|&(at, units)| {
                let place = usize::try_from(i64::from(at) - self.first).ok()?;
                Some(f64::from(units) * self.factors.get(place)?)
            })
            .sum();
        units / UNITS
    }
}

impl Span {
    /// The factor of the stretch that starts at `begin`.
    fn factor(&self, begin: f64, seconds: f64) -> f64 {
        let elapsed_end = (begin + seconds).min(self.now);
        let (covered_begin, covered_end) = (begin.max(self.start), elapsed_end.min(self.end));
        let elapsed = elapsed_end - begin;
        let share = if elapsed > 0.0 {
            ((covered_end - covered_begin) / elapsed).max(0.0)
        } else {
            1.0
        };
        let age = self.now - f64::midpoint(covered_begin, elapsed_end);
        let decay = self.half_life.map_or(1.0, |half_life| (-age / half_life).exp2());
        share * decay
    }
}

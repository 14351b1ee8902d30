//! Query times and recall.

use std::time::Instant;

use alike_indexes::VectorsView;
use alike_indexes::recall::recall;

/// What queries took, and what they found.
pub struct Timed {
    /// Median in microseconds.
    pub p50: f64,
    /// 99th percentile in microseconds.
    pub p99: f64,
    pub recall: f64,
}

/// Rounds over all queries; the quickest answer of each query counts, since the machine does other things too.
const ROUNDS: usize = 3;

/// Asks every query, one at a time on this thread.
pub fn time(queries: VectorsView<'_>, truth: &[Vec<u32>], mut ask: impl FnMut(&[f32]) -> Vec<u32>) -> Timed {
    let mut times = vec![f64::INFINITY; truth.len()];
    let mut found = 0.0;
    for round in 0..ROUNDS {
        for ((query, truth), time) in queries.rows().zip(truth).zip(&mut times) {
            let started = Instant::now();
            let rows = ask(query);
            *time = time.min(started.elapsed().as_secs_f64() * 1e6);
            if round == 0 {
                found += recall(&rows, truth);
            }
        }
    }
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    Timed {
        p50: at(0.5),
        p99: at(0.99),
        recall: found / truth.len() as f64,
    }
}

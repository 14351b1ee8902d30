//! Filters to bench with: rows at random, and rows that lie where the queries are, or where they are not.
//!
//! The latter stand for a category that goes along with what is looked for, or that contradicts it. A few queries
//! (seeded) give directions, from the mean of the rows; each query belongs to the direction it lies farthest along.
//! The correlated filter admits the rows farthest along that direction, the anti-correlated one those at its other end.

use alike_indexes::kernel::Kernels;
use alike_indexes::{Effort, Index, Metric, Request, RowId, RowSet, VectorsView};
use anyhow::Context;
use rayon::prelude::*;
use serde::Serialize;

use super::input::Vectors;
use super::random::Random;

/// Directions per bench.
const DIRECTIONS: usize = 16;

/// How a filter's rows lie to the query.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Relation {
    Random,
    Correlated,
    AntiCorrelated,
}

impl Relation {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::Correlated => "correlated",
            Self::AntiCorrelated => "anti_correlated",
        }
    }
}

/// One filter per query, all of one relation and size, and the true neighbors that they leave.
#[derive(Debug)]
pub(super) struct Filtered {
    pub(super) relation: Relation,
    pub(super) percent: f64,
    /// Rows that each filter admits.
    pub(super) admissible: usize,
    sets: Vec<RowSet>,
    /// Which of the sets each query has.
    set_of: Vec<usize>,
    pub(super) truth: Vec<Vec<u32>>,
}

impl Filtered {
    /// The filter of a query.
    pub(super) fn of(&self, query: usize) -> &RowSet {
        &self.sets[self.set_of[query]]
    }
}

/// What filters are made from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) base: &'a Vectors,
    pub(super) queries: &'a Vectors,
    pub(super) metric: Metric,
    pub(super) k: usize,
    pub(super) seed: u64,
    /// A flat index of the base: says what is true.
    pub(super) oracle: &'a dyn Index,
}

/// The filters for these percentages of the rows. One that admits every row is the same in every relation.
pub(super) fn make(source: &Source<'_>, percentages: &[f64]) -> anyhow::Result<Vec<Filtered>> {
    if percentages.is_empty() {
        return Ok(Vec::new());
    }
    let rows = source.base.len();
    let directions = Directions::find(source)?;
    let mut filters = Vec::new();
    for (position, &percent) in percentages.iter().enumerate() {
        let admissible = ((rows as f64 * percent / 100.0).round() as usize).clamp(1.min(rows), rows);
        let mut random = Random::new(source.seed.wrapping_add(position as u64 + 1));
        let sample = set(rows, &random.sample(rows, admissible));
        let mut add = |relation, sets: Vec<RowSet>, set_of: Vec<usize>| {
            let truth = truth(source, &sets, &set_of)?;
            filters.push(Filtered {
                relation,
                percent,
                admissible,
                sets,
                set_of,
                truth,
            });
            anyhow::Ok(())
        };
        add(Relation::Random, vec![sample], vec![0; source.queries.len()])?;
        if admissible == rows {
            continue;
        }
        let near = directions
            .orders
            .iter()
            .map(|order| set(rows, &order[..admissible]));
        add(Relation::Correlated, near.collect(), directions.of_query.clone())?;
        let far = directions
            .orders
            .iter()
            .map(|order| set(rows, &order[rows - admissible..]));
        add(
            Relation::AntiCorrelated,
            far.collect(),
            directions.of_query.clone(),
        )?;
    }
    Ok(filters)
}

fn set(len: usize, rows: &[u32]) -> RowSet {
    let mut set = RowSet::new(len);
    for &row in rows {
        set.insert(RowId(row));
    }
    set
}

/// Exact neighbors under each query's filter.
fn truth(source: &Source<'_>, sets: &[RowSet], set_of: &[usize]) -> anyhow::Result<Vec<Vec<u32>>> {
    let mut truth = vec![Vec::new(); set_of.len()];
    for (position, filter) in sets.iter().enumerate() {
        let asked: Vec<usize> = (0..set_of.len())
            .filter(|&query| set_of[query] == position)
            .collect();
        let queries: Vec<f32> = asked
            .iter()
            .flat_map(|&query| source.queries.row(query).iter().copied())
            .collect();
        let request = Request {
            k: source.k,
            effort: Effort::Exact,
            filter: Some(filter),
        };
        let queries = VectorsView::new(&queries, source.queries.dimension)?;
        let answers = source.oracle.search_batch(queries, &request);
        let answers = answers.context("could not compute the true neighbors under a filter")?;
        for (query, answer) in asked.into_iter().zip(answers) {
            truth[query] = answer.neighbors.iter().map(|neighbor| neighbor.row.0).collect();
        }
    }
    Ok(truth)
}

/// Directions of the query side.
struct Directions {
    /// Per direction all rows, farthest along it first.
    orders: Vec<Vec<u32>>,
    /// The direction of each query.
    of_query: Vec<usize>,
}

impl Directions {
    fn find(source: &Source<'_>) -> anyhow::Result<Self> {
        let kernels = Kernels::detect()?;
        let (base, queries) = (source.base, source.queries);
        let scale_of = |vector: &[f32]| match source.metric {
            Metric::Cosine => kernels.dot(vector, vector).sqrt().recip(),
            Metric::Dot | Metric::L2 => 1.0,
        };
        let mean = mean(base, scale_of);
        let anchors = Random::new(source.seed).sample(queries.len(), DIRECTIONS);
        let direction = |&anchor: &u32| -> Vec<f32> {
            let vector = queries.row(anchor as usize);
            let scale = scale_of(vector);
            let away: Vec<f32> = vector
                .iter()
                .zip(&mean)
                .map(|(x, mean)| x * scale - mean)
                .collect();
            let length = kernels.dot(&away, &away).sqrt().max(f32::MIN_POSITIVE);
            away.iter().map(|value| value / length).collect()
        };
        let directions: Vec<Vec<f32>> = anchors.iter().map(direction).collect();
        let along = |vector: &[f32], direction: &[f32]| kernels.dot(vector, direction) * scale_of(vector);
        let order = |direction: &Vec<f32>| -> Vec<u32> {
            let mut rows: Vec<(f32, u32)> = (0..base.len())
                .map(|row| (along(base.row(row), direction), row as u32))
                .collect();
            rows.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            rows.into_iter().map(|(_, row)| row).collect()
        };
        let farthest = |query: usize| {
            let along = directions
                .iter()
                .map(|direction| along(queries.row(query), direction));
            let farthest = along.enumerate().max_by(|a, b| a.1.total_cmp(&b.1));
            farthest.map_or(0, |(position, _)| position)
        };
        Ok(Self {
            orders: directions.par_iter().map(order).collect(),
            of_query: (0..queries.len()).map(farthest).collect(),
        })
    }
}

/// The mean of all vectors, each multiplied by its scale.
fn mean(vectors: &Vectors, scale_of: impl Fn(&[f32]) -> f32) -> Vec<f32> {
    let mut sum = vec![0.0_f64; vectors.dimension];
    for row in 0..vectors.len() {
        let vector = vectors.row(row);
        let scale = scale_of(vector);
        sum.iter_mut()
            .zip(vector)
            .for_each(|(sum, value)| *sum += f64::from(value * scale));
    }
    let count = vectors.len().max(1) as f64;
    sum.into_iter().map(|sum| (sum / count) as f32).collect()
}

#[cfg(test)]
mod tests {
    use alike_indexes::{BuildSettings, Kind};

    use super::*;

    /// Points on a circle; queries between them.
    fn circle(count: usize, offset: f32) -> Vectors {
        let angle = |at: usize| (at as f32 + offset) / count as f32 * std::f32::consts::TAU;
        Vectors {
            values: (0..count)
                .flat_map(|at| [angle(at).cos(), angle(at).sin()])
                .collect(),
            dimension: 2,
        }
    }

    #[test]
    fn filters_lie_where_they_say() {
        let (base, queries) = (circle(400, 0.0), circle(40, 0.3));
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("flat");
        let vectors = VectorsView::new(&base.values, 2).unwrap();
        let settings = BuildSettings::new(Kind::Flat, Metric::Cosine);
        alike_indexes::build(vectors, &settings, &|_| (), &path).unwrap();
        let oracle = alike_indexes::open(&path).unwrap();
        let source = Source {
            base: &base,
            queries: &queries,
            metric: Metric::Cosine,
            k: 5,
            seed: 1,
            oracle: oracle.as_ref(),
        };
        assert!(make(&source, &[]).unwrap().is_empty());
        let filters = make(&source, &[100.0, 10.0, 0.01]).unwrap();
        let sizes: Vec<_> = filters
            .iter()
            .map(|filter| (filter.relation, filter.admissible))
            .collect();
        use Relation::{AntiCorrelated, Correlated, Random};
        let expected = [
            (Random, 400),
            (Random, 40),
            (Correlated, 40),
            (AntiCorrelated, 40),
            (Random, 1),
            (Correlated, 1),
            (AntiCorrelated, 1),
        ];
        assert_eq!(sizes, expected);
        for filter in &filters {
            let mut mean = 0.0;
            for query in 0..queries.len() {
                let set = filter.of(query);
                assert_eq!(set.count(), filter.admissible);
                assert_eq!(filter.truth[query].len(), 5.min(filter.admissible));
                assert!(filter.truth[query].iter().all(|&row| set.contains(RowId(row))));
                let best = base.row(filter.truth[query][0] as usize);
                let cosine = best[0] * queries.row(query)[0] + best[1] * queries.row(query)[1];
                mean += cosine / queries.len() as f32;
            }
            match filter.relation {
                Correlated => assert!(mean > 0.9, "{mean}"),
                AntiCorrelated => assert!(mean < -0.6, "{mean}"),
                Random => {}
            }
        }
    }
}

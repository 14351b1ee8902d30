//! Sets of vectors that are hard in different ways, and the indexes built over them.

use std::path::{Path, PathBuf};
use std::sync::{LazyLock, OnceLock};

use alike_indexes::{BuildSettings, Index, Kind, Metric, VectorsView};
use tempfile::TempDir;

use crate::support::{Random, clustered};

/// Vectors and the queries asked about them.
pub struct Set {
    pub dimension: usize,
    pub base: Vec<f32>,
    /// From the same distribution as the base.
    pub queries: Vec<f32>,
    /// From another distribution.
    pub strangers: Vec<f32>,
}

impl Set {
    /// `rows` clustered vectors, 3 queries like them and 2 unlike them.
    pub fn plain(rows: usize, dimension: usize, seed: u64) -> Self {
        Self::sized(rows, dimension, 7, seed, [3, 2])
    }

    fn sized(
        rows: usize,
        dimension: usize,
        clusters: usize,
        seed: u64,
        [queries, strangers]: [usize; 2],
    ) -> Self {
        Self {
            dimension,
            base: clustered(rows, dimension, clusters, seed, 1),
            queries: clustered(queries, dimension, clusters, seed, 2),
            strangers: clustered(strangers, dimension, 3, seed + 1_000, 3),
        }
    }

    /// Clusters, exact duplicates near and far apart, near-duplicates (one value off by a rounding), and, where the
    /// metric takes them, vectors of zeros and lengths from 0.001 to 1,000 times the ordinary.
    pub fn mixed(rows: usize, dimension: usize, metric: Metric, seed: u64) -> Self {
        let mut set = Self::plain(rows, dimension, seed);
        let mut random = Random(seed);
        let mut row = || random.next() as usize % rows * dimension;
        for _ in 0..rows / 5 {
            let (from, to) = (row(), row());
            set.base.copy_within(from..from + dimension, to);
        }
        for _ in 0..rows / 10 {
            let (from, to) = (row(), row());
            set.base.copy_within(from..from + dimension, to);
            set.base[to] = set.base[to].next_up();
        }
        let clump = row().min((rows - rows / 10) * dimension);
        for to in 0..rows / 10 {
            set.base
                .copy_within(clump..clump + dimension, clump + to * dimension);
        }
        if metric == Metric::Dot {
            for (row, vector) in set.base.chunks_mut(dimension).enumerate() {
                let scale = [1.0, 1.0, 0.001, 3.0, 1_000.0][row % 5];
                vector.iter_mut().for_each(|value| *value *= scale);
            }
        }
        if metric != Metric::Cosine {
            for _ in 0..rows / 20 {
                let to = row();
                set.base[to..to + dimension].fill(0.0);
            }
            set.queries[..dimension].fill(0.0);
        }
        set
    }

    /// The vector of a row, as given to the build.
    pub fn row(&self, row: usize) -> &[f32] {
        &self.base[row * self.dimension..][..self.dimension]
    }

    pub fn len(&self) -> usize {
        self.base.len() / self.dimension
    }

    pub fn view(&self) -> VectorsView<'_> {
        VectorsView::new(&self.base, self.dimension).unwrap()
    }

    /// Queries of the same distribution, one by one.
    pub fn queries(&self) -> impl Iterator<Item = &[f32]> {
        self.queries.chunks_exact(self.dimension)
    }

    /// Queries of another distribution, one by one.
    pub fn strangers(&self) -> impl Iterator<Item = &[f32]> {
        self.strangers.chunks_exact(self.dimension)
    }
}

/// Every kind under every metric.
pub fn cases() -> impl Iterator<Item = (Kind, Metric)> {
    let metrics = |kind| Metric::ALL.into_iter().map(move |metric| (kind, metric));
    Kind::ALL.into_iter().flat_map(metrics)
}

/// What the suite builds with: graphs not larger than they need to be here.
pub fn settings(kind: Kind, metric: Metric) -> BuildSettings {
    BuildSettings {
        ef_construction: 100,
        ..BuildSettings::new(kind, metric)
    }
}

/// Builds, verifies and opens.
pub fn build_at(path: &Path, set: &Set, kind: Kind, metric: Metric) -> Box<dyn Index> {
    alike_indexes::build(set.view(), &settings(kind, metric), &|_| (), path).unwrap();
    alike_indexes::verify(path).unwrap();
    alike_indexes::open(path).unwrap()
}

/// A folder with one index file.
pub struct Built {
    pub index: Box<dyn Index>,
    pub path: PathBuf,
    _folder: TempDir,
}

pub fn build(set: &Set, kind: Kind, metric: Metric) -> Built {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join(format!("{kind}-{metric}.index"));
    Built {
        index: build_at(&path, set, kind, metric),
        path,
        _folder: folder,
    }
}

/// Enough rows that unfiltered searches, and filtered ones that admit many rows, are not answered by a scan.
pub static LARGE: LazyLock<Set> = LazyLock::new(|| Set::sized(20_000, 24, 100, 71, [200, 60]));

/// The indexes over [`LARGE`], each built by the first test that asks for it.
pub fn large(kind: Kind, metric: Metric) -> &'static dyn Index {
    static BUILT: [[OnceLock<Built>; Metric::ALL.len()]; Kind::ALL.len()] =
        [const { [const { OnceLock::new() }; Metric::ALL.len()] }; Kind::ALL.len()];
    let kinds = Kind::ALL.iter().position(|other| *other == kind).unwrap();
    let metrics = Metric::ALL.iter().position(|other| *other == metric).unwrap();
    BUILT[kinds][metrics]
        .get_or_init(|| build(&LARGE, kind, metric))
        .index
        .as_ref()
}

//! Building an index file.

use std::path::Path;
use std::time::Instant;

use serde::Serialize;

use crate::description::{BeamRecall, Description};
use crate::error::IndexError;
use crate::file::MappedFile;
use crate::graph::{GraphIndex, Inherited, Older};
use crate::index::{Kind, describe};
use crate::metric::Metric;
use crate::prepare::prepare_rows;
use crate::vectors::{AlignedRows, VectorsView};
use crate::{CodeBits, faiss, flat, graph, hnsw};

/// How to build an index.
#[derive(Debug, Clone, PartialEq)]
pub struct BuildSettings {
    /// Kind of index.
    pub kind: Kind,
    /// How vectors are compared.
    pub metric: Metric,
    /// Graph: links per node and upper layer, twice as many at level 0. 2 to 128.
    pub m: usize,
    /// Graph: candidates kept while a node is inserted. 1 to 10,000.
    pub ef_construction: usize,
    /// Kind `faiss`: the index type as a Faiss factory string, `HNSW32,SQ8` unless given. Its graphs are built with
    /// `ef_construction`; the links per node are part of the string.
    pub factory: Option<String>,
    /// The recall@10 that the default beam is chosen for, above 0, at most 1.
    pub recall_target: f32,
    /// Rows held out to measure recall, at most; never more than a tenth.
    pub held_out: usize,
    /// Kind graph: bits per dimension of the codes that a walk compares; `None` measures both and takes the cheaper.
    pub codes: Option<CodeBits>,
    /// Decides which rows are held out and the order of insertion.
    pub seed: u64,
    /// Threads; `None` is one per core.
    pub threads: Option<usize>,
    /// Whether the file survives a power cut from when the build returns. `false` saves waiting for the disk, for files
    /// that are made anew after a restart anyway.
    pub durable: bool,
}

impl BuildSettings {
    /// The defaults: M = 16, efConstruction = 200 (kind graph: 128), recall target 0.99 on at most 1,000 held-out rows, all cores.
    #[must_use]
    pub fn new(kind: Kind, metric: Metric) -> Self {
        Self {
            kind,
            metric,
            m: 16,
            ef_construction: if kind == Kind::Graph { 128 } else { 200 },
            factory: None,
            recall_target: 0.99,
            held_out: 1_000,
            codes: None,
            seed: 1,
            threads: None,
            durable: true,
        }
    }

    /// Settings to seal a [`Block`](crate::Block) with: kind graph on one thread, soon done, not synced to disk. The recall
    /// target is higher than usual, since fewer rows are held out to measure it.
    #[must_use]
    pub fn sealing(metric: Metric) -> Self {
        Self {
            ef_construction: 64,
            held_out: 200,
            recall_target: 0.995,
            codes: Some(CodeBits::Four),
            threads: Some(1),
            durable: false,
            ..Self::new(Kind::Graph, metric)
        }
    }

    /// Whether these settings can be built with; [`build`] checks it too, but long after the vectors have been made.
    ///
    /// # Errors
    /// [`IndexError::Setting`] naming the first setting that is out of range.
    pub fn check(&self) -> Result<(), IndexError> {
        let wrong = |name, found: String, expected: &str| {
            Err(IndexError::Setting {
                name,
                found,
                expected: expected.to_owned(),
            })
        };
        if !(2..=128).contains(&self.m) {
            return wrong("m", self.m.to_string(), "2 to 128");
        }
        if !(1..=10_000).contains(&self.ef_construction) {
            return wrong("ef_construction", self.ef_construction.to_string(), "1 to 10000");
        }
        if !(self.recall_target > 0.0 && self.recall_target <= 1.0) {
            return wrong(
                "recall_target",
                self.recall_target.to_string(),
                "a number above 0 and at most 1",
            );
        }
        if self.threads == Some(0) {
            return wrong("threads", "0".to_owned(), "at least 1");
        }
        self.check_factory(None)
    }

    /// Whether the factory string suits the kind, and vectors of this dimension where it is known.
    fn check_factory(&self, dimension: Option<usize>) -> Result<(), IndexError> {
        match (self.kind, &self.factory) {
            (Kind::Faiss, factory) => faiss::check_factory(factory.as_deref(), dimension, self.metric),
            (_, Some(factory)) => Err(IndexError::Setting {
                name: "factory",
                found: factory.clone(),
                expected: "none (it names a type of Faiss: kind faiss)".to_owned(),
            }),
            (_, None) => Ok(()),
        }
    }
}

/// What a build is busy with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Checking and normalizing the vectors.
    Prepare,
    /// Taking rows over from an older graph, then inserting the others; counts rows that are in the graph.
    Insert,
    /// Measuring recall on held-out rows; counts beams.
    Calibrate,
    /// Writing the file.
    Write,
}

/// How far a build is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Progress {
    /// What it is busy with.
    pub phase: Phase,
    /// Units done of this phase.
    pub done: u64,
    /// Units of this phase.
    pub total: u64,
}

/// What a build made.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct BuildReport {
    /// Number of rows.
    pub rows: usize,
    /// Rows whose vector an earlier row has too.
    pub duplicates: usize,
    /// Vectors whose links were taken over from the previous index, all of whose neighbors are still there.
    pub kept: usize,
    /// Vectors whose links were taken over but for neighbors that went, whose own neighbors filled the gaps.
    pub healed: usize,
    /// Vectors that were searched for and linked: new ones, held-out ones, and those that lost more than half of their
    /// links. After [`build`], all.
    pub inserted: usize,
    /// Bytes of the file.
    pub bytes: u64,
    /// Wall-clock time.
    pub seconds: f64,
    /// Rows that were held out to measure recall.
    pub held_out: usize,
    /// Recall@10 of the held-out rows per beam, against exact search; empty for a flat index and below ten rows.
    pub calibration: Vec<BeamRecall>,
    /// The default beam: the smallest measured one that reaches the recall target, else the largest.
    pub beam: usize,
    /// Recall at that beam; 1 for a flat index, `None` when nothing was measured.
    pub recall: Option<f32>,
}

/// Builds an index file at `path`: written beside it under another name, synced, then renamed, so that an interrupted
/// build leaves what was there before. Uses all cores (or [`BuildSettings::threads`]). No vectors at all is fine.
///
/// # Errors
/// [`IndexError::Setting`]; [`IndexError::WithoutFaiss`]; [`IndexError::NotFinite`], [`IndexError::ZeroVector`] (metric cosine) and
/// [`IndexError::TooLong`] naming the row; [`IndexError::Io`] when the file cannot be written.
pub fn build(
    vectors: VectorsView<'_>,
    settings: &BuildSettings,
    progress: &(dyn Fn(Progress) + Sync),
    path: &Path,
) -> Result<BuildReport, IndexError> {
    settings.check()?;
    settings.check_factory(Some(vectors.dimension()))?;
    in_pool(settings, path, || {
        build_here(vectors, None, settings, progress, path)
    })
}

/// As [`build`], for kind graph, reusing the graph in the index file at `previous`: rows whose vector it has keep their
/// links, lists that lost neighbors are healed, and only new rows are searched for. Which rows stayed is found by their
/// vectors, so they may come in any order; stored vectors ([`Index::vector`](crate::Index::vector)) are as good as those
/// they were made from (but normalizing twice, under metric cosine in few dimensions, may change a last bit: that row
/// counts as new). The file may have been built with other settings (a list keeps its length up to the new `m`),
/// and `path` may be `previous`.
///
/// # Errors
/// As [`build`]; [`IndexError::Setting`] for another kind than graph; [`IndexError::Previous`] when the previous index is
/// of another kind, metric or dimension; as [`open`](crate::open) when it cannot be read, and [`IndexError::Damaged`]
/// when its links are not those that were written.
pub fn rebuild(
    vectors: VectorsView<'_>,
    previous: &Path,
    settings: &BuildSettings,
    progress: &(dyn Fn(Progress) + Sync),
    path: &Path,
) -> Result<BuildReport, IndexError> {
    settings.check()?;
    if settings.kind != Kind::Graph {
        return Err(IndexError::Setting {
            name: "kind",
            found: settings.kind.to_string(),
            expected: "graph, the kind that is built on a previous index".to_owned(),
        });
    }
    let previous = open_previous(previous, vectors.dimension(), settings)?;
    in_pool(settings, path, || {
        build_here(vectors, Some(&previous), settings, progress, path)
    })
}

/// Opens the index to build on, if the new one can be built on it.
fn open_previous(path: &Path, dimension: usize, settings: &BuildSettings) -> Result<GraphIndex, IndexError> {
    let file = MappedFile::open(path)?;
    let description = describe(&file)?;
    let fields = [
        ("kind", description.kind.to_string(), settings.kind.to_string()),
        (
            "metric",
            description.metric.to_string(),
            settings.metric.to_string(),
        ),
        (
            "dimension",
            description.dimension.to_string(),
            dimension.to_string(),
        ),
    ];
    match fields.into_iter().find(|(_, found, expected)| found != expected) {
        Some((field, found, expected)) => Err(IndexError::Previous {
            path: path.to_owned(),
            field,
            found,
            expected,
        }),
        None => GraphIndex::from_file(file),
    }
}

/// Runs `work` on as many threads as the settings say.
fn in_pool<T: Send>(
    settings: &BuildSettings,
    path: &Path,
    work: impl FnOnce() -> Result<T, IndexError> + Send,
) -> Result<T, IndexError> {
    let threads = settings.threads.unwrap_or(0);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
    let pool = pool
        .map_err(std::io::Error::other)
        .map_err(IndexError::io(path, "start threads to build"))?;
    pool.install(work)
}

/// As [`build`] or [`rebuild`], on the current pool.
fn build_here(
    vectors: VectorsView<'_>,
    previous: Option<&GraphIndex>,
    settings: &BuildSettings,
    progress: &(dyn Fn(Progress) + Sync),
    path: &Path,
) -> Result<BuildReport, IndexError> {
    let started = Instant::now();
    let total = vectors.len() as u64;
    progress(Progress {
        phase: Phase::Prepare,
        done: 0,
        total,
    });
    let rows = prepare_rows(vectors, settings.metric)?;
    progress(Progress {
        phase: Phase::Prepare,
        done: total,
        total,
    });
    finish(
        &rows,
        vectors.dimension(),
        previous,
        settings,
        (started, progress),
        path,
    )
}

/// Builds an index file of rows that are prepared already.
pub(crate) fn build_prepared(
    rows: &AlignedRows,
    dimension: usize,
    settings: &BuildSettings,
    progress: &(dyn Fn(Progress) + Sync),
    path: &Path,
) -> Result<BuildReport, IndexError> {
    settings.check()?;
    settings.check_factory(Some(dimension))?;
    let started = Instant::now();
    in_pool(settings, path, || {
        finish(rows, dimension, None, settings, (started, progress), path)
    })
}

/// From prepared rows to the report.
fn finish(
    rows: &AlignedRows,
    dimension: usize,
    previous: Option<&GraphIndex>,
    settings: &BuildSettings,
    (started, progress): (Instant, &(dyn Fn(Progress) + Sync)),
    path: &Path,
) -> Result<BuildReport, IndexError> {
    let len = rows.as_rows().len();
    let mut description = Description::plain(settings.kind, settings.metric, dimension, len);
    let (bytes, inherited) = write(path, &mut description, rows, previous, settings, progress)?;
    let recall = if settings.kind == Kind::Flat {
        Some(1.0)
    } else {
        description.recall()
    };
    let duplicates = description.duplicates as usize;
    let Inherited { kept, healed } = inherited;
    Ok(BuildReport {
        rows: description.rows,
        duplicates,
        kept,
        healed,
        inserted: description.rows - duplicates - kept - healed,
        bytes,
        seconds: started.elapsed().as_secs_f64(),
        held_out: description.held_out as usize,
        calibration: description.calibration,
        beam: description.beam as usize,
        recall,
    })
}

/// Writes the file; gives its length in bytes and what was taken over from the previous index.
fn write(
    path: &Path,
    description: &mut Description,
    rows: &AlignedRows,
    previous: Option<&GraphIndex>,
    settings: &BuildSettings,
    progress: &(dyn Fn(Progress) + Sync),
) -> Result<(u64, Inherited), IndexError> {
    let bytes = match settings.kind {
        Kind::Flat => flat::write(path, description, rows.as_rows().values(), settings.durable)?,
        Kind::Hnsw => hnsw::write(path, description, rows, settings, progress)?,
        Kind::Graph => {
            let older = previous
                .map(|index| Older::of(index, &rows.as_rows()))
                .transpose()?;
            return graph::write(path, description, rows, older, settings, progress);
        }
        Kind::Faiss => faiss::write(path, description, rows, settings, progress)?,
    };
    Ok((bytes, Inherited::default()))
}

//! The trait every kind of index answers through, and opening a file of whichever kind.

use std::fmt;
use std::path::Path;
use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::description::Description;
use crate::error::IndexError;
use crate::faiss;
use crate::file::{MappedFile, tag};
use crate::flat::FlatIndex;
use crate::graph::GraphIndex;
use crate::hnsw::HnswIndex;
use crate::metric::Metric;
use crate::prepare::NO_ROW;
use crate::row::RowId;
use crate::search::{Answer, Report, Request, Scratch};
use crate::vectors::VectorsView;

/// Kinds of index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Every row is compared; always exact. A [`Block`](crate::Block) in memory is of this kind too.
    Flat,
    /// A hierarchical navigable small world graph (Malkov and Yashunin, arXiv 1603.09320) over f32 rows.
    Hnsw,
    /// A flat graph walked over 4- or 8-bit codes, answers ranked by the f32 rows. The default.
    Graph,
    /// Any index type of Faiss, named by a factory string. Needs the Cargo feature `faiss`.
    Faiss,
}

impl Kind {
    /// All kinds that this program can build and open, in the order of their file codes.
    #[cfg(not(feature = "faiss"))]
    pub const ALL: [Self; 3] = [Self::Flat, Self::Hnsw, Self::Graph];
    /// All kinds that this program can build and open, in the order of their file codes.
    #[cfg(feature = "faiss")]
    pub const ALL: [Self; 4] = [Self::Flat, Self::Hnsw, Self::Graph, Self::Faiss];

    /// The name used in settings and reports.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Flat => "flat",
            Self::Hnsw => "hnsw",
            Self::Graph => "graph",
            Self::Faiss => "faiss",
        }
    }

    /// The number that stands for this kind in an index file.
    pub(crate) fn code(self) -> u32 {
        match self {
            Self::Flat => 1,
            Self::Hnsw => 2,
            Self::Graph => 3,
            Self::Faiss => 4,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

impl FromStr for Kind {
    type Err = IndexError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        #[cfg(not(feature = "faiss"))]
        if text == Self::Faiss.name() {
            return Err(IndexError::without_faiss("kind"));
        }
        Self::ALL
            .into_iter()
            .find(|kind| kind.name() == text)
            .ok_or_else(|| IndexError::Setting {
                name: "kind",
                found: text.to_owned(),
                expected: Self::ALL.map(Self::name).join(" or "),
            })
    }
}

/// An opened index. Shared between threads; each thread brings its own [`Scratch`].
pub trait Index: Send + Sync + fmt::Debug {
    /// What the file (or [`Block`](crate::Block)) says about itself.
    fn description(&self) -> &Description;

    /// Bytes of the index file, or in memory where there is none.
    fn bytes(&self) -> u64;

    /// Bytes of it that searches keep coming back to, which should stay in memory.
    fn hot_bytes(&self) -> u64 {
        self.bytes()
    }

    /// One vector as it is stored (metric cosine: normalized); `None` past the last row.
    fn vector(&self, row: RowId) -> Option<&[f32]>;

    /// How many rows no walk can find, because no links lead to them from where walks start. Builds link every row in, so
    /// anything but 0 means a file that is wrong. Kinds without links have 0; reads all links where there are some.
    fn unreachable(&self) -> usize {
        0
    }

    /// Finds the rows nearest to `query`; the answer is in [`Scratch::neighbors`], best first. It holds
    /// `min(k, rows admitted by the filter)` rows, never fewer.
    ///
    /// # Errors
    /// [`IndexError::Dimension`], [`IndexError::NotFinite`], [`IndexError::ZeroVector`] or [`IndexError::TooLong`] for a
    /// query that cannot be compared; [`IndexError::FilterLength`] for a filter made for another index. The scratch
    /// then holds no neighbors.
    fn search(
        &self,
        query: &[f32],
        request: &Request<'_>,
        scratch: &mut Scratch,
    ) -> Result<Report, IndexError>;

    /// Answers many queries on all threads of the current `rayon` pool; the answers are in the order of the queries,
    /// and each is what [`Self::search`] finds.
    ///
    /// # Errors
    /// As [`Self::search`], naming the first query that cannot be compared by its row.
    fn search_batch(
        &self,
        queries: VectorsView<'_>,
        request: &Request<'_>,
    ) -> Result<Vec<Answer>, IndexError> {
        search_each(self, queries, request)
    }

    /// Kind of index.
    fn kind(&self) -> Kind {
        self.description().kind
    }

    /// How vectors are compared.
    fn metric(&self) -> Metric {
        self.description().metric
    }

    /// Values per vector.
    fn dimension(&self) -> usize {
        self.description().dimension
    }

    /// Number of rows.
    fn len(&self) -> usize {
        self.description().rows
    }

    /// Whether there are no rows.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Answers queries one by one on all threads of the current pool. Each thread takes the next query that none has
/// taken, since some take much longer than others, and reuses one scratch.
pub(crate) fn search_each<I: Index + ?Sized>(
    index: &I,
    queries: VectorsView<'_>,
    request: &Request<'_>,
) -> Result<Vec<Answer>, IndexError> {
    index.description().check_batch(queries, request)?;
    let next = AtomicUsize::new(0);
    let work = |_| -> Vec<(usize, Result<Answer, IndexError>)> {
        let mut scratch = Scratch::new();
        let mut answers = Vec::new();
        loop {
            let row = next.fetch_add(1, Ordering::Relaxed);
            let Some(query) = queries.row(row) else {
                return answers;
            };
            let answer = index.search(query, request, &mut scratch).map(|report| Answer {
                neighbors: scratch.neighbors().to_vec(),
                report,
            });
            let failed = answer.is_err();
            answers.push((row, answer.map_err(|error| error.in_batch(row))));
            if failed {
                return answers;
            }
        }
    };
    let threads = rayon::current_num_threads().min(queries.len());
    let shares: Vec<_> = (0..threads).into_par_iter().with_max_len(1).map(work).collect();
    // Rows are taken in order, so every row before the first failure is there.
    let mut answers: Vec<_> = shares.into_iter().flatten().collect();
    answers.sort_unstable_by_key(|(row, _)| *row);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

/// Maps an index file. Cheap whatever its size: the header, the section table and the description are checked, rows
/// are not touched. (Kind `faiss`: what Faiss wrote is read once, for its checksum.)
///
/// # Errors
/// [`IndexError::Io`] if it cannot be read; [`IndexError::NotAnIndex`], [`IndexError::Version`] or
/// [`IndexError::Damaged`] if it is not a whole index file of this format version; [`IndexError::WithoutFaiss`].
pub fn open(path: &Path) -> Result<Box<dyn Index>, IndexError> {
    let file = MappedFile::open(path)?;
    Ok(match kind_of(&file)? {
        Kind::Flat => Box::new(FlatIndex::from_file(file)?),
        Kind::Hnsw => Box::new(HnswIndex::from_file(file)?),
        Kind::Graph => Box::new(GraphIndex::from_file(file)?),
        Kind::Faiss => faiss::open(file)?,
    })
}

/// Reads every byte of an index file: all checksums, links that lead to rows, finite vectors.
///
/// # Errors
/// As [`open`], and [`IndexError::Damaged`] for what only a full reading finds.
pub fn verify(path: &Path) -> Result<(), IndexError> {
    let file = MappedFile::open(path)?;
    file.verify()?;
    match kind_of(&file)? {
        Kind::Flat => FlatIndex::from_file(file)?.verify(),
        Kind::Hnsw => HnswIndex::from_file(file)?.verify(),
        Kind::Graph => GraphIndex::from_file(file)?.verify(),
        Kind::Faiss => faiss::verify(file),
    }
}

fn kind_of(file: &MappedFile) -> Result<Kind, IndexError> {
    let code = file.kind();
    let kinds = [Kind::Flat, Kind::Hnsw, Kind::Graph, Kind::Faiss];
    let kind = kinds.into_iter().find(|kind| kind.code() == code);
    kind.ok_or_else(|| file.damaged("header, kind", code, "1 (flat), 2 (hnsw), 3 (graph) or 4 (faiss)"))
}

/// Reads and checks the description section.
pub(crate) fn describe(file: &MappedFile) -> Result<Description, IndexError> {
    Description::decode(kind_of(file)?, file, file.checked_bytes(tag::DESCRIPTION)?)
}

/// Every list holds places below `len`, then nothing but [`NO_ROW`].
pub(crate) fn check_lists(
    file: &MappedFile,
    name: &str,
    links: &[u32],
    width: usize,
    len: usize,
) -> Result<(), IndexError> {
    let whole = |list: &[u32]| {
        let used = list.iter().take_while(|&&link| (link as usize) < len).count();
        list[used..].iter().all(|&link| link == NO_ROW)
    };
    match links.chunks(width.max(1)).position(|list| !whole(list)) {
        Some(node) => Err(file.damaged(
            format!("section {name}, list {node}"),
            "a link to nowhere",
            "links to nodes",
        )),
        None => Ok(()),
    }
}

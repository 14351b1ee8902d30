//! An immutable index in memory, for rows that came after an index file was written.
//!
//! A [`Block`] is made of a few rows (often one), and blocks are merged into larger ones as they pile up (the logarithmic
//! method: Bentley and Saxe, J. Algorithms 1980). Rows are prepared once and coded once: a merge copies both, so a row has
//! the same score in whichever block it lies, and the same as in an index file.
//!
//! - `codes`: 8-bit codes with a bound of their error for every row.
//! - `scan`: what is surely not among the nearest by its code is left out, the rest is compared in full.
//! - `merge`: blocks to a block, without the rows that went.

mod codes;
mod merge;
mod scan;

use std::path::Path;

use codes::BlockCodes;

use crate::build::{BuildReport, BuildSettings, Progress, build_prepared};
use crate::description::Description;
use crate::error::{IndexError, Place};
use crate::index::{Index, Kind};
use crate::kernel::Kernels;
use crate::metric::Metric;
use crate::prepare::prepare;
use crate::row::RowId;
use crate::row_set::RowSet;
use crate::search::{Effort, Report, Request, Scratch, Space};
use crate::vectors::{AlignedRows, VectorsView};

/// Fewer rows, or fewer admitted ones, are compared in full: coding the query would cost more than it saves.
const FEW: usize = 128;

/// Rows in memory that are searched as they are: few rows are compared in full ([`Plan::Exact`](crate::Plan::Exact)); of
/// more, 8-bit codes are scanned and those that may be among the nearest are compared in full
/// ([`Plan::Scan`](crate::Plan::Scan)). The answer of a scan is that of comparing all rows, but for a chance of less than
/// one in a million (up to 36 dimensions: none). Its kind is [`Kind::Flat`].
#[derive(Debug)]
pub struct Block {
    description: Description,
    rows: AlignedRows,
    /// There from [`FEW`] rows on.
    codes: Option<BlockCodes>,
    kernels: &'static Kernels,
}

impl Block {
    /// A block of these vectors, in their order; works on the calling thread alone. No vectors at all is fine.
    ///
    /// # Errors
    /// [`IndexError::NotFinite`], [`IndexError::ZeroVector`] (metric cosine) and [`IndexError::TooLong`] naming the row.
    pub fn new(vectors: VectorsView<'_>, metric: Metric) -> Result<Self, IndexError> {
        let mut rows = AlignedRows::zeros(vectors.len(), vectors.dimension());
        let stride = rows.stride();
        let places = rows.as_mut_slice().chunks_exact_mut(stride);
        for (row, (place, vector)) in places.zip(vectors.rows()).enumerate() {
            prepare(Place::Row(row as u64), vector, metric, place)?;
        }
        Self::of_rows(metric, vectors.dimension(), rows, None)
    }

    /// A block of the rows of any index (those of `keep`, if there is one) as they are stored: scores stay the same to the
    /// last bit, where [`Self::new`] might normalize a vector once more. Blocks among themselves: [`Self::merge`].
    ///
    /// # Errors
    /// [`IndexError::FilterLength`] for a set over another number of rows than the index has.
    pub fn copy_of(index: &dyn Index, keep: Option<&RowSet>) -> Result<Self, IndexError> {
        if let Some(keep) = keep.filter(|keep| keep.len() != index.len()) {
            return Err(IndexError::FilterLength {
                found: keep.len(),
                expected: index.len(),
            });
        }
        let dimension = index.dimension();
        let kept = (0..index.len() as u32).map(RowId);
        let kept = kept.filter(|&row| keep.is_none_or(|keep| keep.contains(row)));
        let mut rows = AlignedRows::zeros(keep.map_or(index.len(), RowSet::count), dimension);
        let stride = rows.stride();
        let places = rows.as_mut_slice().chunks_exact_mut(stride);
        for (place, vector) in places.zip(kept.filter_map(|row| index.vector(row))) {
            place[..vector.len()].copy_from_slice(vector);
        }
        Self::of_rows(index.metric(), dimension, rows, None)
    }

    /// A block of prepared rows and the codes that some of them have already.
    fn of_rows(
        metric: Metric,
        dimension: usize,
        rows: AlignedRows,
        codes: Option<BlockCodes>,
    ) -> Result<Self, IndexError> {
        let len = rows.as_rows().len();
        let codes = match codes {
            None if len >= FEW => Some(BlockCodes::of(&rows.as_rows(), dimension, metric)?),
            codes => codes,
        };
        Ok(Self {
            description: Description::plain(Kind::Flat, metric, dimension, len),
            rows,
            codes,
            kernels: Kernels::detect()?,
        })
    }

    /// One block of the rows of all `parts`, in order; of a part with a set, only those in it. Rows and codes are copied
    /// as they are: scores stay the same to the last bit.
    ///
    /// # Errors
    /// [`IndexError::Setting`] for no parts at all, or parts that differ in metric; [`IndexError::Dimension`];
    /// [`IndexError::FilterLength`] for a set over another number of rows than its part has;
    /// [`IndexError::TooManyRows`].
    pub fn merge(parts: &[(&Self, Option<&RowSet>)]) -> Result<Self, IndexError> {
        merge::merge(parts)
    }

    /// The vectors as they are stored (metric cosine: normalized), in order.
    pub fn vectors(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        let dimension = self.description.dimension;
        let rows = self.rows.as_rows().values().chunks_exact(self.rows.stride());
        rows.map(move |row| &row[..dimension])
    }

    /// Seals the block: as [`build`](crate::build()), of the rows as they are stored, so that their scores stay the same
    /// to the last bit. [`BuildSettings::sealing`] has settings for that.
    ///
    /// # Errors
    /// [`IndexError::Setting`], also when the metric is another than that of the block; [`IndexError::WithoutFaiss`];
    /// [`IndexError::Io`] when the file cannot be written.
    pub fn seal(
        &self,
        settings: &BuildSettings,
        progress: &(dyn Fn(Progress) + Sync),
        path: &Path,
    ) -> Result<BuildReport, IndexError> {
        let metric = self.description.metric;
        if settings.metric != metric {
            return Err(IndexError::Setting {
                name: "metric",
                found: settings.metric.to_string(),
                expected: format!("{metric}, that of the block"),
            });
        }
        build_prepared(&self.rows, self.description.dimension, settings, progress, path)
    }

    fn space(&self) -> Space<'_> {
        Space {
            rows: self.rows.as_rows(),
            metric: self.description.metric,
            kernels: self.kernels,
        }
    }
}

impl Index for Block {
    fn description(&self) -> &Description {
        &self.description
    }

    /// Bytes in memory.
    fn bytes(&self) -> u64 {
        let codes = self.codes.as_ref().map_or(0, BlockCodes::bytes);
        (size_of::<Self>() + self.rows.bytes() + codes) as u64
    }

    fn vector(&self, row: RowId) -> Option<&[f32]> {
        let row = self.rows.as_rows().get(row.0)?;
        row.get(..self.description.dimension)
    }

    fn search(
        &self,
        query: &[f32],
        request: &Request<'_>,
        scratch: &mut Scratch,
    ) -> Result<Report, IndexError> {
        scratch.admit(&self.description, query, request)?;
        let rows = self.description.rows;
        let filter = request.filter.filter(|filter| filter.count() < rows);
        let matches = filter.map_or(rows, RowSet::count);
        let k = request.k.min(matches);
        let exact = match request.effort {
            Effort::Exact => true,
            Effort::Recall(recall) => recall >= 1.0,
            Effort::Default | Effort::Beam(_) => false,
        };
        match &self.codes {
            // Of so many wanted rows, nearly all are compared in full anyway.
            Some(codes) if !exact && matches >= FEW && k <= matches / 4 => {
                Ok(self.scan_codes(codes, k, filter, scratch))
            }
            _ => {
                let space = self.space();
                let distances = scratch.scan(&space, k, filter);
                Ok(Report::of_scan(distances, &space))
            }
        }
    }
}

//! The exact kind: rows in order, every one of them compared.

use std::path::Path;

use crate::description::Description;
use crate::error::IndexError;
use crate::file::{FileWriter, Mapped, MappedFile, tag};
use crate::index::{Index, describe};
use crate::kernel::{Kernels, Rows};
use crate::row::RowId;
use crate::search::{Answer, Report, Request, Scratch, Space, scan_batch};
use crate::vectors::VectorsView;

/// A mapped flat index.
#[derive(Debug)]
pub(crate) struct FlatIndex {
    file: MappedFile,
    description: Description,
    vectors: StoredVectors,
    kernels: &'static Kernels,
}

impl FlatIndex {
    pub(crate) fn from_file(file: MappedFile) -> Result<Self, IndexError> {
        let description = describe(&file)?;
        let vectors = StoredVectors::map(&file, &description)?;
        Ok(Self {
            file,
            description,
            vectors,
            kernels: Kernels::detect()?,
        })
    }

    fn space(&self) -> Space<'_> {
        Space {
            rows: self.vectors.rows(),
            metric: self.description.metric,
            kernels: self.kernels,
        }
    }

    /// Checks what the checksums cannot: that the rows are finite.
    pub(crate) fn verify(&self) -> Result<(), IndexError> {
        self.vectors.verify(&self.file)
    }
}

/// Writes a flat index of prepared rows; gives its length in bytes.
pub(crate) fn write(
    path: &Path,
    description: &Description,
    rows: &[f32],
    durable: bool,
) -> Result<u64, IndexError> {
    let mut writer = FileWriter::create(path, description.kind.code(), 2, durable)?;
    writer.section(tag::DESCRIPTION, &description.encode())?;
    writer.section(tag::VECTORS, rows)?;
    writer.publish()
}

impl Index for FlatIndex {
    fn description(&self) -> &Description {
        &self.description
    }

    fn bytes(&self) -> u64 {
        self.file.len()
    }

    fn vector(&self, row: RowId) -> Option<&[f32]> {
        self.vectors.get(row)
    }

    fn search(
        &self,
        query: &[f32],
        request: &Request<'_>,
        scratch: &mut Scratch,
    ) -> Result<Report, IndexError> {
        scratch.admit(&self.description, query, request)?;
        let space = self.space();
        let distances = scratch.scan(&space, request.k, request.filter);
        Ok(Report::of_scan(distances, &space))
    }

    fn search_batch(
        &self,
        queries: VectorsView<'_>,
        request: &Request<'_>,
    ) -> Result<Vec<Answer>, IndexError> {
        scan_batch(&self.space(), &self.description, queries, request)
    }
}

/// The vectors section: padded rows.
#[derive(Debug)]
pub(crate) struct StoredVectors {
    values: Mapped<f32>,
    dimension: usize,
    stride: usize,
}

impl StoredVectors {
    pub(crate) fn map(file: &MappedFile, description: &Description) -> Result<Self, IndexError> {
        let stride = description.stride();
        let values = file.numbers(tag::VECTORS, description.rows.saturating_mul(stride))?;
        Ok(Self {
            values,
            dimension: description.dimension,
            stride,
        })
    }

    /// The padded rows.
    #[inline]
    pub(crate) fn rows(&self) -> Rows<'_> {
        Rows::new(&self.values, self.stride)
    }

    /// One vector without its padding.
    pub(crate) fn get(&self, row: RowId) -> Option<&[f32]> {
        let start = row.index().checked_mul(self.stride)?;
        self.values.get(start..start.checked_add(self.dimension)?)
    }

    /// Values are finite, padding is zero.
    pub(crate) fn verify(&self, file: &MappedFile) -> Result<(), IndexError> {
        for (row, values) in self.values.chunks_exact(self.stride).enumerate() {
            let (values, padding) = values.split_at(self.dimension);
            if values.iter().any(|value| !value.is_finite()) || padding.iter().any(|value| *value != 0.0) {
                return Err(file.damaged(
                    format!("section vectors, row {row}"),
                    "unusable values",
                    "finite ones",
                ));
            }
        }
        Ok(())
    }
}

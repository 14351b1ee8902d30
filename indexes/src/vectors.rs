//! Vectors as they come in ([`VectorsView`]) and as they are kept for the kernels (`AlignedRows`).

use std::ops::{Deref, DerefMut};

use memmap2::MmapMut;

use crate::error::IndexError;
use crate::kernel::Rows;

/// The largest dimension an index takes.
pub const MAX_DIMENSION: usize = 65_536;
/// The most rows an index takes: row numbers are 31 bits wide.
pub const MAX_ROWS: usize = 0x7fff_fffe;

/// A borrowed row-major matrix: `len` vectors of `dimension` values each.
#[derive(Debug, Clone, Copy)]
pub struct VectorsView<'a> {
    values: &'a [f32],
    dimension: usize,
}

impl<'a> VectorsView<'a> {
    /// Checks the shape of a flat slice of values. No rows at all is fine; the dimension is still needed.
    ///
    /// # Errors
    /// [`IndexError::Shape`] when the dimension is 0 or above [`MAX_DIMENSION`], or does not divide the number of
    /// values; [`IndexError::TooManyRows`] above [`MAX_ROWS`] rows.
    pub fn new(values: &'a [f32], dimension: usize) -> Result<Self, IndexError> {
        if !(1..=MAX_DIMENSION).contains(&dimension) || !values.len().is_multiple_of(dimension) {
            return Err(IndexError::Shape {
                values: values.len(),
                dimension,
                max: MAX_DIMENSION,
            });
        }
        let view = Self { values, dimension };
        if view.len() > MAX_ROWS {
            return Err(IndexError::TooManyRows {
                found: view.len(),
                expected: MAX_ROWS,
            });
        }
        Ok(view)
    }

    /// Number of vectors.
    #[must_use]
    pub fn len(&self) -> usize {
        self.values.len() / self.dimension
    }

    /// Whether there are no vectors.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Values per vector.
    #[must_use]
    pub fn dimension(&self) -> usize {
        self.dimension
    }

    /// One vector; `None` past the last.
    #[must_use]
    pub fn row(&self, row: usize) -> Option<&'a [f32]> {
        let start = row.checked_mul(self.dimension)?;
        self.values.get(start..start.checked_add(self.dimension)?)
    }

    /// All vectors in order.
    pub fn rows(&self) -> impl ExactSizeIterator<Item = &'a [f32]> + use<'a> {
        self.values.chunks_exact(self.dimension)
    }
}

/// Values per stored row: the dimension rounded up to a whole number of 64-byte cache lines.
pub(crate) fn stride_of(dimension: usize) -> usize {
    dimension.next_multiple_of(LINE)
}

/// Values per cache line.
const LINE: usize = 16;

/// Zeroed values whose first one lies on a cache line.
#[derive(Debug, Default)]
pub(crate) struct AlignedValues {
    storage: Vec<f32>,
    len: usize,
}

impl AlignedValues {
    /// `len` zeros. Reuses the memory there is.
    pub(crate) fn reset(&mut self, len: usize) {
        self.storage.clear();
        self.storage.resize(len + LINE, 0.0);
        self.len = len;
    }

    fn offset(&self) -> usize {
        self.storage.as_ptr().align_offset(64).min(LINE)
    }

    /// The values.
    pub(crate) fn as_slice(&self) -> &[f32] {
        let offset = self.offset();
        self.storage.get(offset..offset + self.len).unwrap_or(&[])
    }

    /// The values, to fill.
    pub(crate) fn as_mut_slice(&mut self) -> &mut [f32] {
        let offset = self.offset();
        self.storage.get_mut(offset..offset + self.len).unwrap_or(&mut [])
    }
}

/// Rows padded with zeros to a whole number of cache lines, the first one aligned to a line.
#[derive(Debug)]
pub(crate) struct AlignedRows {
    values: AlignedValues,
    stride: usize,
}

impl AlignedRows {
    /// `len` rows of zeros for vectors of `dimension` values.
    pub(crate) fn zeros(len: usize, dimension: usize) -> Self {
        let stride = stride_of(dimension);
        let mut values = AlignedValues::default();
        values.reset(len * stride);
        Self { values, stride }
    }

    /// The rows, to read.
    pub(crate) fn as_rows(&self) -> Rows<'_> {
        Rows::new(self.values.as_slice(), self.stride)
    }

    /// All values, to fill row by row; each row is [`Self::stride`] long.
    pub(crate) fn as_mut_slice(&mut self) -> &mut [f32] {
        self.values.as_mut_slice()
    }

    /// Bytes in memory.
    pub(crate) fn bytes(&self) -> usize {
        self.values.storage.capacity() * size_of::<f32>()
    }

    /// Values per row.
    pub(crate) fn stride(&self) -> usize {
        self.stride
    }
}

/// Bytes in memory, in huge pages where they are many and the system has such pages: at random places of many small
/// pages, finding the page takes as long as reading it.
#[derive(Debug)]
pub(crate) enum Bytes {
    Few(Vec<u8>),
    Many(MmapMut),
}

/// From here on, bytes are mapped: a few huge pages of 2 MiB.
const MANY: usize = 8 << 20;

impl Bytes {
    /// This many zeros.
    pub(crate) fn zeros(len: usize) -> Self {
        let mapped = (len >= MANY).then(|| MmapMut::map_anon(len)).and_then(Result::ok);
        match mapped {
            Some(mapped) => {
                // A hint that may be refused.
                #[cfg(target_os = "linux")]
                let _ = mapped.advise(memmap2::Advice::HugePage);
                Self::Many(mapped)
            }
            None => Self::Few(vec![0; len]),
        }
    }
}

impl Default for Bytes {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Few(bytes) => bytes,
            Self::Many(bytes) => bytes,
        }
    }
}

impl DerefMut for Bytes {
    fn deref_mut(&mut self) -> &mut [u8] {
        match self {
            Self::Few(bytes) => bytes,
            Self::Many(bytes) => bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_are_checked() {
        assert!(
            VectorsView::new(&[1.0; 7], 3)
                .unwrap_err()
                .to_string()
                .contains("found 7 values")
        );
        assert!(VectorsView::new(&[], 0).is_err());
        assert!(VectorsView::new(&[], MAX_DIMENSION + 1).is_err());
        let view = VectorsView::new(&[1.0, 2.0, 3.0, 4.0], 2).unwrap();
        assert_eq!(
            (view.len(), view.row(1), view.row(2)),
            (2, Some(&[3.0, 4.0][..]), None)
        );
        assert_eq!(view.row(usize::MAX), None);
        assert!(VectorsView::new(&[], 5).unwrap().is_empty());
    }

    #[test]
    fn rows_start_on_cache_lines() {
        for (len, dimension) in [(0, 3), (1, 1), (5, 16), (3, 17)] {
            let mut rows = AlignedRows::zeros(len, dimension);
            assert_eq!(rows.as_mut_slice().as_ptr().addr() % 64, 0);
            assert_eq!(rows.as_rows().len(), len);
            assert!(rows.stride() >= dimension && rows.stride().is_multiple_of(16));
        }
    }

    #[test]
    fn many_bytes_are_bytes_too() {
        for len in [0, 5, MANY - 1, MANY, MANY + 5] {
            let mut bytes = Bytes::zeros(len);
            assert_eq!((bytes.len(), matches!(bytes, Bytes::Many(_))), (len, len >= MANY));
            assert!(bytes.iter().all(|byte| *byte == 0));
            bytes.fill(7);
            assert!(bytes.iter().all(|byte| *byte == 7));
        }
    }
}

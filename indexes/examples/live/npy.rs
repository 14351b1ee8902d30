//! Reading matrices of `float32` as `NumPy` saves them (NEP 1).

use std::error::Error;
use std::fs;
use std::path::Path;

/// Rows of `dimension` values.
pub struct Matrix {
    pub values: Vec<f32>,
    pub dimension: usize,
}

impl Matrix {
    pub fn read(path: &Path) -> Result<Self, Box<dyn Error>> {
        let bytes = fs::read(path).map_err(|error| format!("{}: {error}", path.display()))?;
        Self::parse(&bytes)
            .ok_or_else(|| format!("{}: expected rows of float32, saved by NumPy", path.display()).into())
    }

    /// Magic, version 1, length of the header, the header as a dictionary, the values.
    fn parse(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(b"\x93NUMPY\x01\x00")?;
        let (length, rest) = rest.split_first_chunk::<2>()?;
        let (header, values) = rest.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
        let header = std::str::from_utf8(header).ok()?;
        if !header.contains("'<f4'") || !header.contains("'fortran_order': False") {
            return None;
        }
        let shape = header.split_once("'shape': (")?.1.split_once(')')?.0;
        let (rows, dimension) = shape.split_once(',')?;
        let (rows, dimension): (usize, usize) = (rows.trim().parse().ok()?, dimension.trim().parse().ok()?);
        let values: Vec<f32> = values
            .as_chunks()
            .0
            .iter()
            .map(|&bytes| f32::from_le_bytes(bytes))
            .collect();
        (values.len() == rows * dimension).then_some(Self { values, dimension })
    }

    pub fn rows(&self) -> usize {
        self.values.len() / self.dimension
    }
}

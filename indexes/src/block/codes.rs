//! 8-bit codes of a block's rows: rotated and rounded, each row with a scale of its own, so that they mean the same in
//! whichever block they lie.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use crate::error::IndexError;
use crate::graph::{CodeBits, CodedQuery, Codes, Quantizer, Rotation, quantize};
use crate::kernel::{Kernels, Rows};
use crate::metric::Metric;
use crate::prepare::squares;
use crate::vectors::Bytes;

/// Decides the rotation, which all blocks of a dimension share.
const SEED: u64 = 0x616c_696b_6500_0001;

/// How many standard deviations an estimate may be off. A random rotation leaves errors that are close to Gaussian, of
/// the length of what rounding took off divided by the root of the dimension: one in five hundred million is larger.
const DEVIATIONS: f32 = 6.0;

/// Codes of rows, and what is needed to bound the error of a distance estimated from them.
#[derive(Debug)]
pub(super) struct BlockCodes {
    pub(super) quantizer: Arc<Quantizer>,
    stride: usize,
    bytes: Bytes,
    scales: Vec<f32>,
    /// Squared lengths; only under metric l2.
    squares: Vec<f32>,
    /// Per row the length of what rounding took off, and its own length.
    pub(super) errors: Vec<RowError>,
    squared: bool,
}

/// What is known of the error of a row's code.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowError {
    /// Length of the difference between the row and what its code says.
    lost: f32,
    /// Length of the row.
    length: f32,
}

/// Bounds the error of estimated distances of one query: `lost * row.lost + length * row.length + square * row.length² +
/// least`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    lost: f32,
    length: f32,
    square: f32,
    least: f32,
}

impl Bounds {
    /// How far the estimate for a row may be off.
    #[inline]
    pub(super) fn of(&self, row: RowError) -> f32 {
        self.least + self.lost * row.lost + row.length * (self.length + self.square * row.length)
    }
}

impl BlockCodes {
    /// No codes yet, with room for those of `rows` rows.
    pub(super) fn with_room(rows: usize, dimension: usize, metric: Metric) -> Result<Self, IndexError> {
        let stride = CodeBits::Eight.row_bytes(dimension);
        let squared = metric == Metric::L2;
        Ok(Self {
            quantizer: shared_quantizer(dimension)?,
            stride,
            bytes: Bytes::zeros(rows * stride),
            scales: Vec::with_capacity(rows),
            squares: Vec::with_capacity(if squared { rows } else { 0 }),
            errors: Vec::with_capacity(rows),
            squared,
        })
    }

    /// The codes of prepared rows.
    pub(super) fn of(rows: &Rows<'_>, dimension: usize, metric: Metric) -> Result<Self, IndexError> {
        let mut codes = Self::with_room(rows.len(), dimension, metric)?;
        codes.code((0..rows.len() as u32).filter_map(|row| rows.get(row)), dimension);
        Ok(codes)
    }

    /// Appends the codes of prepared rows.
    pub(super) fn code<'a>(&mut self, rows: impl Iterator<Item = &'a [f32]>, dimension: usize) {
        let mut rotated = Vec::new();
        for row in rows {
            let row = &row[..dimension.min(row.len())];
            let place = self.scales.len() * self.stride;
            let Some(codes) = self.bytes.get_mut(place..place + self.stride) else {
                return;
            };
            self.quantizer.rotate_row(row, &mut rotated);
            let scale = quantize(&rotated, CodeBits::Eight, codes);
            let middle = CodeBits::Eight.middle();
            let lost = rotated
                .iter()
                .zip(&*codes)
                .map(|(&value, &code)| f64::from(value - scale * (f32::from(code) - middle)).powi(2));
            self.errors.push(RowError {
                lost: lost.sum::<f64>().sqrt() as f32,
                length: squares(row).sqrt() as f32,
            });
            self.scales.push(scale);
            if self.squared {
                self.squares.push(squares(row) as f32);
            }
        }
    }

    /// Appends codes of another block, those of these rows.
    pub(super) fn copy(&mut self, other: &Self, rows: std::ops::Range<usize>) {
        let place = self.scales.len() * self.stride;
        let from = other.bytes.get(rows.start * self.stride..rows.end * self.stride);
        let to = self.bytes.get_mut(place..place + rows.len() * self.stride);
        if let (Some(from), Some(to)) = (from, to) {
            to.copy_from_slice(from);
            self.scales.extend_from_slice(&other.scales[rows.clone()]);
            self.errors.extend_from_slice(&other.errors[rows.clone()]);
            if self.squared {
                self.squares.extend_from_slice(&other.squares[rows]);
            }
        }
    }

    pub(super) fn codes(&self, kernels: &'static Kernels) -> Codes<'_> {
        Codes {
            bits: CodeBits::Eight,
            rows: Rows::new(&self.bytes, self.stride),
            scales: &self.scales,
            biases: &self.squares,
            squared: self.squared,
            kernels,
        }
    }

    /// Bounds for a query. What a row and the query lost to rounding counts along the other one: in a random direction
    /// unless the dimension is small. The rest is for rounding in the arithmetic itself.
    pub(super) fn bounds(&self, query: &CodedQuery, dimension: usize) -> Bounds {
        let (length, lost) = query.length_and_loss();
        let share = (DEVIATIONS / (dimension as f32).sqrt()).min(1.0);
        let rounding = f32::EPSILON * (0.5 * dimension as f32 + 64.0);
        let dot = Bounds {
            lost: share * (length + lost),
            length: share * lost + rounding * length,
            square: 0.0,
            least: f32::MIN_POSITIVE,
        };
        match self.squared {
            false => dot,
            true => Bounds {
                lost: 2.0 * dot.lost,
                length: 2.0 * dot.length,
                square: rounding,
                least: rounding * length * length + f32::MIN_POSITIVE,
            },
        }
    }

    /// Bytes in memory.
    pub(super) fn bytes(&self) -> usize {
        let numbers = self.scales.capacity() + self.squares.capacity();
        self.bytes.len() + numbers * size_of::<f32>() + self.errors.capacity() * size_of::<RowError>()
    }
}

/// The quantizer that all blocks of a dimension share; made once per process, since a block may be a single row.
fn shared_quantizer(dimension: usize) -> Result<Arc<Quantizer>, IndexError> {
    static SHARED: RwLock<BTreeMap<usize, Arc<Quantizer>>> = RwLock::new(BTreeMap::new());
    let there = SHARED.read().unwrap_or_else(PoisonError::into_inner);
    if let Some(quantizer) = there.get(&dimension) {
        return Ok(Arc::clone(quantizer));
    }
    drop(there);
    let rotation = Rotation::seeded(dimension, SEED);
    // Rows come one by one, so there is no mean to take off; without one, all metrics are coded alike.
    let quantizer = Quantizer::new(
        Metric::Dot,
        vec![0.0; dimension],
        rotation,
        0.0,
        Kernels::detect()?,
    );
    let mut shared = SHARED.write().unwrap_or_else(PoisonError::into_inner);
    Ok(Arc::clone(
        shared.entry(dimension).or_insert_with(|| Arc::new(quantizer)),
    ))
}

//! Codes of many rows, and distances to them.

use rayon::prelude::*;

use super::quantizer::{CodeBits, CodedQuery, Quantizer, pack, quantize};
use crate::kernel::{CodeRows, Kernels, Rows};
use crate::metric::Metric;
use crate::prepare::squares;
use crate::vectors::Bytes;

/// Codes of one width as a walk reads them, from a file or from memory.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Codes<'a> {
    pub(crate) bits: CodeBits,
    pub(crate) rows: CodeRows<'a>,
    /// Per row, what one unit of a code stands for.
    pub(crate) scales: &'a [f32],
    /// Per row, what is added to its distance: squared length. Empty where products alone rank.
    pub(crate) biases: &'a [f32],
    /// Squared distances count a product twice.
    pub(crate) squared: bool,
    pub(crate) kernels: &'static Kernels,
}

/// Memory for scoring a list of rows.
#[derive(Debug, Default)]
pub(crate) struct Scores {
    dots: Vec<i32>,
    pub(crate) distances: Vec<f32>,
}

impl Scores {
    fn dots(&mut self, len: usize) -> &mut [i32] {
        if self.dots.len() < len {
            self.dots.resize(len, 0);
        }
        &mut self.dots[..len]
    }
}

impl Codes<'_> {
    /// Estimated distances of a query to the rows in `ids`, lower is nearer, up to what all rows have in common. A row
    /// that does not exist is infinitely far.
    pub(crate) fn score(&self, query: &CodedQuery, ids: &[u32], scores: &mut Scores) {
        let dots = scores.dots(ids.len());
        match self.bits {
            CodeBits::Four => self.kernels.dot_u4_rows(&query.values, &self.rows, ids, dots),
            CodeBits::Eight => self.kernels.dot_u8_rows(&query.values, &self.rows, ids, dots),
        }
        let Scores { dots, distances } = scores;
        let middle = self.bits.middle() * query.sum as f32;
        let unit = if self.squared {
            -2.0 * query.scale
        } else {
            -query.scale
        };
        distances.clear();
        distances.extend(ids.iter().zip(dots.iter()).map(|(&id, &dot)| {
            let bias = self.biases.get(id as usize).copied().unwrap_or(0.0);
            match self.scales.get(id as usize) {
                Some(scale) => bias + unit * scale * (dot as f32 - middle),
                None => f32::INFINITY,
            }
        }));
    }

    /// Bytes read to score one row.
    pub(crate) fn row_bytes(&self) -> u64 {
        let numbers = 1 + usize::from(!self.biases.is_empty());
        (self.rows.stride() + numbers * size_of::<f32>()) as u64
    }
}

/// Codes of one width in memory.
#[derive(Debug, Default)]
pub(super) struct CodeTable {
    stride: usize,
    pub(super) bytes: Bytes,
    pub(super) scales: Vec<f32>,
}

impl CodeTable {
    fn zeros(bits: CodeBits, rows: usize, dimension: usize) -> Self {
        let stride = bits.row_bytes(dimension);
        Self {
            stride,
            bytes: Bytes::zeros(rows * stride),
            scales: vec![0.0; rows],
        }
    }

    pub(super) fn rows(&self) -> CodeRows<'_> {
        Rows::new(&self.bytes, self.stride)
    }

    /// The codes of some rows, side by side.
    pub(super) fn gather(codes: &Codes<'_>, ids: &[u32]) -> Self {
        let row = |&id: &u32| codes.rows.get(id).unwrap_or(&[]);
        Self {
            stride: codes.rows.stride(),
            bytes: Bytes::Few(ids.iter().flat_map(row).copied().collect()),
            scales: ids
                .iter()
                .filter_map(|&id| codes.scales.get(id as usize))
                .copied()
                .collect(),
        }
    }
}

/// Everything that building needs to know about the rows.
#[derive(Debug)]
pub(super) struct RowCodes {
    pub(super) four: CodeTable,
    pub(super) eight: CodeTable,
    /// Per row the sum of its 8-bit codes.
    sums: Vec<i32>,
    /// Squared length of the centered row.
    pub(super) lengths: Vec<f32>,
    /// Metric dot: the coordinate that lifts each row to the length of the longest (maximum inner product search as
    /// nearest neighbor search, Bachrach et al., `RecSys` 2014). Otherwise empty.
    lifts: Vec<f32>,
    metric: Metric,
    pub(super) kernels: &'static Kernels,
}

impl RowCodes {
    /// Codes of prepared rows, on all threads of the current pool.
    pub(super) fn of(
        rows: &Rows<'_>,
        dimension: usize,
        quantizer: &Quantizer,
        metric: Metric,
        kernels: &'static Kernels,
    ) -> Self {
        let len = rows.len();
        let mut four = CodeTable::zeros(CodeBits::Four, len, dimension);
        let mut eight = CodeTable::zeros(CodeBits::Eight, len, dimension);
        let (mut sums, mut lengths) = (vec![0; len], vec![0.0; len]);
        let fours = four.bytes.par_chunks_exact_mut(four.stride).zip(&mut four.scales);
        let eights = eight
            .bytes
            .par_chunks_exact_mut(eight.stride)
            .zip(&mut eight.scales);
        let facts = sums.par_iter_mut().zip(&mut lengths);
        fours.zip(eights).zip(facts).enumerate().for_each_init(
            || (Vec::new(), vec![0; quantizer.padded()]),
            |(rotated, codes), (row, (((four, four_scale), (eight, eight_scale)), (sum, length)))| {
                let values = rows.get(row as u32).unwrap_or(&[]);
                quantizer.rotate_row(&values[..dimension.min(values.len())], rotated);
                *four_scale = quantize(rotated, CodeBits::Four, codes);
                pack(codes, four);
                *eight_scale = quantize(rotated, CodeBits::Eight, eight);
                *sum = eight.iter().map(|&code| i32::from(code)).sum();
                *length = rotated.iter().map(|value| value * value).sum();
            },
        );
        let lifts = if metric == Metric::Dot {
            lifts(rows)
        } else {
            Vec::new()
        };
        Self {
            four,
            eight,
            sums,
            lengths,
            lifts,
            metric,
            kernels,
        }
    }

    /// Codes as a finished index reads them.
    pub(super) fn searched(&self, bits: CodeBits) -> Codes<'_> {
        let table = self.table(bits);
        Codes {
            bits,
            rows: table.rows(),
            scales: &table.scales,
            biases: if self.metric == Metric::L2 {
                &self.lengths
            } else {
                &[]
            },
            squared: self.metric == Metric::L2,
            kernels: self.kernels,
        }
    }

    /// Codes as building reads them: squared distances whatever the metric.
    pub(super) fn built(&self) -> Codes<'_> {
        Codes {
            biases: &self.lengths,
            squared: true,
            ..self.searched(CodeBits::Four)
        }
    }

    pub(super) fn table(&self, bits: CodeBits) -> &CodeTable {
        match bits {
            CodeBits::Four => &self.four,
            CodeBits::Eight => &self.eight,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.lengths.len()
    }

    /// A row as a query: its own 8-bit codes.
    pub(super) fn as_query(&self, row: u32, out: &mut CodedQuery) {
        out.values.clear();
        let codes = self.eight.rows().get(row).unwrap_or(&[]);
        out.values.extend(codes.iter().map(|&code| (code ^ 0x80) as i8));
        out.scale = self.eight.scales.get(row as usize).copied().unwrap_or(0.0);
        out.sum = self.sums.get(row as usize).copied().unwrap_or(0) - 128 * codes.len() as i32;
    }

    /// Squared distances (under metric dot: lifted) between the row in `query` and other rows, from 8-bit codes on both
    /// sides.
    pub(super) fn distances(
        &self,
        row: u32,
        query: &CodedQuery,
        ids: &[u32],
        dots: &mut Vec<i32>,
        out: &mut Vec<f32>,
    ) {
        dots.clear();
        dots.resize(ids.len(), 0);
        self.kernels
            .dot_u8_rows(&query.values, &self.eight.rows(), ids, dots);
        // Both sides stand for (code - 127.5); the query's values are its codes less 128.
        let (middle, padded) = (CodeBits::Eight.middle(), query.values.len() as f32);
        let common = middle * (query.sum as f32 + 0.5 * padded);
        let (length, lift) = self.place(row);
        out.clear();
        out.extend(ids.iter().zip(dots.iter()).map(|(&id, &dot)| {
            let (sum, scale) = (self.sums[id as usize] as f32, self.eight.scales[id as usize]);
            let product = query.scale * scale * (dot as f32 + 0.5 * sum - common);
            let (other_length, other_lift) = self.place(id);
            let lifted = lift - other_lift;
            length + other_length - 2.0 * product + lifted * lifted
        }));
    }

    fn place(&self, row: u32) -> (f32, f32) {
        let lift = self.lifts.get(row as usize).copied().unwrap_or(0.0);
        (self.lengths[row as usize], lift)
    }
}

/// What each row lacks to the length of the longest one, as a coordinate at right angles to all others.
fn lifts(rows: &Rows<'_>) -> Vec<f32> {
    let squares = |row: u32| squares(rows.get(row).unwrap_or(&[]));
    let all: Vec<f64> = (0..rows.len() as u32).into_par_iter().map(squares).collect();
    let longest = all.iter().copied().fold(0.0, f64::max);
    all.iter()
        .map(|squares| (longest - squares).max(0.0).sqrt() as f32)
        .collect()
}

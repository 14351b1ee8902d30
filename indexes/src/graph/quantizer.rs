//! Vectors to codes: centered, rotated, and rounded to a grid whose step each row chooses for itself.

use super::rotation::{self, Rotation};
use crate::kernel::Kernels;
use crate::metric::Metric;

/// Bits per dimension of the codes that a walk compares.
#[derive(
    Debug, Default, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum CodeBits {
    /// 16 steps per dimension: half the memory, and the faster walk where neighbors are told apart by it.
    #[default]
    Four,
    /// 256 steps per dimension: for data whose neighbors lie closer together than 4 bits tell.
    Eight,
}

impl CodeBits {
    /// Both, smallest first.
    pub const ALL: [Self; 2] = [Self::Four, Self::Eight];

    /// 4 or 8.
    #[must_use]
    pub fn bits(self) -> u32 {
        match self {
            Self::Four => 4,
            Self::Eight => 8,
        }
    }

    /// Codes are 0 to this.
    fn top(self) -> f32 {
        match self {
            Self::Four => 15.0,
            Self::Eight => 255.0,
        }
    }

    /// Code values lie around 0 after taking this off.
    pub(crate) fn middle(self) -> f32 {
        self.top() / 2.0
    }

    /// Bytes per row of codes.
    pub(crate) fn row_bytes(self, dimension: usize) -> usize {
        rotation::padded(dimension) * self.bits() as usize / 8
    }
}

/// Grid steps that are tried per row, in root mean squares of its values. Around 0.335 a Gaussian loses least at 4 bits.
const STEPS: [f32; 6] = [0.26, 0.29, 0.32, 0.35, 0.38, 0.42];

/// How vectors of one index become codes.
#[derive(Debug, Clone)]
pub(crate) struct Quantizer {
    metric: Metric,
    mean: Vec<f32>,
    rotation: Rotation,
    /// Length of the longest row.
    longest: f32,
    kernels: &'static Kernels,
}

/// A query as the kernels take it: x·q ≈ `scale` · Σ value · rotated coordinate.
#[derive(Debug, Default, Clone)]
pub(crate) struct CodedQuery {
    pub(crate) values: Vec<i8>,
    /// What one unit of a value stands for.
    pub(crate) scale: f32,
    /// Sum of the values.
    pub(crate) sum: i32,
    /// Length of the rotated query.
    pub(crate) norm: f32,
    /// What is added to an estimated distance to count from the best a row could be: to get a squared distance, or what
    /// a score lacks to that of the longest row in the query's direction.
    pub(crate) origin: f32,
    rotated: Vec<f32>,
}

impl Quantizer {
    pub(crate) fn new(
        metric: Metric,
        mean: Vec<f32>,
        rotation: Rotation,
        longest: f32,
        kernels: &'static Kernels,
    ) -> Self {
        Self {
            metric,
            mean,
            rotation,
            longest,
            kernels,
        }
    }

    /// The mean that is taken off every row.
    pub(super) fn mean(&self) -> &[f32] {
        &self.mean
    }

    /// Length of the longest row.
    pub(super) fn longest(&self) -> f32 {
        self.longest
    }

    pub(super) fn rotation(&self) -> &Rotation {
        &self.rotation
    }

    /// Values per code row.
    pub(super) fn padded(&self) -> usize {
        self.rotation.padded()
    }

    /// A stored row, centered and rotated, into `out`.
    pub(crate) fn rotate_row(&self, row: &[f32], out: &mut Vec<f32>) {
        out.clear();
        out.extend(row.iter().zip(&self.mean).map(|(value, mean)| value - mean));
        out.resize(self.padded(), 0.0);
        self.rotation.apply(self.kernels, out);
    }

    /// A prepared query. Under L2 it is centered as the rows are; otherwise only what it adds to every row's dot
    /// product would change, which ranks nothing.
    pub(crate) fn code_query(&self, query: &[f32], out: &mut CodedQuery) {
        let rotated = &mut out.rotated;
        rotated.clear();
        match self.metric {
            Metric::L2 => rotated.extend(query.iter().zip(&self.mean).map(|(value, mean)| value - mean)),
            Metric::Cosine | Metric::Dot => rotated.extend(query.iter().take(self.mean.len())),
        }
        rotated.resize(self.padded(), 0.0);
        self.rotation.apply(self.kernels, rotated);
        let greatest = greatest(rotated);
        let (scale, inverse) = match greatest > 0.0 {
            true => (greatest / 127.0, 127.0 / greatest),
            false => (0.0, 0.0),
        };
        out.values.clear();
        out.values.extend(
            rotated
                .iter()
                .map(|value| nearest(value * inverse + 128.0) as i8 ^ -128),
        );
        out.scale = scale;
        out.sum = out.values.iter().map(|&value| i32::from(value)).sum();
        out.norm = squares(rotated).sqrt();
        out.origin = match self.metric {
            Metric::L2 => out.norm * out.norm,
            Metric::Cosine | Metric::Dot => self.longest * out.norm - self.kernels.dot(query, &self.mean),
        };
    }
}

impl CodedQuery {
    /// The length of the rotated query, and that of what rounding took off it.
    pub(crate) fn length_and_loss(&self) -> (f32, f32) {
        let (mut length, mut lost) = (0.0_f64, 0.0_f64);
        for (&value, &rounded) in self.rotated.iter().zip(&self.values) {
            length += f64::from(value).powi(2);
            lost += f64::from(value - self.scale * f32::from(rounded)).powi(2);
        }
        (length.sqrt() as f32, lost.sqrt() as f32)
    }
}

/// The greatest magnitude; in eight lanes, so that the compiler can use vector instructions.
fn greatest(values: &[f32]) -> f32 {
    let mut lanes = [0.0_f32; 8];
    for chunk in values.as_chunks::<8>().0 {
        for lane in 0..8 {
            lanes[lane] = lanes[lane].max(chunk[lane].abs());
        }
    }
    lanes.iter().fold(0.0, |most, &value| most.max(value))
}

/// The sum of squares, in eight lanes.
fn squares(values: &[f32]) -> f32 {
    let mut lanes = [0.0_f32; 8];
    for chunk in values.as_chunks::<8>().0 {
        for lane in 0..8 {
            lanes[lane] += chunk[lane] * chunk[lane];
        }
    }
    lanes.iter().sum()
}

/// Rounds a value that is not negative; up to 255.
#[inline]
fn nearest(value: f32) -> u8 {
    (value + 0.5) as u8
}

/// Rounds a rotated row to codes, one per byte, and gives the row's scale: x·y ≈ scale · Σ y · (code − middle) for any
/// y, without bias (`RaBitQ`). A row of zeros has scale 0.
pub(crate) fn quantize(values: &[f32], bits: CodeBits, codes: &mut [u8]) -> f32 {
    let (squares, greatest) = (squares(values), greatest(values));
    if greatest <= 0.0 || !squares.is_normal() {
        codes.fill(bits.middle() as u8);
        return 0.0;
    }
    let deviation = (squares / values.len() as f32).sqrt();
    let step = match bits {
        CodeBits::Four => best_step(values, deviation, bits),
        CodeBits::Eight => greatest / bits.middle(),
    };
    let (inverse, middle) = (1.0 / step, bits.middle());
    let mut product = 0.0;
    for (code, &value) in codes.iter_mut().zip(values) {
        *code = nearest((value * inverse + middle).clamp(0.0, bits.top()));
        product += value * (f32::from(*code) - middle);
    }
    if product > 0.0 { squares / product } else { 0.0 }
}

/// The step under which codes point most nearly where the row points.
fn best_step(values: &[f32], deviation: f32, bits: CodeBits) -> f32 {
    let middle = bits.middle();
    let quality = |step: f32| {
        let inverse = 1.0 / step;
        let (mut product, mut squares) = ([0.0_f32; 8], [0.0_f32; 8]);
        for lanes in values.as_chunks::<8>().0 {
            for lane in 0..8 {
                let code =
                    f32::from(nearest((lanes[lane] * inverse + middle).clamp(0.0, bits.top()))) - middle;
                product[lane] += lanes[lane] * code;
                squares[lane] += code * code;
            }
        }
        let (product, squares) = (product.iter().sum::<f32>(), squares.iter().sum::<f32>());
        product * product / squares.max(f32::MIN_POSITIVE)
    };
    let tried = STEPS.map(|step| (quality(step * deviation), step * deviation));
    let best = tried.into_iter().max_by(|a, b| a.0.total_cmp(&b.0));
    best.map_or(deviation, |(_, step)| step)
}

/// Packs one code per byte into half a byte each, in the layout of [`crate::kernel`].
pub(super) fn pack(codes: &[u8], out: &mut [u8]) {
    let (blocks, rest) = codes.as_chunks::<128>();
    let (packed, packed_rest) = out.split_at_mut((blocks.len() * 64).min(out.len()));
    for (block, packed) in blocks.iter().zip(packed.chunks_exact_mut(64)) {
        let (low, high) = block.split_at(64);
        pack_halves(low, high, packed);
    }
    let (low, high) = rest.split_at(rest.len() / 2);
    pack_halves(low, high, packed_rest);
}

fn pack_halves(low: &[u8], high: &[u8], out: &mut [u8]) {
    for ((low, high), out) in low.iter().zip(high).zip(out) {
        *out = low & 15 | high << 4;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::kernel::Level;
    use crate::random::SplitMix;

    /// Rather Gaussian values.
    fn values(seed: u64, len: usize) -> Vec<f32> {
        let mut random = SplitMix(seed);
        let mut uniform = || (random.next() >> 40) as f32 / (1 << 24) as f32 - 0.5;
        (0..len).map(|_| (0..6).map(|_| uniform()).sum()).collect()
    }

    fn quantizer(metric: Metric, dimension: usize) -> Quantizer {
        let kernels = Kernels::detect().unwrap();
        Quantizer::new(
            metric,
            values(9, dimension),
            Rotation::seeded(dimension, 3),
            1.0,
            kernels,
        )
    }

    /// The estimated product of a query and a row through the scalar kernels.
    fn estimate(quantizer: &Quantizer, bits: CodeBits, query: &CodedQuery, row: &[f32]) -> f64 {
        let kernels = Kernels::at(Level::Scalar).unwrap();
        let (mut rotated, mut codes) = (Vec::new(), vec![0; quantizer.padded()]);
        quantizer.rotate_row(row, &mut rotated);
        let scale = quantize(&rotated, bits, &mut codes);
        let sum = match bits {
            CodeBits::Eight => kernels.dot_u8(&query.values, &codes),
            CodeBits::Four => {
                let mut packed = vec![0; codes.len() / 2];
                pack(&codes, &mut packed);
                kernels.dot_u4(&query.values, &packed)
            }
        };
        let centered = f64::from(sum) - f64::from(bits.middle()) * f64::from(query.sum);
        f64::from(scale) * f64::from(query.scale) * centered
    }

    proptest! {
        #[test]
        fn estimates_products(dimension in 60_usize..400, seed in any::<u64>()) {
            let quantizer = quantizer(Metric::Dot, dimension);
            let (query, row) = (values(seed, dimension), values(seed ^ 1, dimension));
            let mut coded = CodedQuery::default();
            quantizer.code_query(&query, &mut coded);
            let centered: Vec<f64> = row.iter().zip(quantizer.mean()).map(|(x, m)| f64::from(x - m)).collect();
            let exact: f64 = query.iter().zip(&centered).map(|(&q, x)| f64::from(q) * x).sum();
            let length = centered.iter().map(|x| x * x).sum::<f64>().sqrt();
            let norm = query.iter().map(|&q| f64::from(q * q)).sum::<f64>().sqrt();
            prop_assert!((f64::from(coded.norm) - norm).abs() < 1e-3 * norm);
            for (bits, tolerance) in [(CodeBits::Four, 0.6), (CodeBits::Eight, 0.08)] {
                let error = (estimate(&quantizer, bits, &coded, &row) - exact).abs();
                let unit = norm * length / (dimension as f64).sqrt();
                prop_assert!(error < tolerance * unit, "{bits:?}: {error} of {unit}");
            }
        }
    }

    #[test]
    fn zeros_and_extremes_have_codes_too() {
        let mut codes = [0; 64];
        for bits in CodeBits::ALL {
            assert_eq!(quantize(&[0.0; 64], bits, &mut codes), 0.0);
            for value in [1e-25, 1e18] {
                let mut row = [0.0_f32; 64];
                row[5] = value;
                let scale = quantize(&row, bits, &mut codes);
                assert!(scale.is_finite() && scale >= 0.0, "{bits:?} {value}: {scale}");
            }
        }
        let mut coded = CodedQuery::default();
        quantizer(Metric::Cosine, 3).code_query(&[0.0; 3], &mut coded);
        assert_eq!((coded.scale, coded.sum, coded.values.len()), (0.0, 0, 64));
    }
}

//! A packed model: quantized matrices and `f32` values in two blocks of memory, found again by the model's sizes alone.
//!
//! `weights`: per layer the panels of four matrices: q, k and v (columns in order of heads, each head's q, k, v side by
//! side), attention output, up, down; a panel is `[inputs / 4][48][4]` signed bytes, the last panel filled with zeros.
//! `floats`: positions, types (one row of zeros where the model has none), embedding norm; per layer for each matrix the
//! factors of its inputs, then per column scale, sum of bytes and bias; the norms after the attention's output and after
//! the last product.

use super::forward::Token;
use super::kernel::{Activation, LANES, MOST_HEAD_WIDTH, PANEL, Panel};

/// What the shapes of all parts follow from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Sizes {
    /// Layers.
    pub layers: usize,
    /// Attention heads.
    pub heads: usize,
    /// Length of a token's state.
    pub width: usize,
    /// Length of a state between the two products of a feed-forward layer.
    pub inner: usize,
    /// Rows of the position table.
    pub positions: usize,
    /// Rows of the type table; 0 where the model has no token types.
    pub types: usize,
    /// Added to variances in layer normalization.
    pub epsilon: f32,
    /// The function between the two products.
    pub activation: Activation,
}

impl Sizes {
    /// Length of one head's queries, keys and values.
    pub fn head_width(&self) -> usize {
        self.width / self.heads
    }

    /// Refuses shapes that the kernels can't work on.
    pub fn check(&self) -> Result<(), String> {
        const MOST: usize = 1 << 20;
        let counts = [self.layers, self.heads, self.width, self.inner, self.positions];
        if counts.iter().any(|&count| !(1..=MOST).contains(&count)) || self.types > MOST {
            return Err(format!("sizes out of range: {self:?}"));
        }
        if !self.width.is_multiple_of(self.heads) {
            return Err(format!(
                "{} heads don't divide a width of {}",
                self.heads, self.width
            ));
        }
        for (what, size) in [("head width", self.head_width()), ("inner width", self.inner)] {
            if !size.is_multiple_of(LANES) {
                return Err(format!("the {what} is {size}, not a multiple of {LANES}"));
            }
        }
        if self.head_width() > MOST_HEAD_WIDTH {
            return Err(format!(
                "the head width is {}, over {MOST_HEAD_WIDTH}",
                self.head_width()
            ));
        }
        Ok(())
    }

    /// Inputs and columns of a layer's four matrices, in their order.
    pub fn matrices(&self) -> [(usize, usize); 4] {
        let (width, inner) = (self.width, self.inner);
        [(width, 3 * width), (width, width), (width, inner), (inner, width)]
    }
}

/// A matrix, quantized.
#[derive(Debug, Clone, Copy)]
pub(super) struct Matrix<'a> {
    /// Factor of each input, which its row of weights was divided by.
    pub smooth: &'a [f32],
    weights: &'a [u8],
    scales: &'a [f32],
    sums: &'a [f32],
    bias: &'a [f32],
}

impl<'a> Matrix<'a> {
    /// Number of panels.
    pub fn panels(&self) -> usize {
        self.bias.len() / PANEL
    }

    /// Columns `48 · index` and after.
    pub fn panel(&self, index: usize) -> Panel<'a> {
        let columns = index * PANEL..(index + 1) * PANEL;
        let bytes = self.smooth.len() * PANEL;
        Panel {
            weights: &self.weights[index * bytes..][..bytes],
            scales: &self.scales[columns.clone()],
            sums: &self.sums[columns.clone()],
            bias: &self.bias[columns],
        }
    }
}

/// Factor and summand of a layer normalization.
#[derive(Debug, Clone, Copy)]
pub(super) struct NormView<'a> {
    pub gamma: &'a [f32],
    pub beta: &'a [f32],
}

/// One layer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layer<'a> {
    /// Queries, keys and values of all heads.
    pub projection: Matrix<'a>,
    pub output: Matrix<'a>,
    pub attention_norm: NormView<'a>,
    pub up: Matrix<'a>,
    pub down: Matrix<'a>,
    pub output_norm: NormView<'a>,
}

/// A packed model in use: views of the two blocks.
#[derive(Debug, Clone)]
pub(crate) struct Model<'a> {
    pub(super) sizes: Sizes,
    /// `[vocabulary, width]`.
    pub(super) words: &'a [f32],
    pub(super) positions: &'a [f32],
    /// At least one row.
    pub(super) types: &'a [f32],
    pub(super) norm: NormView<'a>,
    pub(super) layers: Vec<Layer<'a>>,
}

impl<'a> Model<'a> {
    /// Finds the parts in the two blocks.
    ///
    /// # Errors
    /// Sizes that the kernels can't work on, or blocks of another length.
    pub fn new(sizes: Sizes, words: &'a [f32], weights: &'a [u8], floats: &'a [f32]) -> Result<Self, String> {
        sizes.check()?;
        if words.is_empty() || !words.len().is_multiple_of(sizes.width) {
            return Err(format!(
                "{} word values are not rows of {}",
                words.len(),
                sizes.width
            ));
        }
        let mut parts = Parts { weights, floats };
        let width = sizes.width;
        let positions = parts.floats(sizes.positions * width)?;
        let types = parts.floats(sizes.types.max(1) * width)?;
        let norm = parts.norm(width)?;
        let layers = (0..sizes.layers)
            .map(|_| parts.layer(&sizes))
            .collect::<Result<_, _>>()?;
        if !parts.weights.is_empty() || !parts.floats.is_empty() {
            return Err("the packed weights are longer than the sizes say".to_owned());
        }
        Ok(Self {
            sizes,
            words,
            positions,
            types,
            norm,
            layers,
        })
    }

    /// The rows of the three tables that a token is the sum of.
    ///
    /// # Errors
    /// A number beyond a table, with the table's size.
    pub fn token(&self, word: i64, position: usize, kind: i64) -> Result<Token, String> {
        let row = |what: &str, row: i64, rows: usize| {
            let found = usize::try_from(row).ok().filter(|&row| row < rows);
            found.ok_or_else(|| format!("{what} is {row}; the model has 0 to {}", rows.saturating_sub(1)))
        };
        let kind = if self.sizes.types == 0 {
            0
        } else {
            row("a token type", kind, self.sizes.types)?
        };
        Ok(Token {
            word: row("a token id", word, self.words.len() / self.sizes.width)?,
            position: row("a position", position as i64, self.sizes.positions)?,
            kind,
        })
    }
}

/// What is left of the two blocks.
struct Parts<'a> {
    weights: &'a [u8],
    floats: &'a [f32],
}

impl<'a> Parts<'a> {
    fn floats(&mut self, count: usize) -> Result<&'a [f32], String> {
        let (part, rest) = self.floats.split_at_checked(count).ok_or_else(too_short)?;
        self.floats = rest;
        Ok(part)
    }

    fn norm(&mut self, width: usize) -> Result<NormView<'a>, String> {
        Ok(NormView {
            gamma: self.floats(width)?,
            beta: self.floats(width)?,
        })
    }

    fn matrix(&mut self, inputs: usize, columns: usize) -> Result<Matrix<'a>, String> {
        let columns = columns.next_multiple_of(PANEL);
        let (weights, rest) = self
            .weights
            .split_at_checked(inputs * columns)
            .ok_or_else(too_short)?;
        self.weights = rest;
        Ok(Matrix {
            weights,
            smooth: self.floats(inputs)?,
            scales: self.floats(columns)?,
            sums: self.floats(columns)?,
            bias: self.floats(columns)?,
        })
    }

    fn layer(&mut self, sizes: &Sizes) -> Result<Layer<'a>, String> {
        let [projection, output, up, down] = sizes.matrices();
        Ok(Layer {
            projection: self.matrix(projection.0, projection.1)?,
            output: self.matrix(output.0, output.1)?,
            attention_norm: self.norm(sizes.width)?,
            up: self.matrix(up.0, up.1)?,
            down: self.matrix(down.0, down.1)?,
            output_norm: self.norm(sizes.width)?,
        })
    }
}

fn too_short() -> String {
    "the packed weights are shorter than the sizes say".to_owned()
}

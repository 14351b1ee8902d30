//! From trained weights to a packed model.
//!
//! Columns of weights are quantized symmetrically to 8 bits. Before that, each input's row of weights is multiplied by a
//! factor, and the input divided by it, so that inputs with large values (which would take most of a row's 256 steps)
//! and weights share the difficulty evenly: SmoothQuant (Xiao et al. 2023, arXiv:2211.10438) with α = ½. The factors
//! come from the largest values that a few sample texts show.

use rayon::prelude::*;

use super::forward::Token;
use super::kernel::PANEL;
use super::model::Sizes;
use super::reference;
use super::weights::{BertWeights, LayerWeights, Linear, Norm};

/// A model's two blocks; see `model` for what lies where.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct PackedModel {
    /// Signed bytes.
    pub weights: Vec<u8>,
    /// Everything else.
    pub floats: Vec<f32>,
}

/// The sizes of a model.
pub(crate) fn sizes(model: &BertWeights) -> Sizes {
    Sizes {
        layers: model.layers.len(),
        heads: model.heads,
        width: model.width,
        inner: model.inner,
        positions: model.positions.len() / model.width.max(1),
        types: model
            .types
            .as_ref()
            .map_or(0, |types| types.len() / model.width.max(1)),
        epsilon: model.epsilon,
        activation: model.activation,
    }
}

/// Quantizes and packs `model`; `samples` are texts of the kind that it is for, whose tokens are inside its tables.
///
/// # Errors
/// Sizes that the kernels can't work on, or a weight that is not finite.
pub(crate) fn pack(model: &BertWeights, samples: &[Vec<Token>]) -> Result<PackedModel, String> {
    let sizes = sizes(model);
    sizes.check()?;
    if !model
        .values()
        .all(|values| values.iter().all(|value| value.is_finite()))
    {
        return Err("a weight is NaN or infinite".to_owned());
    }
    let largest = largest_inputs(model, &sizes, samples);
    let mut packed = PackedModel {
        weights: Vec::new(),
        floats: Vec::new(),
    };
    packed.floats.extend(&model.positions);
    match &model.types {
        Some(types) => packed.floats.extend(types),
        None => packed.floats.extend(std::iter::repeat_n(0.0, sizes.width)),
    }
    packed.push_norm(&model.norm);
    for (layer, largest) in model.layers.iter().zip(&largest) {
        packed.push_layer(&sizes, layer, largest);
    }
    Ok(packed)
}

/// Per layer and matrix, the largest absolute value of each input.
fn largest_inputs(model: &BertWeights, sizes: &Sizes, samples: &[Vec<Token>]) -> Vec<[Vec<f32>; 4]> {
    let nothing = || vec![sizes.matrices().map(|(inputs, _)| vec![0.0_f32; inputs]); sizes.layers];
    let merge = |into: &mut Vec<f32>, from: &[f32]| {
        into.iter_mut()
            .zip(from)
            .for_each(|(into, from)| *into = into.max(from.abs()));
    };
    let of_text = |tokens: &Vec<Token>| {
        let mut largest = nothing();
        reference::forward(model, tokens, &mut |(layer, matrix), inputs| {
            let largest = &mut largest[layer][matrix];
            inputs
                .chunks_exact(largest.len())
                .for_each(|row| merge(largest, row));
        });
        largest
    };
    samples.par_iter().map(of_text).reduce(nothing, |mut all, one| {
        let pairs = all.iter_mut().flatten().zip(one.iter().flatten());
        pairs.for_each(|(all, one)| merge(all, one));
        all
    })
}

impl PackedModel {
    fn push_norm(&mut self, norm: &Norm) {
        self.floats.extend(&norm.gamma);
        self.floats.extend(&norm.beta);
    }

    fn push_layer(&mut self, sizes: &Sizes, layer: &LayerWeights, largest: &[Vec<f32>; 4]) {
        self.push_matrix(&side_by_side(layer, sizes), &largest[0]);
        self.push_matrix(&layer.output, &largest[1]);
        self.push_norm(&layer.attention_norm);
        self.push_matrix(&layer.up, &largest[2]);
        self.push_matrix(&layer.down, &largest[3]);
        self.push_norm(&layer.output_norm);
    }

    /// Quantizes column by column and appends the panels.
    fn push_matrix(&mut self, linear: &Linear, largest: &[f32]) {
        let (inputs, columns) = (largest.len(), linear.bias.len());
        let factors = factors(linear, largest);
        let padded = columns.next_multiple_of(PANEL);
        let (mut scales, mut sums) = (vec![0.0; padded], vec![0.0; padded]);
        let start = self.weights.len();
        self.weights.resize(start + inputs * padded, 0);
        let panels = &mut self.weights[start..];
        for column in 0..columns {
            let weight = |input: usize| linear.weight[input * columns + column] * factors[input];
            let highest = (0..inputs).map(|input| weight(input).abs()).fold(0.0, f32::max);
            let scale = (highest / 127.0).max(f32::MIN_POSITIVE);
            let (panel, within) = (column / PANEL * PANEL * inputs, column % PANEL);
            let mut sum = 0;
            for input in 0..inputs {
                let step = (weight(input) / scale).round_ties_even() as i8;
                sum += i32::from(step);
                panels[panel + input / 4 * 4 * PANEL + within * 4 + input % 4] = step as u8;
            }
            (scales[column], sums[column]) = (scale, sum as f32);
        }
        let mut bias = linear.bias.clone();
        bias.resize(padded, 0.0);
        self.floats.extend(factors.iter().map(|factor| 1.0 / factor));
        self.floats.extend(scales.into_iter().chain(sums).chain(bias));
    }
}

/// √(largest input / largest weight) per input, with a geometric mean of 1.
fn factors(linear: &Linear, largest: &[f32]) -> Vec<f32> {
    const LEAST: f32 = 1e-5;
    let columns = linear.bias.len();
    let weights = linear.weight.chunks_exact(columns);
    let heaviest = weights.map(|row| row.iter().fold(LEAST, |most, weight| most.max(weight.abs())));
    let logarithms: Vec<f32> = largest
        .iter()
        .zip(heaviest)
        .map(|(input, weight)| 0.5 * (input.max(LEAST) / weight).ln())
        .collect();
    let mean = logarithms.iter().sum::<f32>() / logarithms.len() as f32;
    logarithms
        .iter()
        .map(|logarithm| (logarithm - mean).exp())
        .collect()
}

/// The three projections of a layer as one matrix: per head its queries', keys' and values' columns.
fn side_by_side(layer: &LayerWeights, sizes: &Sizes) -> Linear {
    let (width, head) = (sizes.width, sizes.head_width());
    let parts = [&layer.query, &layer.key, &layer.value];
    let (mut weight, mut bias) = (
        Vec::with_capacity(3 * width * width),
        Vec::with_capacity(3 * width),
    );
    for row in 0..width {
        for start in (row * width..(row + 1) * width).step_by(head) {
            parts
                .iter()
                .for_each(|part| weight.extend(&part.weight[start..start + head]));
        }
    }
    for start in (0..width).step_by(head) {
        parts
            .iter()
            .for_each(|part| bias.extend(&part.bias[start..start + head]));
    }
    Linear { weight, bias }
}

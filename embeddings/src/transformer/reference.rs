//! The same forward pass in plain `f32`, text by text: shows what reaches each matrix, and what the packed model must
//! come close to.

use super::forward::Token;
use super::weights::{Activation, BertWeights, LayerWeights, Linear, Norm};

/// Which matrix an input belongs to: the layer and the place in [`Sizes::matrices`](super::model::Sizes::matrices).
pub(super) type Place = (usize, usize);

/// The last hidden states of one text, row-major `[tokens, width]`; `seen` is shown the inputs of every matrix.
pub(super) fn forward(
    model: &BertWeights,
    tokens: &[Token],
    seen: &mut impl FnMut(Place, &[f32]),
) -> Vec<f32> {
    let width = model.width;
    let mut states = embed(model, tokens);
    for (index, layer) in model.layers.iter().enumerate() {
        seen((index, 0), &states);
        let context = attend(model, layer, &states);
        seen((index, 1), &context);
        let change = linear(&layer.output, &context, width);
        add_norm(&mut states, &change, &layer.attention_norm, model.epsilon);
        seen((index, 2), &states);
        let mut hidden = linear(&layer.up, &states, width);
        hidden
            .iter_mut()
            .for_each(|value| *value = activate(*value, model.activation));
        seen((index, 3), &hidden);
        let change = linear(&layer.down, &hidden, model.inner);
        add_norm(&mut states, &change, &layer.output_norm, model.epsilon);
    }
    states
}

fn embed(model: &BertWeights, tokens: &[Token]) -> Vec<f32> {
    let width = model.width;
    let mut states = Vec::with_capacity(tokens.len() * width);
    for token in tokens {
        let word = &model.words[token.word * width..][..width];
        let position = &model.positions[token.position * width..][..width];
        let kind = model
            .types
            .as_ref()
            .map(|types| &types[token.kind * width..][..width]);
        states.extend((0..width).map(|i| word[i] + kind.map_or(0.0, |kind| kind[i]) + position[i]));
    }
    let nothing = vec![0.0; states.len()];
    add_norm(&mut states, &nothing, &model.norm, model.epsilon);
    states
}

fn linear(linear: &Linear, inputs: &[f32], width: usize) -> Vec<f32> {
    let columns = linear.bias.len();
    let mut out = Vec::with_capacity(inputs.len() / width * columns);
    for row in inputs.chunks_exact(width) {
        let start = out.len();
        out.extend_from_slice(&linear.bias);
        for (&input, weights) in row.iter().zip(linear.weight.chunks_exact(columns)) {
            for (sum, weight) in out[start..].iter_mut().zip(weights) {
                *sum += input * weight;
            }
        }
    }
    out
}

fn attend(model: &BertWeights, layer: &LayerWeights, states: &[f32]) -> Vec<f32> {
    let (width, head) = (model.width, model.width / model.heads);
    let [query, key, value] =
        [&layer.query, &layer.key, &layer.value].map(|part| linear(part, states, width));
    let tokens = states.len() / width;
    let mut context = vec![0.0; states.len()];
    for (start, row) in (0..model.heads).flat_map(|h| (0..tokens).map(move |row| (h * head, row))) {
        let part = |values: &'_ [f32], row: usize| values[row * width + start..][..head].to_vec();
        let wanted = part(&query, row);
        let dot = |other: usize| -> f32 { wanted.iter().zip(part(&key, other)).map(|(a, b)| a * b).sum() };
        let scores: Vec<f32> = (0..tokens)
            .map(|other| dot(other) / (head as f32).sqrt())
            .collect();
        let highest = scores.iter().copied().fold(f32::MIN, f32::max);
        let shares: Vec<f32> = scores.iter().map(|score| (score - highest).exp()).collect();
        let total: f32 = shares.iter().sum();
        for (other, share) in shares.iter().enumerate() {
            for (sum, value) in context[row * width + start..][..head]
                .iter_mut()
                .zip(part(&value, other))
            {
                *sum += share / total * value;
            }
        }
    }
    context
}

fn add_norm(states: &mut [f32], change: &[f32], norm: &Norm, epsilon: f32) {
    let width = norm.gamma.len();
    for (state, change) in states.chunks_exact_mut(width).zip(change.chunks_exact(width)) {
        state
            .iter_mut()
            .zip(change)
            .for_each(|(state, change)| *state += change);
        let mean = state.iter().sum::<f32>() / width as f32;
        let variance = state
            .iter()
            .map(|value| (value - mean) * (value - mean))
            .sum::<f32>()
            / width as f32;
        let inverse = 1.0 / (variance + epsilon).sqrt();
        for (i, value) in state.iter_mut().enumerate() {
            *value = (*value - mean) * inverse * norm.gamma[i] + norm.beta[i];
        }
    }
}

fn activate(x: f32, activation: Activation) -> f32 {
    match activation {
        Activation::Gelu => 0.5 * x * (1.0 + erf(x * std::f32::consts::FRAC_1_SQRT_2)),
        Activation::GeluTanh => 0.5 * x * (1.0 + (0.797_884_6 * (x + 0.044_715 * x * x * x)).tanh()),
        Activation::Relu => x.max(0.0),
    }
}

/// The error function, within 2·10⁻⁷: Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26.
fn erf(x: f32) -> f32 {
    let t = 1.0 / (1.0 + 0.327_591_1 * x.abs());
    let sum = [1.061_405_4, -1.453_152, 1.421_413_8, -0.284_496_74, 0.254_829_6];
    let sum = sum.iter().fold(0.0_f32, |sum, term| sum * t + term);
    (1.0 - sum * t * (-x * x).exp()).copysign(x)
}

//! The feed-forward part's inner layer and the function after it. What the function is, is found by computing it.

use std::collections::{HashSet, VecDeque};

use super::super::evaluate::{Evaluator, gelu, gelu_tanh};
use super::super::graph::{input, op};
use super::super::tensor::Tensor;
use super::linear::LinearMatch;
use super::{Found, Search};
use crate::transformer::Activation;

/// Where the function is computed: −6 to 6 in steps of 1/8.
const SAMPLES: i16 = 48;
const STEP: f32 = 0.125;
/// Largest deviation; the two forms of GELU are up to 5e-4 apart, and constants in 16 bits shift them by 1e-4.
const TOLERANCE: f64 = 1e-3;
/// A function of one number.
type Function = fn(f64) -> f64;
/// Nodes of the longest function that is followed.
const MOST_NODES: usize = 64;

impl<'a> Search<'_, 'a> {
    /// The linear layer behind the activation that makes `value`, and the activation.
    pub fn activated(&self, value: &'a str) -> Found<(LinearMatch<'a>, Activation)> {
        let mut open = VecDeque::from([value]);
        let mut seen = HashSet::new();
        while let Some(at) = open.pop_front() {
            if !seen.insert(at) || seen.len() > MOST_NODES {
                continue;
            }
            if let Some(linear) = self.linear(at) {
                return Ok((linear, self.function(at, value)?));
            }
            let Some(node) = self.graph.producer(at) else {
                continue;
            };
            if matches!(op(node), "BiasGelu" | "FastGelu")
                && let (Some(term), Some(bias)) = (input(node, 0), input(node, 1))
                && let Some(linear) = self.product(self.graph.plain(term), vec![bias])
            {
                let whole = op(node) == "BiasGelu";
                return Ok((
                    linear,
                    if whole {
                        Activation::Gelu
                    } else {
                        Activation::GeluTanh
                    },
                ));
            }
            if is_elementwise(op(node)) {
                open.extend(
                    node.input
                        .iter()
                        .map(String::as_str)
                        .filter(|input| !self.graph.is_constant(input)),
                );
            }
        }
        Err(format!(
            "no linear layer stands before the activation that makes `{value}`"
        ))
    }

    /// Which function leads from one value to another.
    fn function(&self, from: &str, to: &str) -> Found<Activation> {
        let samples: Vec<f32> = (-SAMPLES..=SAMPLES).map(|at| f32::from(at) * STEP).collect();
        let mut evaluator = Evaluator::new(self.graph);
        evaluator.bind(from, Tensor::floats(&[samples.len()], samples.clone()));
        let unknown =
            || format!("the activation between `{from}` and `{to}` is none of GELU, its tanh form, ReLU");
        let result = evaluator.value(to).ok_or_else(unknown)?;
        let results = result
            .as_floats()
            .filter(|results| results.len() == samples.len())
            .ok_or_else(unknown)?;
        let known: [(Activation, Function); 3] = [
            (Activation::Gelu, gelu),
            (Activation::GeluTanh, gelu_tanh),
            (Activation::Relu, |x| x.max(0.0)),
        ];
        let deviation = |function: Function| {
            let pairs = samples.iter().zip(results);
            pairs
                .map(|(&x, &y)| (function(f64::from(x)) - f64::from(y)).abs())
                .fold(0.0, f64::max)
        };
        let deviations = known.map(|(activation, function)| (activation, deviation(function)));
        let nearest = deviations.into_iter().min_by(|a, b| a.1.total_cmp(&b.1));
        let nearest = nearest
            .filter(|(_, deviation)| *deviation < TOLERANCE)
            .ok_or_else(unknown)?;
        Ok(nearest.0)
    }
}

fn is_elementwise(op: &str) -> bool {
    matches!(
        op,
        "Add"
            | "Sub"
            | "Mul"
            | "Div"
            | "Pow"
            | "Erf"
            | "Tanh"
            | "Sigmoid"
            | "Relu"
            | "Gelu"
            | "FastGelu"
            | "Exp"
            | "Sqrt"
            | "Neg"
            | "Max"
            | "Min"
            | "Identity"
            | "Cast"
            | "Dropout"
    )
}

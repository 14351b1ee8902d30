//! Linear layers: a product with a constant matrix, and the constants added to it.

use super::super::graph::{Graph, float, input, int, op};
use super::super::proto::NodeProto;
use super::norm::is_vector;
use super::{Found, Search};
use crate::transformer::Linear;

/// Most summands that are told apart; no encoder adds more at once.
const MOST_TERMS: usize = 16;

/// A sum taken apart.
#[derive(Debug, Default)]
pub(super) struct Sum<'a> {
    /// Summands that are not constant vectors.
    pub terms: Vec<&'a str>,
    /// Constant vectors.
    pub biases: Vec<&'a str>,
}

/// A linear layer in the graph.
#[derive(Debug, Clone)]
pub(super) struct LinearMatch<'a> {
    /// What it is applied to, without the reshaping in between.
    pub input: &'a str,
    /// Constant matrix.
    pub weight: &'a str,
    /// Whether the matrix lies there as `[outputs, inputs]`.
    pub transposed: bool,
    /// Constants added to the product, each as (name, parts, part): the part of a vector of several layers' biases.
    pub biases: Vec<(&'a str, usize, usize)>,
    /// Which part of the outputs is meant, where several layers share a matrix: (first, count).
    pub columns: Option<(usize, usize)>,
    /// Length of a row that goes in.
    pub inputs: usize,
    /// Length of a row that comes out, all of the matrix's columns.
    pub all: usize,
}

impl LinearMatch<'_> {
    /// Length of a row that comes out.
    pub fn outputs(&self) -> usize {
        self.columns.map_or(self.all, |(_, count)| count)
    }

    /// Reads matrix and bias.
    pub fn load(&self, graph: &Graph<'_>) -> Found<Linear> {
        let unreadable = || format!("the matrix `{}` can't be read", self.weight);
        let tensor = graph.constant(self.weight).ok_or_else(unreadable)?;
        let turned = if self.transposed {
            Some(tensor.transposed().ok_or_else(unreadable)?)
        } else {
            None
        };
        let weight = turned
            .as_ref()
            .unwrap_or(&tensor)
            .as_floats()
            .ok_or_else(unreadable)?;
        let mut bias = vec![0.0; self.all];
        for &(name, parts, part) in &self.biases {
            let found = graph.vector(name).filter(|found| found.len() == parts * self.all);
            let found =
                found.ok_or_else(|| format!("the bias `{name}` is not {} numbers", parts * self.all))?;
            let own = &found[part * self.all..];
            bias.iter_mut().zip(own).for_each(|(sum, value)| *sum += value);
        }
        let Some((first, count)) = self.columns else {
            return Ok(Linear {
                weight: weight.to_vec(),
                bias,
            });
        };
        let part = first..first + count;
        let rows = weight
            .chunks_exact(self.all)
            .flat_map(|row| &row[part.clone()])
            .copied();
        Ok(Linear {
            weight: rows.collect(),
            bias: bias[part.clone()].to_vec(),
        })
    }
}

impl<'a> Search<'_, 'a> {
    /// Takes sums of `values` apart, down to normalizations and to what isn't a sum.
    pub fn sum(&self, values: &[&'a str]) -> Sum<'a> {
        let mut sum = Sum::default();
        let mut open: Vec<&'a str> = values.iter().rev().copied().collect();
        while let Some(value) = open.pop() {
            if is_vector(self.graph, value) {
                sum.biases.push(value);
                continue;
            }
            let value = self.graph.plain(value);
            let addition = self.graph.producer(value).filter(|node| op(node) == "Add");
            match addition.map(|node| (input(node, 0), input(node, 1))) {
                Some((Some(a), Some(b)))
                    if self.norm_at(value).is_none() && sum.terms.len() + open.len() < MOST_TERMS =>
                {
                    open.extend([b, a]);
                }
                _ => sum.terms.push(value),
            }
        }
        sum
    }

    /// The linear layer that makes `value`.
    pub fn linear(&self, value: &'a str) -> Option<LinearMatch<'a>> {
        let sum = self.sum(&[value]);
        let [term] = sum.terms.as_slice() else { return None };
        self.product(term, sum.biases)
    }

    /// The linear layer that is the product `term` and the constants `biases`.
    pub fn product(&self, term: &'a str, biases: Vec<&'a str>) -> Option<LinearMatch<'a>> {
        let node = self.graph.producer(term)?;
        let transposed = match op(node) {
            "MatMul" => false,
            "FusedMatMul" => int(node, "transB").unwrap_or(0) != 0,
            "Gemm" => int(node, "transB").unwrap_or(0) != 0,
            _ => return None,
        };
        let scale = |name| float(node, name).unwrap_or(1.0);
        if int(node, "transA").unwrap_or(0) != 0 || scale("alpha") != 1.0 || scale("beta") != 1.0 {
            return None;
        }
        self.with_matrix(node, transposed, biases)
    }

    fn with_matrix(
        &self,
        node: &'a NodeProto,
        transposed: bool,
        biases: Vec<&'a str>,
    ) -> Option<LinearMatch<'a>> {
        let (value, weight) = (input(node, 0)?, input(node, 1)?);
        if self.graph.is_constant(value) || !self.graph.is_constant(weight) {
            return None;
        }
        let &[rows, columns] = self.graph.constant_dims(weight)?.as_slice() else {
            return None;
        };
        let (inputs, all) = if transposed {
            (columns, rows)
        } else {
            (rows, columns)
        };
        let biases = biases
            .into_iter()
            .chain(input(node, 2))
            .map(|bias| (bias, 1, 0))
            .collect();
        Some(LinearMatch {
            input: self.graph.plain(value),
            weight,
            transposed,
            biases,
            columns: None,
            inputs,
            all,
        })
    }
}

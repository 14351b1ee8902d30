//! Layer normalizations, as one operator or taken apart.

use super::super::graph::{Graph, attribute, float, input, int, op};
use super::super::proto::NodeProto;
use super::Found;
use crate::transformer::Norm;

/// The epsilon of the operators where the attribute is left out.
const DEFAULT_EPSILON: f32 = 1e-5;
const DEFAULT_SKIP_EPSILON: f32 = 1e-12;

/// A layer normalization in the graph.
#[derive(Debug, Clone)]
pub(super) struct NormMatch<'a> {
    pub output: &'a str,
    /// Values whose sum it normalizes.
    pub inputs: Vec<&'a str>,
    /// A constant vector added to that sum.
    pub bias: Option<&'a str>,
    pub gamma: &'a str,
    /// `None`: zeros.
    pub beta: Option<&'a str>,
    pub epsilon: f32,
    /// The fused operator that looks the embeddings up itself.
    pub embeds: Option<&'a NodeProto>,
}

impl NormMatch<'_> {
    /// Reads scale and shift, each of `width` numbers.
    pub fn load(&self, graph: &Graph<'_>, width: usize) -> Found<Norm> {
        let vector = |name: &str| {
            let found = graph.vector(name).filter(|found| found.len() == width);
            found.ok_or_else(|| {
                format!(
                    "`{name}` of the layer normalization `{}` is not {width} numbers",
                    self.output
                )
            })
        };
        Ok(Norm {
            gamma: vector(self.gamma)?,
            beta: self.beta.map_or_else(|| Ok(vec![0.0; width]), vector)?,
        })
    }
}

/// The normalization whose last node is `node`.
pub(super) fn norm<'a>(graph: &Graph<'a>, node: &'a NodeProto) -> Option<NormMatch<'a>> {
    match op(node) {
        "LayerNormalization" => whole(node),
        "SkipLayerNormalization" => with_skip(node),
        "EmbedLayerNormalization" => with_embeddings(node),
        "Add" => apart(graph, node),
        _ => None,
    }
}

fn whole(node: &NodeProto) -> Option<NormMatch<'_>> {
    matches!(int(node, "axis").unwrap_or(-1), -1 | 2).then_some(())?;
    Some(NormMatch {
        output: node.output.first()?,
        inputs: vec![input(node, 0)?],
        bias: None,
        gamma: input(node, 1)?,
        beta: input(node, 2),
        epsilon: float(node, "epsilon").unwrap_or(DEFAULT_EPSILON),
        embeds: None,
    })
}

fn with_skip(node: &NodeProto) -> Option<NormMatch<'_>> {
    Some(NormMatch {
        output: node.output.first()?,
        inputs: vec![input(node, 0)?, input(node, 1)?],
        bias: input(node, 4),
        gamma: input(node, 2)?,
        beta: input(node, 3),
        epsilon: float(node, "epsilon").unwrap_or(DEFAULT_SKIP_EPSILON),
        embeds: None,
    })
}

fn with_embeddings(node: &NodeProto) -> Option<NormMatch<'_>> {
    Some(NormMatch {
        output: node.output.first()?,
        inputs: Vec::new(),
        bias: None,
        gamma: input(node, 5)?,
        beta: input(node, 6),
        epsilon: float(node, "epsilon").unwrap_or(DEFAULT_SKIP_EPSILON),
        embeds: Some(node),
    })
}

/// `(x − mean) / √(variance + ε) · γ + β`, node by node.
fn apart<'a>(graph: &Graph<'a>, node: &'a NodeProto) -> Option<NormMatch<'a>> {
    let (scaled, beta) = with_vector(graph, node)?;
    let product = graph
        .producer(graph.plain(scaled))
        .filter(|node| op(node) == "Mul")?;
    let (unit, gamma) = with_vector(graph, product)?;
    let (summed, epsilon) = standardized(graph, unit)?;
    Some(NormMatch {
        output: node.output.first()?,
        inputs: vec![summed],
        bias: None,
        gamma,
        beta: Some(beta),
        epsilon,
        embeds: None,
    })
}

/// The two operands of a node, one of which is a constant vector: (other, vector).
fn with_vector<'a>(graph: &Graph<'a>, node: &'a NodeProto) -> Option<(&'a str, &'a str)> {
    let (a, b) = (input(node, 0)?, input(node, 1)?);
    match (is_vector(graph, a), is_vector(graph, b)) {
        (false, true) => Some((a, b)),
        (true, false) => Some((b, a)),
        _ => None,
    }
}

/// Whether a value is a constant of more than one element that varies along its last axis only.
pub(super) fn is_vector(graph: &Graph<'_>, value: &str) -> bool {
    if !graph.is_constant(value) {
        return false;
    }
    let dims = graph.constant_dims(value).unwrap_or_default();
    dims.last()
        .is_some_and(|&last| last > 1 && dims.iter().product::<usize>() == last)
}

/// What `(x − mean) / √(variance + ε)` normalizes, and ε.
fn standardized<'a>(graph: &Graph<'a>, unit: &'a str) -> Option<(&'a str, f32)> {
    let node = graph.producer(graph.plain(unit))?;
    let (a, b) = (input(node, 0)?, input(node, 1)?);
    let (centered, spread) = match op(node) {
        "Div" => (a, b),
        "Mul" => match (reciprocal(graph, a), reciprocal(graph, b)) {
            (None, Some(spread)) => (a, spread),
            (Some(spread), None) => (b, spread),
            _ => return None,
        },
        _ => return None,
    };
    let summed = centered_from(graph, centered)?;
    let root = graph.producer(graph.plain(spread))?;
    let is_root = op(root) == "Sqrt"
        || (op(root) == "Pow" && input(root, 1).and_then(|power| graph.scalar(power)) == Some(0.5));
    let shifted = graph
        .producer(graph.plain(input(root, 0).filter(|_| is_root)?))
        .filter(|node| op(node) == "Add")?;
    let (a, b) = (input(shifted, 0)?, input(shifted, 1)?);
    let (variance, epsilon) = match (graph.scalar(a), graph.scalar(b)) {
        (None, Some(epsilon)) => (a, epsilon),
        (Some(epsilon), None) => (b, epsilon),
        _ => return None,
    };
    let squared = graph.producer(graph.plain(mean_of(graph, variance)?))?;
    let base = input(squared, 0)?;
    let square = match op(squared) {
        "Pow" => graph.scalar(input(squared, 1)?) == Some(2.0),
        "Mul" => input(squared, 1).is_some_and(|other| graph.plain(other) == graph.plain(base)),
        _ => false,
    };
    (square && centered_from(graph, base)? == summed).then_some((summed, epsilon))
}

fn reciprocal<'a>(graph: &Graph<'a>, value: &'a str) -> Option<&'a str> {
    let node = graph.producer(graph.plain(value))?;
    match op(node) {
        "Reciprocal" => input(node, 0),
        "Div" if graph.scalar(input(node, 0)?) == Some(1.0) => input(node, 1),
        _ => None,
    }
}

/// `x` of `x − mean(x)`.
fn centered_from<'a>(graph: &Graph<'a>, value: &'a str) -> Option<&'a str> {
    let node = graph
        .producer(graph.plain(value))
        .filter(|node| op(node) == "Sub")?;
    let summed = graph.plain(input(node, 0)?);
    (graph.plain(mean_of(graph, input(node, 1)?)?) == summed).then_some(summed)
}

/// What a mean over the last axis is taken of.
fn mean_of<'a>(graph: &Graph<'a>, value: &'a str) -> Option<&'a str> {
    let node = graph
        .producer(graph.plain(value))
        .filter(|node| op(node) == "ReduceMean")?;
    let axes = match attribute(node, "axes") {
        Some(axes) => axes.ints.clone(),
        None => graph.constant(input(node, 1)?)?.as_ints()?.to_vec(),
    };
    if matches!(axes.as_slice(), [-1 | 2]) {
        input(node, 0)
    } else {
        None
    }
}

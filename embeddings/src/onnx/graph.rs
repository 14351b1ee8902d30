//! A graph by its data flow: who makes a value, and what it depends on.

use std::collections::{HashMap, HashSet};
use std::rc::Rc;

use super::evaluate::Evaluator;
use super::file::ModelFile;
use super::proto::{AttributeProto, GraphProto, NodeProto, TensorProto};
use super::tensor::Tensor;
use crate::Result;

/// The graph inputs of a sentence encoder.
pub(crate) const IDS: &str = "input_ids";
pub(crate) const MASK: &str = "attention_mask";
pub(crate) const TYPES: &str = "token_type_ids";

/// Domain of the fused operators that ONNX Runtime's own optimizer writes.
const MICROSOFT: &str = "com.microsoft";

/// What a value's numbers (not only its shape) depend on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Reads {
    pub ids: bool,
    pub mask: bool,
    /// Token types, or an input that a sentence encoder doesn't have.
    pub other: bool,
}

impl Reads {
    /// Neither ids nor mask nor anything else that a caller feeds.
    pub fn nothing(self) -> bool {
        self == Self::default()
    }

    fn of_input(name: &str) -> Self {
        Self {
            ids: name == IDS,
            mask: name == MASK,
            other: name != IDS && name != MASK,
        }
    }

    fn and(self, other: Self) -> Self {
        Self {
            ids: self.ids || other.ids,
            mask: self.mask || other.mask,
            other: self.other || other.other,
        }
    }
}

/// An index over a model file's main graph.
pub(crate) struct Graph<'a> {
    pub file: &'a ModelFile,
    pub graph: &'a GraphProto,
    producers: HashMap<&'a str, &'a NodeProto>,
    initializers: HashMap<&'a str, &'a TensorProto>,
    reads: HashMap<&'a str, Reads>,
    /// Values that change with the inputs, be it only in shape.
    changing: HashSet<&'a str>,
}

impl<'a> Graph<'a> {
    /// Indexes the file's graph.
    ///
    /// # Errors
    /// [`EmbeddingError::Model`](crate::EmbeddingError::Model) where the file has no graph.
    pub fn new(file: &'a ModelFile) -> Result<Self> {
        let graph = file.graph()?;
        let initializers: HashMap<_, _> = graph
            .initializer
            .iter()
            .map(|tensor| (tensor.name(), tensor))
            .collect();
        let mut index = Self {
            file,
            graph,
            producers: HashMap::with_capacity(graph.node.len()),
            initializers,
            reads: HashMap::with_capacity(graph.node.len()),
            changing: HashSet::with_capacity(graph.node.len()),
        };
        for input in &graph.input {
            if !index.initializers.contains_key(input.name()) {
                index.reads.insert(input.name(), Reads::of_input(input.name()));
                index.changing.insert(input.name());
            }
        }
        for node in &graph.node {
            index.add(node);
        }
        Ok(index)
    }

    /// Nodes come in an order in which inputs are known (the format demands it).
    fn add(&mut self, node: &'a NodeProto) {
        let inputs = node.input.iter().filter(|input| !input.is_empty());
        let changes = inputs.clone().any(|input| self.changing.contains(input.as_str())) || is_opaque(node);
        let reads = if node.op_type() == "Shape" {
            Reads::default()
        } else {
            inputs.fold(Reads::default(), |reads, input| reads.and(self.reads(input)))
        };
        for output in node.output.iter().filter(|output| !output.is_empty()) {
            self.producers.insert(output, node);
            self.reads.insert(output, reads);
            if changes {
                self.changing.insert(output);
            }
        }
    }

    /// The node that makes a value; `None` for inputs, initializers and names that nobody makes.
    pub fn producer(&self, value: &str) -> Option<&'a NodeProto> {
        self.producers.get(value).copied()
    }

    /// The initializer of this name.
    pub fn initializer(&self, value: &str) -> Option<&'a TensorProto> {
        self.initializers.get(value).copied()
    }

    /// Whether the graph asks its caller for `name`.
    pub fn has_input(&self, name: &str) -> bool {
        self.initializer(name).is_none() && self.graph.input.iter().any(|input| input.name() == name)
    }

    /// What a value's numbers depend on.
    pub fn reads(&self, value: &str) -> Reads {
        self.reads.get(value).copied().unwrap_or_default()
    }

    /// Whether a value is the same whatever the inputs are.
    pub fn is_constant(&self, value: &str) -> bool {
        !self.changing.contains(value)
            && (self.initializers.contains_key(value) || self.producers.contains_key(value))
    }

    /// A constant's numbers; `None` where it is none, or made by operators that are not known here.
    pub fn constant(&self, value: &str) -> Option<Rc<Tensor>> {
        if self.is_constant(value) {
            Evaluator::new(self).value(value)
        } else {
            None
        }
    }

    /// A constant's dimensions, without reading it where the file says them.
    pub fn constant_dims(&self, value: &str) -> Option<Vec<usize>> {
        match self.initializer(value) {
            Some(tensor) => tensor.dims.iter().map(|&dim| usize::try_from(dim).ok()).collect(),
            None => Some(self.constant(value)?.dims.clone()),
        }
    }

    /// The number of a constant of one element.
    pub fn scalar(&self, value: &str) -> Option<f32> {
        if self.constant_dims(value)?.iter().product::<usize>() != 1 {
            return None;
        }
        self.constant(value)?.scalar()
    }

    /// A constant that varies only along the last axis: `[n]`, `[1, n]`, …; not a scalar.
    pub fn vector(&self, value: &str) -> Option<Vec<f32>> {
        let dims = self.constant_dims(value)?;
        let &last = dims.last()?;
        if dims.iter().product::<usize>() != last {
            return None;
        }
        Some(self.constant(value)?.as_floats()?.to_vec())
    }

    /// Follows a value back through nodes that only rename, convert or reshape.
    pub fn plain(&self, mut value: &'a str) -> &'a str {
        while let Some(node) = self.producer(value) {
            let passes = matches!(
                op(node),
                "Identity" | "Dropout" | "Cast" | "Reshape" | "Squeeze" | "Unsqueeze" | "Flatten"
            );
            match node.input.first() {
                Some(input) if passes && node.output.first().is_some_and(|output| output == value) => {
                    value = input;
                }
                _ => break,
            }
        }
        value
    }
}

/// A node's operator, for the standard domain and for ONNX Runtime's fused ones; empty for every other domain.
pub(crate) fn op(node: &NodeProto) -> &str {
    match node.domain() {
        "" | "ai.onnx" | MICROSOFT => node.op_type(),
        _ => "",
    }
}

/// Whether the operator is one of ONNX Runtime's own.
pub(crate) fn is_microsoft(node: &NodeProto) -> bool {
    node.domain() == MICROSOFT
}

/// An input of a node that is there.
pub(crate) fn input(node: &NodeProto, index: usize) -> Option<&str> {
    node.input
        .get(index)
        .map(String::as_str)
        .filter(|name| !name.is_empty())
}

/// An attribute of a node.
pub(crate) fn attribute<'n>(node: &'n NodeProto, name: &str) -> Option<&'n AttributeProto> {
    node.attribute.iter().find(|attribute| attribute.name() == name)
}

/// An integer attribute of a node.
pub(crate) fn int(node: &NodeProto, name: &str) -> Option<i64> {
    attribute(node, name)?.i
}

/// A float attribute of a node.
pub(crate) fn float(node: &NodeProto, name: &str) -> Option<f32> {
    attribute(node, name)?.f
}

/// Subgraphs read values that the node's inputs don't name, and random numbers come from nowhere.
fn is_opaque(node: &NodeProto) -> bool {
    node.attribute
        .iter()
        .any(|attribute| attribute.g.is_some() || !attribute.graphs.is_empty())
        || node.op_type().starts_with("Random")
        || node.op_type() == "Bernoulli"
}

//! Puts graphs together: nodes and constants in the order in which they are asked for, so that the same calls give the
//! same bytes.

use std::collections::HashSet;

use super::proto::{
    AttributeProto, Dimension, DimensionValue, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    TensorProto, TensorShapeProto, TensorType, TypeProto, TypeValue, ValueInfoProto, attribute_type,
    data_type,
};

/// A graph under construction. Methods that add something return the name of its value.
#[derive(Debug, Default)]
pub(crate) struct GraphBuilder {
    graph: GraphProto,
    constants: HashSet<String>,
}

impl GraphBuilder {
    /// Adds a node with one output of the node's own name.
    pub fn node(&mut self, op: &str, inputs: &[&str], name: &str) -> String {
        self.node_with(op, inputs, name, &[])
    }

    /// Adds a node with one output of the node's own name, and attributes.
    pub fn node_with(
        &mut self,
        op: &str,
        inputs: &[&str],
        name: &str,
        attributes: &[AttributeProto],
    ) -> String {
        self.graph.node.push(NodeProto {
            input: inputs.iter().map(|&input| input.to_owned()).collect(),
            output: vec![name.to_owned()],
            name: Some(name.to_owned()),
            op_type: Some(op.to_owned()),
            attribute: attributes.to_vec(),
            ..NodeProto::default()
        });
        name.to_owned()
    }

    /// Adds a node as it is.
    #[cfg(test)]
    pub fn push(&mut self, node: NodeProto) {
        self.graph.node.push(node);
    }

    /// Whether a node of this name is there.
    #[cfg(test)]
    pub fn has(&self, name: &str) -> bool {
        self.graph.node.iter().any(|node| node.name() == name)
    }

    /// Adds a constant of floats, unless one of this name is there.
    pub fn floats(&mut self, name: &str, dims: &[usize], values: &[f32]) -> String {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(name, dims, data_type::FLOAT, bytes)
    }

    /// Adds a constant of one float.
    pub fn scalar(&mut self, name: &str, value: f32) -> String {
        self.floats(name, &[1], &[value])
    }

    /// Adds a constant list of integers, named after them.
    pub fn integers(&mut self, values: &[i64]) -> String {
        let words: Vec<String> = values.iter().map(i64::to_string).collect();
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.constant(
            &format!("integers_{}", words.join("_")),
            &[values.len()],
            data_type::INT64,
            bytes,
        )
    }

    /// Adds a constant from its bytes, little-endian, unless one of this name is there.
    pub fn constant(&mut self, name: &str, dims: &[usize], kind: i32, bytes: Vec<u8>) -> String {
        if self.constants.insert(name.to_owned()) {
            self.graph.initializer.push(TensorProto {
                dims: dims.iter().map(|&dim| dim as i64).collect(),
                data_type: Some(kind),
                name: Some(name.to_owned()),
                raw_data: Some(bytes),
                ..TensorProto::default()
            });
        }
        name.to_owned()
    }

    /// Declares an input of integers `[batch, tokens]`.
    pub fn input(&mut self, name: &str) {
        self.graph.input.push(value_info(
            name,
            data_type::INT64,
            &[Axis::Named("batch"), Axis::Named("tokens")],
        ));
    }

    /// Declares an output of floats.
    pub fn output(&mut self, name: &str, axes: &[Axis<'_>]) {
        self.graph.output.push(value_info(name, data_type::FLOAT, axes));
    }

    /// The model, with these versions of operator sets (domain, version).
    pub fn finish(mut self, name: &str, ir_version: i64, opsets: &[(&str, i64)]) -> ModelProto {
        self.graph.name = Some(name.to_owned());
        let opset = |&(domain, version): &(&str, i64)| OperatorSetIdProto {
            domain: Some(domain.to_owned()),
            version: Some(version),
        };
        ModelProto {
            ir_version: Some(ir_version),
            producer_name: Some("alike".to_owned()),
            graph: Some(self.graph),
            opset_import: opsets.iter().map(opset).collect(),
            ..ModelProto::default()
        }
    }
}

/// One axis of a declared shape.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Axis<'a> {
    Named(&'a str),
    Fixed(usize),
}

/// A value of a type and shape.
pub(crate) fn value_info(name: &str, element: i32, axes: &[Axis<'_>]) -> ValueInfoProto {
    let dim = |axis: &Axis<'_>| Dimension {
        value: Some(match *axis {
            Axis::Named(name) => DimensionValue::Param(name.to_owned()),
            Axis::Fixed(size) => DimensionValue::Value(size as i64),
        }),
        denotation: None,
    };
    let shape = TensorShapeProto {
        dim: axes.iter().map(dim).collect(),
    };
    let tensor = TensorType {
        elem_type: Some(element),
        shape: Some(shape),
    };
    ValueInfoProto {
        name: Some(name.to_owned()),
        r#type: Some(TypeProto {
            value: Some(TypeValue::Tensor(tensor)),
            denotation: None,
        }),
        ..ValueInfoProto::default()
    }
}

/// An attribute that is one integer.
pub(crate) fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        i: Some(value),
        ..attribute(name, attribute_type::INT)
    }
}

/// An attribute that is a list of integers.
pub(crate) fn ints(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto {
        ints: values.to_vec(),
        ..attribute(name, attribute_type::INTS)
    }
}

/// An attribute that is one float.
pub(crate) fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto {
        f: Some(value),
        ..attribute(name, attribute_type::FLOAT)
    }
}

/// An attribute that is a text.
pub(crate) fn text(name: &str, value: &str) -> AttributeProto {
    AttributeProto {
        s: Some(value.as_bytes().to_vec()),
        ..attribute(name, attribute_type::STRING)
    }
}

fn attribute(name: &str, kind: i32) -> AttributeProto {
    AttributeProto {
        name: Some(name.to_owned()),
        r#type: Some(kind),
        ..AttributeProto::default()
    }
}

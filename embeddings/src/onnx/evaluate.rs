//! Evaluates small parts of a graph: constants behind a transposition or a conversion, position tables as the graph
//! computes them from a shape, an activation function at sample points. Operators that such parts don't use are not
//! known here: their value is `None`.

use std::collections::HashMap;
use std::rc::Rc;

use super::graph::{Graph, attribute, input, int, op};
use super::proto::{NodeProto, data_type};
use super::tensor::{Tensor, Values};

/// Elements of the largest tensor that is evaluated: the word table of a very large model.
const MOST_ELEMENTS: usize = 1 << 28;
/// Nodes on the longest way that is followed.
const MOST_STEPS: usize = 200;

/// Evaluates values of a graph, some of which are given.
pub(crate) struct Evaluator<'g, 'a> {
    graph: &'g Graph<'a>,
    known: HashMap<String, Rc<Tensor>>,
}

impl<'g, 'a> Evaluator<'g, 'a> {
    /// With no value given: only constants can be evaluated.
    pub fn new(graph: &'g Graph<'a>) -> Self {
        Self {
            graph,
            known: HashMap::new(),
        }
    }

    /// Gives a value.
    pub fn bind(&mut self, value: &str, tensor: Tensor) {
        self.known.insert(value.to_owned(), Rc::new(tensor));
    }

    /// A value's numbers, if they follow from what is given.
    pub fn value(&mut self, value: &str) -> Option<Rc<Tensor>> {
        self.within(value, MOST_STEPS)
    }

    fn within(&mut self, value: &str, steps: usize) -> Option<Rc<Tensor>> {
        if let Some(known) = self.known.get(value) {
            return Some(Rc::clone(known));
        }
        if let Some(initializer) = self.graph.initializer(value) {
            return self.graph.file.tensor(initializer).ok().map(Rc::new);
        }
        let node = self.graph.producer(value)?;
        if steps == 0 || node.output.first().is_none_or(|output| output != value) {
            return None;
        }
        let tensor = Rc::new(self.run(node, steps - 1)?);
        self.known.insert(value.to_owned(), Rc::clone(&tensor));
        Some(tensor)
    }

    fn run(&mut self, node: &NodeProto, steps: usize) -> Option<Tensor> {
        if op(node) == "Constant" {
            return self.literal(node);
        }
        let mut inputs = Vec::with_capacity(node.input.len());
        for name in &node.input {
            inputs.push(if name.is_empty() {
                None
            } else {
                Some(self.within(name, steps)?)
            });
        }
        let operands = Operands { node, inputs };
        if let Some(function) = unary(node) {
            return Some(operands.get(0)?.map(function));
        }
        if let Some(function) = binary(op(node)) {
            return broadcast(
                operands.get(0)?,
                operands.get(1)?,
                function,
                is_predicate(op(node)),
            );
        }
        operands.rearrange(op(node))
    }

    fn literal(&self, node: &NodeProto) -> Option<Tensor> {
        let [attribute] = node.attribute.as_slice() else {
            return None;
        };
        match attribute.name() {
            "value" => self.graph.file.tensor(attribute.t.as_ref()?).ok(),
            "value_int" => Some(Tensor::ints(&[], vec![attribute.i?])),
            "value_ints" => Some(Tensor::ints(&[attribute.ints.len()], attribute.ints.clone())),
            "value_float" => Some(Tensor::floats(&[], vec![attribute.f?])),
            "value_floats" => Some(Tensor::floats(
                &[attribute.floats.len()],
                attribute.floats.clone(),
            )),
            _ => None,
        }
    }
}

/// A function of one number that a node applies to each element.
fn unary(node: &NodeProto) -> Option<fn(f64) -> f64> {
    Some(match op(node) {
        "Sqrt" => f64::sqrt,
        "Erf" => erf,
        "Tanh" => f64::tanh,
        "Exp" => f64::exp,
        "Neg" => |x| -x,
        "Abs" => f64::abs,
        "Reciprocal" => f64::recip,
        "Sigmoid" => |x| 1.0 / (1.0 + (-x).exp()),
        "Relu" => |x| x.max(0.0),
        "Not" => |x| f64::from(x == 0.0),
        "Gelu" if attribute(node, "approximate").is_some_and(|value| value.s() == b"tanh") => gelu_tanh,
        "Gelu" => gelu,
        "FastGelu" if input(node, 1).is_none() => gelu_tanh,
        _ => return None,
    })
}

/// A function of two numbers, with the shapes made equal.
fn binary(op: &str) -> Option<fn(f64, f64) -> f64> {
    Some(match op {
        "Add" => |a, b| a + b,
        "Sub" => |a, b| a - b,
        "Mul" => |a, b| a * b,
        "Div" => |a, b| a / b,
        "Pow" => f64::powf,
        "Min" => f64::min,
        "Max" => f64::max,
        "Equal" => |a, b| f64::from(a == b),
        "Less" => |a, b| f64::from(a < b),
        "LessOrEqual" => |a, b| f64::from(a <= b),
        "Greater" => |a, b| f64::from(a > b),
        "GreaterOrEqual" => |a, b| f64::from(a >= b),
        "And" => |a, b| f64::from(a != 0.0 && b != 0.0),
        "Or" => |a, b| f64::from(a != 0.0 || b != 0.0),
        _ => return None,
    })
}

fn is_predicate(op: &str) -> bool {
    matches!(
        op,
        "Equal" | "Less" | "LessOrEqual" | "Greater" | "GreaterOrEqual" | "And" | "Or"
    )
}

/// x · Φ(x).
pub(crate) fn gelu(x: f64) -> f64 {
    0.5 * x * (1.0 + erf(x * std::f64::consts::FRAC_1_SQRT_2))
}

/// The approximation of [`gelu`] by a hyperbolic tangent.
pub(crate) fn gelu_tanh(x: f64) -> f64 {
    let root = (2.0 / std::f64::consts::PI).sqrt();
    0.5 * x * (1.0 + (root * (x + 0.044_715 * x.powi(3))).tanh())
}

/// The error function, by its Maclaurin series; beyond 5 it is 1 to within 2e-12.
fn erf(x: f64) -> f64 {
    if x.abs() > 5.0 {
        return x.signum();
    }
    let (mut term, mut sum) = (x, x);
    for n in 1..120 {
        let n = f64::from(n);
        term *= -x * x / n;
        sum += term / (2.0 * n + 1.0);
    }
    sum * std::f64::consts::FRAC_2_SQRT_PI
}

impl Tensor {
    fn map(&self, function: impl Fn(f64) -> f64) -> Self {
        let values = match &self.values {
            Values::Float(values) => {
                Values::Float(values.iter().map(|&x| function(f64::from(x)) as f32).collect())
            }
            Values::Int(values) => Values::Int(values.iter().map(|&x| function(x as f64) as i64).collect()),
        };
        Self {
            dims: self.dims.clone(),
            values,
        }
    }

    fn number(&self, at: usize) -> f64 {
        match &self.values {
            Values::Float(values) => f64::from(values[at]),
            Values::Int(values) => values[at] as f64,
        }
    }

    /// A tensor of the elements at `places`, which are valid.
    fn pick(&self, dims: Vec<usize>, places: impl Iterator<Item = usize>) -> Self {
        let values = match &self.values {
            Values::Float(values) => Values::Float(places.map(|at| values[at]).collect()),
            Values::Int(values) => Values::Int(places.map(|at| values[at]).collect()),
        };
        Self { dims, values }
    }

    fn reshaped(&self, dims: Vec<usize>) -> Option<Self> {
        (count(&dims)? == self.len()).then(|| Self {
            dims,
            values: self.values.clone(),
        })
    }
}

fn count(dims: &[usize]) -> Option<usize> {
    let product = dims
        .iter()
        .try_fold(1_usize, |product, &dim| product.checked_mul(dim))?;
    (product <= MOST_ELEMENTS).then_some(product)
}

/// The shape that two shapes are stretched to.
fn common_shape(a: &[usize], b: &[usize]) -> Option<Vec<usize>> {
    let rank = a.len().max(b.len());
    let at = |dims: &[usize], axis: usize| (axis + dims.len()).checked_sub(rank).map_or(1, |own| dims[own]);
    let dims = (0..rank).map(|axis| match (at(a, axis), at(b, axis)) {
        (x, y) if x == y || y == 1 => Some(x),
        (1, y) => Some(y),
        _ => None,
    });
    dims.collect()
}

/// For each element of `dims`, where a tensor of shape `own` has it.
fn stretched(own: &[usize], dims: &[usize]) -> impl Iterator<Item = usize> {
    let mut strides = vec![0; dims.len()];
    let mut stride = 1;
    for axis in (0..own.len()).rev() {
        strides[axis + dims.len() - own.len()] = if own[axis] == 1 { 0 } else { stride };
        stride *= own[axis];
    }
    places(dims.to_vec(), strides, 0)
}

/// Places of a view with these dimensions and strides, row-major.
fn places(dims: Vec<usize>, strides: Vec<usize>, start: usize) -> impl Iterator<Item = usize> {
    let total = dims.iter().product();
    (0..total).map(move |mut index| {
        let mut place = start;
        for (dim, stride) in dims.iter().zip(&strides).rev() {
            place += index % dim * stride;
            index /= dim;
        }
        place
    })
}

fn broadcast(a: &Tensor, b: &Tensor, function: fn(f64, f64) -> f64, predicate: bool) -> Option<Tensor> {
    let dims = common_shape(&a.dims, &b.dims)?;
    count(&dims)?;
    let pairs = stretched(&a.dims, &dims).zip(stretched(&b.dims, &dims));
    let results = pairs.map(|(x, y)| function(a.number(x), b.number(y)));
    let whole = predicate || (a.as_ints().is_some() && b.as_ints().is_some());
    let values = if whole {
        Values::Int(results.map(|value| value as i64).collect())
    } else {
        Values::Float(results.map(|value| value as f32).collect())
    };
    Some(Tensor { dims, values })
}

/// An axis that may be counted from the end.
fn axis(axis: i64, rank: usize) -> Option<usize> {
    let axis = if axis < 0 { axis + rank as i64 } else { axis };
    usize::try_from(axis).ok().filter(|&axis| axis < rank)
}

fn strides(dims: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; dims.len()];
    for at in (1..dims.len()).rev() {
        strides[at - 1] = strides[at] * dims[at];
    }
    strides
}

/// A node that moves elements about, and the tensors it reads.
struct Operands<'n> {
    node: &'n NodeProto,
    inputs: Vec<Option<Rc<Tensor>>>,
}

impl Operands<'_> {
    fn get(&self, index: usize) -> Option<&Tensor> {
        self.inputs.get(index)?.as_deref()
    }

    /// Integers of an attribute, or of an input where newer operator sets have them.
    fn list(&self, name: &str, index: usize) -> Option<Vec<i64>> {
        match attribute(self.node, name) {
            Some(attribute) => Some(attribute.ints.clone()),
            None => Some(self.get(index)?.as_ints()?.to_vec()),
        }
    }

    fn rearrange(&self, op: &str) -> Option<Tensor> {
        match op {
            "Identity" | "Dropout" => self.get(0).cloned(),
            "Cast" => self.cast(),
            "Shape" => self.shape(),
            "Gather" => self.gather(),
            "Slice" => self.slice(),
            "Squeeze" => self.squeeze(),
            "Unsqueeze" => self.unsqueeze(),
            "Concat" => self.concat(),
            "Reshape" => self.reshape(),
            "Transpose" => self.transpose(),
            "Range" => self.range(),
            "ConstantOfShape" => self.filled(),
            "Expand" => self.expand(),
            "Where" => self.choose(),
            _ => None,
        }
    }

    fn cast(&self) -> Option<Tensor> {
        let tensor = self.get(0)?;
        let whole = matches!(
            i32::try_from(int(self.node, "to")?).ok()?,
            data_type::INT64 | data_type::INT32 | data_type::BOOL | data_type::UINT8
        );
        let values = match (&tensor.values, whole) {
            (Values::Float(values), true) => Values::Int(values.iter().map(|&x| x as i64).collect()),
            (Values::Int(values), false) => Values::Float(values.iter().map(|&x| x as f32).collect()),
            (values, _) => values.clone(),
        };
        Some(Tensor {
            dims: tensor.dims.clone(),
            values,
        })
    }

    fn shape(&self) -> Option<Tensor> {
        let dims = &self.get(0)?.dims;
        let bound = |name: &str, default: usize| {
            let at = int(self.node, name).unwrap_or(default as i64);
            (if at < 0 { at + dims.len() as i64 } else { at }).clamp(0, dims.len() as i64) as usize
        };
        let part = dims.get(bound("start", 0)..bound("end", dims.len()))?;
        Some(Tensor::ints(
            &[part.len()],
            part.iter().map(|&dim| dim as i64).collect(),
        ))
    }

    fn gather(&self) -> Option<Tensor> {
        let (data, indices) = (self.get(0)?, self.get(1)?);
        let axis = axis(int(self.node, "axis").unwrap_or(0), data.dims.len())?;
        let size = data.dims[axis];
        let wanted = indices.as_ints()?.iter().map(|&index| {
            let index = if index < 0 { index + size as i64 } else { index };
            usize::try_from(index).ok().filter(|&index| index < size)
        });
        let wanted: Vec<usize> = wanted.collect::<Option<_>>()?;
        let (before, after) = (&data.dims[..axis], &data.dims[axis + 1..]);
        let (outer, inner): (usize, usize) = (before.iter().product(), after.iter().product());
        let dims = [before, &indices.dims, after].concat();
        count(&dims)?;
        let rows =
            (0..outer).flat_map(|block| wanted.iter().map(move |&index| (block * size + index) * inner));
        Some(data.pick(dims, rows.flat_map(|start| start..start + inner)))
    }

    fn slice(&self) -> Option<Tensor> {
        let data = self.get(0)?;
        let (starts, ends) = (self.list("starts", 1)?, self.list("ends", 2)?);
        let axes = self
            .list("axes", 3)
            .unwrap_or_else(|| (0..starts.len() as i64).collect());
        let steps = self.list("steps", 4).unwrap_or_else(|| vec![1; starts.len()]);
        let (mut dims, strides, mut first) = (data.dims.clone(), strides(&data.dims), 0);
        for (((&start, &end), &along), &step) in starts.iter().zip(&ends).zip(&axes).zip(&steps) {
            if step != 1 {
                return None;
            }
            let along = axis(along, dims.len())?;
            let size = data.dims[along] as i64;
            let bound = |at: i64| (if at < 0 { at.saturating_add(size) } else { at }).clamp(0, size);
            dims[along] = usize::try_from(bound(end) - bound(start)).unwrap_or(0);
            first += bound(start) as usize * strides[along];
        }
        Some(data.pick(dims.clone(), places(dims, strides, first)))
    }

    fn squeeze(&self) -> Option<Tensor> {
        let data = self.get(0)?;
        let rank = data.dims.len();
        let dropped: Vec<usize> = match self.list("axes", 1) {
            Some(axes) => axes.iter().map(|&at| axis(at, rank)).collect::<Option<_>>()?,
            None => (0..rank).filter(|&at| data.dims[at] == 1).collect(),
        };
        let kept = (0..rank)
            .filter(|at| !dropped.contains(at))
            .map(|at| data.dims[at]);
        data.reshaped(kept.collect())
    }

    fn unsqueeze(&self) -> Option<Tensor> {
        let data = self.get(0)?;
        let axes = self.list("axes", 1)?;
        let rank = data.dims.len() + axes.len();
        let added = axes
            .iter()
            .map(|&at| axis(at, rank))
            .collect::<Option<Vec<_>>>()?;
        let mut own = data.dims.iter().copied();
        let dims = (0..rank).map(|at| if added.contains(&at) { Some(1) } else { own.next() });
        data.reshaped(dims.collect::<Option<_>>()?)
    }

    fn concat(&self) -> Option<Tensor> {
        let parts: Vec<&Tensor> = (0..self.inputs.len())
            .map(|at| self.get(at))
            .collect::<Option<_>>()?;
        let parts: Option<Vec<&[i64]>> = parts
            .iter()
            .map(|part| part.as_ints().filter(|_| part.dims.len() == 1))
            .collect();
        let joined = parts?.concat();
        Some(Tensor::ints(&[joined.len()], joined))
    }

    fn reshape(&self) -> Option<Tensor> {
        let data = self.get(0)?;
        let wanted = self.get(1)?.as_ints()?;
        let mut dims = Vec::with_capacity(wanted.len());
        for (at, &dim) in wanted.iter().enumerate() {
            dims.push(match dim {
                -1 => 1,
                0 if int(self.node, "allowzero").unwrap_or(0) == 0 => *data.dims.get(at)?,
                dim => usize::try_from(dim).ok()?,
            });
        }
        if let Some(open) = wanted.iter().position(|&dim| dim == -1) {
            dims[open] = data.len().checked_div(count(&dims)?)?;
        }
        data.reshaped(dims)
    }

    fn transpose(&self) -> Option<Tensor> {
        let data = self.get(0)?;
        let rank = data.dims.len();
        let order: Vec<usize> = match attribute(self.node, "perm") {
            Some(perm) => perm
                .ints
                .iter()
                .map(|&at| axis(at, rank))
                .collect::<Option<_>>()?,
            None => (0..rank).rev().collect(),
        };
        if order.len() != rank {
            return None;
        }
        let own = strides(&data.dims);
        let dims: Vec<usize> = order.iter().map(|&at| data.dims[at]).collect();
        count(&dims)?;
        let turned = order.iter().map(|&at| own[at]).collect();
        (count(&dims)? == data.len()).then(|| data.pick(dims.clone(), places(dims, turned, 0)))
    }

    fn range(&self) -> Option<Tensor> {
        let number = |at: usize| self.get(at)?.as_ints()?.first().copied();
        let (start, end, step) = (number(0)?, number(1)?, number(2)?);
        if step <= 0 || end.checked_sub(start)? > MOST_ELEMENTS as i64 {
            return None;
        }
        let values: Vec<i64> = (start..end).step_by(usize::try_from(step).ok()?).collect();
        Some(Tensor::ints(&[values.len()], values))
    }

    fn filled(&self) -> Option<Tensor> {
        let dims = self
            .get(0)?
            .as_ints()?
            .iter()
            .map(|&dim| usize::try_from(dim).ok());
        let dims = dims.collect::<Option<Vec<_>>>()?;
        let total = count(&dims)?;
        match attribute(self.node, "value").and_then(|value| value.t.as_ref()) {
            None => Some(Tensor::floats(&dims, vec![0.0; total])),
            Some(value) => {
                let value = Tensor::read(value, std::path::Path::new("")).ok()?;
                (value.len() == 1).then(|| value.pick(dims, std::iter::repeat_n(0, total)))
            }
        }
    }

    fn expand(&self) -> Option<Tensor> {
        let data = self.get(0)?;
        let wanted = self
            .get(1)?
            .as_ints()?
            .iter()
            .map(|&dim| usize::try_from(dim).ok());
        let dims = common_shape(&data.dims, &wanted.collect::<Option<Vec<_>>>()?)?;
        count(&dims)?;
        Some(data.pick(dims.clone(), stretched(&data.dims, &dims)))
    }

    fn choose(&self) -> Option<Tensor> {
        let (condition, yes, no) = (self.get(0)?, self.get(1)?, self.get(2)?);
        let dims = common_shape(&common_shape(&condition.dims, &yes.dims)?, &no.dims)?;
        count(&dims)?;
        let picked = stretched(&condition.dims, &dims)
            .zip(stretched(&yes.dims, &dims).zip(stretched(&no.dims, &dims)))
            .map(|(at, (y, n))| {
                if condition.number(at) == 0.0 {
                    no.number(n)
                } else {
                    yes.number(y)
                }
            });
        let values = match yes.values {
            Values::Float(_) => Values::Float(picked.map(|value| value as f32).collect()),
            Values::Int(_) => Values::Int(picked.map(|value| value as i64).collect()),
        };
        Some(Tensor { dims, values })
    }
}

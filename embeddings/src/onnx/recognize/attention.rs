//! Attention: three projections of the same states, two of which meet before the softmax.

use super::super::graph::{MASK, attribute, float, input, int, is_microsoft, op};
use super::super::proto::{NodeProto, TensorProto, data_type};
use super::linear::LinearMatch;
use super::{Found, Search};

/// Nodes of the longest way that is followed between two landmarks.
const MOST_STEPS: usize = 64;
/// Largest relative deviation of the scale from 1/√head_width: constants may have been rounded to 16 bits.
const SCALE_TOLERANCE: f32 = 1e-2;

/// A multi-head attention in the graph.
#[derive(Debug)]
pub(super) struct AttentionMatch<'a> {
    pub query: LinearMatch<'a>,
    pub key: LinearMatch<'a>,
    pub value: LinearMatch<'a>,
    pub heads: usize,
}

/// A projection and what happens to it until attention.
struct Projection<'a> {
    linear: LinearMatch<'a>,
    scale: Scale,
    /// The nearest to the projection first.
    reshapes: Vec<&'a NodeProto>,
}

/// A factor; `None` where the graph computes it from a shape.
#[derive(Debug, Clone, Copy)]
struct Scale(Option<f32>);

impl Scale {
    const ONE: Self = Self(Some(1.0));

    fn times(self, other: Self) -> Self {
        Self(self.0.zip(other.0).map(|(a, b)| a * b))
    }
}

impl<'a> Search<'_, 'a> {
    /// The attention whose heads, side by side, are `joined`.
    pub fn attention(&self, joined: &'a str) -> Found<AttentionMatch<'a>> {
        let node = self.behind(joined, &["Transpose"])?;
        match op(node) {
            "MatMul" => self.apart(node),
            "Attention" if is_microsoft(node) => self.packed(node),
            "MultiHeadAttention" => self.multi_head(node),
            "Attention" => self.standard(node),
            other => Err(format!("`{joined}` comes from {other}, not from attention")),
        }
    }

    /// The node that makes `value`, behind nodes that only reshape and `also`.
    fn behind(&self, mut value: &'a str, also: &[&str]) -> Found<&'a NodeProto> {
        for _ in 0..MOST_STEPS {
            value = self.graph.plain(value);
            let node = self.maker(value)?;
            match input(node, 0) {
                Some(next) if also.contains(&op(node)) => value = next,
                _ => return Ok(node),
            }
        }
        Err(format!("nothing but reshaping was found before `{value}`"))
    }

    fn maker(&self, value: &str) -> Found<&'a NodeProto> {
        self.graph
            .producer(value)
            .ok_or_else(|| format!("no node makes `{value}`"))
    }

    /// softmax(q · kᵀ · scale + mask) · v, node by node.
    fn apart(&self, mix: &'a NodeProto) -> Found<AttentionMatch<'a>> {
        let operand = |node: &'a NodeProto, index| {
            input(node, index).ok_or_else(|| format!("a product of attention lacks operand {index}"))
        };
        let softmax = self.softmax(operand(mix, 0)?)?;
        let value = self.projection(operand(mix, 1)?)?;
        let (product, scale) = self.scores(operand(softmax, 0)?)?;
        let (query, key) = (
            self.projection(operand(product, 0)?)?,
            self.projection(operand(product, 1)?)?,
        );
        let heads = self.heads(&[&query, &key, &value])?;
        let scale = scale.times(query.scale).times(key.scale);
        check_scale(scale, query.linear.outputs() / heads)?;
        if value.scale.0.is_some_and(|scale| scale != 1.0) {
            return Err("the values of attention are scaled".to_owned());
        }
        Ok(AttentionMatch {
            query: query.linear,
            key: key.linear,
            value: value.linear,
            heads,
        })
    }

    /// The softmax behind what multiplies the values; a guard against NaN may stand between.
    fn softmax(&self, mut value: &'a str) -> Found<&'a NodeProto> {
        for _ in 0..MOST_STEPS {
            let node = self.behind(value, &[])?;
            match op(node) {
                "Softmax" if matches!(int(node, "axis").unwrap_or(-1), -1 | 2 | 3) => return Ok(node),
                "Where" => value = self.varying(node, [1, 2])?,
                other => {
                    return Err(format!(
                        "{other} stands where attention has its softmax (`{value}`)"
                    ));
                }
            }
        }
        Err(format!("no softmax was found before `{value}`"))
    }

    /// The operand that is computed from the ids, where the other one is not.
    fn varying(&self, node: &'a NodeProto, operands: [usize; 2]) -> Found<&'a str> {
        let [a, b] = operands.map(|index| input(node, index).filter(|value| self.graph.reads(value).ids));
        match (a, b) {
            (Some(value), None) | (None, Some(value)) => Ok(value),
            _ => Err(format!(
                "{} joins two values in attention that both come from the ids",
                op(node)
            )),
        }
    }

    /// From the softmax back to the product of queries and keys; the mask must come in between.
    fn scores(&self, mut value: &'a str) -> Found<(&'a NodeProto, Scale)> {
        let (mut scale, mut masked) = (Scale::ONE, false);
        for _ in 0..MOST_STEPS {
            let node = self.behind(value, &[])?;
            match op(node) {
                "MatMul" | "FusedMatMul" if masked => {
                    let alpha = Scale(Some(float(node, "alpha").unwrap_or(1.0)));
                    return Ok((node, scale.times(alpha)));
                }
                "MatMul" | "FusedMatMul" => return Err("the attention has no mask".to_owned()),
                "Mul" | "Div" => {
                    let (rest, factor) = self.scaled(node)?;
                    (value, scale) = (rest, scale.times(factor));
                }
                "Add" | "Sub" => {
                    let rest = self.varying(node, [0, 1])?;
                    for operand in node.input.iter().filter(|operand| *operand != rest) {
                        self.check_mask(operand)?;
                    }
                    (value, masked) = (rest, true);
                }
                "Where" => {
                    self.check_mask(input(node, 0).unwrap_or_default())?;
                    (value, masked) = (self.varying(node, [1, 2])?, true);
                }
                other => {
                    return Err(format!(
                        "{other} stands before the softmax of attention (`{value}`)"
                    ));
                }
            }
        }
        Err(format!(
            "no product of queries and keys was found before `{value}`"
        ))
    }

    /// A mask comes from `attention_mask` alone; anything else that is added means another kind of model.
    fn check_mask(&self, value: &'a str) -> Found<()> {
        let fused = self
            .graph
            .producer(value)
            .filter(|node| op(node) == "EmbedLayerNormalization");
        if fused
            .and_then(|node| input(node, 7))
            .is_some_and(|mask| self.graph.plain(mask) == MASK)
        {
            return Ok(());
        }
        let reads = self.graph.reads(value);
        let table = |constant: &&'a str| {
            let many = self
                .graph
                .constant_dims(constant)
                .is_none_or(|dims| dims.iter().product::<usize>() > 1);
            many && !self.is_whole(constant)
        };
        if !reads.mask || reads.ids || reads.other || self.constants_behind(value).iter().any(table) {
            return Err(format!(
                "`{value}` changes the attention's scores and is not the attention mask (relative positions, as in \
                 MPNet, T5, DeBERTa and ALiBi models, are not supported)"
            ));
        }
        Ok(())
    }

    /// Whether a constant has integers or truth values.
    fn is_whole(&self, constant: &str) -> bool {
        let literal = || attribute(self.graph.producer(constant)?, "value")?.t.as_ref();
        let kind = self
            .graph
            .initializer(constant)
            .or_else(literal)
            .map(TensorProto::data_type);
        kind.is_some_and(|kind| {
            [
                data_type::INT32,
                data_type::INT64,
                data_type::BOOL,
                data_type::UINT8,
            ]
            .contains(&kind)
        })
    }

    /// A value times or by a factor: the value, and the factor.
    fn scaled(&self, node: &'a NodeProto) -> Found<(&'a str, Scale)> {
        let rest = self.varying(node, [0, 1])?;
        let first = input(node, 0) == Some(rest);
        let other = input(node, usize::from(first)).unwrap_or_default();
        if op(node) == "Div" && !first {
            return Err(format!("attention divides by `{rest}`"));
        }
        if self.graph.is_constant(other) {
            let factor = self
                .graph
                .scalar(other)
                .ok_or_else(|| format!("`{other}` scales attention and is no number"))?;
            return Ok((
                rest,
                Scale(Some(if op(node) == "Div" { factor.recip() } else { factor })),
            ));
        }
        if self.graph.reads(other).nothing() {
            return Ok((rest, Scale(None)));
        }
        Err(format!("attention is multiplied with `{other}`"))
    }

    /// The linear layer behind the heads of queries, keys or values.
    fn projection(&self, value: &'a str) -> Found<Projection<'a>> {
        let (mut at, mut scale, mut reshapes) = (value, Scale::ONE, Vec::new());
        for _ in 0..MOST_STEPS {
            let node = self.maker(at)?;
            let next = input(node, 0).ok_or_else(|| format!("no linear layer was found behind `{value}`"))?;
            match op(node) {
                "Reshape" => {
                    reshapes.insert(0, node);
                    at = next;
                }
                "Transpose" | "Identity" | "Cast" | "Dropout" | "Squeeze" | "Unsqueeze" | "Flatten" => {
                    at = next;
                }
                "Mul" | "Div" => {
                    let factor;
                    (at, factor) = self.scaled(node)?;
                    scale = scale.times(factor);
                }
                "Split" => {
                    let linear = self.part(node, at)?;
                    return Ok(Projection {
                        linear,
                        scale,
                        reshapes,
                    });
                }
                _ => {
                    let linear = self.linear(at);
                    let linear =
                        linear.ok_or_else(|| format!("no linear layer was found behind `{value}`"))?;
                    return Ok(Projection {
                        linear,
                        scale,
                        reshapes,
                    });
                }
            }
        }
        Err(format!("no linear layer was found behind `{value}`"))
    }

    /// One of the layers that share a matrix and are split afterwards.
    fn part(&self, split: &'a NodeProto, output: &str) -> Found<LinearMatch<'a>> {
        let failed = || format!("the split that makes `{output}` is not one of a linear layer's outputs");
        let linear = input(split, 0)
            .and_then(|value| self.linear(value))
            .ok_or_else(failed)?;
        let place = split
            .output
            .iter()
            .position(|name| name == output)
            .ok_or_else(failed)?;
        let sizes = match (attribute(split, "split"), input(split, 1)) {
            (Some(sizes), _) => sizes.ints.clone(),
            (None, Some(sizes)) => self
                .graph
                .constant(sizes)
                .and_then(|sizes| Some(sizes.as_ints()?.to_vec()))
                .ok_or_else(failed)?,
            (None, None) => vec![(linear.all / split.output.len()) as i64; split.output.len()],
        };
        let sizes: Vec<usize> = sizes
            .iter()
            .map(|&size| usize::try_from(size).unwrap_or(0))
            .collect();
        if !matches!(int(split, "axis"), Some(-1 | 2)) || sizes.iter().sum::<usize>() != linear.all {
            return Err(failed());
        }
        let count = *sizes.get(place).ok_or_else(failed)?;
        Ok(LinearMatch {
            columns: Some((sizes[..place].iter().sum(), count)),
            ..linear
        })
    }

    /// How many heads the first reshape that says so makes.
    fn heads(&self, projections: &[&Projection<'a>]) -> Found<usize> {
        for projection in projections {
            let width = projection.linear.outputs();
            for reshape in &projection.reshapes {
                let tail = input(reshape, 1)
                    .map(|shape| self.tail(shape))
                    .unwrap_or_default();
                let heads = match tail {
                    [_, Some(size)] if size > 0 && (size as usize) < width => {
                        width.checked_div(size as usize)
                    }
                    [Some(1), Some(size)] if size as usize == width => Some(1),
                    [Some(heads), None | Some(-1)] if heads > 0 => Some(heads as usize),
                    _ => None,
                };
                if let Some(heads) = heads.filter(|&heads| heads > 0 && width.is_multiple_of(heads)) {
                    return Ok(heads);
                }
            }
        }
        Err("the number of attention heads can't be seen in the graph's reshapes".to_owned())
    }

    /// The last two entries of a shape, where they are constant.
    fn tail(&self, shape: &'a str) -> [Option<i64>; 2] {
        let mut entries: Vec<Option<i64>> = Vec::new();
        let mut take = |value: &str| match self.graph.constant(value) {
            Some(tensor) => entries.extend(
                tensor
                    .as_ints()
                    .unwrap_or_default()
                    .iter()
                    .rev()
                    .map(|&entry| Some(entry)),
            ),
            None => entries.push(None),
        };
        match self.graph.producer(shape) {
            Some(node) if op(node) == "Concat" => node.input.iter().rev().take(2).for_each(|part| take(part)),
            _ => take(shape),
        }
        let at = |index: usize| entries.get(index).copied().flatten();
        [at(1), at(0)]
    }

    /// ONNX Runtime's fused operator with one matrix for queries, keys and values.
    fn packed(&self, node: &'a NodeProto) -> Found<AttentionMatch<'a>> {
        let failed = || "an Attention node of com.microsoft is used in an unknown way".to_owned();
        let (states, weight) = (
            input(node, 0).ok_or_else(failed)?,
            input(node, 1).ok_or_else(failed)?,
        );
        let past = [4, 5].iter().any(|&index| input(node, index).is_some());
        if past
            || int(node, "unidirectional").unwrap_or(0) != 0
            || attribute(node, "qkv_hidden_sizes").is_some()
        {
            return Err(failed());
        }
        self.check_mask(input(node, 3).ok_or("the attention has no mask")?)?;
        let &[inputs, all] = self.graph.constant_dims(weight).ok_or_else(failed)?.as_slice() else {
            return Err(failed());
        };
        let heads = counted(node, "num_heads")?;
        let width = all / 3;
        check_scale(
            Scale(float(node, "scale").filter(|&scale| scale != 0.0)),
            width.checked_div(heads).unwrap_or(0),
        )?;
        let part = |index: usize| LinearMatch {
            input: self.graph.plain(states),
            weight,
            transposed: false,
            biases: input(node, 2).map(|bias| (bias, 1, 0)).into_iter().collect(),
            columns: Some((index * width, width)),
            inputs,
            all,
        };
        Ok(AttentionMatch {
            query: part(0),
            key: part(1),
            value: part(2),
            heads,
        })
    }

    /// ONNX Runtime's fused operator after three separate projections.
    fn multi_head(&self, node: &'a NodeProto) -> Found<AttentionMatch<'a>> {
        let heads = counted(node, "num_heads")?;
        let projected = |index: usize| {
            let value =
                input(node, index).ok_or("MultiHeadAttention without separate queries, keys and values")?;
            self.projection(value)
        };
        let (query, key, value) = (projected(0)?, projected(1)?, projected(2)?);
        let masks: Vec<&str> = [4, 5].iter().filter_map(|&index| input(node, index)).collect();
        if masks.is_empty() {
            return Err("the attention has no mask".to_owned());
        }
        masks.iter().try_for_each(|mask| self.check_mask(mask))?;
        let width = query.linear.outputs();
        check_scale(
            Scale(float(node, "scale").filter(|&scale| scale != 0.0)),
            width.checked_div(heads).unwrap_or(0),
        )?;
        let mut linears = [query.linear, key.linear, value.linear];
        if let Some(bias) = input(node, 3) {
            linears
                .iter_mut()
                .enumerate()
                .for_each(|(part, linear)| linear.biases.push((bias, 3, part)));
        }
        let [query, key, value] = linears;
        Ok(AttentionMatch {
            query,
            key,
            value,
            heads,
        })
    }

    /// The standard's own operator (from opset 23 on).
    fn standard(&self, node: &'a NodeProto) -> Found<AttentionMatch<'a>> {
        let projected = |index: usize| {
            let value = input(node, index).ok_or_else(|| format!("Attention lacks input {index}"))?;
            self.projection(value)
        };
        let (query, key, value) = (projected(0)?, projected(1)?, projected(2)?);
        let causal = int(node, "is_causal").unwrap_or(0) != 0;
        if causal || float(node, "softcap").unwrap_or(0.0) != 0.0 || input(node, 4).is_some() {
            return Err("Attention is causal, capped or continued from earlier tokens".to_owned());
        }
        self.check_mask(input(node, 3).ok_or("the attention has no mask")?)?;
        let heads = match counted(node, "q_num_heads") {
            Ok(heads) => heads,
            Err(_) => self.heads(&[&query, &key, &value])?,
        };
        let head_width = query.linear.outputs().checked_div(heads).unwrap_or(0);
        let own = float(node, "scale").unwrap_or((head_width as f32).sqrt().recip());
        check_scale(Scale(Some(own)).times(query.scale).times(key.scale), head_width)?;
        Ok(AttentionMatch {
            query: query.linear,
            key: key.linear,
            value: value.linear,
            heads,
        })
    }
}

fn counted(node: &NodeProto, name: &str) -> Found<usize> {
    let count = int(node, name)
        .and_then(|count| usize::try_from(count).ok())
        .filter(|&count| count > 0);
    count.ok_or_else(|| format!("{} does not say its {name}", op(node)))
}

/// Scores are scaled by 1/√head_width; anything else would need another operator.
fn check_scale(scale: Scale, head_width: usize) -> Found<()> {
    let expected = (head_width as f32).sqrt().recip();
    match scale.0 {
        Some(scale) if ((scale - expected) / expected).abs() > SCALE_TOLERANCE || !scale.is_finite() => Err(
            format!("attention scores are scaled by {scale}, expected 1/√{head_width} = {expected}"),
        ),
        _ => Ok(()),
    }
}

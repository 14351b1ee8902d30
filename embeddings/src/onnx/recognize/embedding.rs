//! The embeddings: one row per word, per position, and per token type.

use super::super::evaluate::Evaluator;
use super::super::graph::{Graph, IDS, MASK, TYPES, input, op};
use super::super::tensor::Tensor;
use super::norm::NormMatch;
use super::{Found, Search};

/// The tables, row-major.
pub(super) struct EmbeddingMatch {
    pub width: usize,
    pub words: Vec<f32>,
    pub positions: Vec<f32>,
    pub types: Option<Vec<f32>>,
}

const FROM_IDS: &str = "the positions are computed from the ids (as in RoBERTa, XLM-RoBERTa and MPNet), not counted from \
                        the first token on";

impl<'a> Search<'_, 'a> {
    /// Whether `norm` normalizes embeddings of the ids.
    pub fn is_embedding(&self, norm: &NormMatch<'a>) -> bool {
        norm.embeds.is_some()
            || self
                .sum(&norm.inputs)
                .terms
                .iter()
                .any(|term| self.table_of(term, IDS).is_some())
    }

    /// Reads the tables that `norm` sums.
    pub fn embedding(&self, norm: &NormMatch<'a>) -> Found<EmbeddingMatch> {
        if let Some(node) = norm.embeds {
            return self.fused_embedding(node);
        }
        let sum = self.sum(&norm.inputs);
        let (mut words, mut types, mut rest) = (None, None, Vec::new());
        for &term in &sum.terms {
            if let (Some(table), None) = (self.table_of(term, IDS), words) {
                words = Some(table);
            } else if let (Some(table), None) = (self.table_of(term, TYPES), types) {
                types = Some(table);
            } else {
                rest.push(term);
            }
        }
        let words = words.ok_or("no table of word embeddings is looked up with input_ids")?;
        let (words, width) = self.rows(words)?;
        let types = types.map(|table| self.rows(table)).transpose()?;
        let positions = self.positions(&rest, &sum.biases, width)?;
        match types {
            Some((_, other)) if other != width => Err(format!("token types are {other} wide, words {width}")),
            types => Ok(EmbeddingMatch {
                width,
                words,
                positions,
                types: types.map(|(rows, _)| rows),
            }),
        }
    }

    fn fused_embedding(&self, node: &'a super::super::proto::NodeProto) -> Found<EmbeddingMatch> {
        let from = |index: usize| input(node, index).map(|value| self.graph.plain(value));
        let types_known = matches!((from(1), input(node, 4)), (Some(TYPES), Some(_)) | (_, None));
        if from(0) != Some(IDS) || !types_known || input(node, 8).is_some() {
            return Err(
                "EmbedLayerNormalization reads something else than input_ids and token_type_ids".to_owned(),
            );
        }
        let absent = || "EmbedLayerNormalization lacks a table".to_owned();
        let (words, width) = self.rows(input(node, 2).ok_or_else(absent)?)?;
        let (positions, _) = self.rows(input(node, 3).ok_or_else(absent)?)?;
        let types = input(node, 4).map(|table| self.rows(table)).transpose()?;
        Ok(EmbeddingMatch {
            width,
            words,
            positions,
            types: types.map(|(rows, _)| rows),
        })
    }

    /// The constant table whose rows `term` looks up with the graph's input `with`.
    fn table_of(&self, term: &'a str, with: &str) -> Option<&'a str> {
        let node = self.graph.producer(term).filter(|node| op(node) == "Gather")?;
        let table = input(node, 0).filter(|table| self.graph.is_constant(table))?;
        (self.graph.plain(input(node, 1)?) == with).then_some(table)
    }

    /// A table's rows and their length.
    fn rows(&self, table: &str) -> Found<(Vec<f32>, usize)> {
        let tensor = self
            .graph
            .constant(table)
            .ok_or_else(|| format!("the table `{table}` can't be read"))?;
        match (tensor.dims.as_slice(), tensor.as_floats()) {
            (&[_, width], Some(values)) if !values.is_empty() => Ok((values.to_vec(), width)),
            _ => Err(format!("the table `{table}` is not a matrix of floats")),
        }
    }

    /// What is added to each position whatever the ids are: `terms` computed for the longest text there is.
    fn positions(&self, terms: &[&'a str], biases: &[&'a str], width: usize) -> Found<Vec<f32>> {
        for term in terms {
            let reads = self.graph.reads(term);
            if reads.ids || reads.mask {
                return Err(FROM_IDS.to_owned());
            }
            if reads.other {
                return Err(format!(
                    "`{term}` is added to the embeddings and depends on an unknown input"
                ));
            }
        }
        let longest = terms
            .iter()
            .filter_map(|term| self.longest_table(term, width))
            .max();
        let tokens = longest.ok_or("no table of position embeddings is added to the word embeddings")?;
        let mut positions = vec![0.0; tokens * width];
        for term in terms {
            let found = self.for_tokens(term, tokens);
            let found = found.ok_or_else(|| format!("`{term}` can't be computed for {tokens} tokens"))?;
            add_rows(&mut positions, &found, width).ok_or_else(|| {
                format!(
                    "`{term}` is {:?} for {tokens} tokens of width {width}",
                    found.dims
                )
            })?;
        }
        for bias in biases {
            let row = self
                .graph
                .vector(bias)
                .ok_or_else(|| format!("the bias `{bias}` can't be read"))?;
            add_rows(&mut positions, &Tensor::floats(&[row.len()], row), width)
                .ok_or_else(|| format!("the bias `{bias}` is not {width} numbers"))?;
        }
        Ok(positions)
    }

    /// Rows of the longest table of this width that a value is made from.
    fn longest_table(&self, value: &'a str, width: usize) -> Option<usize> {
        let tables = self.constants_behind(value).into_iter().filter_map(|constant| {
            match *self.graph.constant_dims(constant)?.as_slice() {
                [.., rows, columns] if columns == width => Some(rows),
                _ => None,
            }
        });
        tables.max()
    }

    /// A value for one text of this many tokens.
    fn for_tokens(&self, value: &str, tokens: usize) -> Option<std::rc::Rc<Tensor>> {
        let mut evaluator = Evaluator::new(self.graph);
        for (name, number) in [(IDS, 0), (MASK, 1), (TYPES, 0)] {
            evaluator.bind(name, Tensor::ints(&[1, tokens], vec![number; tokens]));
        }
        evaluator.value(value)
    }

    /// Initializers and literal constants that a value's numbers are made from.
    pub fn constants_behind(&self, value: &'a str) -> Vec<&'a str> {
        let graph: &Graph<'a> = self.graph;
        let (mut open, mut seen, mut constants) = (vec![value], std::collections::HashSet::new(), Vec::new());
        while let Some(value) = open.pop() {
            if !seen.insert(value) {
                continue;
            }
            match graph.producer(value) {
                Some(node) if op(node) == "Constant" => constants.push(value),
                Some(node) if op(node) == "Shape" => {}
                Some(node) => open.extend(
                    node.input
                        .iter()
                        .map(String::as_str)
                        .filter(|input| !input.is_empty()),
                ),
                None if graph.initializer(value).is_some() => constants.push(value),
                None => {}
            }
        }
        constants
    }
}

/// Adds one row to all, or each to its own.
fn add_rows(sums: &mut [f32], rows: &Tensor, width: usize) -> Option<()> {
    let values = rows.as_floats().filter(|_| rows.dims.last() == Some(&width))?;
    if values.len() != width && values.len() != sums.len() {
        return None;
    }
    sums.iter_mut()
        .zip(values.iter().cycle())
        .for_each(|(sum, value)| *sum += value);
    Some(())
}

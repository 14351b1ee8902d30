//! `model.int8.onnx`: the encoder of a bundle's graph, replaced by this crate's own operator with 8-bit weights.
//!
//! The variant is made in a folder inside the bundle's (`.optimize`), compared there with the plain graph on texts of many
//! kinds, and moved into place only if their answers agree: weights first, graph last. The graph names the digest of
//! both the model it was made from and its weights, so nothing half-made is ever loaded.

mod draft;
mod texts;

use std::path::Path;
use std::sync::Arc;

use prost::Message;

use self::draft::Draft;
use crate::golden::cosine;
use crate::lanes::Worker;
use crate::onnx::file::ModelFile;
use crate::onnx::recognize::{Recognized, recognize};
use crate::onnx::rewrite::{rewrite, without_pooling};
use crate::session::{EncoderSession, SessionSettings};
use crate::tokenizer::{TextTokenizer, Tokens};
use crate::transformer::{Token, pack};
use crate::{Device, EmbeddingError, ModelBundle, Pooling, Result, Task, Variant};

/// Tokens of a text that are shown to quantization: enough to see what values a model has.
const SAMPLE_TOKENS: usize = 64;
/// Texts in a batch when answers are compared.
const BATCH: usize = 8;

/// How much a variant's answers may differ from the plain graph's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OptimizeOptions {
    /// Least mean of the cosines between the vectors of the same text.
    pub least_mean: f64,
    /// Least cosine of any text.
    pub least: f64,
}

impl Default for OptimizeOptions {
    fn default() -> Self {
        Self {
            least_mean: 0.998,
            least: 0.99,
        }
    }
}

/// What was made, and how well it agrees with the plain graph.
#[derive(Debug, Clone, PartialEq)]
pub struct OptimizeReport {
    /// Layers of the encoder that was found.
    pub layers: usize,
    /// Length of a token's state.
    pub width: usize,
    /// Attention heads.
    pub heads: usize,
    /// Texts that were compared.
    pub texts: usize,
    /// Mean cosine between both graphs' vectors; for a reranker 1 − |difference| / max(1, |score|).
    pub mean: f64,
    /// The same of the text that agrees least.
    pub least: f64,
    /// Bytes of the variant's two files.
    pub bytes: u64,
}

/// Makes the variant of the bundle in `dir`, and replaces an older one.
///
/// # Errors
/// What opening a bundle can say; [`EmbeddingError::Optimize`] where the graph is not one of the BERT family, the folder
/// can't be written, another call is at work in it, or the answers differ too much;
/// [`EmbeddingError::NotInitialized`] before [`initialize`](crate::initialize).
pub fn optimize(dir: &Path, options: &OptimizeOptions) -> Result<OptimizeReport> {
    let bundle = ModelBundle::open(dir)?;
    let path = bundle.graph_path(Variant::Plain);
    let failed = |reason: String| EmbeddingError::Optimize {
        path: path.clone(),
        reason,
    };
    let draft = Draft::open(dir, &path)?;
    let file = ModelFile::read(&path)?;
    let found = recognize(&file)?;
    let tokenizer = TextTokenizer::open(&bundle)?;
    let texts = sample(&bundle, &tokenizer, &found)?;
    let packed = pack(&found.weights, &shown(&texts)).map_err(failed)?;
    let rewritten = rewrite(&file, &found, &packed, &bundle.graph_digest(), draft::DATA)?;
    let graph = rewritten.model.encode_to_vec();
    draft.write(draft::DATA, &rewritten.data)?;
    draft.write(draft::GRAPH, &graph)?;
    let agreements = compare(&draft.bundle()?, &tokenizer, &texts)?;
    let mean = agreements.iter().sum::<f64>() / agreements.len() as f64;
    let least = agreements.iter().copied().fold(f64::INFINITY, f64::min);
    // Not `<`: NaN is refused too.
    if !(mean >= options.least_mean && least >= options.least) {
        return Err(failed(format!(
            "the variant's answers to {} texts agree with the plain graph's by {mean:.5} on average and {least:.5} at least; \
             {} and {} are needed",
            agreements.len(),
            options.least_mean,
            options.least
        )));
    }
    if let Some(states) = without_pooling(&rewritten.model, &found)
        && pools_by_mean(&draft, &tokenizer, &texts, (&graph, states.encode_to_vec()))?
    {
        tracing::debug!("pooling is taken out of the graph");
    }
    draft.install()?;
    Ok(OptimizeReport {
        layers: found.weights.layers.len(),
        width: found.weights.width,
        heads: found.weights.heads,
        texts: agreements.len(),
        mean,
        least,
        bytes: (graph.len() + rewritten.data.len()) as u64,
    })
}

/// The built-in texts as tokens, for a reranker as pairs.
fn sample(bundle: &ModelBundle, tokenizer: &TextTokenizer, found: &Recognized) -> Result<Vec<Arc<Tokens>>> {
    let settings = bundle.settings();
    let rows = |table: &[f32]| table.len() / found.weights.width.max(1);
    let (words, positions) = (rows(&found.weights.words), rows(&found.weights.positions));
    let failed = |reason| EmbeddingError::Optimize {
        path: bundle.graph_path(Variant::Plain),
        reason,
    };
    if settings.max_tokens > positions {
        let found = format!(
            "max_tokens is {}, but the graph has {positions} positions",
            settings.max_tokens
        );
        return Err(failed(found));
    }
    let mut tokens = tokenizer.encode_all("", &texts::texts())?;
    if settings.task == Task::Rerank {
        let second: Vec<Tokens> = tokens.iter().rev().cloned().collect();
        tokens = tokens
            .iter()
            .zip(&second)
            .map(|(a, b)| pair(a, b, settings.max_tokens))
            .collect();
    }
    let largest = tokens.iter().flat_map(|tokens| &tokens.ids).max();
    if let Some(&id) = largest.filter(|&&id| id as usize >= words) {
        return Err(failed(format!(
            "the tokenizer knows token {id}, but the graph has {words} words"
        )));
    }
    Ok(tokens.into_iter().map(Arc::new).collect())
}

/// Two texts as a cross-encoder reads them: the second without its first special token, as type 1.
fn pair(a: &Tokens, b: &Tokens, most: usize) -> Tokens {
    let half = |tokens: &Tokens| tokens.len().min(most / 2);
    let (first, second) = (half(a), half(b));
    let mut ids = a.ids[..first].to_vec();
    ids.extend(b.ids[..second].iter().skip(1));
    let types = (0..ids.len()).map(|at| u32::from(at >= first)).collect();
    Tokens {
        ids,
        types,
        truncated: false,
    }
}

fn shown(texts: &[Arc<Tokens>]) -> Vec<Vec<Token>> {
    let token = |(position, (&word, &kind)): (usize, (&u32, &u32))| Token {
        word: word as usize,
        position,
        kind: kind as usize,
    };
    let of_text = |text: &Arc<Tokens>| {
        let pairs = text.ids.iter().zip(&text.types).enumerate();
        pairs.take(SAMPLE_TOKENS).map(token).collect()
    };
    texts.iter().map(of_text).collect()
}

fn open(draft: &ModelBundle, tokenizer: &TextTokenizer, variant: Variant) -> Result<EncoderSession> {
    let settings = SessionSettings {
        variant,
        device: Device::Cpu,
        threads: 1,
        pad_id: tokenizer.pad_id(),
    };
    EncoderSession::open(draft, &settings)
}

/// How well the draft's variant agrees with its plain graph on each text, and with the golden answers.
fn compare(draft: &ModelBundle, tokenizer: &TextTokenizer, texts: &[Arc<Tokens>]) -> Result<Vec<f64>> {
    draft.check_variant(Variant::Int8)?;
    let mut plain = open(draft, tokenizer, Variant::Plain)?;
    let mut fast = open(draft, tokenizer, Variant::Int8)?;
    let dimension = draft.settings().dimension;
    let mut agreements = Vec::with_capacity(texts.len());
    for batch in texts.chunks(BATCH) {
        let (expected, found) = (plain.run(batch)?, fast.run(batch)?);
        let pairs = expected
            .chunks_exact(dimension)
            .zip(found.chunks_exact(dimension));
        agreements.extend(pairs.map(|(a, b)| agreement(draft.settings().task, a, b)));
    }
    if draft.settings().task == Task::Embed {
        draft.check_golden(Variant::Int8, |golden| {
            fast.run(&[Arc::new(tokenizer.encode("", &golden.text)?)])
        })?;
    }
    Ok(agreements)
}

/// Two ways of pooling are one if the squares of all differences are below this: the order of additions makes less.
const ROUNDING: f64 = 1e-11;

/// Leaves the variant without the part of the graph that pools, if that takes the mean of the states and scales it to
/// length 1, which is found by comparing answers. ONNX Runtime adds in an order that depends on a batch's shape; we don't,
/// so that a text has the same vector to the last bit whoever shares its batch.
fn pools_by_mean(
    draft: &Draft,
    tokenizer: &TextTokenizer,
    texts: &[Arc<Tokens>],
    (pooled, states): (&[u8], Vec<u8>),
) -> Result<bool> {
    let bundle = draft.bundle()?;
    let settings = bundle.settings();
    if settings.task != Task::Embed || settings.pooling != Pooling::None {
        return Ok(false);
    }
    let answers = || {
        let mut session = open(&bundle, tokenizer, Variant::Int8)?;
        let batches = texts.chunks(BATCH).map(|batch| session.run(batch));
        Ok(batches.collect::<Result<Vec<_>>>()?.concat())
    };
    let expected: Vec<f32> = answers()?;
    draft.write(draft::GRAPH, &states)?;
    let same = match answers() {
        Ok(found) => agrees(&expected, &found),
        // States of another length than the vectors, for one.
        Err::<_, EmbeddingError>(_) => false,
    };
    if !same {
        draft.write(draft::GRAPH, pooled)?;
    }
    Ok(same)
}

fn agrees(expected: &[f32], found: &[f32]) -> bool {
    let squares = |(a, b): (&f32, &f32)| f64::from(a - b).powi(2);
    expected.len() == found.len() && expected.iter().zip(found).all(|pair| squares(pair) < ROUNDING)
}

fn agreement(task: Task, expected: &[f32], found: &[f32]) -> f64 {
    match (task, expected, found) {
        (Task::Rerank, &[expected], &[found]) => {
            let (expected, found) = (f64::from(expected), f64::from(found));
            1.0 - (expected - found).abs() / expected.abs().max(1.0)
        }
        _ => cosine(expected, found),
    }
}

#[cfg(test)]
mod tests;

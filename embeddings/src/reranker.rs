//! The reranker: a cross-encoder, which reads a query and a text together and answers how well the text fits.

use std::sync::atomic::{AtomicUsize, Ordering};

use rayon::prelude::*;

use crate::batch::{Batch, plan};
use crate::encoder::fastest_variant;
use crate::pairs::{LostEnd, PairTokenizer};
use crate::pool::Pool;
use crate::session::{EncoderSession, SessionSettings};
use crate::tokenizer::Tokens;
use crate::{
    Device, EmbeddingError, EncoderSettings, ModelBundle, ModelIdentity, ModelSettings, Result, Task, Variant,
};

/// Scores texts against a query. `Send + Sync`; callers beyond the number of sessions wait for one.
///
/// The bundle has `task = "rerank"` and `dimension = 1`; its graph takes what an encoder's takes and answers
/// `[pairs, 1]`. A pair is tokenized with the tokenizer's own template for pairs and cut at `max_tokens`, the longer of
/// query and text first. A text's score does not depend on the other texts of the call.
pub struct Reranker {
    tokenizer: PairTokenizer,
    sessions: Pool<EncoderSession>,
    model: ModelSettings,
    identity: ModelIdentity,
    variant: Variant,
    batch_tokens: usize,
    queue_tokens: usize,
    /// Tokens of the calls that are being answered.
    waiting: AtomicUsize,
}

/// The scores of one call.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// One per text, in order: the graph's own numbers (logits), larger for a better fit.
    pub scores: Vec<f32>,
    /// Tokens of each pair, special tokens included.
    pub tokens: Vec<u32>,
    /// Whether each pair was longer than the model reads, and was cut.
    pub truncated: Vec<bool>,
}

impl Reranker {
    /// Loads the tokenizer and as many sessions as both lanes of `settings` have, and scores a probe on each.
    ///
    /// # Errors
    /// As [`Encoder::open`](crate::Encoder::open); `task` has to be `"rerank"`.
    pub fn open(bundle: &ModelBundle, settings: EncoderSettings) -> Result<Self> {
        settings.check()?;
        bundle.check_task(Task::Rerank)?;
        check_normalize(bundle)?;
        let tokenizer = PairTokenizer::open(bundle)?;
        let variant = settings.variant.unwrap_or_else(|| fastest_variant(bundle));
        bundle.check_variant(variant)?;
        let lanes = [settings.queries, settings.documents];
        let sessions = lanes
            .into_iter()
            .flat_map(|lane| (0..lane.sessions).map(move |_| lane.threads_per_session))
            .map(|threads| SessionSettings {
                variant,
                device: Device::Cpu,
                threads,
            })
            .collect::<Vec<_>>()
            .par_iter()
            .map(|settings| EncoderSession::open(bundle, settings))
            .collect::<Result<Vec<_>>>()?;
        let reranker = Self {
            tokenizer,
            sessions: Pool::new(sessions),
            model: bundle.settings().clone(),
            identity: bundle.identity().clone(),
            variant,
            batch_tokens: settings.batch_tokens,
            queue_tokens: settings.queue_tokens,
            waiting: AtomicUsize::new(0),
        };
        reranker.probe()?;
        bundle.check_golden(variant, |golden| {
            let query = golden.query.as_deref().unwrap_or_default();
            let pairs = reranker
                .tokenizer
                .encode(query, &[&golden.text], LostEnd::Right)?;
            reranker.run(&pairs)
        })?;
        Ok(reranker)
    }

    /// Which model the scores come from.
    pub fn identity(&self) -> &ModelIdentity {
        &self.identity
    }

    /// What the bundle says of the model.
    pub fn model(&self) -> &ModelSettings {
        &self.model
    }

    /// Which graph runs.
    pub fn variant(&self) -> Variant {
        self.variant
    }

    /// Most tokens in a batch.
    pub fn batch_tokens(&self) -> usize {
        self.batch_tokens
    }

    /// How well each text fits the query: the graph's own numbers (logits), in the order of the texts.
    ///
    /// # Errors
    /// A text that can't be tokenized, a failure of the graph, or a score that is not finite; the error names the text's
    /// position. [`EmbeddingError::Overloaded`] where too much waits already.
    pub fn score<T: AsRef<str> + Sync>(&self, query: &str, texts: &[T]) -> Result<Vec<f32>> {
        Ok(self.score_with(query, texts, LostEnd::Right)?.scores)
    }

    /// Like [`score`](Self::score), with a choice of what is lost of a pair that is too long, and what became of each.
    ///
    /// # Errors
    /// As [`score`](Self::score).
    pub fn score_with<T: AsRef<str> + Sync>(
        &self,
        query: &str,
        texts: &[T],
        lost: LostEnd,
    ) -> Result<Scored> {
        let query = format!("{}{query}", self.model.query_prefix);
        let texts: Vec<String> = texts
            .iter()
            .map(|text| format!("{}{}", self.model.document_prefix, text.as_ref()))
            .collect();
        let pairs = self.tokenizer.encode(&query, &texts, lost)?;
        Ok(Scored {
            scores: self.run(&pairs)?,
            tokens: pairs.iter().map(|pair| pair.len() as u32).collect(),
            truncated: pairs.iter().map(|pair| pair.truncated).collect(),
        })
    }

    /// Scores of all pairs, batch after batch, each on the next free session.
    fn run(&self, pairs: &[Tokens]) -> Result<Vec<f32>> {
        let lengths: Vec<usize> = pairs.iter().map(Tokens::len).collect();
        let _place = self.admit(lengths.iter().sum())?;
        let mut scores = vec![0.0; pairs.len()];
        for batch in plan(&lengths, self.batch_tokens, 1) {
            let rows = Batch::new(batch.iter().map(|&pair| &pairs[pair]), self.tokenizer.pad_id());
            let found = self.sessions.take().encode(&rows);
            let found = found.map_err(|error| error.at(|row| batch[row]))?;
            for (&pair, score) in batch.iter().zip(found) {
                scores[pair] = score;
            }
        }
        Ok(scores)
    }

    /// A place for a call of that many tokens. A call is refused for what waits before it, never for its own size.
    fn admit(&self, tokens: usize) -> Result<Place<'_>> {
        let before = self.waiting.fetch_add(tokens, Ordering::Relaxed);
        let place = Place {
            waiting: &self.waiting,
            tokens,
        };
        if before > 0 && before + tokens > self.queue_tokens {
            return Err(EmbeddingError::Overloaded {
                waiting: before + tokens,
                limit: self.queue_tokens,
            });
        }
        Ok(place)
    }

    /// Checks the graph's answers against the settings, and warms every session.
    fn probe(&self) -> Result<()> {
        let pairs = self.tokenizer.encode("probe", &["probe"], LostEnd::Right)?;
        let batch = Batch::new(pairs.iter(), self.tokenizer.pad_id());
        let mut leases: Vec<_> = (0..self.sessions.size()).map(|_| self.sessions.take()).collect();
        leases
            .iter_mut()
            .try_for_each(|session| session.encode(&batch).map(drop))
    }
}

/// Tokens that are being scored, until dropped.
struct Place<'a> {
    waiting: &'a AtomicUsize,
    tokens: usize,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.waiting.fetch_sub(self.tokens, Ordering::Relaxed);
    }
}

fn check_normalize(bundle: &ModelBundle) -> Result<()> {
    if !bundle.settings().normalize {
        return Ok(());
    }
    Err(EmbeddingError::Setting {
        origin: bundle.settings_path().display().to_string(),
        field: "normalize",
        found: "true".to_owned(),
        expected: "false: a score is a number, it has no length".to_owned(),
    })
}

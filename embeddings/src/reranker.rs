//! The reranker: a cross-encoder, which reads a query and a text together and answers how well the text fits.

use std::sync::Arc;

use crate::bulk::run_all;
use crate::device::Sessions;
use crate::encoder::shared;
use crate::lanes::{Lanes, Worker};
use crate::pairs::{LostEnd, PairTokenizer};
use crate::session::EncoderSession;
use crate::tokenizer::Tokens;
use crate::{
    EmbeddingError, EncoderSettings, Lane, ModelBundle, ModelIdentity, ModelSettings, Result, Task, Variant,
};

/// Scores texts against a query. `Send + Sync`; concurrent callers share sessions and batches, like those of an
/// [`Encoder`](crate::Encoder).
///
/// The bundle has `task = "rerank"`; its graph takes what an encoder's takes and answers `[pairs, 1]`. A pair is tokenized
/// with the tokenizer's own template for pairs and cut at `max_tokens`, the longer of query and text first. A text's score
/// does not depend on the other texts of the call.
pub struct Reranker {
    tokenizer: PairTokenizer,
    lanes: Lanes<EncoderSession>,
    model: ModelSettings,
    identity: ModelIdentity,
    variant: Variant,
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
    /// Loads the tokenizer and all sessions, and scores a probe on each.
    ///
    /// # Errors
    /// As [`Encoder::open`](crate::Encoder::open); `task` has to be `"rerank"`.
    pub fn open(bundle: &ModelBundle, settings: EncoderSettings) -> Result<Self> {
        settings.check()?;
        bundle.check_task(Task::Rerank)?;
        check_normalize(bundle)?;
        let tokenizer = PairTokenizer::open(bundle)?;
        let pair = |query: &str, text: &str| -> Result<Vec<Arc<Tokens>>> {
            Ok(shared(tokenizer.encode(query, &[text], LostEnd::Right)?))
        };
        let probe = pair("probe", "probe")?;
        let check = |session: &mut EncoderSession| session.run(&probe).map(drop);
        let mut sessions = Sessions::open(bundle, &settings, tokenizer.pad_id(), check)?;
        let variant = sessions.variant;
        if let Some(session) = sessions.first() {
            bundle.check_golden(variant, |golden| {
                session.run(&pair(golden.query.as_deref().unwrap_or_default(), &golden.text)?)
            })?;
        }
        Ok(Self {
            tokenizer,
            lanes: sessions.into_lanes(&settings),
            model: bundle.settings().clone(),
            identity: bundle.identity().clone(),
            variant,
        })
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
        self.lanes.batch_limit().tokens
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
        let pairs = shared(self.tokenizer.encode(&query, &texts, lost)?);
        let tokens: Vec<u32> = pairs.iter().map(|pair| pair.len() as u32).collect();
        let mut scores = vec![0.0; pairs.len()];
        run_all(&self.lanes, self.lane(&tokens), &pairs, false, |batch, rows| {
            for (&pair, &score) in batch.iter().zip(rows) {
                scores[pair] = score;
            }
        })?;
        Ok(Scored {
            scores,
            tokens,
            truncated: pairs.iter().map(|pair| pair.truncated).collect(),
        })
    }

    /// Calls that fit into one batch go before larger ones.
    fn lane(&self, tokens: &[u32]) -> Lane {
        let total: u64 = tokens.iter().copied().map(u64::from).sum();
        if total <= self.batch_tokens() as u64 {
            Lane::Queries
        } else {
            Lane::Documents
        }
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

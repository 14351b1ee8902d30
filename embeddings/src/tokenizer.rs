//! Text to token ids, exactly as the model's own tokenizer defines them, cut at the model's longest input.

use std::borrow::Cow;

use rayon::prelude::*;
use tokenizers::{Encoding, Tokenizer, TruncationDirection, TruncationParams, TruncationStrategy};

use crate::{EmbeddingError, ModelBundle, Result};

/// Texts of up to this many bytes per token of the limit are tokenized whole; of longer ones first a prefix of this
/// size. Most prose has four to five bytes per token.
const FIRST_PREFIX: usize = 16;

/// No more than this many bytes per token of the limit are ever looked at, so that megabytes of text without a single
/// break between words stay cheap.
const LONGEST_PREFIX: usize = 1024;

/// The tokens of one text: never empty, special tokens included, no padding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tokens {
    /// Vocabulary ids.
    pub ids: Vec<u32>,
    /// Segment of each token (`token_type_ids`); zeros for most models.
    pub types: Vec<u32>,
}

impl Tokens {
    /// Number of tokens.
    pub fn len(&self) -> usize {
        self.ids.len()
    }
}

/// A bundle's tokenizer, with the padding and truncation that its file ships replaced: no padding here (batches pad to
/// their own longest text), truncation on the right at `max_tokens`.
pub(crate) struct TextTokenizer {
    inner: Tokenizer,
    max_tokens: usize,
    pad_id: u32,
}

impl TextTokenizer {
    /// Loads `tokenizer.json`.
    pub fn open(bundle: &ModelBundle) -> Result<Self> {
        let path = bundle.tokenizer_path();
        let failed =
            |error: tokenizers::Error| EmbeddingError::Tokenizer { path: path.clone(), reason: error.to_string() };
        let mut inner = Tokenizer::from_file(&path).map_err(failed)?;
        let max_tokens = bundle.settings().max_tokens;
        check_max_tokens(bundle, special_tokens(&inner), max_tokens)?;
        let pad_id = inner.get_padding().map(|padding| padding.pad_id);
        let pad_id = pad_id.or_else(|| inner.token_to_id("[PAD]")).or_else(|| inner.token_to_id("<pad>"));
        let truncation = TruncationParams {
            max_length: max_tokens,
            strategy: TruncationStrategy::LongestFirst,
            stride: 0,
            direction: TruncationDirection::Right,
        };
        inner.with_truncation(Some(truncation)).map_err(failed)?;
        inner.with_padding(None);
        Ok(Self { inner, max_tokens, pad_id: pad_id.unwrap_or(0) })
    }

    /// Id that fills a batch's shorter rows; the attention mask hides it.
    pub fn pad_id(&self) -> u32 {
        self.pad_id
    }

    /// Tokens of `prefix` + `text`. The error's text position is 0.
    pub fn encode(&self, prefix: &str, text: &str) -> Result<Tokens> {
        let text = if prefix.is_empty() { Cow::Borrowed(text) } else { Cow::Owned(format!("{prefix}{text}")) };
        let encoding = self.encode_cut(&text).map_err(|error| failed(error.to_string()))?;
        if encoding.is_empty() {
            return Err(failed("no tokens: this tokenizer adds no special tokens to an empty text".to_owned()));
        }
        Ok(Tokens { ids: encoding.get_ids().to_vec(), types: encoding.get_type_ids().to_vec() })
    }

    /// Tokens of each text, in order, on all of rayon's threads.
    pub fn encode_all<T: AsRef<str> + Sync>(&self, prefix: &str, texts: &[T]) -> Result<Vec<Tokens>> {
        let encode = |(i, text): (usize, &T)| {
            self.encode(prefix, text.as_ref()).map_err(|error| match error {
                EmbeddingError::Tokenize { reason, .. } => EmbeddingError::Tokenize { text: i, reason },
                other => other,
            })
        };
        texts.par_iter().enumerate().map(encode).collect()
    }

    /// Tokenizes no more of a long text than the cut needs: a growing prefix, until the tokens that are kept all come
    /// from words before the prefix's last one, which the end of the prefix may have split.
    fn encode_cut(&self, text: &str) -> tokenizers::Result<Encoding> {
        let longest = self.max_tokens.saturating_mul(LONGEST_PREFIX);
        let mut limit = self.max_tokens.saturating_mul(FIRST_PREFIX);
        while limit < text.len() && limit < longest {
            let encoding = self.inner.encode(prefix_of(text, limit), true)?;
            if kept_words_are_complete(&encoding) {
                return Ok(encoding);
            }
            limit = limit.saturating_mul(4);
        }
        self.inner.encode_fast(prefix_of(text, longest), true)
    }
}

/// The longest prefix of at most `limit` bytes that ends between two characters.
fn prefix_of(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}

/// Whether tokens were cut off, and the last of them belongs to a later word than the last that was kept.
fn kept_words_are_complete(encoding: &Encoding) -> bool {
    let last_word = |encoding: &Encoding| encoding.get_word_ids().iter().rev().find_map(|&word| word);
    let Some(last_cut) = encoding.get_overflowing().last() else { return false };
    match (last_word(encoding), last_word(last_cut)) {
        (Some(kept), Some(cut)) => kept < cut,
        _ => false,
    }
}

/// Tokens that the tokenizer puts around every text.
fn special_tokens(tokenizer: &Tokenizer) -> usize {
    use tokenizers::PostProcessor;
    tokenizer.get_post_processor().map_or(0, |processor| processor.added_tokens(false))
}

fn check_max_tokens(bundle: &ModelBundle, special: usize, max_tokens: usize) -> Result<()> {
    if max_tokens > special {
        return Ok(());
    }
    Err(EmbeddingError::Setting {
        origin: bundle.settings_path().display().to_string(),
        field: "max_tokens",
        found: max_tokens.to_string(),
        expected: format!("more than the {special} special tokens around every text"),
    })
}

fn failed(reason: String) -> EmbeddingError {
    EmbeddingError::Tokenize { text: 0, reason }
}

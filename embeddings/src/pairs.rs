//! A query and a text to the token ids of one input, as a cross-encoder reads them.

use rayon::prelude::*;
use tokenizers::utils::truncation::truncate_encodings;
use tokenizers::{
    Encoding, PostProcessor, Tokenizer, TruncationDirection, TruncationParams, TruncationStrategy,
};

use crate::tokenizer::{FIRST_PREFIX, LONGEST_PREFIX, Tokens, failed, load};
use crate::{EmbeddingError, ModelBundle, Result};

/// Which end of a text that is too long is lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LostEnd {
    /// Its beginning.
    Left,
    /// Its end.
    #[default]
    Right,
}

impl LostEnd {
    /// At most `limit` bytes of a text's other end, between two characters.
    fn rest_of(self, text: &str, limit: usize) -> &str {
        match self {
            Self::Right => &text[..text.floor_char_boundary(limit)],
            Self::Left => &text[text.ceil_char_boundary(text.len().saturating_sub(limit))..],
        }
    }
}

/// A bundle's tokenizer for pairs: the query first, then the text, with the special tokens and segments of the
/// tokenizer's own template for pairs; cut at `max_tokens`, token by token from the longer of the two.
pub(crate) struct PairTokenizer {
    inner: Tokenizer,
    max_tokens: usize,
    /// Special tokens around a pair.
    special: usize,
    pad_id: u32,
}

/// The tokens of one part of a pair, at least as many as fit, without special tokens.
struct Part {
    encoding: Encoding,
    /// Whether the text has more than these.
    truncated: bool,
}

impl PairTokenizer {
    /// Loads `tokenizer.json`.
    pub fn open(bundle: &ModelBundle) -> Result<Self> {
        let (inner, pad_id) = load(bundle)?;
        let special = inner
            .get_post_processor()
            .map_or(0, |processor| processor.added_tokens(true));
        let max_tokens = bundle.settings().max_tokens;
        if max_tokens <= special {
            return Err(EmbeddingError::Setting {
                origin: bundle.settings_path().display().to_string(),
                field: "max_tokens",
                found: max_tokens.to_string(),
                expected: format!("more than the {special} special tokens around every pair"),
            });
        }
        Ok(Self {
            inner,
            max_tokens,
            special,
            pad_id,
        })
    }

    /// Id that fills a batch's shorter rows; the attention mask hides it.
    pub fn pad_id(&self) -> u32 {
        self.pad_id
    }

    /// Tokens of (`query`, text) for each text, in order, on all of rayon's threads. The query is tokenized once.
    pub fn encode<T: AsRef<str> + Sync>(
        &self,
        query: &str,
        texts: &[T],
        lost: LostEnd,
    ) -> Result<Vec<Tokens>> {
        let query = self.part(query, lost)?;
        let pair = |(i, text): (usize, &T)| {
            let part = self.part(text.as_ref(), lost);
            part.and_then(|text| self.pair(&query, text, lost))
                .map_err(|error| error.at(|_| i))
        };
        texts.par_iter().enumerate().map(pair).collect()
    }

    /// Tokenizes no more of a long text than can fit: a growing piece from the end that is kept.
    fn part(&self, text: &str, lost: LostEnd) -> Result<Part> {
        let longest = self.max_tokens.saturating_mul(LONGEST_PREFIX);
        let mut limit = self.max_tokens.saturating_mul(FIRST_PREFIX);
        loop {
            let piece = lost.rest_of(text, limit.min(longest));
            let encoding = self.inner.encode(piece, false);
            let encoding = encoding.map_err(|error| failed(error.to_string()))?;
            let whole = piece.len() == text.len();
            if whole || limit >= longest || self.fills(&encoding, lost) {
                let truncated = !whole;
                return Ok(Part { encoding, truncated });
            }
            limit = limit.saturating_mul(4);
        }
    }

    /// Whether there are as many tokens as a pair can have, not counting the word that the cut may have split.
    fn fills(&self, encoding: &Encoding, lost: LostEnd) -> bool {
        let words = encoding.get_word_ids();
        let split = match lost {
            LostEnd::Right => words.last(),
            LostEnd::Left => words.first(),
        };
        let complete = words.iter().filter(|&word| Some(word) != split).count();
        complete >= self.max_tokens
    }

    fn pair(&self, query: &Part, text: Part, lost: LostEnd) -> Result<Tokens> {
        let library = |error: tokenizers::Error| failed(error.to_string());
        let given = query.encoding.len() + text.encoding.len();
        let room = TruncationParams {
            max_length: self.max_tokens - self.special,
            strategy: TruncationStrategy::LongestFirst,
            stride: 0,
            direction: match lost {
                LostEnd::Left => TruncationDirection::Left,
                LostEnd::Right => TruncationDirection::Right,
            },
        };
        let (first, second) =
            truncate_encodings(query.encoding.clone(), Some(text.encoding), &room).map_err(library)?;
        let kept = first.len() + second.as_ref().map_or(0, Encoding::len);
        let pair = self.inner.post_process(first, second, true).map_err(library)?;
        if pair.is_empty() {
            let reason = "no tokens: this tokenizer adds no special tokens to an empty pair";
            return Err(failed(reason.to_owned()));
        }
        Ok(Tokens {
            ids: pair.get_ids().to_vec(),
            types: pair.get_type_ids().to_vec(),
            truncated: kept < given || query.truncated || text.truncated,
        })
    }
}

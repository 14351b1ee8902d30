//! Text to token ids, exactly as the model's own tokenizer defines them, cut at the model's longest input.

mod whole;

use std::borrow::Cow;
use std::sync::OnceLock;

use rayon::prelude::*;
use tokenizers::{Encoding, Tokenizer, TruncationDirection, TruncationParams, TruncationStrategy};

use crate::{EmbeddingError, Input, ModelBundle, Result};

pub use whole::Token;

/// Texts of up to this many bytes per token of the limit are tokenized whole; of longer ones first a prefix of this
/// size. Most prose has four to five bytes per token.
pub(crate) const FIRST_PREFIX: usize = 16;

/// No more than this many bytes per token of the limit are ever looked at, so that megabytes of text without a single
/// break between words stay cheap.
pub(crate) const LONGEST_PREFIX: usize = 1024;

/// The tokens of one text: never empty, special tokens included, no padding.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Tokens {
    /// Vocabulary ids.
    pub ids: Vec<u32>,
    /// Segment of each token (`token_type_ids`); zeros for most models.
    pub types: Vec<u32>,
    /// Whether the text went on.
    pub truncated: bool,
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
    /// The same without truncation, once somebody needs it.
    whole: OnceLock<Tokenizer>,
    max_tokens: usize,
    pad_id: u32,
    /// One more than the largest id.
    vocabulary: usize,
    frame: Frame,
}

/// What the tokenizer puts around the tokens of a text.
struct Frame {
    before: Tokens,
    after: Tokens,
    /// Segment of the text's own tokens.
    own_type: u32,
}

impl TextTokenizer {
    /// Loads `tokenizer.json`.
    pub fn open(bundle: &ModelBundle) -> Result<Self> {
        let failed = |error| damaged(bundle, &error);
        let (mut inner, pad_id) = load(bundle)?;
        let max_tokens = bundle.settings().max_tokens;
        check_max_tokens(bundle, special_tokens(&inner), max_tokens)?;
        let truncation = TruncationParams {
            max_length: max_tokens,
            strategy: TruncationStrategy::LongestFirst,
            stride: 0,
            direction: TruncationDirection::Right,
        };
        inner.with_truncation(Some(truncation)).map_err(failed)?;
        let frame = Frame::of(&inner).map_err(failed)?;
        let largest = inner.get_vocab(true).into_values().max();
        Ok(Self {
            inner,
            whole: OnceLock::new(),
            max_tokens,
            pad_id,
            vocabulary: largest.map_or(0, |id| id as usize + 1),
            frame,
        })
    }

    /// Id that fills a batch's shorter rows; the attention mask hides it.
    pub fn pad_id(&self) -> u32 {
        self.pad_id
    }

    /// Tokens of `prefix` + `text`. The error's text position is 0.
    pub fn encode(&self, prefix: &str, text: &str) -> Result<Tokens> {
        let text = if prefix.is_empty() {
            Cow::Borrowed(text)
        } else {
            Cow::Owned(format!("{prefix}{text}"))
        };
        let encoding = self
            .encode_cut(&text)
            .map_err(|error| failed(error.to_string()))?;
        let longest = self.max_tokens.saturating_mul(LONGEST_PREFIX);
        present(Tokens {
            ids: encoding.get_ids().to_vec(),
            types: encoding.get_type_ids().to_vec(),
            truncated: !encoding.get_overflowing().is_empty() || text.len() > longest,
        })
    }

    /// Tokens of each text, in order, on all of rayon's threads.
    pub fn encode_all<T: AsRef<str> + Sync>(&self, prefix: &str, texts: &[T]) -> Result<Vec<Tokens>> {
        let encode = |(i, text): (usize, &T)| {
            let tokens = self.encode(prefix, text.as_ref());
            tokens.map_err(|error| error.at(|_| i))
        };
        texts.par_iter().enumerate().map(encode).collect()
    }

    /// Tokens of `prefix` + each input, in order, on all of rayon's threads where there are several.
    pub fn encode_inputs(&self, prefix: &str, inputs: &[Input<'_>]) -> Result<Vec<Tokens>> {
        let encode = |(i, input): (usize, &Input<'_>)| {
            let tokens = match input {
                Input::Text(text) => self.encode(prefix, text),
                Input::Tokens(ids) => self.frame(prefix, ids),
            };
            tokens.map_err(|error| error.at(|_| i))
        };
        match inputs {
            [input] => Ok(vec![encode((0, input))?]),
            _ => inputs.par_iter().enumerate().map(encode).collect(),
        }
    }

    /// Given ids with the tokens of `prefix` before them and the special tokens around, cut like a text.
    fn frame(&self, prefix: &str, ids: &[u32]) -> Result<Tokens> {
        self.check_ids(ids)?;
        let own = self.frame.stripped(ids);
        let mut tokens = self.frame.before.clone();
        if !prefix.is_empty() {
            let prefix = self.inner.encode_fast(prefix, false);
            let prefix = prefix.map_err(|error| failed(error.to_string()))?;
            tokens.ids.extend_from_slice(prefix.get_ids());
        }
        tokens.ids.extend_from_slice(own);
        let room = self.max_tokens - self.frame.after.len();
        tokens.truncated = tokens.len() > room;
        tokens.ids.truncate(room);
        tokens.types.resize(tokens.ids.len(), self.frame.own_type);
        tokens.ids.extend_from_slice(&self.frame.after.ids);
        tokens.types.extend_from_slice(&self.frame.after.types);
        present(tokens)
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

impl Frame {
    /// Lets the tokenizer frame one token that stands for a text.
    fn of(tokenizer: &Tokenizer) -> tokenizers::Result<Self> {
        const TEXT: u32 = u32::MAX;
        let text = Encoding::new(
            vec![TEXT],
            vec![0],
            vec![String::new()],
            vec![None],
            vec![(0, 0)],
            vec![0],
            vec![1],
            Vec::new(),
            std::iter::once((0, 0..1)).collect(),
        );
        let framed = tokenizer.post_process(text, None, true)?;
        let (ids, types) = (framed.get_ids(), framed.get_type_ids());
        let at = ids.iter().position(|&id| id == TEXT);
        let at = at.ok_or("its post-processor drops the text's own tokens")?;
        let part = |range: std::ops::Range<usize>| Tokens {
            ids: ids[range.clone()].to_vec(),
            types: types[range].to_vec(),
            truncated: false,
        };
        Ok(Self {
            before: part(0..at),
            after: part(at + 1..ids.len()),
            own_type: types[at],
        })
    }

    /// `ids` without the frame, where they bring it themselves.
    fn stripped<'a>(&self, ids: &'a [u32]) -> &'a [u32] {
        let inside = ids.strip_prefix(self.before.ids.as_slice());
        inside
            .and_then(|inside| inside.strip_suffix(self.after.ids.as_slice()))
            .unwrap_or(ids)
    }
}

/// A bundle's tokenizer without truncation and padding, and its padding id.
pub(crate) fn load(bundle: &ModelBundle) -> Result<(Tokenizer, u32)> {
    let failed = |error| damaged(bundle, &error);
    let mut tokenizer = Tokenizer::from_file(bundle.tokenizer_path()).map_err(failed)?;
    let pad_id = tokenizer.get_padding().map(|padding| padding.pad_id);
    let pad_id = pad_id
        .or_else(|| tokenizer.token_to_id("[PAD]"))
        .or_else(|| tokenizer.token_to_id("<pad>"));
    tokenizer.with_truncation(None).map_err(failed)?;
    tokenizer.with_padding(None);
    Ok((tokenizer, pad_id.unwrap_or(0)))
}

fn damaged(bundle: &ModelBundle, error: &tokenizers::Error) -> EmbeddingError {
    EmbeddingError::Tokenizer {
        path: bundle.tokenizer_path(),
        reason: error.to_string(),
    }
}

/// Refuses a text without any token.
fn present(tokens: Tokens) -> Result<Tokens> {
    if tokens.ids.is_empty() {
        let reason = "no tokens: this tokenizer adds no special tokens to an empty text";
        return Err(failed(reason.to_owned()));
    }
    Ok(tokens)
}

/// The longest prefix of at most `limit` bytes that ends between two characters.
fn prefix_of(text: &str, limit: usize) -> &str {
    &text[..text.floor_char_boundary(limit)]
}

/// Whether tokens were cut off, and the last of them belongs to a later word than the last that was kept.
fn kept_words_are_complete(encoding: &Encoding) -> bool {
    let last_word = |encoding: &Encoding| encoding.get_word_ids().iter().rev().find_map(|&word| word);
    let Some(last_cut) = encoding.get_overflowing().last() else {
        return false;
    };
    match (last_word(encoding), last_word(last_cut)) {
        (Some(kept), Some(cut)) => kept < cut,
        _ => false,
    }
}

/// Tokens that the tokenizer puts around every text.
fn special_tokens(tokenizer: &Tokenizer) -> usize {
    use tokenizers::PostProcessor;
    tokenizer
        .get_post_processor()
        .map_or(0, |processor| processor.added_tokens(false))
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

pub(crate) fn failed(reason: String) -> EmbeddingError {
    EmbeddingError::Tokenize { text: 0, reason }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::Path;
    use std::sync::LazyLock;

    /// The tokenizer of the installed model, as the encoder uses it and as its file defines it.
    pub(super) static INSTALLED: LazyLock<(TextTokenizer, Tokenizer)> = LazyLock::new(|| {
        let mut ancestors = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
        let dir = ancestors
            .find_map(|dir| Some(dir.join(".alike/models/all-minilm-l6-v2")).filter(|dir| dir.is_dir()))
            .expect("no model in .alike: run scripts/setup");
        let ours = TextTokenizer::open(&ModelBundle::open(&dir).unwrap()).unwrap();
        let mut plain = Tokenizer::from_file(dir.join("tokenizer.json")).unwrap();
        plain.with_padding(None).with_truncation(None).unwrap();
        (ours, plain)
    });

    /// Tokenizes all of the text, then cuts: `[CLS]`, the first 254 tokens, `[SEP]`.
    fn oracle(text: &str) -> Vec<u32> {
        let mut ids = oracle_ids(text);
        if ids.len() > 256 {
            ids.truncate(255);
            ids.push(102);
        }
        ids
    }

    /// All of the text's ids, uncut.
    fn oracle_ids(text: &str) -> Vec<u32> {
        INSTALLED.1.encode(text, true).unwrap().get_ids().to_vec()
    }

    #[test]
    fn ids_are_those_of_the_published_vocabulary() {
        let (ours, _) = &*INSTALLED;
        for (text, ids) in [
            ("", &[101, 102][..]),
            ("hello world", &[101, 7592, 2088, 102]),
            ("The quick brown fox", &[101, 1996, 4248, 2829, 4419, 102]),
        ] {
            let tokens = ours.encode("", text).unwrap();
            assert_eq!(tokens.ids, ids, "{text}");
            assert_eq!(tokens.types, vec![0; ids.len()], "{text}");
        }
        assert_eq!(
            ours.encode("hello ", "world").unwrap(),
            ours.encode("", "hello world").unwrap()
        );
    }

    #[test]
    fn a_cut_inside_a_word_or_a_character_does_not_show() {
        let (ours, _) = &*INSTALLED;
        // The first prefix is 4,096 bytes; these texts have few tokens in it, or a word or character across its end.
        let dense = "a ".repeat(5_000);
        let sparse = format!(
            "{}supercalifragilistic {}",
            " ".repeat(4_090),
            "tail ".repeat(2_000)
        );
        let wide = "日本語".repeat(2_000);
        let one_word = "x".repeat(20_000);
        let long_words =
            format!("{} ", "pneumonoultramicroscopicsilicovolcanoconiosis".repeat(4)).repeat(400);
        for text in [dense, sparse, wide, one_word, long_words] {
            assert_eq!(
                ours.encode("", &text).unwrap().ids,
                oracle(&text),
                "{}…",
                prefix_of(&text, 40)
            );
        }
    }

    #[test]
    fn megabytes_without_a_break_are_looked_at_in_part() {
        let (ours, _) = &*INSTALLED;
        let bytes = 256 * LONGEST_PREFIX;
        let endless = "x".repeat(8 * bytes);
        assert_eq!(ours.encode("", &endless).unwrap().ids, oracle(&endless[..bytes]));
    }

    #[test]
    fn given_ids_are_framed_and_cut_like_the_text_they_stand_for() {
        let (ours, _) = &*INSTALLED;
        let long = "a kettle ".repeat(300);
        for (prefix, text) in [
            ("", "hello world"),
            ("", ""),
            ("query: ", "hello world"),
            ("", &long),
        ] {
            let whole = oracle_ids(text);
            let bare = &whole[1..whole.len() - 1];
            let expected = ours.encode(prefix, text).unwrap();
            for ids in [bare, &whole] {
                let inputs = [Input::Text(text), Input::Tokens(ids)];
                let found = ours.encode_inputs(prefix, &inputs).unwrap();
                assert_eq!(found, [expected.clone(), expected.clone()], "{prefix}{text}");
            }
        }
    }

    #[test]
    fn ids_out_of_the_vocabulary_are_refused_by_position() {
        let (ours, _) = &*INSTALLED;
        let inputs = [Input::Text("fine"), Input::Tokens(&[7592, 30_522])];
        let error = ours.encode_inputs("", &inputs).unwrap_err();
        let EmbeddingError::TokenId { text, id, vocabulary } = error else {
            panic!("{error}")
        };
        assert_eq!((text, id, vocabulary), (1, 30_522, 30_522));
        ours.encode_inputs("", &[Input::Tokens(&[30_521])]).unwrap();
    }

    #[test]
    fn what_was_cut_is_said() {
        let (ours, _) = &*INSTALLED;
        let truncated = |text: &str| ours.encode("", text).unwrap().truncated;
        assert!(!truncated("") && !truncated(&"shoe ".repeat(254)));
        assert!(truncated(&"shoe ".repeat(255)) && truncated(&"shoe ".repeat(100_000)));
        assert!(truncated(&"x".repeat(300 * LONGEST_PREFIX)));
    }

    #[test]
    fn errors_and_tokens_keep_the_order_of_the_texts() {
        let (ours, _) = &*INSTALLED;
        let texts: Vec<String> = (0..300).map(|i| format!("item {i}")).collect();
        for (tokens, text) in ours.encode_all("", &texts).unwrap().iter().zip(&texts) {
            assert_eq!(tokens.ids, oracle(text));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

        #[test]
        fn the_growing_prefix_changes_no_id(
            parts in prop::collection::vec(("[ -~é日-本 \\n]{1,60}|\\PC{1,8}", 1_usize..120), 1..40)
        ) {
            let text: String = parts.iter().map(|(part, times)| part.repeat(*times)).collect();
            prop_assert_eq!(&INSTALLED.0.encode("", &text).unwrap().ids, &oracle(&text));
        }
    }
}

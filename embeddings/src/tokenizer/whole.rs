//! Texts tokenized whole: for callers who want to see tokens, and for texts that lose their beginning, not their end.

use std::ops::Range;

use tokenizers::{Offsets, Tokenizer};

use super::{LONGEST_PREFIX, TextTokenizer, failed};
use crate::{EmbeddingError, Input, Result};

/// One token of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// Vocabulary id.
    pub id: u32,
    /// The part of the text that it stands for; its name in the vocabulary, where it stands for none.
    pub text: String,
    /// Whether the tokenizer added it around the text.
    pub special: bool,
    /// That part in characters; `None` for special tokens.
    pub span: Option<Range<usize>>,
}

impl TextTokenizer {
    /// All tokens of `prefix` + `text`, with or without those around it. Refuses texts beyond what is ever tokenized of
    /// one.
    pub fn tokens(&self, prefix: &str, text: &str, special: bool) -> Result<Vec<Token>> {
        let text = format!("{prefix}{text}");
        let most = self.most_bytes();
        if text.len() > most {
            let reason = format!("it has {} bytes, at most {most} are tokenized", text.len());
            return Err(failed(reason));
        }
        let encoding = self.whole().encode_char_offsets(text.as_str(), false);
        let encoding = encoding.map_err(|error| failed(error.to_string()))?;
        let starts: Vec<usize> = text
            .char_indices()
            .map(|(at, _)| at)
            .chain([text.len()])
            .collect();
        let own = encoding.get_ids().iter().zip(encoding.get_offsets());
        let own = own.map(|(&id, &offsets)| token(id, offsets, &text, &starts));
        let around = |ids: &[u32]| -> Vec<Token> {
            let ids = ids.iter().filter(|_| special);
            ids.map(|&id| self.special(id)).collect()
        };
        let mut tokens = around(&self.frame.before.ids);
        tokens.extend(own);
        tokens.extend(around(&self.frame.after.ids));
        Ok(tokens)
    }

    fn special(&self, id: u32) -> Token {
        Token {
            id,
            text: self.inner.id_to_token(id).unwrap_or_default(),
            special: true,
            span: None,
        }
    }

    /// The text of `ids`, with or without special tokens.
    pub fn decode(&self, ids: &[u32], skip_special: bool) -> Result<String> {
        self.check_ids(ids)?;
        let text = self.inner.decode(ids, skip_special);
        text.map_err(|error| failed(error.to_string()))
    }

    /// The last tokens of an input, as many as fit beside `prefix` and the special tokens; `None` where all do.
    pub fn tail(&self, prefix: &str, input: Input<'_>) -> Result<Option<Vec<u32>>> {
        let mut whole = true;
        let mut ids = match input {
            Input::Tokens(ids) => self.frame.stripped(ids).to_vec(),
            Input::Text(text) => {
                let start = text.ceil_char_boundary(text.len().saturating_sub(self.most_bytes()));
                whole = start == 0;
                self.ids(&text[start..])?
            }
        };
        let around = self.frame.before.len() + self.ids(prefix)?.len() + self.frame.after.len();
        let room = self.max_tokens.saturating_sub(around);
        if whole && ids.len() <= room {
            return Ok(None);
        }
        ids.drain(..ids.len().saturating_sub(room));
        Ok(Some(ids))
    }

    /// All ids of `text`, without those around it.
    fn ids(&self, text: &str) -> Result<Vec<u32>> {
        let encoding = self.whole().encode_fast(text, false);
        let encoding = encoding.map_err(|error| failed(error.to_string()))?;
        Ok(encoding.get_ids().to_vec())
    }

    /// The tokenizer without truncation, made when it is first needed: the other one stops where it would cut.
    fn whole(&self) -> &Tokenizer {
        self.whole.get_or_init(|| {
            let mut whole = self.inner.clone();
            whole
                .with_truncation(None)
                .expect("a tokenizer works without truncation");
            whole
        })
    }

    fn most_bytes(&self) -> usize {
        self.max_tokens.saturating_mul(LONGEST_PREFIX)
    }

    /// Refuses ids that are not in the vocabulary.
    pub(super) fn check_ids(&self, ids: &[u32]) -> Result<()> {
        match ids.iter().find(|&&id| id as usize >= self.vocabulary) {
            Some(&id) => Err(EmbeddingError::TokenId {
                text: 0,
                id,
                vocabulary: self.vocabulary,
            }),
            None => Ok(()),
        }
    }
}

fn token(id: u32, (start, end): Offsets, text: &str, starts: &[usize]) -> Token {
    let byte = |at: usize| starts.get(at).copied().unwrap_or(text.len());
    Token {
        id,
        text: text[byte(start)..byte(end)].to_owned(),
        special: false,
        span: Some(start..end),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::INSTALLED;
    use super::*;

    #[test]
    fn tokens_say_which_part_of_the_text_they_are() {
        let (ours, _) = &*INSTALLED;
        let tokens = ours.tokens("", "héllo 日本!", true).unwrap();
        let shown: Vec<(&str, bool, Option<Range<usize>>)> = tokens
            .iter()
            .map(|token| (token.text.as_str(), token.special, token.span.clone()))
            .collect();
        assert_eq!(
            shown,
            [
                ("[CLS]", true, None),
                ("héllo", false, Some(0..5)),
                ("日", false, Some(6..7)),
                ("本", false, Some(7..8)),
                ("!", false, Some(8..9)),
                ("[SEP]", true, None),
            ]
        );
        let ids: Vec<u32> = tokens.iter().map(|token| token.id).collect();
        assert_eq!(ids, ours.encode("", "héllo 日本!").unwrap().ids);
        assert_eq!(ours.tokens("", "héllo 日本!", false).unwrap(), tokens[1..5]);
        assert_eq!(ours.tokens("hé", "llo 日本!", true).unwrap(), tokens);
        assert_eq!(ours.tokens("", "", false).unwrap(), []);
    }

    #[test]
    fn long_texts_are_tokenized_whole_up_to_a_limit() {
        let (ours, plain) = &*INSTALLED;
        let text = "a red shoe, ".repeat(1_000);
        let ids: Vec<u32> = ours
            .tokens("", &text, true)
            .unwrap()
            .iter()
            .map(|token| token.id)
            .collect();
        assert!(
            ids == plain.encode(text.as_str(), true).unwrap().get_ids(),
            "{} ids",
            ids.len()
        );
        let error = ours
            .tokens("", &"x".repeat(300 * LONGEST_PREFIX), true)
            .unwrap_err();
        assert!(error.to_string().contains("262144 are tokenized"), "{error}");
    }

    #[test]
    fn tails_end_as_the_text_does() {
        let (ours, plain) = &*INSTALLED;
        let text = "one two three four five six seven ".repeat(100);
        let all = plain.encode(text.as_str(), false).unwrap().get_ids().to_vec();
        let tail = ours.tail("", Input::Text(&text)).unwrap().unwrap();
        assert_eq!(tail, all[all.len() - 254..]);
        assert_eq!(ours.tail("", Input::Tokens(&all)).unwrap().unwrap(), tail);
        assert_eq!(
            ours.tail("query: ", Input::Tokens(&all)).unwrap().unwrap(),
            tail[2..]
        );
        assert_eq!(ours.tail("", Input::Text("one two")).unwrap(), None);
        assert_eq!(ours.tail("", Input::Tokens(&all[..254])).unwrap(), None);
        let framed = ours.encode_inputs("", &[Input::Tokens(&tail)]).unwrap();
        assert_eq!((framed[0].len(), framed[0].truncated), (256, false));
        let endless = "x".repeat(300 * LONGEST_PREFIX);
        assert!(ours.tail("", Input::Text(&endless)).unwrap().is_some());
    }

    #[test]
    fn decoding_gives_the_text_back() {
        let (ours, _) = &*INSTALLED;
        let ids = ours.encode("", "hello world").unwrap().ids;
        assert_eq!(ours.decode(&ids, true).unwrap(), "hello world");
        assert_eq!(ours.decode(&ids, false).unwrap(), "[CLS] hello world [SEP]");
        let error = ours.decode(&[5, 4_000_000], true).unwrap_err();
        assert!(
            matches!(error, EmbeddingError::TokenId { id: 4_000_000, .. }),
            "{error}"
        );
    }
}

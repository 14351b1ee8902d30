//! What OpenAI calls `input` and TEI calls `inputs`: one text or a list of them, each as a string or as token ids.

use alike_embeddings::{Input, Lane};
use serde::de::{self, Deserialize, Deserializer, SeqAccess, Visitor};
use std::fmt;
use utoipa::ToSchema;

/// A text of up to this many bytes or tokens, alone in its call, is somebody's query: it goes before bulk work.
const QUERY_BYTES: usize = 1_000;
const QUERY_TOKENS: usize = 256;

/// One text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Text {
    String(String),
    Tokens(Vec<u32>),
}

impl Text {
    fn is_empty(&self) -> bool {
        match self {
            Self::String(text) => text.is_empty(),
            Self::Tokens(ids) => ids.is_empty(),
        }
    }

    fn as_input(&self) -> Input<'_> {
        match self {
            Self::String(text) => Input::Text(text),
            Self::Tokens(ids) => Input::Tokens(ids),
        }
    }

    fn is_short(&self) -> bool {
        match self {
            Self::String(text) => text.len() <= QUERY_BYTES,
            Self::Tokens(ids) => ids.len() <= QUERY_TOKENS,
        }
    }
}

/// The texts of a call. A list may hold strings beside lists of token ids.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Inputs {
    texts: Vec<Text>,
    /// One text, not a list of one.
    single: bool,
}

impl Inputs {
    pub(super) fn len(&self) -> usize {
        self.texts.len()
    }

    /// The texts as the encoder takes them.
    pub(super) fn texts(&self) -> Vec<Input<'_>> {
        self.texts.iter().map(Text::as_input).collect()
    }

    /// The first text that is empty; the list itself, where it has none.
    pub(super) fn first_empty(&self, field: &str) -> Option<String> {
        let empty = self.texts.iter().position(Text::is_empty);
        match empty {
            Some(position) => Some(self.name(field, position)),
            None if self.texts.is_empty() => Some(field.to_owned()),
            None => None,
        }
    }

    /// How a request names a text.
    pub(super) fn name(&self, field: &str, position: usize) -> String {
        if self.single {
            field.to_owned()
        } else {
            format!("{field}[{position}]")
        }
    }

    /// Who waits for these texts: someone for one short query, or a program for many or long ones.
    pub(super) fn lane(&self) -> Lane {
        match self.texts.as_slice() {
            [text] if text.is_short() => Lane::Queries,
            _ => Lane::Documents,
        }
    }
}

impl From<Vec<String>> for Inputs {
    fn from(texts: Vec<String>) -> Self {
        Self {
            texts: texts.into_iter().map(Text::String).collect(),
            single: false,
        }
    }
}

impl From<String> for Inputs {
    fn from(text: String) -> Self {
        Self {
            texts: vec![Text::String(text)],
            single: true,
        }
    }
}

impl<'de> Deserialize<'de> for Inputs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(InputsVisitor)
    }
}

struct InputsVisitor;

impl<'de> Visitor<'de> for InputsVisitor {
    type Value = Inputs;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, a list of strings, a list of token ids, or a list of such lists")
    }

    fn visit_str<E>(self, text: &str) -> Result<Inputs, E> {
        Ok(text.to_owned().into())
    }

    fn visit_string<E>(self, text: String) -> Result<Inputs, E> {
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Inputs, A::Error> {
        let (mut ids, mut texts) = (Vec::new(), Vec::new());
        while let Some(element) = list.next_element()? {
            match element {
                Element::Id(id) => ids.push(id),
                Element::Text(text) => texts.push(text),
            }
            if !ids.is_empty() && !texts.is_empty() {
                return Err(de::Error::custom(
                    "token ids beside texts in one list; put each text's ids in a list of their own",
                ));
            }
        }
        if ids.is_empty() {
            return Ok(Inputs { texts, single: false });
        }
        Ok(Inputs {
            texts: vec![Text::Tokens(ids)],
            single: true,
        })
    }
}

/// One element of a list: a token id of the only text, or a text.
enum Element {
    Id(u32),
    Text(Text),
}

impl<'de> Deserialize<'de> for Element {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ElementVisitor)
    }
}

struct ElementVisitor;

impl<'de> Visitor<'de> for ElementVisitor {
    type Value = Element;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string, a token id, or a list of token ids")
    }

    fn visit_u64<E: de::Error>(self, id: u64) -> Result<Element, E> {
        u32::try_from(id).map(Element::Id).map_err(|_| unknown_id(id))
    }

    fn visit_i64<E: de::Error>(self, id: i64) -> Result<Element, E> {
        u32::try_from(id).map(Element::Id).map_err(|_| unknown_id(id))
    }

    fn visit_str<E>(self, text: &str) -> Result<Element, E> {
        Ok(Element::Text(Text::String(text.to_owned())))
    }

    fn visit_string<E>(self, text: String) -> Result<Element, E> {
        Ok(Element::Text(Text::String(text)))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Element, A::Error> {
        let mut ids = Vec::new();
        while let Some(Id(id)) = list.next_element()? {
            ids.push(id);
        }
        Ok(Element::Text(Text::Tokens(ids)))
    }
}

/// A token id.
struct Id(u32);

impl<'de> Deserialize<'de> for Id {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match deserializer.deserialize_any(ElementVisitor)? {
            Element::Id(id) => Ok(Self(id)),
            Element::Text(_) => Err(de::Error::custom("a token id was expected in this list")),
        }
    }
}

fn unknown_id<E: de::Error>(id: impl fmt::Display) -> E {
    E::custom(format_args!(
        "token id {id} is in no vocabulary; ids are 0 to {}",
        u32::MAX
    ))
}

/// One text or several, as strings or as token ids of the model's own tokenizer.
#[derive(ToSchema)]
#[schema(as = Inputs, example = json!(["red running shoes", "a kettle"]))]
#[serde(untagged)]
#[allow(
    dead_code,
    reason = "describes Inputs, which reads all of these shapes by hand"
)]
pub(super) enum InputsSchema {
    Text(String),
    Texts(Vec<String>),
    Tokens(Vec<u32>),
    TokenLists(Vec<Vec<u32>>),
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn read(value: Value) -> Result<Inputs, String> {
        serde_json::from_value(value).map_err(|error| error.to_string())
    }

    fn string(text: &str) -> Text {
        Text::String(text.to_owned())
    }

    #[test]
    fn every_documented_shape_is_read() {
        for (value, texts, single) in [
            (json!("a"), vec![string("a")], true),
            (json!(["a"]), vec![string("a")], false),
            (json!(["a", "b"]), vec![string("a"), string("b")], false),
            (json!([5, 6]), vec![Text::Tokens(vec![5, 6])], true),
            (
                json!([[5], [6, 7]]),
                vec![Text::Tokens(vec![5]), Text::Tokens(vec![6, 7])],
                false,
            ),
            (json!(["a", [5]]), vec![string("a"), Text::Tokens(vec![5])], false),
            (json!([]), vec![], false),
        ] {
            assert_eq!(read(value.clone()), Ok(Inputs { texts, single }), "{value}");
        }
    }

    #[test]
    fn other_shapes_are_refused() {
        for (value, needle) in [
            (json!(null), "expected a string, a list of strings"),
            (json!(7), "expected a string, a list of strings"),
            (json!({"text": "a"}), "expected a string, a list of strings"),
            (json!([null]), "expected a string, a token id"),
            (json!([1.5]), "expected a string, a token id"),
            (json!(["a", 5]), "token ids beside texts"),
            (json!([5, "a"]), "token ids beside texts"),
            (json!([["a"]]), "a token id was expected"),
            (json!([[[1]]]), "a token id was expected"),
            (json!([-1]), "token id -1"),
            (json!([[4_294_967_296_u64]]), "token id 4294967296"),
        ] {
            let error = read(value.clone()).unwrap_err();
            assert!(error.contains(needle), "{value}: {error}");
        }
    }

    #[test]
    fn what_is_empty_is_named() {
        for (value, field) in [
            (json!(""), Some("input")),
            (json!([]), Some("input")),
            (json!(["a", ""]), Some("input[1]")),
            (json!([[]]), Some("input[0]")),
            (json!([" "]), None),
            (json!([0]), None),
        ] {
            let inputs = read(value.clone()).unwrap();
            assert_eq!(inputs.first_empty("input").as_deref(), field, "{value}");
        }
    }

    #[test]
    fn only_one_short_text_is_a_query() {
        for (value, lane) in [
            (json!("red shoes"), Lane::Queries),
            (json!(["red shoes"]), Lane::Queries),
            (json!([5, 6]), Lane::Queries),
            (json!(["red shoes", "a kettle"]), Lane::Documents),
            (json!("x".repeat(5_000)), Lane::Documents),
            (json!(vec![5; 1_000]), Lane::Documents),
        ] {
            assert_eq!(read(value).unwrap().lane(), lane);
        }
    }
}

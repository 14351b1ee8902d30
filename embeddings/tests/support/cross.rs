//! A cross-encoder of a few hundred bytes whose scores a test knows by arithmetic: the sum, over the tokens of a pair, of
//! the word's value times its segment's weight.

use super::protobuf::{FLOAT, INT64, Message, model, value};
use tempfile::TempDir;

/// Words of the vocabulary with their values; a word's id is its position. Padding would show at once.
pub const WORDS: [(&str, f32); 7] = [
    ("[PAD]", 1000.0),
    ("[CLS]", 0.0625),
    ("[SEP]", 0.03125),
    ("[UNK]", 0.0),
    ("apple", 0.5),
    ("pear", -0.25),
    ("plum", 1.0),
];

/// Weights of the query's segment and of the text's.
pub const SEGMENTS: [f32; 2] = [0.5, 2.0];

/// Most tokens of a pair; three of them are special.
pub const MAX_TOKENS: usize = 9;

/// What a pair of these words scores, if nothing is cut.
pub fn score(query: &str, text: &str) -> f32 {
    let value = |word: &str| {
        let known = WORDS.iter().find(|(known, _)| *known == word);
        known.map_or(0.0, |(_, value)| *value)
    };
    let sum = |words: &str| words.split_whitespace().map(value).sum::<f32>();
    let (cls, sep) = (value("[CLS]"), value("[SEP]"));
    SEGMENTS[0] * (cls + sum(query) + sep) + SEGMENTS[1] * (sum(text) + sep)
}

/// `model.toml` of the bundle.
pub fn settings() -> String {
    format!(
        "name = \"tiny-cross\"\nversion = \"1\"\ntask = \"rerank\"\ndimension = 1\nmax_tokens = {MAX_TOKENS}\n\
         pooling = \"none\"\nnormalize = false\nquery_prefix = \"\"\ndocument_prefix = \"\"\n"
    )
}

/// Writes the bundle.
pub fn write(settings: &str) -> TempDir {
    let dir = tempfile::tempdir().expect("a temporary folder");
    for (name, content) in [
        ("model.onnx", graph()),
        ("tokenizer.json", tokenizer()),
        ("model.toml", settings.into()),
    ] {
        std::fs::write(dir.path().join(name), content).expect("the file is written");
    }
    dir
}

/// `logits = ReduceSum(Gather(words, ids) × Gather(segments, types) × mask)` over the tokens.
fn graph() -> Vec<u8> {
    let inputs = ["input_ids", "attention_mask", "token_type_ids"];
    let nodes = [
        node("Gather", &["words", "input_ids"], "value"),
        node("Gather", &["segments", "token_type_ids"], "weight"),
        node("Cast", &["attention_mask"], "mask").message(5, &number("to", FLOAT)),
        node("Mul", &["value", "weight"], "weighted"),
        node("Mul", &["weighted", "mask"], "masked"),
        node("ReduceSum", &["masked", "axes"], "logits"),
    ];
    let mut graph = nodes
        .iter()
        .fold(Message::default(), |graph, node| graph.message(1, node))
        .text(2, "tiny-cross");
    let words: Vec<f32> = WORDS.iter().map(|(_, value)| *value).collect();
    let floats = |values: &[f32]| {
        values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect::<Vec<u8>>()
    };
    graph = graph
        .message(5, &constant("words", FLOAT, words.len(), &floats(&words)))
        .message(
            5,
            &constant("segments", FLOAT, SEGMENTS.len(), &floats(&SEGMENTS)),
        )
        .message(5, &constant("axes", INT64, 1, &1_i64.to_le_bytes()));
    for input in inputs {
        graph = graph.message(11, &value(input, INT64, &["pairs", "tokens"]));
    }
    model(&graph.message(12, &value("logits", FLOAT, &["pairs", "one"])))
}

fn node(operator: &str, inputs: &[&str], output: &str) -> Message {
    let node = inputs
        .iter()
        .fold(Message::default(), |node, input| node.text(1, input));
    node.text(2, output).text(4, operator)
}

/// An integer attribute.
fn number(name: &str, value: u64) -> Message {
    const INT: u64 = 2;
    Message::default().text(1, name).number(3, value).number(20, INT)
}

/// A list of constants.
fn constant(name: &str, element: u64, length: usize, raw: &[u8]) -> Message {
    Message::default()
        .number(1, length as u64)
        .number(2, element)
        .text(8, name)
        .bytes(9, raw)
}

/// Whitespace words; `[CLS] query [SEP] text [SEP]` by a template, the query's segment 0, the text's 1.
fn tokenizer() -> Vec<u8> {
    let vocabulary: Vec<String> = WORDS
        .iter()
        .enumerate()
        .map(|(id, (word, _))| format!("\"{word}\": {id}"))
        .collect();
    format!(
        r#"{{
        "version": "1.0", "truncation": null, "padding": null,
        "added_tokens": [], "normalizer": null, "pre_tokenizer": {{"type": "WhitespaceSplit"}}, "decoder": null,
        "post_processor": {{
            "type": "TemplateProcessing",
            "single": [{{"SpecialToken": {{"id": "[CLS]", "type_id": 0}}}}, {{"Sequence": {{"id": "A", "type_id": 0}}}},
                       {{"SpecialToken": {{"id": "[SEP]", "type_id": 0}}}}],
            "pair": [{{"SpecialToken": {{"id": "[CLS]", "type_id": 0}}}}, {{"Sequence": {{"id": "A", "type_id": 0}}}},
                     {{"SpecialToken": {{"id": "[SEP]", "type_id": 0}}}}, {{"Sequence": {{"id": "B", "type_id": 1}}}},
                     {{"SpecialToken": {{"id": "[SEP]", "type_id": 1}}}}],
            "special_tokens": {{"[CLS]": {{"id": "[CLS]", "ids": [1], "tokens": ["[CLS]"]}},
                                "[SEP]": {{"id": "[SEP]", "ids": [2], "tokens": ["[SEP]"]}}}}
        }},
        "model": {{"type": "WordLevel", "vocab": {{{}}}, "unk_token": "[UNK]"}}
        }}"#,
        vocabulary.join(", ")
    )
    .into_bytes()
}

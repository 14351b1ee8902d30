//! A bundle of a few hundred bytes: the graph looks each token's state up in a table, so that a test knows the right
//! answer by arithmetic. ONNX is protobuf; the few fields needed are written here by hand.

use super::protobuf::{FLOAT, INT64, Message, model, value};
use tempfile::TempDir;

/// Words of the vocabulary; a word's id is its position.
pub const WORDS: [&str; 6] = ["[PAD]", "[CLS]", "[SEP]", "[UNK]", "apple", "pear"];

/// Length of the states in [`Tiny::table`].
pub const WIDTH: usize = 4;

/// What to write.
pub struct Tiny {
    /// The state of each word.
    pub table: [[f32; WIDTH]; WORDS.len()],
    /// Names of the graph's int64 inputs `[texts, tokens]`.
    pub inputs: Vec<&'static str>,
    /// Names of the graph's outputs, all alike.
    pub outputs: Vec<&'static str>,
    /// `model.toml`, whole.
    pub settings: String,
}

impl Tiny {
    /// A graph with token states `[texts, tokens, 4]` as its one output, pooled as `pooling` says.
    pub fn new(pooling: &str) -> Self {
        Self {
            table: std::array::from_fn(|word| std::array::from_fn(|axis| (word * WIDTH + axis) as f32)),
            inputs: vec!["input_ids", "attention_mask"],
            outputs: vec!["states"],
            settings: format!(
                "name = \"tiny\"\nversion = \"1\"\ndimension = {WIDTH}\nmax_tokens = 8\npooling = \"{pooling}\"\n\
                 normalize = false\nquery_prefix = \"\"\ndocument_prefix = \"\"\n"
            ),
        }
    }

    /// The state of a word.
    pub fn state(&self, word: &str) -> [f32; WIDTH] {
        self.table[WORDS
            .iter()
            .position(|&known| known == word)
            .expect("a known word")]
    }

    /// Writes the bundle.
    pub fn write(&self) -> TempDir {
        let dir = tempfile::tempdir().expect("a temporary folder");
        for (name, content) in [
            ("model.onnx", self.graph()),
            ("tokenizer.json", tokenizer()),
            ("model.toml", self.settings.clone().into()),
        ] {
            std::fs::write(dir.path().join(name), content).expect("the file is written");
        }
        dir
    }

    /// `output = Gather(table, input_ids)` for each output.
    fn graph(&self) -> Vec<u8> {
        let mut graph = Message::default();
        for output in &self.outputs {
            let node = Message::default()
                .text(1, "table")
                .text(1, self.inputs[0])
                .text(2, output)
                .text(4, "Gather");
            graph = graph.message(1, &node);
        }
        let raw: Vec<u8> = self
            .table
            .as_flattened()
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        let table = Message::default()
            .number(1, WORDS.len() as u64)
            .number(1, WIDTH as u64);
        let table = table.number(2, FLOAT).text(8, "table").bytes(9, &raw);
        graph = graph.text(2, "tiny").message(5, &table);
        for input in &self.inputs {
            graph = graph.message(11, &value(input, INT64, &["texts", "tokens"]));
        }
        for output in &self.outputs {
            graph = graph.message(12, &value(output, FLOAT, &["texts", "tokens", "width"]));
        }
        model(&graph)
    }
}

/// Whitespace words, `[CLS] … [SEP]` around them; with a fixed padding and a short truncation to be overridden.
fn tokenizer() -> Vec<u8> {
    let vocabulary: Vec<String> = WORDS
        .iter()
        .enumerate()
        .map(|(id, word)| format!("\"{word}\": {id}"))
        .collect();
    format!(
        r#"{{
        "version": "1.0",
        "truncation": {{"direction": "Right", "max_length": 3, "strategy": "LongestFirst", "stride": 0}},
        "padding": {{"strategy": {{"Fixed": 7}}, "direction": "Right", "pad_to_multiple_of": null,
                     "pad_id": 0, "pad_type_id": 0, "pad_token": "[PAD]"}},
        "added_tokens": [], "normalizer": null, "pre_tokenizer": {{"type": "Whitespace"}}, "decoder": null,
        "post_processor": {{"type": "BertProcessing", "sep": ["[SEP]", 2], "cls": ["[CLS]", 1]}},
        "model": {{"type": "WordLevel", "vocab": {{{}}}, "unk_token": "[UNK]"}}
        }}"#,
        vocabulary.join(", ")
    )
    .into_bytes()
}

"""The exporter on a small model with random weights: no download needed."""

import json
import re
import sys
import tempfile
import unittest
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import numpy as np
import onnx
from onnx.reference import ReferenceEvaluator
from safetensors.numpy import save_file

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import export_onnx

CONFIG = {
    "model_type": "bert",
    "hidden_act": "gelu",
    "num_hidden_layers": 2,
    "hidden_size": 8,
    "num_attention_heads": 2,
    "layer_norm_eps": 1e-12,
}
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
# Every character of the golden texts is in it, so that none of them is without a piece.
CHARACTERS = [chr(code) for code in range(33, 127)] + list("–€東京")
LETTERS = [prefix + character for character in CHARACTERS for prefix in ("", "##")]


def small_weights(layers=2, width=8):
    """Random weights of every tensor a BERT encoder of that size has, as [out, in] like the published files."""
    random = np.random.default_rng(7)
    shapes = {
        "embeddings.word_embeddings.weight": (len(SPECIAL) + len(LETTERS), width),
        "embeddings.position_embeddings.weight": (512, width),
        "embeddings.token_type_embeddings.weight": (2, width),
        "embeddings.LayerNorm.weight": (width,),
        "embeddings.LayerNorm.bias": (width,),
    }
    for layer in range(layers):
        base = f"encoder.layer.{layer}"
        for part in ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense"):
            shapes |= {f"{base}.{part}.weight": (width, width), f"{base}.{part}.bias": (width,)}
        shapes[f"{base}.intermediate.dense.weight"] = (4 * width, width)
        shapes[f"{base}.intermediate.dense.bias"] = (4 * width,)
        shapes[f"{base}.output.dense.weight"] = (width, 4 * width)
        shapes[f"{base}.output.dense.bias"] = (width,)
        for norm in ("attention.output.LayerNorm", "output.LayerNorm"):
            shapes |= {f"{base}.{norm}.weight": (width,), f"{base}.{norm}.bias": (width,)}
    return {name: random.normal(0, 0.5, shape).astype(np.float32) for name, shape in shapes.items()}


def feed(rows):
    """Rows of token ids as one padded batch."""
    ids = np.zeros((len(rows), max(map(len, rows))), dtype=np.int64)
    mask = np.zeros_like(ids)
    for row, pieces in enumerate(rows):
        ids[row, : len(pieces)] = pieces
        mask[row, : len(pieces)] = 1
    return {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}


class ExportTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.source = Path(folder.name, "source")
        self.target = Path(folder.name, "models", "small")
        self.source.mkdir()
        self.write(CONFIG, small_weights())
        vocabulary = {piece: row for row, piece in enumerate(SPECIAL + LETTERS)}
        tokenizer = {"model": {"vocab": vocabulary}}
        (self.source / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")

    def write(self, config, weights):
        (self.source / "config.json").write_text(json.dumps(config), encoding="utf-8")
        save_file(weights, self.source / "model.safetensors")

    def export(self):
        with redirect_stdout(StringIO()):
            export_onnx.export(self.source, self.target)

    def run_model(self, rows):
        return ReferenceEvaluator(str(self.target / "model.onnx")).run(None, feed(rows))[0]

    def test_the_bundle_is_complete_and_of_unit_length(self):
        self.export()
        self.assertEqual(
            sorted(path.name for path in self.target.iterdir()), ["model.onnx", "model.toml", "tokenizer.json"]
        )
        vectors = self.run_model([[2, 10, 11, 3], [2, 12, 3]])
        self.assertEqual(vectors.shape, (2, 8))
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-6)
        self.assertIn("dimension = 8\n", (self.target / "model.toml").read_text(encoding="utf-8"))

    def test_golden_vectors_are_those_of_the_graph(self):
        self.export()
        written = (self.target / "model.toml").read_text(encoding="utf-8")
        # Python 3.10 has no TOML reader; strings and lists of numbers look the same in JSON.
        values = {key: re.findall(f"^{key} = (.*)$", written, re.MULTILINE) for key in ("text", "vector")}
        texts, vectors = (list(map(json.loads, values[key])) for key in ("text", "vector"))
        self.assertEqual(texts, list(export_onnx.GOLDEN_TEXTS))
        vocabulary = {piece: row for row, piece in enumerate(SPECIAL + LETTERS)}
        for text, vector in zip(texts, vectors, strict=True):
            with self.subTest(text=text):
                found = self.run_model([export_onnx.word_pieces(text, vocabulary)])[0]
                np.testing.assert_allclose(vector, found, atol=2e-6)
        self.assertNotIn("-0.000000", written)

    def test_a_text_does_not_depend_on_its_batch_mates(self):
        self.export()
        alone = self.run_model([[2, 10, 11, 3]])
        together = self.run_model([[2, 10, 11, 3], [2, *range(20, 60), 3]])
        np.testing.assert_allclose(together[0], alone[0], atol=1e-6)

    def test_the_same_weights_give_the_same_bytes(self):
        self.export()
        first = (self.target / "model.onnx").read_bytes()
        self.export()
        self.assertEqual(first, (self.target / "model.onnx").read_bytes())

    def test_the_graph_is_plain_opset_17(self):
        self.export()
        model = onnx.load(self.target / "model.onnx")
        self.assertEqual([(entry.domain, entry.version) for entry in model.opset_import], [("", 17)])

    def test_a_wrong_graph_is_refused_and_the_old_bundle_stays(self):
        self.export()
        before = (self.target / "model.onnx").read_bytes()
        original = export_onnx.Encoder.gelu
        self.addCleanup(setattr, export_onnx.Encoder, "gelu", original)
        export_onnx.Encoder.gelu = lambda encoder, prefix, states: states
        with self.assertRaisesRegex(export_onnx.ExportError, "disagrees"):
            self.export()
        self.assertEqual(before, (self.target / "model.onnx").read_bytes())
        self.assertEqual([path.name for path in self.target.parent.iterdir()], ["small"])

    def test_what_the_graph_cannot_express_is_named(self):
        for field, value in (("hidden_act", "relu"), ("model_type", "mpnet"), ("num_hidden_layers", 3)):
            with self.subTest(field=field):
                self.write(CONFIG | {field: value}, small_weights())
                with self.assertRaisesRegex(export_onnx.ExportError, "config.json"):
                    self.export()
        self.assertFalse(self.target.exists())

    def test_heads_must_divide_the_width(self):
        self.write(CONFIG | {"num_attention_heads": 3}, small_weights())
        with self.assertRaisesRegex(export_onnx.ExportError, "heads"):
            self.export()


class WordPiecesTest(unittest.TestCase):
    def pieces(self, text):
        names = ["[CLS]", "[SEP]", "run", "##ning", "shoe", "##s", ",", "creme"]
        vocabulary = {piece: row for row, piece in enumerate(names)}
        return [names[row] for row in export_onnx.word_pieces(text, vocabulary)]

    def test_longest_match_case_accents_and_punctuation(self):
        self.assertEqual(
            self.pieces("Running, SHOES Crème"), ["[CLS]", "run", "##ning", ",", "shoe", "##s", "creme", "[SEP]"]
        )

    def test_every_ideograph_is_a_word(self):
        vocabulary = {piece: row for row, piece in enumerate(["[CLS]", "[SEP]", "東", "京"])}
        self.assertEqual(export_onnx.word_pieces("東京", vocabulary), [0, 2, 3, 1])

    def test_an_unknown_piece_is_an_error(self):
        with self.assertRaisesRegex(export_onnx.ExportError, "xyz"):
            self.pieces("xyz")


if __name__ == "__main__":
    unittest.main()
